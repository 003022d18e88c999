"""Writes `tables/`: documents as rows of Parquet and JSON Lines."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from corpus_builder.archives import PackageFiles
from corpus_builder.packages import (
    DOCUTILS,
    ELEMENTS,
    JARGON,
    NETWORKX,
    PYMORPHY,
    PYPINYIN,
    SYMPY,
    Package,
)


class Row(TypedDict):
    """A document; ``url`` is null where the text has no public address of its own."""

    text: str
    url: str | None
    title: str | None
    language: str
    license: str
    package: str


def write_tables(files: PackageFiles, corpus: Path) -> None:
    """Write one Parquet table and four of JSON Lines, one of them compressed."""
    folder = corpus / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    documentation = [*_sympy_sources(files), *_networkx_sources(files)]
    pq.write_table(
        pa.Table.from_pylist(documentation),
        folder / "documentation.parquet",
        compression="zstd",
        row_group_size=64,
    )
    (folder / "proposals.jsonl").write_bytes(json_lines(_proposals(files)))
    translated = [*_russian(files), *_chinese(files)]
    (folder / "russian_chinese.jsonl").write_bytes(json_lines(translated))
    (folder / "short_entries.jsonl").write_bytes(json_lines(_elements(files)))
    entries = gzip.compress(json_lines(_jargon(files)), compresslevel=9, mtime=0)
    (folder / "jargon.jsonl.gz").write_bytes(entries)


def json_lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """One object a line, UTF-8 as it is."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _row(text: str, package: Package, *, url: str | None, language: str = "en") -> Row:
    """A row whose title is the first line over a reStructuredText underline, if there is one."""
    heading = re.search(r"^(\S[^\n]*)\n([=*#~^-])\2{2,}$", text, re.MULTILINE)
    return {
        "text": text,
        "url": url,
        "title": heading[1] if heading else None,
        "language": language,
        "license": package.license,
        "package": package.label,
    }


def _sources(
    files: PackageFiles,
    package: Package,
    *,
    root: str,
    pattern: str,
    url: str,
    language: str = "en",
) -> Iterator[Row]:
    """Documentation sources of at least 1,500 bytes; shorter ones are mostly lists of modules."""
    for path, member in files.read(package, re.escape(root) + pattern).items():
        if len(member.data) >= 1500:
            stem = path.removeprefix(root).rsplit(".", 1)[0]
            text = member.data.decode("utf-8")
            yield _row(text, package, url=url.format(stem=stem), language=language)


def _sympy_sources(files: PackageFiles) -> Iterator[Row]:
    yield from _sources(
        files,
        SYMPY,
        root="sympy-1.13.3/doc/src/",
        pattern=r"(?:explanation|tutorials|modules/(?:holonomic|physics|polys|vector|simplify|integrals))"
        r"/.+\.rst",
        url="https://docs.sympy.org/latest/{stem}.html",
    )


def _networkx_sources(files: PackageFiles) -> Iterator[Row]:
    yield from _sources(
        files,
        NETWORKX,
        root="networkx-3.3/doc/",
        pattern=r"(?:tutorial|developer/.+|reference/(?!algorithms).+|reference/algorithms/\w+)\.rst",
        url="https://networkx.org/documentation/networkx-3.3/{stem}.html",
    )


def _proposals(files: PackageFiles) -> Iterator[Row]:
    yield from _sources(
        files,
        DOCUTILS,
        root="docutils-0.22.2/docs/",
        pattern=r"(?:eps/ep-\d+|peps/pep-\d+|ref/rst/mathematics)\.rst",
        url="https://docutils.sourceforge.io/docs/{stem}.html",
    )


def _russian(files: PackageFiles) -> Iterator[Row]:
    yield from _sources(
        files,
        PYMORPHY,
        root="pymorphy2-0.9.1/docs/",
        pattern=r"(?:internals|misc|user)/\w[\w-]+\.rst",
        url="https://pymorphy2.readthedocs.io/en/stable/{stem}.html",
        language="ru",
    )


def _chinese(files: PackageFiles) -> Iterator[Row]:
    readme = files.read_one(PYPINYIN, "pypinyin-0.53.0/README.rst").decode("utf-8")
    url = "https://github.com/mozillazg/python-pinyin/blob/v0.53.0/README.rst"
    yield _row(readme, PYPINYIN, url=url, language="zh")
    history = files.read_one(PYPINYIN, "pypinyin-0.53.0/CHANGELOG.rst").decode("utf-8")
    url = "https://github.com/mozillazg/python-pinyin/blob/v0.53.0/CHANGELOG.rst"
    yield _row(history, PYPINYIN, url=url, language="zh")


def _dictionary(
    files: PackageFiles, package: Package, name: str, encoding: str
) -> Iterator[tuple[str, str]]:
    """Headwords and entries of a `dictd` database, in the order of their text."""
    index = files.read_one(package, f"usr/share/dictd/{name}.index").decode("utf-8")
    database = gzip.decompress(files.read_one(package, f"usr/share/dictd/{name}.dict.dz"))
    places: dict[tuple[int, int], str] = {}
    for line in index.splitlines():
        headword, start, length = line.split("\t")
        if not headword.startswith("00-database"):
            places.setdefault((_dictd_number(start), _dictd_number(length)), headword)
    for (first, size), headword in sorted(places.items()):
        yield headword, database[first : first + size].decode(encoding)


def _dictd_number(digits: str) -> int:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for digit in digits:
        value = value * 64 + alphabet.index(digit)
    return value


def _elements(files: PackageFiles) -> Iterator[Row]:
    """The first 103 elements: the texts of the heavier ones were taken from elsewhere."""
    for headword, text in _dictionary(files, ELEMENTS, "elements", "latin-1"):
        number = re.search(r"^Atomic number: (\d+)", text, re.MULTILINE)
        if number and int(number[1]) <= 103:
            yield {**_row(text, ELEMENTS, url=None), "title": headword}


def _jargon(files: PackageFiles) -> Iterator[Row]:
    """Entries of 1,500 to 4,000 characters, those without coarse words."""
    coarse = re.compile(r"fuck|shit|sex|porn|penis|bitch|damn|nazi|rape", re.IGNORECASE)
    for headword, text in _dictionary(files, JARGON, "jargon", "utf-8"):
        if 1500 <= len(text) <= 4000 and not coarse.search(text):
            yield {**_row(text, JARGON, url=None), "title": headword}
