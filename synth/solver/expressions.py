"""Families of expressions, fractions and percentages."""

import random
from fractions import Fraction
from math import gcd

from synth.solver.problem import Draft, Family
from synth.solver.wording import ask
from synth.solver.working import (
    Working,
    decimal_text,
    fraction_text,
    gcd_lines,
)


def _order_of_operations(rng: random.Random, *, held_out: bool) -> Draft:
    working = Working(rng)
    if held_out:
        a, b, c, d = (rng.randint(2, 20) for _ in range(4))
        product = working.multiply("First", a, b)
        other = working.multiply("Next", c, d)
        result = working.add("", product, other)
        return Draft(ask(rng, f"{a} \u00d7 {b} + {c} \u00d7 {d}"), working, str(result))
    a, b, c = rng.randint(2, 40), rng.randint(2, 12), rng.randint(2, 12)
    shape = rng.randrange(6)
    if shape == 0:
        expression = f"{a} + {b} \u00d7 {c}"
        working.say("Multiply before adding.")
        result = working.add("", a, working.multiply("", b, c))
    elif shape == 1:
        expression = f"({a} + {b}) \u00d7 {c}"
        working.say("The brackets come first.")
        result = working.multiply("", working.add("", a, b), c)
    elif shape == 2:
        a = rng.randint(b * c, b * c + 60)
        expression = f"{a} - {b} \u00d7 {c}"
        working.say("Multiply before subtracting.")
        result = working.subtract("", a, working.multiply("", b, c))
    elif shape == 3:
        a = rng.randint(b + 1, b + 40)
        expression = f"{c} \u00d7 ({a} - {b})"
        working.say("The brackets come first.")
        result = working.multiply("", c, working.subtract("", a, b))
    elif shape == 4:
        expression = f"{b * c} \u00f7 {b} + {a}"
        working.say("Divide before adding.")
        result = working.add("", working.divide("", b * c, b), a)
    else:
        d = rng.randint(1, 30)
        expression = f"({a} + {b}) \u00d7 {c} - {d}"
        working.say("The brackets come first, then the product, then the difference.")
        product = working.multiply("", working.add("", a, b), c)
        result = working.subtract("", product, d)
    return Draft(ask(rng, expression), working, str(result))


def _fraction(rng: random.Random, limit: int) -> Fraction:
    denominator = rng.randint(2, limit)
    return Fraction(rng.randint(1, denominator - 1), denominator)


