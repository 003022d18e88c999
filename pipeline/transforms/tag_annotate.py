"""Have a model judge documents by a rubric: excerpts -> requests -> answers -> labels.

An answer that does not follow the rubric is asked for once more, with what was wrong with it. A
document without labels after that is a failed row that says why. Answers are stored by the content
of their request, so a killed job, another limit or a larger sample asks nothing twice.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import RunInference

from filters.taggers.labels import text_sha256
from filters.taggers.rubric import (
    AnswerFault,
    Rubric,
    answer_schema,
    excerpt_of,
    prompt,
    read_answer,
)
from filters.taggers.split import Document
from pipeline.fingerprint import fingerprint
from pipeline.records.address import address_of
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import Statistics
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.outcome import (
    FAILED,
    REJECTED,
    Outcome,
    empty,
    outputs,
    split_outcome,
    tagged,
)
from pipeline.transforms.shards import PendingShards, ReadShards
from pipeline.transforms.stage import Stage, outcome_counts
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import Engine, complete
from synth.engines.inference import REQUEST_COLUMN, RequestHandler
from synth.request import Completion, Message, Request, Sampling

STAGE = "tag-annotate"
VERSION = 1

LABELS = "labels"
"""Output of the stage: the labelled documents, in the order of the file."""

ITEMS = "items"
"""Tables that the driver lays down before the graph runs: what is to be judged, by shard."""

SHARD_DOCUMENTS = 64
"""Documents of a shard, which are asked for together: progress is seen and kept at this step, and a
window of the default 64 requests in flight is filled by one of them."""

MAX_ANSWER_TOKENS = 4096
"""An answer takes some 250 tokens; the rest is for models that reason before they answer."""

REFUSALS = frozenset({"HTTP 400", "HTTP 404", "HTTP 415", "HTTP 422", "HTTP 501"})
"""How servers say that they know no ``response_format``."""

MAX_QUOTED_CHARS = 4000
"""Of a faulty answer, from its end, that is sent back to be mended."""

ITEM_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("archive", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("excerpt", pa.large_string(), nullable=False),
    ]
)
"""A document to judge; ``archive`` is its file's name and ``offset`` its place there, from 0."""

LABEL_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("labels", pa.string(), nullable=False),  # JSON
        pa.field("is_mended", pa.bool_(), nullable=False),  # the second answer was the first good
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("completion_tokens", pa.int64(), nullable=False),
    ]
)

_CHECKED_FIELDS = (
    pa.field("labels", pa.string()),
    pa.field("fault", pa.string()),
    pa.field("error_type", pa.string()),
    pa.field("asked_prompt_tokens", pa.int64()),
    pa.field("asked_completion_tokens", pa.int64()),
)
_CHECKED_SCHEMA = pa.schema(
    [*ITEM_SCHEMA, *_CHECKED_FIELDS, pa.field(REQUEST_COLUMN, pa.large_string())]
)
_FAULTY_ANSWER = "FaultyAnswer"


@dataclass(frozen=True)
class Annotation:
    """Who judges, by which rubric, and whether the server is held to the answer's schema."""

    rubric: Rubric
    endpoint: EndpointConfig
    has_schema: bool

    def ask(self, excerpt: str) -> Request:
        """The request for one document."""
        asked = prompt(self.rubric, excerpt)
        return self._request((Message("system", asked.system), Message("user", asked.user)))

    def ask_again(self, request: Request, answer: str, fault: str) -> Request:
        """The request to mend an answer."""
        quoted = answer.rpartition("</think>")[2].strip()[-MAX_QUOTED_CHARS:]
        complaint = (
            f"That answer cannot be used: {fault}. Answer again, with the JSON object alone."
        )
        mended = (Message("assistant", quoted), Message("user", complaint))
        return self._request((*request.messages, *mended))

    def _request(self, messages: tuple[Message, ...]) -> Request:
        return Request(
            messages=messages,
            model=self.endpoint.model,
            sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=MAX_ANSWER_TOKENS),
            seed=0,
            response_schema=json.dumps(answer_schema(self.rubric)) if self.has_schema else None,
        )


