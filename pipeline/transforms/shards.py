"""Which shards are still to do, and the tables of shards made before, as batches with addresses."""

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.outcome import addressed, empty


@dataclass(eq=False)
class PendingShards(beam.PTransform):  # type: ignore[misc]
    """Numbers of the shards that lack a receipt for one of ``outputs``.

    A run that was killed goes on here with what it had not finished. The numbers are reshuffled,
    because a runner fuses what follows and one number stands for minutes of work.
    """

    folder: StageFolder
    num_shards: int
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__init__(label="Pending shards")

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """One int for each shard to do."""
        return (
            begin
            | "Number of shards" >> beam.Create([self.num_shards])
            | "List pending" >> beam.FlatMap(self._pending).with_output_types(int)
            | "Spread shards" >> beam.Reshuffle()
        )

    def _pending(self, num_shards: int) -> Iterator[int]:
        for shard in range(num_shards):
            if self.folder.receipts(self.outputs, shard) is None:
                yield shard


@dataclass(eq=False)
class ReadShards(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> the batches of one earlier output, stamped with their address.

    ``columns`` None reads all.
    """

    folder: StageFolder
    output: str
    num_shards: int
    schema: pa.Schema
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__init__(label=f"Read {self.output}")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Batches of every shard, in order within the shard."""
        return shards | "Read shards" >> beam.FlatMap(self._read).with_output_types(pa.RecordBatch)

    def _read(self, shard: int) -> Iterator[pa.RecordBatch]:
        schema = self.schema
        if self.columns is not None:
            schema = pa.schema([schema.field(name) for name in self.columns])
        yield from addressed(
            read_table(
                self.folder.table(self.output, shard, self.num_shards), columns=self.columns
            ),
            shard=shard,
            num_shards=self.num_shards,
            empty=empty(schema),
        )
