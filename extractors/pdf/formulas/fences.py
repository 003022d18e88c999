"""Tall fences with what they hold: matrices, cases, binomials, parentheses."""

from collections.abc import Sequence
from itertools import pairwise

from extractors.pdf.formulas.boxes import SCRIPT_SIZE_RATIO, Box, Kind, Parse, main_axis, replaced

MATCHING = {
    "(": ")",
    "[": "]",
    "{": "}",
    "\u27e8": "\u27e9",
    "\u230a": "\u230b",
    "\u2308": "\u2309",
}
ROW_GAP_EMS = 0.06
"""Room between two rows of a matrix, where rows are as high as the core of their letters."""

COLUMN_GAP_EMS = 0.5
"""Room between two columns of a matrix; TeX's is 1, a small matrix' 0.5 to 0.56."""

BINOMIAL_PITCH_EMS = 1.28
"""Two rows further apart than this many ems are a binomial's, which TeX sets at 1.36, and closer
ones a matrix', at 1.2; in text a binomial's small parts are 1.13 of their own size apart."""


def fenced(boxes: list[Box], parse: Parse) -> list[Box]:
    """Tall fences with what they hold: matrices, cases, binomials, and plain tall parentheses.

    An inner pair is taken before an outer one.
    """
    while True:
        pair = _innermost(boxes)
        if pair is None:
            return boxes
        opening, closing = pair
        boxes = _with_fence(boxes, opening, closing, parse)


def _innermost(boxes: Sequence[Box]) -> tuple[Box, Box | None] | None:
    pending: list[Box] = []
    tall = [b for b in boxes if b.is_tall and b.kind in (Kind.OPEN, Kind.CLOSE, Kind.FENCE)]
    for box in tall:
        if box.kind is Kind.OPEN:
            pending.append(box)
            continue
        partner = next((p for p in reversed(pending) if _is_pair(p, box)), None)
        if partner is not None:
            return partner, box
        if box.kind is Kind.FENCE:
            pending.append(box)
    braces = [box for box in pending if box.char == "{" and _rows_after(boxes, box) > 1]
    return (braces[-1], None) if braces else None


def _is_pair(opening: Box, closing: Box) -> bool:
    height = opening.bottom - opening.top
    is_level = abs(opening.axis - closing.axis) < 0.25 * height
    if closing.kind is Kind.FENCE:
        return is_level and opening.char == closing.char
    return is_level and abs(height - (closing.bottom - closing.top)) < 0.35 * height


def _rows_after(boxes: Sequence[Box], brace: Box) -> int:
    rows = rows_of(_inside(boxes, brace, None))
    return len(rows) if are_lines(rows) else 1


def are_lines(rows: Sequence[list[Box]]) -> bool:
    """Whether rows are lines of their own and not a line with its scripts."""
    if len(rows) < 2:  # noqa: PLR2004
        return False
    sizes = [max(box.size for box in row) for row in rows]
    return min(sizes) > SCRIPT_SIZE_RATIO * max(sizes)


def _inside(boxes: Sequence[Box], opening: Box, closing: Box | None) -> list[Box]:
    margin = 0.3 * opening.size
    right = closing.x0 if closing is not None else float("inf")
    return [
        box
        for box in boxes
        if box is not opening
        and box is not closing
        and box.x0 >= opening.x0 + 0.1
        and (box.x0 + box.x1) / 2 < right
        and opening.top - margin <= box.axis <= opening.bottom + margin
    ]


def _with_fence(boxes: list[Box], opening: Box, closing: Box | None, parse: Parse) -> list[Box]:
    inside = _inside(boxes, opening, closing)
    rows = rows_of(inside)
    right = closing.x1 if closing is not None else max(box.x1 for box in inside)
    gone = {id(opening), id(closing), *(id(box) for box in inside)}
    size = max((box.size for box in inside), default=opening.size)
    tex = _grid(opening, closing, inside, rows, parse) if are_lines(rows) else None
    if tex is None:
        left_fence = fence_tex(opening.char)
        right_fence = fence_tex(closing.char) if closing is not None else "."
        content = parse(inside) if inside else ""
        tex = rf"\left{left_fence} {content} \right{right_fence}"
    axis = opening.axis
    if inside and len(rows) <= 1:
        axis = main_axis(inside)
    box = Box(opening.x0, right, opening.top, opening.bottom, axis, size, tex, Kind.COMPOSITE)
    return replaced(boxes, gone, box)


