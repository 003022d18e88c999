"""Apply a recipe's rules to the measures: which documents go on, and why the others do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.typehints.decorators import no_annotations

from filters.rule import Rule, decide
from pipeline.errors import InvariantError
from pipeline.records.address import address_of
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_aligned, read_table
from pipeline.transforms.annotate import IS_ANNOTATED, MEASURES
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import (
    FAILED,
    KEPT,
    REJECTED,
    Outcome,
    StageOutcome,
    addressed,
    all_kept,
    count_by,
    empty,
    locators,
    outputs,
    split_outcome,
    tagged,
)
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Finished, Stage, outcome_counts

STAGE = "decide"

Int64Array = npt.NDArray[np.int64]

KEPT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),  # in the documents' shard of the same number
    ]
)

_DOCUMENT_COLUMNS = ("id", "source", "url", "provenance")
_ROW = "document_row"


def join_measures(tables: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Put aligned sidecars side by side; ``id`` and ``source`` are taken from the first.

    Raises InvariantError when the rows of one are not those of the others, in their order.
    """
    fields, columns = list(tables[0].schema), list(tables[0].columns)
    for table in tables[1:]:
        if not table.column("id").equals(tables[0].column("id")):
            raise InvariantError(
                f"the sidecar of {table.schema.names} does not belong to these documents: its ids "
                "differ"
            )
        for field, column in zip(table.schema, table.columns, strict=True):
            if field.name not in ("id", "source"):
                fields.append(field)
                columns.append(column)
    return pa.record_batch(columns, schema=pa.schema(fields))


def decide_batch(joined: pa.RecordBatch, rules: Sequence[Rule]) -> Outcome:
    """Judge the rows whose annotation succeeded; the others were counted as failed before.

    ``joined`` holds the documents' id, source, url and provenance, every measure, and the row's
    number in its shard. Each input row that was annotated is either kept or rejected.
    """
    judged = joined.filter(joined.column(IS_ANNOTATED))
    decision = decide(judged, rules)
    kept = judged.filter(decision.keep)
    dropped = pc.invert(decision.keep)
    rejected = judged.filter(dropped)
    values = locators(rejected) | {
        "stage": pa.array([STAGE] * rejected.num_rows, pa.string()),
        "reason": decision.reason.filter(dropped),
        "broken_rules": decision.broken_rules.filter(dropped),
    }
    return Outcome(
        pa.record_batch(
            [kept.column("id"), kept.column("source"), kept.column(_ROW)], schema=KEPT_SCHEMA
        ),
        pa.record_batch([values[f.name] for f in REJECTION_SCHEMA], schema=REJECTION_SCHEMA),
        empty(FAILURE_SCHEMA),
    )


@dataclass(eq=False)
class DecideDocuments(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> kept rows and rejections of each shard.

    ``documents`` and ``sidecars`` are (folder, output) of tables with the same rows.
    """

    documents: tuple[StageFolder, str]
    sidecars: Sequence[tuple[StageFolder, str]]
    num_shards: int
    rules: Sequence[Rule]

    def __post_init__(self) -> None:
        super().__init__(label="Decide documents")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, shards: beam.PCollection) -> StageOutcome:
        """Nothing fails here: a rule that can't be applied stops the run."""
        joined = shards | "Read measures" >> beam.FlatMap(self._read).with_output_types(
            pa.RecordBatch
        )
        return split_outcome(joined | "Apply rules" >> outputs(beam.ParDo(_Decide(self.rules))))

    def _read(self, shard: int) -> Iterator[pa.RecordBatch]:
        tables = [self.documents, *self.sidecars]
        paths = [folder.table(output, shard, self.num_shards) for folder, output in tables]
        columns = [list(_DOCUMENT_COLUMNS), *[None] * len(self.sidecars)]
        yield from addressed(
            _numbered(join_measures(step) for step in read_aligned(paths, columns)),
            shard=shard,
            num_shards=self.num_shards,
            empty=empty(KEPT_SCHEMA),
        )


def decide_stage(
    documents: Finished,
    measures: Finished,
    duplicates: Finished,
    rules: Sequence[Rule],
    *,
    name: str = STAGE,
) -> Stage:
    """Judge every annotated document by ``rules``."""
    num_shards = documents.num_shards(DOCUMENTS)
    names = (KEPT, REJECTED, FAILED)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        outcome = (
            graph
            | PendingShards(folder, num_shards, names)
            | DecideDocuments(
                documents=(documents.folder, DOCUMENTS),
                sidecars=((measures.folder, MEASURES), (duplicates.folder, MARKS)),
                num_shards=num_shards,
                rules=rules,
            )
        )
        outcome.write(folder, KEPT, KEPT_SCHEMA, summarize=count_by("source"))

    return Stage(
        name=name,
        version=1,
        config={"rules": list(rules)},
        inputs={
            "documents": documents.identity,
            "measures": measures.identity,
            "duplicates": duplicates.identity,
        },
        outputs=dict.fromkeys(names, num_shards),
        build=build,
        count=lambda entries: outcome_counts(
            entries, rows_in=measures.manifest.counts.kept, kept=KEPT
        ),
    )


class _Decide(beam.DoFn):  # type: ignore[misc]
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def process(self, joined: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        outcome = decide_batch(joined, self._rules) if joined.num_rows else all_kept(joined)
        yield from tagged(outcome, address_of(joined))


def kept_rows(decided: StageFolder, shard: int, num_shards: int) -> Int64Array:
    """Rows of a shard of documents that the stage in ``decided`` kept, ascending."""
    path = decided.table(KEPT, shard, num_shards)
    parts = [batch.column("row").to_numpy() for batch in read_table(path, columns=["row"])]
    return np.concatenate([np.empty(0, np.int64), *parts])


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in batches:
        rows = pa.array(range(start, start + batch.num_rows), pa.int64())
        yield batch.append_column(_ROW, rows)
        start += batch.num_rows
