"""Families of geometry, units, time and speed."""

import random

from synth.solver.problem import Draft, Family
from synth.solver.wording import check
from synth.solver.working import Working, product_text


def _rectangle(rng: random.Random, *, held_out: bool) -> Draft:
    low, high = (100, 400) if held_out else (2, 60)
    length, width = rng.randint(low, high), rng.randint(low, high)
    unit = rng.choice(("cm", "m", "feet", "inches", "meters", "units"))
    shape = rng.choice(("rectangle", "rectangle", "field", "room", "garden", "sheet of paper"))
    subject = shape if shape == "rectangle" else f"rectangular {shape}"
    working = Working(rng)
    if rng.random() < 0.5:
        working.say("The area is length times width.")
        result = working.multiply("Area", length, width)
        question = rng.choice(("What is its area?", "Find its area.", "How large is its area?"))
    else:
        half = working.add("Length plus width", length, width)
        result = working.multiply("Perimeter", 2, half)
        question = rng.choice(
            ("What is its perimeter?", "Find its perimeter.", "How long is the fence around it?")
        )
    text = rng.choice(
        (
            f"A {subject} is {length} {unit} long and {width} {unit} wide. {question}",
            f"A {subject} has length {length} {unit} and width {width} {unit}. {question}",
            f"A {subject} measures {length} {unit} by {width} {unit}. {question}",
        )
    )
    return Draft(text, working, str(result))


def _rectangle_side(rng: random.Random, *, held_out: bool) -> Draft:
    width = rng.randint(13, 30) if held_out else rng.randint(2, 12)
    length = rng.randint(2, 40)
    unit = rng.choice(("cm", "m", "feet", "inches"))
    working = Working(rng)
    if rng.random() < 0.5:
        working.say("The other side is the area divided by the known side.")
        working.divide("", length * width, width)
        check(working, product_text(width, length), 0.3)
        text = (
            f"A rectangle has area {length * width} square {unit} and one side of {width} {unit}. "
            "How long is the other side?"
        )
    else:
        perimeter = 2 * (length + width)
        half = working.divide("Half of the perimeter", perimeter, 2)
        working.subtract("The other side", half, width)
        text = (
            f"A rectangle has perimeter {perimeter} {unit} and one side of {width} {unit}. "
            "How long is the other side?"
        )
    return Draft(text, working, str(length))


def _triangle_area(rng: random.Random, *, held_out: bool) -> Draft:
    base = 2 * (rng.randint(60, 150) if held_out else rng.randint(1, 30))
    height = rng.randint(60, 150) if held_out else rng.randint(2, 40)
    unit = rng.choice(("cm", "m", "feet", "inches"))
    working = Working(rng)
    working.say("The area is half of base times height.")
    product = working.multiply("", base, height)
    result = working.divide("", product, 2)
    text = rng.choice(
        (
            f"A triangle has base {base} {unit} and height {height} {unit}. What is its area?",
            f"Find the area of a triangle with a base of {base} "
            f"{unit} and a height of {height} {unit}.",
        )
    )
    return Draft(text, working, str(result))


def _triangle_angle(rng: random.Random, *, held_out: bool) -> Draft:
    working = Working(rng)
    if held_out:
        a, b, c = rng.randint(60, 120), rng.randint(60, 110), rng.randint(40, 100)
        known = working.total("The known angles", [a, b, c])
        result = working.subtract("The fourth angle", 360, known)
        text = (
            f"A quadrilateral has angles of {a}, {b} and {c} "
            "degrees. How many degrees is the fourth angle?"
        )
        return Draft(text, working, str(result))
    a = rng.randint(10, 110)
    b = rng.randint(10, 170 - a)
    known = working.add("The known angles", a, b)
    working.say("The angles of a triangle add up to 180 degrees.")
    result = working.subtract("The third angle", 180, known)
    text = rng.choice(
        (
            f"Two angles of a triangle are {a} and {b} degrees. "
            "How many degrees is the third angle?",
            f"A triangle has angles of {a} degrees and {b} "
            "degrees. What is the third angle in degrees?",
        )
    )
    return Draft(text, working, str(result))


def _box_volume(rng: random.Random, *, held_out: bool) -> Draft:
    limit = 40 if held_out else 12
    sides = [rng.randint(2, limit) for _ in range(3)]
    unit = rng.choice(("cm", "m", "inches", "feet"))
    working = Working(rng)
    base = working.multiply("The base", sides[0], sides[1])
    result = working.multiply("The volume", base, sides[2])
    text = rng.choice(
        (
            f"A box is {sides[0]} {unit} long, {sides[1]} {unit} wide and {sides[2]} {unit} high. "
            "What is its volume?",
            f"Find the volume of a {sides[0]} by {sides[1]} by {sides[2]} box.",
        )
    )
    return Draft(text, working, str(result))


def _square(rng: random.Random, *, held_out: bool) -> Draft:
    side = rng.randint(61, 200) if held_out else rng.randint(2, 60)
    working = Working(rng)
    if rng.random() < 0.5:
        working.say("A square has four equal sides.")
        working.divide("One side", 4 * side, 4)
        text = f"The perimeter of a square is {4 * side}. How long is one side?"
        return Draft(text, working, str(side))
    perimeter = 4 * side
    one = working.divide("One side", perimeter, 4)
    result = working.multiply("Area", one, one)
    return Draft(
        f"A square has a perimeter of {perimeter}. What is its area?", working, str(result)
    )


