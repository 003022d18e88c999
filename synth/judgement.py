"""From sampled items to rows: documents, what was found out about them, and what was left out.

Each planned sample becomes exactly one row of documents, rejections or failures. A sample whose
answers have the form of a document is one, right or wrong: ``verification.`` columns beside it say
what was found, and the recipe's rules decide. Rejected here is only what is no document: cut short,
without the parts that were asked for, holding chat tokens, or not needed any more.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.rejection import REJECTION_SCHEMA
from synth.item import Item
from synth.rollout import Sampled
from synth.sample import Asking, Sample, first_request
from synth.selection import EASY, Selection, difficulty_of, select
from synth.strategies.strategy import Strategy
from synth.verification.finding import Consensus, Finding
from synth.verification.text_checks import measure_text
from synth.verification.tools import Tools

STAGE = "synthesize"

MEDIA_TYPE = "text/plain"

SCORE_PREFIX = "score_"
"""Fields that a judge's step gives start so; their text is a digit."""

_MEASURES = {
    "copy_ratio": pa.float32(),
    "longest_copied_words": pa.int32(),
    "grounded_ratio": pa.float32(),
    "checkable": pa.int32(),
    "repetition_ratio": pa.float32(),
    "loop_chars": pa.int32(),
    "compression_ratio": pa.float32(),
    "foreign_script_ratio": pa.float32(),
    "language": pa.string(),
    "is_language_switched": pa.bool_(),
    "num_refusals": pa.int32(),
    "num_meta_phrases": pa.int32(),
    "prompt_echo_ratio": pa.float32(),
    "is_unfinished": pa.bool_(),
    "length_ratio": pa.float32(),
}
"""Measures of a text beside those that verification finds; see ``verification.text_checks``."""

_FOUND = {
    "verdict": pa.string(),  # correct | incorrect | unverified; null where nothing is verified
    "verified": pa.bool_(),  # whether it is correct
    "label": pa.string(),  # gold | majority | tests | generated_tests | execution
    "pass_rate": pa.float32(),  # share of the item's answers that are right
    "num_judged": pa.int32(),  # answers that the pass rate is a share of
    "agreement": pa.float32(),  # share of the answers that the majority has
    "difficulty": pa.string(),  # easy | medium | hard, by pass rate
    "rank": pa.int32(),  # place among the item's right answers, 0 the first
    "selection": pa.string(),  # selected | resampled | easy | beyond_cap
    "num_tests": pa.int32(),
    "num_tests_passed": pa.int32(),
    "line_coverage_ratio": pa.float32(),
    "mutants_killed_ratio": pa.float32(),
    "strict_score": pa.float32(),
    "soft_score": pa.float32(),
    "judge_score": pa.float32(),  # the lowest of a judge's scores, 1 to 5
    "num_faults": pa.int32(),  # bounds of the strategy that the text breaks
    "faults": pa.string(),  # their names, joined by ", "
    "prompt_tokens": pa.int64(),
    "completion_tokens": pa.int64(),
}

VERIFICATION_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        *(pa.field(f"verification.{name}", kind) for name, kind in (_FOUND | _MEASURES).items()),
    ]
)
"""A row for each document, in the documents' order."""

ITEM_COUNTS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("strategy", pa.string(), nullable=False),
        pa.field("domain", pa.string()),
        pa.field("num_samples", pa.int32(), nullable=False),  # planned
        pa.field("num_spared", pa.int32(), nullable=False),  # not asked for, or given up
        pa.field("num_judged", pa.int32(), nullable=False),
        pa.field("num_correct", pa.int32(), nullable=False),
        pa.field("pass_rate", pa.float32()),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("completion_tokens", pa.int64(), nullable=False),
    ]
)
"""A row for each item: what was asked of it, and how often it was solved."""

PROBLEM_SET_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("seed_id", pa.string(), nullable=False),  # as its file calls it
        pa.field("strategy", pa.string(), nullable=False),
        pa.field("prompt", pa.large_string(), nullable=False),
        pa.field("answer", pa.large_string()),
        pa.field("label", pa.string()),  # where the answer is from: gold | majority | tests ...
        pa.field("tests", pa.large_string()),
        pa.field("test_groups", pa.list_(pa.int32())),  # 0 the easiest
        pa.field("num_judged", pa.int32(), nullable=False),
        pa.field("num_correct", pa.int32(), nullable=False),
        pa.field("pass_rate", pa.float32(), nullable=False),
        pa.field("difficulty", pa.string(), nullable=False),
        pa.field("selection", pa.string(), nullable=False),  # selected | resampled
        pa.field("model", pa.string(), nullable=False),  # that the pass rate is of
    ]
)
"""The problems for reinforcement learning: solved at least once, and not too easy."""


