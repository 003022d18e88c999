r"""Statements about an unknown: ``x = 5``, ``x \in S``, ``1 < x \le 2``, ``|x| < 3``.

An inequality in one unknown is the interval it describes, so that it can be compared with one.
``parse`` reads what stands beside the unknown.
"""

import re
from collections.abc import Callable, Sequence

from synth.verification.answer import REALS, Answer, Bracketed, Named, Relation, Unordered
from synth.verification.latex import split_outside_brackets
from synth.verification.number import exact_number

Parse = Callable[[str], Answer]

_INEQUALITY = re.compile(r"\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\ne(?![a-zA-Z])|<|>")
_EQUALS = re.compile(r"=")
_MEMBERSHIP = re.compile(r"\\in(?![a-zA-Z])")
_NAME = re.compile(
    r"(?:\\(?:angle|triangle|overline|vec|hat|bar|text|m|mathcal)\s*)*\{?"
    r"(?:\\frac\{d\w*\}\{d\w+\}|\\[a-zA-Z]+(?: (?:\\[a-z]+|[a-zA-Z]))?|[a-zA-Z]{1,3}"
    r"|[a-zA-Z][a-z]+(?: [a-zA-Z]+){0,3})\}?'*"
    r"(?:_(?:\{[^{}]*\}|\w))?(?:\([^()]{1,20}\))?(?:\^\{-1\}\([^()]{1,20}\))?'*"
)
_NAMES = re.compile(r"\(\s*[a-zA-Z](?:_\w)?(?:\s*,\s*[a-zA-Z](?:_\w)?)+\s*\)")
_VARIABLE = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z](?![a-zA-Z])")
_MAGNITUDE = re.compile(r"(?:\||\\[lr]?vert(?![a-zA-Z]))\s*([a-zA-Z])\s*(?:\||\\[lr]?vert)")
_MIRRORED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "\\ne": "\\ne"}
_ASCENDING, _DESCENDING = ("<", "\\le"), (">", "\\ge")
_LOWEST, _HIGHEST = REALS.items


def parse_statement(text: str, parse: Parse) -> Answer | None:
    """The statement that ``text`` is; None when it states nothing."""
    pieces, separators = split_outside_brackets(text, _MEMBERSHIP)
    if len(pieces) == 2 and _NAME.fullmatch(pieces[0]):  # noqa: PLR2004 - two sides
        return Named(_name(pieces[0]), parse(pieces[1]), text)
    pieces, separators = split_outside_brackets(text, _INEQUALITY)
    if separators:
        return _inequality(pieces, [separator.strip() for separator in separators], text, parse)
    pieces, separators = split_outside_brackets(text, _EQUALS)
    if separators and all(pieces):
        return _equation(pieces, text, parse)
    return None


def parse_conjunction(first: Answer, second: Answer, latex: str) -> Answer | None:
    """``x > 1 and x < 3`` as the interval between; None unless one bounds below, one above."""
    if not (isinstance(first, Named) and isinstance(second, Named) and first.name == second.name):
        return None
    low, high = first.value, second.value
    if not (isinstance(low, Bracketed) and isinstance(high, Bracketed)):
        return None
    if low.items[-1] != _HIGHEST:
        low, high = high, low
    if low.items[-1] != _HIGHEST or high.items[0] != _LOWEST:
        return None
    between = Bracketed((low.items[0], high.items[-1]), low.opening, high.closing)
    return Named(first.name, between, latex)


def all_but(point: Answer) -> Answer:
    """The real line without one point."""
    return Unordered((_half_line("<", point), _half_line(">", point)))


def _equation(sides: Sequence[str], text: str, parse: Parse) -> Answer:
    if _NAME.fullmatch(sides[0]):
        return Named(_name(sides[0]), parse(sides[-1]), text)
    if _NAME.fullmatch(sides[-1]) and exact_number(sides[0]) is not None:
        return Named(_name(sides[-1]), parse(sides[0]), text)
    is_point = _NAMES.fullmatch(sides[0]) is not None
    is_calculation = not any(_VARIABLE.search(side) for side in sides)  # "1/2 + 1/2 = 1"
    return parse(sides[-1]) if is_point or is_calculation else Relation(text)


def _inequality(parts: list[str], operators: list[str], text: str, parse: Parse) -> Answer:
    if not all(parts):
        return Relation(text)
    match parts, operators:
        case [left, right], [operator]:
            if _NAME.fullmatch(right) and not _NAME.fullmatch(left):
                left, right, operator = right, left, _MIRRORED[operator]
            if magnitude := _MAGNITUDE.fullmatch(left):
                low, high = parse(f"-({right})"), parse(right)
                return _magnitude(magnitude.group(1), operator, (low, high), text)
            if _NAME.fullmatch(left):
                return Named(_name(left), _half_line(operator, parse(right)), text)
        case [left, middle, right], [first, second] if _NAME.fullmatch(middle):
            if first in _DESCENDING and second in _DESCENDING:
                left, right = right, left
                first, second = _MIRRORED[second], _MIRRORED[first]
            if first in _ASCENDING and second in _ASCENDING:
                bounds = (parse(left), parse(right))
                interval = Bracketed(bounds, _opening(first), _closing(second))
                return Named(_name(middle), interval, text)
    return Relation(text)


def _half_line(operator: str, bound: Answer) -> Answer:
    """What ``x <operator> bound`` leaves of the real line."""
    if operator in _ASCENDING:
        return Bracketed((_LOWEST, bound), "(", _closing(operator))
    if operator in _DESCENDING:
        return Bracketed((bound, _HIGHEST), _opening(operator), ")")
    return all_but(bound)


def _magnitude(name: str, operator: str, bounds: tuple[Answer, Answer], text: str) -> Answer:
    """``|x| < a`` as the interval around 0, ``|x| > a`` as what lies outside of it."""
    if operator in _ASCENDING:
        return Named(name, Bracketed(bounds, _opening(operator), _closing(operator)), text)
    if operator in _DESCENDING:
        below = _half_line(_MIRRORED[operator], bounds[0])
        return Named(name, Unordered((below, _half_line(operator, bounds[1]))), text)
    return Relation(text)


def _opening(operator: str) -> str:
    return "(" if operator in ("<", ">") else "["


def _closing(operator: str) -> str:
    return ")" if operator in ("<", ">") else "]"


def _name(text: str) -> str:
    return re.sub(r"\\text\s*|[{}\s]", "", text)
