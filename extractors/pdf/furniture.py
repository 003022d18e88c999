"""Finds what stands on a page because it is a page: running headers and footers, page numbers."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from extractors.pdf.layout import lines_of
from extractors.pdf.pages import Page
from extractors.pdf.spans import Fragment

OUTER_ROWS = 3
"""So many rows from the top and from the bottom can be furniture."""

MARGIN_RATIO = 0.2
"""Furniture stands in this share of the page's height, at its top or bottom."""

Y_STEP = 6.0
"""Points: headers of recto and verso pages differ by less."""

MIN_REPEATS = 2
MIN_MARKED_PAGES, MIN_MARKED_SHARE, MIN_MARK_RATIO = 3, 0.6, 1.8
"""A watermark is on most pages, at least three, and nearly twice as large as the text."""

MIN_NUMBERED_SHARE = 0.3
"""Numbers at the edge are page numbers if they count up with the pages on this share of them."""

NUMBER_ALONE = re.compile(
    r"(?:page\s+)?[-\u2013\u2014 ]*(\d{1,4}|[ivxlc]{1,6})[-\u2013\u2014 ]*"
    r"(?:\s*(?:of|/)\s*\d{1,4})?",
    re.IGNORECASE,
)
EDGE_NUMBER = re.compile(r"^(\d{1,4})\b|(?<![\d.,-])(\d{1,4})$")

MIN_GAP_SIZES = 1.5
"""Furniture stands apart: its baseline is this many font sizes from the next row's, where lines of
running text are 1.0 to 1.3 apart."""

LINE_NUMBER = re.compile(r"[0-9]{1,5}")
MIN_LINE_NUMBERS = 8
MAX_LEFT_RATIO = 0.1
"""Share of a page's pieces that may stand left of its line numbers: labels, the other numbers."""

MIN_COUNTING_RATIO = 0.9
"""Lines are numbered where so many numbers beside nearly all text count by one or by five."""

Row = tuple[Fragment, ...]


def without_furniture(pages: Sequence[Page]) -> list[Page]:
    """The pages without their running headers, footers and page numbers.

    A row that stands apart at the top or bottom goes if nearly the same text (digits aside) stands
    at the same height on another page, if it starts or ends in a number that counts up with the
    pages at this height, or if it is a number and nothing else.
    """
    pages = [replace(page, fragments=_without_line_numbers(page.fragments)) for page in pages]
    pages = _without_watermarks(pages)
    outer = [_outer_rows(page) for page in pages]
    pages_of_text: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    pages_of_number: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for page, candidates in zip(pages, outer, strict=True):
        for row in candidates:
            for slot in _slots(row):
                pages_of_text[_pattern(row), slot].add(page.number)
                for number in _edge_numbers(row):
                    pages_of_number[number - page.number, slot].add(page.number)
    min_numbered = max(MIN_REPEATS, MIN_NUMBERED_SHARE * len(pages))
    kept = []
    for page, candidates in zip(pages, outer, strict=True):
        dropped: set[int] = set()
        for row in candidates:
            is_repeated = len(_pattern(row)) > 1 and any(
                len(pages_of_text[_pattern(row), slot]) >= MIN_REPEATS for slot in _slots(row)
            )
            is_numbered = any(
                len(pages_of_number[number - page.number, slot]) >= min_numbered
                for number in _edge_numbers(row)
                for slot in _slots(row)
            )
            if is_repeated or is_numbered or _is_number_alone(row):
                dropped.update(id(piece) for piece in row)
        fragments = [piece for piece in page.fragments if id(piece) not in dropped]
        kept.append(replace(page, fragments=fragments))
    return kept


