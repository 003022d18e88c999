"""Arrow tables in Parquet files, with the columns that Hugging Face trainers take for packed data.

One row for each window. ``position_ids`` that restart at 0 are what transformers finds the bounds
of documents by (flash attention without a mask), ``seq_lengths`` what TRL finds them by. ``labels``
stand where their tokens stand, because these models shift them: the first token of a document and
every pad is -100. So the main head has no target at position S - 1; ``lookahead`` holds the tokens
that follow there, for it and for the depths of multi-token prediction.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.formats.export import ExportContext, NativeShard, WrittenSet
from mixtures.formats.window_files import WindowFormat, WindowRow, window_rows
from mixtures.mtp import DEAD_LABEL
from mixtures.windows import Int32Array

SUFFIX = ".parquet"

_BLOCK_TOKENS = 1 << 21
"""Tokens of a row group, three columns of 8 MB each before they are packed."""

_README = """\
Packed windows of the stage `{stage}`, {size} tokens each, for Hugging Face trainers:

    datasets.load_dataset("parquet", data_files="*.parquet", split="train")

    input_ids, position_ids, seq_lengths   documents back to back, positions from 0 in each
    labels                                 unshifted; -100 at a document's first token and at pads
    num_tokens                             tokens before the pads (id {pad}); pads are the last
                                           sequence of seq_lengths, where there are any
    lookahead                              tokens that follow after the window in its last document,
                                           up to {extra}; empty when that ends in the window
    document_ids, document_offsets         which documents, and where in each the window begins

The target of position i at depth d (0 is the main head) is the token at i + 1 + d, in input_ids or,
behind them, lookahead, and counts only inside i's document. The rows are shuffled already. The ids
are those of the window shards' `NAME.documents.parquet`.
"""


def schema(sequence_tokens: int) -> pa.Schema:
    """The columns; none is ever null."""
    window = pa.list_(pa.field("element", pa.int32(), nullable=False), sequence_tokens)
    numbers = pa.list_(pa.field("element", pa.int32(), nullable=False))
    columns = {
        "input_ids": window,
        "labels": window,
        "position_ids": window,
        "seq_lengths": numbers,
        "num_tokens": pa.int32(),
        "lookahead": numbers,
        "document_ids": pa.list_(pa.field("element", pa.string(), nullable=False)),
        "document_offsets": pa.list_(pa.field("element", pa.int64(), nullable=False)),
    }
    return pa.schema([pa.field(name, of, nullable=False) for name, of in columns.items()])


def write_shard(stream: BinaryIO, native: NativeShard) -> None:
    """Write one file, in row groups of some two million tokens."""
    size = native.windows.layout.sequence_tokens
    # Dictionaries of tokens cost time and save nothing; positions are runs of ones apart.
    encodings = dict.fromkeys(
        ("input_ids", "labels", "lookahead", "document_offsets", "num_tokens", "seq_lengths"),
        "PLAIN",
    ) | {"position_ids": "DELTA_BINARY_PACKED", "document_ids": "PLAIN"}
    of_schema = schema(size)
    leaves = {
        name: f"{name}.list.element" if name != "num_tokens" else name for name in of_schema.names
    }
    with pq.ParquetWriter(
        stream,
        of_schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        column_encoding={leaves[name]: of for name, of in encodings.items()},
    ) as writer:
        block: list[WindowRow] = []
        for row in window_rows(native):
            block.append(row)
            if len(block) * size >= _BLOCK_TOKENS:
                writer.write_table(_table(block, size), row_group_size=len(block))
                block = []
        if block:
            writer.write_table(_table(block, size), row_group_size=len(block))


def read_rows(path: str) -> Iterator[WindowRow]:
    """The rows of a file that ``write_shard`` wrote; tokens end with the lookahead."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=64):
            columns = {name: batch.column(name) for name in batch.schema.names}
            for row in range(batch.num_rows):
                cell = {name: column[row] for name, column in columns.items()}
                lengths, ahead = (cell[n].values.to_numpy() for n in ("seq_lengths", "lookahead"))
                yield WindowRow(
                    tokens=np.concatenate([cell["input_ids"].values.to_numpy(), ahead]),
                    cu_seqlens=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
                    num_tokens=cell["num_tokens"].as_py(),
                    lookahead=len(ahead),
                    document_ids=cell["document_ids"].as_py(),
                    document_offsets=cell["document_offsets"].values.to_numpy(),
                )


def describe(sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
    """A README."""
    del sets
    layout = context.layout
    text = _README.format(
        stage=context.stage,
        size=layout.sequence_tokens,
        pad=layout.pad_id,
        extra=1 + layout.mtp_depth,
    )
    return {"README.md": text}


def _table(rows: Sequence[WindowRow], size: int) -> pa.Table:
    tokens_ws = np.stack([row.tokens[:size] for row in rows])
    positions_ws = np.stack([_positions(row.cu_seqlens) for row in rows])
    used_w = np.array([row.num_tokens for row in rows])
    is_target_ws = (positions_ws > 0) & (np.arange(size) < used_w[:, None])
    labels_ws = np.where(is_target_ws, tokens_ws, np.int32(DEAD_LABEL))
    of_schema = schema(size)
    windows = {"input_ids": tokens_ws, "labels": labels_ws, "position_ids": positions_ws}
    lists = {
        "seq_lengths": [np.diff(row.cu_seqlens) for row in rows],
        "lookahead": [row.tokens[size : size + row.lookahead] for row in rows],
        "document_ids": [row.document_ids for row in rows],
        "document_offsets": [row.document_offsets for row in rows],
    }
    arrays = {
        **{
            name: pa.FixedSizeListArray.from_arrays(
                pa.array(values.reshape(-1)), type=of_schema.field(name).type
            )
            for name, values in windows.items()
        },
        **{name: pa.array(values, of_schema.field(name).type) for name, values in lists.items()},
        "num_tokens": pa.array(used_w, pa.int32()),
    }
    return pa.table([arrays[name] for name in of_schema.names], schema=of_schema)


def _positions(cu_seqlens: Int32Array) -> Int32Array:
    starts = np.repeat(cu_seqlens[:-1], np.diff(cu_seqlens))
    positions: Int32Array = np.arange(len(starts), dtype=np.int32) - starts
    return positions


ARROW = WindowFormat(
    name="arrow", suffix=SUFFIX, write_shard=write_shard, read_rows=read_rows, describe=describe
)
