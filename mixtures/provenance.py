"""Provenance: which document each row of a shard's document table is, and where it came from.

``NAME.documents.parquet`` has one row for each copy of a document in the shard, in the order that
``SEGMENT_DTYPE``'s ``document`` counts. Further columns (annotations, url, licence) may follow.
"""

from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.windows import DOCUMENTS_SUFFIX, shard_name
from pipeline.errors import SchemaError

SHARD_DOCUMENTS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("component", pa.string(), nullable=False),
        pa.field("copy", pa.int32(), nullable=False),  # counts from 0
        pa.field("num_tokens", pa.int32(), nullable=False),  # EOD included
    ]
)
"""The columns every shard has, first and in this order."""


def write_documents(stream: BinaryIO, documents: pa.Table) -> None:
    """Write ``NAME.documents.parquet``; SchemaError when a column is missing or misplaced."""
    leading = pa.schema(list(documents.schema)[: len(SHARD_DOCUMENTS_SCHEMA)])
    if not leading.equals(SHARD_DOCUMENTS_SCHEMA):
        raise SchemaError(
            f"a shard's documents begin with\n{SHARD_DOCUMENTS_SCHEMA}\ngot\n{documents.schema}"
        )
    pq.write_table(documents, stream, compression="zstd")


def read_documents(shard: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read the documents of a shard (any of its files, or their common name)."""
    return pq.read_table(shard_name(str(shard)) + DOCUMENTS_SUFFIX, columns=columns)
