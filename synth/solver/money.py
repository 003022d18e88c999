"""Word problems about prices, wages, savings and profit."""

import random

from synth.solver.problem import Draft, Family
from synth.solver.scene import (
    DAYS,
    GOODS,
    JOBS,
    people,
    plural,
)
from synth.solver.wording import check
from synth.solver.working import (
    Working,
    decimal_text,
    sum_text,
)


def _change_from_note(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), good = people(rng), rng.choice(GOODS)
    n, price = rng.randint(2, 9), rng.randint(2, 10)
    note = rng.choice([value for value in (20, 50, 100) if value >= n * price])
    working = Working(rng)
    cost = working.multiply("The cost", n, price)
    result = working.subtract("The change", note, cost)
    check(working, sum_text(cost, result), 0.2)
    text = rng.choice(
        (
            f"{who.name} buys {n} {plural(good)} at ${price} each and pays with a "
            f"${note} note. How much change is there, in dollars?",
            f"A {good} costs {price} dollars. {who.name} buys {n} of them and pays with "
            f"{note} dollars. How many dollars does {who.he} get back?",
        )
    )
    return Draft(text, working, str(result))


def _two_goods(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), (one, two) = people(rng), rng.sample(GOODS, 2)
    n, m, p, q = (rng.randint(2, 12) for _ in range(4))
    working = Working(rng)
    first = working.multiply(f"The {plural(one)}", n, p)
    second = working.multiply(f"The {plural(two)}", m, q)
    result = working.add("Together", first, second)
    text = rng.choice(
        (
            f"{who.name} buys {n} {plural(one)} for ${p} each and {m} {plural(two)} "
            f"for ${q} each. How many dollars does {who.he} spend?",
            f"A {one} costs ${p} and a {two} costs ${q}. How much do {n} {plural(one)} and {m} "
            f"{plural(two)} cost?",
            f"{who.name} sells {n} {plural(one)} at {p} dollars and {m} {plural(two)} "
            f"at {q} dollars each. How many dollars does {who.he} earn?",
        )
    )
    return Draft(text, working, str(result))


def _cents_total(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), (one, two) = people(rng), rng.sample(GOODS, 2)
    a, b = (5 * rng.randint(15, 199) for _ in range(2))
    working = Working(rng)
    working.say(f"In cents the prices are {a} and {b}.")
    total = working.add("", a, b)
    answer = decimal_text(total, 2)
    working.say(f"{total} cents is {answer} dollars.")
    left, right = (f"${value // 100}.{value % 100:02d}" for value in (a, b))
    text = rng.choice(
        (
            f"A {one} costs {left} and a {two} costs {right}. How many dollars do both cost?",
            f"{who.name} pays {left} for a {one} and {right} for a "
            f"{two}. How many dollars is that in all?",
        )
    )
    return Draft(text, working, answer)


def _money_left(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), (one, two) = people(rng), rng.sample(GOODS, 2)
    a, b = rng.randint(3, 60), rng.randint(3, 60)
    start = a + b + rng.randint(1, 90)
    working = Working(rng)
    spent = working.add("Spent", a, b)
    result = working.subtract("Left", start, spent)
    text = rng.choice(
        (
            f"{who.name} has ${start}. {who.starting} spends ${a} on a {one} "
            f"and ${b} on a {two}. How many dollars are left?",
            f"{who.name} went to the market with {start} dollars, paid {a} for a {one} "
            f"and {b} for a {two}. How much money does {who.he} still have?",
        )
    )
    return Draft(text, working, str(result))


def _price_of_one(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), good = people(rng), rng.choice(GOODS)
    n, price, start_left = rng.randint(2, 12), rng.randint(2, 25), rng.randint(1, 30)
    start = n * price + start_left
    working = Working(rng)
    spent = working.subtract("Spent", start, start_left)
    working.divide("One costs", spent, n)
    text = (
        f"{who.name} had ${start}, bought {n} {plural(good)} and had "
        f"${start_left} left. How many dollars did one {good} cost?"
    )
    return Draft(text, working, str(price))


def _discount(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), good = people(rng), rng.choice(GOODS)
    percent, price = rng.choice((10, 20, 25, 30, 40, 50)), 20 * rng.randint(1, 20)
    working = Working(rng)
    product = working.multiply(f"The discount is {percent} hundredths", percent, price)
    saved = product // 100
    working.say(f"{product} \u00f7 100 = {saved}.")
    result = working.subtract("The price", price, saved)
    text = rng.choice(
        (
            f"A {good} costs ${price}. It is sold at {percent}% "
            "off. What is the new price in dollars?",
            f"{who.name} buys a {good} that cost {price} dollars with a discount of "
            f"{percent} percent. How many dollars does {who.he} pay?",
        )
    )
    return Draft(text, working, str(result))


