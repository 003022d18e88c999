"""Writes a formula's boxes as TeX: structures first, then rows with their scripts.

boxes and rules -> fences, roots, fractions, accents, limits -> main row and scripts -> TeX
"""

from collections.abc import Sequence
from dataclasses import replace

from extractors.pdf.formulas.bars import barred
from extractors.pdf.formulas.boxes import SCRIPT_SIZE_RATIO, Box, Kind
from extractors.pdf.formulas.braces import braced
from extractors.pdf.formulas.fences import are_lines, fence_tex, fenced, rows_of
from extractors.pdf.formulas.joins import joined_pieces, negated, with_arrows, with_dots
from extractors.pdf.formulas.limits import accented, is_stacked, limited
from extractors.pdf.pages import Rule
from extractors.tex_characters import FUNCTIONS, join

SAME_AXIS_EMS = 0.17
"""Boxes this near to the main row's axis are on it; TeX's smallest shift of a script, with the
script's smaller size, moves the axis by 0.22 ems."""

QUAD_EMS = 0.85
r"""A gap this wide is written as \quad: 1 em, less what kerns take."""

WORD_GAP_EMS = 0.16
"""A gap this wide parts two words in a formula; TeX's narrowest space is 0.2 ems."""

MAX_DEPTH = 40
"""Nesting below this is written flat; real formulas stay under 12."""


class UnreadableError(Exception):
    """A formula has a glyph that nothing is known of."""


def tex_of(boxes: list[Box], rules: Sequence[Rule]) -> tuple[str, list[Rule]]:
    """The TeX of one formula, and the rules that had no part in it.

    Raises UnreadableError for a glyph without a meaning.
    """
    if not boxes:
        return "", list(rules)
    for box in boxes:
        if box.kind is Kind.ORDINARY and _is_unknown(box.tex):
            raise UnreadableError(repr(box.char))
    boxes = with_arrows(negated(with_dots(boxes)))
    left: list[Rule] = []
    if is_stacked(boxes, rules):
        boxes = joined_pieces(boxes)
        boxes = braced(boxes, _tex)
        boxes, left = barred(boxes, rules, _tex)
    return _tex(boxes), left


def _is_unknown(tex: str) -> bool:
    return len(tex) == 1 and (tex == "\ufffd" or tex < " " or "\ue000" <= tex <= "\uf8ff")


def _tex(boxes: list[Box], depth: int = 0) -> str:
    if depth > MAX_DEPTH or not boxes:
        return join([box.tex for box in boxes])

    def deeper(inner: list[Box]) -> str:
        return _tex(inner, depth + 1)

    if len(boxes) == 1 and boxes[0].kind is Kind.COMPOSITE:
        return boxes[0].tex
    boxes = accented(boxes, deeper)
    boxes = limited(boxes, deeper)
    boxes = fenced(boxes, deeper)
    rows = rows_of(boxes)
    if are_lines(rows):
        body = r" \\ ".join(deeper(row) for row in rows)
        return rf"\substack{{{body}}}" if depth else rf"\begin{{gathered}} {body} \end{{gathered}}"
    return _row(boxes, depth)


def _row(boxes: list[Box], depth: int) -> str:
    """One line: each box of the main row with the scripts between it and the next."""
    main_size = max((b.size for b in boxes if not b.is_tall), default=boxes[0].size)
    axis = _axis(boxes, main_size)
    items = _items(boxes, axis, main_size)
    pieces: list[str] = []
    before: Box | None = None
    index = 0
    while index < len(items):
        box, scripts = items[index]
        binomial = _binomial(items, index, depth)
        if binomial:
            pieces.append(binomial)
            before = items[index + 1][0]
            index += 2
            continue
        if box is None:
            pieces.append("{}" + _scripts(scripts, axis, main_size, depth))
            index += 1
            continue
        if before is not None:
            pieces.append(_space(before, box, main_size))
        if box.kind in (Kind.TEXT, Kind.LETTER) and box.style is not None:
            end = _word_end(items, index)
            letters = [item[0] for item in items[index:end] if item[0] is not None]
            after = items[end][0] if end < len(items) else None
            pieces.append(_word(letters, after if not items[end - 1][1] else None))
            scripts, last = items[end - 1][1], letters[-1]
            index = end
        else:
            pieces.append(_token(box, before, depth))
            last = box
            index += 1
        if scripts:
            pieces.append(_scripts(scripts, axis, main_size, depth))
            right = max(last.x1, *(script.x1 for script in scripts))
            last = replace(last, x1=right)
        before = last
    return " ".join(join(pieces).split())


