"""WARC records as bytes, healthy and lying, and how the tests read them."""

import gzip
import io

from pipeline.storage.warc import RESPONSES, WarcSlice, read_warc

LIMIT = 1 << 20


def warc(kind, block, *, content_type, url="http://x/", length=None, length_header=True):
    """One record; ``length`` is what it claims where that is not the truth."""
    size = len(block) if length is None else length
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: {url}",
        "WARC-Date: 2024-01-02T03:04:05Z",
        "WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>",
        f"Content-Type: {content_type}",
        *([f"Content-Length: {size}"] if length_header else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + block + b"\r\n\r\n"


def response(
    body=b"<p>page</p>", *, headers=(b"Content-Type: text/html; charset=utf-8",), **kwargs
):
    """An HTTP response record."""
    block = b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"", body])
    return warc("response", block, content_type="application/http; msgtype=response", **kwargs)


def lying(off_by, body=b"<p>page</p>"):
    """A response whose Content-Length is wrong by so many bytes."""
    honest = response(body)
    block = honest.partition(b"\r\n\r\n")[2][:-4]
    content_type = "application/http; msgtype=response"
    return warc("response", block, content_type=content_type, length=len(block) + off_by)


def zipped(*records):
    """Each record a gzip member, as crawlers write them."""
    return b"".join(gzip.compress(record, mtime=0) for record in records)


def plain(*records):
    """Records one after the other, uncompressed."""
    return b"".join(records)


def read(data, start=0, end=None, *, types=RESPONSES, limit=LIMIT, ignored=None):
    """Rows of a slice of the file ``data``, the whole by default."""
    part = WarcSlice(
        source="s",
        name="a.warc",
        start=start,
        end=len(data) if end is None else end,
        record_types=types,
        license=None,
        max_record_bytes=limit,
    )
    return list(read_warc(lambda: io.BytesIO(data), part, {} if ignored is None else ignored))
