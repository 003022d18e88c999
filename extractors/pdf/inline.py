"""The text of a line, with the formulas in it between dollar signs.

What is set in a font of mathematics, or stacked around the line, is certain; digits, operators,
names of functions and brackets beside it belong to it as far as no word stands between.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from extractors.charset import make_sound
from extractors.pdf.formulas.glyphs import ACCENTS, span_boxes
from extractors.pdf.formulas.parsing import UnreadableError, tex_of
from extractors.pdf.rows import Row
from extractors.pdf.spans import CONTROL_GLYPHS, LOOSE_ACCENT, Span, composed
from extractors.tex_characters import FUNCTIONS

SPACE_EMS = 0.13
"""A gap this wide is a space: TeX's narrowest is 0.2, letters are kerned by less than 0.1."""

WORDS = re.compile(r"[^\W\d_]{2,}")
CITATION = re.compile(r"\[[\d,\s\u2013-]+\]\W?|\(\d+(?:\.\d+)*[a-z]?\)\W?")
PARTS = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|.", re.DOTALL)
SIGN = re.compile("[\u0391-\u03f6\u2200-\u22ff\u2190-\u21ff\u27e8\u27e9]")
LABEL = re.compile(r"\(?(?:[ivx]{1,5}|[a-z]|\d{1,3})[.):]")
RULE_SLACK_EMS = 0.3
"""A bar is longer than what is under it by a script's space and TeX's null delimiter space."""

NOTE_MARK = re.compile(r"(?:\d{1,3}|[*\u2020\u2021\u00a7\u00b6\u2217a-f])(?:,\s?\d{1,3})*")
OPERATORS = frozenset("=<>+-/*|\u2212\u00b1\u00d7\u22c5\u2264\u2265\u2192\u2208:")
BULLETS = frozenset(
    "\u2022\u2217\u00b7\u2219\u22c6\u2605\u25e6\u25a1\u25b6\u25aa\u2219\u2020\u2021\u2022\u25cf\u22c4\u00a7\u00b6"
)


class Part(Enum):
    """What a token of a line is."""

    WORD = auto()
    MATH = auto()
    EITHER = auto()


@dataclass(slots=True)
class Token:
    """A word, a sign or a glyph run of a line."""

    text: str
    x0: float
    x1: float
    part: Part
    span: Span
    is_around: bool = False
    note: bool = False
    is_ellipsis: bool = False


@dataclass(slots=True)
class Counts:
    """Formulas seen and formulas written as TeX."""

    found: int = 0
    kept: int = 0


def text_of(row: Row, counts: Counts) -> str:
    """The line's text; formulas are written as TeX where their glyphs are known."""
    if not row.around and not any(_is_mathematical(span, row) for span in row.spans):
        return _plain(row.spans)
    tokens = _tokens(row)
    _mark_notes(tokens)
    pieces: list[str] = []
    right: float | None = None
    index = 0
    for start, end in [*_segments(tokens), (len(tokens), len(tokens))]:
        for token in tokens[index:start]:
            if right is not None and token.x0 - right > SPACE_EMS * token.span.size:
                pieces.append(" ")
            pieces.append(f"[^{token.text}]" if token.note else token.text)
            right = max(right or token.x1, token.x1)
        if end > start:
            segment = tokens[start:end]
            # MuPDF puts a combining accent on the glyph before it.
            left = min(token.x0 for token in segment if token.x1 > token.x0 or len(segment) == 1)
            if right is not None and left - right > SPACE_EMS * row.size:
                pieces.append(" ")
            pieces.append(_formula(segment, row, counts))
            right = max(token.x1 for token in segment)
        index = end
    return " ".join("".join(pieces).split())


def _is_mathematical(span: Span, row: Row) -> bool:
    if span.style.is_math:
        is_bullet = set(span.text.replace(" ", "")) <= BULLETS
        return not (is_bullet and span is row.spans[0])
    text = span.text.strip(" ,.;:()")
    return (
        len(text) == 1
        and text.isalpha()
        and not span.style.is_mono
        and (
            "\u0391" <= text <= "\u03f6"
            or (span.style.is_italic and any(not other.style.is_italic for other in row.spans))
        )
    )


def _plain(spans: Sequence[Span]) -> str:
    pieces: list[str] = []
    right: float | None = None
    for span in spans:
        if right is not None and (
            span.x0 - right > SPACE_EMS * span.size and not pieces[-1].endswith(" ")
        ):
            pieces.append(" ")
        pieces.append(span.text)
        right = span.x1
    return " ".join("".join(pieces).split())


