"""The report's tables about duplicates on a terminal."""

from collections.abc import Iterator

from rich.console import OverflowMethod
from rich.table import Table
from rich.text import Text

from filters.dedup.config import NearDuplicateConfig
from pipeline.records.document import ID_BYTES
from pipeline.report.clusters import LargeCluster
from pipeline.report.duplicates import DuplicateSummary
from pipeline.report.quantities import decimal, exact, fitted, percent, plural, ratio_of
from pipeline.report.similarity_curve import curve, near_parameters
from pipeline.report.terminal_tables import add_numbers, blocks, open_table

MAX_CLUSTERS = 5
"""Largest clusters shown; the page has all that the run names."""

ID_CHARS = 2 * ID_BYTES
"""Of a cluster's id, in hex: it is shown whole, to be copied."""


def duplicate_tables(found: DuplicateSummary, *, is_ascii: bool) -> Iterator[Table]:
    """Duplicates by source, clusters by size, the largest of them, and how pairs were found."""
    if found.sources:
        yield _sources(found)
    if found.clusters.sizes:
        yield _sizes(found, is_ascii=is_ascii)
    if found.clusters.largest:
        yield _largest(found.clusters.largest, is_ascii=is_ascii)
    if found.compared:
        yield _compared(found)
    if found.near is not None:
        yield _settings(found.near)
        yield _curve(found.near, is_ascii=is_ascii)


def _sources(found: DuplicateSummary) -> Table:
    table = open_table("Duplicates", "source")
    add_numbers(table, "documents", *found.kinds, "duplicates", "share")
    for one in found.sources:
        table.add_row(
            Text(one.source, "bold"),
            fitted(one.documents),
            *(fitted(rows) for _, rows in one.by_kind),
            fitted(one.duplicates),
            percent(one.ratio),
        )
    table.add_row(
        Text("all", "dim"),
        fitted(found.documents),
        *(fitted(found.of_kind(kind)) for kind in found.kinds),
        fitted(found.duplicates),
        percent(ratio_of(found.duplicates, found.documents)),
    )
    return table


def _sizes(found: DuplicateSummary, *, is_ascii: bool) -> Table:
    table = open_table("Clusters of duplicates", "documents in a cluster")
    add_numbers(table, "clusters", "documents")
    table.add_column("of all in clusters", no_wrap=True)
    total = sum(one.documents for one in found.clusters.sizes)
    for one in found.clusters.sizes:
        ratio = ratio_of(one.documents, total) or 0.0
        table.add_row(
            one.label,
            fitted(one.clusters),
            fitted(one.documents),
            Text(f"{percent(ratio):>6} {blocks(ratio, is_ascii=is_ascii)}"),
        )
    said = [f"{plural(count, 'round')} ({name})" for name, count in found.rounds]
    again = found.stricter
    if again is not None:
        said.append(
            f"{plural(again.clusters, 'large cluster')} of {exact(again.documents)} documents "
            f"looked at again: {plural(again.dropped_pairs, 'pair')} dropped"
        )
    table.caption, table.caption_justify = "; ".join(said), "left"
    return table


def _largest(largest: tuple[LargeCluster, ...], *, is_ascii: bool) -> Table:
    table = open_table("Largest clusters (texts beside each other: see the page)")
    add_numbers(table, "documents")
    table.add_column("cluster", min_width=ID_CHARS, no_wrap=True)
    for name, width in (("from", 16), ("the keeper begins", 36)):
        cut: OverflowMethod = "crop" if is_ascii else "ellipsis"
        table.add_column(name, overflow=cut, max_width=width, no_wrap=True)
    for one in largest[:MAX_CLUSTERS]:
        keeper = one.samples[0] if one.samples else None
        begun = "" if keeper is None else keeper.text or keeper.absence or ""
        table.add_row(
            fitted(one.documents),
            one.cluster_id,
            Text(_one_line(", ".join(one.sources), is_ascii=is_ascii)),
            Text(_one_line(begun, is_ascii=is_ascii)),
        )
    return table


def _compared(found: DuplicateSummary) -> Table:
    table = open_table("Pairs", "kind")
    add_numbers(table, *(name.replace("_", "\n") for name in found.measures))
    for kind, counted in found.compared:
        table.add_row(kind, *(fitted(dict(counted).get(name)) for name in found.measures))
    return table


def _settings(near: NearDuplicateConfig) -> Table:
    table = open_table("How near duplicates are found", "setting", "value")
    for name, value in near_parameters(near):
        table.add_row(Text(name, "bold"), value)
    return table


def _curve(near: NearDuplicateConfig, *, is_ascii: bool) -> Table:
    table = open_table("Chance that a pair is found, by Jaccard similarity")
    add_numbers(table, "similarity", "candidate")
    table.add_column("", no_wrap=True)
    add_numbers(table, "merged")
    table.add_column("", no_wrap=True)
    for point in curve(near):
        table.add_row(
            decimal(point.similarity),
            percent(point.candidate),
            Text(blocks(point.candidate, is_ascii=is_ascii), "orange3"),
            percent(point.merged),
            Text(blocks(point.merged, is_ascii=is_ascii), "blue"),
        )
    return table


def _one_line(text: str, *, is_ascii: bool) -> str:
    """Without line breaks, what would steer the terminal, and what the output can't spell."""
    line = "".join(filter(str.isprintable, " ".join(text.split())))
    return line.encode("ascii", "replace").decode() if is_ascii else line
