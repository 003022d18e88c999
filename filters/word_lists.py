"""Lists that users bring: one entry a line, # for comments, plain or gzip."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.storage.filesystem import find, read_unzipped


@dataclass(frozen=True)
class WordList:
    """The entries of some files, in lower case; ``digest`` is of the files' texts."""

    entries: tuple[str, ...]
    digest: bytes


def read_lists(patterns: Sequence[str], *, field: str) -> WordList:
    """The entries of all files that ``patterns`` name, sorted, each once.

    Raises ConfigError, naming ``field``, where no file is named so, or one can't be read, or there
    is no entry in any of them.
    """
    entries: set[str] = set()
    digest = hashlib.sha256()
    for pattern in patterns:
        paths = sorted(entry.path for entry in find(pattern))
        if not paths:
            raise ConfigError(f"{field}: no file is named {pattern!r}")
        for path in paths:
            try:
                data = read_unzipped(path)
                text = data.decode()
            except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
                raise ConfigError(f"{field}: cannot read the list {path!r}: {error}") from error
            digest.update(data)
            lines = (line.partition("#")[0].strip().lower() for line in text.splitlines())
            entries.update(line for line in lines if line)
    if patterns and not entries:
        raise ConfigError(f"{field}: there is no entry in {', '.join(patterns)}")
    return WordList(tuple(sorted(entries)), digest.digest())


def version_of(*lists: WordList) -> int:
    """A number for the version of an annotator that other lists make another one."""
    digest = hashlib.sha256(b"".join(one.digest for one in lists)).digest()
    return int.from_bytes(digest[:6], "big")