def _plain(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _fraction_sum(rng: random.Random, *, held_out: bool) -> Draft:
    limit = 20 if held_out else 10
    a, b = _fraction(rng, limit), _fraction(rng, limit)
    is_sum = rng.random() < 0.5
    if not is_sum and a < b:
        a, b = b, a
    working = Working(rng)
    common = a.denominator * b.denominator // gcd(a.denominator, b.denominator)
    parts = []
    working.say(f"The common denominator is {common}.")
    for value in (a, b):
        factor = common // value.denominator
        numerator = value.numerator * factor
        parts.append(numerator)
        working.say(f"{_plain(value)} = {numerator}/{common}.")
    numerator = working.add("", *parts) if is_sum else working.subtract("", *parts)
    if numerator == 0:
        return Draft(_ask_fractions(rng, a, b, "-"), working, "0")
    result = working.reduce(numerator, common)
    working.say(f"The result is {fraction_text(result)}.")
    return Draft(_ask_fractions(rng, a, b, "+" if is_sum else "-"), working, fraction_text(result))


def _fraction_product(rng: random.Random, *, held_out: bool) -> Draft:
    limit = 25 if held_out else 9
    a, b = _fraction(rng, limit), _fraction(rng, limit)
    is_product = rng.random() < 0.5
    working = Working(rng)
    other = b
    if not is_product:
        other = 1 / b
        working.say(f"Dividing by {_plain(b)} is multiplying by {_plain(other)}.")
    numerator = working.multiply("Numerator", a.numerator, other.numerator)
    denominator = working.multiply("Denominator", a.denominator, other.denominator)
    result = working.reduce(numerator, denominator)
    working.say(f"The result is {fraction_text(result)}.")
    return Draft(
        _ask_fractions(rng, a, b, "\u00d7" if is_product else "\u00f7"),
        working,
        fraction_text(result),
    )


def _ask_fractions(rng: random.Random, a: Fraction, b: Fraction, sign: str) -> str:
    if rng.random() < 0.5:
        return ask(rng, f"{_plain(a)} {sign} {_plain(b)}")
    latex = {"\u00d7": "\\times", "\u00f7": "\\div"}.get(sign, sign)
    return ask(rng, f"${fraction_text(a)} {latex} {fraction_text(b)}$")


def _simplify_fraction(rng: random.Random, *, held_out: bool) -> Draft:
    factor = rng.randint(13, 25) if held_out else rng.randint(2, 12)
    value = _fraction(rng, 12)
    numerator, denominator = value.numerator * factor, value.denominator * factor
    working = Working(rng)
    for line in _euclid(numerator, denominator):
        working.say(line)
    working.reduce(numerator, denominator)
    text = rng.choice(
        (
            f"Simplify {numerator}/{denominator}.",
            f"Write {numerator}/{denominator} in lowest terms.",
            f"Reduce the fraction {numerator}/{denominator}.",
        )
    )
    return Draft(text, working, fraction_text(value))


def _euclid(a: int, b: int) -> list[str]:
    return [*gcd_lines(a, b), f"The greatest common divisor is {gcd(a, b)}."]


def _fraction_of_number(rng: random.Random, *, held_out: bool) -> Draft:
    value = _fraction(rng, 15 if held_out else 9)
    part = rng.randint(20, 99) if held_out else rng.randint(2, 20)
    whole = value.denominator * part
    working = Working(rng)
    one = working.divide(f"One part of {value.denominator}", whole, value.denominator)
    result = working.multiply(f"{value.numerator} such parts", value.numerator, one)
    return Draft(ask(rng, f"{_plain(value)} of {whole}"), working, str(result))


def _percentage(rng: random.Random, *, held_out: bool) -> Draft:
    if held_out:
        percent, whole = rng.choice((12, 35, 45, 65, 85)), 20 * rng.randint(20, 90)
    else:
        percent = rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90))
        whole = 20 * rng.randint(1, 40)
    working = Working(rng)
    product = working.multiply(
        f"{percent}% of {whole} is {percent} hundredths of it", percent, whole
    )
    result = decimal_text(product, 2)
    working.say(f"{product} \u00f7 100 = {result}.")
    text = ask(rng, f"{percent}% of {whole}", f"What is {percent} percent of {whole}?")
    return Draft(text, working, result)


def _percentage_change(rng: random.Random, *, held_out: bool) -> Draft:
    percent = rng.choice((5, 15, 35, 45)) if held_out else rng.choice((10, 20, 25, 30, 40, 50))
    whole = 20 * rng.randint(2, 40)
    is_rise = rng.random() < 0.5
    working = Working(rng)
    product = working.multiply(
        f"{percent}% of {whole} is {percent} hundredths of it", percent, whole
    )
    change = product // 100
    working.say(f"{product} \u00f7 100 = {change}.")
    result = working.add("", whole, change) if is_rise else working.subtract("", whole, change)
    thing = rng.choice(("price", "number", "rent", "salary", "fee"))
    verb = rng.choice(
        ("rises", "increases", "goes up") if is_rise else ("falls", "decreases", "drops")
    )
    text = rng.choice(
        (
            f"A {thing} of {whole} {verb} by {percent}%. What is it now?",
            f"A {thing} is {whole}. It {verb} by {percent} percent. Find the new {thing}.",
            f"What is {whole} after it {verb} by {percent}%?",
        )
    )
    return Draft(text, working, str(result))


def _what_percentage(rng: random.Random, *, held_out: bool) -> Draft:
    whole = rng.choice((40, 80, 125, 250, 400) if held_out else (10, 20, 25, 50, 100, 200))
    percent = rng.choice([p for p in range(4, 100) if whole * p % 100 == 0])
    part = whole * percent // 100
    working = Working(rng)
    product = working.multiply("", part, 100)
    working.divide("", product, whole)
    working.say(f"That is {percent} percent.")
    text = rng.choice(
        (
            f"What percent of {whole} is {part}?",
            f"{part} is what percentage of {whole}? Give the number of percent.",
        )
    )
    return Draft(text, working, str(percent))


FAMILIES = (
    Family("order_of_operations", _order_of_operations, has_held_out=True),
    Family("fraction_sum", _fraction_sum, has_held_out=True),
    Family("fraction_product", _fraction_product, has_held_out=True),
    Family("simplify_fraction", _simplify_fraction, has_held_out=True),
    Family("fraction_of_number", _fraction_of_number, has_held_out=True),
    Family("percentage", _percentage, has_held_out=True),
    Family("percentage_change", _percentage_change, has_held_out=True),
    Family("what_percentage", _what_percentage, has_held_out=True),
)
