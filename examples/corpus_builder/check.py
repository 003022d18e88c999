"""Checks a built corpus: sizes, a licence for every file and record, and that good files read."""

import csv
import gzip
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pymupdf
from fastwarc.warc import ArchiveIterator, WarcRecordType

from corpus_builder.listing import license_file, measure, used_packages

MAX_BYTES = 10_000_000
_LISTINGS = ("README.md", "files.csv", "web/licenses.csv", "licenses/")


_READ_ERRORS = (
    OSError,
    ValueError,  # JSON, UTF-8, Arrow
    KeyError,
    RuntimeError,  # PyMuPDF
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
)


def find_faults(corpus: Path) -> Iterator[str]:
    """One sentence for each fault."""
    with (corpus / "files.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    yield from _size_faults(corpus)
    yield from _listing_faults(corpus, rows)
    yield from _license_faults(corpus)
    yield from _record_faults(corpus)
    for row in rows:
        if not row["path"].startswith("broken/"):
            yield from _read_faults(corpus / row["path"])


def _files(corpus: Path) -> list[str]:
    return sorted(
        path.relative_to(corpus).as_posix() for path in corpus.rglob("*") if path.is_file()
    )


def _size_faults(corpus: Path) -> Iterator[str]:
    total_bytes = sum((corpus / name).stat().st_size for name in _files(corpus))
    if total_bytes > MAX_BYTES:
        yield f"the corpus holds {total_bytes:,} bytes, at most {MAX_BYTES:,} are allowed"


def _listing_faults(corpus: Path, rows: list[dict[str, str]]) -> Iterator[str]:
    for name in _files(corpus):
        holders = [
            row["path"]
            for row in rows
            if name == row["path"] or (row["path"].endswith("/") and name.startswith(row["path"]))
        ]
        is_listing = any(name == listing or name.startswith(listing) for listing in _LISTINGS)
        if len(holders) != (0 if is_listing else 1):
            yield f"{name}: listed {len(holders)} times in files.csv"
    for row in rows:
        if not row["license"] or not row["origin"]:
            yield f"{row['path']}: no licence or no origin in files.csv"
        if not (corpus / row["path"]).exists():
            yield f"{row['path']}: listed, but not there"
        elif (int(row["bytes"]), row["sha256"]) != measure(corpus / row["path"]):
            yield f"{row['path']}: not the bytes that files.csv states"


def _license_faults(corpus: Path) -> Iterator[str]:
    for package in used_packages():
        name = license_file(package)
        if not (corpus / "licenses" / name).exists():
            yield f"licenses/{name} is missing: the licence of {package.label}"


def _record_faults(corpus: Path) -> Iterator[str]:
    """Digests of every record, and that `licenses.csv` lists each record once and no other."""
    with (corpus / "web" / "licenses.csv").open(newline="", encoding="utf-8") as stream:
        listed = [(row["file"], row["url"], row["fetched_at"]) for row in csv.DictReader(stream)]
    kinds = WarcRecordType.response | WarcRecordType.revisit | WarcRecordType.conversion
    held = []
    for name in _files(corpus):
        if name.startswith("broken/") or not name.endswith((".warc.gz", ".wet.gz")):
            continue
        with (corpus / name).open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=kinds, parse_http=False):
                headers = dict(record.headers)
                held.append((name, headers["WARC-Target-URI"], headers["WARC-Date"]))
                if "WARC-Block-Digest" in headers and not record.verify_block_digest():
                    yield f"{name}: {headers['WARC-Target-URI']}: the block is not its digest's"
    for extra in sorted(set(held) ^ set(listed)):
        yield f"{extra}: in a crawl file and not in licenses.csv, or the reverse"
    if len(held) != len(set(held)):
        yield "two records share file, address and date"


def _read_faults(path: Path) -> Iterator[str]:
    try:
        if path.name.endswith((".jsonl", ".jsonl.gz")):
            data = path.read_bytes()
            plain = gzip.decompress(data) if path.suffix == ".gz" else data
            for line in plain.decode("utf-8").splitlines():
                json.loads(line)
        elif path.suffix == ".parquet":
            pq.read_table(path)
        elif path.suffix == ".ipynb":
            json.loads(path.read_bytes())["nbformat"]
        elif path.suffix == ".pdf":
            with pymupdf.open(path) as document:
                if not any(page.get_text() for page in document):
                    yield f"{path}: no page holds text"
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.testzip()
        elif path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive_file:
                archive_file.getmembers()
    except _READ_ERRORS as error:
        yield f"{path}: cannot be read: {error}"
