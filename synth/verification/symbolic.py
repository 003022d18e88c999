r"""Algebra at the leaves: are two formulas the same? Built on math-verify's parser and comparison.

What is set right around math-verify 0.9 (each measured against ``tests/quality`` pairs):

* a decimal is the exact fraction it spells (math-verify rounds to six places);
* capital letters stay apart from small ones (its LaTeX grammar lowers them: ``R^2-r^2`` was 0);
* ``i`` is the imaginary unit, other symbols are real, ``2(3)`` is a product, no mixed number;
* values are compared numerically first, which decides most pairs at once and in both directions;
  ``verify`` is asked where that says nothing (relations, domains, undefined values).

Runs only inside the comparison process: nothing here has a time limit.
"""

import re
from collections.abc import Iterator

import sympy  # type: ignore[import-untyped]
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify

_DIGITS = 50
_RELATIVE_TOLERANCE = sympy.Float("1e-40", 10)
_ZERO_TOLERANCE = sympy.Float("1e-45", 10)
_MAX_SYMBOLS = 8
_POINTS = 3
_MIN_AGREEMENTS = 2

_EXTRACTION = (
    LatexExtractionConfig(
        boxed_match_priority=-1,
        normalization_config=NormalizationConfig(
            basic_latex=True,
            units=False,
            malformed_operators=True,
            nits=False,
            boxed="none",
            equations=False,
        ),
    ),
)
_SHORT_INDEX = re.compile(r"_(\w)(?=\s*[\d(])")
_ADJACENT_NUMBERS = re.compile(r"\d\s+\d")
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)")
_CAPITAL = re.compile(r"\\[a-zA-Z]+|([A-Z])(?:_\{([^{}]*)\}|_(\w))?")
_DEGREES = re.compile(r"(\d+)\s*\^\\circ(?![a-zA-Z])")
_IMPLICIT_PRODUCT = re.compile(r"(?<![_^\d])(\d+)\s*(?=\()")
_COEFFICIENT_OF_I = re.compile(r"(?<=\d)i(?![a-zA-Z])")


def is_same_expression(gold: str, answer: str) -> bool:
    """Whether two canonical formulas have the same value wherever both have one."""
    gold_value, answer_value = _parse(gold), _parse(answer)
    if gold_value is None or answer_value is None:
        return False
    agreement = _numeric_agreement(gold_value, answer_value)
    if agreement is False and not (gold_value.has(sympy.I) or answer_value.has(sympy.I)):
        agreement = _numeric_agreement(*map(_with_real_roots, (gold_value, answer_value)))
    if agreement is not None:
        return agreement
    return bool(verify(gold_value, answer_value, timeout_seconds=None))


def _with_real_roots(value: sympy.Basic) -> sympy.Basic:
    """``value`` with the real root in place of the principal one: the cube root of -8 is -2."""

    def is_odd_root_of_negative(part: sympy.Basic) -> bool:
        return bool(
            part.is_Pow and part.exp.is_Rational and part.exp.q % 2 == 1 and part.exp.q > 1
        ) and bool(part.base.is_negative)

    def real_root(part: sympy.Basic) -> sympy.Basic:
        return (-1) ** part.exp.p * (-part.base) ** part.exp

    return value.replace(is_odd_root_of_negative, real_root)


def is_same_relation(gold: str, answer: str) -> bool:
    """Whether two equations or inequalities say the same, after solving where that is needed."""
    gold_relation, answer_relation = _parse(gold), _parse(answer)
    if gold_relation is None or answer_relation is None:
        return False
    if isinstance(gold_relation, sympy.Eq) and isinstance(answer_relation, sympy.Eq):
        return _is_multiple(gold_relation, answer_relation)
    return bool(verify(gold_relation, answer_relation, timeout_seconds=None))


def _is_multiple(gold: sympy.Eq, answer: sympy.Eq) -> bool:
    """Two equations are the same when their differences of sides have a constant ratio."""
    gold_side, answer_side = gold.lhs - gold.rhs, answer.lhs - answer.rhs
    if gold_side.free_symbols != answer_side.free_symbols:
        return False
    ratio = sympy.cancel(sympy.together(gold_side) / sympy.together(answer_side))
    if ratio.is_number and ratio.is_finite and not ratio.is_zero:
        return True
    return bool(verify(gold, answer, timeout_seconds=None))