def _wages(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), job = people(rng), rng.choice(JOBS)
    pay, hours, days = rng.randint(5, 30), rng.randint(2, 8), rng.randint(2, 7)
    working = Working(rng)
    time = working.multiply("Hours", hours, days)
    result = working.multiply("Pay", time, pay)
    text = rng.choice(
        (
            f"{who.name} earns ${pay} an hour {job}. {who.starting} works {hours} hours "
            f"a day for {days} days. How many dollars does {who.he} earn?",
            f"For {job}, {who.name} gets {pay} dollars per hour. How many dollars "
            f"does {who.he} make in {days} days of {hours} hours each?",
        )
    )
    return Draft(text, working, str(result))


def _two_days_of_work(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), job, (day, other) = people(rng), rng.choice(JOBS), rng.sample(DAYS, 2)
    pay, a, b = rng.randint(5, 25), rng.randint(2, 10), rng.randint(2, 10)
    working = Working(rng)
    hours = working.add("Hours", a, b)
    result = working.multiply("Pay", hours, pay)
    text = (
        f"{who.name} works {a} hours on {day} and {b} hours on {other} {job}. The "
        f"pay is ${pay} an hour. How many dollars does {who.he} earn?"
    )
    return Draft(text, working, str(result))


def _saving_weeks(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), good = people(rng), rng.choice(GOODS)
    weekly, weeks, own = rng.randint(2, 25), rng.randint(2, 20), rng.randint(2, 60)
    price = weekly * weeks + own
    working = Working(rng)
    missing = working.subtract("Still needed", price, own)
    working.divide("Weeks", missing, weekly)
    text = rng.choice(
        (
            f"{who.name} wants a {good} that costs ${price}. {who.starting} has ${own} and "
            f"saves ${weekly} a week. After how many weeks can {who.he} buy it?",
            f"A {good} costs {price} dollars. {who.name} already has {own} dollars and puts "
            f"aside {weekly} dollars each week. How many weeks does {who.he} need?",
        )
    )
    return Draft(text, working, str(weeks))


def _saved_after(rng: random.Random, *, held_out: bool) -> Draft:
    (who,) = people(rng)
    weekly, weeks, start = rng.randint(2, 40), rng.randint(2, 25), rng.randint(2, 99)
    working = Working(rng)
    saved = working.multiply("Saved", weekly, weeks)
    result = working.add("In all", start, saved)
    period = rng.choice(("week", "month", "day"))
    text = (
        f"{who.name} has ${start} and saves ${weekly} every {period}. How many "
        f"dollars does {who.he} have after {weeks} {period}s?"
    )
    return Draft(text, working, str(result))


def _profit(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), good = people(rng), rng.choice(GOODS)
    n, cost = rng.randint(3, 25), rng.randint(2, 20)
    price = cost + rng.randint(1, 12)
    working = Working(rng)
    gain = working.subtract("Profit on one", price, cost)
    result = working.multiply("Profit in all", n, gain)
    text = rng.choice(
        (
            f"{who.name} buys {n} {plural(good)} at ${cost} each and sells them "
            f"at ${price} each. How many dollars is the profit?",
            f"It costs {who.name} {cost} dollars to make a {good}, which sells for {price} "
            f"dollars. How many dollars does {who.he} gain by selling {n} of them?",
        )
    )
    return Draft(text, working, str(result))


def _split_bill(rng: random.Random, *, held_out: bool) -> Draft:
    n, share = rng.randint(2, 9), rng.randint(5, 40)
    tip = rng.randint(1, n * share // 2)
    bill = n * share - tip
    working = Working(rng)
    total = working.add("With the tip", bill, tip)
    working.divide("Each pays", total, n)
    text = (
        f"{n} friends eat together. The bill is ${bill} and they add a tip of ${tip}. "
        "They split the total equally. How many dollars does each pay?"
    )
    return Draft(text, working, str(share))


FAMILIES = tuple(
    Family(f"story{make.__name__}", make)
    for make in (
        _change_from_note,
        _two_goods,
        _cents_total,
        _money_left,
        _price_of_one,
        _discount,
        _wages,
        _two_days_of_work,
        _saving_weeks,
        _saved_after,
        _profit,
        _split_bill,
    )
)
