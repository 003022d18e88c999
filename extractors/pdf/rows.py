"""From the spans of one column to its lines of text and its displayed formulas, top to bottom.

A baseline with words is a line of text. Smaller and stacked glyphs near it belong to it: scripts,
small fractions, limits. What stands between two lines of text and belongs to neither is a display
if it holds mathematics, and lines of text otherwise.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from extractors.pdf.formulas.boxes import Kind
from extractors.pdf.formulas.extension import BIG_OPERATORS, EXTENSION_SLOTS
from extractors.pdf.formulas.glyphs import ACCENTS, HANGING, boxes_of
from extractors.pdf.pages import Rule
from extractors.pdf.spans import Fragment, Span
from extractors.tex_characters import FUNCTIONS

SAME_BASELINE_EMS = 0.06
"""Baselines of one line differ by rounding only."""

MIN_WORDS = 3
"""So many words make a baseline a line of text whatever else is on it; a display holds fewer."""

MAX_SCRIPT_CHARS = 40
"""A baseline without a word of at most so many characters may be scripts or a numerator."""

SCRIPT_SIZE_RATIO = 0.86
MIN_GRID_EMS = 2.0
"""A fence this tall holds more than one line."""

ROOTS = ("\u221a", "p")
MAX_SHIFT_EMS = 0.62
"""The most that a script's baseline is shifted: TeX raises by 0.41 and lowers by 0.25."""

LINE_ABOVE_EMS = 1.05
LINE_BELOW_EMS = 0.5
"""Room of a line above and below its baseline in which its scripts and small fractions stand."""

BESIDE_EMS = 2.0
"""A script may stand so far beside the ends of its line."""

MAX_LEADING_EMS = 1.5
"""Lines of a paragraph are at most so far apart."""

MARGIN_POINTS = 1.5
"""Left ends of one column's lines differ by less."""

NAMES = FUNCTIONS | {"argmax", "argmin", "limsup", "liminf", "softmax", "tr", "sgn", "diag"}
WORD = re.compile(r"\b[^\W\d_]{2,}\b(?![(\[])")
FIRST_WORD = re.compile(r"\W{0,2}(?:[^\W\d_]{2,}(?![\w(\[])|\(?[ivx\d]{1,4}[.):]\s)")
STEP = re.compile(r"\d{1,3}:(?:\s|$)")
"""The number of an algorithm's line."""

NUMERIC = re.compile(r"[\d\s.,%\u2212-]*")
MATH_CHAR = re.compile(r"[=<>+\u00b1\u00d7\u2190-\u22ff\u27e8-\u27f6\u0391-\u03c9\u2a00-\u2aff]")


@dataclass(slots=True)
class Row:
    """One line of text: spans on its baseline, and those stacked around it (``around``)."""

    y: float
    size: float
    x0: float
    x1: float
    spans: list[Span]
    around: list[Span]
    rules: list[Rule]
    is_text: bool


@dataclass(slots=True)
class Region:
    """The spans and rules of a displayed formula."""

    spans: list[Span]
    rules: list[Rule]

    @property
    def y(self) -> float:
        """Its topmost baseline, in points."""
        return min(span.y for span in self.spans)


def rows_and_regions(fragments: Sequence[Fragment], rules: Sequence[Rule]) -> list[Row | Region]:
    """A column's lines of text and displays in order."""
    spans = [span for fragment in fragments for span in fragment.spans]
    rows = _baselines(spans)
    _disown_scripts(rows)
    _disown_grids(rows, spans)
    texts = [row for row in rows if row.is_text]
    if len(texts) < len(rows):
        _claim_continued_lines(rows, texts)
        texts = [row for row in rows if row.is_text]
        loose = [span for row in rows if not row.is_text for span in row.spans]
        loose = _attach(loose, texts)
    else:
        loose = []
    within = _rules_within(rules, spans)
    regions = _regions(loose, texts, within)
    for row in texts:
        if row.around or any(span.style.is_math for span in row.spans):
            row.rules = [
                rule
                for rule in within
                if row.y - LINE_ABOVE_EMS * row.size < rule.y < row.y + LINE_BELOW_EMS * row.size
                and rule.x1 - rule.x0 < 0.7 * (row.x1 - row.x0)
            ]
    found: list[Row | Region] = [*texts, *regions]
    return sorted(found, key=lambda item: item.y)


def rows_of_spans(spans: Sequence[Span]) -> list[Row]:
    """Lines of a table: baselines with the scripts around them, whatever they hold."""
    rows = _baselines(spans)
    for row in rows:
        row.is_text = True
    _disown_scripts(rows)
    texts = [row for row in rows if row.is_text]
    loose = [span for row in rows if not row.is_text for span in row.spans]
    for span in _attach(loose, texts):
        texts.extend(_baselines([span]))
    return sorted(texts, key=lambda row: row.y)


