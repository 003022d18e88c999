"""One resource of the web, with limits on its size and on the time the whole of it may take."""

import asyncio
import ssl
import zlib
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from pipeline.errors import StorageError

SCHEMES = ("http://", "https://")

USER_AGENT = "reasonmill (one resource, on a person's request)"
ACCEPT = "text/html, application/xhtml+xml, application/pdf, text/*;q=0.9, */*;q=0.5"

ACCEPT_ENCODING = "gzip, deflate"
GZIP_OR_ZLIB = zlib.MAX_WBITS + 32
GZIP_MAGIC = b"\x1f\x8b"

MAX_REDIRECTS = 10
"""Chromium follows 20 and curl 50; a page that answers at all does after two or three."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a server sent, decompressed, and what it declared of it.

    ``url`` is where the last redirect led. ``media_type`` is in lower case; it and ``charset``
    are None where the server declared nothing.
    """

    payload: bytes
    url: str
    media_type: str | None
    charset: str | None


def is_web(path: str) -> bool:
    """Whether ``path`` is an address that :func:`fetch` takes."""
    return path.lower().startswith(SCHEMES)


def fetch(url: str, *, max_bytes: int, timeout_seconds: float) -> Fetched:
    """GET ``url``, following redirects between http and https addresses.

    ``timeout_seconds`` ends even a server that goes on sending a byte at a time, and
    ``max_bytes`` counts what comes out of a compressed body. Raises StorageError for whatever
    keeps the resource from being read whole: no such host, a status other than 200, a broken
    or too large body, a timeout.
    """
    try:
        return asyncio.run(_fetch(url, max_bytes, timeout_seconds))
    except TimeoutError as error:
        raise StorageError(f"{url}: not read in {timeout_seconds:g} s") from error
    except aiohttp.TooManyRedirects as error:
        raise StorageError(f"{url}: more than {MAX_REDIRECTS} redirects") from error
    except aiohttp.NonHttpUrlRedirectClientError as error:
        raise StorageError(f"{url}: redirects to {error}, which is no web address") from error
    except aiohttp.InvalidURL as error:
        raise StorageError(f"{url}: not a valid address: {error}") from error
    except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
        raise StorageError(f"{url}: could not be fetched: {error}") from error


async def _fetch(url: str, max_bytes: int, timeout_seconds: float) -> Fetched:
    async with (
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            headers={
                "User-Agent": USER_AGENT,
                "Accept": ACCEPT,
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            # aiohttp takes a gzip stream that ends too soon for a whole one.
            auto_decompress=False,
            trust_env=True,  # the proxies that curl and pip use
        ) as session,
        session.get(url, max_redirects=MAX_REDIRECTS) as response,
    ):
        where = url if str(response.url) == url else f"{url} (now {response.url})"
        if response.status != HTTPStatus.OK:
            raise StorageError(f"{where}: HTTP {response.status} {response.reason or ''}".rstrip())
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > max_bytes:
                break
        payload = _decompress(bytes(body), response.headers.get("Content-Encoding"), max_bytes)
        if len(payload) > max_bytes:
            raise StorageError(f"{where}: larger than {max_bytes:,} bytes")
        is_declared = "Content-Type" in response.headers
        return Fetched(
            payload=payload,
            url=str(response.url),
            media_type=response.content_type.lower() if is_declared else None,
            charset=response.charset,
        )


def _decompress(body: bytes, encoding: str | None, max_bytes: int) -> bytes:
    """``body`` as it was before the server compressed it, or the first ``max_bytes`` + 1 of that.

    Raises ValueError where it is damaged or ends too soon.
    """
    encoding = (encoding or "identity").strip().lower()
    if encoding == "identity" or len(body) > max_bytes:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"sent as Content-Encoding {encoding!r}; asked was {ACCEPT_ENCODING}")
    text = bytearray()
    while True:
        inflater = zlib.decompressobj(GZIP_OR_ZLIB)
        try:
            text += inflater.decompress(body, max_bytes + 1 - len(text))
        except zlib.error as error:
            raise ValueError(f"the {encoding} body is damaged: {error}") from error
        if len(text) > max_bytes:
            break
        if not inflater.eof:
            raise ValueError(f"the {encoding} body ends too soon")
        body = inflater.unused_data
        if not body.startswith(GZIP_MAGIC):  # another member; browsers overlook all else
            break
    return bytes(text)
