"""The demo corpus made larger: copies of its pages that differ enough to be pages of their own.

A copy has another address, and one word in five replaced by another word of the same page, so that
near-duplicate detection keeps it and every later stage has real work. Same arguments, same bytes.
"""

import gzip
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

from examples.corpus_builder.warc import record, record_id

REPLACED_RATIO = 0.2
"""Keeps about a third of a page's 5-word shingles: far below any duplicate threshold."""

PAGES_PER_FILE = 2_000

_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = re.compile(rb">([^<>]+)<")
_WORD = re.compile(rb"[A-Za-z]{3,}")


def enlarge(warcs: list[Path], folder: Path, *, num_pages: int) -> None:
    """Write ``num_pages`` pages made from those of ``warcs`` to ``folder/pages-*.warc.gz``.

    Files that are there already are left as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = list(_pages(warcs))
    for first in range(0, num_pages, PAGES_PER_FILE):
        path = folder / f"pages-{first:08d}.warc.gz"
        if path.exists():
            continue
        with path.with_suffix(".tmp").open("wb") as file:
            for number in range(first, min(first + PAGES_PER_FILE, num_pages)):
                url, body = pages[number % len(pages)]
                copy = number // len(pages)
                address = f"{url}{'&' if '?' in url else '?'}copy={copy}"
                file.write(gzip.compress(_record(address, vary(body, seed=number)), 1, mtime=0))
        path.with_suffix(".tmp").rename(path)


def vary(body: bytes, *, seed: int) -> bytes:
    """Replace words of the visible text by others of the page; tags and formulas' marks stay."""
    words = _WORD.findall(body)
    source = random.Random(seed)  # noqa: S311 - variety, not secrecy

    def replaced(match: re.Match[bytes]) -> bytes:
        return source.choice(words) if source.random() < REPLACED_RATIO else match.group()

    return _TEXT.sub(lambda text: b">" + _WORD.sub(replaced, text.group(1)) + b"<", body)


def _pages(warcs: list[Path]) -> Iterator[tuple[str, bytes]]:
    for warc in warcs:
        with warc.open("rb") as file:
            for found in ArchiveIterator(file, record_types=WarcRecordType.response):
                if found.http_content_type == "text/html":
                    yield found.headers["WARC-Target-URI"], found.reader.read()


def _record(url: str, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return record(
        kind="response",
        identifier=record_id("response", url),
        date=_DATE,
        block=head + body,
        headers={
            "WARC-Target-URI": url,
            "Content-Type": "application/http; msgtype=response",
        },
    )