def _binomial(items: Sequence[tuple[Box | None, list[Box]]], index: int, depth: int) -> str:
    """A binomial coefficient in a line: two small rows and nothing else between parentheses."""
    if index + 1 >= len(items):
        return ""
    (opening, scripts), (closing, _) = items[index], items[index + 1]
    if (
        opening is None
        or closing is None
        or not scripts
        or (opening.char, closing.char) != ("(", ")")
    ):
        return ""
    above = [box for box in scripts if box.axis < opening.axis]
    below = [box for box in scripts if box.axis >= opening.axis]
    if not above or not below or min(b.x0 for b in scripts) < opening.x1 - 0.1 * opening.size:
        return ""
    binomial = rf"\binom{{{_tex(above, depth + 1)}}}{{{_tex(below, depth + 1)}}}"
    rest = items[index + 1][1]
    return binomial + (_scripts(rest, opening.axis, opening.size, depth) if rest else "")


def _is_prose(after: Box, right: float) -> bool:
    """Whether a word stands as far from what follows as words do."""
    return after.kind is not Kind.RELATION and after.x0 - right > WORD_GAP_EMS * after.size


def _items(boxes: Sequence[Box], axis: float, size: float) -> list[tuple[Box | None, list[Box]]]:
    """Each box of the main row with its scripts; None for the base of scripts that come first."""
    items: list[tuple[Box | None, list[Box]]] = []
    for box in boxes:
        if _is_on(box, axis, size):
            items.append((box, []))
        elif items:
            items[-1][1].append(box)
        else:
            items.append((None, [box]))
    return items


def _axis(boxes: Sequence[Box], size: float) -> float:
    """The height of the main row: that of the leftmost box of the largest size."""
    plain = [b for b in boxes if not b.is_tall and b.kind not in (Kind.COMPOSITE, Kind.PRIME)]
    for box in plain:
        if box.size >= SCRIPT_SIZE_RATIO * size:
            return box.axis
    return next((b for b in boxes if b.size >= SCRIPT_SIZE_RATIO * size), boxes[0]).axis


def _is_on(box: Box, axis: float, size: float) -> bool:
    distance = abs(box.axis - axis)
    if box.kind is Kind.OPERATOR and box.is_tall:
        # Where a font hangs its operators is not known of every font.
        return box.top < axis < box.bottom or distance < 1.6 * size
    if box.is_tall or box.kind is Kind.COMPOSITE:
        # Large ones are centred on the axis; as a script they would be small.
        return distance < 0.3 * size or box.top < axis - 0.3 * size < axis + 0.2 * size < box.bottom
    if box.kind is Kind.PRIME:
        return False
    if box.size < SCRIPT_SIZE_RATIO * size:
        return distance < 0.08 * size and box.kind not in (Kind.LETTER, Kind.DIGIT, Kind.TEXT)
    return distance < SAME_AXIS_EMS * size


def _scripts(scripts: list[Box], axis: float, size: float, depth: int) -> str:
    """Sub- and superscripts."""
    above, below = _sides(scripts, axis, size)
    if above and below:
        right, left = max(box.x1 for box in above), min(box.x0 for box in below)
        if right < left + 0.05 * size:
            up, down = _tex(above, depth + 1), _tex(below, depth + 1)
            return f"^{_braced(up)}{{}}_{_braced(down)}"
    primes = ""
    while above and above[0].kind is Kind.PRIME:
        primes += above.pop(0).tex
    tex = f"_{_braced(_tex(below, depth + 1))}" if below else ""
    if not above:
        return tex + primes
    up = _tex(above, depth + 1)
    if primes:
        return tex + "^{" + r"\prime" * len(primes) + f" {up}}}"
    return f"{tex}^{_braced(up)}"


