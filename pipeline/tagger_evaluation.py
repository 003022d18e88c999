"""Evaluate a tagger on labels that it was not trained on: a table, a page, its numbers as JSON."""

import json
import math
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.taggers.backend import Backend, HeadSpec, load_backend
from filters.taggers.evaluation import HeadEvaluation, evaluate_head
from filters.taggers.labels import (
    LabelledDocuments,
    LabelRow,
    join_labels,
    read_documents,
    read_labels,
)
from filters.taggers.levels import levels_of
from filters.taggers.quality import measure_heads
from filters.taggers.rubric import Head, Rubric, load_rubric
from filters.taggers.split import Document, group_of, is_held_out
from pipeline.errors import ConfigError
from pipeline.report.page_tagger import TaggerReport, render
from pipeline.report.terminal import open_console
from pipeline.report.terminal_tables import add_numbers, open_table
from pipeline.storage.filesystem import write_text

BATCH_DOCUMENTS = 256
DIGITS = 4
"""Of the numbers in the JSON file; a label more or less changes the third."""


def evaluate(
    model: str, labels_path: str, documents_path: str, *, out: str | None, rubric_path: str | None
) -> None:
    """Print how well a model agrees with the held-out labels; write a page and JSON with ``out``.

    The JSON stands beside the page, under its name with ``.json``. Raises ConfigError for a model
    or labels of other heads, or when no held-out label has its document.
    """
    rubric = load_rubric(rubric_path)
    joined = join_labels(read_labels(labels_path, rubric), read_documents(documents_path))
    print(joined.describe())
    documents, labels = held_out(joined)
    if not documents:
        raise ConfigError(f"{labels_path}: no held-out label belongs to one of {documents_path}")
    backend = load_backend(Path(model))
    report = TaggerReport(
        model=posixpath.basename(model.rstrip("/")),
        labels=posixpath.basename(labels_path),
        annotators=tuple(sorted({row.annotator for row in labels})),
        num_documents=len(documents),
        num_groups=len({group_of(document) for document in documents}),
        joined=joined.describe(),
        heads=tuple(evaluate_backend(backend, rubric, documents, labels)),
    )
    _print(report)
    if out is not None:
        page, numbers = out, f"{out.removesuffix('.html')}.json"
        write_text(page, render(report))
        write_text(numbers, json.dumps(to_json(report), indent=1) + "\n")
        print(f"\nreport: {page}\nnumbers: {numbers}")


def held_out(joined: LabelledDocuments) -> tuple[list[Document], list[LabelRow]]:
    """The documents whose group is held out of training, with their labels."""
    pairs = [
        (document, row)
        for document, row in zip(joined.documents, joined.labels, strict=True)
        if is_held_out(group_of(document))
    ]
    return [document for document, _ in pairs], [row for _, row in pairs]


def evaluate_backend(
    backend: Backend, rubric: Rubric, documents: Sequence[Document], labels: Sequence[LabelRow]
) -> list[HeadEvaluation]:
    """Every head of ``backend`` on the documents, judged as a run would judge them.

    Raises ConfigError where the rubric does not have a head of the model, or has other values.
    """
    heads = [(_rubric_head(rubric, spec), spec) for spec in backend.heads]
    judged = [
        _judge(backend, documents[start : start + BATCH_DOCUMENTS])
        for start in range(0, len(documents), BATCH_DOCUMENTS)
    ]
    evaluations = []
    for head, spec in heads:
        scores = np.concatenate([_scores(head, batch.measures) for batch in judged])
        evaluations.append(
            evaluate_head(
                head,
                np.array([head.values.index(row.labels[head.name]) for row in labels], np.int64),
                np.concatenate([batch.probabilities[head.name] for batch in judged]),
                np.concatenate([_predicted(head, batch.measures) for batch in judged]),
                score=scores,
                level=_levels(spec, scores),
            )
        )
    return evaluations