class Judged(NamedTuple):
    """What became of the samples of some items; each sample is in one of the last three."""

    verification: pa.RecordBatch
    items: pa.RecordBatch
    problems: pa.RecordBatch
    documents: pa.RecordBatch
    rejections: pa.RecordBatch
    failures: pa.RecordBatch


SCHEMAS = {
    "verification": VERIFICATION_SCHEMA,
    "items": ITEM_COUNTS_SCHEMA,
    "problems": PROBLEM_SET_SCHEMA,
    "documents": DOCUMENT_SCHEMA,
    "rejections": REJECTION_SCHEMA,
    "failures": FAILURE_SCHEMA,
}
"""Columns of the tables of :class:`Judged`, no two alike."""


def source_of(strategy: Strategy) -> str:
    """Source column of the documents that a strategy makes."""
    return f"synth.{strategy.name}"


def check_sample(item: Item, sample: Sample, strategy: Strategy, tools: Tools) -> Finding:
    """Verify and measure one finished sample; never raises for what a model wrote."""
    fields = sample.fields or {}
    finding = Finding()
    if strategy.verification is not None:
        finding = strategy.verification.check(item, fields, tools)
    text = fields[strategy.measured_field]
    measures = measure_text(text, source=item.source_text, prompt=strategy.steps[-1].text)
    values: dict[str, Any] = {name: getattr(measures, name, None) for name in _MEASURES}
    values["length_ratio"] = len(text) / max(1, len(item.source_text))
    scores = {
        name.removeprefix(SCORE_PREFIX): int(value)
        for name, value in fields.items()
        if name.startswith(SCORE_PREFIX)
    }
    return finding.with_measures(values, scores)


def conclude(sampled: Sampled, strategy: Strategy, tools: Tools) -> tuple[Sampled, Consensus]:
    """Look at all samples of an item together."""
    findings = [one.finding for one in sampled.samples]
    if strategy.verification is None:
        return sampled, Consensus(findings=findings)
    fields = [one.fields for one in sampled.samples]
    consensus = strategy.verification.conclude(sampled.item, findings, fields, tools)
    return sampled.with_findings(consensus), consensus


