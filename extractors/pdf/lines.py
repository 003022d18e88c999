"""Lines of text with the formulas in them, displays and tables: what blocks are made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from extractors.pdf.displays import Display, displays_of
from extractors.pdf.inline import Counts, text_of
from extractors.pdf.pages import Rule
from extractors.pdf.rows import Region, Row, rows_and_regions
from extractors.pdf.spans import Fragment, Span

MAX_ROW_CHARS = 90
"""Letters of a line beyond which it is running text and no row of a table without rules."""

LINE_NUMBER = re.compile(r"\d{1,4}:?")
MIN_CELL_GAP_EMS = 0.9
"""A gap this wide parts two cells of a table; justified words stand closer than 0.8."""


@dataclass(slots=True)
class Cell:
    """A stretch of a line without a wide gap."""

    text: str
    x0: float
    x1: float


@dataclass(slots=True)
class Line:
    """A line of text; ``size`` is the font size of most of it, in points.

    ``y1`` is below its baseline by a fifth of the size. ``cells`` are its parts between wide gaps.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    is_bold: bool
    is_italic: bool
    is_mono: bool
    starts_raised: bool
    spans: list[Span]
    cells: list[Cell]
    row: Row


@dataclass(slots=True)
class Table:
    """A table's cells, row by row, and its place in points."""

    rows: list[list[str]]
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def y(self) -> float:
        """Its top."""
        return self.y0


def lines_of_run(
    fragments: Sequence[Fragment], rules: Sequence[Rule], counts: Counts
) -> list[Line | Display | Table]:
    """The lines, displays and tables of one stretch of column, from top to bottom."""
    tables: list[Table] = [f.table for f in fragments if f.table is not None]
    found: list[Line | Display | Table] = []
    fragments = [fragment for fragment in fragments if fragment.table is None]
    for item in rows_and_regions(fragments, rules):
        if isinstance(item, Region):
            for display in displays_of(item):
                counts.found += 1
                counts.kept += display.tex is not None
                found.append(display)
        else:
            found.append(_line(item, counts))
    for table in tables:
        index = next((i for i, item in enumerate(found) if item.y0 > table.y0), len(found))
        found.insert(index, table)
    return found


def _line(row: Row, counts: Counts) -> Line:
    first = row.spans[0]
    if (
        len(row.spans) > 1
        and row.spans[1].style.is_mono
        and LINE_NUMBER.fullmatch(first.text.strip())
        and first.size < 0.9 * row.spans[1].size
    ):
        # A listing's line numbers are smaller than its code.
        row.spans = row.spans[1:]
    mono = bold = italic = total = 0
    sizes: dict[float, int] = {}
    for span in row.spans:
        length = len(span.text.replace(" ", ""))
        style = span.style
        total += length
        mono += length if style.is_mono else 0
        bold += length if style.is_bold else 0
        italic += length if style.is_italic else 0
        size = round(span.size * 2) / 2
        sizes[size] = sizes.get(size, 0) + length
    size = max(sizes, key=lambda size: (sizes[size], size))
    is_mono = mono > 0.8 * total
    first = row.spans[0]
    leading = min(row.around, key=lambda span: span.x0, default=None)
    starts_raised = (
        (leading is not None and leading.x0 < first.x0 + 0.1 and leading.y < row.y - 0.1 * row.size)
        or (first.size < 0.8 * size and len(row.spans) > 1)
    )  # fmt: skip
    return Line(
        text=text_of(row, counts),
        x0=first.x0 if leading is None else min(first.x0, leading.x0),
        y0=row.y - 0.8 * size,
        x1=row.x1,
        y1=row.y + 0.2 * size,
        size=size,
        is_bold=bold > 0.8 * total,
        is_italic=italic > 0.8 * total,
        is_mono=is_mono,
        starts_raised=starts_raised,
        spans=row.spans,
        cells=[] if is_mono or total > MAX_ROW_CHARS else _cells(row),
        row=row,
    )


def _cells(row: Row) -> list[Cell]:
    """The parts of a row between wide gaps; most rows are one."""
    groups: list[list[Span]] = []
    right = 0.0
    for span in row.spans:
        for part in parts_of(span):
            if groups and part.x0 - right <= MIN_CELL_GAP_EMS * row.size:
                groups[-1].append(part)
            else:
                groups.append([part])
            right = part.x1
    if len(groups) == 1:
        return []
    cells = []
    for group in groups:
        left, end = group[0].x0, group[-1].x1
        around = [span for span in row.around if left - 1 <= span.x0 < end + row.size]
        part_row = Row(row.y, row.size, left, end, group, around, row.rules, is_text=True)
        cells.append(Cell(text_of(part_row, Counts()), left, end))
    return cells


def parts_of(span: Span, gap_ems: float = MIN_CELL_GAP_EMS) -> list[Span]:
    """A span cut at its gaps of more than ``gap_ems``."""
    if " " not in span.text:
        return [span]
    parts: list[Span] = []
    chars = span.chars
    start = 0
    for index in range(1, len(chars) - 1):
        if chars[index]["c"] != " ":
            continue
        gap = chars[index + 1]["origin"][0] - chars[index - 1]["bbox"][2]
        if gap > gap_ems * span.size:
            parts.append(_sub_span(span, start, index))
            start = index + 1
    if not parts:
        return [span]
    parts.append(_sub_span(span, start, len(chars)))
    return [part for part in parts if part.text.strip()]


def _sub_span(span: Span, start: int, end: int) -> Span:
    chars = span.chars[start:end]
    text = "".join([char["c"] for char in chars])
    x0 = chars[0]["origin"][0] if chars else span.x0
    x1 = chars[-1]["bbox"][2] if chars else span.x0
    return Span(text, x0, x1, span.y, span.size, span.style, chars)