def to_json(report: TaggerReport) -> dict[str, Any]:
    """All numbers of the page; null where a measure is not defined."""
    return {
        "model": report.model,
        "labels": report.labels,
        "annotators": list(report.annotators),
        "held_out_documents": report.num_documents,
        "held_out_groups": report.num_groups,
        "heads": {one.head.name: _head_json(one) for one in report.heads},
    }


@dataclass(frozen=True)
class _Judged:
    """What a model says of some documents: probabilities, and the measures made of them."""

    probabilities: dict[str, npt.NDArray[np.float32]]
    measures: pa.RecordBatch


def _judge(backend: Backend, documents: Sequence[Document]) -> _Judged:
    found = backend.probabilities(
        [document["text"] for document in documents],
        [document.get("url") for document in documents],
    )
    rows = np.arange(len(documents))
    return _Judged(found, measure_heads(backend.heads, found, rows=rows, num_rows=len(rows)))


def _rubric_head(rubric: Rubric, spec: HeadSpec) -> Head:
    head = rubric.by_name.get(spec.name)
    if head is None:
        raise ConfigError(
            f"the model has a head {spec.name!r}, and the rubric only {sorted(rubric.by_name)}"
        )
    if head.values != spec.values:
        raise ConfigError(
            f"the model's head {spec.name!r} has the values {list(spec.values)}, and the rubric's "
            f"{list(head.values)}: train it again with this rubric"
        )
    return head


def _predicted(head: Head, measures: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """The value of each document as its place among the head's; abstentions as the first.

    Where an ordinal head has a score and no level, its question was taken not to apply.
    """
    values = measures.column(head.name).to_pylist()
    return np.array(
        [0 if value is None else head.values.index(value) for value in values], np.int64
    )


def _scores(head: Head, measures: pa.RecordBatch) -> npt.NDArray[np.float64]:
    """The score of each document; NaN for abstentions and nominal heads."""
    if head.kind == "nominal":
        return np.full(measures.num_rows, np.nan)
    scores: npt.NDArray[np.float64] = (
        measures.column(f"{head.name}_score").cast(pa.float64()).to_numpy(zero_copy_only=False)
    )
    return scores


def _levels(spec: HeadSpec, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The level that each score is cut into; abstentions and nominal heads: 0."""
    if spec.kind == "nominal":
        return np.zeros(len(scores), np.int64)
    return np.where(np.isnan(scores), 0, levels_of(spec, np.nan_to_num(scores))).astype(np.int64)


def _head_json(one: HeadEvaluation) -> dict[str, Any]:
    bins = one.reliability
    return {
        "kind": one.head.kind,
        "values": list(one.head.values),
        "documents": one.num_documents,
        "abstained": one.num_abstained,
        "applicable": one.num_applicable,
        "accuracy_ratio": _rounded(one.accuracy_ratio),
        "macro_f1": _rounded(one.macro_f1),
        "weighted_kappa": _rounded(one.kappa),
        "spearman": _rounded(one.spearman),
        "calibration_error": _rounded(bins.expected_error),
        "f1": [_rounded(value) for value in one.class_f1.tolist()],
        "confusion": one.confusion.tolist(),
        "reliability": {
            "documents": bins.num_documents.tolist(),
            "mean_confidence": [_rounded(value) for value in bins.mean_confidence.tolist()],
            "accuracy_ratio": [_rounded(value) for value in bins.accuracy_ratio.tolist()],
        },
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, DIGITS)


def _print(report: TaggerReport) -> None:
    table = open_table(
        f"{report.num_documents:,} held-out documents of {report.num_groups:,} sites", "head"
    )
    add_numbers(table, "abstained", "accuracy", "macro-F1", "kappa", "Spearman", "ECE")
    for one in report.heads:
        numbers = (
            one.accuracy_ratio,
            one.macro_f1,
            one.kappa,
            one.spearman,
            one.reliability.expected_error,
        )
        shown = ["-" if math.isnan(number) else f"{number:.3f}" for number in numbers]
        table.add_row(one.head.name, f"{one.num_abstained:,}", *shown)
    open_console().print(table)
