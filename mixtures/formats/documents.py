"""Whole documents put together again from the windows of a shard.

Documents come in the order of the windows they begin in, each once for each of its copies, from its
first token to its EOD. What a document is, the segments say alone; what it came from, its rows in
the document table say (``units``).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.formats.export import NativeShard
from mixtures.windows import Int32Array, Int64Array, Segments, WindowShard
from pipeline.errors import InvariantError

SEQUENCE = "sequence"
"""First column of an export's document table: the number of the sequence that holds the row."""

_BLOCK_TOKENS = 1 << 20


@dataclass(frozen=True, eq=False)
class ShardDocuments:
    """Documents of a shard in order of export.

    ``pieces`` are their segments, by document and offset; ``lengths`` their tokens, EOD included;
    ``table`` their rows of the document table, with ``sequence`` counting from 0 in front.
    """

    shard: WindowShard
    pieces: Segments
    lengths: Int64Array
    table: pa.Table


def units(documents: pa.Table) -> Int64Array:
    """For each row of a document table, the number by which segments call its document.

    Rows that were joined into one document for training share a number, the column ``unit``.
    """
    numbers: Int64Array = documents.column("unit").to_numpy().astype(np.int64)
    return numbers


def whole_documents(native: NativeShard, *, component: str | None = None) -> ShardDocuments:
    """The documents of ``component``, or all; InvariantError when table and segments disagree."""
    segments, table = native.windows.segments, native.documents
    unit_r = units(table)
    heads = segments["document"][segments["offset"] == 0]
    if component is not None:
        of_component = pc.equal(table.column("component"), component).to_numpy()
        heads = heads[np.isin(heads, unit_r[of_component])]
    rank_d = np.full(1 + max(unit_r.max(initial=-1), heads.max(initial=-1)), -1, np.int64)
    rank_d[heads] = np.arange(len(heads))
    pieces = segments[rank_d[segments["document"]] >= 0]
    rank_p = rank_d[pieces["document"]]
    by_document = np.lexsort((pieces["offset"], rank_p))
    pieces, rank_p = pieces[by_document], rank_p[by_document]
    lengths = np.zeros(len(heads), np.int64)
    np.add.at(lengths, rank_p, pieces["length"].astype(np.int64))
    rows = np.flatnonzero(rank_d[unit_r] >= 0)
    rows = rows[np.argsort(rank_d[unit_r[rows]], kind="stable")]
    sequence_r = rank_d[unit_r[rows]]
    taken = table.take(pa.array(rows))
    stated = np.zeros(len(heads), np.int64)
    np.add.at(stated, sequence_r, taken.column("num_tokens").to_numpy().astype(np.int64))
    if not np.array_equal(stated, lengths):
        wrong = int(np.argmax(stated != lengths))
        raise InvariantError(
            f"document {int(heads[wrong])} has {int(lengths[wrong])} tokens in its windows, the "
            f"document table says {int(stated[wrong])}"
        )
    field = pa.field(SEQUENCE, pa.int64(), nullable=False)
    return ShardDocuments(
        native.windows, pieces, lengths, taken.add_column(0, field, pa.array(sequence_r))
    )


def token_blocks(documents: ShardDocuments) -> Iterator[Int32Array]:
    """The tokens of all documents, one after the other, in blocks of about a million."""
    shard, pieces = documents.shard, documents.pieces
    tokens = shard.tokens.reshape(-1)
    begins = pieces["window"] * shard.layout.row_tokens + pieces["start"]
    ends = np.cumsum(pieces["length"], dtype=np.int64)
    first = done = 0
    while first < len(pieces):
        last = max(first + 1, int(np.searchsorted(ends, done + _BLOCK_TOKENS, side="right")))
        block = np.empty(int(ends[last - 1]) - done, "<i4")
        place = 0
        for begin, length in zip(
            begins[first:last].tolist(), pieces["length"][first:last].tolist(), strict=True
        ):
            block[place : place + length] = tokens[begin : begin + length]
            place += length
        yield block
        first, done = last, int(ends[last - 1])
