"""Sampled runs: the copies that one token shard gives to a stage, sorted by partition, as files.

A run is two files beside each other in ``runs/``:

    NAME.arrow             Arrow IPC: a record batch for each partition and block of the shard
    NAME.partitions.npy    int32: partition of each batch

A partition is read batch by batch, each with one ranged read. IPC and not Parquet, because a run is
read once and then idle: encoding tokens costs more than the bytes it saves, and a footer that
describes each column of each partition is parsed once for every partition, which grows with the
square of the corpus.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.window_writing import copy_ranges
from mixtures.windows import Int32Array, Int64Array, TokenTable
from pipeline.errors import InvariantError
from pipeline.records.manifest import ShardEntry
from pipeline.storage.filesystem import atomic_output, open_input
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import HashingFile
from pipeline.transforms.tokenize import TOKENS

RUNS = "runs"
RUN_PARTITIONS = "run-partitions"

RUN_FILES = {RUNS: ".arrow", RUN_PARTITIONS: ".partitions.npy"}
"""The files of one run: an output each, both in the folder of ``runs``."""

ROW = "row"
PARTITION = "partition"
ORDER = "order"

ADDED_FIELDS = (
    pa.field("component", pa.string()),
    pa.field("copy", pa.int32()),
    pa.field("seen", pa.int32()),
    pa.field(PARTITION, pa.int32()),
    pa.field(ORDER, pa.uint64()),
)
"""Columns of a run beyond those of its token shard."""

BLOCK_TOKENS = 1 << 24
"""Tokens of a token shard that are sampled and sorted at a time: 67 MB, however long the shard."""

BLOCK_ROWS = 1 << 17
"""Rows of a block at most: short documents weigh more in columns than in tokens."""

READ_ROWS = 1024
"""Rows decoded at a time."""

Draw = Callable[[pa.RecordBatch], pa.Table]
"""Columns of documents without their tokens in; out a row for each copy, sorted by partition: the
document's ``row`` and ``ADDED_FIELDS``."""


def write_run(
    path: str, folder: StageFolder, run: int, num_runs: int, *, num_partitions: int, draw: Draw
) -> None:
    """Write the copies that ``draw`` takes from the token shard at ``path``, and the receipts.

    Holds one block of the shard, and the copies of it that one partition gets.
    """
    names = {
        output: folder.shard_file(RUNS, run, num_runs, suffix)
        for output, suffix in RUN_FILES.items()
    }
    rows = 0
    partitions: list[int] = []
    with open_input(path) as file, pq.ParquetFile(file) as parquet:
        schema = _run_schema(parquet.schema_arrow)
        with atomic_output(folder.locate(names[RUNS])) as raw:
            hashed = HashingFile(raw)
            with pa.ipc.new_file(hashed, schema) as writer:
                for block in _blocks(parquet):
                    for partition, batch in _draw_block(block, schema, num_partitions, draw):
                        writer.write_batch(batch)
                        partitions.append(partition)
                        rows += batch.num_rows
    with atomic_output(folder.locate(names[RUN_PARTITIONS])) as raw:
        index = HashingFile(raw)
        np.lib.format.write_array(
            cast("BinaryIO", index), np.array(partitions, "<i4"), version=(1, 0), allow_pickle=False
        )
    for output, num_rows, written in (
        (RUN_PARTITIONS, len(partitions), index),
        (RUNS, rows, hashed),
    ):
        folder.write_receipt(
            ShardEntry(output, run, names[output], num_rows, written.tell(), written.sha256)
        )


def read_partition(
    folder: StageFolder, run: int, num_runs: int, partition: int
) -> Iterator[pa.RecordBatch]:
    """The batches of a run that belong to ``partition``."""
    name, index = (
        folder.locate(folder.shard_file(RUNS, run, num_runs, suffix))
        for suffix in RUN_FILES.values()
    )
    with open_input(index) as file:
        partitions = np.load(cast("BinaryIO", file), allow_pickle=False)
    wanted = np.flatnonzero(partitions == partition).tolist()
    if not wanted:
        return
    with open_input(name) as file, pa.ipc.open_file(file) as reader:
        for number in wanted:
            yield reader.get_batch(number)


