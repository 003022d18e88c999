"""Word problems about ages, work, travel, food and what is measured or counted."""

import random

from synth.solver.problem import Draft, Family
from synth.solver.scene import (
    DAYS,
    GOODS,
    RELATIVES,
    WORKS,
    people,
    plural,
)
from synth.solver.working import (
    Working,
)


def _age_later(rng: random.Random, *, held_out: bool) -> Draft:
    (one, two), relative = people(rng, 2), rng.choice(RELATIVES)
    age, gap, years = rng.randint(3, 40), rng.randint(2, 30), rng.randint(2, 25)
    working = Working(rng)
    other = working.add(f"{two.name} is now", age, gap)
    result = working.add(f"In {years} years", other, years)
    text = rng.choice(
        (
            f"{one.name} is {age} years old. {two.name} is {gap} years "
            f"older. How old will {two.name} be in {years} years?",
            f"{one.name} is {age}. {one.his.capitalize()} {relative} {two.name} is {gap} years "
            f"older. What will be the age of {two.name} {years} years from now?",
        )
    )
    return Draft(text, working, str(result))


def _age_multiple(rng: random.Random, *, held_out: bool) -> Draft:
    one, two = people(rng, 2)
    age, n = rng.randint(4, 30), rng.randint(2, 4)
    working = Working(rng)
    older = working.multiply(f"{two.name} is", n, age)
    if rng.random() < 0.5:
        result = working.subtract("The difference", older, age)
        question = "How many years older is " + two.name + "?"
    else:
        result = working.add("The sum", older, age)
        question = "What is the sum of their ages?"
    word = "twice" if n == 2 else f"{n} times"
    text = f"{one.name} is {age} years old and {two.name} is {word} as old. {question}"
    return Draft(text, working, str(result))


def _age_from_sum(rng: random.Random, *, held_out: bool) -> Draft:
    one, two = people(rng, 2)
    age, n = rng.randint(3, 25), rng.randint(2, 5)
    working = Working(rng)
    working.say(f"{one.name} is one part and {two.name} is {n} parts.")
    parts = working.add("Parts", 1, n)
    result = working.divide(f"{one.name} is", age * (n + 1), parts)
    word = "twice" if n == 2 else f"{n} times"
    text = (
        f"{two.name} is {word} as old as {one.name}. Together they are "
        f"{age * (n + 1)} years old. How old is {one.name}?"
    )
    return Draft(text, working, str(result))


def _machine_output(rng: random.Random, *, held_out: bool) -> Draft:
    worker, good = rng.choice(WORKS), rng.choice(GOODS)
    rate, count, hours = rng.randint(2, 15), rng.randint(2, 9), rng.randint(2, 10)
    working = Working(rng)
    together = working.multiply("Per hour", rate, count)
    result = working.multiply(f"In {hours} hours", together, hours)
    text = rng.choice(
        (
            f"A {worker} makes {rate} {plural(good)} an hour. How many "
            f"{plural(good)} do {count} {worker}s make in {hours} hours?",
            f"{count} {worker}s each make {rate} {plural(good)} per hour. How many do they make "
            f"in {hours} hours?",
        )
    )
    return Draft(text, working, str(result))


def _work_shared(rng: random.Random, *, held_out: bool) -> Draft:
    worker = rng.choice(WORKS)
    a, b = rng.randint(2, 12), rng.randint(2, 12)
    days = rng.randint(1, 10)
    working = Working(rng)
    work = working.multiply("The whole work in days of one", a, b * days)
    result = working.divide(f"For {b}", work, b)
    job = rng.choice(("a wall", "a job", "a house", "an order", "a garden"))
    text = (
        f"{a} {worker}s finish {job} in {b * days} days. How many days "
        f"do {b} {worker}s need for it at the same pace?"
    )
    return Draft(text, working, str(result))


def _reading_pages(rng: random.Random, *, held_out: bool) -> Draft:
    (who,) = people(rng)
    daily, days, read = rng.randint(5, 30), rng.randint(2, 14), rng.randint(5, 90)
    pages = daily * days + read
    working = Working(rng)
    rest = working.subtract("Pages left", pages, read)
    working.divide("Days", rest, daily)
    text = rng.choice(
        (
            f"A book has {pages} pages. {who.name} has read {read} and reads {daily} "
            f"pages a day from now on. In how many days will {who.he} finish?",
            f"{who.name} has read {read} of the {pages} pages of a book. At "
            f"{daily} pages per day, how many days will the rest take?",
        )
    )
    return Draft(text, working, str(days))


