"""Write each shard's batches to a file of its own, by the worker that holds them.

No shuffle: the batches of a shard reach the writer in order because every step between the
reader and the writer is a ParDo of the same bundle. The writer does not trust that: it demands
the pieces in sequence and fails the bundle on a gap, so a runner that broke the chain would be
found out, never silently obeyed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import apache_beam as beam
import pyarrow as pa

from pipeline.errors import InvariantError
from pipeline.records.address import Address, address_of
from pipeline.records.manifest import ShardEntry, Statistics, merge_statistics
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter


def no_statistics(batch: pa.RecordBatch) -> Statistics:
    """Count nothing beyond rows and bytes."""
    del batch
    return {}


def write_shard(  # noqa: PLR0917 - as WriteShards, and the shard
    folder: StageFolder,
    output: str,
    shard: int,
    num_shards: int,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    summarize: Callable[[pa.RecordBatch], Statistics] = no_statistics,
) -> ShardEntry:
    """Write one shard whose batches are at hand, and its receipt; without them it is empty."""
    written = _OpenShard(folder, output, schema, Address(shard, num_shards, 0, is_last=True))
    try:
        for batch in batches:
            written.write(batch, summarize(batch))
    except BaseException:
        written.abort()
        raise
    entry = written.close()
    folder.write_receipt(entry)
    return entry


@dataclass(eq=False)
class WriteShards(beam.PTransform):  # type: ignore[misc]
    """Batches with addresses -> one Parquet file a shard -> ``ShardEntry``.

    ``summarize`` turns a batch into numbers that add up over batches; their sum goes into the
    entry, and from there into the manifest and the report.
    """

    folder: StageFolder
    output: str
    schema: pa.Schema
    summarize: Callable[[pa.RecordBatch], Statistics] = field(default=no_statistics)

    def __post_init__(self) -> None:
        super().__init__(label=f"Write {self.output}")

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """One entry for each shard that arrives whole."""
        return batches | "Write shards" >> beam.ParDo(
            _WriteShards(self.folder, self.output, self.schema, self.summarize)
        ).with_output_types(ShardEntry)


class _WriteShards(beam.DoFn):  # type: ignore[misc]
    def __init__(
        self,
        folder: StageFolder,
        output: str,
        schema: pa.Schema,
        summarize: Callable[[pa.RecordBatch], Statistics],
    ) -> None:
        self._folder = folder
        self._output = output
        self._schema = schema
        self._summarize = summarize
        self._open: _OpenShard | None = None

    def start_bundle(self) -> None:
        self._give_up()

    def process(self, batch: pa.RecordBatch) -> Iterator[ShardEntry]:
        address = address_of(batch)
        if self._open is None:
            self._open = _OpenShard(self._folder, self._output, self._schema, address)
        self._open.expect(address)
        self._open.write(batch, self._summarize(batch))
        if address.is_last:
            entry = self._open.close()
            self._open = None
            self._folder.write_receipt(entry)
            yield entry

    def finish_bundle(self) -> None:
        if self._open is not None:
            shard = self._open.shard
            self._give_up()
            raise InvariantError(
                f"shard {shard} of {self._output!r} ended before its last piece: the runner "
                "split a shard over bundles"
            )

    def teardown(self) -> None:
        self._give_up()

    def _give_up(self) -> None:
        if self._open is not None:
            self._open.abort()
            self._open = None


class _OpenShard:
    """A shard's file while its pieces come in."""

    def __init__(
        self, folder: StageFolder, output: str, schema: pa.Schema, address: Address
    ) -> None:
        self.shard = address.shard
        self._output = output
        self._name = folder.shard_file(output, address.shard, address.num_shards)
        self._writer = TableWriter(folder.locate(self._name), schema)
        self._sequence = 0
        self._statistics: list[Statistics] = []

    def expect(self, address: Address) -> None:
        if (address.shard, address.sequence) != (self.shard, self._sequence):
            raise InvariantError(
                f"{self._output!r}: piece {address.sequence} of shard {address.shard} arrived "
                f"where piece {self._sequence} of shard {self.shard} was due"
            )

    def write(self, batch: pa.RecordBatch, statistics: Statistics) -> None:
        self._writer.write(batch)
        self._statistics.append(statistics)
        self._sequence += 1

    def close(self) -> ShardEntry:
        num_bytes, sha256 = self._writer.close()
        return ShardEntry(
            output=self._output,
            shard=self.shard,
            name=self._name,
            rows=self._writer.rows,
            bytes=num_bytes,
            sha256=sha256,
            statistics=merge_statistics(self._statistics),
        )

    def abort(self) -> None:
        self._writer.abort()
