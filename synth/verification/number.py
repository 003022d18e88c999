r"""Exact values of plain numbers, without algebra: what most answers need and no more.

Reads integers, decimals, ``a/b``, ``\frac{a}{b}``, mixed numbers and scientific notation, each with
a sign. A decimal is the exact fraction it spells, so ``0.333`` is not ``1/3``.
"""

import re
from fractions import Fraction

MAX_EXPONENT = 400
"""Powers of ten beyond this are left to the limits of the comparison process."""

_DECIMAL = r"\d+(?:\.\d*)?|\.\d+"
_SIGN = r"[+-]?\s*"
_FRACTION = rf"\\frac\s*\{{\s*({_SIGN}(?:{_DECIMAL}))\s*\}}\s*\{{\s*({_SIGN}(?:{_DECIMAL}))\s*\}}"
_FORMS = (
    re.compile(rf"({_SIGN})({_DECIMAL})"),
    re.compile(rf"({_SIGN})()({_DECIMAL})\s*/\s*({_SIGN}(?:{_DECIMAL}))"),
    re.compile(rf"({_SIGN})(\d*)\s*{_FRACTION}"),
    re.compile(rf"({_SIGN})(\d+)\s+(\d+)\s*/\s*(\d+)"),
)
_SCIENTIFIC = re.compile(
    rf"({_SIGN}(?:{_DECIMAL}))\s*\\cdot\s*10\s*\^\s*(?:\{{\s*([+-]?\d+)\s*\}}|(\d))"
    rf"|({_SIGN})10\s*\^\s*(?:\{{\s*([+-]?\d+)\s*\}}|(\d))"
)


def exact_number(latex: str) -> Fraction | None:
    r"""Value of a canonical ``latex`` that is a plain number; None for all else and for ``1/0``.

    >>> exact_number("-2 \\frac{1}{2}"), exact_number("6.02\\cdot 10^{3}"), exact_number("x")
    (Fraction(-5, 2), Fraction(6020, 1), None)
    """
    text = latex.strip()
    if match := _SCIENTIFIC.fullmatch(text):
        mantissa = match.group(1) or f"{match.group(4)}1"
        exponent = int(match.group(2) or match.group(3) or match.group(5) or match.group(6))
        if abs(exponent) > MAX_EXPONENT:
            return None
        return _value(mantissa) * Fraction(10) ** exponent
    for form in _FORMS:
        if match := form.fullmatch(text):
            sign, whole, *parts = match.groups()
            value = _value(whole or "0")
            if parts:
                denominator = _value(parts[1])
                if denominator == 0:
                    return None
                value += _value(parts[0]) / denominator
            return -value if sign.strip() == "-" else value
    return None


def _value(text: str) -> Fraction:
    return Fraction(text.replace(" ", "").removesuffix("."))
