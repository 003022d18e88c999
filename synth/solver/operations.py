"""Families of bare operations on whole, signed and decimal numbers."""

import random

from synth.solver.problem import Draft, Family
from synth.solver.wording import ask, check, number_of_length
from synth.solver.working import (
    Working,
    decimal_text,
    difference_text,
    product_text,
    sum_text,
)


def _addition(rng: random.Random, *, held_out: bool) -> Draft:
    longest = rng.randint(6, 7) if held_out else rng.randint(1, 5)
    other = longest if held_out else rng.randint(max(1, longest - 2), longest)
    a, b = number_of_length(rng, longest), number_of_length(rng, other)
    if rng.random() < 0.5:
        a, b = b, a
    working = Working(rng)
    total = working.add("", a, b)
    check(working, difference_text(total, b), 0.2)
    text = ask(
        rng,
        f"{a} + {b}",
        f"Add {a} and {b}.",
        f"Find the sum of {a} and {b}.",
        f"What is {a} plus {b}?",
        f"What do you get when you add {b} to {a}?",
    )
    return Draft(text, working, str(total))


def _subtraction(rng: random.Random, *, held_out: bool) -> Draft:
    longest = rng.randint(6, 7) if held_out else rng.randint(1, 5)
    a, b = (
        number_of_length(rng, longest),
        number_of_length(rng, rng.randint(max(1, longest - 2), longest)),
    )
    if a < b and rng.random() < 0.7:
        a, b = b, a
    working = Working(rng)
    left = working.subtract("", a, b)
    if left >= 0:
        check(working, sum_text(left, b), 0.2)
    text = ask(
        rng,
        f"{a} - {b}",
        f"Subtract {b} from {a}.",
        f"What is {a} minus {b}?",
        f"Find the difference {a} - {b}.",
        f"Take {b} away from {a}. What is left?" if a >= b else f"What is {a} minus {b}?",
    )
    return Draft(text, working, str(left))


def _multiplication(rng: random.Random, *, held_out: bool) -> Draft:
    pairs = (
        ((4, 3), (4, 4))
        if held_out
        else ((1, 1), (2, 1), (3, 1), (4, 1), (2, 2), (2, 2), (3, 2), (3, 3))
    )
    a, b = (number_of_length(rng, length) for length in rng.choice(pairs))
    if rng.random() < 0.5:
        a, b = b, a
    working = Working(rng)
    product = working.multiply("", a, b)
    sign = rng.choice(("\u00d7", "\u00d7", "*", "\\times"))
    text = ask(
        rng,
        f"{a} {sign} {b}",
        f"Multiply {a} by {b}.",
        f"Find the product of {a} and {b}.",
        f"What is {a} times {b}?",
    )
    return Draft(text, working, str(product))


def _division(rng: random.Random, *, held_out: bool) -> Draft:
    if held_out:
        divisor, quotient = rng.randint(13, 99), number_of_length(rng, 4)
    elif rng.random() < 0.6:
        divisor, quotient = rng.randint(2, 12), number_of_length(rng, rng.randint(1, 4))
    else:
        divisor, quotient = rng.randint(13, 99), number_of_length(rng, rng.randint(1, 2))
    whole = divisor * quotient
    working = Working(rng)
    working.divide("", whole, divisor)
    check(working, product_text(quotient, divisor), 0.25)
    sign = rng.choice(("\u00f7", "\u00f7", "/", "\\div"))
    text = ask(
        rng,
        f"{whole} {sign} {divisor}",
        f"Divide {whole} by {divisor}.",
        f"What is {whole} divided by {divisor}?",
        f"How many times does {divisor} go into {whole}?",
    )
    return Draft(text, working, str(quotient))


def _remainder(rng: random.Random, *, held_out: bool) -> Draft:
    divisor = rng.randint(13, 40) if held_out else rng.randint(2, 15)
    whole = number_of_length(rng, rng.randint(4, 5) if held_out else rng.randint(2, 4))
    working = Working(rng)
    quotient = working.divide("", whole, divisor)
    left = whole % divisor
    working.say(
        f"The remainder is {left}."
        if left
        else f"The division comes out even, so the remainder is {left}."
    )
    check(working, f"{product_text(quotient, divisor)}, {sum_text(quotient * divisor, left)}", 0.15)
    text = rng.choice(
        (
            f"What is the remainder when {whole} is divided by {divisor}?",
            f"Find the remainder of {whole} divided by {divisor}.",
            f"Compute {whole} mod {divisor}.",
            f"{whole} is divided by {divisor}. What remainder is left?",
        )
    )
    return Draft(text, working, str(left))


