"""A displayed formula's rows, each with its number, as TeX between double dollar signs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from extractors.pdf.formulas.boxes import Box, Kind, main_axis
from extractors.pdf.formulas.braces import TIPS
from extractors.pdf.formulas.glyphs import boxes_of
from extractors.pdf.formulas.parsing import UnreadableError, tex_of
from extractors.pdf.pages import Rule
from extractors.pdf.rows import Region
from extractors.pdf.spans import Span

TAG = re.compile(
    r"\(([A-Z]?\.?\d+(?:[.\-\u2013]\d+)*[a-z]?'*|[A-Z\d]{1,3}|[*\u2217\u2020\u2021]+)\)"
)
MIN_TAG_GAP_EMS = 1.0
"""A number stands further from its formula than its symbols from each other; TeX keeps 0.5 ems at
least, and usually has the rest of the line."""

ROW_GAP_EMS = 0.04
"""A white stripe this high parts two lines of a display: letters have their nominal heights."""

OPERATOR_REACH_EMS = 0.45
"""Limits stand at most so far from their operator, so it reaches out to them."""

BAR_REACH_EMS = 0.4
"""A bar reaches out to its numerator and denominator, which TeX sets 0.15 to 0.4 ems away."""

SAME_AXIS_EMS = 0.3
"""A number this near to the axis of a line is that line's."""

MAX_ROW_SPACE_EMS = 0.95
"""TeX leaves 0.56 ems between the lines of an alignment, where heights are nominal, and 1.5 and
more between two displays."""

BRACE_REACH_EMS = 0.9
"""A horizontal brace reaches out to its label."""


@dataclass(slots=True)
class Display:
    """One displayed formula; ``tex`` is None where a glyph has no meaning, ``text`` its reading."""

    y: float
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    tex: str | None
    text: str
    tag: str | None = None


def displays_of(region: Region) -> list[Display]:
    """The formulas of a region: rows with numbers of their own are formulas of their own."""
    boxes: list[Box] = []
    tags: list[tuple[Box, str]] = []
    for span, tag in _tagged(region.spans):
        if tag is None:
            boxes.extend(boxes_of(span))
        else:
            axis = span.y - 0.25 * span.size
            tags.append((Box(span.x0, span.x1, axis, axis, axis, span.size, "", Kind.TEXT), tag))
    if not boxes:
        return []
    boxes.sort(key=lambda box: box.x0)
    return [
        display
        for rows in _apart(_rows(boxes, region.rules))
        for display in _numbered(rows, region.rules, tags)
    ]


def _apart(rows: Sequence[list[Box]]) -> list[list[list[Box]]]:
    """Rows in groups: a space wider than between the lines of one formula parts two formulas."""
    groups: list[list[list[Box]]] = []
    bottom = 0.0
    for row in rows:
        top = min(box.top for box in row)
        size = max(box.size for box in row)
        if groups and top - bottom < MAX_ROW_SPACE_EMS * size:
            groups[-1].append(row)
        else:
            groups.append([row])
        bottom = max(box.bottom for box in row)
    return groups


def _numbered(
    rows: Sequence[list[Box]], rules: Sequence[Rule], tags: Sequence[tuple[Box, str]]
) -> list[Display]:
    """Rows with numbers of their own are formulas of their own; others belong to the next."""
    low = min(box.top for box in rows[0]) - 1
    high = max(box.bottom for row in rows for box in row) + 1
    mine = [tag for tag in tags if low < tag[0].axis < high]
    owners = _owners(rows, mine)
    groups: list[tuple[list[list[Box]], str | None]] = []
    pending: list[list[Box]] = []
    for index, row in enumerate(rows):
        pending.append(row)
        numbers = [mine[tag][1] for tag, owner in owners.items() if owner == index]
        if numbers:
            groups.append((pending, numbers[0]))
            pending = []
    is_centred = len(mine) == 1 and not any(
        abs(main_axis(row) - mine[0][0].axis) < SAME_AXIS_EMS * mine[0][0].size for row in rows
    )
    if pending and is_centred:
        # One number beside the middle of several lines: it is all of theirs.
        groups[0] = ([*groups[0][0], *pending], groups[0][1])
    elif pending:
        groups.append((pending, None))
    return [_display(group, rules, tag) for group, tag in groups]


def _tagged(spans: Sequence[Span]) -> list[tuple[Span, str | None]]:
    """Spans with the number that they are, if they are one at an end of their line."""
    found: list[tuple[Span, str | None]] = []
    for span in spans:
        tag = None
        text = span.text.strip()
        match = TAG.fullmatch(text)
        if match and not span.style.is_math:
            others = [
                other
                for other in spans
                if other is not span
                and abs(other.y - span.y) < 2.5 * span.size
                and not TAG.fullmatch(other.text.strip())
            ]
            right = max((o.x1 for o in others), default=span.x0)
            left = min((o.x0 for o in others), default=span.x1)
            gap = MIN_TAG_GAP_EMS * span.size
            if others and (span.x0 - right > gap or left - span.x1 > gap):
                tag = match[1]
        elif not span.style.is_math and text.endswith(")"):
            parted = _parted_tag(span)
            if parted is not None:
                found.append((parted[0], None))
                found.append(parted[1])
                continue
        found.append((span, tag))
    return found


