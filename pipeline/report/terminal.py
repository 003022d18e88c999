"""The report as tables on a terminal, and the same as plain text where the output is none."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report.mixture import MixtureComponent, MixtureStage
from pipeline.report.quantities import (
    UNKNOWN,
    byte_size,
    compact,
    decimal,
    exact,
    fitted,
    percent,
    plural,
    ratio_of,
)
from pipeline.report.summary import MIN_FIDELITY_RATIO, Cause, RunSummary, SourceSummary
from pipeline.report.terminal_contamination import contamination_table
from pipeline.report.terminal_duplicates import duplicate_tables
from pipeline.report.terminal_synthesis import synthesis_tables
from pipeline.report.terminal_tables import add_numbers, blocks, open_table

WIDTH_CHARS = 100
"""Columns of an output that is no terminal and so has no width of its own."""

MAX_CAUSES = 10
"""Rejections and failures shown; the page has all of them."""

MAX_SOURCES = 2
"""Sources named beside a cause; more would not fit beside the numbers."""

MAX_NAME_CHARS = 40
"""Of a source or a cause in its column; a longer one goes on in the next line."""

_COLOURS = ("blue", "orange3", "green", "yellow3", "magenta", "cyan", "grey62", "gold3")
"""In the order of the page's series."""


def open_console(file: IO[str] | None = None) -> Console:
    """A console on ``file``, by default standard output; without colour where it is no terminal."""
    target = sys.stdout if file is None else file
    width = None if target.isatty() else WIDTH_CHARS
    return Console(file=target, width=width, highlight=False, soft_wrap=False)


def print_summary(summary: RunSummary, console: Console) -> None:
    """Print every table; the mixture comes last, where the eye is."""
    console.print(Text(headline(summary), "bold"), soft_wrap=True)
    for table in tables(summary, is_ascii=console.options.ascii_only):
        console.print()
        console.print(table)
    if summary.alarms:
        console.print()
        console.print(Text("Look at these", "bold"))
    for alarm in summary.alarms:
        console.print(Text(f"  {alarm.text}", "yellow"), soft_wrap=True)
    print_mixture(summary, console)


def headline(summary: RunSummary) -> str:
    """What came in and what came out, in a line."""
    steps = [
        (summary.records, "records", f" ({byte_size(summary.payload_bytes)})"),
        (summary.kept, "documents kept", ""),
        (summary.tokens, "tokens", ""),
        (summary.realised_tokens, "training tokens", f" in {exact(summary.windows)} windows"),
    ]
    said = [f"{compact(count)} {what}{more}" for count, what, more in steps if count is not None]
    return f"{summary.recipe}: " + (" -> ".join(said) or "nothing has finished yet")


def tables(summary: RunSummary, *, is_ascii: bool = False) -> Iterator[Table]:
    """The tables before the mixture, empty ones left out."""
    yield yield_table(summary)
    if summary.sources:
        yield sources_table(summary)
    if summary.inexact is not None:
        yield tokenization_table(summary)
    if summary.synthesis is not None:
        yield from synthesis_tables(summary.synthesis, is_ascii=is_ascii)
    if summary.duplicates is not None:
        yield from duplicate_tables(summary.duplicates, is_ascii=is_ascii)
    if summary.contamination is not None:
        yield contamination_table(summary.contamination)
    if summary.rejections:
        yield causes_table("Rejections", summary.rejections)
    if summary.failures:
        yield causes_table("Failures", summary.failures)


def print_mixture(summary: RunSummary, console: Console) -> None:
    """Print the mixture as solved and as written, then its windows."""
    if not summary.mixture:
        return
    console.print()
    console.print(mixture_table(summary, is_ascii=console.options.ascii_only))
    if any(stage.packing is not None for stage in summary.mixture):
        console.print()
        console.print(windows_table(summary))


def yield_table(summary: RunSummary) -> Table:
    """A row for each stage: what became of the rows that entered it."""
    table = open_table("Yield", "stage", "identity", "rows are")
    add_numbers(table, "rows in", "kept", "rejected", "failed", "yield")
    for stage in summary.stages:
        counts = stage.counts
        table.add_row(
            Text(stage.name, "bold"),
            Text(stage.identity, "dim"),
            stage.unit,
            fitted(counts.rows_in),
            fitted(counts.kept),
            _loss(counts.rejected, "yellow"),
            _loss(counts.failed, "red"),
            percent(ratio_of(counts.kept, counts.rows_in)),
        )
    return table


def sources_table(summary: RunSummary) -> Table:
    """A row for each source, from records to tokens; ``structure`` is what extraction kept."""
    table = open_table("Sources")
    widest = max((len(one.name) for one in summary.sources), default=0)
    table.add_column("source", overflow="fold", min_width=min(widest, MAX_NAME_CHARS))
    add_numbers(
        table,
        "records",
        "read",
        "kept",
        "rejected",
        "failed",
        "tokens",
        "per byte",
        "structure",
    )
    for one in summary.sources:
        table.add_row(
            Text(one.name, "bold"),
            fitted(one.records),
            byte_size(one.payload_bytes),
            fitted(one.kept),
            _loss(one.rejected, "yellow"),
            _loss(one.failed, "red"),
            fitted(one.tokens),
            decimal(one.tokens_per_byte, decimals=3),
            _structure(one),
        )
    return table