def takes_schema(engine: Engine, request: Request) -> bool:
    """Whether the server behind ``engine`` takes ``request``, which has a response schema.

    Only a refusal says no. Raises ConfigError where the server cannot be asked at all.
    """
    (answer,) = complete(engine, [request])
    return isinstance(answer, Completion) or answer.error_type not in REFUSALS


def to_items(documents: Sequence[Document], *, archive: str) -> pa.RecordBatch:
    """``ITEM_SCHEMA`` of the documents of the file named ``archive``."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": document["id"],
                "source": archive,
                "url": None,
                "archive": archive,
                "offset": offset,
                "sha256": text_sha256(document["text"]),
                "excerpt": excerpt_of(document["text"]),
            }
            for offset, document in enumerate(documents)
        ],
        schema=ITEM_SCHEMA,
    )


def annotate_documents_stage(
    items: pa.RecordBatch, annotation: Annotation, *, cache_folder: str
) -> Stage:
    """Judge every item, SHARD_DOCUMENTS of them in a shard."""
    num_shards = -(-items.num_rows // SHARD_DOCUMENTS)
    names = (LABELS, REJECTED, FAILED)

    def prepare(folder: StageFolder) -> None:
        for shard in range(num_shards):
            writer = TableWriter(folder.table(ITEMS, shard, num_shards), ITEM_SCHEMA)
            writer.write(items.slice(shard * SHARD_DOCUMENTS, SHARD_DOCUMENTS))
            writer.close()

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        outcome = split_outcome(
            graph
            | PendingShards(folder, num_shards, names)
            | ReadShards(folder, ITEMS, num_shards, ITEM_SCHEMA)
            | JudgeItems(annotation, cache_folder)
            | "Read answers" >> outputs(beam.ParDo(_ReadAnswers(annotation)))
        )
        outcome.write(folder, LABELS, LABEL_SCHEMA, summarize=summarize_labels)

    return Stage(
        name=STAGE,
        version=VERSION,
        config={
            "model": annotation.endpoint.model,
            "prompt": list(prompt(annotation.rubric, "")),
            "has_schema": annotation.has_schema,
        },
        inputs={"documents": fingerprint([items["id"].to_pylist(), items["sha256"].to_pylist()])},
        outputs=dict.fromkeys(names, num_shards),
        build=build,
        count=lambda entries: outcome_counts(entries, rows_in=items.num_rows, kept=LABELS),
        prepare=prepare,
    )


@dataclass(eq=False)
class JudgeItems(beam.PTransform):  # type: ignore[misc]
    """Batches of ``ITEM_SCHEMA`` -> the same rows with the last answer to each."""

    annotation: Annotation
    cache_folder: str

    def __post_init__(self) -> None:
        super().__init__(label="Judge items")

    def expand(self, items: beam.PCollection) -> beam.PCollection:
        """Two rounds of inference; in the second only what was faulty in the first is asked."""
        handler = RequestHandler(self.annotation.endpoint, self.cache_folder)
        answered = (
            items
            | "Write requests"
            >> beam.Map(add_requests, self.annotation).with_output_types(pa.RecordBatch)
            | "Ask" >> RunInference(handler).with_output_types(pa.RecordBatch)
        )
        return (
            answered
            | "Check answers"
            >> beam.Map(check_answers, self.annotation).with_output_types(pa.RecordBatch)
            | "Ask again" >> RunInference(handler).with_output_types(pa.RecordBatch)
        )


class _ReadAnswers(beam.DoFn):  # type: ignore[misc]
    def __init__(self, annotation: Annotation) -> None:
        self._annotation = annotation

    def process(self, answered: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        yield from tagged(read_answers(answered, self._annotation), address_of(answered))


def add_requests(items: pa.RecordBatch, annotation: Annotation) -> pa.RecordBatch:
    """The items with what is to be asked of each, their metadata kept."""
    requests = [annotation.ask(excerpt).to_json() for excerpt in items["excerpt"].to_pylist()]
    schema = pa.schema(
        [*ITEM_SCHEMA, pa.field(REQUEST_COLUMN, pa.large_string())], metadata=items.schema.metadata
    )
    columns = [items.column(name) for name in ITEM_SCHEMA.names]
    return pa.record_batch([*columns, pa.array(requests, pa.large_string())], schema=schema)


def check_answers(answered: pa.RecordBatch, annotation: Annotation) -> pa.RecordBatch:
    """The items with their labels, or with what is wrong and the request to mend it."""
    columns = {name: answered.column(name) for name in ITEM_SCHEMA.names}
    checked = [_check(row, annotation) for row in _answers(answered)]
    for field in _CHECKED_SCHEMA:
        if field.name not in columns:
            columns[field.name] = pa.array([row.get(field.name) for row in checked], field.type)
    return pa.record_batch(
        [columns[field.name] for field in _CHECKED_SCHEMA],
        schema=_CHECKED_SCHEMA.with_metadata(answered.schema.metadata),
    )


def _check(row: Mapping[str, Any], annotation: Annotation) -> dict[str, Any]:
    if row["failure_type"] is not None:
        return {"error_type": row["failure_type"], "fault": row["failure_message"]}
    made = {
        "asked_prompt_tokens": row["prompt_tokens"],
        "asked_completion_tokens": row["completion_tokens"],
    }
    labels = read_answer(annotation.rubric, row["completion"])
    if not isinstance(labels, AnswerFault):
        return made | {"labels": json.dumps(dict(labels))}
    request = Request.from_json(row[REQUEST_COLUMN])
    again = annotation.ask_again(request, row["completion"], labels.message)
    return made | {"fault": labels.message, REQUEST_COLUMN: again.to_json()}


def read_answers(answered: pa.RecordBatch, annotation: Annotation) -> Outcome:
    """What became of each item after both rounds: labels, or a failure with its reason."""
    labelled: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for item, row in zip(
        answered.select(ITEM_SCHEMA.names).to_pylist(), _answers(answered), strict=True
    ):
        labels, error_type, message = row["labels"], row["error_type"], row["fault"]
        if row["failure_type"] is not None:
            error_type, message = row["failure_type"], row["failure_message"]
        elif row["completion"] is not None:
            mended = read_answer(annotation.rubric, row["completion"])
            if isinstance(mended, AnswerFault):
                cut = f" (finish_reason {row['finish_reason']})"
                error_type, message = _FAULTY_ANSWER, mended.message + cut
            else:
                labels = json.dumps(dict(mended))
        if labels is None:
            failed.append(_failure(item, error_type, message))
            continue
        labelled.append(
            {
                "id": item["id"],
                "sha256": item["sha256"],
                "labels": labels,
                "is_mended": row["completion"] is not None,
                "prompt_tokens": row["asked_prompt_tokens"] + (row["prompt_tokens"] or 0),
                "completion_tokens": (
                    row["asked_completion_tokens"] + (row["completion_tokens"] or 0)
                ),
            }
        )
    return Outcome(
        pa.RecordBatch.from_pylist(labelled, schema=LABEL_SCHEMA),
        empty(REJECTION_SCHEMA),
        pa.RecordBatch.from_pylist(failed, schema=FAILURE_SCHEMA),
    )


def summarize_labels(labels: pa.RecordBatch) -> Statistics:
    """Labelled documents, those mended, and the tokens that the labels took."""
    return {
        "documents": labels.num_rows,
        "mended": labels["is_mended"].to_pylist().count(True),
        "prompt_tokens": sum(labels["prompt_tokens"].to_pylist()),
        "completion_tokens": sum(labels["completion_tokens"].to_pylist()),
    }


def _answers(answered: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows without their excerpts, as Python values."""
    names = [name for name in answered.schema.names if name not in ITEM_SCHEMA.names]
    rows: list[dict[str, Any]] = answered.select(names).to_pylist()
    return rows


def _failure(item: Mapping[str, Any], error_type: str, message: str) -> dict[str, Any]:
    located = {name: item[name] for name in ("id", "source", "url", "archive", "offset")}
    return located | {"stage": STAGE, "error_type": error_type, "message": message}
