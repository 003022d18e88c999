r"""Text of an answer -> its structure: lists, brackets, statements, and leaves below them.

Splitting happens only outside brackets, and the order of the attempts is the grammar: the loosest
operator first (a list, a union, a statement), a leaf last.
"""

import re

from synth.verification.answer import (
    NOTHING,
    REALS,
    Alternatives,
    Answer,
    Bracketed,
    Choice,
    Matrix,
    Named,
    Phrase,
    Ratio,
    Unordered,
)
from synth.verification.latex import (
    canonical,
    split_outside_brackets,
    without_outer,
    without_redundant_brackets,
)
from synth.verification.leaves import TEXT, parse_compound, parse_leaf
from synth.verification.number import exact_number
from synth.verification.statements import all_but, parse_conjunction, parse_statement

MAX_SIGNS = 3
"""More plus-minus signs than this are left to algebra: each doubles the values."""

MAX_VARIABLE_CHARS = 20
"""Of what stands before the bar of a set builder."""

_LIST = re.compile(
    r"\s*(?:[,;]\s*(?:and|or)(?![a-zA-Z])|[,;]|(?<![a-zA-Z])(?:and|or)(?![a-zA-Z]))\s*"
)
_COMMA = re.compile(r"[,;]")
_UNION = re.compile(r"\\cup(?![a-zA-Z])|\bU\b")
_APPROXIMATELY = re.compile(r"\\approx")
_PLUS_MINUS = re.compile(r"\\(pm|mp)(?![a-zA-Z])")
_SUCH_THAT = re.compile(r"\\mid(?![a-zA-Z])|\\vert(?![a-zA-Z])|\||:")
_MATRIX = re.compile(
    r"\\begin\{(?:[pbB]|small)?matrix\}(?P<m>.*)\\end\{(?:[pbB]|small)?matrix\}"
    r"|\\begin\{array\}\s*(?:\{[lcr| ]*\})?(?P<a>.*)\\end\{array\}"
)
_CHOICE = re.compile(r"\(\s*([A-Ja-j])\s*\)\s*(.*)|([A-J])\)\s*(.*)")
_PLAIN_REPLY = re.compile(r"(yes|no|true|false)[,.;:] [a-zA-Z' ,]+", re.IGNORECASE)
_ALL_REALS = re.compile(
    r"(?:all )?reals?(?: numbers?)?|all (?:real )?numbers|\\mathbb\{r\}|\(-\\infty\s*,\s*\\infty\)"
)
_NO_SOLUTION = re.compile(
    r"(?:there (?:is|are) )?(?:no|none)(?: (?:real|such|valid|possible))?"
    r"(?: solutions?| values?| roots?)?|empty set|\\emptyset"
)
_CLOCK_WORDS = {
    "noon": Ratio(("12", "00"), "pm"),
    "midnight": Ratio(("12", "00"), "am"),
}
_WITHOUT_POINT = re.compile(
    r"\\mathbb\{R\}\s*(?:\\setminus(?![a-zA-Z])|\\backslash(?![a-zA-Z])|-)\s*\\\{([^{},]+)\\\}"
)
_NOT_EXISTING = re.compile(r"dne|(?:limit )?does not exist")
_LEADING_WORDS = re.compile(
    r"(?:(?:so|thus|hence|therefore|then|we (?:get|have)|solutions?(?: (?:is|are|set))?"
    r"|approximately|about|exactly|equals?|all)\b[\s:,]*)+",
    re.IGNORECASE,
)


def parse_answer(text: str) -> Answer:
    """Structure of ``text``, which may be in any spelling; the empty text is an empty phrase."""
    return _parse(canonical(text))


def _parse(text: str) -> Answer:
    text = _unwrapped(text)
    for structure in (
        _as_known_words,
        _behind_filler,
        _as_choice,
        _as_matrix,
        parse_compound,
        _as_list,
    ):
        if (found := structure(text)) is not None:
            return found
    return _parse_operand(text)


def _parse_item(text: str) -> Answer:
    """As :func:`_parse`, for what is an item of a list already."""
    text = _unwrapped(text)
    for structure in (_as_known_words, _behind_filler, _as_choice, _as_matrix, parse_compound):
        if (found := structure(text)) is not None:
            return found
    return _parse_operand(text)


def _parse_operand(text: str) -> Answer:
    for structure in (_as_bracketed, _as_union, _as_statement, _as_approximation, _as_signs):
        if (found := structure(text)) is not None:
            return found
    return parse_leaf(text)


def _unwrapped(text: str) -> str:
    text = without_redundant_brackets(text)
    inner = without_outer(text, "\\text{", "}")
    return inner if inner and (_LIST.search(inner) or inner[0].isdigit()) else text


def _as_known_words(text: str) -> Answer | None:
    """The phrases that stand for a set or for its absence, and a bare yes or no."""
    plain = TEXT.sub(r"\1", text).strip().lower()
    if _ALL_REALS.fullmatch(plain):
        return REALS
    if _NO_SOLUTION.fullmatch(plain):
        return NOTHING
    if plain in _CLOCK_WORDS:
        return _CLOCK_WORDS[plain]
    if _NOT_EXISTING.fullmatch(plain):
        return Phrase("does not exist")
    reply = _PLAIN_REPLY.fullmatch(text)
    return Phrase(reply.group(1).lower()) if reply else None