def _without_watermarks(pages: Sequence[Page]) -> Sequence[Page]:
    """The pages without what is stamped on most of them, large and at one place."""
    seen = Counter(mark for page in pages for mark in {_mark(piece) for piece in page.fragments})
    usual: Counter[int] = Counter()
    for page in pages:
        for piece in page.fragments:
            usual[round(piece.size)] += len(piece.text)
    least = max(MIN_MARKED_PAGES, MIN_MARKED_SHARE * len(pages))
    large = MIN_MARK_RATIO * max(usual, key=lambda size: usual[size], default=0)
    marks = {mark for mark, count in seen.items() if count >= least and mark[3] >= large}
    if not marks:
        return pages
    return [
        replace(page, fragments=[f for f in page.fragments if _mark(f) not in marks])
        for page in pages
    ]


def _mark(piece: Fragment) -> tuple[str, int, int, int]:
    """A piece's text, place in tens of points, and size."""
    return piece.text, round(piece.x0 / 10), round(piece.y1 / 10), round(piece.size)


def _without_line_numbers(fragments: list[Fragment]) -> list[Fragment]:
    """The fragments without the numbers beside the text that count its lines."""
    numbers = [piece for piece in fragments if LINE_NUMBER.fullmatch(piece.text)]
    if len(numbers) < MIN_LINE_NUMBERS:
        return fragments
    others = sorted(piece.x0 for piece in fragments if not LINE_NUMBER.fullmatch(piece.text))
    dropped: set[int] = set()
    columns: defaultdict[int, list[Fragment]] = defaultdict(list)
    for piece in numbers:
        columns[round(piece.x1)].append(piece)
    for end in list(columns):
        column = sorted(columns[end] + columns.get(end + 1, []), key=lambda piece: piece.y1)
        values = [int(piece.text) for piece in column]
        steps = Counter(after - before for before, after in pairwise(values))
        if len(column) < MIN_LINE_NUMBERS or not steps:
            continue
        (step, count), *_ = steps.most_common(1)
        num_left = sum(x < end for x in others)
        is_outside = num_left <= MAX_LEFT_RATIO * len(others)
        if step in (1, 5) and count >= MIN_COUNTING_RATIO * (len(column) - 1) and is_outside:
            dropped.update(id(piece) for piece in column)
    return [piece for piece in fragments if id(piece) not in dropped]


def _outer_rows(page: Page) -> list[Row]:
    """The rows outside the gap that parts them from the body, at the top and at the bottom."""
    found = [line.fragments for line in lines_of(page.fragments)]
    top = _before_gap(found)
    bottom = _before_gap(found[len(top) :][::-1])
    edge = MARGIN_RATIO * page.height
    return [row for row in top if row[0].y1 < edge] + [
        row for row in bottom if row[0].y0 > page.height - edge
    ]


def _before_gap(found: Sequence[Row]) -> list[Row]:
    """Up to OUTER_ROWS rows before the first gap; none where there is no gap so early."""
    for index, (row, inner) in enumerate(pairwise(found[: OUTER_ROWS + 1])):
        distance = abs(inner[0].y1 - row[0].y1)
        if distance > MIN_GAP_SIZES * max(row[0].size, inner[0].size):
            return list(found[: index + 1])
    return list(found) if len(found) == 1 else []


def _text(row: Row) -> str:
    return " ".join(piece.text for piece in row)


def _pattern(row: Row) -> str:
    """The row's text with every number as ``#``."""
    return re.sub(r"\d+", "#", re.sub(r"\s+", " ", _text(row))).casefold()


def _slots(row: Row) -> tuple[int, int]:
    """Two overlapping bins of height, so that neighbours share one."""
    position = row[0].y1 / Y_STEP
    return 2 * int(position), 2 * int(position + 0.5) + 1


def _is_number_alone(row: Row) -> bool:
    return NUMBER_ALONE.fullmatch(_text(row).strip()) is not None


def _edge_numbers(row: Row) -> set[int]:
    """Numbers at the row's ends; of prose that fills the row, none."""
    text = _text(row).strip()
    return {int(first or last) for first, last in EDGE_NUMBER.findall(text)}