def _parted_tag(span: Span) -> tuple[Span, tuple[Span, str]] | None:
    """A span whose end, after a wide gap, is the formula's number: ". (13)"."""
    chars = span.chars
    for index in range(len(chars) - 1, 0, -1):
        if chars[index]["c"] == "(":
            before = next((c for c in reversed(chars[:index]) if not c["c"].isspace()), None)
            if before is None:
                return None
            text = "".join(char["c"] for char in chars[index:]).strip()
            match = TAG.fullmatch(text)
            gap = chars[index]["origin"][0] - before["bbox"][2]
            if match and gap > MIN_TAG_GAP_EMS * span.size:
                x = chars[index]["origin"][0]
                rest = Span(
                    "".join(c["c"] for c in chars[:index]), span.x0, before["bbox"][2], span.y,
                    span.size, span.style, chars[:index],
                )  # fmt: skip
                own = Span(text, x, span.x1, span.y, span.size, span.style, chars[index:])
                return rest, (own, match[1])
            return None
    return None


def _owners(rows: Sequence[Sequence[Box]], tags: Sequence[tuple[Box, str]]) -> dict[int, int]:
    """For each tag its row."""
    owners: dict[int, int] = {}
    for number, (box, _) in enumerate(tags):
        distances = [
            (
                max(min(b.top for b in row) - box.axis, box.axis - max(b.bottom for b in row), 0),
                index,
            )
            for index, row in enumerate(rows)
        ]
        owners[number] = min(distances)[1]
    return owners


def _rows(boxes: Sequence[Box], rules: Sequence[Rule]) -> list[list[Box]]:
    """Boxes by the lines of the display: those that no white stripe parts are one line."""
    size = max(box.size for box in boxes if not box.is_tall) if any(
        not box.is_tall for box in boxes
    ) else boxes[0].size  # fmt: skip
    extents: list[tuple[float, float, Box | None]] = [(*_extent(box, size), box) for box in boxes]
    extents.extend(
        (rule.y - BAR_REACH_EMS * size, rule.y + BAR_REACH_EMS * size, None) for rule in rules
    )
    extents.sort(key=lambda extent: extent[0])
    rows: list[list[Box]] = []
    bottom = -float("inf")
    for top, low, box in extents:
        if top > bottom + ROW_GAP_EMS * size:
            rows.append([])
        bottom = max(bottom, low)
        if box is not None:
            rows[-1].append(box)
    return [sorted(row, key=lambda box: box.x0) for row in rows if row]


def _extent(box: Box, size: float) -> tuple[float, float]:
    if box.char and box.char in TIPS:
        return box.top - BRACE_REACH_EMS * size, box.bottom + BRACE_REACH_EMS * size
    if box.kind is Kind.OPERATOR:
        return box.top - OPERATOR_REACH_EMS * size, box.bottom + OPERATOR_REACH_EMS * size
    if box.is_tall:
        return box.top, box.bottom
    if box.size < 0.86 * size:
        # A script reaches for its base.
        return box.top - 0.1 * size, box.bottom + 0.1 * size
    return box.top, box.bottom


def _display(rows: Sequence[list[Box]], rules: Sequence[Rule], tag: str | None) -> Display:
    boxes = [box for row in rows for box in row]
    top, bottom = min(b.top for b in boxes), max(b.bottom for b in boxes)
    text = " ".join("".join(box.char or box.tex for box in row) for row in rows)
    written: list[str] = []
    tex: str | None
    try:
        for row in rows:
            low, high = min(b.top for b in row), max(b.bottom for b in row)
            own = [rule for rule in rules if low - 2 <= rule.y <= high + 2]
            written.append(tex_of(row, own)[0])
    except UnreadableError:
        tex = None
    else:
        body = r" \\ ".join(written)
        tex = body if len(written) == 1 else rf"\begin{{gathered}} {body} \end{{gathered}}"
    return Display(
        min(b.axis for b in boxes), min(b.x0 for b in boxes), max(b.x1 for b in boxes), top,
        bottom, max(b.size for b in boxes), tex, text, tag,
    )  # fmt: skip


def markdown_of(display: Display) -> str:
    """The formula between double dollar signs, or its characters where it has no TeX."""
    if display.tex is None:
        return display.text if display.tag is None else f"{display.text} ({display.tag})"
    tag = "" if display.tag is None else rf" \tag{{{display.tag}}}"
    return f"$${display.tex}{tag}$$"
