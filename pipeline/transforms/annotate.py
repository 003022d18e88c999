"""Measure documents: a sidecar table of the same rows, beside the documents, without their text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.typehints.decorators import no_annotations

from filters.annotation import annotate, annotation_schema, have_encoders
from filters.annotator import Annotator
from filters.decontamination.annotator import DecontaminationAnnotator
from pipeline.errors import InvariantError, trace
from pipeline.records.address import address_of
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import Counts, Statistics
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_aligned
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import (
    FAILED,
    REJECTED,
    Outcome,
    StageOutcome,
    addressed,
    empty,
    outputs,
    split_outcome,
    tagged,
)
from pipeline.transforms.shards import PendingShards, ReadShards
from pipeline.transforms.stage import Finished, Stage, rows

STAGE = "annotate"

MEASURES = "measures"
"""Output of the stage: the sidecar table."""

NO_SPLIT = ""
"""Key of the statistics for a benchmark that states no split."""

IS_ANNOTATED = "is_annotated"
"""Sidecar column: False where an annotator raised; the other measures of that row are null."""


def measures_schema(annotators: Sequence[Annotator]) -> pa.Schema:
    """Columns of the sidecar: ``id``, ``source``, the annotators' and ``is_annotated``."""
    return annotation_schema(annotators).append(pa.field(IS_ANNOTATED, pa.bool_()))


def annotate_batch(documents: pa.RecordBatch, annotators: Sequence[Annotator]) -> Outcome:
    """Measure every document; one that makes an annotator raise becomes a failed row.

    The kept table has as many rows as ``documents``, in their order, so that sidecars stay
    aligned; a failed document keeps its row there, with null measures. Columns of ``documents``
    that are none of a document's are measures already, and follow those that are made here.
    """
    known = [name for name in documents.schema.names if name not in DOCUMENT_SCHEMA.names]
    outcome = _annotate_batch(documents.select(DOCUMENT_SCHEMA.names), annotators)
    kept = outcome.kept
    for name in known:
        kept = kept.append_column(documents.schema.field(name), documents.column(name))
    return outcome._replace(kept=kept)


def _annotate_batch(documents: pa.RecordBatch, annotators: Sequence[Annotator]) -> Outcome:
    try:
        return _outcome(_measured(documents, annotators), [])
    except Exception as error:  # noqa: BLE001 - the one bad row is found below, and reported
        if documents.num_rows == 1:
            return _outcome(
                _blank(documents, measures_schema(annotators)), [_failure(documents, error)]
            )
    singles = [
        _annotate_batch(documents.slice(i, 1), annotators) for i in range(documents.num_rows)
    ]
    return Outcome(
        pa.concat_batches([single.kept for single in singles]),
        singles[0].rejected,
        pa.concat_batches([single.failed for single in singles]),
    )


def summarize_measures(measures: pa.RecordBatch) -> Statistics:
    """By source, benchmark and split the documents hit, by where; {} without decontamination.

    A document counts under the item that is covered best. Where a benchmark states no split it is
    NO_SPLIT. ``documents`` are all that were searched, hit or not.
    """
    hits = f"{DecontaminationAnnotator.name}.hits"
    if hits not in measures.schema.names:
        return {}
    statistics: Statistics = {}
    for found in pc.value_counts(measures.column("source").filter(pc.is_valid(measures[hits]))):
        statistics[found["values"].as_py()] = {"documents": found["counts"].as_py(), "hits": {}}
    names = [f"{DecontaminationAnnotator.name}.{name}" for name in ("benchmark", "split", "where")]
    is_hit = pc.fill_null(pc.greater(measures[hits], 0), False)
    for row in measures.select(["source", *names]).filter(is_hit).to_pylist():
        source, benchmark, split, where = row.values()
        of_benchmark = statistics[source]["hits"].setdefault(benchmark, {})
        of_split = of_benchmark.setdefault(NO_SPLIT if split is None else split, {})
        of_split[where] = of_split.get(where, 0) + 1
    return statistics


@dataclass(eq=False)
class AnnotateDocuments(beam.PTransform):  # type: ignore[misc]
    """Batches of documents -> their measures (kept) and the documents that failed.

    ``build`` makes the annotators where they run, so that no model is pickled into the graph. With
    ``has_encoder`` that is once a worker process, by RunInference, else once a thread.
    """

    build: Callable[[], tuple[Annotator, ...]]
    has_encoder: bool = False

    def __post_init__(self) -> None:
        super().__init__(label="Annotate documents")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, documents: beam.PCollection) -> StageOutcome:
        """Nothing is rejected here: annotators measure, rules decide."""
        if self.has_encoder:
            from pipeline.transforms.annotate_inference import InferMeasures

            return split_outcome(documents | InferMeasures(self.build))
        return split_outcome(documents | "Annotate" >> outputs(beam.ParDo(_Annotate(self.build))))


