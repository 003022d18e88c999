"""Annotating through Beam's RunInference: the way for annotators with an encoder.

The annotators are its model: one copy a worker process, shared by its threads, so that an encoder
lies once in a GPU's memory. Apart from ``annotate`` because RunInference imports torch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler, RunInference

from filters.annotator import Annotator
from pipeline.records.address import address_of, stamp
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.transforms.annotate import IS_ANNOTATED, STAGE, annotate_batch
from pipeline.transforms.outcome import Outcome, empty, outputs, tagged

FAILURE = pa.field("failure", pa.struct(list(FAILURE_SCHEMA)))
"""Beside the measures of a row: why there are none; null where there are."""


@dataclass(frozen=True)
class Loaded:
    """Annotators, in an object that Beam can refer to weakly."""

    annotators: tuple[Annotator, ...]


@dataclass(eq=False)
class InferMeasures(beam.PTransform):  # type: ignore[misc]
    """Batches of documents -> the three outputs of ``outcome.tagged``."""

    build: Callable[[], tuple[Annotator, ...]]

    def __post_init__(self) -> None:
        super().__init__(label="Infer measures")

    def expand(self, documents: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Rows stay in their order, in the batches that they came in."""
        handler = AnnotatorHandler(self.build)
        measured = documents | RunInference(handler).with_output_types(pa.RecordBatch)
        return measured | "Set failures apart" >> outputs(beam.FlatMap(_set_failures_apart))


class AnnotatorHandler(ModelHandler[pa.RecordBatch, pa.RecordBatch, Loaded]):  # type: ignore[misc]
    """A batch of documents is one element, and is measured as it is."""

    def __init__(self, build: Callable[[], tuple[Annotator, ...]]) -> None:
        super().__init__()
        self._build = build

    def load_model(self) -> Loaded:
        """The annotators, their models loaded."""
        return Loaded(self._build())

    def run_inference(
        self,
        batch: pa.RecordBatch,
        model: Loaded,
        inference_args: Mapping[str, Any] | None = None,
    ) -> Sequence[pa.RecordBatch]:
        """Measure one batch; returns one batch with its address: the measures and FAILURE."""
        del inference_args
        outcome = annotate_batch(batch, model.annotators)
        return [stamp(with_failures(outcome), address_of(batch))]

    def get_num_bytes(self, batch: pa.RecordBatch) -> int:
        """Bytes of the columns, for Beam's metrics."""
        return int(batch.nbytes)

    def get_metrics_namespace(self) -> str:
        """Where Beam files the latencies."""
        return STAGE

    def should_skip_batching(self) -> bool:
        """The batches are made already, by shard."""
        return True


def with_failures(outcome: Outcome) -> pa.RecordBatch:
    """The measures with FAILURE beside them, one table of what :func:`annotate_batch` gave."""
    failed = ~outcome.kept.column(IS_ANNOTATED).to_numpy(zero_copy_only=False)
    places = pa.array(np.cumsum(failed) - 1, mask=~failed)
    failures = outcome.failed.to_struct_array().cast(FAILURE.type).take(places)
    return outcome.kept.append_column(FAILURE, failures)


def without_failures(measured: pa.RecordBatch) -> Outcome:
    """The opposite of :func:`with_failures`."""
    failures = measured.column(FAILURE.name).drop_null()
    return Outcome(
        measured.drop_columns([FAILURE.name]),
        empty(REJECTION_SCHEMA),
        pa.RecordBatch.from_struct_array(failures).cast(FAILURE_SCHEMA),
    )


def _set_failures_apart(measured: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    yield from tagged(without_failures(measured), address_of(measured))
