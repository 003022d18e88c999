"""Families of equations, sequences, functions, chances, counting and ratios."""

import random
from math import comb

from synth.solver.problem import Draft, Family
from synth.solver.wording import check
from synth.solver.working import (
    Working,
    fraction_text,
    product_text,
    sum_text,
)

_UNKNOWNS = "xyzntabmk"


def _linear_equation(rng: random.Random, *, held_out: bool) -> Draft:
    x, a = rng.choice(_UNKNOWNS), rng.randint(2, 25 if held_out else 12)
    solution = rng.randint(21, 80) if held_out else rng.randint(-9, 20)
    b = rng.randint(1, 60)
    working = Working(rng)
    product = a * solution
    if rng.random() < 0.5:
        equation, right = f"{a}{x} + {b} = {product + b}", product + b
        working.say(f"Subtract {b} from both sides: {a}{x} = {right} - {b} = {product}.")
    else:
        equation, right = f"{a}{x} - {b} = {product - b}", product - b
        working.say(f"Add {b} to both sides: {a}{x} = {right} + {b} = {product}.")
    working.say(f"Divide by {a}: {x} = {product} \u00f7 {a} = {solution}.")
    if solution > 0:
        check(working, product_text(a, solution), 0.4)
    return Draft(_ask_equation(rng, equation, x), working, str(solution))


def _equation_of_both_sides(rng: random.Random, *, held_out: bool) -> Draft:
    x, solution = rng.choice(_UNKNOWNS), rng.randint(1, 40 if held_out else 15)
    c = rng.randint(1, 8)
    a = c + rng.randint(1, 9)
    b = rng.randint(1, 40)
    d = (a - c) * solution + b
    working = Working(rng)
    equation = f"{a}{x} + {b} = {c}{x} + {d}"
    working.say(f"Subtract {c}{x} from both sides: {a - c}{x} + {b} = {d}.")
    rest = working.subtract(f"Subtract {b}", d, b)
    working.say(f"{a - c}{x} = {rest}, so {x} = {rest} \u00f7 {a - c} = {solution}.")
    return Draft(_ask_equation(rng, equation, x), working, str(solution))


def _equation_with_brackets(rng: random.Random, *, held_out: bool) -> Draft:
    x, solution = rng.choice(_UNKNOWNS), rng.randint(1, 60 if held_out else 20)
    a, b = rng.randint(2, 12), rng.randint(1, 20)
    right = a * (solution + b)
    working = Working(rng)
    inner = working.divide(f"Divide both sides by {a}", right, a)
    working.say(f"So {x} + {b} = {inner}.")
    working.subtract("", inner, b)
    return Draft(_ask_equation(rng, f"{a}({x} + {b}) = {right}", x), working, str(solution))


def _ask_equation(rng: random.Random, equation: str, unknown: str) -> str:
    return rng.choice(
        (
            f"Solve for {unknown}: {equation}",
            f"Solve {equation} for {unknown}.",
            f"If {equation}, what is {unknown}?",
            f"Find {unknown} when ${equation}$.",
            f"What value of {unknown} makes {equation} true?",
        )
    )


