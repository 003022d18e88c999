"""What all tables of the terminal are made of."""

from rich import box
from rich.table import Table

BAR_CHARS = 10
"""Of a bar that stands for the whole."""

# One eighth to seven eighths of a block, from the left.
_EIGHTHS = ("", *(chr(0x2590 - eighths) for eighths in range(1, 8)))


def open_table(title: str, *columns: str) -> Table:
    """A table under its title; ``columns`` are of text."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        table.add_column(column, overflow="fold", vertical="top")
    return table


def add_numbers(table: Table, *columns: str) -> None:
    """Add columns of numbers, flush right and never cut."""
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)


def blocks(ratio: float, *, is_ascii: bool) -> str:
    """A bar, in eighths where the output has them; what is not none is visible."""
    if is_ascii:
        return "#" * max(round(BAR_CHARS * ratio), ratio > 0)
    full, eighths = divmod(max(round(8 * BAR_CHARS * ratio), ratio > 0), 8)
    return "\N{FULL BLOCK}" * full + _EIGHTHS[eighths]
