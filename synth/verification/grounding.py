"""Whether the particulars of a text are in what it was made of.

Checked is what can be looked up word for word: numbers, names in the middle of a sentence, quoted
phrases, identifiers in code. A rewriting that invents facts invents particulars. It is a measure
and no verdict: a text that calculates has numbers of its own, and a true statement may be in
nothing.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

MIN_NUMBER = 10
"""Smaller whole numbers count things, steps and items everywhere, and tell nothing."""

_NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(\s?%)?")
_NAME = re.compile(
    r"(?<=[a-z,;:)] )([A-Z][\w'\u2019-]+(?: (?:of |the |de |von |van )?[A-Z][\w'\u2019-]+)*)"
)
_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d\n]{3,80})[\"\u201d]")
_CODE = re.compile(r"`([^`\n]{2,60})`")
_SPACE = re.compile(r"\s+")
_SPELLED = (
    {
        word: str(number)
        for number, word in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
        )
    }
    | {"eleven": "11", "twelve": "12", "fifteen": "15", "twenty": "20"}
    | {"thirty": "30", "forty": "40", "fifty": "50", "hundred": "100", "thousand": "1000"}
)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Grounding:
    """How many particulars there are, and how many of them the source holds."""

    num_checkable: int
    num_grounded: int

    @property
    def ratio(self) -> float | None:
        """Share of those that are grounded; None where there are none."""
        return self.num_grounded / self.num_checkable if self.num_checkable else None


def grounding_of(text: str, source: str) -> Grounding:
    """Look up each different particular of ``text`` in ``source``."""
    numbers = _numbers(text)
    known = _numbers(source) | {Fraction(n) for n in _spelled(source)}
    phrases = _phrases(text)
    plain = _plain(source)
    num_grounded = sum(_is_known(number, known) for number in numbers)
    num_grounded += sum(phrase in plain for phrase in phrases)
    return Grounding(len(numbers) + len(phrases), num_grounded)


def _numbers(text: str) -> set[Fraction]:
    found = set()
    for whole, decimals, percent in _NUMBER.findall(text):
        value = Fraction(f"{whole.replace(',', '')}{decimals}")
        value = value / 100 if percent else value
        if percent or decimals or value >= MIN_NUMBER:
            found.add(value)
    return found


def _is_known(number: Fraction, known: set[Fraction]) -> bool:
    """As it is, or as per cent of what the source states (and the other way)."""
    return number in known or number * 100 in known or number / 100 in known


def _spelled(text: str) -> set[str]:
    return {_SPELLED[word] for word in _WORD.findall(text.lower()) if word in _SPELLED}


def _phrases(text: str) -> set[str]:
    found = [*_NAME.findall(text), *_QUOTED.findall(text), *_CODE.findall(text)]
    return {plain for phrase in found if len(plain := _plain(phrase)) > 2}  # noqa: PLR2004 - "It"


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.replace("\u2019", "'").lower()).strip()
