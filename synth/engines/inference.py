"""Engines as models of Beam's RunInference: requests in, answers out; items in, documents out."""

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler

from pipeline.records.address import address_of, stamp
from synth.cache import RequestCache
from synth.engines.cached import CachedEngine
from synth.engines.choice import AnyConfig, open_engine
from synth.engines.engine import Engine, complete
from synth.engines.usage_notes import UsageNotes
from synth.item import STRATEGY_COLUMN, items_of
from synth.judgement import check_sample, empty_tables, judge
from synth.request import Answered, Completion, Request
from synth.rollout import Sampled, Window, roll_out
from synth.sample import Asking
from synth.selection import Selection
from synth.strategies.catalogue import strategy_named
from synth.verification.tools import Tools

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


class RequestHandler(ModelHandler[pa.RecordBatch, pa.RecordBatch, Engine]):  # type: ignore[misc]
    """Batches with a ``request`` column (JSON or null) -> the same rows with ``ANSWER_FIELDS``.

    One engine a worker process, shared by its threads. A request that fails is a row with a
    ``failure_type``; only an engine that cannot work at all fails the bundle. A batch is one
    element and is asked as it is: rows are not regrouped, so they stay in order.
    """

    def __init__(self, engine: AnyConfig, cache_folder: str) -> None:
        super().__init__()
        self._engine = engine
        self._cache_folder = cache_folder

    def load_model(self) -> Engine:
        """The engine behind the cache; nothing is connected yet."""
        return CachedEngine(open_engine(self._engine), RequestCache(self._cache_folder))

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
        return "requests"

    def should_skip_batching(self) -> bool:
        """The batches are made already, by shard."""
        return True


@dataclass(frozen=True)
class Plan:
    """What a recipe says of one strategy."""

    asking: Asking
    selection: Selection


class Rollouts:
    """The model that writes, and all that its samples are checked with, in one worker process."""

    def __init__(self, engine: CachedEngine, notes: UsageNotes) -> None:
        self.engine = engine
        self.notes = notes
        self.window = Window(engine)
        self.tools = Tools()
        self.checkers = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "check")
        self._finalizer = weakref.finalize(self, _close, engine, self.tools, self.checkers)

    def close(self) -> None:
        """End the checks, then the engine."""
        self._finalizer()

    def run(self, items: pa.RecordBatch, plans: Mapping[str, Plan]) -> list[pa.RecordBatch]:
        """The tables of ``synth.judgement.Judged`` for a batch of items of one strategy."""
        if not items.num_rows:
            return [*empty_tables()]
        (name,) = set(items.column(STRATEGY_COLUMN).to_pylist())
        plan = plans[name]
        strategy = strategy_named(name)
        sampled = roll_out(
            items_of(items),
            strategy,
            plan.asking,
            window=self.window,
            check=partial(check_sample, strategy=strategy, tools=self.tools),
            checkers=self.checkers,
        )
        noted = self._noting(sampled)
        return [*judge(noted, strategy, plan.asking, plan.selection, self.tools)]

    def _noting(self, sampled: Iterable[Sampled]) -> Iterator[Sampled]:
        for one in sampled:
            self.notes.note(self.engine.usage)
            yield one


def _close(engine: Engine, tools: Tools, checkers: ThreadPoolExecutor) -> None:
    checkers.shutdown()
    tools.close()
    engine.close()


class RolloutHandler(ModelHandler[pa.RecordBatch, pa.RecordBatch, Rollouts]):  # type: ignore[misc]
    """Batches of items (``ITEM_SCHEMA`` and a strategy) -> the tables that ``judge`` makes of them.

    The tables of a batch carry its address, and are told apart by their columns. Samples are
    generated and checked at once; batches of several threads share the engine's window.
    """

    def __init__(
        self,
        engine: AnyConfig,
        cache_folder: str,
        plans: Mapping[str, Plan],
        usage_folder: str | None = None,
    ) -> None:
        """``usage_folder`` is where processes note what they have asked; None for nowhere."""
        super().__init__()
        self._engine = engine
        self._cache_folder = cache_folder
        self._plans = dict(plans)
        self._usage_folder = usage_folder

    def load_model(self) -> Rollouts:
        """The engine behind the cache, and the verifiers; nothing is started yet."""
        cache = RequestCache(self._cache_folder)
        engine = CachedEngine(open_engine(self._engine), cache)
        return Rollouts(engine, UsageNotes(self._usage_folder))

    def run_inference(
        self,
        batch: pa.RecordBatch,
        model: Rollouts,
        inference_args: Mapping[str, Any] | None = None,
    ) -> Sequence[pa.RecordBatch]:
        """Sample and judge the items of a batch."""
        del inference_args
        address = address_of(batch)
        return [stamp(table, address) for table in model.run(batch, self._plans)]

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
