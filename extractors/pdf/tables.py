"""Tables that rules mark: booktabs' three lines, or a line between all rows and columns.

A table is taken out of its page before columns are read, so that one across two columns stays
whole; it stands in the page's order as one fragment.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from extractors.pdf.inline import Counts, text_of
from extractors.pdf.lines import Table, parts_of
from extractors.pdf.pages import Page, Rule
from extractors.pdf.rows import Row, rows_of_spans
from extractors.pdf.spans import Fragment, Span

MIN_WIDTH_POINTS = 40.0
"""Shorter rules are bars of fractions and underlines."""

MAX_DOUBLE_POINTS = 6.0
"""Two rules this near are one double rule."""

SAME_END_POINTS = 2.5
"""Rules of one table start and end at the same places, but for rounding."""

MIN_COLUMNS, MIN_ROWS = 2, 2
COLUMN_GAP_EMS = 0.55
"""Room between two columns; LaTeX leaves 1.2 ems, tight classes 0.6."""

MIN_CELLS = 3
"""A line of so many pieces with wide gaps between is a row, however long."""

MIN_FILLED_RATIO = 0.5
"""Share of a table's rows with more than one cell; a framed paragraph has none."""

MAX_HEIGHT_RATIO = 0.85
"""Rules further apart than this share of the page are its head and foot."""

ALGORITHM = re.compile(r"(?:algorithm|listing|procedure)\s*\d", re.IGNORECASE)
MIN_PROSE_WIDTH, MIN_PROSE_SPACES, MAX_PROSE_SHARE = 0.7, 6, 0.25
"""A line of text fills most of the width with seven words and more; a table has few such rows."""


def with_tables(page: Page, counts: Counts) -> tuple[list[Fragment], list[Table]]:
    """The page's fragments outside tables, and its tables."""
    fragments = page.fragments
    tables: list[Table] = []
    for group in _groups(page.rules, page.height):
        for rules in _tabular(group, fragments):
            x0, x1 = rules[0].x0 - SAME_END_POINTS, rules[0].x1 + SAME_END_POINTS
            y0, y1 = rules[0].y, rules[-1].y
            inside = _between(fragments, rules[0], rules[-1])
            uprights = [
                rule
                for rule in page.uprights
                if x0 <= rule.x0 <= x1 and y0 - 3 <= rule.y0 and rule.y1 <= y1 + 3
            ]
            rows = _rows(inside, rules, uprights, counts)
            if rows is None:
                continue
            tables.append(Table(rows, x0, y0, x1, y1))
            gone = {id(fragment) for fragment in inside}
            fragments = [fragment for fragment in fragments if id(fragment) not in gone]
    return fragments, tables


def _between(fragments: Sequence[Fragment], above: Rule, below: Rule) -> list[Fragment]:
    x0, x1 = above.x0 - SAME_END_POINTS, above.x1 + SAME_END_POINTS
    return [
        fragment
        for fragment in fragments
        if fragment.x0 >= x0
        and fragment.x1 <= x1
        and above.y < (fragment.y0 + fragment.y1) / 2 < below.y
    ]


def _tabular(group: Sequence[Rule], fragments: Sequence[Fragment]) -> list[list[Rule]]:
    """The stretches of rules with cells between each two of them, and no running text.

    A page's head line, a float's frame and a table may all be as wide as the column.
    """
    stretches: list[list[Rule]] = []
    for above, below in pairwise(group):
        inside = _between(fragments, above, below)
        if not inside and below.y - above.y < MAX_DOUBLE_POINTS and stretches and stretches[-1]:
            stretches[-1].append(below)
        elif not inside or _is_prose(inside, above.x1 - above.x0):
            stretches.append([])
        elif stretches and stretches[-1]:
            stretches[-1].append(below)
        else:
            stretches.append([above, below])
    return [stretch for stretch in stretches if len(stretch) > 1]


def _is_prose(fragments: Sequence[Fragment], width: float) -> bool:
    """Whether running text or an algorithm stands here: lines of many words across it all."""
    if any(ALGORITHM.match(fragment.text) for fragment in fragments):
        return True
    lines = [f for f in fragments if f.x1 - f.x0 > MIN_PROSE_WIDTH * width]
    long = [f for f in lines if f.text.count(" ") >= MIN_PROSE_SPACES and _num_parts(f) < MIN_CELLS]
    return len(long) > MAX_PROSE_SHARE * len(fragments)


def _num_parts(fragment: Fragment) -> int:
    """The pieces of a line between wide gaps."""
    parts = [part for span in fragment.spans for part in parts_of(span, COLUMN_GAP_EMS)]
    wide = sum(b.x0 - a.x1 > COLUMN_GAP_EMS * a.size for a, b in pairwise(parts))
    return wide + 1


def _groups(rules: Sequence[Rule], height: float) -> list[list[Rule]]:
    """Rules with the same ends, one below the other: from a table's first to its last."""
    wide = sorted((r for r in rules if r.x1 - r.x0 >= MIN_WIDTH_POINTS), key=lambda rule: rule.y)
    groups: list[list[Rule]] = []
    for rule in wide:
        for group in groups:
            first = group[0]
            if (
                abs(first.x0 - rule.x0) < SAME_END_POINTS
                and abs(first.x1 - rule.x1) < SAME_END_POINTS
                and rule.y - first.y < MAX_HEIGHT_RATIO * height
            ):
                group.append(rule)
                break
        else:
            groups.append([rule])
    return [group for group in groups if len(group) > 1 and group[-1].y - group[0].y > 12]  # noqa: PLR2004


