"""What stands above and below: limits of operators, labels of arrows, accents."""

from collections.abc import Sequence
from dataclasses import replace

from extractors.pdf.formulas.boxes import SCRIPT_SIZE_RATIO, Box, Kind, Parse, replaced
from extractors.pdf.pages import Rule
from extractors.tex_characters import FUNCTIONS

MIN_ACCENT_OVERLAP = 0.3
"""Share of the narrower of accent and letter that both cover."""

LIMIT_FUNCTIONS = frozenset(
    ("lim", "max", "min", "sup", "inf", "det", "gcd", "Pr", "limsup", "liminf", "argmax", "argmin")
)
LABELLED = {
    r"\longrightarrow": r"\xrightarrow", r"\longleftarrow": r"\xleftarrow", r"\to": r"\xrightarrow",
    r"\implies": r"\xRightarrow",
}  # fmt: skip
"""Arrows that may carry a label, and their commands with one."""

MIN_ARROW_EMS = 0.9
r"""Arrows with labels are longer than this; \to is 1.0 wide with its sides."""


def limited(boxes: list[Box], parse: Parse) -> list[Box]:
    """Operators with what stands above and below them: sums, products, lim, max, braces."""
    boxes = _with_functions(boxes)
    for box in boxes:
        if box.tex in LABELLED and box.x1 - box.x0 > MIN_ARROW_EMS * box.size:
            box.has_limits, box.top, box.bottom = (
                True,
                box.axis - 0.2 * box.size,
                box.axis + 0.2 * box.size,
            )
    operators = [box for box in boxes if box.has_limits]
    for operator in operators:
        if not any(operator is box for box in boxes):
            continue
        own = _nearest(boxes, operator, operators)
        above = _limit(own, operator, above=True)
        below = _limit(own, operator, above=False)
        if not above and not below:
            continue
        tex = operator.tex
        if tex in LABELLED:
            tex = LABELLED[tex]
            if below:
                tex += f"[{parse(below)}]"
            boxes = _labelled(
                boxes, operator, above, below, f"{tex}{{{parse(above) if above else ''}}}"
            )
            continue
        if below:
            tex += f"_{{{parse(below)}}}"
        if above:
            tex += f"^{{{parse(above)}}}"
        parts = (operator, *above, *below)
        box = replace(
            operator,
            x0=min(part.x0 for part in parts),
            x1=max(part.x1 for part in parts),
            top=min(part.top for part in parts),
            bottom=max(part.bottom for part in parts),
            tex=tex,
            kind=Kind.OPERATOR,
            has_limits=False,
        )
        boxes = replaced(boxes, {id(part) for part in parts}, box)
    return boxes


def _nearest(boxes: Sequence[Box], operator: Box, operators: Sequence[Box]) -> list[Box]:
    """The boxes that no other operator is nearer to: limits of two may all but touch."""
    if len(operators) == 1:
        return list(boxes)
    others = [other for other in operators if other is not operator]
    return [
        box
        for box in boxes
        if all(_distance(box, operator) <= _distance(box, other) for other in others)
    ]


def _distance(box: Box, operator: Box) -> float:
    """How far the middle of a box lies beside an operator, 0 above and below it."""
    middle = (box.x0 + box.x1) / 2
    return max(operator.x0 - middle, middle - operator.x1, 0.0)


def _labelled(
    boxes: list[Box], arrow: Box, above: list[Box], below: list[Box], tex: str
) -> list[Box]:
    parts = (arrow, *above, *below)
    box = replace(
        arrow, x0=min(b.x0 for b in parts), x1=max(b.x1 for b in parts), tex=tex, has_limits=False
    )
    return replaced(boxes, {id(part) for part in parts}, box)


def _limit(boxes: Sequence[Box], operator: Box, *, above: bool) -> list[Box]:
    """What is centred above or below an operator: smaller, near, and beside nothing else."""
    size = operator.size
    near = [
        box
        for box in boxes
        if box is not operator
        and box.size < SCRIPT_SIZE_RATIO * size
        and (
            operator.top - 1.3 * size < box.axis < operator.top + 0.05 * size
            if above
            else operator.bottom - 0.05 * size < box.axis < operator.bottom + 1.3 * size
        )
    ]
    near.sort(key=lambda box: box.x0)
    groups: list[list[Box]] = []
    for box in near:
        if groups and box.x0 - max(b.x1 for b in groups[-1]) < 0.45 * size:
            groups[-1].append(box)
        else:
            groups.append([box])
    middle = (operator.x0 + operator.x1) / 2
    for group in groups:
        left, right = min(b.x0 for b in group), max(b.x1 for b in group)
        if abs((left + right) / 2 - middle) < 0.35 * size and left < operator.x1:
            return [*group, *_further_rows(boxes, group, operator, above=above)]
    return []


