"""The annotator: a pure, versioned function from documents to columns of measures."""

from typing import Protocol

import pyarrow as pa


class Annotator(Protocol):
    """Measures documents; never changes, drops or reorders them.

    ``annotate`` takes a batch of documents (``DOCUMENT_SCHEMA``) and returns a batch with exactly
    ``columns`` and the same number of rows. It is deterministic, does no I/O, and treats every
    row alone: ``annotate(concat(a, b)) == concat(annotate(a), annotate(b))``. Models are loaded
    by the constructor, which raises ConfigError when a file is missing or of another version.
    """

    name: str
    """Prefix of the columns in the sidecar table: ``<name>.<measure>``."""

    version: int
    """Bumped whenever any output value can change, or a digest of the files that decide what comes
    out; part of the stage's identity, so that other files run it again."""

    columns: pa.Schema
    """What ``annotate`` returns; the names carry no prefix."""

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Measure every document of the batch."""
        ...
