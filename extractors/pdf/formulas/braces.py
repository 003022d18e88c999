"""Horizontal braces over and under a part of a formula, with their labels."""

from collections.abc import Sequence
from dataclasses import replace

from extractors.pdf.formulas.boxes import Box, Kind, Parse

TIPS = "\u23de\u23df"
MIN_TIPS = 4
"""A brace is drawn of two ends and two halves of its middle."""

MAX_LABEL_EMS = 2.0
"""A label stands this near to its brace."""


def braced(boxes: list[Box], parse: Parse) -> list[Box]:
    """The boxes with each braced part, its brace and its label as one box."""
    tips = sorted((box for box in boxes if box.char in TIPS and box.char), key=lambda b: b.axis)
    groups: list[list[Box]] = []
    for tip in tips:
        if groups and abs(groups[-1][0].axis - tip.axis) < 0.1 * tip.size:
            groups[-1].append(tip)
        else:
            groups.append([tip])
    for row in groups:
        row.sort(key=lambda box: box.x0)
        for start in range(0, len(row) - MIN_TIPS + 1, MIN_TIPS):
            boxes = _with_brace(boxes, row[start : start + MIN_TIPS], parse)
    return [box for box in boxes if not (box.char and box.char in TIPS)]


def _with_brace(boxes: list[Box], brace: Sequence[Box], parse: Parse) -> list[Box]:
    is_over = brace[0].char == TIPS[0]
    left, right, y, size = brace[0].x0, brace[-1].x1, brace[0].axis, brace[0].size
    inside = [
        box
        for box in boxes
        if box.char not in (*TIPS,)
        and box.x0 > left - 0.2 * size
        and box.x1 < right + 0.2 * size
        and abs(box.axis - y) < 2 * MAX_LABEL_EMS * size
    ]
    body = [box for box in inside if (box.axis > y) == is_over]
    label = [
        box
        for box in inside
        if (box.axis < y) == is_over and abs(box.axis - y) < MAX_LABEL_EMS * size
    ]
    if not body:
        return boxes
    mark = "^" if is_over else "_"
    tex = rf"\{'over' if is_over else 'under'}brace{{{parse(body)}}}"
    if label:
        tex += f"{mark}{{{parse(label)}}}"
    gone = {id(box) for box in (*body, *label, *brace)}
    main = max(body, key=lambda box: box.size)
    box = replace(
        main, x0=left, x1=right, tex=tex, kind=Kind.COMPOSITE, style=None, char="",
        top=min(b.top for b in (*body, *label)), bottom=max(b.bottom for b in (*body, *label)),
    )  # fmt: skip
    return sorted([b for b in boxes if id(b) not in gone] + [box], key=lambda b: b.x0)
