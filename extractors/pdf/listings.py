"""Code as it was typed: indentation, spaces and blank lines from where its characters stand."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from extractors.pdf.lines import Line
from extractors.pdf.spans import Span

BLANK_LINE_RATIO = 1.6
"""A distance between baselines of so many usual ones leaves room for a blank line."""

MAX_BLANK_LINES = 2
"""A wider gap is a page's or a float's, not the programmer's."""

LISTINGS_RATIO = 1.2
"""0.6 em, the width of a column of the package listings, over 0.5 em, a letter's of cmtt."""

OFF_GRID = 0.16
"""Columns by which a line that was broken for want of room stands off the listing's grid."""

FULL_LINE_COLUMNS = 6
"""A line that ends so near to the right edge may have been broken there."""

TYPED = str.maketrans(
    {
        "\u2019": "'", "\u2018": "`", "\u02dc": "~", "\u02c6": "^", "\u2212": "-", "\u2217": "*",
        "\u2032": "'", "\u223c": "~", "\u201d": '"', "\u00a8": '"', "\u00b4": "'", "\u2423": " ",
    }
)  # fmt: skip
"""What was typed for the signs that fonts draw in their places."""

ALGORITHM_INDENT_EMS = 1.5
"""The indentation of algorithmic and algorithmicx, in ems."""


def code_of(lines: Sequence[Line]) -> str:
    """The text of a listing; its lines keep their order and their places."""
    pitch = _pitch(lines)
    left = min(line.x0 for line in lines)
    right = max(line.x1 for line in lines)
    step = _indent_step(lines, left, pitch)
    leading = _leading(lines)
    written: list[str] = []
    before: Line | None = None
    for line in lines:
        indent = (line.x0 - left) / step
        text = _text(line.spans, pitch)
        if before is not None:
            is_full = before.x1 > right - FULL_LINE_COLUMNS * pitch
            if is_full and abs(indent - round(indent)) > OFF_GRID:
                written[-1] += _joint(written[-1], text) + text
                before = line
                continue
            gap = line.y1 - before.y1
            if gap > BLANK_LINE_RATIO * leading:
                written.extend([""] * min(MAX_BLANK_LINES, round(gap / leading) - 1))
        written.append(" " * round(indent) + text)
        before = line
    return "\n".join(written)


def _indent_step(lines: Sequence[Line], left: float, pitch: float) -> float:
    """The width of a space at the start of a line, which need not be a character's.

    The package listings makes it 1.2 times a typewriter letter's, whatever stands in the line.
    """
    deep = [line.x0 - left for line in lines if line.x0 > left + 1]
    if not deep:
        return pitch
    widths = [
        char["bbox"][2] - char["origin"][0]
        for line in lines
        for char in line.spans[0].chars[:1]
        if line.spans[0].style.is_mono
    ]
    width = (median(widths) if widths else 0.0) or pitch
    return min(
        (pitch, width, LISTINGS_RATIO * width),
        key=lambda step: round(median(abs(x / step - round(x / step)) for x in deep), 1),
    )


def _joint(before: str, after: str) -> str:
    is_word = before[-1:].isalnum() and after[:1].isalnum()
    return " " if is_word or before[-1:] in ",;=+" else ""


def _leading(lines: Sequence[Line]) -> float:
    distances = [b.y1 - a.y1 for a, b in pairwise(lines) if b.y1 > a.y1 + 2]
    if not distances:
        return 1.2 * lines[0].size
    # Blank lines are gaps, so the usual distance is among the smaller ones.
    return sorted(distances)[len(distances) // 3]


def _pitch(lines: Sequence[Line]) -> float:
    """The distance between neighbouring characters, in points."""
    steps = [
        after["origin"][0] - before["origin"][0]
        for line in lines
        for span in line.spans
        for before, after in pairwise(span.chars)
        if before["c"] != " " != after["c"]
    ]
    positive = [step for step in steps if step > 0]
    return median(positive) if positive else 0.6 * lines[0].size


def _text(spans: Sequence[Span], pitch: float) -> str:
    pieces: list[str] = []
    x0: float | None = None
    x1 = 0.0
    for span in spans:
        if not span.style.is_mono:
            # A comment in the text's font, or a sign that the code's font lacks.
            if x0 is not None and span.x0 - x1 > 0.3 * pitch:
                pieces.append(" " * max(1, round((span.x0 - x1) / pitch)))
            pieces.append(span.text.strip())
            x0, x1 = span.x1 - pitch, span.x1
            continue
        for char in span.chars:
            text = char["c"]
            if text == " ":
                continue
            x = char["origin"][0]
            if x0 is not None:
                pieces.append(" " * max(0, round((x - x0) / pitch) - 1))
            pieces.append(text)
            x0, x1 = x, char["bbox"][2]
    return "".join(pieces).translate(TYPED)


def algorithm_of(lines: Sequence[Line]) -> str:
    """An algorithm's numbered lines, with the indentation of what follows the numbers."""
    starts = [line.spans[1].x0 if len(line.spans) > 1 else line.x0 for line in lines]
    left = min(starts)
    written: list[str] = []
    for line, start in zip(lines, starts, strict=True):
        number, _, rest = line.text.partition(":")
        depth = round((start - left) / (ALGORITHM_INDENT_EMS * line.size))
        written.append(f"{number}: {'  ' * depth}{rest.strip()}".rstrip())
    return "\n".join(written)
