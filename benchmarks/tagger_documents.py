"""Collects the documents that the quality tagger was trained on.

``python -m benchmarks.tagger_documents --pages FILE --web FOLDER --packages FOLDER --out FILE``.
The labels in ``filters/taggers/training/labels/`` name documents by id and by the sha256 of their
text; this is how the texts come about. They belong to their sites and makers and are not shipped.
What is read:

* ``--pages``: JSONL (.xz) of {url, text, topic_id, format_id}: WebOrganizer's example pages;
* ``--web``: a folder of web pages, ``<id>.html``, and ``--web-kinds``, JSONL of {id, url, kind};
* ``--packages``: a folder with one unpacked documentation package (Debian's) in each subfolder.

The choice is by hashes, so the same inputs give the same documents.
"""

import argparse
import gzip
import hashlib
import json
import lzma
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pymupdf
from selectolax.lexbor import LexborHTMLParser

from extractors.html import extract_text
from filters.taggers.labels import text_sha256

PAGES_A_CELL = 3
"""Pages of each pair of topic and format; of instructive formats twice as many."""

INSTRUCTIVE_FORMAT_IDS = frozenset({0, 7, 17, 20, 22})
SCIENCE_TOPIC_ID = 19
"""Of rare domains, such as chemistry, there are too few pages otherwise."""

PAGES_A_PACKAGE = 38
PDF_PIECES_A_FILE = 6
PAGES_A_PIECE = 4
MIN_CHARS = 200
MAX_CHARS = 60_000
FRAME_PAGES = 70

WEB_SHARES = {"web": 1.0, "article": 0.9, "forum": 0.8, "snip": 0.5, "realmath": 1.0,
              "realcode": 1.0, "fixture": 0.7, "docs": 0.6, "math": 0.2, "code": 0.2}  # fmt: skip


def rank(name: str) -> bytes:
    """A place in an order that has nothing to do with the name's meaning."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def web_organizer_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Some pages of every cell of topic and format, and all of SCIENCE_TOPIC_ID."""
    cells = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            page = json.loads(line)
            cells[page["topic_id"], page["format_id"]].append(page)
    for (topic_id, format_id), pages in sorted(cells.items()):
        pages.sort(key=lambda page: rank(page["url"]))
        count = PAGES_A_CELL * (2 if format_id in INSTRUCTIVE_FORMAT_IDS else 1)
        for page in pages if topic_id == SCIENCE_TOPIC_ID else pages[:count]:
            yield _document(page["url"], page["url"], "weborganizer", page["text"])


def web_documents(folder: Path, kinds: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pages as the web extractor reads them, and what stands around the text of some."""
    pages = sorted(kinds, key=lambda page: rank(page["id"]))
    taken: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for page in pages:
        total[page["kind"].split("/")[0]] += 1
    for page in pages:
        kind = page["kind"].split("/")[0]
        if taken[kind] >= WEB_SHARES.get(kind, 0) * total[kind]:
            continue
        taken[kind] += 1
        data = (folder / f"{page['id']}.html").read_bytes()
        yield _document(f"page/{page['id']}", page["url"], "web", extract_text(data, page["url"]))
    for page in [page for page in pages if page["kind"].startswith("web/")][:FRAME_PAGES]:
        data = (folder / f"{page['id']}.html").read_bytes()
        yield _document(f"frame/{page['id']}", page["url"], "frame", frame_text(data))


def frame_text(data: bytes) -> str:
    """What stands in a page's header, footer, menus and side bars."""
    tree = LexborHTMLParser(data.decode("utf-8", "replace"))
    for node in tree.css("script, style, noscript, template, svg"):
        node.decompose()
    lines = []
    for node in tree.css("header, nav, footer, aside"):
        for line in node.text(separator="\n").split("\n"):
            stripped = " ".join(line.split())
            if stripped and (not lines or lines[-1] != stripped):
                lines.append(stripped)
    return "\n".join(lines)


def package_documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Manuals' pages, and pieces of their PDFs."""
    for package in sorted(folder.iterdir()):
        names = sorted(
            (
                path.relative_to(folder).as_posix()
                for path in package.rglob("*.html*")
                if path.is_file() and not path.is_symlink()
                and ("debian-handbook" not in package.name or "/en-US/" in path.as_posix())
            ),
            key=rank,
        )  # fmt: skip
        found = 0
        for name in names:
            if found == PAGES_A_PACKAGE:
                break
            data = (folder / name).read_bytes()
            if name.endswith(".gz"):
                data = gzip.decompress(data)
            if len(data) > 3_000_000:
                continue
            text = extract_text(data, None)
            if len(text) >= MIN_CHARS:
                found += 1
                yield _document(f"package/{name}", None, "manual", text)
        for path in sorted(package.rglob("*.pdf")):
            yield from _pdf_pieces(path, path.relative_to(folder).as_posix())


def _pdf_pieces(path: Path, name: str) -> Iterator[dict[str, Any]]:
    with pymupdf.open(path) as pdf:
        starts = sorted(range(0, len(pdf), PAGES_A_PIECE), key=lambda page: rank(f"{name}#{page}"))
        for start in starts[:PDF_PIECES_A_FILE]:
            pages = range(start, min(start + PAGES_A_PIECE, len(pdf)))
            text = "\n\n".join(pdf[page].get_text() for page in pages)
            if len(text) >= 4 * MIN_CHARS:
                yield _document(f"package/{name}#{start + 1}", None, "paper", text)


def _document(name: str, url: str | None, source: str, text: str) -> dict[str, Any]:
    text = text[:MAX_CHARS]
    return {"id": name, "url": url, "source": source, "text": text, "sha256": text_sha256(text)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the documents as JSONL, in an order that mixes the sources."""
    parser = argparse.ArgumentParser(description="Collect the documents to label.")
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--web", type=Path, required=True)
    parser.add_argument("--web-kinds", type=Path, required=True, help="JSONL, plain or .gz")
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    opened = gzip.open if options.web_kinds.suffix == ".gz" else open
    with opened(options.web_kinds, "rt", encoding="utf-8") as lines:
        kinds = [json.loads(line) for line in lines]
    documents = {}
    for document in (
        *web_organizer_documents(options.pages),
        *web_documents(options.web, kinds),
        *package_documents(options.packages),
    ):
        if document["text"].strip():
            documents.setdefault(document["sha256"], document)
    ordered = sorted(documents.values(), key=lambda document: rank(document["id"]))
    with options.out.open("w", encoding="utf-8") as out:
        for document in ordered:
            out.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
