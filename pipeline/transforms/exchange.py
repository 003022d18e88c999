"""Packed rows on their way from the tasks that write them to the tasks that read them, as files.

An exchange is what a shuffle is, for flat numbers: each writer sorts its rows in blocks and lays
them down by partition; the reader of a partition merges its part of every block, so it gets its
rows in order, in blocks of bounded size, however many there are of one key. Two files a writer:

    NAME-part-00003-of-00016-in-4.rows   blocks of sorted rows, little-endian uint64
    NAME-part-00003-of-00016-in-4.index  number of blocks, then for each of 4 partitions and one
                                         more the row at which it begins in each block, int64

Partition ``p`` holds the rows whose first column is at least ``bounds[p - 1]`` and below
``bounds[p]``. What a reader gets depends on the rows that were written, not on who wrote them.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

import numpy as np

from filters.dedup.packed import Int64Array, Merge, Packed, sort_rows
from pipeline.records.address import shard_name
from pipeline.storage.filesystem import atomic_output, join, open_input

BLOCK_BYTES = 8 << 20
"""Rows sorted at a time by a writer; they are held twice."""

READ_BYTES = 8 << 20
"""Rows of all runs that a reader holds at a time, and as many merged."""

MIN_READ_ROWS = 64
"""Rows read of a run at a time at least, however many runs there are."""

MIN_PARTITIONS = 4
"""Partitions at least, so that a small corpus keeps some workers busy."""

_NUMBER_BYTES = 8


def count_partitions(rows: int, *, partition_rows: int) -> int:
    """Partitions for ``rows`` rows, of about ``partition_rows`` each."""
    return max(MIN_PARTITIONS, -(-rows // partition_rows))


@dataclass(frozen=True, eq=False)
class Exchange:
    """Where the rows of one kind lie, ``columns`` wide, sorted by the first ``keys`` of them."""

    folder: str
    name: str
    columns: int
    keys: int
    num_writers: int
    bounds: Packed

    @property
    def num_partitions(self) -> int:
        """Partitions that the rows are read in."""
        return len(self.bounds) + 1

    def write(self, writer: int) -> "ExchangeWriter":
        """What writer number ``writer`` writes its rows to; every writer must, if only nothing."""
        return ExchangeWriter(self, writer)

    def read(self, partition: int) -> Iterator[Packed]:
        """Sorted blocks of the rows of a partition; see :func:`read_merged`."""
        return read_merged([self], partition)

    def file(self, writer: int, suffix: str) -> str:
        """Path of a file of one writer; in its name what its inside depends on."""
        name = f"{self.name}-{shard_name(writer, self.num_writers)}-in-{self.num_partitions}"
        return join(self.folder, name + suffix)


class ExchangeWriter:
    """The files of one writer while rows come in; they take their names when it is left well."""

    def __init__(self, exchange: Exchange, writer: int) -> None:
        self._exchange = exchange
        self._stack = ExitStack()
        self._open = [
            atomic_output(exchange.file(writer, suffix)) for suffix in (".rows", ".index")
        ]
        self._rows: IO[bytes]
        self._index: IO[bytes]
        self._block_rows = max(1, BLOCK_BYTES // (_NUMBER_BYTES * exchange.columns))
        self._held: list[Packed] = []
        self._held_rows = 0
        self._begins: list[Int64Array] = []
        self._written_rows = 0

    def __enter__(self) -> Self:
        self._rows, self._index = (self._stack.enter_context(file) for file in self._open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write_block()
            begins = np.array(self._begins, "<i8").reshape(-1, self._exchange.num_partitions + 1)
            self._index.write(np.array([len(begins)], "<i8").tobytes())
            self._index.write(np.ascontiguousarray(begins.T).tobytes())
        self._stack.__exit__(kind, error, trace)

    def write(self, rows: Packed) -> None:
        """Add rows, shape (any, columns), in any order."""
        for begin in range(0, len(rows), self._block_rows):
            part = rows[begin : begin + self._block_rows]
            if self._held_rows + len(part) > self._block_rows:
                self._write_block()
            self._held.append(part)
            self._held_rows += len(part)

    def _write_block(self) -> None:
        if not self._held:
            return
        rows = sort_rows(np.concatenate(self._held), keys=self._exchange.keys)
        self._held, self._held_rows = [], 0
        inner = np.searchsorted(rows[:, 0], self._exchange.bounds)
        self._begins.append(np.concatenate([[0], inner, [len(rows)]]) + self._written_rows)
        self._rows.write(rows.astype("<u8", copy=False).tobytes())
        self._written_rows += len(rows)


def read_merged(exchanges: Sequence[Exchange], partition: int) -> Iterator[Packed]:
    """Sorted blocks of the rows of a partition of several exchanges, as if they were one.

    The exchanges must agree on columns, keys and bounds. Each block is the caller's to keep.
    """
    first = exchanges[0]
    row_bytes = _NUMBER_BYTES * first.columns
    runs = [run for one in exchanges for run in _find_runs(one, partition)]
    if not runs:
        return
    room = max(MIN_READ_ROWS, READ_BYTES // (row_bytes * len(runs)))
    sizes = [min(room, run.left) for run in runs]
    places = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    buffer = np.empty((int(places[-1]), first.columns), np.uint64)
    merge = Merge(buffer, places[:-1].copy(), places[:-1].copy(), np.zeros(len(runs), bool))
    out = np.empty(
        (max(1, min(READ_BYTES // row_bytes, sum(r.left for r in runs))), first.columns), np.uint64
    )
    written = 0
    while True:
        for number in np.flatnonzero((merge.begins == merge.ends) & ~merge.is_last).tolist():
            begin, run = int(places[number]), runs[number]
            end = begin + min(sizes[number], run.left)
            buffer[begin:end] = run.take(end - begin)
            merge.begins[number], merge.ends[number] = begin, end
            merge.is_last[number] = run.left == 0
        moved = merge.into(out[written:], keys=first.keys)
        written += moved
        if written == len(out) or not moved:
            if written:
                yield out[:written].copy()
            written = 0
        if (merge.is_last & (merge.begins == merge.ends)).all():
            if written:
                yield out[:written].copy()
            return


class _Run:
    """The rows that one block holds of a partition, read from the front."""

    def __init__(self, path: str, begin: int, end: int, columns: int) -> None:
        self._path = path
        self._at = begin
        self._end = end
        self._columns = columns

    @property
    def left(self) -> int:
        """Rows not taken yet."""
        return self._end - self._at

    def take(self, rows: int) -> Packed:
        """The next ``rows`` rows."""
        row_bytes = _NUMBER_BYTES * self._columns
        with open_input(self._path) as file:
            file.seek(self._at * row_bytes)
            data = file.read(rows * row_bytes)
        self._at += rows
        return np.frombuffer(data, "<u8").reshape(rows, self._columns)


def _find_runs(exchange: Exchange, partition: int) -> Iterator[_Run]:
    for writer in range(exchange.num_writers):
        with open_input(exchange.file(writer, ".index")) as file:
            num_blocks = int(np.frombuffer(file.read(_NUMBER_BYTES), "<i8")[0])
            file.seek(_NUMBER_BYTES * (1 + partition * num_blocks))
            bounds = np.frombuffer(file.read(2 * _NUMBER_BYTES * num_blocks), "<i8")
        path = exchange.file(writer, ".rows")
        for begin, end in bounds.reshape(2, num_blocks).T.tolist():
            if begin < end:
                yield _Run(path, begin, end, exchange.columns)
