"""People, things and places that the word problems are told with."""

import random
from dataclasses import dataclass

_SHE = (
    "Anna", "Maria", "Lena", "Sofia", "Nora", "Priya", "Mei", "Aisha", "Clara", "Julia",
    "Emma", "Olga", "Yuki", "Fatima", "Grace", "Ines", "Zoe", "Ruth", "Hana", "Elena",
)  # fmt: skip
_HE = (
    "Tom", "Ben", "Omar", "Liam", "Noah", "Ivan", "Kenji", "Raj", "Carlos", "David",
    "Peter", "Samuel", "Jonas", "Marco", "Ali", "Felix", "Hugo", "Leo", "Paul", "Victor",
)  # fmt: skip
THINGS = (
    "apples", "stamps", "marbles", "stickers", "pencils", "books", "coins", "cards", "shells",
    "oranges", "buttons", "toys", "cookies", "flowers", "balloons", "photos", "stones", "plums",
    "candles", "badges", "magnets", "peaches", "muffins", "beads", "postcards",
)  # fmt: skip
GOODS = (
    "pen", "notebook", "mug", "sandwich", "ticket", "lamp", "scarf", "puzzle", "cake", "hat",
    "bottle", "basket", "toy car", "book", "plate", "shirt", "bag", "ball", "game", "poster",
)  # fmt: skip
CONTAINERS = ("box", "bag", "basket", "crate", "jar", "drawer", "packet", "tray", "shelf", "case")
JOBS = (
    "washing cars",
    "walking dogs",
    "mowing lawns",
    "selling lemonade",
    "babysitting",
    "cleaning windows",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RELATIVES = ("brother", "sister", "cousin", "friend", "uncle", "neighbor", "aunt", "teacher")
ANIMALS = ("chickens", "cows", "sheep", "goats", "ducks", "horses", "rabbits", "pigs", "geese")
WORKS = ("worker", "machine", "baker", "printer", "painter", "robot", "gardener", "tailor")


@dataclass(frozen=True)
class Person:
    """A name and its pronouns."""

    name: str
    he: str
    his: str

    @property
    def starting(self) -> str:
        """The pronoun as a sentence starts with it."""
        return self.he.capitalize()


def people(rng: random.Random, count: int = 1) -> list[Person]:
    """Different people."""
    names = rng.sample(_SHE + _HE, count)
    return [
        Person(name, "she", "her") if name in _SHE else Person(name, "he", "his") for name in names
    ]


def plural(noun: str) -> str:
    """The plural of one of the nouns above.

    >>> plural("box"), plural("shelf"), plural("pen")
    ('boxes', 'shelves', 'pens')
    """
    if noun.endswith("lf"):
        return noun[:-1] + "ves"
    if noun == "scarf":
        return "scarves"
    return noun + ("es" if noun.endswith(("x", "ch", "sh", "s")) else "s")


def number_near(rng: random.Random, low: int, high: int) -> int:
    """A number of the range, small ones more often."""
    return min(rng.randint(low, high), rng.randint(low, high))
