"""Whole files: single ones, the files of a folder, and the members of a zip or tar archive.

Nothing is unpacked to disk, so a member's name is only a label, whatever path it claims.
"""

import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from lzma import LZMAError
from typing import IO

from pipeline.storage.filesystem import open_input
from pipeline.storage.licenses import LICENSE_FILE_BYTES, is_license_file, license_of_tree
from pipeline.storage.record_row import RecordRow, row, unreadable

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MAX_ARCHIVE_BYTES = 8 << 30
"""Unpacked bytes after which an archive is given up: far over any source release, so a bomb."""

_BROKEN = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError,
           RuntimeError, NotImplementedError, ValueError)  # fmt: skip
"""What the standard library raises on archives that are damaged, encrypted or of unknown method."""


@dataclass(frozen=True, kw_only=True)
class FileSlice:
    """One file: a document itself, a file of the tree ``name``, or an archive of such."""

    source: str
    path: str
    name: str
    member: str | None
    license: str | None
    max_record_bytes: int


def read_file(part: FileSlice) -> Iterator[RecordRow]:
    """The file as one row; unreadable when it is over the limit or can't be opened."""
    try:
        with open_input(part.path) as file:
            payload = file.read(part.max_record_bytes + 1)
    except OSError as error:
        yield _unreadable(part, part.member, type(error).__name__, error.strerror or str(error))
        return
    yield _row(part, part.member, payload)


def read_archive(part: FileSlice, ignored: dict[str, int]) -> Iterator[RecordRow]:
    """One row for each regular file in the archive, in its order.

    Links, folders and devices hold no text and are counted in ``ignored``. A tar that breaks off
    gives the members before the break and one unreadable row; a zip gives one for each member
    that can't be read, or one alone when its directory is lost. A name that an archive uses again
    has its repetition, from 1, as ``offset``. The licence that the archive's own licence files
    state goes before the one that the recipe gives.
    """
    unpacked_bytes = 0
    uses: Counter[str] = Counter()
    try:
        with open_input(part.path) as file:
            is_zip = part.name.endswith(".zip")
            license_id = license_of_tree(_zip_notices(file) if is_zip else _tar_notices(file))
            part = replace(part, license=license_id or part.license)
            file.seek(0)
            members = _zip_members if is_zip else _tar_members
            for member in members(file, part.max_record_bytes, ignored):
                unpacked_bytes += member.unpacked_bytes
                if unpacked_bytes > MAX_ARCHIVE_BYTES:
                    raise EOFError(f"over {MAX_ARCHIVE_BYTES} bytes unpacked")
                yield _member_row(part, member, uses[member.name] or None)
                uses[member.name] += 1
    except _BROKEN as error:
        yield _unreadable(part, None, type(error).__name__, str(error))


def _zip_notices(file: IO[bytes]) -> Iterator[str]:
    """Texts of the licence files; none of a damaged archive, whose reading will tell."""
    with suppress(*_BROKEN), zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if is_license_file(info.filename):
                with archive.open(info) as member:
                    yield member.read(LICENSE_FILE_BYTES).decode("utf-8", "replace")


def _tar_notices(file: IO[bytes]) -> Iterator[str]:
    with suppress(*_BROKEN), tarfile.open(fileobj=file, mode="r:*") as archive:
        for info in archive:
            member = (
                archive.extractfile(info) if info.isreg() and is_license_file(info.name) else None
            )
            if member is not None:
                yield member.read(LICENSE_FILE_BYTES).decode("utf-8", "replace")


@dataclass(frozen=True)
class _Member:
    """A regular file of an archive, and what it takes to get past it."""

    name: str
    payload: bytes | Exception
    unpacked_bytes: int


def _zip_members(file: IO[bytes], limit: int, ignored: dict[str, int]) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        if archive.start_dir and not archive.infolist():
            raise zipfile.BadZipFile("the directory lists no member, yet something precedes it")
        for info in archive.infolist():
            if info.filename.endswith("/"):
                _count(ignored, "zip.folder")
                continue
            try:
                with archive.open(info) as member:
                    payload = member.read(limit + 1)
            except _BROKEN as error:
                yield _Member(info.filename, error, 0)
            else:
                yield _Member(info.filename, payload, len(payload))


def _tar_members(file: IO[bytes], limit: int, ignored: dict[str, int]) -> Iterator[_Member]:
    with tarfile.open(
        fileobj=file, mode="r:*", tarinfo=_TarInfo, encoding="utf-8", errors="backslashreplace"
    ) as archive:
        for info in archive:
            member = archive.extractfile(info) if info.isreg() else None
            if member is None:
                _count(ignored, "tar.folder" if info.isdir() else "tar.link_or_device")
                continue
            yield _Member(info.name, member.read(limit + 1), info.size)


class _TarInfo(tarfile.TarInfo):
    """Raises at a damaged header, which tarfile would take for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_TarInfo":
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the block that ends a tar
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"no member where the next should start: {error}") from error


def _count(ignored: dict[str, int], kind: str) -> None:
    ignored[kind] = ignored.get(kind, 0) + 1


def _member_row(part: FileSlice, member: _Member, repetition: int | None) -> RecordRow:
    if isinstance(member.payload, Exception):
        problem = member.payload
        return _unreadable(part, member.name, type(problem).__name__, str(problem), repetition)
    return _row(part, member.name, member.payload, repetition)


def _row(
    part: FileSlice, member: str | None, payload: bytes, repetition: int | None = None
) -> RecordRow:
    if len(payload) > part.max_record_bytes:
        message = f"over the limit of {part.max_record_bytes} bytes"
        return _unreadable(part, member, "RecordTooLargeError", message, repetition)
    return row(
        part.source,
        part.name,
        payload=payload,
        member=member,
        offset=repetition,
        length=len(payload),
        license=part.license,
    )


def _unreadable(
    part: FileSlice,
    member: str | None,
    error_type: str,
    message: str,
    repetition: int | None = None,
) -> RecordRow:
    return unreadable(
        part.source,
        part.name,
        member=member,
        offset=repetition,
        error_type=error_type,
        error_message=message,
    )