_UNITS = (
    ("meters", "centimeters", 100),
    ("kilometers", "meters", 1000),
    ("kilograms", "grams", 1000),
    ("liters", "milliliters", 1000),
    ("hours", "minutes", 60),
    ("minutes", "seconds", 60),
    ("days", "hours", 24),
    ("weeks", "days", 7),
    ("years", "months", 12),
    ("feet", "inches", 12),
    ("yards", "feet", 3),
    ("dozens", "pieces", 12),
    ("dollars", "cents", 100),
    ("centimeters", "millimeters", 10),
    ("pounds", "ounces", 16),
)


def _unit_conversion(rng: random.Random, *, held_out: bool) -> Draft:
    large, small, factor = rng.choice(_UNITS)
    count = rng.randint(100, 400) if held_out else rng.randint(2, 60)
    working = Working(rng)
    working.say(f"There are {factor} {small} in each of the {large}.")
    shape = rng.randrange(3)
    if shape == 0:
        result = working.multiply("", count, factor)
        text = rng.choice(
            (
                f"How many {small} are in {count} {large}?",
                f"Convert {count} {large} to {small}.",
                f"{count} {large} is how many {small}?",
            )
        )
    elif shape == 1:
        result = working.divide("", count * factor, factor)
        text = rng.choice(
            (
                f"How many {large} are {count * factor} {small}?",
                f"Convert {count * factor} {small} to {large}.",
            )
        )
    else:
        rest = rng.randint(1, factor - 1)
        result = working.add("", working.multiply("", count, factor), rest)
        text = f"How many {small} are {count} {large} and {rest} {small}?"
    return Draft(text, working, str(result))


def _speed(rng: random.Random, *, held_out: bool) -> Draft:
    hours = rng.randint(13, 30) if held_out else rng.randint(2, 12)
    pace = rng.randint(3, 95)
    distance = pace * hours
    who = rng.choice(
        ("A train", "A car", "A bus", "A cyclist", "A boat", "A truck", "A plane", "A van")
    )
    unit, verb = rng.choice(("km", "miles")), rng.choice(("travels", "moves", "goes"))
    working = Working(rng)
    shape = rng.randrange(3)
    if shape == 0:
        working.say("Distance is speed times time.")
        result = working.multiply("", pace, hours)
        text = rng.choice(
            (
                f"{who} {verb} at {pace} {unit} per hour for {hours} "
                f"hours. How many {unit} does it cover?",
                f"{who} has a speed of {pace} {unit} an hour. How "
                f"far does it get in {hours} hours?",
            )
        )
    elif shape == 1:
        working.say("Speed is distance divided by time.")
        result = working.divide("", distance, hours)
        text = rng.choice(
            (
                f"{who} covers {distance} {unit} in {hours} hours. "
                f"What is its speed in {unit} per hour?",
                f"{who} {verb} {distance} {unit} in {hours} hours at a "
                f"steady speed. How many {unit} is that per hour?",
            )
        )
    else:
        working.say("Time is distance divided by speed.")
        result = working.divide("", distance, pace)
        text = (
            f"{who} {verb} at {pace} {unit} per hour. How many "
            f"hours does it need for {distance} {unit}?"
        )
    return Draft(text, working, str(result))


def _speed_of_two(rng: random.Random, *, held_out: bool) -> Draft:
    first, second = rng.randint(20, 90), rng.randint(20, 90)
    hours = rng.randint(11, 25) if held_out else rng.randint(2, 10)
    unit = rng.choice(("km", "miles"))
    working = Working(rng)
    if rng.random() < 0.5:
        together = working.add("Together per hour", first, second)
        result = working.multiply(f"In {hours} hours", together, hours)
        text = (
            f"Two cars leave one town in opposite directions at {first} and {second} {unit} "
            f"per hour. How many {unit} apart are they after {hours} hours?"
        )
    else:
        first, second = max(first, second) + 5, min(first, second)
        gap = working.subtract("The gap per hour", first, second)
        result = working.multiply(f"In {hours} hours", gap, hours)
        text = (
            f"Two buses start together on the same road, one at {first} and one at {second} "
            f"{unit} per hour. How many {unit} is the faster one ahead after {hours} hours?"
        )
    return Draft(text, working, str(result))


def _clock(rng: random.Random, *, held_out: bool) -> Draft:
    start = rng.randint(1, 8) * 60 + 5 * rng.randrange(12)
    length = rng.randint(130, 230) if held_out else 5 * rng.randint(2, 25)
    end = start + length
    event = rng.choice(("film", "lesson", "concert", "meeting", "match", "flight"))
    begin_text, end_text = (f"{t // 60}:{t % 60:02d}" for t in (start, end))
    working = Working(rng)
    begin_hours = working.multiply(f"{begin_text} in minutes, hours first", start // 60, 60)
    begin = working.add("", begin_hours, start % 60)
    end_hours = working.multiply(f"{end_text} in minutes, hours first", end // 60, 60)
    finish = working.add("", end_hours, end % 60)
    working.subtract("The time between", finish, begin)
    text = rng.choice(
        (
            f"A {event} starts at {begin_text} and ends at "
            f"{end_text}. How many minutes does it last?",
            f"How many minutes are there from {begin_text} to {end_text}?",
        )
    )
    return Draft(text, working, str(length))


FAMILIES = (
    Family("rectangle", _rectangle, has_held_out=True),
    Family("rectangle_side", _rectangle_side, has_held_out=True),
    Family("triangle_area", _triangle_area, has_held_out=True),
    Family("triangle_angle", _triangle_angle, has_held_out=True, weight=0.7),
    Family("box_volume", _box_volume, has_held_out=True),
    Family("square", _square, has_held_out=True, weight=0.7),
    Family("unit_conversion", _unit_conversion, has_held_out=True),
    Family("speed", _speed, has_held_out=True),
    Family("speed_of_two", _speed_of_two, has_held_out=True),
    Family("clock", _clock, has_held_out=True),
)