def tokenization_table(summary: RunSummary) -> Table:
    """A row for each tokenized source; ``inexact`` documents decode to another text and failed."""
    encoders = ", ".join(f"{name}: {plural(count, 'document')}" for name, count in summary.encoders)
    table = open_table("Tokenization")
    table.caption, table.caption_justify = encoders, "left"
    shown = [one for one in summary.sources if one.inexact is not None]
    widest = max((len(one.name) for one in shown), default=0)
    table.add_column("source", overflow="fold", min_width=min(widest, MAX_NAME_CHARS))
    add_numbers(table, "documents", "text bytes", "tokens", "per byte", "unknown", "inexact")
    for one in shown:
        table.add_row(Text(one.name, "bold"), *_tokenized(one))
    table.add_row(Text("all", "dim"), *_tokenized(summary))
    return table


def _tokenized(one: SourceSummary | RunSummary) -> Iterable[str | Text]:
    return (
        fitted(one.tokenized),
        fitted(one.text_bytes),
        fitted(one.tokens),
        decimal(one.tokens_per_byte, decimals=3),
        Text(fitted(one.unknowns), "yellow" if one.unknowns else "dim"),
        Text(fitted(one.inexact), "red" if one.inexact else "dim"),
    )


def causes_table(title: str, causes: tuple[Cause, ...]) -> Table:
    """The reasons or errors that took most rows."""
    table = open_table(title)
    widest = max((len(cause.name) for cause in causes), default=0)
    table.add_column("cause", overflow="fold", min_width=min(widest, MAX_NAME_CHARS))
    table.add_column("stage", no_wrap=True)
    add_numbers(table, "rows", "of the stage")
    table.add_column("from", overflow="ellipsis", no_wrap=True)
    for cause in causes[:MAX_CAUSES]:
        table.add_row(
            Text(cause.name, overflow="fold"),
            cause.stage,
            fitted(cause.rows),
            percent(ratio_of(cause.rows, cause.rows_in)),
            Text(_largest(cause.by_source)),
        )
    others = causes[MAX_CAUSES:]
    if others:
        rows = sum(cause.rows for cause in others)
        table.add_row(Text(f"{len(others)} others", "dim"), "", fitted(rows), "", "")
    return table


def _largest(by_source: Sequence[tuple[str, int]]) -> str:
    """The sources with most rows, and how many more there are."""
    ranked = sorted(by_source, key=lambda item: -item[1])
    named = [f"{source} {exact(rows)}" for source, rows in ranked[:MAX_SOURCES]]
    more = len(ranked) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def mixture_table(summary: RunSummary, *, is_ascii: bool = False) -> Table:
    """Target and realised tokens of every component of every stage."""
    names = dict.fromkeys(one.name for stage in summary.mixture for one in stage.components)
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    table = open_table("Mixture", "stage", "component")
    add_numbers(table, "asked", "target\ntokens", "realised\ntokens", "realised\nshare")
    table.add_column("", no_wrap=True)
    add_numbers(table, "epochs", "documents")
    for stage in summary.mixture:
        for number, one in enumerate(stage.components):
            name = stage.name if number == 0 else ""
            table.add_row(
                Text(name, "bold"),
                *_component_cells(one, colour=colours[one.name], is_ascii=is_ascii),
            )
        table.add_row("", *_total_cells(stage), end_section=True)
    return table


def windows_table(summary: RunSummary) -> Table:
    """Windows of every written stage; ``live`` are the targets that the loss may count."""
    packed = [(stage, stage.packing) for stage in summary.mixture if stage.packing is not None]
    depths = sorted({depth for stage, _ in packed for depth, _ in stage.live_targets})
    table = open_table("Windows", "stage")
    add_numbers(table, "tokens a\nwindow", "windows", "tokens", "padding", "documents\ncut")
    add_numbers(table, *(f"live at\ndepth {depth}" for depth in depths))
    for stage, packing in packed:
        live = dict(stage.live_targets)
        table.add_row(
            Text(stage.name, "bold"),
            exact(stage.sequence_tokens),
            fitted(packing.windows),
            fitted(packing.tokens),
            percent(packing.padding_ratio, decimals=2),
            percent(packing.truncation_ratio),
            *(percent(ratio_of(live.get(depth), packing.tokens), decimals=2) for depth in depths),
        )
    return table


def _component_cells(one: MixtureComponent, *, colour: str, is_ascii: bool) -> Iterable[str | Text]:
    ratio = one.realised_ratio
    drawn = one.solved.share_ratio if ratio is None else ratio
    bar = Text("absent", "yellow")
    if not one.is_absent:
        bar = Text(blocks(drawn, is_ascii=is_ascii), colour)
    return (
        Text(one.name),
        one.solved.asked,
        fitted(one.solved.target_tokens),
        fitted(one.realised_tokens),
        percent(ratio),
        bar,
        decimal(one.epochs),
        fitted(one.documents),
    )


def _total_cells(stage: MixtureStage) -> Iterable[Text]:
    cells = (
        "all",
        "",
        fitted(stage.target_tokens),
        fitted(stage.realised_tokens),
        UNKNOWN if stage.realised_tokens is None else "100%",
        "",
        "",
        fitted(stage.documents),
    )
    return (Text(cell, "dim") for cell in cells)


def _structure(source: SourceSummary) -> Text:
    ratio = source.structure_ratio
    is_low = ratio is not None and ratio < MIN_FIDELITY_RATIO
    return Text(percent(ratio), "bold red" if is_low else "")


def _loss(rows: int, style: str) -> Text:
    return Text(fitted(rows), style if rows else "dim")
