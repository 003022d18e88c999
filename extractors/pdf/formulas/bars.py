"""What rules make of a formula: fractions, roots, lines over and under."""

from collections.abc import Sequence

from extractors.pdf.formulas.boxes import (
    AXIS,
    SCRIPT_SIZE_RATIO,
    Box,
    Kind,
    Parse,
    main_axis,
    replaced,
)
from extractors.pdf.pages import Rule

SIDE_EMS = 0.2
"""How far a numerator may stick out of its bar: TeX makes the bar as long as the wider part."""

MAX_STACK_GAP_EMS = 0.5
"""Room between a bar and its parts, and between parts of these: TeX leaves 0.15 to 0.3 where the
letters' heights are nominal."""

MAX_SIBLING_RATIO = 1.05
"""A wider bar may hold this one's fraction; one of its width is a neighbour's."""

MAX_LINE_SHIFT_EMS = 0.5
"""A box as large as a numerator's main one and so far off its axis is on another line."""

MAX_PART_GAP_EMS = 0.14
"""Room between a numerator's own parts, such as an operator and its limit."""


def barred(boxes: list[Box], rules: Sequence[Rule], parse: Parse) -> tuple[list[Box], list[Rule]]:
    """Roots, fractions, overlines and underlines, and the rules that were none of these.

    Shorter rules are taken first, because what is inside another is shorter than it.
    """
    left: list[Rule] = []
    pending = sorted(rules, key=lambda rule: rule.x1 - rule.x0)
    while pending:
        rule, *pending = pending
        others = [*pending, *left]
        radical = _radical_of(boxes, rule)
        found = (
            _root(boxes, rule, radical, parse)
            if radical is not None
            else _fraction(boxes, rule, others, parse)
        )
        if found is None:
            left.append(rule)
        else:
            boxes = found
    return boxes, left


def _radical_of(boxes: Sequence[Box], rule: Rule) -> Box | None:
    for box in boxes:
        if box.kind is Kind.RADICAL and abs(box.x1 - rule.x0) < 0.3 * box.size:
            baseline = box.axis + AXIS * box.size
            tops = (box.top,) if box.is_tall else (baseline, baseline - 0.85 * box.size)
            if any(abs(top - rule.y) < 0.3 * box.size for top in tops):
                return box
    return None


def _root(boxes: list[Box], rule: Rule, radical: Box, parse: Parse) -> list[Box] | None:
    pieces = [
        box
        for box in boxes
        if box.kind is Kind.RADICAL and abs(box.x0 - radical.x0) < 0.25 * radical.size
    ]
    bottom = max(box.bottom for box in pieces)
    if not radical.is_tall:
        bottom = rule.y + 1.1 * radical.size
    margin = 0.15 * radical.size
    inside = [
        box
        for box in boxes
        if box.kind is not Kind.RADICAL
        and rule.x0 - margin <= (box.x0 + box.x1) / 2 <= rule.x1 + margin
        and rule.y - margin < box.axis < bottom + margin
    ]
    if not inside:
        return None
    index = [
        box
        for box in boxes
        if box not in inside
        and box.kind is not Kind.RADICAL
        and box.size < 0.8 * max(b.size for b in inside)
        and radical.x0 - 0.5 * radical.size <= box.x0
        and box.x1 <= radical.x1
        and box.axis < bottom - 0.35 * (bottom - rule.y)
        and box.bottom > rule.y - 0.3 * radical.size
    ]
    tex = parse(inside)
    tex = rf"\sqrt[{parse(index)}]{{{tex}}}" if index else rf"\sqrt{{{tex}}}"
    main = max(inside, key=lambda box: box.size)
    root = Box(
        radical.x0, rule.x1, rule.y, max(b.bottom for b in inside), main_axis(inside), main.size,
        tex, Kind.COMPOSITE,
    )  # fmt: skip
    gone = {id(box) for box in (*pieces, *inside, *index)}
    return replaced(boxes, gone, root)


def _fraction(
    boxes: list[Box], rule: Rule, others: Sequence[Rule], parse: Parse
) -> list[Box] | None:
    within = [
        box
        for box in boxes
        if rule.x0 - SIDE_EMS * box.size <= box.x0 and box.x1 <= rule.x1 + SIDE_EMS * box.size
    ]
    above = _stack([box for box in within if box.axis < rule.y], rule, others, upward=True)
    below = _stack([box for box in within if box.axis > rule.y], rule, others, upward=False)
    if above and below:
        tex = rf"\frac{{{parse(above)}}}{{{parse(below)}}}"
        size = max(box.size for box in (*above, *below))
        fraction = Box(
            min(rule.x0, *(b.x0 for b in above), *(b.x0 for b in below)), rule.x1,
            min(b.top for b in above), max(b.bottom for b in below), rule.y, size, tex,
            Kind.COMPOSITE,
        )  # fmt: skip
        return replaced(boxes, {id(box) for box in (*above, *below)}, fraction)
    part = below or above
    if not part:
        return None
    width = max(box.x1 for box in part) - min(box.x0 for box in part)
    if not 0.6 * width <= rule.x1 - rule.x0 <= 1.3 * width + 2:
        return None
    is_over = bool(below)
    is_letter = len(part) == 1 and part[0].kind in (Kind.LETTER, Kind.TEXT)
    command = (r"\bar" if is_letter else r"\overline") if is_over else r"\underline"
    main = max(part, key=lambda box: box.size)
    lined = Box(
        min(b.x0 for b in part), max(b.x1 for b in part), min(rule.y, *(b.top for b in part)),
        max(rule.y, *(b.bottom for b in part)), main_axis(part), main.size,
        f"{command}{{{parse(part)}}}", Kind.COMPOSITE,
    )  # fmt: skip
    return replaced(boxes, {id(box) for box in part}, lined)


def _stack(boxes: list[Box], rule: Rule, others: Sequence[Rule], *, upward: bool) -> list[Box]:
    """The boxes that reach the rule from one side, with no gap, and no other rule nearer."""
    edge = rule.y
    taken: list[Box] = []
    left = sorted(boxes, key=lambda box: -box.bottom if upward else box.top)
    for box in left:
        gap = edge - box.bottom if upward else box.top - edge
        if gap > (MAX_STACK_GAP_EMS if not taken else MAX_PART_GAP_EMS) * box.size:
            break
        between = (box.axis, rule.y) if upward else (rule.y, box.axis)
        middle = (box.x0 + box.x1) / 2
        if any(
            other.x0 <= middle <= other.x1
            and (
                between[0] < other.y < between[1]
                or (
                    other.x1 - other.x0 < MAX_SIBLING_RATIO * (rule.x1 - rule.x0)
                    and abs(other.y - box.axis) < abs(rule.y - box.axis)
                )
            )
            for other in others
        ):
            continue
        if taken and _is_another_line(box, taken):
            break
        taken.append(box)
        edge = min(edge, box.top) if upward else max(edge, box.bottom)
    return taken


def _is_another_line(box: Box, taken: Sequence[Box]) -> bool:
    """Whether a box is as large as those taken and off their line: the next row of a matrix."""
    main = max(taken, key=lambda other: other.size)
    return (
        not box.is_tall
        and not main.is_tall
        and box.size >= SCRIPT_SIZE_RATIO * main.size
        and abs(box.axis - main.axis) > MAX_LINE_SHIFT_EMS * main.size
    )