def _distance_by_days(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), (day, other) = people(rng), rng.sample(DAYS, 2)
    a, n, c = rng.randint(2, 30), rng.randint(2, 4), rng.randint(2, 20)
    unit, verb = rng.choice(("km", "miles")), rng.choice(("runs", "walks", "cycles", "hikes"))
    working = Working(rng)
    second = working.multiply(f"On {other}", n, a)
    both = working.add("Both days", a, second)
    result = working.add("In all", both, c)
    word = "twice" if n == 2 else f"{n} times"
    text = (
        f"{who.name} {verb} {a} {unit} on {day}, {word} as far on {other} and {c} "
        f"{unit} the day after. How many {unit} is that altogether?"
    )
    return Draft(text, working, str(result))


def _recipe(rng: random.Random, *, held_out: bool) -> Draft:
    (who,) = people(rng)
    base, n = rng.randint(2, 9), rng.randint(2, 8)
    amount = base * rng.randint(5, 40)
    item = rng.choice(("flour", "sugar", "rice", "butter", "oats"))
    dish = rng.choice(("pancakes", "cakes", "pies", "loaves", "waffles"))
    working = Working(rng)
    one = working.divide("For one", amount, base)
    result = working.multiply(f"For {base * n}", one, base * n)
    text = rng.choice(
        (
            f"{who.name} needs {amount} grams of {item} for {base} {dish}. "
            f"How many grams are needed for {base * n} {dish}?",
            f"A recipe for {base} {dish} takes {amount} grams of {item}. How "
            f"many grams does {who.name} need for {base * n}?",
        )
    )
    return Draft(text, working, str(result))


def _tank_filling(rng: random.Random, *, held_out: bool) -> Draft:
    rate, minutes, start = rng.randint(3, 40), rng.randint(3, 30), rng.randint(5, 90)
    working = Working(rng)
    size = rate * minutes + start
    if rng.random() < 0.5:
        flow = working.multiply("Flowing in", rate, minutes)
        result = working.add("In the tank", start, flow)
        text = (
            f"A tank holds {start} liters. Water flows in at {rate} liters per minute "
            f"for {minutes} minutes. How many liters are in the tank then?"
        )
    else:
        rest = working.subtract("Still missing", size, start)
        result = working.divide("Minutes", rest, rate)
        text = (
            f"A tank of {size} liters already has {start} liters in it. Water flows in at "
            f"{rate} liters per minute. After how many minutes is it full?"
        )
    return Draft(text, working, str(result))


def _passengers(rng: random.Random, *, held_out: bool) -> Draft:
    start, off, on = rng.randint(20, 80), rng.randint(2, 19), rng.randint(2, 30)
    off2, on2 = rng.randint(1, 12), rng.randint(1, 12)
    vehicle = rng.choice(("bus", "train", "tram", "ferry"))
    working = Working(rng)
    after = working.subtract("", start, off)
    first = working.add("After the first stop", after, on)
    if rng.random() < 0.5:
        result = first
        text = (
            f"A {vehicle} has {start} passengers. {off} get off and "
            f"{on} get on. How many are on it now?"
        )
    else:
        after = working.subtract("", first, off2)
        result = working.add("After the second stop", after, on2)
        text = (
            f"A {vehicle} has {start} passengers. At the first stop {off} get "
            f"off and {on} get on. At the second stop {off2} get off and "
            f"{on2} get on. How many passengers are on it now?"
        )
    return Draft(text, working, str(result))


def _temperature(rng: random.Random, *, held_out: bool) -> Draft:
    start, rise, fall = rng.randint(-10, 30), rng.randint(1, 15), rng.randint(1, 25)
    working = Working(rng)
    warm = start + rise
    working.say(f"{start} + {rise} = {warm}.")
    result = warm - fall
    working.say(f"{warm} - {fall} = {result}.")
    text = (
        f"In the morning it is {start} degrees. It gets {rise} degrees warmer by noon and "
        f"{fall} degrees colder by night. How many degrees is it at night?"
    )
    return Draft(text, working, str(result))


def _points_scored(rng: random.Random, *, held_out: bool) -> Draft:
    (who,) = people(rng)
    right, wrong, plus, minus = (
        rng.randint(8, 30),
        rng.randint(1, 8),
        rng.randint(2, 10),
        rng.randint(1, 2),
    )
    working = Working(rng)
    gained = working.multiply("Gained", right, plus)
    lost = working.multiply("Lost", wrong, minus)
    result = working.subtract("Score", gained, lost)
    text = (
        f"In a quiz a right answer gives {plus} points and a wrong one costs {minus}. {who.name} "
        f"has {right} right and {wrong} wrong answers. How many points is that?"
    )
    return Draft(text, working, str(result))


