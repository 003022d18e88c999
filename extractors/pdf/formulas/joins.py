"""Glyphs that are drawn of several: dots, long arrows, negated relations, extensible fences."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from extractors.pdf.formulas.boxes import Box, Kind, replaced
from extractors.pdf.formulas.glyphs import OPENS

MAX_DOTS = 200
"""More are a table of contents, and trying all triples would take long."""

MAX_DOT_STEP_EMS = 0.7
r"""The dots of \ldots are 0.44 ems apart, those of \vdots and \ddots 0.4."""

DOT_SLACK_EMS = 0.06
"""Dots of one sign are as far apart as this, but for rounding."""

ARROWS = {
    ("\u21d0", "\u21d2"): r"\iff", ("\u2190", "\u2192"): r"\longleftrightarrow",
    ("\u2212", "\u2192"): r"\longrightarrow", ("-", "\u2192"): r"\longrightarrow",
    ("\u2190", "\u2212"): r"\longleftarrow", ("=", "\u21d2"): r"\implies",
    ("\u21d0", "="): r"\impliedby", ("|", "="): r"\models", ("\u21a6", "\u2192"): r"\mapsto",
    ("7", "\u2192"): r"\mapsto",
}  # fmt: skip
"""Long arrows are drawn of two glyphs that overlap."""

NEGATED = {"=": r"\ne", r"\in": r"\notin", r"\sim": r"\nsim", "<": r"\nless", ">": r"\ngtr"}


def with_dots(boxes: list[Box]) -> list[Box]:
    """Three dots in a row, in a column or on a slope, as one box."""
    gone: set[int] = set()
    found: list[Box] = []
    for char in (".", "\u00b7", "\u22c5"):
        dots = [box for box in boxes if box.char == char]
        if not 3 <= len(dots) <= MAX_DOTS:  # noqa: PLR2004
            continue
        for is_wanted in (_is_row, _is_column, _is_slope):
            for first in dots:
                triple = _triple(first, [b for b in dots if id(b) not in gone], is_wanted)
                if id(first) in gone or triple is None:
                    continue
                gone.update(id(box) for box in triple)
                found.append(_dotted(triple, is_wanted))
    if not found:
        return boxes
    kept = [box for box in boxes if id(box) not in gone]
    return sorted([*kept, *found], key=lambda box: box.x0)


def _is_row(across: float, down: float) -> bool:
    return 0 < across < MAX_DOT_STEP_EMS and abs(down) < DOT_SLACK_EMS


def _is_column(across: float, down: float) -> bool:
    return abs(across) < DOT_SLACK_EMS and 0 < down < MAX_DOT_STEP_EMS


def _is_slope(across: float, down: float) -> bool:
    return 0 < across < MAX_DOT_STEP_EMS and 0 < down < MAX_DOT_STEP_EMS


def _triple(
    first: Box, dots: Sequence[Box], is_wanted: Callable[[float, float], bool]
) -> tuple[Box, Box, Box] | None:
    """``first`` and two more dots, each as far from the one before it."""
    size = first.size
    for second in dots:
        step = (second.x0 - first.x0) / size, (second.axis - first.axis) / size
        if second is first or not is_wanted(*step):
            continue
        for third in dots:
            next_step = (third.x0 - second.x0) / size, (third.axis - second.axis) / size
            if (
                is_wanted(*next_step)
                and max(abs(next_step[0] - step[0]), abs(next_step[1] - step[1]))
                < 2 * DOT_SLACK_EMS
            ):
                return first, second, third
    return None


def _dotted(triple: tuple[Box, Box, Box], is_wanted: Callable[[float, float], bool]) -> Box:
    first, second, third = triple
    row = r"\dots" if first.char == "." else r"\cdots"
    tex = row if is_wanted is _is_row else r"\vdots" if is_wanted is _is_column else r"\ddots"
    return Box(
        min(first.x0, third.x0), max(first.x1, third.x1), min(first.top, third.top),
        max(first.bottom, third.bottom), second.axis, first.size, tex, Kind.ORDINARY,
    )  # fmt: skip


def with_arrows(boxes: list[Box]) -> list[Box]:
    """Arrows that are drawn of two glyphs, each as one box."""
    joined: list[Box] = []
    for box in boxes:
        last = joined[-1] if joined else None
        if last is not None and (last.char, box.char) in ARROWS:
            is_near = box.x0 < last.x1 - 0.02 * box.size or (
                last.char in ("7", "\u21a6") and box.x0 < last.x1 + 0.02 * box.size
            )
            if is_near and abs(last.axis - box.axis) < 0.05 * box.size:
                tex = ARROWS[last.char, box.char]
                joined[-1] = replace(
                    last, x1=box.x1, tex=tex, kind=Kind.RELATION, char=box.char, style=box.style
                )
                continue
        joined.append(box)
    return joined


def negated(boxes: list[Box]) -> list[Box]:
    """A slash that is drawn over a relation, and the relation, as the negated one."""
    for slash in [box for box in boxes if box.char in ("\u0338", "/")]:
        is_combining = slash.char == "\u0338"
        # MuPDF puts a combining slash on the glyph before it, which a script may part from it.
        target = next(
            (
                box
                for box in boxes
                if box is not slash
                and box.kind is Kind.RELATION
                and abs(box.axis - slash.axis) < 0.3 * box.size
                and (
                    -0.1 * box.size < box.x0 - slash.x0 < 1.6 * box.size
                    if is_combining
                    else box.x0 < (slash.x0 + slash.x1) / 2 < box.x1
                )
            ),
            None,
        )
        if target is None:
            continue
        tex = NEGATED.get(target.tex, rf"\not{target.tex}")
        whole = replace(target, tex=tex, x0=min(slash.x0, target.x0), x1=max(slash.x1, target.x1))
        boxes = replaced(boxes, {id(slash), id(target)}, whole)
    return boxes


def joined_pieces(boxes: list[Box]) -> list[Box]:
    """Extensible delimiters, drawn of pieces above each other, each as one delimiter."""
    stacked = {id(box) for box in _stacked_bars(boxes)}
    pieces = [b for b in boxes if b.kind is Kind.PIECE or id(b) in stacked]
    if not pieces:
        return boxes
    pieces.sort(key=lambda b: (b.char, round(b.x0), b.top))
    joined: list[Box] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.char == piece.char
            and abs(last.x0 - piece.x0) < 0.3 * piece.size
            and piece.top < last.bottom + 0.25 * piece.size
        ):
            last.bottom = max(last.bottom, piece.bottom)
            last.top = min(last.top, piece.top)
            last.axis = (last.top + last.bottom) / 2
        else:
            joined.append(replace(piece))
    for box in joined:
        box.kind = (
            Kind.OPEN if box.char in OPENS else Kind.FENCE if box.char in "|\u2016" else Kind.CLOSE
        )
        box.tex = box.char
        box.is_tall = True
    rest = [box for box in boxes if box.kind is not Kind.PIECE and id(box) not in stacked]
    return sorted(rest + joined, key=lambda box: box.x0)


def _stacked_bars(boxes: Sequence[Box]) -> list[Box]:
    """Bars and brackets that repeat at one place above each other: a tall one in pieces."""
    places: dict[tuple[str, int], list[Box]] = {}
    for box in boxes:
        if box.kind is Kind.FENCE:
            places.setdefault((box.char, round(box.x0)), []).append(box)
    return [
        box
        for group in places.values()
        if len(group) > 1
        for box in group
        if any(
            other is not box and 0.05 * box.size < abs(other.axis - box.axis) < 1.05 * box.size
            for other in group
        )
    ]
