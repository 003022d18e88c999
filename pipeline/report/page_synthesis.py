"""The page's part about synthetic documents: what each strategy asked, got and verified."""

from collections.abc import Sequence

from pipeline.report.markup import (
    NOTHING,
    Column,
    Html,
    count_column,
    measured,
    number,
    paragraph,
    section,
    share,
    table,
    text,
)
from pipeline.report.quantities import exact, plural, ratio_of
from pipeline.report.summary import RunSummary
from pipeline.report.synthesis import StrategySummary
from pipeline.report.terminal_synthesis import spent

_WHAT = (
    "Samples asked of a model, checked while others were made. Spared samples were not needed any "
    "more. Whether a document is kept is decided by the recipe's rules on what was found; the "
    "problem set holds problems that were solved at least once and are not too easy."
)


def synthesis_section(summary: RunSummary) -> Html:
    """A row for each strategy, and the pass rates of its problems."""
    found = summary.synthesis
    if found is None:
        return section(
            "synthesis", "Synthetic documents", paragraph("No synthetic documents were made.")
        )
    columns = (
        Column(title="Strategy"),
        count_column("Items", "problems or seed documents"),
        count_column("Samples", "planned: items times samples"),
        count_column("Spared"),
        count_column("Documents"),
        count_column("Judged", "answers that could be found right or wrong"),
        count_column("Right"),
        count_column("Kept"),
        count_column("Tokens in"),
        count_column("Tokens out"),
        count_column("Problem set"),
    )
    rows = [_strategy_row(one) for one in found.strategies]
    rates = [_pass_rates(one) for one in found.strategies if one.pass_rates]
    return section(
        "synthesis",
        "Synthetic documents",
        paragraph(f"{_WHAT} In all {spent(found)}."),
        table("Strategies", columns, rows),
        *rates,
    )


def _strategy_row(one: StrategySummary) -> Sequence[Html]:
    return [
        text(one.name),
        number(one.items),
        number(one.samples),
        number(one.spared),
        number(one.documents),
        number(one.judged),
        share(one.correct_ratio),
        number(one.kept),
        number(one.prompt_tokens),
        number(one.completion_tokens),
        number(one.problems),
    ]


def _pass_rates(one: StrategySummary) -> Html:
    total = sum(count for _, count in one.pass_rates)
    columns = (Column(title="Solved in"), count_column("Items"), count_column("Share"))
    rows = [
        [text(_said(name)), number(count), measured(ratio_of(count, total), NOTHING)]
        for name, count in one.pass_rates
        if count
    ]
    caption = (
        f"{one.name}: how often {plural(total, 'item')} were solved ({exact(one.judged)} answers)"
    )
    return table(caption, columns, rows)


def _said(name: str) -> str:
    if name in ("never", "always"):
        return {"never": "no sample", "always": "every sample"}[name]
    low = round(100 * float(name))
    return f"{low} to {low + 10}%"
