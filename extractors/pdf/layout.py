"""From fragments to lines in reading order: columns first, then down each column.

A page is cut at the gutter that the fewest fragments cross; what crosses it (titles, wide tables)
parts the page into bands that are read one after the other. The halves are cut again, so three
and four columns come out too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from extractors.pdf.pages import Page
from extractors.pdf.spans import Fragment

GUTTER_OFFSET = 3.0
"""A gutter is taken to be this far left of its right column; classes make it 10 to 24 points."""

GUTTER_SLACK = 2.0
"""Points by which a line may stick out of its column."""

MAX_CANDIDATES = 4
"""A page has up to three gutters; the fourth is a list's indentation."""

NEIGHBOUR_EMS = 1.2
"""Pieces of one formula stand at most so far apart."""

FORMULA_REACH_EMS = 0.7
"""Numerators and denominators stand so far above and below their row."""


MIN_COLUMN_RATIO = 0.2
"""A column takes at least this share of the width; narrower are line and equation numbers."""

MIN_CUT_PAGES_RATIO = 0.5
BOTH = 2
MAX_CROSSING_RATIO = 0.3
MIN_COLUMN_LINES = 4
MIN_FULL_LINES_RATIO = 0.3
"""Share of a column's lines that fill most of it: running text does, a table's cells do not."""

FULL_LINE_RATIO = 0.8
CROSSING_MARGIN_RATIO = 0.05
"""A fragment crosses the gutter when it reaches this far to both sides of it: lines stick out."""

MAX_CUTS = 2
SAME_LINE_OVERLAP_RATIO = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """Fragments on one baseline within a column, from left to right."""

    fragments: tuple[Fragment, ...]

    @property
    def text(self) -> str:
        """The fragments' text with one space between."""
        return " ".join(fragment.text.strip() for fragment in self.fragments)

    @property
    def x0(self) -> float:
        """Left end, in points."""
        return self.fragments[0].x0

    @property
    def x1(self) -> float:
        """Right end, in points."""
        return self.fragments[-1].x1

    @property
    def y0(self) -> float:
        """Top, in points."""
        return min(fragment.y0 for fragment in self.fragments)

    @property
    def y1(self) -> float:
        """Bottom, in points."""
        return max(fragment.y1 for fragment in self.fragments)

    @property
    def size(self) -> float:
        """Font size of the longest fragment, in points."""
        return max(self.fragments, key=lambda fragment: len(fragment.text)).size

    @property
    def is_bold(self) -> bool:
        """Whether every fragment is bold."""
        return all(fragment.is_bold for fragment in self.fragments)

    @property
    def is_mono(self) -> bool:
        """Whether every fragment is monospaced."""
        return all(fragment.is_mono for fragment in self.fragments)


def gutters_of(pages: Sequence[Page]) -> tuple[float, ...]:
    """The gutters of a document set in columns; none where only some pages seem to have one.

    Examples set side by side on a few pages do not make the rest of a manual two columns.
    """
    found = [_gutter(page.fragments, ()) for page in pages]
    gutters = {gutter for gutter in found if gutter is not None}
    num_cut = sum(gutter is not None for gutter in found)
    return tuple(sorted(gutters)) if num_cut >= MIN_CUT_PAGES_RATIO * len(pages) else ()


def reading_order(fragments: Sequence[Fragment], gutters: Sequence[float]) -> list[list[Fragment]]:
    """The runs of a page as they are read; a run is one stretch of column.

    ``gutters`` are those of the document's pages: a page with a ragged column (a table of
    contents, a listing) is cut where another page is.
    """
    return [run for run in _ordered(list(fragments), MAX_CUTS, gutters) if run]


def lines_of(fragments: Sequence[Fragment]) -> list[Line]:
    """Fragments joined into lines where they overlap vertically, from top to bottom."""
    rows: list[list[Fragment]] = []
    for fragment in sorted(fragments, key=lambda f: ((f.y0 + f.y1) / 2, f.x0)):
        if rows and _is_same_line(rows[-1], fragment):
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    return [Line(tuple(sorted(row, key=lambda f: f.x0))) for row in rows]


def _is_same_line(row: list[Fragment], fragment: Fragment) -> bool:
    last = row[-1]
    overlap = min(last.y1, fragment.y1) - max(last.y0, fragment.y0)
    height = min(last.y1 - last.y0, fragment.y1 - fragment.y0)
    if overlap < SAME_LINE_OVERLAP_RATIO * height:
        return False
    return all(fragment.x0 >= other.x1 - 1 or fragment.x1 <= other.x0 + 1 for other in row)


def _ordered(
    fragments: list[Fragment], cuts_left: int, gutters: Sequence[float]
) -> list[list[Fragment]]:
    gutter = _gutter(fragments, gutters) if cuts_left else None
    if gutter is None:
        return [fragments]
    margin = CROSSING_MARGIN_RATIO * (max(f.x1 for f in fragments) - min(f.x0 for f in fragments))
    runs: list[list[Fragment]] = []
    band: list[Fragment] = []
    crossing: list[Fragment] = []
    wide = _wide_rows(fragments, gutter)
    for fragment in sorted(fragments, key=lambda f: (f.y0 + f.y1) / 2):
        middle = (fragment.y0 + fragment.y1) / 2
        is_crossing = fragment.x0 < gutter - margin and fragment.x1 > gutter + margin
        if is_crossing or any(top < middle < bottom for top, bottom in wide):
            runs += _columns(band, gutter, cuts_left, gutters)
            band = []
            crossing.append(fragment)
        elif crossing and _is_beside(fragment, crossing[-1]):
            crossing.append(fragment)
        else:
            if crossing:
                runs.append(crossing)
                crossing = []
            band.append(fragment)
    if crossing:
        runs.append(crossing)
    return runs + _columns(band, gutter, cuts_left, gutters)