def _daily_average(rng: random.Random, *, held_out: bool) -> Draft:
    (who,), days = people(rng), rng.sample(DAYS, 3)
    mean = rng.randint(6, 60)
    a, b = (mean + rng.randint(-5, 5) for _ in range(2))
    c = 3 * mean - a - b
    if c < 1:
        a = b = c = mean
    working = Working(rng)
    total = working.total("In all", [a, b, c])
    result = working.divide("The average", total, 3)
    thing = rng.choice(("pages", "emails", "push-ups", "customers", "words", "minutes"))
    text = (
        f"{who.name} counts {a} {thing} on {days[0]}, {b} on {days[1]} and {c} on "
        f"{days[2]}. What is the average number of {thing} a day?"
    )
    return Draft(text, working, str(result))


def _growing_plant(rng: random.Random, *, held_out: bool) -> Draft:
    start, rate, weeks = rng.randint(2, 60), rng.randint(2, 12), rng.randint(3, 20)
    working = Working(rng)
    grown = working.multiply("Growth", rate, weeks)
    result = working.add("Height", start, grown)
    plant = rng.choice(("plant", "tree", "sunflower", "vine", "bamboo"))
    text = rng.choice(
        (
            f"A {plant} is {start} cm tall and grows {rate} cm a week. How many cm tall is it "
            f"after {weeks} weeks?",
            f"A {plant} of {start} cm grows by {rate} cm each week. "
            f"What is its height in cm in {weeks} weeks?",
        )
    )
    return Draft(text, working, str(result))


def _shop_stock(rng: random.Random, *, held_out: bool) -> Draft:
    good, (day, other) = rng.choice(GOODS), rng.sample(DAYS, 2)
    a, b = rng.randint(5, 60), rng.randint(5, 60)
    start = a + b + rng.randint(5, 150)
    working = Working(rng)
    sold = working.add("Sold", a, b)
    left = working.subtract("Left", start, sold)
    new = rng.randint(10, 99)
    result = working.add("With the delivery", left, new)
    text = (
        f"A shop has {start} {plural(good)}. It sells {a} on {day} and {b} on {other}. Then "
        f"{new} more are delivered. How many {plural(good)} are in the shop?"
    )
    return Draft(text, working, str(result))


def _ticket_income(rng: random.Random, *, held_out: bool) -> Draft:
    adults, children = rng.randint(2, 60), rng.randint(2, 60)
    price, low = rng.randint(6, 15), rng.randint(2, 5)
    working = Working(rng)
    first = working.multiply("Adults", adults, price)
    second = working.multiply("Children", children, low)
    result = working.add("Income", first, second)
    place = rng.choice(("museum", "zoo", "cinema", "fair", "circus"))
    text = (
        f"Tickets for the {place} cost ${price} for adults and ${low} for children. "
        f"{adults} adults and {children} children come. How many dollars are taken?"
    )
    return Draft(text, working, str(result))


def _taxi_ride(rng: random.Random, *, held_out: bool) -> Draft:
    fee, rate, units = rng.randint(5, 40), rng.randint(2, 9), rng.randint(3, 30)
    working = Working(rng)
    extra = working.multiply("For the use", rate, units)
    result = working.add("The bill", fee, extra)
    (who,) = people(rng)
    text = (
        f"A taxi costs ${fee} at the start and ${rate} for each km. {who.name} "
        f"rides {units} km. How many dollars does {who.he} pay?"
    )
    return Draft(text, working, str(result))


def _candles_burning(rng: random.Random, *, held_out: bool) -> Draft:
    rate, hours = rng.randint(2, 6), rng.randint(2, 9)
    length = rate * hours + rng.randint(1, 30)
    working = Working(rng)
    burnt = working.multiply("Burnt", rate, hours)
    result = working.subtract("Left", length, burnt)
    text = (
        f"A candle of {length} cm gets {rate} cm shorter every hour it "
        f"burns. How many cm of it are left after {hours} hours?"
    )
    return Draft(text, working, str(result))


FAMILIES = tuple(
    Family(f"story{make.__name__}", make)
    for make in (
        _age_later,
        _age_multiple,
        _age_from_sum,
        _machine_output,
        _work_shared,
        _reading_pages,
        _distance_by_days,
        _recipe,
        _tank_filling,
        _passengers,
        _temperature,
        _points_scored,
        _daily_average,
        _growing_plant,
        _shop_stock,
    )
)
HELD_OUT_FAMILIES = tuple(
    Family(f"story{make.__name__}", make) for make in (_ticket_income, _taxi_ride, _candles_burning)
)
