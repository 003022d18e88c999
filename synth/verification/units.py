r"""Units behind (or currency signs before) a number: what they measure and how they convert.

A unit is a product of powers of dimensions with an exact factor to the unit the dimension is
counted in (metre, gram, second, ...). A noun that is in no table ("apples") is a unit of its own
dimension, so it must agree like any other. Temperatures convert by an offset, which no factor
expresses: they are dimensions of their own and never convert.

Source of the factors: the SI brochure (2019) and, for the inch-pound units, NIST Handbook 44 app. C
(exact by definition).
"""

import re
from dataclasses import dataclass
from fractions import Fraction

_INCH = Fraction(254, 10_000)
_POUND_GRAMS = Fraction(45_359_237, 100_000)
_LITRE = Fraction(1, 1000)
_GALLON = 231 * _INCH**3

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Unit:
    """``factor`` of the dimensions' own units; dimensions sorted by name, powers never 0."""

    factor: Fraction
    dimensions: Dimensions


MIN_PLURAL_CHARS = 4
"""Shorter words that end in s are no plurals: "gas", "lbs" (which is in the table)."""

PERCENT = Unit(Fraction(1, 100), (("percent", 1),))
DEGREE = Unit(Fraction(1), (("degree", 1),))
RADIAN = Unit(Fraction(1), (("radian", 1),))


def _table() -> dict[str, Unit]:
    rows: tuple[tuple[str, str, Fraction | int, int], ...] = (
        # names, dimension, factor, power
        ("m meter metre", "metre", 1, 1),
        ("in inch inche", "metre", _INCH, 1),
        ("ft foot feet", "metre", 12 * _INCH, 1),
        ("yd yard", "metre", 36 * _INCH, 1),
        ("mi mile", "metre", 63_360 * _INCH, 1),
        ("acre", "metre", 43_560 * (12 * _INCH) ** 2, 2),
        ("hectare ha", "metre", 10_000, 2),
        ("L l liter litre", "metre", _LITRE, 3),
        ("gal gallon", "metre", _GALLON, 3),
        ("qt quart", "metre", _GALLON / 4, 3),
        ("pint", "metre", _GALLON / 8, 3),
        ("cup", "metre", _GALLON / 16, 3),
        ("cc", "metre", Fraction(1, 10**6), 3),
        ("g gram", "gram", 1, 1),
        ("lb lbs pound", "gram", _POUND_GRAMS, 1),
        ("oz ounce", "gram", _POUND_GRAMS / 16, 1),
        ("ton tonne", "gram", 10**6, 1),
        ("s sec second", "second", 1, 1),
        ("min minute", "second", 60, 1),
        ("h hr hour", "second", 3600, 1),
        ("day", "second", 86_400, 1),
        ("week", "second", 7 * 86_400, 1),
        ("month", "month", 1, 1),
        ("yr year", "month", 12, 1),
        ("USD dollar buck", "dollar", 1, 1),
        ("cent \u00a2", "dollar", Fraction(1, 100), 1),
        ("EUR euro", "euro", 1, 1),
        ("GBP", "sterling", 1, 1),
        ("Hz hertz", "second", 1, -1),
        ("A amp ampere", "ampere", 1, 1),
        ("K kelvin", "kelvin", 1, 1),
        ("mol mole", "mole", 1, 1),
        ("rad radian", "radian", 1, 1),
        ("deg degree", "degree", 1, 1),
    )
    table = {
        name: Unit(Fraction(factor), ((dimension, power),))
        for names, dimension, factor, power in rows
        for name in names.split()
    }
    newton = _product([(table["g"], 1), (table["m"], 1), (table["s"], -2)], Fraction(1000))
    joule = _product([(newton, 1), (table["m"], 1)])
    table |= dict.fromkeys(("N", "newton"), newton)
    table |= dict.fromkeys(("J", "joule"), joule)
    table |= dict.fromkeys(("W", "watt"), _product([(joule, 1), (table["s"], -1)]))
    table |= dict.fromkeys(("Pa", "pascal"), _product([(newton, 1), (table["m"], -2)]))
    table |= dict.fromkeys(("V", "volt"), _product([(table["W"], 1), (table["A"], -1)]))
    table |= dict.fromkeys(("ohm", "Omega"), _product([(table["V"], 1), (table["A"], -1)]))
    table |= dict.fromkeys(("mph",), _product([(table["mi"], 1), (table["h"], -1)]))
    prefixes = {
        ("k", "kilo"): Fraction(1000),
        ("c", "centi"): Fraction(1, 100),
        ("m", "milli"): Fraction(1, 1000),
        ("d", "deci"): Fraction(1, 10),
        ("M", "mega"): Fraction(10**6),
        ("G", "giga"): Fraction(10**9),
        ("u", "micro"): Fraction(1, 10**6),
        ("n", "nano"): Fraction(1, 10**9),
    }
    for (letter, syllable), factor in prefixes.items():
        for symbol in ("m", "g", "s", "L", "l", "N", "J", "W", "Pa", "V", "A", "Hz", "mol"):
            # What is in the table stays: "min" is minutes.
            table.setdefault(letter + symbol, _scaled(table[symbol], factor))
        for name in ("meter", "metre", "gram", "second", "liter", "litre", "joule", "watt"):
            table[syllable + name] = _scaled(table[name], factor)
    table["kmh"] = table["kph"] = _product([(table["km"], 1), (table["h"], -1)])
    return table