def _tokens(row: Row) -> list[Token]:
    tokens: list[Token] = []
    for span in row.spans:
        if _is_mathematical(span, row):
            tokens.extend(_math_tokens(span))
        elif span.style.is_math:
            tokens.append(Token(span.text.strip(), span.x0, span.x1, Part.WORD, span))
        else:
            tokens.extend(_text_tokens(span, is_first=span is row.spans[0]))
    tokens.extend(
        Token(span.text.strip(), span.x0, span.x1, Part.MATH, span, is_around=True)
        for span in row.around
    )
    tokens = _with_logos([token for token in tokens if token.text])
    tokens.sort(key=lambda token: (token.x0, token.x1))
    for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if first.text == second.text == third.text == ".":
            first.is_ellipsis = second.is_ellipsis = third.is_ellipsis = True
    return tokens


def _with_logos(tokens: list[Token]) -> list[Token]:
    """TeX's and LaTeX's names, which are set with raised and lowered letters, as words."""
    tokens.sort(key=lambda token: (token.x0, token.x1))
    joined: list[Token] = []
    for token in tokens:
        if token.text.startswith("TEX") and _is_lowered(token.span.chars):
            token.text, token.part = f"TeX{token.text[3:]}", Part.WORD
            before = joined[-2:]
            if [other.text for other in before] == ["L", "A"] and before[1].is_around:
                token.text, token.x0 = f"La{token.text}", before[0].x0
                del joined[-2:]
        joined.append(token)
    return joined


def _is_lowered(chars: Sequence[dict[str, Any]]) -> bool:
    """Whether the second letter stands lower than the first, or tighter: TeX's E does both."""
    first, second = chars[:2]
    return bool(
        second["origin"][0] < first["bbox"][2] - 0.1 * (first["bbox"][2] - first["origin"][0])
    )


def _math_tokens(span: Span) -> list[Token]:
    """A span of a mathematics font, at its spaces where a word's gap may be."""
    return [_token(word, Part.MATH, span) for word in _words(span)]


def _words(span: Span) -> list[list[dict[str, Any]]]:
    words: list[list[dict[str, Any]]] = [[]]
    for char in span.chars:
        if char["c"].isspace():
            if words[-1]:
                words.append([])
        else:
            words[-1].append(char)
    return [word for word in words if word]


def _text_tokens(span: Span, *, is_first: bool) -> list[Token]:
    tokens: list[Token] = []
    for number, word in enumerate(_words(span)):
        text = _text(word)
        if number == 0 and is_first and LABEL.fullmatch(text):
            tokens.append(_token(word, Part.WORD, span))
            continue
        stripped = text.strip("()[].,;:+-=<>|/*\u2212")
        if CITATION.fullmatch(text):
            tokens.append(_token(word, Part.WORD, span))
        elif WORDS.search(text) and stripped not in FUNCTIONS:
            # A word that leans on a formula keeps its own letters: "f(x)-invariant", "log(".
            tokens.append(_token(word, Part.WORD, span))
        else:
            tokens.extend(_parts(word, span))
    return tokens


def _parts(word: list[dict[str, Any]], span: Span) -> list[Token]:
    """The numbers, names and signs of a word without prose."""
    raw = "".join([char["c"] for char in word])
    tokens = []
    for match in PARTS.finditer(raw):
        chars = word[match.start() : match.end()]
        is_sign = SIGN.fullmatch(match[0]) is not None
        tokens.append(_token(chars, Part.MATH if is_sign else Part.EITHER, span))
    return tokens


def _token(chars: list[dict[str, Any]], part: Part, span: Span) -> Token:
    text = _text(chars) if part is not Part.MATH else "".join([char["c"] for char in chars])
    own = replace(span, chars=chars, text=text)
    return Token(text, chars[0]["origin"][0], chars[-1]["bbox"][2], part, own)


def _text(chars: Sequence[dict[str, Any]]) -> str:
    text = "".join([char["c"] for char in chars])
    if text.isascii() and text.isprintable():
        return text
    return LOOSE_ACCENT.sub(composed, make_sound(text.translate(CONTROL_GLYPHS)))


def _mark_notes(tokens: Sequence[Token]) -> None:
    """Raised numbers and signs after a word or a sentence are marks of notes."""
    for index, token in enumerate(tokens):
        if not token.is_around or not NOTE_MARK.fullmatch(token.text):
            continue
        before = tokens[index - 1] if index else None
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        is_after_word = before is None or (
            before.part is Part.WORD
            or (
                before.text in ".,;:?!)\u201d\u2019"
                and (index == 1 or tokens[index - 2].part is Part.WORD)
            )
        )
        reference = before if before is not None else after
        is_raised = reference is None or token.span.y < reference.span.y - 0.1 * reference.span.size
        is_last = (
            after is None or after.x0 - token.x1 > 0.05 * token.span.size or after.part is Part.WORD
        )
        if is_after_word and is_raised and is_last:
            token.part, token.note = Part.WORD, True