class _Annotate(beam.DoFn):  # type: ignore[misc]
    def __init__(self, build: Callable[[], tuple[Annotator, ...]]) -> None:
        self._build = build
        self._annotators: tuple[Annotator, ...] = ()

    def setup(self) -> None:
        self._annotators = self._build()

    def process(self, documents: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        yield from tagged(annotate_batch(documents, self._annotators), address_of(documents))


def annotate_stage(
    documents: Finished,
    annotators: Callable[[], tuple[Annotator, ...]],
    *,
    config: Any,
    name: str = STAGE,
    measured: tuple[str, pa.Schema] | None = None,
) -> Stage:
    """Measure every document of ``documents``; the sidecar has its shards and rows.

    ``measured`` is an output of ``documents``, beside them, with measures made there: its columns
    become part of the sidecar.

    ``annotators`` is called here too, to learn their columns and versions, so a model that is
    missing is reported before anything runs.
    """
    made = annotators()
    schema = measures_schema(made)
    if measured is not None:
        schema = pa.schema([*schema, *_measure_fields(measured[1])])
    num_shards = documents.num_shards(DOCUMENTS)
    names = (MEASURES, REJECTED, FAILED)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        outcome = (
            graph
            | PendingShards(folder, num_shards, names)
            | _ReadMeasured(documents.folder, num_shards, measured)
            | AnnotateDocuments(annotators, has_encoder=have_encoders(made))
        )
        outcome.write(folder, MEASURES, schema, summarize=summarize_measures)

    return Stage(
        name=name,
        version=1,
        config={"annotate": config, "versions": {one.name: one.version for one in made}},
        inputs={"documents": documents.identity},
        outputs=dict.fromkeys(names, num_shards),
        build=build,
        count=lambda entries: Counts(
            rows_in=documents.manifest.rows(DOCUMENTS),
            kept=rows(entries, MEASURES) - rows(entries, FAILED),
            rejected=rows(entries, REJECTED),
            failed=rows(entries, FAILED),
        ),
    )


@dataclass(eq=False)
class _ReadMeasured(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> batches of documents, each beside the measures it has already."""

    folder: StageFolder
    num_shards: int
    measured: tuple[str, pa.Schema] | None

    def __post_init__(self) -> None:
        super().__init__(label="Read documents")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Batches of every shard, in order within the shard."""
        if self.measured is None:
            return shards | ReadShards(self.folder, DOCUMENTS, self.num_shards, DOCUMENT_SCHEMA)
        return shards | "Read both" >> beam.FlatMap(self._read).with_output_types(pa.RecordBatch)

    def _read(self, shard: int) -> Iterator[pa.RecordBatch]:
        if self.measured is None:
            raise RuntimeError("nothing is measured yet")
        output, schema = self.measured
        fields = _measure_fields(schema)
        paths = [self.folder.table(name, shard, self.num_shards) for name in (DOCUMENTS, output)]
        columns = [DOCUMENT_SCHEMA.names, ["id", *(field.name for field in fields)]]
        yield from addressed(
            (_beside(*step) for step in read_aligned(paths, columns)),
            shard=shard,
            num_shards=self.num_shards,
            empty=empty(pa.schema([*DOCUMENT_SCHEMA, *fields])),
        )


def _beside(documents: pa.RecordBatch, measures: pa.RecordBatch) -> pa.RecordBatch:
    if not measures.column("id").equals(documents.column("id")):
        raise InvariantError("the measures beside the documents are not theirs: the ids differ")
    for name in measures.schema.names[1:]:
        documents = documents.append_column(measures.schema.field(name), measures.column(name))
    return documents


def _measure_fields(schema: pa.Schema) -> list[pa.Field]:
    return [field for field in schema if field.name not in ("id", "source")]


def _measured(documents: pa.RecordBatch, annotators: Sequence[Annotator]) -> pa.RecordBatch:
    measures = annotate(documents, annotators)
    flags = pa.array([True] * documents.num_rows, pa.bool_())
    return pa.record_batch([*measures.columns, flags], schema=measures_schema(annotators))


def _blank(documents: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    values = {"id": documents.column("id"), "source": documents.column("source")}
    values[IS_ANNOTATED] = pa.array([False] * documents.num_rows, pa.bool_())
    return pa.record_batch(
        [values.get(f.name, pa.nulls(documents.num_rows, f.type)) for f in schema], schema=schema
    )


def _outcome(kept: pa.RecordBatch, failures: list[dict[str, object]]) -> Outcome:
    return Outcome(
        kept,
        empty(REJECTION_SCHEMA),
        pa.RecordBatch.from_pylist(failures, schema=FAILURE_SCHEMA),
    )


def _failure(document: pa.RecordBatch, error: Exception) -> dict[str, object]:
    provenance = document.column("provenance")[0].as_py()
    return {
        "id": document.column("id")[0].as_py(),
        "source": document.column("source")[0].as_py(),
        "url": document.column("url")[0].as_py(),
        "archive": provenance["archive"],
        "member": provenance["member"],
        "offset": provenance["offset"],
        "stage": STAGE,
        "error_type": type(error).__name__,
        "message": str(error),
        "traceback": trace(error),
    }
