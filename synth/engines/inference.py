"""The engine as a model of Beam's RunInference: a column of requests in, columns of answers out."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler

from synth.cache import RequestCache
from synth.engines.cached import CachedEngine
from synth.engines.engine import Engine, complete
from synth.engines.openai import EndpointConfig, OpenAIEngine
from synth.request import Answered, Completion, Request

REQUEST_COLUMN = "request"

ANSWER_FIELDS = (
    pa.field("completion", pa.large_string()),
    pa.field("finish_reason", pa.string()),
    pa.field("prompt_tokens", pa.int64()),
    pa.field("completion_tokens", pa.int64()),
    pa.field("answered_by", pa.string()),
    pa.field("failure_type", pa.string()),
    pa.field("failure_message", pa.string()),
)
"""What is added to each row: an answer, or why there is none; all null where nothing was asked."""


class EndpointModelHandler(ModelHandler[pa.RecordBatch, pa.RecordBatch, Engine]):  # type: ignore[misc]
    """Batches with a ``request`` column (JSON or null) -> the same rows with ``ANSWER_FIELDS``.

    One engine a worker process, shared by its threads. A request that fails is a row with a
    ``failure_type``; only an endpoint that cannot serve at all fails the bundle. A batch is one
    element and is asked as it is: rows are not regrouped, so they stay in order.
    """

    def __init__(self, endpoint: EndpointConfig, cache_folder: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._cache_folder = cache_folder

    def load_model(self) -> Engine:
        """The endpoint behind the cache; nothing is connected yet."""
        return CachedEngine(OpenAIEngine(self._endpoint), RequestCache(self._cache_folder))

    def run_inference(
        self,
        batch: pa.RecordBatch,
        model: Engine,
        inference_args: Mapping[str, Any] | None = None,
    ) -> Sequence[pa.RecordBatch]:
        """Ask for every row with a request; returns one batch with the metadata of ``batch``."""
        del inference_args
        return [with_answers(batch, model)]

    def get_num_bytes(self, batch: pa.RecordBatch) -> int:
        """Bytes of the columns, for Beam's metrics."""
        return int(batch.nbytes)

    def get_metrics_namespace(self) -> str:
        """Where Beam files the latencies."""
        return "synthesize"

    def should_skip_batching(self) -> bool:
        """The batches are made already, by shard."""
        return True


def with_answers(batch: pa.RecordBatch, engine: Engine) -> pa.RecordBatch:
    """``batch`` with ``ANSWER_FIELDS`` appended, row by row, its metadata kept."""
    texts = batch.column(REQUEST_COLUMN).to_pylist()
    asked = [row for row, text in enumerate(texts) if text is not None]
    answers = complete(engine, [Request.from_json(texts[row]) for row in asked])
    by_row = dict(zip(asked, answers, strict=True))
    rows = [_answer_row(by_row.get(row)) for row in range(batch.num_rows)]
    added = [pa.array([row[field.name] for row in rows], field.type) for field in ANSWER_FIELDS]
    schema = pa.schema([*batch.schema, *ANSWER_FIELDS], metadata=batch.schema.metadata)
    return pa.record_batch([*batch.columns, *added], schema=schema)


def _answer_row(answer: Answered | None) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(field.name for field in ANSWER_FIELDS)
    if isinstance(answer, Completion):
        row |= {
            "completion": answer.text,
            "finish_reason": answer.finish_reason,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "answered_by": answer.model,
        }
    elif answer is not None:
        row |= {
            "failure_type": answer.error_type,
            "failure_message": f"{answer.message} (attempts: {answer.attempts})",
        }
    return row