def _sides(scripts: Sequence[Box], axis: float, size: float) -> tuple[list[Box], list[Box]]:
    """Scripts above and below; smaller glyphs belong to the script that they stand beside."""
    largest = max(box.size for box in scripts)
    above: list[Box] = []
    below: list[Box] = []
    for box in scripts:
        if box.size >= SCRIPT_SIZE_RATIO * largest or not (above or below):
            side = above if box.axis < axis else below
        elif above and below:
            side = min((above, below), key=lambda part: abs(_axis(part, part[0].size) - box.axis))
        elif above:
            side = below if box.axis > axis + 0.25 * size else above
        else:
            side = above if box.axis < axis - 0.3 * size else below
        side.append(box)
    return above, below


def _braced(tex: str) -> str:
    return tex if len(tex) == 1 else f"{{{tex}}}"


def _space(before: Box, box: Box, size: float) -> str:
    gap = box.x0 - before.x1
    if gap > 2 * QUAD_EMS * size:
        return r" \qquad "
    return r" \quad " if gap > QUAD_EMS * size else ""


def _token(box: Box, before: Box | None, depth: int) -> str:
    """A box's TeX; operators of the outermost row stand between spaces."""
    if box.is_tall and box.kind in (Kind.OPEN, Kind.CLOSE, Kind.FENCE):
        return _sized(box)
    if box.kind is Kind.OPERATOR:
        return f" {box.tex}" if before is not None and depth == 0 else box.tex
    if depth:
        return box.tex
    is_infix = before is not None and before.kind not in (
        Kind.RELATION, Kind.BINARY, Kind.OPEN, Kind.PUNCTUATION, Kind.OPERATOR,
    )  # fmt: skip
    if box.kind is Kind.RELATION or (box.kind is Kind.BINARY and is_infix):
        return f" {box.tex} "
    return f"{box.tex} " if box.kind is Kind.PUNCTUATION else box.tex


def _sized(box: Box) -> str:
    """A tall delimiter without its partner in the row."""
    height = (box.bottom - box.top) / box.size
    steps = ((1.5, r"\big"), (2.1, r"\Big"), (2.7, r"\bigg"), (float("inf"), r"\Bigg"))
    command = next(name for limit, name in steps if height < limit)
    side = {Kind.OPEN: "l", Kind.CLOSE: "r"}.get(box.kind, "")
    return f"{command}{side}{fence_tex(box.char)}"


def _word_end(items: Sequence[tuple[Box | None, list[Box]]], start: int) -> int:
    """The end of the letters from ``start`` that are set in one font without a gap or script."""
    first = items[start][0]
    end = start + 1
    while end < len(items) and not items[end - 1][1]:
        box, before = items[end][0], items[end - 1][0]
        if (
            box is None or before is None or first is None
            or box.kind is not first.kind or box.style is not first.style
            or _command(box) != _command(first)
        ):  # fmt: skip
            break
        gap = box.x0 - before.x1
        if gap > (0.7 if box.kind is Kind.TEXT else 0.25) * box.size:
            break
        end += 1
    return end


def _command(box: Box) -> str:
    style = box.style
    if style is None or box.tex.startswith("\\math"):
        return ""
    if style.alphabet and box.tex.isascii() and len(box.tex) == 1:
        is_script_capital = style.alphabet != r"\mathcal" or box.tex.isupper()
        return style.alphabet if is_script_capital else ""
    if style.is_bold:
        return r"\mathbf" if box.tex.isascii() and len(box.tex) == 1 else r"\boldsymbol"
    if style.is_mono:
        return r"\mathtt"
    return r"\mathrm" if box.kind is Kind.TEXT else ""


def _word(letters: Sequence[Box], after: Box | None) -> str:
    """A run of letters of one font: variables, a function's name, or words."""
    first = letters[0]
    command = _command(first)
    if first.kind is not Kind.TEXT or command != r"\mathrm":
        content = join([box.tex for box in letters])
        return f"{command}{{{content}}}" if command else content
    words: list[str] = [first.tex]
    right = first.x1
    for box in letters[1:]:
        if box.x0 - right > WORD_GAP_EMS * box.size:
            words.append(box.tex)
        else:
            words[-1] += box.tex
        right = box.x1
    if len(words) == 1:
        word = words[0]
        if word in FUNCTIONS:
            return f"\\{word}"
        if len(word) > 1 and after is not None and _is_prose(after, right):
            return rf"\text{{{word} }}"
        return rf"\mathrm{{{word}}}"
    return rf"\text{{{' '.join(words)}}}"
