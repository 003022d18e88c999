"""What worker processes have asked of their models so far, told to whoever watches the run."""

import json
import threading
import time
import uuid
from dataclasses import asdict
from functools import reduce
from operator import add

from pipeline.storage.filesystem import find, join, read_bytes, write_text
from synth.engines.usage import Usage

USAGE_NAME = "usage"
"""Folder, in that of a stage, of the notes that processes make; gone when the stage is done."""

PLANNED_NAME = "planned-samples.txt"
"""Beside it: the samples that the stage's items call for, known before any is asked."""

WRITE_SECONDS = 2.0
"""Least time between two notes of one process."""


class UsageNotes:
    """The notes of one process: a file of its own in ``folder``, written anew now and then.

    Safe to share between threads. ``folder`` None notes nothing.
    """

    def __init__(self, folder: str | None) -> None:
        self._path = None if folder is None else join(folder, f"{uuid.uuid4().hex}.json")
        self._lock = threading.Lock()
        self._written = 0.0

    def note(self, usage: Usage) -> None:
        """Write down what was counted, unless that was just done."""
        with self._lock:
            now = time.monotonic()
            if self._path is None or now - self._written < WRITE_SECONDS:
                return
            self._written = now
        write_text(self._path, json.dumps(asdict(usage)))


def read_usage(folder: str) -> Usage:
    """What all processes have noted in ``folder``; a note just being replaced is left out."""
    notes = []
    for found in find(join(folder, "*.json")):
        try:
            notes.append(Usage(**json.loads(read_bytes(found.path))))
        except (FileNotFoundError, ValueError, TypeError):
            continue
    return reduce(add, notes, Usage())
