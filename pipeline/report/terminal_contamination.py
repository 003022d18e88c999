"""The report's table about benchmark items on a terminal."""

from rich.table import Table
from rich.text import Text

from pipeline.report.contamination import PARTS, ContaminationSummary
from pipeline.report.quantities import UNKNOWN, exact, fitted, percent, plural
from pipeline.report.terminal_tables import add_numbers, open_table

MAX_HITS = 12
"""Rows shown; the page has all."""


def contamination_table(found: ContaminationSummary) -> Table:
    """Documents that hold benchmark items, by source, benchmark and split."""
    table = open_table("Benchmark items in documents", "source", "benchmark", "split")
    add_numbers(table, "documents", *PARTS, "share")
    for one in found.hits[:MAX_HITS]:
        table.add_row(
            Text(one.source, "bold"),
            Text(one.benchmark),
            Text(UNKNOWN if one.split is None else one.split),
            fitted(one.documents),
            *(fitted(count) for _, count in one.by_part),
            percent(found.ratio(one)),
        )
    hidden = len(found.hits) - MAX_HITS
    said = f"{plural(found.hit_documents, 'document')} of {exact(found.documents)} searched"
    table.caption = said + (f"; {plural(hidden, 'more row')} on the page" if hidden > 0 else "")
    table.caption_justify = "left"
    return table