def _baselines(spans: Sequence[Span]) -> list[Row]:
    """Spans by their baselines, each said to be a line of text or not."""
    groups: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: span.y):
        if groups and span.y - groups[-1][0].y <= SAME_BASELINE_EMS * span.size:
            groups[-1].append(span)
        else:
            groups.append([span])
    rows = []
    for group in groups:
        group.sort(key=lambda span: span.x0)
        size = _main_size(group)
        rows.append(
            Row(
                group[0].y, size, group[0].x0, max(span.x1 for span in group), group, [], [],
                _is_text(group),
            )
        )  # fmt: skip
    return rows


def _main_size(spans: Sequence[Span]) -> float:
    if len(spans) == 1:
        return spans[0].size
    return max(spans, key=lambda span: (len(span.text), span.size)).size


def _is_text(spans: Sequence[Span]) -> bool:
    words = 0
    has_math = False
    for span in spans:
        style = span.style
        if style.is_mono:
            return True
        if style.is_math:
            has_math = True
        elif len(span.text) > 1:
            # Two letters in italics may be two variables.
            least = 3 if style.is_italic else 2
            words += sum(
                len(word) >= least and word not in NAMES for word in WORD.findall(span.text)
            )
            if words >= MIN_WORDS:
                return True
    if not has_math:
        text = " ".join(span.text for span in spans)
        has_math = MATH_CHAR.search(text) is not None and not words
        if not has_math and not words and len(text) <= MAX_SCRIPT_CHARS:
            return False
    first = spans[0]
    starts_with_word = not first.style.is_math and FIRST_WORD.match(
        first.text + (" " if len(spans) == 1 or spans[1].x0 > first.x1 + 1 else "")
    )
    if STEP.match(first.text):
        return True
    starts_with_function = first.text.split(" ")[0].strip("(") in NAMES
    return not has_math or (words > 0 and bool(starts_with_word) and not starts_with_function)


def _disown_scripts(rows: Sequence[Row]) -> None:
    """Baselines that are the scripts of the next one: smaller, near, and between its glyphs."""
    for index, row in enumerate(rows):
        if not row.is_text or sum(len(span.text) for span in row.spans) > MAX_SCRIPT_CHARS:
            continue
        for other in (*rows[max(0, index - 2) : index], *rows[index + 1 : index + 3]):
            if (
                row.size < SCRIPT_SIZE_RATIO * other.size
                and abs(row.y - other.y) < MAX_SHIFT_EMS * other.size
                and other.x0 - other.size < row.x0
                and row.x1 < other.x1 + 2 * other.size
            ):
                row.is_text = False


def _disown_grids(rows: Sequence[Row], spans: Sequence[Span]) -> None:
    """Baselines beside a tall fence and off its middle: the lines of cases and matrices."""
    fences = [
        (span, *extent)
        for span in spans
        if span.style.is_extension and (extent := _extent(span)) is not None
    ]
    for row in rows:
        if not row.is_text:
            continue
        axis = row.y - 0.25 * row.size
        for span, top, bottom in fences:
            is_tall = bottom - top > MIN_GRID_EMS * row.size
            if (
                is_tall
                and top < axis < bottom
                and abs((top + bottom) / 2 - axis) > 0.4 * row.size
                and -0.5 * row.size < row.x0 - span.x0
                and len(row.spans[0].text) < MAX_SCRIPT_CHARS
            ):
                row.is_text = False


def _extent(span: Span) -> tuple[float, float] | None:
    boxes = boxes_of(span)
    tall = [box for box in boxes if box.is_tall and box.kind is not Kind.OPERATOR]
    if not tall:
        return None
    return min(box.top for box in tall), max(box.bottom for box in tall)


def _claim_continued_lines(rows: Sequence[Row], texts: Sequence[Row]) -> None:
    """Lines of formulas only that go on with a paragraph: they start where its lines start."""
    if not texts:
        return
    ys = [row.y for row in texts]
    for row in rows:
        if row.is_text:
            continue
        index = bisect_left(ys, row.y) - 1
        if index < 0:
            continue
        above = texts[index]
        is_near = 0.8 * above.size < row.y - above.y <= MAX_LEADING_EMS * above.size
        is_same_size = row.size >= SCRIPT_SIZE_RATIO * above.size
        column_right = max(text.x1 for text in texts)
        if (
            is_near
            and is_same_size
            and abs(row.x0 - above.x0) < MARGIN_POINTS
            and above.x1 > column_right - 3 * above.size
        ):
            row.is_text = True


