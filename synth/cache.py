"""Answers by content of the request: what has been asked once is never asked again.

One small file for each request, ``<folder>/<2 hex>/<key>.json``, on any fsspec file system. Any
number of workers may write: a file appears under its name whole or not at all, and two workers
that ask the same at the same moment write the same file name. Each file carries its request and a
digest of its answer; one that does not match (a torn disk, an edit) reads as absent and is
replaced. Failures are never stored.

One process writes 400 to 2,400 answers of 2 KB a second on local disks (ext4, tmpfs) and reads some
ten thousand, more than the GPUs behind it generate. Millions of small files are slow to list and to
delete; nothing here lists them.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.fingerprint import fingerprint
from pipeline.storage.filesystem import join, read_bytes, write_text
from synth.request import Completion, Request

FORMAT_VERSION = 1
"""Raised when a file of an older version would be misread; older files then read as absent."""

PARALLEL_FILES = 16
"""Files read at once: object stores answer in tens of milliseconds each."""


@dataclass(frozen=True)
class RequestCache:
    """The folder of answers; holds no open file, so it may be pickled and shared."""

    folder: str

    def path(self, key: str) -> str:
        """Where the answer to the request with ``key`` lies."""
        return join(self.folder, key[:2], f"{key}.json")

    def get(self, key: str) -> Completion | None:
        """The stored answer, or None when there is none that is whole."""
        try:
            stored = json.loads(read_bytes(self.path(key)))
            if stored["version"] != FORMAT_VERSION or stored["key"] != key:
                return None
            if stored["sha256"] != fingerprint(stored["completion"]):
                return None
            return Completion(**stored["completion"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None  # torn or foreign: the next answer replaces it

    def get_many(self, keys: Iterable[str]) -> dict[str, Completion]:
        """Stored answers by key; keys without one are left out."""
        wanted = list(dict.fromkeys(keys))
        with ThreadPoolExecutor(min(PARALLEL_FILES, max(1, len(wanted)))) as pool:
            found = zip(wanted, pool.map(self.get, wanted), strict=True)
            return {key: completion for key, completion in found if completion is not None}

    def put(self, request: Request, completion: Completion) -> None:
        """Store an answer. StorageError or OSError when the file system refuses."""
        record = {
            "version": FORMAT_VERSION,
            "key": request.key,
            "request": request.content,
            "completion": vars(completion),
            "sha256": fingerprint(completion),
        }
        write_text(self.path(request.key), json.dumps(record, ensure_ascii=False, sort_keys=True))