def _parse(latex: str) -> sympy.Basic | None:
    text = _DECIMAL.sub(_exact_decimal, latex)
    text = _DEGREES.sub(r"(\\frac{\1\\pi}{180})", text)
    text = _IMPLICIT_PRODUCT.sub(r"\1\\cdot ", text)
    text = _COEFFICIENT_OF_I.sub(" i ", text)
    text = _SHORT_INDEX.sub(r"_{\1}", text)
    text = _CAPITAL.sub(_marked_capital, re.sub(r"\\text\{([^{}]*)\}", r" \1 ", text))
    if _ADJACENT_NUMBERS.search(text):
        return None
    parsed = parse(
        f"${' '.join(text.split())}$",
        extraction_config=_EXTRACTION,
        fallback_mode="no_fallback",
        parsing_timeout=None,
    )
    if not parsed:
        return None
    value = parsed[0]
    return value.xreplace({symbol: _plain_symbol(symbol) for symbol in value.free_symbols})


def _exact_decimal(match: re.Match[str]) -> str:
    whole, places = match.groups()
    return f"\\frac{{{int(whole + places)}}}{{{10 ** len(places)}}}"


def _marked_capital(match: re.Match[str]) -> str:
    letter, index, short_index = match.groups()
    if letter is None:
        return match.group()
    return f"{letter}_{{cap{index or short_index or ''}}}"


def _plain_symbol(symbol: sympy.Symbol) -> sympy.Basic:
    if symbol.name == "i":
        return sympy.I
    return sympy.Symbol(symbol.name, real=True)


def _numeric_agreement(gold: sympy.Basic, answer: sympy.Basic) -> bool | None:
    r"""True or False where evaluation decides, None where it says nothing.

    A difference at a positive point decides against. Agreement there with a difference between
    real values at a negative point (``\sqrt{x^2}`` and ``x``) is left to math-verify; one with a
    complex value is the choice of a branch (``\ln x^2`` and ``2 \ln x``), which no grader asks for.
    """
    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return None
    symbols = sorted(gold.free_symbols | answer.free_symbols, key=lambda symbol: str(symbol.name))
    if len(symbols) > _MAX_SYMBOLS:
        return None
    if not symbols:
        return _agree_at(gold, answer, {})
    positive = [_agree_at(gold, answer, point) for point in _points(symbols, 1)]
    negative = [_agree_at(gold, answer, point) for point in _points(symbols, -1)]
    if False in positive:
        return False
    return True if positive.count(True) >= _MIN_AGREEMENTS and False not in negative else None


def _points(symbols: list[sympy.Symbol], sign: int) -> Iterator[dict[sympy.Symbol, sympy.Rational]]:
    """Fixed rational points, no two symbols alike; the same on every machine."""
    for number in range(1, _POINTS + 1):
        yield {
            symbol: sympy.Rational(sign * (173 * number + 101 * index), 97 + 12 * index)
            for index, symbol in enumerate(symbols, start=1)
        }


def _agree_at(
    gold: sympy.Expr, answer: sympy.Expr, point: dict[sympy.Symbol, sympy.Rational]
) -> bool | None:
    """Whether the values at ``point`` agree; None where one is undefined or off the real line."""
    values = [expression.xreplace(point).doit() for expression in (gold, answer)]
    if all(value.is_Rational for value in values):
        return bool(values[0] == values[1])
    values = [value.evalf(_DIGITS) for value in values]
    if not all(value.is_number and value.is_finite for value in values):
        return None
    sizes = [sympy.Abs(value).evalf(_DIGITS) for value in values]
    difference = sympy.Abs(values[0] - values[1]).evalf(_DIGITS)
    if not all(size.is_Float or size.is_Rational for size in (*sizes, difference)):
        return None
    if min(sizes) == 0:
        return bool(max(sizes) < _ZERO_TOLERANCE)
    if difference <= _RELATIVE_TOLERANCE * max(sizes):
        return True
    is_branch = point and any(value < 0 for value in point.values()) and _is_complex(values)
    return None if is_branch else False


def _is_complex(values: list[sympy.Expr]) -> bool:
    return any(abs(sympy.im(value)) > _ZERO_TOLERANCE for value in values)
