"""The page's parts about tokens: the mixture, its windows, and what they are made of."""

from collections.abc import Sequence

from pipeline.report.markup import (
    ABSENT,
    NOTHING,
    Column,
    Html,
    count_column,
    element,
    join,
    measured,
    number,
    paragraph,
    quotient,
    section,
    share,
    signed,
    stack,
    swatch,
    table,
    text,
)
from pipeline.report.mixture import Ledger, LedgerRow, MixtureComponent, MixtureStage
from pipeline.report.quantities import percent, plural, ratio_of, total_of
from pipeline.report.summary import RunSummary

SERIES_COLOURS = 8
"""Colours of the style sheet; components beyond them start again at the first."""

MAX_LEDGER_ROWS = 24
"""Values of a ledger shown by themselves; the others are summed in one row."""

_MIN_LABELLED_RATIO = 0.08
"""A part of a bar narrower than this has no room for its number on a phone."""

_LEDGER_TITLES = {
    "source": "By source",
    "language": "By language",
    "topic": "By topic",
    "quality": "By quality, in tenths of the tagger's score",
}


def mixture_section(summary: RunSummary) -> Html:
    """Each stage's shares as a bar, then target against realised tokens of every component."""
    if not summary.mixture:
        return section("mixture", "Mixture", paragraph("The mixture has not been solved yet."))
    names = list(dict.fromkeys(one.name for stage in summary.mixture for one in stage.components))
    tones = {name: f"series-{number % SERIES_COLOURS}" for number, name in enumerate(names)}
    legend = join(element("li", swatch(tones[name], name)) for name in names)
    bars = element(
        "figure",
        join(
            [
                element("figcaption", text("Share of each stage's tokens by component")),
                element("ul", legend, class_="legend"),
                element(
                    "ol",
                    join((_mixture_bar(stage, tones) for stage in summary.mixture), "\n"),
                    class_="flow",
                ),
            ]
        ),
    )
    return section(
        "mixture", "Mixture", bars, *(_mixture_table(stage, tones) for stage in summary.mixture)
    )


def _mixture_bar(stage: MixtureStage, tones: dict[str, str]) -> Html:
    parts = []
    for one in stage.components:
        ratio = one.realised_ratio
        ratio = one.solved.share_ratio if ratio is None else ratio
        label = text(percent(ratio, decimals=0)) if ratio >= _MIN_LABELLED_RATIO else NOTHING
        parts.append((tones[one.name], ratio, label))
    return element(
        "li",
        join(
            [
                element("b", text(stage.name)),
                element("span", _size_of(stage), class_="counts"),
                stack(parts),
            ]
        ),
    )


def _size_of(stage: MixtureStage) -> Html:
    length = text(f" of {stage.sequence_tokens:,} tokens")
    if stage.packing is None:
        return join([text("windows"), length, text(", not written yet")])
    noun = " window" if stage.packing.windows == 1 else " windows"
    return join(
        [
            number(stage.packing.windows),
            text(noun),
            length,
            Html(" &middot; "),
            number(stage.packing.tokens),
            text(" tokens"),
        ]
    )


def _mixture_table(stage: MixtureStage, tones: dict[str, str]) -> Html:
    columns = (
        Column(title="Component"),
        count_column("Asked", "as the recipe states it"),
        count_column("Target", "the solved part of the stage"),
        count_column("Target tokens", "the target's part of the budget"),
        count_column("Realised tokens", "in the windows that were written"),
        count_column("Difference", "realised minus target"),
        count_column("Realised", "part of the stage's realised tokens"),
        count_column("Epochs", "copies of the average token"),
        count_column("Most copies", "of the document that the stage uses most"),
        count_column("Unique tokens", "realised, each document once"),
        count_column("New tokens", "of documents that no earlier stage used"),
        count_column("Supply tokens", "what the component could draw from, each document once"),
        count_column("Documents", "copies written, repetitions counted"),
    )
    rows = [_mixture_row(one, tones[one.name]) for one in stage.components]
    realised = stage.realised_tokens
    total = [
        text("All"),
        NOTHING,
        share(sum(one.solved.share_ratio for one in stage.components)),
        number(stage.target_tokens),
        number(realised),
        signed(None if realised is None else realised - stage.target_tokens),
        share(None if realised is None else 1.0),
        ABSENT,
        number(max(one.solved.max_copies for one in stage.components)),
        number(total_of(one.unique_tokens for one in stage.components)),
        number(total_of(one.new_tokens for one in stage.components)),
        number(sum(one.solved.supply_tokens for one in stage.components)),
        number(stage.documents),
    ]
    made = table(f"{stage.name}: target and realised tokens", columns, rows, total=total)
    if not stage.unassigned_documents:
        return made
    left = f"No component of {stage.name} takes {plural(stage.unassigned_documents, 'document')}."
    return join([made, element("p", text(left), class_="note")])


def _mixture_row(one: MixtureComponent, tone: str) -> list[Html]:
    name = [swatch(tone, one.name)]
    if one.is_absent:
        name.append(element("small", text("no document: the others share its part")))
    return [
        join(name),
        text(one.solved.asked),
        share(one.solved.share_ratio),
        number(one.solved.target_tokens),
        number(one.realised_tokens),
        signed(one.difference_tokens),
        share(one.realised_ratio),
        quotient(one.epochs),
        number(one.solved.max_copies),
        number(one.unique_tokens),
        number(one.new_tokens),
        number(one.solved.supply_tokens),
        number(one.documents),
    ]


