"""Writes `code/` and `pdf/`: source trees, archives, notebooks and born-digital papers."""

import gzip
import io
import re
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from corpus_builder.archives import PackageFiles
from corpus_builder.packages import (
    BIOPYTHON_DOC,
    CONTROL,
    D3_ARRAY,
    GO_STATS,
    KIWISOLVER,
    MPMATH,
    NUM_INTEGER,
    SIMPLEJSON,
    SYMPY_DOC,
    TEXLIVE_BASE_DOC,
    TEXLIVE_PUBLISHERS_DOC,
    TOOLZ,
    WHEEL,
    Package,
)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Part of a package, unpacked as ``name``; ``license_name`` if the part has no licence."""

    package: Package
    root: str
    name: str
    purpose: str
    license_name: str | None = None
    exclude: str = r".*/\.gitignore"  # which would rule in this repository too


@dataclass(frozen=True, kw_only=True)
class Single:
    """One file of a package, copied as ``path`` of the corpus."""

    package: Package
    member: str
    path: str
    purpose: str
    license: str | None = None  # where it differs from the package's


TREES = (
    Tree(
        package=TOOLZ,
        root="toolz-1.0.0/",
        exclude=r".*\.egg-info/.*",
        name="toolz-1.0.0",
        purpose="Python project with tests; versioneer.py and _version.py are generated",
    ),
    Tree(
        package=NUM_INTEGER,
        root="usr/share/cargo/registry/num-integer-0.1.44/",
        name="num-integer-0.1.44",
        purpose="Rust project: number theory, tests and benchmarks, two licences",
    ),
    Tree(
        package=D3_ARRAY,
        root="usr/share/nodejs/d3-array/",
        name="d3-array-3.2.0",
        purpose="JavaScript project: statistics; dist/ holds a bundled and a minified file",
        license_name="COPYRIGHT",
    ),
)

ZIPPED = (
    Tree(
        package=GO_STATS,
        root="usr/share/gocode/src/github.com/montanaflynn/stats/",
        name="stats-0.6.4",
        purpose="Go project with tests: statistics",
        license_name="COPYRIGHT",
    ),
    Tree(
        package=WHEEL,
        root="wheel-0.43.0/",
        name="wheel-0.43.0",
        purpose="Python project with a vendored folder, tests and C test data",
    ),
)

TARRED = (
    Tree(
        package=MPMATH,
        root="mpmath-1.3.0/",
        name="mpmath-1.3.0",
        purpose="Python mathematics library, without tests, docstrings and low-level arithmetic",
        exclude=r".*/(tests|libmp)/.*|.*\.egg-info/.*|.*/(CHANGES|function_docs.py)",
    ),
)

SDISTS = (
    (KIWISOLVER, "C++ and Python project as published: constraint solving"),
    (SIMPLEJSON, "C and Python project as published"),
)

_TEX = "usr/share/doc/texlive-doc/latex/"

SINGLES = (
    Single(
        package=SYMPY_DOC,
        member="usr/share/doc/python-sympy-doc/examples/notebooks/Sylvester_resultant.ipynb",
        path="code/notebooks/sylvester_resultant.ipynb",
        purpose="notebook: formulas in Markdown, code, outputs",
    ),
    Single(
        package=SYMPY_DOC,
        member="usr/share/doc/python-sympy-doc/examples/notebooks/Macaulay_resultant.ipynb",
        path="code/notebooks/macaulay_resultant.ipynb",
        purpose="notebook: formulas in Markdown, code, outputs",
    ),
    Single(
        package=SYMPY_DOC,
        member="usr/share/doc/python-sympy-doc/examples/notebooks/sho1d_example.ipynb",
        path="code/notebooks/sho1d_example.ipynb",
        purpose="notebook of format 3 (older layout): quantum oscillator, outputs in TeX",
    ),
    Single(
        package=CONTROL,
        member="control-0.9.4/examples/stochresp.ipynb",
        path="code/notebooks/stochresp.ipynb",
        purpose="notebook with images as outputs",
    ),
    Single(
        package=TEXLIVE_BASE_DOC,
        member=_TEX + "amsmath/testmath.pdf",
        path="pdf/testmath.pdf",
        purpose="41 pages of formulas, one column",
    ),
    Single(
        package=TEXLIVE_PUBLISHERS_DOC,
        member=_TEX + "asmejour/asmejour-template.pdf",
        path="pdf/asmejour-template.pdf",
        purpose="two columns: formulas, figures, tables, code",
        license="MIT",
    ),
    Single(
        package=TEXLIVE_PUBLISHERS_DOC,
        member=_TEX + "revtex4-1/sample/aps/apssamp.pdf",
        path="pdf/apssamp.pdf",
        purpose="two columns: physics paper with many kinds of formulas",
    ),
    Single(
        package=TEXLIVE_PUBLISHERS_DOC,
        member=_TEX + "jnuexam/exam-a.pdf",
        path="pdf/exam-a.pdf",
        purpose="a Chinese university examination in mathematics, with solutions",
    ),
    Single(
        package=BIOPYTHON_DOC,
        member="usr/share/doc/python-biopython-doc/Doc/biopdb_faq.pdf",
        path="pdf/biopdb_faq.pdf",
        purpose="questions and answers with code, one column",
    ),
)


def write_code(files: PackageFiles, corpus: Path) -> None:
    """Write trees, archives, notebooks and PDFs."""
    for tree in TREES:
        for name, data in _members(files, tree).items():
            _write(corpus / "code" / tree.name / name, data)
    for tree in ZIPPED:
        _write(corpus / "code" / f"{tree.name}.zip", zip_of(_members(files, tree), tree.name))
    for tree in TARRED:
        entries = [
            (tarfile.TarInfo(f"{tree.name}/{name}"), data)
            for name, data in _members(files, tree).items()
        ]
        _write(corpus / "code" / f"{tree.name}.tar.gz", compressed_tar(entries))
    for package, _ in SDISTS:
        name = f"{package.name}-{package.version}.tar.gz"
        _write(corpus / "code" / name, files.path(package).read_bytes())
    for single in SINGLES:
        _write(corpus / single.path, files.read_one(single.package, single.member))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _members(files: PackageFiles, tree: Tree) -> dict[str, bytes]:
    """Contents by path below the tree's root; Debian's copyright file stands in for a licence."""
    members = {
        path.removeprefix(tree.root): member.data
        for path, member in files.read(tree.package, tree.root + r".+").items()
        if not re.fullmatch(tree.exclude, path)
    }
    if tree.license_name:
        members[tree.license_name] = files.read_one(tree.package, tree.package.license_member)
    return dict(sorted(members.items()))


def zip_of(members: dict[str, bytes], folder: str) -> bytes:
    """A zip of ``members`` under ``folder`` with fixed times."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(f"{folder}/{name}", date_time=(2024, 5, 18, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return stream.getvalue()


def compressed_tar(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A gzipped tar of ``entries`` with fixed times."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            info.size = len(data)
            info.mtime = 1_716_000_000
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(stream.getvalue(), compresslevel=9, mtime=0)
