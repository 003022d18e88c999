"""Fetches pinned packages and reads files out of them, without installing anything."""

import gzip
import hashlib
import io
import lzma
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from corpus_builder.packages import Package


class PackageError(Exception):
    """A package cannot be had, or is not the one that was pinned."""


@dataclass(frozen=True)
class Member:
    """A file of a package; ``modified_seconds`` is its Unix time in the archive."""

    data: bytes
    modified_seconds: int


class PackageFiles:
    """Files of packages, downloaded to ``folder`` when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._verified: dict[Package, Path] = {}

    def path(self, package: Package) -> Path:
        """The package file, verified against its pinned sha256. Raises PackageError."""
        if package in self._verified:
            return self._verified[package]
        self._folder.mkdir(parents=True, exist_ok=True)
        found = self._find(package)
        if found is None:
            self._download(package)
            found = self._find(package)
        if found is None:
            raise PackageError(f"{package.label}: the download left no file in {self._folder}")
        digest = hashlib.sha256(found.read_bytes()).hexdigest()
        if digest != package.sha256:
            raise PackageError(
                f"{found.name}: sha256 is {digest}, pinned is {package.sha256}; delete the file, "
                "or review the new version's licence and pin it in packages.py"
            )
        self._verified[package] = found
        return found

    def read(self, package: Package, pattern: str) -> dict[str, Member]:
        """Regular files whose whole path matches ``pattern``, by path; `.gz` is undone.

        Raises PackageError if nothing matches: a pattern that selects nothing is a mistake.
        """
        wanted = re.compile(pattern)
        members = {}
        with self._open(package) as archive:
            for info in archive:
                name = info.name.removeprefix("./")
                plain = name.removesuffix(".gz")
                if not info.isreg() or not wanted.fullmatch(plain):
                    continue
                stream = archive.extractfile(info)
                data = stream.read() if stream else b""  # None is for what is no file
                if plain != name:
                    data = gzip.decompress(data)
                members[plain] = Member(data, int(info.mtime))
        if not members:
            raise PackageError(f"{package.label}: no file matches {pattern!r}")
        return dict(sorted(members.items()))

    def read_one(self, package: Package, path: str) -> bytes:
        """One file of the package, by its exact path."""
        return self.read(package, re.escape(path))[path].data

    def _open(self, package: Package) -> tarfile.TarFile:
        path = self.path(package)
        if package.kind == "pypi":
            return tarfile.open(path, mode="r|gz")
        data = _ar_member(path, "data.tar.xz")
        return tarfile.open(fileobj=lzma.open(io.BytesIO(data)), mode="r|")

    def _find(self, package: Package) -> Path | None:
        if package.kind == "pypi":
            candidates = [self._folder / f"{package.name}-{package.version}.tar.gz"]
        else:
            version = package.version.replace(":", "%3a")  # as apt-get names it
            candidates = [
                self._folder / f"{package.name}_{version}_{architecture}.deb"
                for architecture in ("all", "amd64")
            ]
        return next((path for path in candidates if path.exists()), None)

    def _download(self, package: Package) -> None:
        exact = f"{package.name}={package.version}"
        if package.kind == "debian":
            command = ["apt-get", "download", exact]
        else:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--no-binary", ":all:", exact.replace("=", "==")]
        result = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise PackageError(
                f"{package.label}: {' '.join(command)} failed: {result.stderr.strip()[-500:]}; "
                "Debian drops superseded versions, so the pin may have to move"
            )


def _ar_member(path: Path, name: str) -> bytes:
    """Content of a member of a Unix `ar` archive, which is what a Debian package is."""
    data = path.read_bytes()
    offset = len(b"!<arch>\n")
    while offset < len(data):
        header = data[offset : offset + 60]
        size = int(header[48:58])
        if header[:16].decode().rstrip(" /") == name:
            return data[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2
    raise PackageError(
        f"{path.name}: no member {name!r}; is it packed with something else than xz?"
    )