def _behind_filler(text: str) -> Answer | None:
    """What follows "so", "approximately", "the solutions are" and their like."""
    words = _LEADING_WORDS.match(text)
    return _parse(text[words.end() :]) if words and words.end() < len(text) else None


def _as_list(text: str) -> Answer | None:
    pieces, separators = split_outside_brackets(text, _LIST)
    pieces = [piece for piece in pieces if piece]
    if len(pieces) <= 1:
        return None
    if [separator.strip() for separator in separators] == ["and"]:
        merged = parse_conjunction(_parse_item(pieces[0]), _parse_item(pieces[-1]), text)
        if merged is not None:
            return merged
    has_one_name = sum("=" in piece for piece in pieces) == 1
    items: list[Answer] = []
    name = None
    for piece in pieces:
        item = _parse_item(piece)
        if isinstance(item, Named):
            name = item.name
        elif name is not None and has_one_name:  # "x = 2, 3" names both values
            item = Named(name, item, f"{name}={piece}")
        items.append(item)
    return _unordered(items)


def _unordered(items: list[Answer]) -> Answer:
    """A flat :class:`Unordered`; values of one variable become that variable's set of values."""
    named = [item for item in items if isinstance(item, Named)]
    if len(named) == len(items) and len({item.name for item in named}) == 1:
        latex = ",".join(item.latex for item in named)
        return Named(named[0].name, _unordered([item.value for item in named]), latex)
    flat: list[Answer] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Unordered) else [item])
    return Unordered(tuple(flat))


def _as_choice(text: str) -> Choice | None:
    match = _CHOICE.fullmatch(TEXT.sub(r"\1", text).strip())
    if match is None:
        return None
    letter, content = match.group(1) or match.group(3), match.group(2) or match.group(4) or ""
    if content and (letter.islower() or content[0] in "+-*/^=,_"):  # (a)+b is no option
        return None
    return Choice(letter.upper(), _parse(content) if content else None)


def _as_matrix(text: str) -> Answer | None:
    match = _MATRIX.fullmatch(text)
    for opening, closing in (("[", "]"), ("(", ")")):
        if match is None and (inner := without_outer(text, opening, closing)) is not None:
            match = _MATRIX.fullmatch(inner)
    body = (match.group("m") or match.group("a") or "") if match else ""
    if not body or "\\begin" in body:
        return None
    lines = [line for line in re.split(r"\\\\|\\cr", body) if line.strip()]
    return _matrix([tuple(_parse(cell.strip()) for cell in line.split("&")) for line in lines])


def _matrix(rows: list[tuple[Answer, ...]]) -> Matrix | None:
    return Matrix(tuple(rows)) if len({len(row) for row in rows}) == 1 else None


def _as_bracketed(text: str) -> Answer | None:
    if (inner := without_outer(text, "\\{", "\\}")) is not None:
        return _braced(inner)
    if not text or text[0] not in "([" or text[-1] not in ")]":
        return None
    pieces, _ = split_outside_brackets(without_outer(text, text[0], text[-1]) or "", _COMMA)
    if not all(pieces):
        return None
    if len(pieces) == 1:
        return _parse(pieces[0]) if text[0] + text[-1] == "[]" else None
    items = tuple(_parse(piece) for piece in pieces)
    rows = [item.items for item in items if isinstance(item, Bracketed) and item.opening == "["]
    matrix = _matrix(rows) if len(rows) == len(items) else None
    return matrix or Bracketed(items, text[0], text[-1])


def _braced(inner: str) -> Answer:
    """A set: by a condition, or by its items, of which a repeated one counts once."""
    sides, bars = split_outside_brackets(inner, _SUCH_THAT)
    if len(bars) == 1 and len(sides[0]) <= MAX_VARIABLE_CHARS and exact_number(sides[0]) is None:
        return _parse(sides[1])
    items = [_parse(item) for item in split_outside_brackets(inner, _COMMA)[0] if item]
    return _unordered(list(dict.fromkeys(items)))


def _as_union(text: str) -> Answer | None:
    if match := _WITHOUT_POINT.fullmatch(text):
        return all_but(_parse(match.group(1)))
    pieces, separators = split_outside_brackets(text, _UNION)
    if not separators or not all(pieces):
        return None
    return _unordered([_parse(piece) for piece in pieces])


def _as_statement(text: str) -> Answer | None:
    return parse_statement(text, _parse)


def _as_approximation(text: str) -> Answer | None:
    pieces, separators = split_outside_brackets(text, _APPROXIMATELY)
    if not separators or not any(pieces):
        return None
    forms = tuple(_parse(piece) for piece in pieces if piece)
    return forms[0] if len(forms) == 1 else Alternatives(forms)


def _as_signs(text: str) -> Answer | None:
    r"""The values that plus-minus signs stand for; ``\mp`` is the opposite of every ``\pm``."""
    signs = _PLUS_MINUS.findall(text)
    if not 0 < len(signs) <= MAX_SIGNS:
        return None
    texts = [text]
    if "mp" in signs:
        upper = {"pm": "+", "mp": "-"}
        lower = {"pm": "-", "mp": "+"}
        texts = [_PLUS_MINUS.sub(lambda sign: upper[sign.group(1)], text)]
        texts.append(_PLUS_MINUS.sub(lambda sign: lower[sign.group(1)], text))
    else:
        for _ in signs:
            texts = [_PLUS_MINUS.sub(sign, each, count=1) for each in texts for sign in "+-"]
    return _unordered([_parse(re.sub(r"^\s*\+\s*", "", each)) for each in texts])