def count_run(path: str) -> tuple[int, int]:
    """Rows and tokens of the run at ``path``, counted from its lists.

    Raises InvariantError when a row's ``num_tokens`` is not the length of its tokens.
    """
    rows = tokens = 0
    with open_input(path) as file, pa.ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            lengths = list_offsets(batch.column(TOKENS))[1]
            if not np.array_equal(lengths, batch.column("num_tokens").to_numpy()):
                raise InvariantError(f"{path}: batch {number} states other lengths than it holds")
            rows += batch.num_rows
            tokens += int(lengths.sum())
    return rows, tokens


def gather_tokens(chunks: list[pa.LargeListArray], rows: npt.NDArray[np.intp]) -> TokenTable:
    """The tokens of all ``chunks`` in the order of ``rows``, a permutation of their rows.

    One copy, chunk by chunk: Arrow's own ``take`` would hold them three times over.
    """
    ranges = [list_offsets(chunk) for chunk in chunks]
    lengths = np.concatenate([lengths for _, lengths in ranges])
    bounds = np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int64)
    places = np.empty(len(rows), np.int64)
    places[rows] = bounds[:-1]
    gathered = np.empty(int(bounds[-1]), np.int32)
    first = 0
    for chunk, (begins, of_chunk) in zip(chunks, ranges, strict=True):
        end = first + len(chunk)
        copy_ranges(_values(chunk), begins, of_chunk, gathered, places[first:end])
        first = end
    return TokenTable(gathered, bounds)


def list_offsets(lists: pa.LargeListArray) -> tuple[Int64Array, Int64Array]:
    """Where each list begins in ``lists.values``, slices of a longer array included; its length."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets[:-1], np.diff(offsets)


def _run_schema(shard: pa.Schema) -> pa.Schema:
    """Columns of the shard, then those of a copy, then its tokens."""
    fields = [field for field in shard if field.name != TOKENS]
    return pa.schema([*fields, *ADDED_FIELDS, pa.field(TOKENS, pa.large_list(pa.int32()))])


def _blocks(parquet: pq.ParquetFile) -> Iterator[pa.Table]:
    """The shard in blocks of whole batches, each ending once it holds enough."""
    held: list[pa.RecordBatch] = []
    rows = tokens = 0
    for batch in parquet.iter_batches(batch_size=READ_ROWS, use_threads=False):
        held.append(batch)
        rows += batch.num_rows
        tokens += len(batch.column(TOKENS).values)
        if tokens >= BLOCK_TOKENS or rows >= BLOCK_ROWS:
            yield pa.Table.from_batches(held)
            held, rows, tokens = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)


def _draw_block(
    block: pa.Table, schema: pa.Schema, num_partitions: int, draw: Draw
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """A batch for each partition that gets copies of the block's documents."""
    [columns] = block.drop_columns([TOKENS]).combine_chunks().to_batches()
    tokens = block.column(TOKENS).combine_chunks()
    begins, lengths = list_offsets(tokens)
    values = _values(tokens)
    copies = draw(columns).combine_chunks()
    row_of = copies.column(ROW).to_numpy()
    bounds = np.searchsorted(copies.column(PARTITION).to_numpy(), np.arange(num_partitions + 1))
    for partition, (low, high) in enumerate(pairwise(bounds.tolist())):
        if low == high:
            continue
        rows = row_of[low:high]
        ends = np.cumsum(lengths[rows])
        gathered = np.empty(int(ends[-1]), np.int32)
        copy_ranges(values, begins[rows], lengths[rows], gathered, ends - lengths[rows])
        # ``take`` and not a slice: it writes every byte, so equal rows are equal bytes.
        taken = columns.take(pa.array(rows))
        of_copy = copies.slice(low, high - low).combine_chunks()
        offsets = np.concatenate([[0], ends])
        yield (
            partition,
            pa.RecordBatch.from_arrays(
                [
                    *taken.columns,
                    *(of_copy.column(field.name).chunk(0) for field in ADDED_FIELDS),
                    pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(gathered)),
                ],
                schema=schema,
            ),
        )


def _values(lists: pa.LargeListArray) -> Int32Array:
    values: Int32Array = lists.values.to_numpy()
    return values
