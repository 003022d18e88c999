"""Paths on any fsspec file system: local, ``gs://``, ``s3://``, ``hdfs://``, ``memory://``."""

import glob
import gzip
import posixpath
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from pipeline.errors import StorageError

_GZIP_MAGIC = b"\x1f\x8b"


def join(folder: str, *names: str) -> str:
    """``folder`` and ``names`` with single slashes, for local paths and URLs alike."""
    return posixpath.join(folder, *names)


def open_input(path: str) -> IO[bytes]:
    """Open ``path`` for reading bytes, seekable. Raises FileNotFoundError as is."""
    filesystem, name = url_to_fs(path)
    return filesystem.open(name, "rb")  # type: ignore[no-any-return]


def exists(path: str) -> bool:
    """Whether there is a file or folder at ``path``."""
    filesystem, name = url_to_fs(path)
    return bool(filesystem.exists(name))


def read_bytes(path: str) -> bytes:
    """The whole of a small file."""
    with open_input(path) as file:
        return file.read()


def read_unzipped(path: str) -> bytes:
    """The whole of a small file, decompressed where it is gzip, whatever it is called.

    Raises OSError, EOFError or zlib.error where it can't be read.
    """
    data = read_bytes(path)
    return gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data


def read_text(path: str) -> str:
    """The whole of a small UTF-8 file."""
    return read_bytes(path).decode()


def write_text(path: str, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    with atomic_output(path) as file:
        file.write(text.encode())


def remove(path: str) -> None:
    """Delete a file or a folder with all it holds; nothing happens when it is not there."""
    filesystem, name = url_to_fs(path)
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


@contextmanager
def atomic_output(path: str) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its name when the block ends well.

    After an exception the temporary file is deleted and ``path`` is as it was. Two writers of
    one path never mix: each has its own temporary name and the last to finish wins.
    """
    filesystem, name = url_to_fs(path)
    folder, base = posixpath.split(name)
    filesystem.makedirs(folder, exist_ok=True)
    temporary = posixpath.join(folder, f".{base}.{uuid.uuid4().hex}.tmp")
    try:
        with filesystem.open(temporary, "wb") as file:
            yield file
        _move(filesystem, temporary, name)
    except BaseException:
        if filesystem.exists(temporary):
            filesystem.rm(temporary)
        raise


def _move(filesystem: Any, temporary: str, name: str) -> None:
    if isinstance(filesystem, LocalFileSystem):
        Path(temporary).replace(name)
        return
    try:
        filesystem.mv(temporary, name)
    except OSError as error:
        raise StorageError(f"could not rename {temporary} to {name}: {error}") from error


@dataclass(frozen=True)
class Found:
    r"""What a pattern matched: where it is, and its name below the pattern's fixed part.

    Bytes of a local name that are no UTF-8 stand in ``name`` as ``\xNN``; ``path`` opens it.
    """

    path: str
    name: str
    is_folder: bool
    info: Mapping[str, Any]


def find(pattern: str) -> list[Found]:
    """Files and folders that match a glob, sorted by name; none when nothing does.

    The name leaves out the folders before the first wildcard (for a plain path, its parent), so
    it is the same wherever the files lie.
    """
    filesystem, bare = url_to_fs(pattern)
    if glob.has_magic(bare):
        matches = filesystem.glob(bare, detail=True)
    else:
        matches = {bare: filesystem.info(bare)} if filesystem.exists(bare) else {}
    prefix = _fixed_prefix(bare)
    return sorted(
        (
            Found(
                path=filesystem.unstrip_protocol(path) if "://" in pattern else path,
                name=_as_text(path[len(prefix) :]),
                is_folder=info["type"] == "directory",
                info=info,
            )
            for path, info in matches.items()
        ),
        key=lambda found: found.name,
    )


def walk(folder: str) -> list[Found]:
    """Every file below ``folder``, sorted by its name relative to the folder."""
    filesystem, bare = url_to_fs(folder)
    root = filesystem.info(bare)["name"].rstrip("/") + "/"
    return sorted(
        (
            Found(
                path=filesystem.unstrip_protocol(path) if "://" in folder else path,
                name=_as_text(path[len(root) :]),
                is_folder=False,
                info=info,
            )
            for path, info in filesystem.find(bare, detail=True).items()
        ),
        key=lambda found: found.name,
    )


def _fixed_prefix(bare: str) -> str:
    """The folders of a bare pattern before its first wildcard, with a slash at the end."""
    fixed = bare.rstrip("/")
    while glob.has_magic(fixed):
        fixed = fixed.rpartition("/")[0]
    if fixed == bare.rstrip("/"):
        fixed = fixed.rpartition("/")[0]
    return fixed + "/" if fixed else ""


def _as_text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