def _rows(
    fragments: Sequence[Fragment], rules: Sequence[Rule], uprights: Sequence[Rule], counts: Counts
) -> list[list[str]] | None:
    """The cells between a table's rules; None for what is no table."""
    spans = [part for f in fragments for span in f.spans for part in parts_of(span, COLUMN_GAP_EMS)]
    if any(span.style.is_mono for span in spans) and all(f.is_mono for f in fragments):
        return None  # a framed listing
    lines = rows_of_spans(spans)
    edges = _edges(lines, uprights)
    if len(edges) < MIN_COLUMNS or len(lines) < MIN_ROWS:
        return None
    cells = [_cells(line, edges) for line in lines]
    num_filled = sum(sum(bool(cell) for cell in row) > 1 for row in cells)
    if num_filled < MIN_FILLED_RATIO * len(cells) or num_filled < MIN_ROWS:
        return None
    texts = [
        [_text(cell, line, counts) for cell in row] for row, line in zip(cells, lines, strict=True)
    ]
    if len(rules) > MIN_ROWS + 1 and uprights:
        texts = _banded(texts, lines, rules)
    return texts


def _edges(lines: Sequence[Row], uprights: Sequence[Rule]) -> list[tuple[float, float]]:
    """Left and right ends of the columns: between upright rules, or between gaps of all rows."""
    spans = [span for line in lines for span in (*line.spans, *line.around)]
    left = min(span.x0 for span in spans) - 1
    right = max(span.x1 for span in spans) + 1
    inner = sorted({round(rule.x0) for rule in uprights if left < rule.x0 < right})
    if inner:
        ends = [left, *(float(x) for x in inner), right]
        return list(pairwise(ends))
    # A cell across several columns would hide the gaps between them.
    widest = 0.45 * (right - left)
    columns: list[tuple[float, float]] = []
    size = max(line.size for line in lines)
    for span in sorted(_joined(lines), key=lambda span: span[0]):
        if span[1] - span[0] > widest and len(lines) > MIN_ROWS:
            continue
        if columns and span[0] - columns[-1][1] <= COLUMN_GAP_EMS * size:
            columns[-1] = columns[-1][0], max(columns[-1][1], span[1])
        else:
            columns.append(span)
    return columns


def _joined(lines: Sequence[Row]) -> list[tuple[float, float]]:
    """Stretches of each line without a wide gap."""
    stretches: list[tuple[float, float]] = []
    for line in lines:
        right: float | None = None
        for span in sorted((*line.spans, *line.around), key=lambda span: span.x0):
            if right is not None and span.x0 - right <= COLUMN_GAP_EMS * line.size:
                stretches[-1] = stretches[-1][0], max(stretches[-1][1], span.x1)
            else:
                stretches.append((span.x0, span.x1))
            right = stretches[-1][1]
    return stretches


def _cells(line: Row, edges: Sequence[tuple[float, float]]) -> list[list[Span]]:
    cells: list[list[Span]] = [[] for _ in edges]
    for span in (piece for whole in line.spans for piece in _pieces(whole, edges)):
        middle = (span.x0 + span.x1) / 2
        index = min(
            range(len(edges)),
            key=lambda i: max(edges[i][0] - middle, middle - edges[i][1], 0.0),
        )
        cells[index].append(span)
    return cells


def _pieces(span: Span, edges: Sequence[tuple[float, float]]) -> list[Span]:
    """A span by its words where it reaches over several columns, as a tight header does."""
    over = sum(span.x0 < (low + high) / 2 < span.x1 for low, high in edges)
    if over < MIN_COLUMNS or span.text.count(" ") + 1 < over:
        return [span]
    return parts_of(span, 0.0)


def _text(cell: Sequence[Span], line: Row, counts: Counts) -> str:
    if not cell:
        return ""
    left, right = cell[0].x0, max(span.x1 for span in cell)
    around = [s for s in line.around if left - 1 <= s.x0 <= right + line.size]
    row = Row(line.y, line.size, left, right, list(cell), around, [], is_text=True)
    return text_of(row, counts)


def _banded(texts: list[list[str]], lines: Sequence[Row], rules: Sequence[Rule]) -> list[list[str]]:
    """One row for each stripe between two rules, where all rows are ruled."""
    bands: list[list[str]] = []
    last: int | None = None
    for row, line in zip(texts, lines, strict=True):
        band = sum(rule.y < line.y - 0.25 * line.size for rule in rules)
        if band == last:
            bands[-1] = [f"{a} {b}".strip() for a, b in zip(bands[-1], row, strict=True)]
        else:
            bands.append(row)
        last = band
    return bands


def as_fragment(table: Table) -> Fragment:
    """The table as one piece of its page."""
    return Fragment(
        [], "", table.x0, table.y0, table.x1, table.y1, 10.0, is_bold=False, is_mono=False,
        table=table,
    )  # fmt: skip
