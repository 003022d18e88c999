"""What a stage does with the rows it reads: kept, rejected or failed, each in its own table."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records.address import Address, stamp
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import Statistics
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.write import WriteShards

KEPT = "kept"
REJECTED = "rejected"
FAILED = "failed"


class Outcome(NamedTuple):
    """What became of one batch: three tables that share its address."""

    kept: pa.RecordBatch
    rejected: pa.RecordBatch
    failed: pa.RecordBatch


def all_kept(kept: pa.RecordBatch) -> Outcome:
    """The outcome of a batch of which no row was rejected or failed."""
    return Outcome(kept, empty(REJECTION_SCHEMA), empty(FAILURE_SCHEMA))


def locators(documents: pa.RecordBatch) -> dict[str, pa.Array]:
    """The columns by which rejections and failures name documents and where they lie."""
    provenance = documents.column("provenance")
    return {name: documents.column(name) for name in ("id", "source", "url")} | {
        name: pc.struct_field(provenance, name) for name in ("archive", "member", "offset")
    }


def empty(schema: pa.Schema) -> pa.RecordBatch:
    """A batch of no rows."""
    return pa.RecordBatch.from_pylist([], schema=schema)


class StageOutcome(NamedTuple):
    """A stage's batches, by what became of their rows."""

    kept: beam.PCollection
    rejected: beam.PCollection
    failed: beam.PCollection

    def write(
        self,
        folder: StageFolder,
        output: str,
        schema: pa.Schema,
        *,
        summarize: Callable[[pa.RecordBatch], Statistics],
    ) -> beam.PCollection:
        """Write all three tables, kept rows as ``output``; returns the shard entries."""
        return (
            self.kept | WriteShards(folder, output, schema, summarize),
            self.rejected
            | WriteShards(folder, REJECTED, REJECTION_SCHEMA, count_by("source", "reason")),
            self.failed
            | WriteShards(folder, FAILED, FAILURE_SCHEMA, count_by("source", "error_type")),
        ) | f"Gather {output}" >> beam.Flatten()


class count_by:  # noqa: N801 - reads as the function it is; a class so that it pickles
    """Summarize a batch as nested counts of the values of some string columns."""

    def __init__(self, *columns: str) -> None:
        self._columns = list(columns)

    def __call__(self, batch: pa.RecordBatch) -> Statistics:
        """``{first value: {second value: rows}}``; a null counts as "none"."""
        counts: Statistics = {}
        table = pa.Table.from_batches([batch.select(self._columns)])
        found = table.group_by(self._columns, use_threads=False).aggregate([([], "count_all")])
        for row in found.to_pylist():
            *outer, last = (row[name] or "none" for name in self._columns)
            level = counts
            for value in outer:
                level = level.setdefault(value, {})
            level[last] = level.get(last, 0) + row["count_all"]
        return counts


def tagged(outcome: Outcome, address: Address) -> Iterator[pa.RecordBatch]:
    """Emit the three tables of a batch under its address, kept as the main output."""
    yield stamp(outcome.kept, address)
    yield beam.pvalue.TaggedOutput(REJECTED, stamp(outcome.rejected, address))
    yield beam.pvalue.TaggedOutput(FAILED, stamp(outcome.failed, address))


def split_outcome(results: beam.pvalue.DoOutputsTuple) -> StageOutcome:
    """Name the outputs of a ParDo that yields :func:`tagged` batches."""
    return StageOutcome(results[KEPT], results[REJECTED], results[FAILED])


def outputs(pardo: beam.ParDo) -> beam.PTransform:
    """Declare the three outputs of a ParDo that yields :func:`tagged` batches.

    The types are hinted before the outputs are named: what ``with_outputs`` returns ignores them.
    """
    side = dict.fromkeys((REJECTED, FAILED), pa.RecordBatch)
    return pardo.with_output_types(pa.RecordBatch, **side).with_outputs(*side, main=KEPT)


def addressed(
    batches: Iterable[pa.RecordBatch], *, shard: int, num_shards: int, empty: pa.RecordBatch
) -> Iterator[pa.RecordBatch]:
    """Stamp a shard's batches in order; a shard with none gives ``empty`` as its only piece."""
    held: pa.RecordBatch | None = None
    sequence = 0
    for batch in batches:
        if held is not None:
            yield stamp(held, Address(shard, num_shards, sequence, is_last=False))
            sequence += 1
        held = batch
    yield stamp(empty if held is None else held, Address(shard, num_shards, sequence, is_last=True))