def _wide_rows(fragments: Sequence[Fragment], gutter: float) -> list[tuple[float, float]]:
    """Heights of the formulas across both columns: their pieces stand close on both sides."""
    rows: list[tuple[float, float]] = []
    for fragment in fragments:
        if not fragment.x0 < gutter - GUTTER_SLACK < gutter + 2 * GUTTER_SLACK < fragment.x1:
            continue
        beside = [f for f in fragments if f is not fragment and _is_beside(f, fragment)]
        has_left = any(0 < fragment.x0 - f.x1 + 2 < NEIGHBOUR_EMS * f.size for f in beside)
        has_right = any(0 < f.x0 - fragment.x1 + 2 < NEIGHBOUR_EMS * f.size for f in beside)
        if has_left and has_right:
            reach = FORMULA_REACH_EMS * fragment.size
            rows.append((fragment.y0 - reach, fragment.y1 + reach))
    return rows


def _columns(
    band: list[Fragment], gutter: float, cuts_left: int, gutters: Sequence[float]
) -> list[list[Fragment]]:
    left = [f for f in band if (f.x0 + f.x1) / 2 < gutter]
    right = [f for f in band if (f.x0 + f.x1) / 2 >= gutter]
    return [run for half in (left, right) if half for run in _ordered(half, cuts_left - 1, gutters)]


def _is_beside(fragment: Fragment, other: Fragment) -> bool:
    """Whether the rest of a crossing line, such as its last words, is on the same line."""
    overlap = min(fragment.y1, other.y1) - max(fragment.y0, other.y0)
    return overlap > SAME_LINE_OVERLAP_RATIO * min(fragment.y1 - fragment.y0, other.y1 - other.y0)


def _gutter(fragments: Sequence[Fragment], gutters: Sequence[float]) -> float | None:
    """The x of the gutter between two columns of running text; None on one column."""
    if len(fragments) < 2 * MIN_COLUMN_LINES:
        return None
    x_min, x_max = min(f.x0 for f in fragments), max(f.x1 for f in fragments)
    width = x_max - x_min
    inner = (x_min + MIN_COLUMN_RATIO * width, x_max - MIN_COLUMN_RATIO * width)
    for gutter in _candidates(fragments, inner):
        crossing = sum(
            f.x0 < gutter - GUTTER_SLACK < gutter + GUTTER_SLACK < f.x1 for f in fragments
        )
        is_clear = crossing <= MAX_CROSSING_RATIO * len(fragments)
        if is_clear and _num_columns(fragments, gutter) == BOTH:
            return gutter
    # A ragged column has no strip of its own, and on a page with one the document's gutter counts.
    for gutter in gutters:
        crossing = sum(f.x0 < gutter < f.x1 for f in fragments)
        is_clear = crossing <= MAX_CROSSING_RATIO * len(fragments)
        if is_clear and _num_columns(fragments, gutter) >= 1:
            return gutter
    return None


def _num_columns(fragments: Sequence[Fragment], gutter: float) -> int:
    """How many of the sides of ``gutter`` are columns of running text; 0 if one is empty."""
    left = lines_of([f for f in fragments if f.x1 <= gutter + 1])
    right = lines_of([f for f in fragments if f.x0 >= gutter - 1])
    if min(len(left), len(right)) < MIN_COLUMN_LINES:
        return 0
    if min(left[-1].y1, right[-1].y1) <= max(left[0].y0, right[0].y0):
        return 0
    return _is_column(left) + _is_column(right)


def _candidates(fragments: Sequence[Fragment], inner: tuple[float, float]) -> list[float]:
    """Where a gutter may be: left of where many lines start, the most first.

    Not where no line ends: in a narrow gutter formulas and long words stick out of their column.
    """
    starts = Counter(round(f.x0) for f in fragments if inner[0] < f.x0 < inner[1])
    frequent = [
        (count + starts[x - 1] + starts[x + 1], -x)
        for x, count in starts.items()
        if count + starts[x - 1] + starts[x + 1] >= MIN_COLUMN_LINES
    ]
    return [-x - GUTTER_OFFSET for _, x in sorted(frequent, reverse=True)[:MAX_CANDIDATES]]


def _is_column(lines: list[Line]) -> bool:
    if len(lines) < MIN_COLUMN_LINES:
        return False
    width = max(line.x1 for line in lines) - min(line.x0 for line in lines)
    num_full = sum(line.x1 - line.x0 >= FULL_LINE_RATIO * width for line in lines)
    return (
        num_full >= MIN_FULL_LINES_RATIO * len(lines)
        and median(len(line.text) for line in lines) > MIN_COLUMN_LINES
    )
