"""The evaluation of a tagger as one HTML file: how well each head agrees with held-out labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from filters.taggers.evaluation import NUM_BINS, HeadEvaluation
from pipeline.report.frame import frame
from pipeline.report.markup import (
    NOTHING,
    Column,
    Html,
    code,
    count_column,
    element,
    join,
    measured,
    number,
    paragraph,
    quotient,
    section,
    share,
    table,
    text,
)
from pipeline.report.quantities import plural
from pipeline.report.reliability_chart import reliability_chart


@dataclass(frozen=True)
class TaggerReport:
    """An evaluation: of which model, by whose labels, and what was found for each head.

    ``model`` and ``labels`` are names without folders. ``num_groups`` counts the sites and packages
    of the held-out documents, ``joined`` says which labels had a document.
    """

    model: str
    labels: str
    annotators: tuple[str, ...]
    num_documents: int
    num_groups: int
    joined: str
    heads: tuple[HeadEvaluation, ...]


def render(report: TaggerReport) -> str:
    """The whole page, to be written as UTF-8; equal reports give equal bytes."""
    return frame(
        title=f"{report.model}: tagger evaluation",
        eyebrow="Reasonmill tagger evaluation",
        heading=report.model,
        contents=[
            ("heads", "All heads"),
            *((_anchor(one), one.head.name) for one in report.heads),
        ],
        sections=[_overview(report), *(_head_section(one) for one in report.heads)],
    )


def _overview(report: TaggerReport) -> Html:
    columns = (
        Column(title="Head"),
        Column(title="Kind"),
        count_column("Abstained", "documents that the model does not judge"),
        count_column("Accuracy", "predictions equal to the label"),
        count_column("Macro-F1", "mean over the values that occur, each counting the same"),
        count_column("Weighted kappa", "agreement of levels beyond chance, quadratic weights"),
        count_column("Spearman", "rank correlation of the score with the level"),
        count_column("Calibration error", f"expected, over {NUM_BINS} bins of confidence"),
    )
    rows = [
        [
            element("a", code(one.head.name), href=f"#{_anchor(one)}"),
            text(one.head.kind),
            number(one.num_abstained),
            share(_known(one.accuracy_ratio)),
            quotient(_known(one.macro_f1), decimals=3),
            quotient(_known(one.kappa), decimals=3),
            quotient(_known(one.spearman), decimals=3),
            quotient(_known(one.reliability.expected_error), decimals=3),
        ]
        for one in report.heads
    ]
    return section(
        "heads",
        "How well it agrees with the labels",
        paragraph(
            f"{plural(report.num_documents, 'document')} of {report.num_groups:,} sites "
            f"and packages that are held out of training, from {report.labels}, labelled by "
            f"{', '.join(report.annotators)}. {report.joined[0].upper()}{report.joined[1:]}."
        ),
        table("All heads on the held-out documents", columns, rows),
        paragraph(
            "Accuracy, F1 and calibration are of the documents that the model judges. Kappa and "
            "Spearman are of ordinal heads, where the question applies by the label."
        ),
    )


def _head_section(one: HeadEvaluation) -> Html:
    head = one.head
    applied = (
        NOTHING
        if head.not_applicable is None
        else paragraph(
            f"The question applies to {plural(one.num_applicable, 'document')} by their labels; "
            f"{head.not_applicable} stands for those to which it does not."
        )
    )
    sides = [reliability_chart(one.reliability), _values(one)]
    return section(
        _anchor(one),
        head.name.replace("_", " ").capitalize(),
        paragraph(head.question),
        applied,
        element("div", join(sides, "\n"), class_="beside"),
        _confusion(one),
    )


def _values(one: HeadEvaluation) -> Html:
    """Labels, predictions and F1 of each value."""
    labelled = one.confusion.sum(axis=1).tolist()
    predicted = one.confusion.sum(axis=0).tolist()
    most = max(1, *labelled)
    rows = [
        [
            element("span", text(str(value)), title=meaning),
            measured(count / most, NOTHING, said=number(count)),
            number(guessed),
            quotient(_known(f1), decimals=2),
        ]
        for value, meaning, count, guessed, f1 in zip(
            one.head.values,
            one.head.meanings,
            labelled,
            predicted,
            one.class_f1.tolist(),
            strict=True,
        )
    ]
    columns = (
        Column(title="Value"),
        Column(title="Labels"),
        count_column("Predictions"),
        count_column("F1"),
    )
    return table(f"Values of {one.head.name}", columns, rows)


def _confusion(one: HeadEvaluation) -> Html:
    """Documents by label (rows) and prediction (columns); the shade is the share of the row."""
    columns = [Column(title="label"), *(count_column(str(value)) for value in one.head.values)]
    rows = []
    for place, (value, counts) in enumerate(
        zip(one.head.values, one.confusion.tolist(), strict=True)
    ):
        cells = [_cell(counts, at, is_right=at == place) for at in range(len(counts))]
        rows.append([text(str(value)), *cells])
    shown = table(
        f"Confusion of {one.head.name}: label by row, prediction by column", columns, rows
    )
    of_names = " of-names" if one.head.kind == "nominal" else ""
    return element("div", shown, class_=f"confusion{of_names}")


def _cell(counts: Sequence[int], at: int, *, is_right: bool) -> Html:
    if not counts[at] and not is_right:
        return NOTHING
    heat = counts[at] / max(1, sum(counts))
    return element(
        "span",
        number(counts[at]),
        class_="heat is-right" if is_right else "heat",
        style=f"--heat:{heat:.3f}",
    )


def _anchor(one: HeadEvaluation) -> str:
    return f"head-{one.head.name}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
