"""The mathematics strategy: sample solutions to problems, check them, keep those that are right."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.rejection import REJECTION_SCHEMA
from synth.plain_text import chat_token, plain_text
from synth.problems import PROBLEM_SCHEMA
from synth.request import Message, Request, Sampling
from synth.verification.verdict import Verdict

STRATEGY = "mathematics"

VERSION = 1
"""Bumped whenever a text or a decision made from the same answers can change."""

SOURCE = f"synth.{STRATEGY}"
"""Source column of the documents made here."""

STAGE = "synthesize"

MEDIA_TYPE = "text/plain"

SAMPLE_SCHEMA = pa.schema(
    [
        *PROBLEM_SCHEMA,
        pa.field("sample", pa.int32()),  # number of the sample of its problem
        pa.field("request", pa.large_string()),  # JSON; null where there is nothing to ask
    ]
)


class MathematicsConfig(BaseModel):
    """Which problems, how many samples of each, and what is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    problems: Annotated[list[str], Field(min_length=1)] = Field(
        description="Files or globs of JSONL (.gz) or Parquet with fields id, problem and answer; "
        "answer may be null."
    )
    samples: Annotated[int, Field(ge=1, le=256)] = Field(
        4, description="Solutions asked for each problem, each with its own seed."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] = Field(0.6, description="Of sampling.")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(0.95, description="Of sampling.")
    max_tokens: Annotated[int, Field(ge=1)] = Field(
        16_384, description="Tokens of a completion, reasoning included; a longer one is rejected."
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = Field(
        0, description="Seed of each problem's first sample; the others count up from it."
    )
    keep: Literal["correct", "all"] = Field(
        "correct",
        description="correct: what the checker found wrong or could not check is rejected; "
        "all: kept, with the verdict in its lineage.",
    )
    split_bytes: Annotated[int, Field(ge=1)] = Field(
        256 << 10, description="Bytes of problems in one shard; large files are cut."
    )


class Verifier(Protocol):
    """What checks an answer against the gold one."""

    name: str
    """Library and version, for the lineage."""

    def verify(self, gold: str | None, answer: str) -> Verdict:
        """The verdict on one completion."""
        ...


class Judged(NamedTuple):
    """What became of the rows of a batch; each row is in one of the three."""

    documents: pa.RecordBatch
    rejections: pa.RecordBatch
    failures: pa.RecordBatch


def template() -> str:
    """The prompt; ``$problem`` is where the problem goes."""
    return _read_template()


def requests_for(problem: str, config: MathematicsConfig, *, model: str) -> list[Request]:
    """One request for each sample; they differ in the seed alone.

    The prompt has no system message: MiMo-7B and most reasoning models ask for an empty one.
    """
    prompt = Template(template()).substitute(problem=problem.strip())
    sampling = Sampling(
        temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_tokens
    )
    return [
        Request(
            messages=(Message("user", prompt),),
            model=model,
            sampling=sampling,
            seed=config.seed + sample,
        )
        for sample in range(config.samples)
    ]


def to_samples(
    problems: pa.RecordBatch, config: MathematicsConfig, *, model: str
) -> pa.RecordBatch:
    """Each problem as ``config.samples`` rows of ``SAMPLE_SCHEMA``; an unreadable row stays one.

    Metadata of ``problems`` is kept.
    """
    rows: list[dict[str, Any]] = []
    for problem in problems.to_pylist():
        if problem["problem"] is None:
            rows.append({**problem, "sample": None, "request": None})
            continue
        for sample, request in enumerate(requests_for(problem["problem"], config, model=model)):
            rows.append({**problem, "sample": sample, "request": request.to_json()})
    batch = pa.RecordBatch.from_pylist(rows, schema=SAMPLE_SCHEMA)
    return batch.replace_schema_metadata(problems.schema.metadata)


def judge(answered: pa.RecordBatch, config: MathematicsConfig, *, verifier: Verifier) -> Judged:
    """Sort answered samples into documents, rejections and failures, in row order.

    ``answered`` has the columns of ``SAMPLE_SCHEMA`` and of ``ANSWER_FIELDS``, and holds all
    samples of a problem side by side: the pass rate is the share of a problem's answers that are
    right. A truncated answer counts as wrong, a failed request not at all.
    """
    documents: list[dict[str, Any]] = []
    rejections: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for rows in _by_problem(answered.to_pylist()):
        judgements = [_Judgement(row, verifier) for row in rows if row["completion"] is not None]
        pass_rate = _pass_rate(judgements, has_gold=rows[0]["answer"] is not None)
        failures.extend(_failure(row) for row in rows if row["completion"] is None)
        for judgement in judgements:
            fault = judgement.fault(config.keep)
            if fault is None:
                documents.append(judgement.document(verifier.name, pass_rate))
            else:
                rejections.append(judgement.rejection(*fault))
    return Judged(
        pa.RecordBatch.from_pylist(documents, schema=DOCUMENT_SCHEMA),
        pa.RecordBatch.from_pylist(rejections, schema=REJECTION_SCHEMA),
        pa.RecordBatch.from_pylist(failures, schema=FAILURE_SCHEMA),
    )


def document_text(problem: str, completion: str) -> str:
    """Problem and solution as plain text, without chat markup or think tags."""
    return f"Problem\n\n{problem.strip()}\n\nSolution\n\n{plain_text(completion)}"


class _Judgement:
    """One answered sample: its text, its verdict and what speaks against it."""

    def __init__(self, row: dict[str, Any], verifier: Verifier) -> None:
        self._row = row
        self._request = Request.from_json(row["request"])
        self._text = document_text(row["problem"], row["completion"])
        self.verdict = Verdict.UNVERIFIED
        self._form_fault = self._find_form_fault()
        if self._form_fault is None:
            self.verdict = verifier.verify(row["answer"], row["completion"])

    def _find_form_fault(self) -> tuple[str, str | None] | None:
        """Why the answer cannot be a document whatever it says: ``(reason, value)``."""
        finish_reason = self._row["finish_reason"]
        if finish_reason == "length":
            return "truncated", str(self._row["completion_tokens"])
        if finish_reason != "stop":
            return "unfinished", finish_reason
        if not plain_text(self._row["completion"]):
            return "empty", None
        token = chat_token(self._text)
        return None if token is None else ("chat_token", token)

    def fault(self, keep: str) -> tuple[str, str | None] | None:
        if self._form_fault is None and keep == "correct" and self.verdict != Verdict.CORRECT:
            return self.verdict.value, None
        return self._form_fault

    def document(self, verifier: str, pass_rate: float | None) -> dict[str, Any]:
        document: dict[str, Any] = dict.fromkeys(DOCUMENT_SCHEMA.names)
        return document | {
            "id": self._id(),
            "text": self._text,
            "source": SOURCE,
            "media_type": MEDIA_TYPE,
            "provenance": {
                "archive": self._row["archive"],
                "member": None,
                "offset": self._row["offset"],
                "length": None,
                "extractor": SOURCE,
                "extractor_version": VERSION,
            },
            "lineage": {
                "seed_ids": [self._row["seed_id"]],
                "strategy": STRATEGY,
                "prompt_sha256": self._request.prompt_sha256,
                "model": self._row["answered_by"] or self._request.model,
                "sampling": self._request.sampling_json,
                "verifier": verifier,
                "verdict": self.verdict.value,
                "pass_rate": pass_rate,
            },
        }

    def rejection(self, reason: str, value: str | None) -> dict[str, Any]:
        return _locator(self._row, self._id()) | {
            "stage": STAGE,
            "reason": f"synth.{reason}",
            "broken_rules": [{"rule": f"synth.{reason}", "column": None, "value": value}],
        }

    def _id(self) -> str:
        return _sample_id(self._row)


def _by_problem(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows grouped by the problem they are samples of; a sample 0 or null opens a group."""
    groups: list[list[dict[str, Any]]] = []
    for row in rows:
        if not row["sample"]:
            groups.append([])
        groups[-1].append(row)
    return groups


def _pass_rate(judgements: Sequence[_Judgement], *, has_gold: bool) -> float | None:
    if not judgements or not has_gold:
        return None
    return sum(j.verdict == Verdict.CORRECT for j in judgements) / len(judgements)


def _failure(row: dict[str, Any]) -> dict[str, Any]:
    is_unread = row["request"] is None
    return _locator(row, _sample_id(row)) | {
        "stage": "read" if is_unread else STAGE,
        "error_type": row["error_type"] if is_unread else row["failure_type"],
        "message": row["error_message"] if is_unread else row["failure_message"],
        "traceback": None,
    }


def _sample_id(row: dict[str, Any]) -> str:
    """Identity of a sample: its seed problem, where that lies, and everything that was asked."""
    asked = "" if row["request"] is None else Request.from_json(row["request"]).key
    return document_id(SOURCE, "\0".join((row["archive"], row["seed_id"], asked)))


def _locator(row: dict[str, Any], sample_id: str) -> dict[str, Any]:
    return {
        "id": sample_id,
        "source": SOURCE,
        "url": None,
        "archive": row["archive"],
        "member": None,
        "offset": row["offset"],
    }


@cache
def _read_template() -> str:
    return files(__package__).joinpath(f"{STRATEGY}.txt").read_text(encoding="utf-8").strip()
