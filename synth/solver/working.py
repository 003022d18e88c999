"""Written working: arithmetic in steps so short that a very small model can compute each of them.

Columns are named by their place, so that a model finds a digit by a name and not by counting.
"""

import random
from fractions import Fraction
from math import gcd

TIMES = "\N{MULTIPLICATION SIGN}"

PLACES = (
    "ones",
    "tens",
    "hundreds",
    "thousands",
    "ten thousands",
    "hundred thousands",
    "millions",
    "ten millions",
    "hundred millions",
)
"""Names of the columns of a number, from the ones up."""

SHORT_NUMBER = 100
"""Below it, sums and differences are one step; from it on, they are worked out by columns."""

TABLE_FACTOR, TABLE_PRODUCT = 12, 144
"""The end of the multiplication table: what lies in it is one step."""


def digits_of(number: int) -> list[int]:
    """Decimal digits from the ones up.

    >>> digits_of(407)
    [7, 0, 4]
    """
    return [int(digit) for digit in reversed(str(number))]


def sum_text(a: int, b: int) -> str:
    """``a + b = c`` for whole numbers of at least 0, column by column where they are long."""
    statement = f"{a} + {b} = {a + b}"
    if a < SHORT_NUMBER and b < SHORT_NUMBER:
        return statement
    columns, carry = [], 0
    low, high = digits_of(a), digits_of(b)
    for place in range(max(len(low), len(high))):
        parts = [digits[place] for digits in (low, high) if place < len(digits)]
        parts += [carry] if carry else []
        total = sum(parts)
        carry = total // 10
        terms = "+".join(map(str, parts))
        columns.append(f"{PLACES[place]} {terms}" + (f"={total}" if len(parts) > 1 else ""))
    return f"{a} + {b}: {', '.join(columns)}, so {statement}"


def difference_text(a: int, b: int) -> str:
    """``a - b = c`` for whole numbers of at least 0; below zero by way of ``b - a``."""
    statement = f"{a} - {b} = {a - b}"
    if a < b:
        return f"{difference_text(b, a)}, so {statement}"
    if a < SHORT_NUMBER:
        return statement
    columns, borrow = [], 0
    low, high = digits_of(b), digits_of(a)
    for place, digit in enumerate(high):
        taken = low[place] if place < len(low) else 0
        terms = f"{digit}-{taken}" + (f"-{borrow}" if borrow else "")
        value = digit - taken - borrow
        borrow = int(value < 0)
        if borrow:
            value += 10
            columns.append(f"{PLACES[place]} 10+{terms}={value} borrow 1")
        else:
            columns.append(f"{PLACES[place]} {terms}={value}")
    return f"{a} - {b}: {', '.join(columns)}, so {statement}"


def product_text(a: int, b: int) -> str:
    """The product of whole numbers of at least 0, by the digits of the smaller one."""
    statement = f"{a} {TIMES} {b} = {a * b}"
    big, small = max(a, b), min(a, b)
    is_power_of_ten = any(str(factor).strip("0") == "1" for factor in (a, b))
    if small <= 1 or big <= TABLE_FACTOR or is_power_of_ten:
        return statement
    if len(str(small)) == 1:
        return f"{a} {TIMES} {b}: {_times_digit(big, small)}, so {statement}"
    partials = [
        (big * digit * 10**place, digit * 10**place, digit)
        for place, digit in enumerate(digits_of(small))
        if digit
    ]
    lines, total = [], 0
    for value, factor, digit in partials:
        if digit > 1 and big > TABLE_FACTOR:
            lines.append(_times_digit(big, digit))
        lines.append(f"{big} {TIMES} {factor} = {value}")
    total = partials[0][0]
    for value, _, _ in partials[1:]:
        lines.append(sum_text(total, value))
        total += value
    return f"{a} {TIMES} {b}: {', '.join(lines)}, so {statement}"


