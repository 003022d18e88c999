"""WARC 1.0 records as bytes: the same input gives the same bytes, identifiers included."""

import base64
import gzip
import hashlib
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime

CRLF = b"\r\n"


def gzip_member(data: bytes) -> bytes:
    """One gzip member without name or time, as a WARC record is stored."""
    return gzip.compress(data, compresslevel=9, mtime=0)


def record_id(*parts: str) -> str:
    """A record identifier that depends on ``parts`` alone."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join(parts))}>"


def digest(data: bytes) -> str:
    """Base32 SHA-1, the form crawls use."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def record(
    *, kind: str, identifier: str, date: datetime, block: bytes, headers: dict[str, str]
) -> bytes:
    """One uncompressed record; ``headers`` follow the mandatory ones, in their order."""
    lines = {
        "WARC-Type": kind,
        "WARC-Date": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "WARC-Record-ID": identifier,
        "Content-Length": str(len(block)),
        **headers,
    }
    head = "WARC/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + CRLF + block + CRLF + CRLF


def warcinfo(*, filename: str, date: datetime, description: str) -> bytes:
    """The record that opens a file."""
    block = (
        "software: reasonmill examples/build_corpus.py\r\n"
        "format: WARC File Format 1.0\r\n"
        "conformsTo: http://bibnum.bnf.fr/WARC/WARC_ISO_28500_version1_latestdraft.pdf\r\n"
        f"description: {description}\r\n"
    ).encode()
    return record(
        kind="warcinfo",
        identifier=record_id("warcinfo", filename),
        date=date,
        block=block,
        headers={"WARC-Filename": filename, "Content-Type": "application/warc-fields"},
    )


def http_message(status: str, headers: dict[str, str], body: bytes) -> bytes:
    """An HTTP/1.1 response as it would be captured."""
    head = f"HTTP/1.1 {status}\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in headers.items()
    )
    return head.encode("latin-1") + CRLF + body


def http_date(seconds: float) -> str:
    """Unix time as HTTP headers write it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def response(*, url: str, date: datetime, message: bytes, body: bytes, filename: str) -> bytes:
    """A response record; ``body`` is the payload of ``message``, for its digest."""
    return record(
        kind="response",
        identifier=record_id("response", url, date.isoformat()),
        date=date,
        block=message,
        headers={
            "Content-Type": "application/http; msgtype=response",
            "WARC-Warcinfo-ID": record_id("warcinfo", filename),
            "WARC-Target-URI": url,
            "WARC-Payload-Digest": digest(body),
            "WARC-Block-Digest": digest(message),
        },
    )


def request(*, url: str, date: datetime, filename: str) -> bytes:
    """The request that goes with a response of the same address and date."""
    _, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    block = (
        f"GET {slash + path or '/'} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "User-Agent: examplebot/1.0\r\n"
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
        "Connection: Keep-Alive\r\n\r\n"
    ).encode()
    return record(
        kind="request",
        identifier=record_id("request", url, date.isoformat()),
        date=date,
        block=block,
        headers={
            "Content-Type": "application/http; msgtype=request",
            "WARC-Warcinfo-ID": record_id("warcinfo", filename),
            "WARC-Concurrent-To": record_id("response", url, date.isoformat()),
            "WARC-Target-URI": url,
        },
    )


def revisit(*, url: str, date: datetime, first_date: datetime, body: bytes, filename: str) -> bytes:
    """A second visit that found the payload unchanged, and so holds none."""
    block = http_message("200 OK", {"Content-Type": "text/html"}, b"")
    return record(
        kind="revisit",
        identifier=record_id("revisit", url, date.isoformat()),
        date=date,
        block=block,
        headers={
            "Content-Type": "application/http; msgtype=response",
            "WARC-Warcinfo-ID": record_id("warcinfo", filename),
            "WARC-Target-URI": url,
            "WARC-Profile": "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest",
            "WARC-Refers-To": record_id("response", url, first_date.isoformat()),
            "WARC-Payload-Digest": digest(body),
        },
    )


def conversion(
    *, url: str, date: datetime, text: str, language: str | None, filename: str
) -> bytes:
    """The plain text of a page, as WET files hold it."""
    block = text.encode()
    named = {"WARC-Identified-Content-Language": language} if language else {}
    return record(
        kind="conversion",
        identifier=record_id("conversion", url, date.isoformat()),
        date=date,
        block=block,
        headers={
            "Content-Type": "text/plain",
            "WARC-Warcinfo-ID": record_id("warcinfo", filename),
            "WARC-Refers-To": record_id("response", url, date.isoformat()),
            "WARC-Target-URI": url,
            "WARC-Block-Digest": digest(block),
            **named,
        },
    )
