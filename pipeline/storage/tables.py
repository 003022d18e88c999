"""Parquet shards of tables: written piece by piece, whole or not at all; read batch by batch."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import SchemaError
from pipeline.records.document import validate_batch
from pipeline.storage.filesystem import atomic_output, open_input

SUFFIX = ".parquet"

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 1
"""Level 1 writes text at 250 MB/s per core against 186 at level 3, for 8% more bytes."""

_PLAIN = (pa.int32(),)
"""Elements of lists that are written as they are. Such lists hold tokens, too many and too various
for a dictionary: it is given up after a megabyte of every row group. Measured on source code with
Qwen's vocabulary: 247 MB of text a CPU second against 180, for 30% fewer bytes. Splitting the
streams of bytes (BYTE_STREAM_SPLIT) is 1.2 times faster still, for 9% more bytes, and few readers
know it for integers."""

READ_ROWS = 512
"""Rows of a batch read back: a few megabytes of text, so that per-batch costs vanish."""


class HashingFile:
    """A binary output that digests and counts what passes through; pyarrow can write to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._position = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        self._digest.update(data)
        self._file.write(data)
        self._position += len(data)
        return len(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write all of ``lines``, one after the other."""
        for line in lines:
            self.write(line)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def flush(self) -> None:
        """Pass on to the file below."""
        self._file.flush()

    def close(self) -> None:
        """Mark closed; the file below is its owner's to close."""
        self.closed = True

    @property
    def sha256(self) -> str:
        """Hex digest of everything written so far."""
        return self._digest.hexdigest()


GROUP_ROWS = 8192
GROUP_BYTES = 32 << 20
"""A row group ends with the batch that reaches one of these. A group costs a page and a header of
each column, which weighs on short rows of many columns: read four times as fast as in groups of 512
(``benchmarks.packing_speed``). It is held in memory until it is written."""


class TableWriter:
    """One Parquet file under construction; it takes its name when :meth:`close` succeeds.

    The bytes depend only on the batches given: no time, host or library path is stored.
    """

    def __init__(self, path: str, schema: pa.Schema) -> None:
        self._schema = schema.remove_metadata()
        self._stack = ExitStack()
        self._file = HashingFile(self._stack.enter_context(atomic_output(path)))
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression=COMPRESSION,
            compression_level=COMPRESSION_LEVEL,
            store_schema=True,
            use_dictionary=_dictionary_columns(self._schema),
        )
        self._group: list[pa.RecordBatch] = []
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows; SchemaError unless the columns are exactly the schema's."""
        validate_batch(batch, self._schema)
        if batch.num_rows:
            self._group.append(batch.replace_schema_metadata(None))
            self.rows += batch.num_rows
            rows = sum(part.num_rows for part in self._group)
            if rows >= GROUP_ROWS or sum(part.nbytes for part in self._group) >= GROUP_BYTES:
                self._write_group()

    def close(self) -> tuple[int, str]:
        """Finish and rename. Returns the bytes and the SHA-256 of the file."""
        self._write_group()
        self._writer.close()
        self._stack.close()
        return self._file.tell(), self._file.sha256

    def _write_group(self) -> None:
        if self._group:
            self._writer.write_table(pa.Table.from_batches(self._group, self._schema))
            self._group = []

    def abort(self) -> None:
        """Throw away what was written; nothing appears under the path."""
        with suppress(OSError):  # it would write a footer, perhaps to a full disk
            self._writer.close()
        aborted = InterruptedError("the shard was given up before it was complete")
        self._stack.__exit__(InterruptedError, aborted, None)


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Paths of the columns for which Parquet tries a dictionary, all but those of ``_PLAIN``."""
    return [
        path
        for field in schema
        if not (_is_list(field.type) and field.type.value_type in _PLAIN)
        for path in _leaves(field)
    ]


def _leaves(field: pa.Field) -> Iterator[str]:
    """Dotted paths of a field's primitive columns, as Parquet names them."""
    kind = field.type
    if pa.types.is_struct(kind):
        for inner in kind:
            yield from (f"{field.name}.{path}" for path in _leaves(inner))
    elif _is_list(kind):
        element = pa.field("element", kind.value_type)
        yield from (f"{field.name}.list.{path}" for path in _leaves(element))
    else:
        yield field.name


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def columns_of(path: str) -> list[str]:
    """Names of the columns of a Parquet file."""
    with open_input(path) as file:
        names: list[str] = pq.read_schema(file).names
        return names


def read_table(
    path: str, *, columns: Sequence[str] | None = None, rows: int = READ_ROWS
) -> Iterator[pa.RecordBatch]:
    """Batches of at most ``rows`` rows of a Parquet file, in order; all columns by default.

    Raises SchemaError when a named column is not in the file.
    """
    with open_input(path) as file, pq.ParquetFile(file) as parquet:
        if columns is not None:
            missing = sorted(set(columns) - set(parquet.schema_arrow.names))
            if missing:
                raise SchemaError(
                    f"{path} has no columns {missing}; it has {parquet.schema_arrow.names}"
                )
        yield from parquet.iter_batches(
            batch_size=rows, columns=None if columns is None else list(columns)
        )


def read_rows(
    path: str, rows: npt.NDArray[np.int64], *, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of these numbers, ascending, of a Parquet file; groups without any are not read."""
    with open_input(path) as file, pq.ParquetFile(file) as parquet:
        first = 0
        for group in range(parquet.metadata.num_row_groups):
            end = first + parquet.metadata.row_group(group).num_rows
            held = rows[(rows >= first) & (rows < end)] - first
            if len(held):
                table = parquet.read_row_group(group, columns=list(columns)).take(pa.array(held))
                yield from table.combine_chunks().to_batches()
            first = end


def read_aligned(
    paths: Sequence[str], columns: Sequence[Sequence[str] | None], *, rows: int = READ_ROWS
) -> Iterator[list[pa.RecordBatch]]:
    """Read sidecar tables side by side: each step yields one batch of every table.

    All batches of a step have the same rows in the same order. Raises SchemaError when the
    tables differ in rows; that they also agree on ``id`` is the caller's to ask for by column.
    """
    tables = [read_table(p, columns=c, rows=rows) for p, c in zip(paths, columns, strict=True)]
    while True:
        step = [next(table, None) for table in tables]
        if all(batch is None for batch in step):
            return
        sizes = {None if batch is None else batch.num_rows for batch in step}
        if len(sizes) != 1:
            raise SchemaError(f"tables that belong together differ in rows: {list(paths)}")
        yield step
