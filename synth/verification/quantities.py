r"""Quantities: units agree or convert, per cent is a hundredth, degrees meet radians, values match.

A plain number is compared exactly and at once; everything else goes to ``symbolic``, unless it is
so large that no limit on time should have to stop it.
"""

import math
import re
from fractions import Fraction

from synth.verification.answer import Expression
from synth.verification.leaves import fraction_latex
from synth.verification.number import exact_number
from synth.verification.units import DEGREE, PERCENT, RADIAN, Unit, parse_unit

MAX_NESTED_EXPONENTS = 2
MAX_EXPONENT = 10**6
MAX_FACTORIAL = 5000

_POWER_OF_POWER = re.compile(r"\^\s*\{?\s*(\d+)\s*\^\s*\{?\s*(\d+)")
_FACTORIAL = re.compile(r"(\d+)\s*[)}]?\s*!")
_FACTORIAL_OF_POWER = re.compile(r"\^[^!]*[)}]\s*!")
_CONSTANT_OF_INTEGRATION = re.compile(r"\+\s*[CcKk](?:_\{?\w\}?)?\s*$")
_LOOSE_QUANTITY = re.compile(r"([+-]?[\d./]+)\s*([a-zA-Z].*)")


class IntractableError(Exception):
    """A formula is too large to calculate with; nothing is known about the pair."""


def is_same_quantity(gold: Expression, answer: Expression) -> bool:
    """Whether two quantities are the same; a unit that one side leaves out agrees.

    Raises IntractableError, as does :func:`is_same_value`.
    """
    gold, answer = _with_loose_unit(gold, answer), _with_loose_unit(answer, gold)
    gold_unit, answer_unit = _counted_unit(gold.unit), _counted_unit(answer.unit)
    if gold_unit == answer_unit:
        return is_same_value(gold.latex, answer.latex)
    if PERCENT in (gold_unit, answer_unit):
        shares = [
            _scaled(side.latex, PERCENT.factor if unit == PERCENT else Fraction(1))
            for side, unit in ((gold, gold_unit), (answer, answer_unit))
        ]
        return None in (gold_unit, answer_unit) and is_same_value(*shares)
    if {gold_unit, answer_unit} <= {DEGREE, RADIAN, None}:
        return _is_same_angle((gold.latex, gold_unit), (answer.latex, answer_unit))
    if gold_unit is None or answer_unit is None:
        return is_same_value(gold.latex, answer.latex)
    return gold_unit.dimensions == answer_unit.dimensions and is_same_value(
        _scaled(gold.latex, gold_unit.factor), _scaled(answer.latex, answer_unit.factor)
    )


def _with_loose_unit(side: Expression, other: Expression) -> Expression:
    """Read ``5m`` as five metres where the other side names a unit."""
    match = _LOOSE_QUANTITY.fullmatch(side.latex)
    if side.unit is not None or other.unit is None or match is None:
        return side
    unit = parse_unit(match.group(2), only_known=True)
    return side if unit is None else Expression(match.group(1), unit)


def _counted_unit(unit: Unit | None) -> Unit | None:
    """None for no unit and for generic ones ("square units")."""
    return None if unit is None or not unit.dimensions else unit


def _is_same_angle(gold: tuple[str, Unit | None], answer: tuple[str, Unit | None]) -> bool:
    """Beside degrees, a bare number is in degrees and a bare formula in either."""
    return any(
        is_same_value(gold_degrees, answer_degrees)
        for gold_degrees in _in_degrees(*gold, beside=answer[1])
        for answer_degrees in _in_degrees(*answer, beside=gold[1])
    )


def _in_degrees(latex: str, unit: Unit | None, *, beside: Unit | None) -> list[str]:
    """What an angle may be in degrees; ``beside`` is the unit of the other angle."""
    from_radians = f"\\frac{{180}}{{\\pi}}\\cdot ({latex})"
    if RADIAN in (unit, beside if unit is None else None):
        return [from_radians]
    is_formula = unit is None and exact_number(latex) is None
    return [latex, from_radians] if is_formula else [latex]


def _scaled(latex: str, factor: Fraction) -> str:
    if factor == 1:
        return latex
    if (value := exact_number(latex)) is not None:
        return fraction_latex(value * factor)
    return f"\\frac{{{factor.numerator}}}{{{factor.denominator}}}\\cdot ({latex})"


def is_same_value(gold: str, answer: str) -> bool:
    """Whether two canonical formulas without units have the same value."""
    if without_spaces(gold) == without_spaces(answer):
        return True
    gold_value, answer_value = exact_number(gold), exact_number(answer)
    if gold_value is not None and answer_value is not None:
        return gold_value == answer_value
    if _CONSTANT_OF_INTEGRATION.search(gold) and _CONSTANT_OF_INTEGRATION.search(answer):
        gold = _CONSTANT_OF_INTEGRATION.sub("", gold)
        answer = _CONSTANT_OF_INTEGRATION.sub("", answer)
    refuse_intractable(gold)
    refuse_intractable(answer)
    from synth.verification.symbolic import is_same_expression  # sympy takes a second to import

    return bool(gold and answer) and is_same_expression(gold, answer)


def refuse_intractable(latex: str) -> None:
    """Raise IntractableError for towers of powers and for factorials of large numbers."""
    largest_power = max(
        (
            int(exponent) * math.log10(max(int(base), 1))
            for base, exponent in _POWER_OF_POWER.findall(latex)
        ),
        default=0.0,
    )
    largest_factorial = max(map(int, _FACTORIAL.findall(latex)), default=0)
    if (
        largest_power > math.log10(MAX_EXPONENT)
        or largest_factorial > MAX_FACTORIAL
        or _FACTORIAL_OF_POWER.search(latex)
        or _exponent_depth(latex) > MAX_NESTED_EXPONENTS
    ):
        raise IntractableError(latex[:80])


def _exponent_depth(latex: str) -> int:
    """How deep powers stand in powers: 1 for ``x^2``, 2 for ``e^{x^2}``."""
    deepest, is_exponent = 0, False
    stack: list[bool] = []
    for character in latex:
        if character == "{":
            stack.append(is_exponent)
        elif character == "}" and stack:
            stack.pop()
        if character == "^":
            deepest = max(deepest, 1 + sum(stack))
        if not character.isspace():
            is_exponent = character == "^"
    return deepest


def without_spaces(latex: str) -> str:
    """``latex`` without the spaces that mean nothing; the one in ``1 2`` stays."""
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", latex)
