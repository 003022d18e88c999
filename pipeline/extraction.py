"""One input to its text, as a run would read it: a file, a web address or standard input."""

import json
import os
import posixpath
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from extractors.extraction import Extraction, NotADocumentError
from extractors.html import Engine
from extractors.routing import ExtractConfig, HtmlConfig, Input, extract, kind_of, prepare, retried
from extractors.sandbox import Failed, Rejected, Sandbox
from pipeline.errors import ConfigError, ExtractionError, StorageError
from pipeline.storage.filesystem import open_input
from pipeline.storage.web import fetch, is_web

STANDARD_INPUT = "-"

MAX_BYTES = 64 << 20
"""A larger input is refused: the default of a recipe's ``max_record_bytes``."""

FETCH_SECONDS = 60.0
"""Wall seconds that fetching may take; a page of 32 MB does in 10 at 25 Mbit/s."""

HTML, PLAIN, NOTEBOOK = "text/html", "text/plain", "application/x-ipynb+json"

NOTEBOOK_DECLARATIONS = frozenset({"text/plain", "application/json"})
"""What code hosts declare a raw notebook to be."""


def print_extraction(source: str, *, engine: Engine, is_json: bool) -> int:
    """Print the Markdown of ``source``, or all that was extracted as JSON; the exit status.

    That is 1 where the input holds no document, with the reason on stderr, as a run would have
    rejected it. Raises as :func:`read_input` does, and ExtractionError for what would have failed.
    """
    item = read_input(source)
    outcome = _extract(item, ExtractConfig(html=HtmlConfig(engine=engine)))
    if isinstance(outcome, Rejected):
        value = "" if outcome.value is None else f": {outcome.value}"
        sys.stderr.write(f"reasonmill: {source}: rejected: {outcome.reason}{value}\n")
        return 1
    if isinstance(outcome, Failed):
        raise ExtractionError(f"{source}: {outcome.error_type}: {outcome.message}")
    shown = json.dumps(asdict(outcome), indent=1, ensure_ascii=False) if is_json else outcome.text
    _write(shown)
    return 0


def read_input(source: str) -> Input:
    """The bytes of a local path, an fsspec or web address or, for ``-``, of standard input.

    Raises ConfigError for a path that is not there or that nothing can open, and StorageError for
    what cannot be read to its end, is larger than MAX_BYTES or does not come in FETCH_SECONDS.
    """
    if is_web(source):
        return _from_web(source)
    if source == STANDARD_INPUT:
        payload = _read(source, lambda: sys.stdin.buffer)
    else:
        payload = _read(source, partial(open_input if "://" in source else _open_local, source))
    is_nameless = source == STANDARD_INPUT or Path(source).is_fifo()
    return Input(
        payload=payload,
        media_type=_guess(payload) if is_nameless else None,
        charset=None,
        url=None,
        path=None if is_nameless else source,
    )


def _read(source: str, opener: Callable[[], IO[bytes]]) -> bytes:
    try:
        with opener() as file:
            payload = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"no file at {source!r}") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{source!r} is a folder; name one file") from error
    except PermissionError as error:
        raise ConfigError(f"{source!r} may not be read: {error.strerror or error}") from error
    except (ImportError, ValueError) as error:  # no such protocol, or its driver is not installed
        raise ConfigError(f"{source!r} cannot be opened: {error}") from error
    except OSError as error:
        raise StorageError(f"{source}: cannot be read: {error}") from error
    if len(payload) > MAX_BYTES:
        raise StorageError(f"{source}: larger than {MAX_BYTES:,} bytes")
    return payload


def _open_local(path: str) -> IO[bytes]:
    """As a stream: fsspec would look for the end of the file, which a pipe has not."""
    return Path(path).open("rb")


def _from_web(url: str) -> Input:
    """What a server sent; source files and notebooks go by their name.

    Servers have no media type for those that routing knows, and send them as some kind of text.
    """
    fetched = fetch(url, max_bytes=MAX_BYTES, timeout_seconds=FETCH_SECONDS)
    item = Input(
        payload=fetched.payload,
        media_type=fetched.media_type,
        charset=fetched.charset,
        url=fetched.url,
        path=posixpath.basename(unquote(urlsplit(fetched.url).path)) or None,
    )
    is_notebook = (item.path or "").lower().endswith(".ipynb")
    if is_notebook and item.media_type in NOTEBOOK_DECLARATIONS:
        return replace(item, media_type=NOTEBOOK)
    try:
        kind_of(item)
    except NotADocumentError:
        if item.path is not None and (item.media_type or "").startswith("text/"):
            return replace(item, media_type=None, url=None)
    return item


def _guess(payload: bytes) -> str:
    """Media type of bytes that come without a name or a declaration (PDFs show themselves)."""
    start = payload.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return HTML
    return NOTEBOOK if start == b"{" and b'"nbformat"' in payload else PLAIN


def _extract(item: Input, config: ExtractConfig) -> Extraction | Rejected | Failed:
    with Sandbox(
        partial(extract, config=config),
        time_limit_seconds=config.sandbox.time_limit_seconds,
        memory_limit_bytes=config.sandbox.memory_limit_bytes,
        prepare=partial(prepare, config=config),
    ) as sandbox:
        [outcome] = sandbox.map_twice([item], retried)
    return outcome if isinstance(outcome, Rejected | Failed) else outcome.value


def _write(text: str) -> None:
    """To stdout in UTF-8, whatever the terminal's encoding; quiet when nobody reads on."""
    sys.stdout.flush()
    try:
        sys.stdout.buffer.write(text.removesuffix("\n").encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        # Else the interpreter would try again, and complain, when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return
        raise StorageError(f"standard output cannot be written: {error}") from error