def _sum_of_several(rng: random.Random, *, held_out: bool) -> Draft:
    count = rng.randint(6, 7) if held_out else rng.randint(3, 5)
    numbers = [number_of_length(rng, rng.randint(1, 3)) for _ in range(count)]
    working = Working(rng)
    total = working.total("", numbers)
    listed = ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
    text = ask(
        rng, " + ".join(map(str, numbers)), f"Find the sum of {listed}.", f"Add up {listed}."
    )
    return Draft(text, working, str(total))


def _signed_numbers(rng: random.Random, *, held_out: bool) -> Draft:
    limit = 999 if held_out else 60
    a, b = rng.randint(-limit, -1), rng.choice((-1, 1)) * rng.randint(1, limit)
    working = Working(rng)
    second = f"({b})" if b < 0 else str(b)
    operation = rng.choice("+-\u00d7")
    if operation == "\u00d7":
        b = b if abs(b) <= 12 else rng.choice((-1, 1)) * rng.randint(2, 12)
        second = f"({b})" if b < 0 else str(b)
        is_negative = b > 0
        working.say(
            "The signs differ, so the product is negative."
            if is_negative
            else "Both signs are negative, so the product is positive."
        )
        size = working.multiply("", abs(a), abs(b))
        result = -size if is_negative else size
    else:
        addend = b if operation == "+" else -b
        if operation == "-":
            working.say(f"Subtracting {second} is the same as adding {addend}.")
        if addend < 0:
            working.say("Both numbers are negative, so add their sizes and keep the minus sign.")
            result = -working.add("", -a, -addend)
        else:
            working.say(f"This is the same as {addend} - {-a}.")
            result = working.subtract("", addend, -a)
    working.say(f"The result is {result}.")
    return Draft(ask(rng, f"{a} {operation} {second}"), working, str(result))


def _decimals(rng: random.Random, *, held_out: bool) -> Draft:
    places = 3 if held_out else rng.randint(1, 2)
    a, b = (number_of_length(rng, places + rng.randint(1, 2)) for _ in range(2))
    is_sum = rng.random() < 0.5
    if not is_sum and a < b:
        a, b = b, a
    left, right = decimal_text(a, places), decimal_text(b, places)
    working = Working(rng)
    unit = {1: "tenths", 2: "hundredths", 3: "thousandths"}[places]
    working.say(f"In {unit} the numbers are {a} and {b}.")
    result = working.add("", a, b) if is_sum else working.subtract("", a, b)
    answer = decimal_text(result, places)
    working.say(f"{result} {unit} is {answer}.")
    return Draft(ask(rng, f"{left} {'+' if is_sum else '-'} {right}"), working, answer)


def _decimal_product(rng: random.Random, *, held_out: bool) -> Draft:
    places = 2 if held_out else 1
    a, b = number_of_length(rng, places + 1), rng.randint(2, 12)
    left = decimal_text(a, places)
    working = Working(rng)
    unit = {1: "tenths", 2: "hundredths"}[places]
    working.say(f"{left} is {a} {unit}.")
    product = working.multiply("", a, b)
    answer = decimal_text(product, places)
    working.say(f"{product} {unit} is {answer}.")
    return Draft(ask(rng, f"{left} \u00d7 {b}", f"Multiply {left} by {b}."), working, answer)


FAMILIES = (
    Family("addition", _addition, has_held_out=True, weight=2.0),
    Family("subtraction", _subtraction, has_held_out=True, weight=2.0),
    Family("multiplication", _multiplication, has_held_out=True, weight=3.0),
    Family("division", _division, has_held_out=True, weight=2.0),
    Family("remainder", _remainder, has_held_out=True),
    Family("sum_of_several", _sum_of_several, has_held_out=True),
    Family("signed_numbers", _signed_numbers, has_held_out=True),
    Family("decimals", _decimals, has_held_out=True),
    Family("decimal_product", _decimal_product, has_held_out=True),
)
"""Weights: the four operations carry the others, so they are trained on most."""
