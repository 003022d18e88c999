"""Read a shard's inputs into batches of raw records, and state how many there were."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from pipeline.records.manifest import ShardEntry, Statistics
from pipeline.records.record import RECORD_SCHEMA
from pipeline.storage.filesystem import open_input, write_text
from pipeline.storage.record_row import RecordRow, batches
from pipeline.storage.splits import SourceConfig, Split, read_split
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.outcome import addressed, empty

READ = "read"
"""Name of the receipts that say how many records a shard's inputs held."""

SPLITS_NAME = "splits.jsonl"


def write_splits(folder: StageFolder, splits: Sequence[Split]) -> None:
    """Lay down how a stage's inputs divide into shards, before its graph runs."""
    write_text(folder.locate(SPLITS_NAME), "".join(split.to_json() + "\n" for split in splits))


def read_splits(folder: StageFolder) -> list[Split]:
    """What :func:`write_splits` wrote, a split for each shard."""
    with open_input(folder.locate(SPLITS_NAME)) as file:
        return [Split.from_json(line.decode()) for line in file]


@dataclass(eq=False)
class ReadRecords(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> batches of ``RECORD_SCHEMA``, stamped with their address.

    The division of the inputs is read from ``splits.jsonl`` in the stage's folder. When a shard
    has been read to its end, a receipt states its records: the number that kept, rejected and
    failed rows must add up to.
    """

    folder: StageFolder
    sources: Mapping[str, SourceConfig]
    max_record_bytes: int

    def __post_init__(self) -> None:
        super().__init__(label="Read records")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Batches of every shard, in order within the shard."""
        return shards | "Read inputs" >> beam.ParDo(
            _ReadRecords(self.folder, dict(self.sources), self.max_record_bytes)
        ).with_output_types(pa.RecordBatch)


class _ReadRecords(beam.DoFn):  # type: ignore[misc]
    def __init__(
        self, folder: StageFolder, sources: dict[str, SourceConfig], max_record_bytes: int
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._max_record_bytes = max_record_bytes
        self._splits: list[Split] = []

    def setup(self) -> None:
        self._splits = read_splits(self._folder)

    def process(self, shard: int) -> Iterator[pa.RecordBatch]:
        split = self._splits[shard]
        ignored: dict[str, int] = {}
        tally = _Tally()
        rows = read_split(
            split,
            self._sources[split.source],
            max_record_bytes=self._max_record_bytes,
            ignored=ignored,
        )
        yield from addressed(
            batches(tally.count(rows)),
            shard=shard,
            num_shards=split.num_shards,
            empty=empty(RECORD_SCHEMA),
        )
        statistics: Statistics = {
            split.source: {"records": tally.rows, "payload_bytes": tally.bytes, "ignored": ignored}
        }
        self._folder.write_receipt(
            ShardEntry(
                output=READ,
                shard=shard,
                name="",
                rows=tally.rows,
                bytes=tally.bytes,
                sha256="",
                statistics=statistics,
            )
        )


class _Tally:
    """Counts rows and payload bytes as they pass."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0

    def count(self, rows: Iterator[RecordRow]) -> Iterator[RecordRow]:
        for row in rows:
            self.rows += 1
            self.bytes += len(row.payload or b"")
            yield row
