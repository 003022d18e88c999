"""Word problems about things that people have, get and give away."""

import random

from synth.solver.problem import Draft, Family
from synth.solver.scene import (
    CONTAINERS,
    DAYS,
    RELATIVES,
    THINGS,
    number_near,
    people,
    plural,
)
from synth.solver.wording import check
from synth.solver.working import (
    Working,
    difference_text,
    sum_text,
)


def _gets_more(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    a, b = number_near(rng, 2, 300), number_near(rng, 2, 300)
    giver = rng.choice(RELATIVES)
    working = Working(rng)
    result = working.add(f"{who.name} has", a, b)
    check(working, difference_text(result, b), 0.2)
    text = rng.choice(
        (
            f"{who.name} has {a} {thing}. {who.starting} gets {b} more from {who.his} {giver}. "
            f"How many {thing} does {who.name} have now?",
            f"{who.name} owned {a} {thing} and then bought {b} "
            f"more. How many {thing} is that in all?",
            f"There were {a} {thing} in {who.name}'s room. {who.starting} "
            f"brought in {b} more {thing}. How many are there now?",
        )
    )
    return Draft(text, working, str(result))


def _gives_away(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    b = number_near(rng, 2, 200)
    a = b + number_near(rng, 1, 300)
    receiver = rng.choice(RELATIVES)
    working = Working(rng)
    result = working.subtract(f"{who.name} has left", a, b)
    check(working, sum_text(result, b), 0.2)
    text = rng.choice(
        (
            f"{who.name} has {a} {thing} and gives {b} of them to {who.his} {receiver}. "
            f"How many {thing} are left?",
            f"{who.name} collected {a} {thing} but lost {b}. How many does {who.he} still have?",
            f"Of {a} {thing}, {who.name} sold {b}. How many {thing} remain?",
        )
    )
    return Draft(text, working, str(result))


def _gains_and_losses(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    a, b = rng.randint(10, 99), rng.randint(5, 90)
    c = rng.randint(2, a + b - 1)
    day, other = rng.sample(DAYS, 2)
    working = Working(rng)
    total = working.add(f"After {day}", a, b)
    result = working.subtract(f"After {other}", total, c)
    text = rng.choice(
        (
            f"{who.name} had {a} {thing}. On {day} {who.he} got {b} more and on {other} "
            f"{who.he} gave away {c}. How many {thing} does {who.he} have now?",
            f"{who.name} started the week with {a} {thing}. {who.starting} found {b} on {day} and "
            f"lost {c} on {other}. How many {thing} were left?",
        )
    )
    return Draft(text, working, str(result))


def _times_as_many(rng: random.Random, *, held_out: bool) -> Draft:
    (one, two), thing = people(rng, 2), rng.choice(THINGS)
    a, n = rng.randint(2, 60), rng.randint(2, 9)
    asks_total = rng.random() < 0.6
    working = Working(rng)
    result = other = working.multiply(f"{two.name} has", n, a)
    if asks_total:
        result = working.add("Together they have", a, other)
    word = "twice" if n == 2 else f"{n} times"
    question = (
        f"How many {thing} do they have together?"
        if asks_total
        else f"How many {thing} does {two.name} have?"
    )
    text = rng.choice(
        (
            f"{one.name} has {a} {thing}. {two.name} has {word} as many. {question}",
            f"{two.name} has {word} as many {thing} as {one.name}, who has {a}. {question}",
        )
    )
    return Draft(text, working, str(result))


def _more_than(rng: random.Random, *, held_out: bool) -> Draft:
    (one, two), thing = people(rng, 2), rng.choice(THINGS)
    a, b = rng.randint(5, 150), rng.randint(2, 80)
    is_more = a <= b or rng.random() < 0.5
    working = Working(rng)
    other = (
        working.add(f"{two.name} has", a, b)
        if is_more
        else working.subtract(f"{two.name} has", a, b)
    )
    result = working.add("Together", a, other)
    word = "more" if is_more else "fewer"
    text = rng.choice(
        (
            f"{one.name} has {a} {thing}. {two.name} has {b} {word} than "
            f"{one.name}. How many {thing} do they have in all?",
            f"{two.name} has {b} {word} {thing} than {one.name}. If "
            f"{one.name} has {a}, how many do both have together?",
        )
    )
    return Draft(text, working, str(result))


def _how_many_more(rng: random.Random, *, held_out: bool) -> Draft:
    (one, two), thing = people(rng, 2), rng.choice(THINGS)
    low = rng.randint(2, 300)
    high = low + rng.randint(1, 200)
    working = Working(rng)
    working.say(f"{one.name} has more, so subtract.")
    result = working.subtract("", high, low)
    text = rng.choice(
        (
            f"{one.name} has {high} {thing} and {two.name} has {low}. How many more does "
            f"{one.name} have?",
            f"{two.name} found {low} {thing} and {one.name} found "
            f"{high}. How many fewer did {two.name} find?",
        )
    )
    return Draft(text, working, str(result))


def _boxes_in_all(rng: random.Random, *, held_out: bool) -> Draft:
    thing, container = rng.choice(THINGS), rng.choice(CONTAINERS)
    n, each = rng.randint(2, 40), rng.randint(2, 40)
    working = Working(rng)
    result = working.multiply(f"The {thing} in all", n, each)
    text = rng.choice(
        (
            f"There are {n} {plural(container)} with {each} {thing} "
            f"in each. How many {thing} are there?",
            f"A shop has {n} {plural(container)} of {thing}. Each {container} holds "
            f"{each} {thing}. How many {thing} does the shop have?",
            f"Each {container} holds {each} {thing}. How many {thing} are in {n} "
            f"{plural(container)}?",
        )
    )
    return Draft(text, working, str(result))


def _boxes_and_loose(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing, container = people(rng), rng.choice(THINGS), rng.choice(CONTAINERS)
    n, each, loose = rng.randint(2, 15), rng.randint(3, 30), rng.randint(1, 40)
    is_added = n * each <= loose or rng.random() < 0.6
    working = Working(rng)
    packed = working.multiply(f"In the {plural(container)}", n, each)
    if is_added:
        result = working.add("With the loose ones", packed, loose)
        text = (
            f"{who.name} has {n} {plural(container)} of {each} {thing} each and "
            f"{loose} loose {thing}. How many {thing} does {who.he} have?"
        )
    else:
        result = working.subtract("What is left", packed, loose)
        text = rng.choice(
            (
                f"{who.name} buys {n} {plural(container)} of {each} {thing} each and uses {loose} "
                f"{thing}. How many are left?",
                f"{who.name} filled {n} {plural(container)} with {each} {thing} each. Then "
                f"{loose} {thing} were taken out. How many {thing} are still inside?",
            )
        )
    return Draft(text, working, str(result))


def _unknown_start(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    given, got, left = rng.randint(2, 60), rng.randint(2, 60), rng.randint(61, 150)
    working = Working(rng)
    working.say("Go backwards from the end.")
    before = working.subtract(f"Before getting {got}", left, got)
    result = working.add(f"Before giving away {given}", before, given)
    text = (
        f"{who.name} gave away {given} {thing} and then got {got} new ones. Now "
        f"{who.he} has {left}. How many {thing} did {who.he} have at first?"
    )
    return Draft(text, working, str(result))


def _transfer_between(rng: random.Random, *, held_out: bool) -> Draft:
    (one, two), thing = people(rng, 2), rng.choice(THINGS)
    moved = rng.randint(2, 20)
    a, b = rng.randint(moved + 40, 120), rng.randint(3, 38)
    working = Working(rng)
    first = working.subtract(f"{one.name} then has", a, moved)
    second = working.add(f"{two.name} then has", b, moved)
    is_first_more = first >= second
    high, low = max(first, second), min(first, second)
    leader = one if is_first_more else two
    result = working.subtract(f"{leader.name} has more by", high, low)
    text = (
        f"{one.name} has {a} {thing} and {two.name} has {b}. {one.name} gives {moved} of them to "
        f"{two.name}. What is the difference between their numbers of {thing} now?"
    )
    return Draft(text, working, str(result))


FAMILIES = tuple(
    Family(f"story{make.__name__}", make)
    for make in (
        _gets_more,
        _gives_away,
        _gains_and_losses,
        _times_as_many,
        _more_than,
        _how_many_more,
        _boxes_in_all,
        _boxes_and_loose,
    )
)
HELD_OUT_FAMILIES = tuple(
    Family(f"story{make.__name__}", make) for make in (_unknown_start, _transfer_between)
)
