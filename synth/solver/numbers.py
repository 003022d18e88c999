"""Families of what is found out about numbers: divisors, powers, digits, order and averages."""

import random
from math import gcd, isqrt, lcm

from synth.solver.problem import Draft, Family
from synth.solver.wording import ask, check, number_of_length
from synth.solver.working import (
    Working,
    gcd_lines,
    quotient_text,
    sum_text,
)


def _greatest_common_divisor(rng: random.Random, *, held_out: bool) -> Draft:
    common = rng.randint(2, 30)
    limit = 40 if held_out else 12
    a, b = common * rng.randint(2, limit), common * rng.randint(2, limit)
    if a == b:
        b += common
    working = Working(rng)
    working.say("Use Euclid's algorithm.")
    for line in gcd_lines(a, b):
        working.say(line)
    result = gcd(a, b)
    working.say(f"The last divisor is {result}.")
    text = rng.choice(
        (
            f"What is the greatest common divisor of {a} and {b}?",
            f"Find the greatest common factor of {a} and {b}.",
            f"Compute gcd({a}, {b}).",
            f"What is the largest whole number that divides both {a} and {b}?",
        )
    )
    return Draft(text, working, str(result))


def _least_common_multiple(rng: random.Random, *, held_out: bool) -> Draft:
    limit = 60 if held_out else 24
    a, b = rng.randint(2, limit), rng.randint(2, limit)
    working = Working(rng)
    for line in gcd_lines(a, b):
        working.say(line)
    common = gcd(a, b)
    working.say(f"The greatest common divisor is {common}.")
    part = working.divide("", a, common)
    working.multiply("The least common multiple", part, b)
    text = rng.choice(
        (
            f"What is the least common multiple of {a} and {b}?",
            f"Find lcm({a}, {b}).",
            f"What is the smallest positive number that is a multiple of both {a} and {b}?",
        )
    )
    return Draft(text, working, str(lcm(a, b)))


def _powers(rng: random.Random, *, held_out: bool) -> Draft:
    exponent = rng.choice((2, 2, 3, 4, 5))
    base = rng.randint(2, {2: 40, 3: 15, 4: 9, 5: 5}[exponent])
    if held_out:
        base, exponent = rng.choice(
            ((2, 8), (2, 9), (2, 10), (3, 6), (6, 5), (7, 5), (12, 4), (57, 2))
        )
        base += 0 if exponent > 2 else rng.randint(0, 30)
    working = Working(rng)
    factors = " \u00d7 ".join([str(base)] * exponent)
    working.say(f"{base}^{exponent} means {factors}.")
    value = base
    for _ in range(exponent - 1):
        value = working.multiply("", value, base)
    others = [f"Find {base} to the power of {exponent}."]
    others += [f"What is the square of {base}?"] if exponent == 2 else []
    return Draft(ask(rng, f"{base}^{exponent}", *others), working, str(value))


def _square_roots(rng: random.Random, *, held_out: bool) -> Draft:
    root = rng.randint(41, 99) if held_out else rng.randint(2, 40)
    square = root * root
    low = isqrt(square) // 10 * 10
    working = Working(rng)
    if root > 10:
        working.say(
            f"{low} \u00d7 {low} = {low * low} and "
            f"{low + 10} \u00d7 {low + 10} = {(low + 10) ** 2}, "
        )
        working.lines[-1] += f"so the root is from {low} to {low + 9}."
        working.say(f"{square} ends in {square % 10}. Try {root}.")
    working.multiply("", root, root)
    text = rng.choice(
        (
            f"What is the square root of {square}?",
            f"Find sqrt({square}).",
            f"Which positive number multiplied by itself gives {square}?",
        )
    )
    return Draft(text, working, str(root))


def _digit_sum(rng: random.Random, *, held_out: bool) -> Draft:
    number = number_of_length(rng, rng.randint(7, 8) if held_out else rng.randint(2, 6))
    digits = [int(digit) for digit in str(number)]
    working = Working(rng)
    working.say(f"The digits are {', '.join(map(str, digits))}.")
    total = working.total("", digits)
    text = rng.choice(
        (
            f"What is the sum of the digits of {number}?",
            f"Add up the digits of {number}.",
            f"Find the digit sum of {number}.",
        )
    )
    return Draft(text, working, str(total))


def _rounding(rng: random.Random, *, held_out: bool) -> Draft:
    place = rng.choice((10, 100, 1000))
    number = number_of_length(rng, len(str(place)) + (3 if held_out else rng.randint(0, 2)))
    word = {10: "ten", 100: "hundred", 1000: "thousand"}[place]
    low = number // place * place
    working = Working(rng)
    working.say(f"{number} lies between {low} and {low + place}.")
    middle = low + place // 2
    result = low + place if number >= middle else low
    relation = "at least" if number >= middle else "below"
    working.say(f"The middle is {middle} and {number} is {relation} {middle}, so take {result}.")
    text = rng.choice(
        (
            f"Round {number} to the nearest {word}.",
            f"What is {number} rounded to the nearest {word}?",
        )
    )
    return Draft(text, working, str(result))