def _further_rows(
    boxes: Sequence[Box], group: Sequence[Box], operator: Box, *, above: bool
) -> list[Box]:
    """The lines of a limit of several lines that follow its first."""
    taken = {id(box) for box in group}
    edge = min(b.top for b in group) if above else max(b.bottom for b in group)
    middle = (operator.x0 + operator.x1) / 2
    further: list[Box] = []
    while True:
        row = [
            box
            for box in boxes
            if id(box) not in taken
            and box is not operator
            and box.size < SCRIPT_SIZE_RATIO * operator.size
            and abs((box.x0 + box.x1) / 2 - middle) < 3 * operator.size
            and -0.3 * box.size < (edge - box.bottom if above else box.top - edge) < 0.45 * box.size
        ]
        if (
            not row
            or abs((min(b.x0 for b in row) + max(b.x1 for b in row)) / 2 - middle)
            > 0.4 * operator.size
        ):
            return further
        further.extend(row)
        taken.update(id(box) for box in row)
        edge = min(b.top for b in row) if above else max(b.bottom for b in row)


def _with_functions(boxes: list[Box]) -> list[Box]:
    """Runs of upright letters that name a function, each as one box."""
    joined: list[Box] = []
    run: list[Box] = []

    def flush() -> None:
        if not run:
            return
        word = "".join(box.char for box in run)
        if len(word) > 1 and (word in FUNCTIONS or word in LIMIT_FUNCTIONS):
            command = f"\\{word}" if word in FUNCTIONS else rf"\operatorname*{{{word}}}"
            joined.append(
                replace(
                    run[0],
                    x1=run[-1].x1,
                    tex=command,
                    kind=Kind.OPERATOR,
                    char=word,
                    has_limits=word in LIMIT_FUNCTIONS,
                    top=run[0].axis - 0.47 * run[0].size,
                    bottom=run[0].axis + 0.3 * run[0].size,
                )
            )
        else:
            joined.extend(run)
        run.clear()

    for box in boxes:
        if box.kind is Kind.TEXT and (
            not run
            or (
                box.style is run[-1].style
                and abs(box.axis - run[-1].axis) < 0.05 * box.size
                and box.x0 - run[-1].x1 < 0.12 * box.size
            )
        ):
            run.append(box)
            continue
        # What is set above or below a word stands between its letters in the order of their ends.
        if (
            box.size < SCRIPT_SIZE_RATIO * (run[-1].size if run else box.size)
            and box.x0 < run[-1].x1 + 4
        ):
            joined.append(box)
            continue
        flush()
        if box.kind is Kind.TEXT:
            run.append(box)
        else:
            joined.append(box)
    flush()
    joined = _with_arguments(joined)
    for box in joined:
        if box.kind is Kind.OPERATOR and (box.char not in FUNCTIONS or box.char in LIMIT_FUNCTIONS):
            box.has_limits = box.has_limits or not box.tex.startswith("\\operatorname")
    return sorted(joined, key=lambda box: box.x0)


def _with_arguments(boxes: Sequence[Box]) -> list[Box]:
    """The names arg and min or max after each other as one operator: their limit is under both."""
    joined: list[Box] = []
    for box in boxes:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.char == "arg"
            and box.char in ("min", "max", "inf", "sup")
            and box.x0 - last.x1 < 0.4 * box.size
        ):
            tex = rf"\operatorname*{{arg\,{box.char}}}"
            joined[-1] = replace(box, x0=last.x0, tex=tex, char=f"arg{box.char}")
        else:
            joined.append(box)
    return joined


def accented(boxes: list[Box], parse: Parse) -> list[Box]:
    """Accents with the letters under them."""
    for accent in [box for box in boxes if box.kind is Kind.ACCENT]:
        bases = [
            box
            for box in boxes
            if box is not accent
            and box.kind not in (Kind.ACCENT, Kind.RELATION, Kind.BINARY, Kind.PUNCTUATION)
            and _is_over(accent, box)
            and accent.bottom - 0.6 * box.size < box.axis < accent.bottom + 1.1 * box.size
        ]
        if not bases:
            continue
        if not accent.tex.startswith(r"\wide"):
            bases = [max(bases, key=lambda b: min(b.x1, accent.x1) - max(b.x0, accent.x0))]
        main = max(bases, key=lambda box: box.size)
        box = Box(
            min(b.x0 for b in bases), max(b.x1 for b in bases), accent.top,
            max(b.bottom for b in bases), main.axis, main.size,
            f"{accent.tex}{{{parse(bases)}}}", Kind.LETTER,
        )  # fmt: skip
        boxes = replaced(boxes, {id(accent), *(id(base) for base in bases)}, box)
    return boxes


def _is_over(accent: Box, box: Box) -> bool:
    if accent.x1 - accent.x0 < 0.05 * accent.size:
        # MuPDF moves a combining accent to the left end of its base, without a width.
        return box.x0 - 0.4 * box.size <= accent.x0 < box.x0 + 0.3 * box.size
    overlap = min(box.x1, accent.x1) - max(box.x0, accent.x0)
    return overlap > MIN_ACCENT_OVERLAP * min(box.x1 - box.x0, accent.x1 - accent.x0)


def is_stacked(boxes: Sequence[Box], rules: Sequence[Rule]) -> bool:
    """Whether any structure but scripts can be in these boxes."""
    return bool(rules) or any(
        box.is_tall or box.kind in (Kind.ACCENT, Kind.RADICAL) for box in boxes
    )