def fence_tex(char: str) -> str:
    r"""A fence as it stands after ``\left``."""
    return {
        "{": r"\{", "}": r"\}", "\u27e8": r"\langle", "\u27e9": r"\rangle", "\u2016": r"\|",
        "\u230a": r"\lfloor", "\u230b": r"\rfloor", "\u2308": r"\lceil", "\u2309": r"\rceil",
        "\\": r"\backslash",
    }.get(char, char)  # fmt: skip


def _grid(
    opening: Box, closing: Box | None, inside: list[Box], rows: list[list[Box]], parse: Parse
) -> str | None:
    columns = column_edges(inside)
    cells = [
        [
            parse(cell) if cell else ""
            for cell in (
                [b for b in row if low <= (b.x0 + b.x1) / 2 < high] for low, high in columns
            )
        ]
        for row in rows
    ]
    is_column = len(columns) == 1
    if closing is None:
        return _environment("cases", cells)
    if opening.char == "(" and is_column and len(rows) == 2:  # noqa: PLR2004
        size = max(box.size for box in inside)
        pitch = main_axis(rows[1]) - main_axis(rows[0])
        is_small = size < 0.8 * opening.size
        if is_small or pitch > BINOMIAL_PITCH_EMS * size:
            return rf"\binom{{{cells[0][0]}}}{{{cells[1][0]}}}"
    name = {"(": "pmatrix", "[": "bmatrix", "{": "Bmatrix", "|": "vmatrix", "\u2016": "Vmatrix"}
    if MATCHING.get(opening.char, opening.char) == closing.char and opening.char in name:
        return _environment(name[opening.char], cells)
    left, right = fence_tex(opening.char), fence_tex(closing.char)
    return rf"\left{left} {_environment('matrix', cells)} \right{right}"


def _environment(name: str, cells: list[list[str]]) -> str:
    body = r" \\ ".join(" & ".join(row) for row in cells)
    return rf"\begin{{{name}}} {body} \end{{{name}}}"


def rows_of(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes by the rows that a gap parts, from top to bottom; scripts belong to their row."""
    rows: list[tuple[float, list[Box]]] = []
    for box in sorted(boxes, key=lambda b: _core(b)[0]):
        top, bottom = _core(box)
        if rows and top < rows[-1][0] + ROW_GAP_EMS * box.size:
            rows[-1][1].append(box)
            rows[-1] = (max(rows[-1][0], bottom), rows[-1][1])
        else:
            rows.append((bottom, [box]))
    return [sorted(row, key=lambda box: box.x0) for _, row in rows]


def _core(box: Box) -> tuple[float, float]:
    """The height that a box takes for certain: of a letter, the x-height."""
    if box.kind is Kind.COMPOSITE:
        # A fraction's parts may touch those of the row below it.
        room = min(0.25 * (box.bottom - box.top), 0.35 * box.size)
        return box.top + room, box.bottom - room
    if box.is_tall:
        return box.top + 0.1 * box.size, box.bottom - 0.1 * box.size
    return box.axis - 0.28 * box.size, box.axis + 0.28 * box.size


def column_edges(boxes: Sequence[Box]) -> list[tuple[float, float]]:
    """Left and right ends of the columns that gaps part, the outer ones open."""
    size = max(box.size for box in boxes)
    cuts: list[float] = []
    right = -float("inf")
    for box in sorted(boxes, key=lambda b: b.x0):
        if right > -float("inf") and box.x0 - right > COLUMN_GAP_EMS * size:
            cuts.append((box.x0 + right) / 2)
        right = max(right, box.x1)
    edges = [-float("inf"), *cuts, float("inf")]
    return list(pairwise(edges))
