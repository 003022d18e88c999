"""Word problems about things and people in groups: shared, packed, seated and counted."""

import random

from synth.solver.problem import Draft, Family
from synth.solver.scene import (
    ANIMALS,
    CONTAINERS,
    RELATIVES,
    THINGS,
    people,
    plural,
)
from synth.solver.wording import check
from synth.solver.working import (
    Working,
    product_text,
)


def _shared_equally(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    n, each = rng.randint(2, 12), rng.randint(2, 60)
    working = Working(rng)
    working.divide("Each gets", n * each, n)
    check(working, product_text(each, n), 0.3)
    group = rng.choice(("friends", "children", "students", "cousins", "neighbors"))
    text = rng.choice(
        (
            f"{who.name} shares {n * each} {thing} equally among "
            f"{n} {group}. How many does each get?",
            f"{n} {group} divide {n * each} {thing} equally. How many {thing} does each one get?",
        )
    )
    return Draft(text, working, str(each))


def _shared_after_keeping(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    n, each, kept = rng.randint(2, 12), rng.randint(2, 30), rng.randint(2, 40)
    total = n * each + kept
    working = Working(rng)
    rest = working.subtract("What is shared", total, kept)
    working.divide("Each gets", rest, n)
    text = rng.choice(
        (
            f"{who.name} has {total} {thing}, keeps {kept} and shares the rest "
            f"equally among {n} friends. How many does each friend get?",
            f"{who.name} brought {total} {thing}. {kept} were set aside and the others were "
            f"split evenly between {n} children. How many {thing} did each child get?",
        )
    )
    return Draft(text, working, str(each))


def _left_over(rng: random.Random, *, held_out: bool) -> Draft:
    thing, container = rng.choice(THINGS), rng.choice(CONTAINERS)
    each = rng.randint(3, 12)
    total = rng.randint(each * 2, 200)
    count, left = divmod(total, each)
    working = Working(rng)
    working.divide(f"Full {plural(container)}", total, each)
    asks_left = rng.random() < 0.5
    if asks_left:
        working.say(f"{left} {thing} are left over.")
        answer = left
        question = f"How many {thing} are left over?"
    else:
        working.say(f"So {count} are full.")
        answer = count
        question = f"How many full {plural(container)} are there?"
    text = f"{total} {thing} are packed into {plural(container)} of {each}. {question}"
    return Draft(text, working, str(answer))


def _containers_needed(rng: random.Random, *, held_out: bool) -> Draft:
    seats = rng.randint(4, 12)
    total = rng.randint(seats * 2, 150)
    count, left = divmod(total, seats)
    working = Working(rng)
    working.divide("Full ones", total, seats)
    if left:
        working.say(f"The remaining {left} need one more.")
        count = working.add("", count, 1)
    else:
        working.say("Nothing is left over.")
    place = rng.choice(("table", "van", "boat", "bench", "tent"))
    group = rng.choice(("guests", "students", "hikers", "campers", "players"))
    text = rng.choice(
        (
            f"Each {place} has room for {seats} {group}. How many {plural(place)} are needed for "
            f"{total} {group}?",
            f"{total} {group} need {plural(place)} that take {seats} each. What is "
            f"the smallest number of {plural(place)} that will do?",
        )
    )
    return Draft(text, working, str(count))


def _fraction_given(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    n = rng.choice((2, 3, 4, 5, 6, 8, 10))
    total = n * rng.randint(2, 40)
    word = {
        2: "half",
        3: "a third",
        4: "a quarter",
        5: "a fifth",
        6: "a sixth",
        8: "an eighth",
        10: "a tenth",
    }[n]
    working = Working(rng)
    part = working.divide(f"{word} of {total}", total, n)
    result = working.subtract("What is left", total, part)
    verb = rng.choice(("gives away", "sells", "loses", "uses"))
    text = f"{who.name} has {total} {thing} and {verb} {word} of them. How many {thing} are left?"
    return Draft(text, working, str(result))


def _two_fractions(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), thing = people(rng), rng.choice(THINGS)
    n, m = rng.choice((2, 3, 4)), rng.choice((2, 3, 5))
    total = n * m * rng.randint(1, 15)
    if (total - total // n) % m:
        total *= m
    working = Working(rng)
    first = working.divide(f"1/{n} of {total}", total, n)
    rest = working.subtract("Left after that", total, first)
    second = working.divide(f"1/{m} of the rest", rest, m)
    result = working.subtract("Left in the end", rest, second)
    text = (
        f"{who.name} has {total} {thing}. {who.starting} gives 1/{n} of them to "
        f"a friend and then 1/{m} of the rest to {who.his} "
        f"{rng.choice(RELATIVES)}. How many {thing} does {who.he} have left?"
    )
    return Draft(text, working, str(result))


def _three_people(rng: random.Random, *, held_out: bool) -> Draft:
    (one, two, three), thing = people(rng, 3), rng.choice(THINGS)
    a, b, n = rng.randint(3, 50), rng.randint(2, 30), rng.randint(2, 5)
    working = Working(rng)
    second = working.add(f"{two.name} has", a, b)
    third = working.multiply(f"{three.name} has", n, second)
    result = working.total("All together", [a, second, third])
    text = (
        f"{one.name} has {a} {thing}. {two.name} has {b} more than {one.name}. {three.name} has "
        f"{n} times as many as {two.name}. How many {thing} do the three have together?"
    )
    return Draft(text, working, str(result))


def _rows_and_columns(rng: random.Random, *, held_out: bool) -> Draft:
    rows, each, empty = rng.randint(3, 30), rng.randint(4, 30), rng.randint(1, 11)
    working = Working(rng)
    seats = working.multiply("Seats", rows, each)
    result = working.subtract("Taken", seats, empty)
    place = rng.choice(("hall", "theater", "cinema", "school hall", "church"))
    text = rng.choice(
        (
            f"A {place} has {rows} rows of {each} seats. {empty} "
            "seats are empty. How many are taken?",
            f"There are {rows} rows with {each} seats each in a {place}. All but "
            f"{empty} seats are taken. How many people are seated?",
        )
    )
    return Draft(text, working, str(result))


def _animal_legs(rng: random.Random, *, held_out: bool) -> Draft:
    (who,) = people(rng)
    a, b = rng.randint(2, 40), rng.randint(2, 40)
    two_legged = rng.choice(("chickens", "ducks", "geese"))
    four_legged = rng.choice(("cows", "sheep", "goats", "horses", "pigs"))
    working = Working(rng)
    first = working.multiply(f"Legs of the {two_legged}", 2, a)
    second = working.multiply(f"Legs of the {four_legged}", 4, b)
    result = working.add("Legs in all", first, second)
    text = rng.choice(
        (
            f"{who.name} keeps {a} {two_legged} and {b} {four_legged}. How many legs do the "
            "animals have in all?",
            f"A farm has {a} {two_legged} and {b} {four_legged}. How many legs is that?",
        )
    )
    return Draft(text, working, str(result))


def _animals_total(rng: random.Random, *, held_out: bool) -> Draft:
    kinds = rng.sample(ANIMALS, 3)
    a, b, c = rng.randint(3, 80), rng.randint(2, 40), rng.randint(2, 40)
    working = Working(rng)
    second = working.add(f"The {kinds[1]}", a, b)
    third = working.add(f"The {kinds[2]}", second, c)
    result = working.total("All animals", [a, second, third])
    text = (
        f"A farmer has {a} {kinds[0]}, {b} more {kinds[1]} than {kinds[0]} and {c} more "
        f"{kinds[2]} than {kinds[1]}. How many animals does the farmer have?"
    )
    return Draft(text, working, str(result))


def _class_groups(rng: random.Random, *, held_out: bool) -> Draft:
    girls, boys = rng.randint(5, 30), rng.randint(5, 30)
    size = rng.choice([n for n in range(1, girls + boys) if (girls + boys) % n == 0])
    working = Working(rng)
    total = working.add("Students", girls, boys)
    result = working.divide("Groups", total, size)
    text = rng.choice(
        (
            f"A class has {girls} girls and {boys} boys. They form groups of {size}. How many "
            "groups are there?",
            f"{girls} girls and {boys} boys are put into teams "
            f"of {size}. How many teams are there?",
        )
    )
    return Draft(text, working, str(result))


FAMILIES = tuple(
    Family(f"story{make.__name__}", make)
    for make in (
        _shared_equally,
        _shared_after_keeping,
        _left_over,
        _containers_needed,
        _fraction_given,
        _two_fractions,
        _three_people,
        _rows_and_columns,
        _animal_legs,
        _animals_total,
        _class_groups,
    )
)