def _sum_and_difference(rng: random.Random, *, held_out: bool) -> Draft:
    limit = 500 if held_out else 60
    low, gap = rng.randint(1, limit), rng.randint(1, limit // 2)
    high, total = low + gap, low + low + gap
    wants_larger = rng.random() < 0.5
    working = Working(rng)
    double = working.add("Twice the larger number", total, gap)
    larger = working.divide("The larger number", double, 2)
    if not wants_larger:
        working.subtract("The smaller number", larger, gap)
    text = rng.choice(
        (
            f"The sum of two numbers is {total} and their difference is {gap}.",
            f"Two numbers add up to {total} and differ by {gap}.",
        )
    )
    word = "larger" if wants_larger else "smaller"
    question = rng.choice((f" What is the {word} number?", f" Find the {word} of the two."))
    return Draft(text + question, working, str(high if wants_larger else low))


def _next_in_sequence(rng: random.Random, *, held_out: bool) -> Draft:
    start = rng.randint(1, 50)
    working = Working(rng)
    if rng.random() < 0.6 and not held_out:
        step = rng.choice((-1, 1)) * rng.randint(2, 15)
        start += 60 if step < 0 else 0
        terms = [start + step * n for n in range(5)]
        working.say(
            f"Each term is {abs(step)} {'more' if step > 0 else 'less'} than the one before."
        )
        last = terms[3]
        result = working.add("", last, step) if step > 0 else working.subtract("", last, -step)
    else:
        factor = rng.randint(4, 6) if held_out else rng.randint(2, 4)
        start = rng.randint(1, 9)
        terms = [start * factor**n for n in range(5)]
        working.say(f"Each term is {factor} times the one before.")
        result = working.multiply("", terms[3], factor)
    listed = ", ".join(map(str, terms[:4]))
    text = rng.choice(
        (
            f"What is the next number in the sequence {listed}, ...?",
            f"Find the next term: {listed}, ?",
            f"A sequence begins {listed}. What comes next?",
        )
    )
    return Draft(text, working, str(result))


def _nth_term(rng: random.Random, *, held_out: bool) -> Draft:
    start, step = rng.randint(1, 20), rng.randint(2, 12)
    n = rng.randint(41, 99) if held_out else rng.randint(5, 40)
    working = Working(rng)
    working.say(f"Term {n} is {start} + ({n} - 1) \u00d7 {step}.")
    product = working.multiply("", n - 1, step)
    result = working.add("", start, product)
    listed = ", ".join(str(start + step * i) for i in range(4))
    text = rng.choice(
        (
            f"What is term number {n} of the arithmetic sequence {listed}, ...?",
            f"An arithmetic sequence starts at {start} and has common difference {step}. "
            f"What is term {n}?",
        )
    )
    return Draft(text, working, str(result))


def _sum_of_first(rng: random.Random, *, held_out: bool) -> Draft:
    n = rng.randint(61, 150) if held_out else rng.randint(4, 60)
    working = Working(rng)
    working.say(f"The sum from 1 to {n} is {n} \u00d7 {n + 1} \u00f7 2.")
    product = working.multiply("", n, n + 1)
    result = working.divide("", product, 2)
    text = rng.choice(
        (
            f"What is the sum of the whole numbers from 1 to {n}?",
            f"Find 1 + 2 + 3 + ... + {n}.",
            f"Add all whole numbers from 1 up to {n}.",
        )
    )
    return Draft(text, working, str(result))


def _function_value(rng: random.Random, *, held_out: bool) -> Draft:
    a, b, c = rng.randint(2, 9), rng.randint(1, 20), rng.randint(2, 15)
    name = rng.choice("fgh")
    working = Working(rng)
    if held_out:
        square = working.multiply("", c, c)
        product = working.multiply("", a, square)
        result = working.add("", product, b)
        return Draft(f"If {name}(x) = {a}x^2 + {b}, what is {name}({c})?", working, str(result))
    working.say(f"Put {c} in place of x: {a} \u00d7 {c} + {b}.")
    result = working.add("", working.multiply("", a, c), b)
    text = rng.choice(
        (
            f"If {name}(x) = {a}x + {b}, what is {name}({c})?",
            f"Let {name}(x) = {a}x + {b}. Find {name}({c}).",
            f"Evaluate {a}x + {b} for x = {c}.",
        )
    )
    return Draft(text, working, str(result))


def _probability(rng: random.Random, *, held_out: bool) -> Draft:
    colours = rng.sample(
        ("red", "blue", "green", "yellow", "white", "black"), 4 if held_out else rng.randint(2, 3)
    )
    counts = [rng.randint(1, 12) for _ in colours]
    wanted = rng.randrange(len(colours))
    thing = rng.choice(("balls", "marbles", "beads", "cards", "pens"))
    place = rng.choice(("bag", "box", "jar", "basket"))
    working = Working(rng)
    total = working.total(f"There are this many {thing} in all", counts)
    working.say(f"{counts[wanted]} of the {total} are {colours[wanted]}.")
    result = working.reduce(counts[wanted], total)
    parts = [f"{count} {colour}" for count, colour in zip(counts, colours, strict=True)]
    listed = ", ".join(parts[:-1]) + f" and {parts[-1]}"
    text = (
        f"A {place} holds {listed} {thing}. One is taken at random. "
        f"What is the probability that it is {colours[wanted]}?"
    )
    return Draft(text, working, fraction_text(result))


def _counting(rng: random.Random, *, held_out: bool) -> Draft:
    working = Working(rng)
    shape = rng.randrange(3)
    if shape == 0:
        n = rng.randint(31, 50) if held_out else rng.randint(4, 30)
        working.say(f"Each of {n} people meets {n - 1} others, and each pair is counted twice.")
        product = working.multiply("", n, n - 1)
        working.divide("", product, 2)
        text = rng.choice(
            (
                f"{n} people are in a room and each shakes hands once with every other. "
                "How many handshakes are there?",
                f"{n} teams each play every other team once. How many games are played?",
                f"In how many ways can 2 people be chosen from {n} people?",
            )
        )
        return Draft(text, working, str(comb(n, 2)))
    if shape == 1:
        counts = [rng.randint(2, 9) for _ in range(4 if held_out else rng.randint(2, 3))]
        kinds = rng.sample(("shirts", "hats", "coats", "scarves", "pairs of shoes"), len(counts))
        running = counts[0]
        for count in counts[1:]:
            running = working.multiply("", running, count)
        parts = [f"{count} {kind}" for count, kind in zip(counts, kinds, strict=True)]
        listed = ", ".join(parts[:-1]) + f" and {parts[-1]}"
        text = f"Someone owns {listed}. How many different outfits with one of each are possible?"
        return Draft(text, working, str(running))
    n = rng.randint(6, 7) if held_out else rng.randint(2, 5)
    running = 1
    working.say(f"There are {n} choices for the first place, then one fewer each time.")
    running = n
    for factor in range(n - 1, 0, -1):
        running = working.multiply("", running, factor)
    text = rng.choice(
        (
            f"In how many ways can {n} different books be put in a row?",
            f"How many ways are there to line up {n} children?",
            f"What is {n}! (factorial)?",
        )
    )
    return Draft(text, working, str(running))


def _ratio_share(rng: random.Random, *, held_out: bool) -> Draft:
    a, b = rng.sample(range(1, 9), 2)
    part = rng.randint(31, 90) if held_out else rng.randint(2, 30)
    total = (a + b) * part
    wants_first = rng.random() < 0.5
    working = Working(rng)
    parts = working.add("Parts in all", a, b)
    one = working.divide("One part", total, parts)
    wanted = a if wants_first else b
    result = working.multiply("The share", wanted, one)
    word = "first" if wants_first else "second"
    text = rng.choice(
        (
            f"{total} is divided in the ratio {a}:{b}. What is the {word} share?",
            f"Two people share {total} dollars in the ratio {a} to {b}. "
            f"How many dollars does the {word} one get?",
        )
    )
    return Draft(text, working, str(result))


def _proportion(rng: random.Random, *, held_out: bool) -> Draft:
    unit = rng.randint(21, 60) if held_out else rng.randint(2, 20)
    a, b = rng.sample(range(2, 13), 2)
    thing = rng.choice(("notebooks", "tickets", "cups", "ropes", "tiles", "boxes"))
    measure = rng.choice(("dollars", "grams", "kilograms", "points"))
    verb = "cost" if measure == "dollars" else ("are worth" if measure == "points" else "weigh")
    working = Working(rng)
    one = working.divide("One", a * unit, a)
    result = working.multiply(f"So {b}", b, one)
    text = rng.choice(
        (
            f"If {a} {thing} {verb} {a * unit} {measure}, how many {measure} are {b} {thing}?",
            f"{a} {thing} {verb} {a * unit} {measure}. At this "
            f"rate, find the {measure} for {b} {thing}.",
        )
    )
    return Draft(text, working, str(result))


def _missing_average(rng: random.Random, *, held_out: bool) -> Draft:
    count = 5 if held_out else rng.choice((3, 4))
    mean = rng.randint(45, 99)
    known = [mean + rng.randint(-10, 10) for _ in range(count - 1)]
    total = mean * count
    missing = total - sum(known)
    working = Working(rng)
    working.multiply(f"All {count} numbers add up to", mean, count)
    partial = working.total("The known ones", known)
    working.subtract("The missing number", total, partial)
    check(working, sum_text(partial, missing), 0.3)
    listed = ", ".join(map(str, known[:-1])) + f" and {known[-1]}"
    text = (
        f"The average of {count} numbers is {mean}. {count - 1} of them are {listed}. "
        "What is the remaining number?"
    )
    return Draft(text, working, str(missing))


FAMILIES = (
    Family("linear_equation", _linear_equation, has_held_out=True),
    Family("equation_of_both_sides", _equation_of_both_sides, has_held_out=True),
    Family("equation_with_brackets", _equation_with_brackets, has_held_out=True),
    Family("sum_and_difference", _sum_and_difference, has_held_out=True),
    Family("next_in_sequence", _next_in_sequence, has_held_out=True, weight=0.7),
    Family("nth_term", _nth_term, has_held_out=True, weight=0.7),
    Family("sum_of_first", _sum_of_first, has_held_out=True, weight=0.7),
    Family("function_value", _function_value, has_held_out=True, weight=0.7),
    Family("probability", _probability, has_held_out=True, weight=0.7),
    Family("counting", _counting, has_held_out=True, weight=0.7),
    Family("ratio_share", _ratio_share, has_held_out=True),
    Family("proportion", _proportion, has_held_out=True),
    Family("missing_average", _missing_average, has_held_out=True, weight=0.7),
)
