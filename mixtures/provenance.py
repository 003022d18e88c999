"""Provenance: which document each row of a shard's document table is, and where it came from.

``NAME.documents.parquet`` has one row for each copy of a document in the shard. Its ``unit`` is
what ``SEGMENT_DTYPE``'s ``document`` counts: rows of one unit stand side by side, in the order in
which they were joined (``mixtures.joining``), and a document joined to no other is its own unit.
Further columns (annotations, url, licence) may follow.
"""

from pathlib import Path
from typing import BinaryIO

import numpy as np
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
        pa.field("num_tokens", pa.int32(), nullable=False),  # EOD, or its separator, included
        pa.field("unit", pa.int64(), nullable=False),  # ascending from 0
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


def locate_member(documents: pa.Table, unit: int, offset: int) -> tuple[int, int]:
    """Row of the document that holds token ``offset`` of ``unit``, and the token's number in it.

    ``documents`` holds ``unit`` and ``num_tokens``. Raises IndexError when there is no such unit,
    or when the unit is not that long.
    """
    units = documents.column("unit").to_numpy()
    first, end = (int(row) for row in np.searchsorted(units, [unit, unit + 1]))
    lengths = documents.column("num_tokens").slice(first, end - first).to_numpy()
    ends = np.cumsum(lengths.astype(np.int64))
    member = int(np.searchsorted(ends, offset, side="right"))
    if offset < 0 or member == len(ends):
        tokens = int(ends[-1]) if len(ends) else 0
        raise IndexError(f"token {offset} of unit {unit}, which has {tokens}")
    return first + member, offset - int(ends[member] - lengths[member])