def _attach(loose: Sequence[Span], texts: Sequence[Row]) -> list[Span]:
    """Gives the lines of text what is stacked around them; the rest comes back."""
    ys = [row.y for row in texts]
    left: list[Span] = []
    # Operators first: their limits are told by them.
    for span in sorted(loose, key=lambda span: not span.style.is_extension):
        middle, is_extension = _middle(span)
        index = bisect_left(ys, middle)
        best: tuple[float, Row] | None = None
        for row in texts[max(0, index - 2) : index + 3]:
            is_within = (
                row.y - LINE_ABOVE_EMS * row.size < middle < row.y + LINE_BELOW_EMS * row.size
            )
            is_beside = (
                row.x0 - BESIDE_EMS * row.size < span.x1
                and span.x0 < row.x1 + BESIDE_EMS * row.size
            )
            is_small = (
                span.size < SCRIPT_SIZE_RATIO * row.size
                or is_extension
                or span.text.strip() in ACCENTS
                or span.text.strip() == "\u0338"
                or abs(span.y - row.y) < 0.25 * row.size
            )
            if is_within and is_beside and is_small and span.size < 1.3 * row.size:
                distance = abs(middle - (row.y - 0.25 * row.size))
                if not is_extension and _is_limit(span, row):
                    distance -= 0.5 * row.size
                if best is None or distance < best[0]:
                    best = distance, row
        if best is None:
            left.append(span)
        else:
            best[1].around.append(span)
    return left


def _is_limit(span: Span, row: Row) -> bool:
    """Whether a script stands right of a big operator of the row."""
    return any(
        other.style.is_extension
        and other.x1 - 0.7 * other.size < span.x0 < other.x1 + 0.3 * other.size
        for other in row.around
    )


def _middle(span: Span) -> tuple[float, bool]:
    """The height of a span's middle, and whether it is of an extension font."""
    if span.style.is_extension:
        slot = EXTENSION_SLOTS.get(ord(span.text[0])) if span.text else None
        if slot is not None:
            if slot[0] == "accent":
                return span.y - 0.65 * span.size, True
            return span.y + slot[2] * span.size / 2, True
        return span.y + 0.5 * span.size, True
    text = span.text.strip()
    if text in ROOTS and HANGING.search(span.style.name):
        return span.y + 0.46 * span.size, True
    return span.y - 0.25 * span.size, text in BIG_OPERATORS


def _rules_within(rules: Sequence[Rule], spans: Sequence[Span]) -> list[Rule]:
    if not rules or not spans:
        return []
    x0, x1 = min(span.x0 for span in spans), max(span.x1 for span in spans)
    y0, y1 = min(span.y for span in spans) - 12, max(span.y for span in spans) + 12
    width = x1 - x0
    return [
        rule
        for rule in rules
        if x0 - 6 <= rule.x0 and rule.x1 <= x1 + 6 and y0 <= rule.y <= y1
        and rule.x1 - rule.x0 < 0.9 * width + 20
    ]  # fmt: skip


def _regions(
    loose: Sequence[Span], texts: Sequence[Row], rules: Sequence[Rule]
) -> list[Region | Row]:
    """What stands between two lines of text: a display, or short lines of text."""
    ys = [row.y - 0.25 * row.size for row in texts]
    groups: dict[int, list[Span]] = {}
    for span in loose:
        groups.setdefault(bisect_left(ys, _middle(span)[0]), []).append(span)
    found: list[Region | Row] = []
    for spans in groups.values():
        spans.sort(key=lambda span: span.y)
        for part in _parted(spans):
            low = min(_middle(span)[0] - span.size for span in part)
            high = max(_middle(span)[0] + span.size for span in part)
            left, right = min(s.x0 for s in part), max(s.x1 for s in part)
            own = [
                rule
                for rule in rules
                if low < rule.y < high and left - 6 < rule.x0 and rule.x1 < right + 6
            ]
            if _holds_mathematics(part):
                found.append(Region(part, own))
            else:
                rows = _baselines(part)
                for row in rows:
                    row.is_text = True
                found.extend(rows)
    return found


def _parted(spans: list[Span]) -> list[list[Span]]:
    """Spans in groups that a wide gap parts."""
    parts: list[list[Span]] = []
    bottom = 0.0
    for span in sorted(spans, key=lambda span: _middle(span)[0]):
        middle = _middle(span)[0]
        if parts and middle - bottom < 3.2 * span.size:
            parts[-1].append(span)
        else:
            parts.append([span])
        bottom = max(bottom, middle) if parts[-1][0] is not span else middle
    return parts


def _holds_mathematics(spans: Sequence[Span]) -> bool:
    math = sum(
        len(span.text.replace(" ", ""))
        for span in spans
        if span.style.is_math
        and not set(span.text) <= set("\u2022\u2217\u00b7\u2219 \u2605\u25a1\u25e6")
    )
    if math:
        # Numbers alone are a figure's.
        return any(not NUMERIC.fullmatch(span.text) for span in spans)
    signs = sum(len(MATH_CHAR.findall(span.text)) for span in spans)
    return signs > 0 and any(
        span.style.is_italic and len(span.text.strip()) < MIN_WORDS for span in spans
    )
