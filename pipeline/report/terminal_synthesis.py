"""The report's tables about synthetic documents on a terminal."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from pipeline.report.quantities import compact, decimal, fitted, percent
from pipeline.report.synthesis import PASS_RATE_NAMES, SynthesisSummary
from pipeline.report.terminal_tables import add_numbers, open_table

_BARS = " " + "".join(chr(0x2580 + eighths) for eighths in range(1, 9))
_ASCII_BARS = " .:-=+*#"


def synthesis_tables(found: SynthesisSummary, *, is_ascii: bool) -> Iterator[Table]:
    """What each strategy asked and got; how often problems were solved, where that is known."""
    yield _strategies_table(found)
    if any(one.pass_rates for one in found.strategies):
        yield _pass_rates_table(found, is_ascii=is_ascii)


def spent(found: SynthesisSummary) -> str:
    """Tokens, rate and cost in a line."""
    said = f"{compact(found.prompt_tokens)} tokens in, {compact(found.completion_tokens)} out"
    rate = found.tokens_per_second
    if rate is not None:
        said += f", {compact(round(rate))} out a second"
    return said if found.price is None else f"{said}, cost {found.price:,.2f}"


def _strategies_table(found: SynthesisSummary) -> Table:
    table = open_table("Synthetic documents", "strategy")
    add_numbers(
        table,
        "items",
        "samples",
        "spared",
        "documents",
        "right",
        "kept",
        "tokens\nout",
        "problem\nset",
    )
    for one in found.strategies:
        table.add_row(
            Text(one.name, "bold"),
            fitted(one.items),
            fitted(one.samples),
            fitted(one.spared),
            fitted(one.documents),
            percent(one.correct_ratio),
            fitted(one.kept),
            fitted(one.completion_tokens),
            fitted(one.problems),
        )
    table.caption, table.caption_justify = spent(found), "left"
    return table


def _pass_rates_table(found: SynthesisSummary, *, is_ascii: bool) -> Table:
    table = open_table("Pass rates of problems", "strategy")
    add_numbers(table, "never", "0 to 1", "always", "mean")
    table.add_column("", no_wrap=True)
    bars = _ASCII_BARS if is_ascii else _BARS
    for one in found.strategies:
        if not one.pass_rates:
            continue
        counts = dict(one.pass_rates)
        most = max(counts.values())
        drawn = "".join(
            bars[_height(counts[name], most, len(bars) - 1)] for name in PASS_RATE_NAMES
        )
        between = sum(counts.values()) - counts["never"] - counts["always"]
        table.add_row(
            Text(one.name, "bold"),
            fitted(counts["never"]),
            fitted(between),
            fitted(counts["always"]),
            decimal(one.correct_ratio),
            Text(f"0 |{drawn}| 1", "green"),
        )
    return table


def _height(count: int, most: int, levels: int) -> int:
    return max(1, round(levels * count / most)) if count else 0