def _times_digit(number: int, digit: int) -> str:
    columns, carry = [], 0
    for place, own in enumerate(digits_of(number)):
        total = own * digit + carry
        terms = f"{own}{TIMES}{digit}" + (f"+{carry}" if carry else "")
        columns.append(f"{PLACES[place]} {terms}={total}")
        carry = total // 10
    return ", ".join(columns)


def quotient_text(a: int, b: int) -> str:
    """``a \u00f7 b = q``, or ``= q remainder r``, by long division; ``b`` is at least 1."""
    quotient, remainder = divmod(a, b)
    statement = f"{a} \u00f7 {b} = {quotient}" + (f" remainder {remainder}" if remainder else "")
    if b == 1 or (a <= TABLE_PRODUCT and b <= TABLE_FACTOR) or a < b:
        return statement
    lines, rest, is_started = [], 0, False
    for digit in reversed(digits_of(a)):
        rest = rest * 10 + digit
        is_started = is_started or rest >= b
        if not is_started:
            continue
        part, left = divmod(rest, b)
        line = f"{rest}\u00f7{b}={part} remainder {left}"
        if b > TABLE_FACTOR and part > 1:
            line = f"{b}{TIMES}{part}={b * part}, {line}"
        lines.append(line)
        rest = left
    return f"{a} \u00f7 {b}: {', '.join(lines)}, so {statement}"


def gcd_lines(a: int, b: int) -> list[str]:
    """Euclid's algorithm, a line a division."""
    lines = []
    a, b = max(a, b), min(a, b)
    while b:
        lines.append(f"{a} = {a // b} {TIMES} {b} + {a % b}.")
        a, b = b, a % b
    return lines


def fraction_text(value: Fraction) -> str:
    r"""A number as its final answer is written: whole, or ``\frac{a}{b}`` in lowest terms."""
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def decimal_text(scaled: int, places: int) -> str:
    """``scaled / 10**places`` without needless zeros.

    >>> decimal_text(1250, 2), decimal_text(300, 2), decimal_text(-5, 1)
    ('12.5', '3', '-0.5')
    """
    sign, scaled = ("-" if scaled < 0 else ""), abs(scaled)
    whole, part = divmod(scaled, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0") if places else ""
    return f"{sign}{whole}" + (f".{decimals}" if decimals else "")


class Working:
    """Lines of a solution; each method writes one and returns the number it comes to."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Add a line as it is."""
        self.lines.append(line)

    def add(self, label: str, a: int, b: int) -> int:
        """Write ``a + b``."""
        return self._write(label, sum_text(a, b), a + b)

    def subtract(self, label: str, a: int, b: int) -> int:
        """Write ``a - b``."""
        return self._write(label, difference_text(a, b), a - b)

    def multiply(self, label: str, a: int, b: int) -> int:
        """Write the product of two factors."""
        return self._write(label, product_text(a, b), a * b)

    def divide(self, label: str, a: int, b: int) -> int:
        """Write ``a \u00f7 b`` and return the whole quotient."""
        return self._write(label, quotient_text(a, b), a // b)

    def total(self, label: str, numbers: list[int]) -> int:
        """Write the sum of several numbers, two at a time."""
        running = numbers[0]
        for position, number in enumerate(numbers[1:]):
            running = self.add(label if position == len(numbers) - 2 else "", running, number)
        return running

    def reduce(self, numerator: int, denominator: int) -> Fraction:
        """Write a positive fraction in lowest terms."""
        value = Fraction(numerator, denominator)
        common = gcd(numerator, denominator)
        if common == 1:
            self.say(f"{numerator}/{denominator} is in lowest terms.")
            return value
        self.say(f"Both {numerator} and {denominator} can be divided by {common}.")
        self.divide("", numerator, common)
        self.divide("", denominator, common)
        return value

    def _write(self, label: str, text: str, value: int) -> int:
        self.say(f"{label}: {text}." if label else f"{text}.")
        return value