def _scaled(unit: Unit, factor: Fraction) -> Unit:
    return Unit(unit.factor * factor, unit.dimensions)


def _product(powers: list[tuple[Unit, int]], factor: Fraction = Fraction(1)) -> Unit:
    exponents: dict[str, int] = {}
    for unit, power in powers:
        factor *= unit.factor**power
        for dimension, exponent in unit.dimensions:
            exponents[dimension] = exponents.get(dimension, 0) + exponent * power
    return Unit(factor, tuple(sorted((name, power) for name, power in exponents.items() if power)))


_UNITS = _table()
_DIVISIONS = frozenset({"/", "per"})
_SILENT_WORDS = frozenset(
    {"", "\\cdot", "-", "unit", "units", "of", "a", "an", "the", "total", "each"}
)
_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERS_AFTER = {"squared": 2, "cubed": 3}
_UNCOUNTED_PLURALS = {"feet": "foot", "inches": "inch", "people": "person", "men": "man"}
_UNCOUNTED_PLURALS |= {"women": "woman", "children": "child", "mice": "mouse"}
_WORD = re.compile(r"\s*(/|per(?![a-z])|\\cdot|[-.](?=[a-zA-Z])|\\?[a-zA-Z\u00a2]+\.?)\s*")
_EXPONENT = re.compile(r"\s*\^\s*(?:\{\s*([+-]?\d)\s*\}|([+-]?\d))")


def parse_unit(text: str, *, only_known: bool) -> Unit | None:
    r"""The unit written as ``text`` (``cm^2``, ``miles per hour``, ``m/s``), or None if it is none.

    ``only_known`` refuses words that are in no table. Generic words ("units", "square units")
    give the unit 1 with no dimension, which agrees with every other.
    """
    text = re.sub(r"\\text\{([^{}]*)\}", r" \1 ", text).strip(" .")
    powers: list[tuple[Unit, int]] = []
    sign, power, position = 1, 1, 0
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            return None
        word, position = match.group(1).rstrip("."), match.end()
        name = word.lower()
        if name in _DIVISIONS:
            sign = -1
        elif name in _POWER_WORDS:
            power = _POWER_WORDS[name]
        elif name in _POWERS_AFTER and powers:
            powers[-1] = (powers[-1][0], powers[-1][1] * _POWERS_AFTER[name])
        elif name not in _SILENT_WORDS:
            unit = _known_unit(word) or (None if only_known else _made_up_unit(name))
            if unit is None:
                return None
            if exponent := _EXPONENT.match(text, position):
                power *= int(exponent.group(1) or exponent.group(2))
                position = exponent.end()
            powers.append((unit, sign * power))
            power = 1
    return _product(powers)


def _made_up_unit(word: str) -> Unit:
    return Unit(Fraction(1), ((_singular(word), 1),))


def _known_unit(word: str) -> Unit | None:
    word = word.removeprefix("\\")
    singular = _singular(word)
    for name in (word, singular, singular.lower()):
        # A lone capital is a unit only as written: "M" is no metre.
        if name in _UNITS and (len(word) > 1 or name == word):
            return _UNITS[name]
    return None


def _singular(word: str) -> str:
    if word in _UNCOUNTED_PLURALS:
        return _UNCOUNTED_PLURALS[word]
    is_plural = len(word) >= MIN_PLURAL_CHARS and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if is_plural else word