def judge(
    sampled: Iterable[Sampled],
    strategy: Strategy,
    asking: Asking,
    selection: Selection,
    tools: Tools,
) -> Judged:
    """Sort the samples of ``sampled`` into tables, in the order of items and samples."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in Judged._fields}
    for one in sampled:
        concluded, consensus = conclude(one, strategy, tools)
        _judge_item(concluded, consensus, strategy, asking, selection, rows)
    return Judged(
        *(pa.RecordBatch.from_pylist(rows[name], schema=SCHEMAS[name]) for name in Judged._fields)
    )


def empty_tables() -> Judged:
    """What becomes of no items."""
    return Judged(*(pa.RecordBatch.from_pylist([], schema=SCHEMAS[n]) for n in Judged._fields))


def _judge_item(  # noqa: PLR0917 - the state of judge()
    sampled: Sampled,
    consensus: Consensus,
    strategy: Strategy,
    asking: Asking,
    selection: Selection,
    rows: Mapping[str, list[dict[str, Any]]],
) -> None:
    item = sampled.item
    is_verified = strategy.verification is not None
    selected = select(item, sampled.samples, selection, is_verified=is_verified)
    for sample, choice in zip(sampled.samples, selected.choices, strict=True):
        if sample.failure is not None:
            rows["failures"].append(_failure(item, sample, strategy))
        elif sample.fault is not None:
            fault = sample.fault
            rows["rejections"].append(
                _rejection(
                    item, sample_id(item, sample, strategy), strategy, fault.reason, fault.detail
                )
            )
        else:
            rows["documents"].append(_document(item, sample, strategy, selected.pass_rate))
            rows["verification"].append(
                _verification(item, sample, strategy)
                | {
                    "verification.pass_rate": selected.pass_rate,
                    "verification.num_judged": selected.num_judged,
                    "verification.difficulty": difficulty_of(selected.pass_rate),
                    "verification.rank": choice.rank,
                    "verification.selection": choice.selection,
                }
            )
    for number in range(len(sampled.samples), len(sampled.samples) + sampled.num_spared):
        request = first_request(item, number, strategy, asking)
        spared = _sample_id(item, request.key, strategy)
        rows["rejections"].append(_rejection(item, spared, strategy, "not_needed", None))
    rows["items"].append(
        {
            "id": item.id,
            "strategy": strategy.name,
            "domain": item.domain,
            "num_samples": len(sampled.samples) + sampled.num_spared,
            "num_spared": sampled.num_spared,
            "num_judged": selected.num_judged,
            "num_correct": selected.num_correct,
            "pass_rate": selected.pass_rate,
            "prompt_tokens": sum(one.usage.prompt_tokens for one in sampled.samples),
            "completion_tokens": sum(one.usage.completion_tokens for one in sampled.samples),
        }
    )
    if selected.num_correct and selected.problem_selection != EASY and item.problem is not None:
        rows["problems"].append(
            {
                "id": item.id,
                "seed_id": item.seed_id,
                "strategy": strategy.name,
                "prompt": item.problem.strip(),
                "answer": consensus.answer,
                "label": consensus.label,
                "tests": item.tests,
                "test_groups": consensus.groups,
                "num_judged": selected.num_judged,
                "num_correct": selected.num_correct,
                "pass_rate": selected.pass_rate,
                "difficulty": difficulty_of(selected.pass_rate),
                "selection": selected.problem_selection,
                "model": asking.model,
            }
        )


def sample_id(item: Item, sample: Sample, strategy: Strategy) -> str:
    """Identity of a sample: its seed and everything that was asked first."""
    return _sample_id(item, sample.request.key, strategy)


def _sample_id(item: Item, key: str, strategy: Strategy) -> str:
    return document_id(source_of(strategy), f"{item.id}\0{key}")


def _document(
    item: Item, sample: Sample, strategy: Strategy, pass_rate: float | None
) -> dict[str, Any]:
    document: dict[str, Any] = dict.fromkeys(DOCUMENT_SCHEMA.names)
    finding = sample.finding or Finding()
    return document | {
        "id": sample_id(item, sample, strategy),
        "text": sample.text,
        "source": source_of(strategy),
        "media_type": MEDIA_TYPE,
        "provenance": {
            "archive": item.archive,
            "member": item.member,
            "offset": item.offset,
            "length": None,
            "extractor": source_of(strategy),
            "extractor_version": strategy.version,
        },
        "lineage": {
            "seed_ids": [item.seed_id],
            "strategy": strategy.name,
            "prompt_sha256": sample.request.prompt_sha256,
            "model": sample.model,
            "sampling": sample.request.sampling_json,
            "verifier": finding.verifier,
            "verdict": None if finding.verdict is None else finding.verdict.value,
            "pass_rate": pass_rate,
        },
    }


def _verification(item: Item, sample: Sample, strategy: Strategy) -> dict[str, Any]:
    finding = sample.finding or Finding()
    faults = [bounds.fault for bounds in strategy.bounds if bounds.is_broken_by(finding)]
    tests = finding.tests
    found: dict[str, Any] = {
        "verdict": None if finding.verdict is None else finding.verdict.value,
        "verified": None if finding.verdict is None else finding.is_correct,
        "label": finding.label,
        "agreement": finding.agreement,
        "num_tests": None if tests is None else len(tests),
        "num_tests_passed": None if tests is None else sum(map(bool, tests)),
        "line_coverage_ratio": finding.line_coverage_ratio,
        "mutants_killed_ratio": finding.mutants_killed_ratio,
        "strict_score": finding.strict_score,
        "soft_score": finding.soft_score,
        "judge_score": min(finding.scores.values(), default=None),
        "num_faults": len(faults),
        "faults": ", ".join(faults) or None,
        "prompt_tokens": sample.usage.prompt_tokens,
        "completion_tokens": sample.usage.completion_tokens,
        **finding.measures,
    }
    named = {f"verification.{name}": value for name, value in found.items()}
    return {"id": sample_id(item, sample, strategy), "source": source_of(strategy)} | named


def _rejection(
    item: Item, row_id: str, strategy: Strategy, reason: str, value: str | None
) -> dict[str, Any]:
    return (
        {"id": row_id, "source": source_of(strategy)}
        | item.locator
        | {
            "stage": STAGE,
            "reason": f"synth.{reason}",
            "broken_rules": [{"rule": f"synth.{reason}", "column": None, "value": value}],
        }
    )


def _failure(item: Item, sample: Sample, strategy: Strategy) -> dict[str, Any]:
    failure = sample.failure
    if failure is None:
        raise ValueError(f"sample {sample.number} of {item.id!r} has not failed")
    return (
        {"id": sample_id(item, sample, strategy), "source": source_of(strategy)}
        | item.locator
        | {
            "stage": STAGE,
            "error_type": failure.error_type,
            "message": f"{failure.message} (attempts: {failure.attempts})",
            "traceback": None,
        }
    )