def _segments(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """The stretches of tokens that are formulas, as ``(start, end)``."""
    found: list[tuple[int, int]] = []
    index = 0
    while index < len(tokens):
        if tokens[index].part is Part.WORD:
            index += 1
            continue
        end = index
        while end < len(tokens) and tokens[end].part is not Part.WORD:
            end += 1
            if end < len(tokens) and _ends_sentence(tokens[end - 1], tokens[end]):
                break
        start, stop = _trimmed(tokens, index, end)
        if start < stop:
            found.append((start, stop))
        index = end
    return found


def _ends_sentence(token: Token, after: Token) -> bool:
    gap = after.x0 - token.x1
    if after.text[:1] in (".", ",") or (token.text == "," and after.text == "\u2026"):
        return False  # an ellipsis
    if token.is_ellipsis:
        return False
    return (token.text == "." and gap > SPACE_EMS * token.span.size) or (
        token.text in (",", ";") and gap > 0.25 * token.span.size and not token.is_around
    )


def _trimmed(tokens: Sequence[Token], start: int, end: int) -> tuple[int, int]:
    """The stretch without what belongs to the sentence around it."""
    if not any(token.part is Part.MATH for token in tokens[start:end]):
        return start, start
    while start < end and _is_loose_at_start(tokens, start, end):
        start += 1
    while end > start and _is_loose_at_end(tokens, start, end):
        end -= 1
    return start, end


def _is_loose_at_start(tokens: Sequence[Token], start: int, end: int) -> bool:  # noqa: PLR0911 -- a line a kind of token
    token = tokens[start]
    if token.part is Part.MATH:
        return False
    after = tokens[start + 1] if start + 1 < end else None
    if after is None:
        return True
    text = token.text
    if text in ACCENTS:
        return False
    if text in ("(", "[", "{"):
        closing = {"(": ")", "[": "]", "{": "}"}[text]
        return not _closes(tokens, start, end, text, closing)
    gap = after.x0 - token.x1
    if text[0].isdigit() or text in FUNCTIONS:
        return not (
            gap < 0.3 * token.span.size
            or after.text[:1] in OPERATORS
            or after.is_around
            or text in FUNCTIONS
        )
    if text in OPERATORS and text != ":":
        return False
    # A letter of the text's font: a variable only where it leans on what follows.
    return not (
        text.isalpha() and (gap < SPACE_EMS * token.span.size or after.text[:1] in OPERATORS)
    )


def _closes(tokens: Sequence[Token], start: int, end: int, opening: str, closing: str) -> bool:
    depth = 0
    for token in tokens[start:end]:
        if token.is_around:
            continue
        depth += token.text.count(opening) - token.text.count(closing)
        if depth <= 0:
            return True
    return False


def _is_loose_at_end(tokens: Sequence[Token], start: int, end: int) -> bool:  # noqa: PLR0911 -- a line a kind of token
    token = tokens[end - 1]
    if token.part is Part.MATH:
        return not token.is_around and token.text in (",", ".", ";", ":")
    before = tokens[end - 2] if end - 2 >= start else None
    if before is None:
        return True
    text = token.text
    if text in ACCENTS:
        return False
    if text in (")", "]", "}"):
        opening = {")": "(", "]": "[", "}": "{"}[text]
        depth = 0
        for other in tokens[start:end]:
            if not other.is_around:
                depth += other.text.count(opening) - other.text.count(text)
        return depth < 0
    gap = token.x0 - before.x1
    if text[0].isdigit():
        return before.text[-1:] not in OPERATORS and gap > SPACE_EMS * token.span.size
    if text in OPERATORS and text != ":":
        return False
    if text in ("!", "'"):
        return False
    return not (
        text.isalpha() and (gap < SPACE_EMS * token.span.size or before.text[-1:] in OPERATORS)
    )


def _formula(segment: Sequence[Token], row: Row, counts: Counts) -> str:
    counts.found += 1
    slack = RULE_SLACK_EMS * row.size
    left = min(token.x0 for token in segment) - slack
    right = max(token.x1 for token in segment) + slack
    rules = [rule for rule in row.rules if left <= rule.x0 and rule.x1 <= right]
    try:
        tex, _ = tex_of(span_boxes([token.span for token in segment]), rules)
    except UnreadableError:
        return _plain([token.span for token in segment])
    counts.kept += 1
    return f"${tex.strip()}$"