def packing_section(summary: RunSummary) -> Html:
    """Windows, padding, cut documents, and the targets that MTP can learn from."""
    packed = [(one, one.packing) for one in summary.mixture if one.packing is not None]
    if not packed:
        return section("packing", "Packing", paragraph("No windows have been written yet."))
    windows = table(
        "Windows of each stage",
        (
            Column(title="Stage"),
            count_column("Tokens a window"),
            count_column("Windows"),
            count_column("Tokens"),
            count_column("Padding tokens"),
            count_column("Padding", "per position of the windows"),
            count_column("Documents", "copies, repetitions counted"),
            count_column("Too long", "documents longer than a window"),
            count_column(
                "Cut to fill", "documents that fit a window but were cut to fill windows up"
            ),
            count_column("Truncated", "documents that no window holds whole"),
            count_column(
                "By concatenation", "documents that would be, laid end to end in the same order"
            ),
        ),
        [
            [
                text(stage.name),
                number(stage.sequence_tokens),
                number(packing.windows),
                number(packing.tokens),
                number(packing.padding_tokens),
                share(packing.padding_ratio, decimals=2),
                number(packing.documents),
                number(packing.long_documents),
                number(packing.cut_documents),
                share(packing.truncation_ratio),
                share(packing.concatenation_truncation_ratio),
            ]
            for stage, packing in packed
        ],
    )
    depths = sorted({depth for stage, _ in packed for depth, _ in stage.live_targets})
    targets = table(
        "Live targets by depth of Multi-Token Prediction",
        (
            Column(title="Stage"),
            *(
                count_column(f"Depth {depth}", f"targets {depth + 1} tokens ahead")
                for depth in depths
            ),
        ),
        [
            [text(stage.name), *(_live(stage, depth, packing.tokens) for depth in depths)]
            for stage, packing in packed
        ],
    )
    why = paragraph(
        "Depth 0 predicts the next token. A target is live when it lies in the same document; "
        "the others are masked. Shares are of the stage's tokens."
    )
    return section("packing", "Packing", windows, targets, why)


def _live(stage: MixtureStage, depth: int, tokens: int) -> Html:
    live = dict(stage.live_targets).get(depth)
    return measured(ratio_of(live, tokens), number(live))


def ledger_section(summary: RunSummary) -> Html:
    """What each stage is made of, by the values of every column that was counted."""
    if not summary.ledgers:
        return section("ledger", "Ledger", paragraph("No windows have been written yet."))
    return section(
        "ledger",
        "Ledger",
        paragraph(
            "Tokens of the windows, repetitions counted. Supply is what the mixture could draw "
            "from, each document counted once."
        ),
        *(_ledger_table(ledger) for ledger in summary.ledgers),
    )


def _ledger_table(ledger: Ledger) -> Html:
    columns = [Column(title=ledger.column)]
    if ledger.has_supply:
        columns.append(count_column("supply"))
    for stage in ledger.stages:
        columns.append(count_column(stage))
        columns.append(
            count_column("- solved", f"tokens of {stage} beyond those solved, by chance")
        )
    counts = [_ledger_counts(ledger, row) for row in ledger.rows]
    names = [_value_name(ledger.column, row.value) for row in ledger.rows]
    shown = list(zip(names, counts, strict=True))
    if len(shown) > MAX_LEDGER_ROWS:
        rest = counts[MAX_LEDGER_ROWS - 1 :]
        shown = [
            *shown[: MAX_LEDGER_ROWS - 1],
            (f"{len(rest)} others", [*map(total_of, zip(*rest, strict=True))]),
        ]
    totals = [total_of(column) for column in zip(*counts, strict=True)]
    num_leading = 1 if ledger.has_supply else 0
    return table(
        _LEDGER_TITLES.get(ledger.column, f"By {ledger.column}"),
        columns,
        [[text(name), *_ledger_cells(row, totals, num_leading=num_leading)] for name, row in shown],
        total=[
            text("All"),
            *(
                number(total) if place < num_leading or (place - num_leading) % 2 == 0 else ABSENT
                for place, total in enumerate(totals)
            ),
        ],
    )


def _ledger_counts(ledger: Ledger, row: LedgerRow) -> list[int | None]:
    """The supply where there is one, then each stage's tokens and their difference."""
    counts: list[int | None] = [row.supply_tokens] if ledger.has_supply else []
    for tokens, solved in zip(row.stage_tokens, row.solved_tokens, strict=True):
        counts += [tokens, None if tokens is None or solved is None else tokens - solved]
    return counts


def _ledger_cells(
    row: Sequence[int | None], totals: Sequence[int | None], *, num_leading: int
) -> list[Html]:
    return [
        signed(count) if place >= num_leading and (place - num_leading) % 2 else _part(count, total)
        for place, (count, total) in enumerate(zip(row, totals, strict=True))
    ]


def _part(count: int | None, total: int | None) -> Html:
    if count is None:
        return ABSENT
    ratio = ratio_of(count, total)
    return measured(ratio, number(count))


def _value_name(column: str, value: str) -> str:
    if column == "quality" and value.isdecimal():
        return f"{int(value) / 10:.1f} to {(int(value) + 1) / 10:.1f}"
    return value