def _largest(rng: random.Random, *, held_out: bool) -> Draft:
    length = rng.randint(2, 5)
    count = rng.randint(6, 7) if held_out else rng.randint(3, 5)
    numbers = sorted({number_of_length(rng, length) for _ in range(count)})
    rng.shuffle(numbers)
    is_largest = rng.random() < 0.5
    working = Working(rng)
    best = numbers[0]
    for number in numbers[1:]:
        if (number > best) == is_largest:
            working.say(f"{number} is {'larger' if is_largest else 'smaller'} than {best}.")
            best = number
        else:
            working.say(
                f"{number} is {'smaller' if is_largest else 'larger'} than {best}, keep {best}."
            )
    word = "largest" if is_largest else "smallest"
    listed = ", ".join(map(str, numbers))
    text = rng.choice(
        (
            f"Which of these numbers is the {word}: {listed}?",
            f"Find the {word} number among {listed}.",
        )
    )
    return Draft(text, working, str(best))


def _average(rng: random.Random, *, held_out: bool) -> Draft:
    count = rng.randint(6, 8) if held_out else rng.randint(3, 5)
    mean = rng.randint(5, 90)
    numbers = [rng.randint(max(1, mean - 20), mean + 20) for _ in range(count - 1)]
    last = mean * count - sum(numbers)
    if last < 1:
        numbers, last = [mean] * (count - 1), mean
    numbers.append(last)
    rng.shuffle(numbers)
    working = Working(rng)
    total = working.total("", numbers)
    working.divide(f"There are {count} numbers", total, count)
    listed = ", ".join(map(str, numbers))
    text = rng.choice(
        (
            f"What is the average of {listed}?",
            f"Find the mean of the numbers {listed}.",
            f"Compute the arithmetic mean of {listed}.",
        )
    )
    return Draft(text, working, str(mean))


def _median(rng: random.Random, *, held_out: bool) -> Draft:
    count = 9 if held_out else rng.choice((3, 5, 7))
    numbers = rng.sample(range(1, 100), count)
    ordered = sorted(numbers)
    working = Working(rng)
    working.say(f"In order: {', '.join(map(str, ordered))}.")
    middle = ordered[count // 2]
    working.say(
        f"There are {count} numbers, so the middle one is number {count // 2 + 1}: {middle}."
    )
    listed = ", ".join(map(str, numbers))
    text = rng.choice(
        (f"What is the median of {listed}?", f"Find the median of the list {listed}.")
    )
    return Draft(text, working, str(middle))


def _missing_number(rng: random.Random, *, held_out: bool) -> Draft:
    length = 6 if held_out else rng.randint(1, 4)
    a, b = number_of_length(rng, length), number_of_length(rng, length)
    total = a + b
    working = Working(rng)
    working.say(f"The missing number is {total} - {a}.")
    working.subtract("", total, a)
    check(working, sum_text(a, b), 0.2)
    text = rng.choice(
        (
            f"What number must be added to {a} to get {total}?",
            f"Fill in the blank: {a} + ___ = {total}",
            f"{a} plus a number is {total}. What is the number?",
        )
    )
    return Draft(text, working, str(b))


def _missing_factor(rng: random.Random, *, held_out: bool) -> Draft:
    a = rng.randint(2, 12)
    b = number_of_length(rng, 5 if held_out else rng.randint(1, 3))
    working = Working(rng)
    working.say(f"The missing number is {a * b} \u00f7 {a}.")
    working.say(f"{quotient_text(a * b, a)}.")
    text = rng.choice(
        (
            f"What number times {a} equals {a * b}?",
            f"Fill in the blank: {a} \u00d7 ___ = {a * b}",
            f"{a} times a number is {a * b}. What is the number?",
        )
    )
    return Draft(text, working, str(b))


FAMILIES = (
    Family("greatest_common_divisor", _greatest_common_divisor, has_held_out=True),
    Family("least_common_multiple", _least_common_multiple, has_held_out=True),
    Family("powers", _powers, has_held_out=True, weight=0.7),
    Family("square_roots", _square_roots, has_held_out=True, weight=0.5),
    Family("digit_sum", _digit_sum, has_held_out=True, weight=0.5),
    Family("rounding", _rounding, has_held_out=True, weight=0.5),
    Family("largest", _largest, has_held_out=True, weight=0.5),
    Family("average", _average, has_held_out=True),
    Family("median", _median, has_held_out=True, weight=0.5),
    Family("missing_number", _missing_number, has_held_out=True, weight=0.5),
    Family("missing_factor", _missing_factor, has_held_out=True, weight=0.5),
)
