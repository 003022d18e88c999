"""The outer structure of an answer: what must agree before two numbers are worth comparing.

``(1,2)`` is an ordered pair or an open interval, ``1,2`` is a list without order, ``x=5`` names its
variable, ``10 cm`` has a unit. ``math-verify`` conflates several of these; here each is a type, and
only what is left at the leaves, an :class:`Expression`, needs algebra.
"""

from dataclasses import dataclass

from synth.verification.units import Unit


@dataclass(frozen=True)
class Expression:
    """Something to calculate with: LaTeX without its unit. ``unit`` is None when none is named."""

    latex: str
    unit: Unit | None = None


@dataclass(frozen=True)
class Based:
    """An integer written in another base: digits most significant first, base 2 to 36."""

    digits: str
    base: int

    @property
    def value(self) -> int:
        """The integer itself."""
        return int(self.digits, self.base)


@dataclass(frozen=True)
class Phrase:
    """Words, in lower case without articles and punctuation."""

    words: str


@dataclass(frozen=True)
class Choice:
    """A letter of a multiple-choice question, with the option's own answer if it was repeated."""

    letter: str
    content: "Answer | None" = None


@dataclass(frozen=True)
class Ratio:
    """``a:b`` or a time of day, whichever the digits look like."""

    parts: tuple[str, ...]
    suffix: str  # "am", "pm" or ""


@dataclass(frozen=True)
class Bracketed:
    """Items in order between brackets: a point, a vector, an interval. Brackets are ``()[]<>``."""

    items: "tuple[Answer, ...]"
    opening: str
    closing: str


@dataclass(frozen=True)
class Unordered:
    """Items whose order says nothing: a set, a list of roots, a union of intervals."""

    items: "tuple[Answer, ...]"


@dataclass(frozen=True)
class Matrix:
    """Rows of equal length."""

    rows: "tuple[tuple[Answer, ...], ...]"


@dataclass(frozen=True)
class Named:
    """``name = value`` or ``name in value``; ``latex`` is the whole statement."""

    name: str
    value: "Answer"
    latex: str


@dataclass(frozen=True)
class Relation:
    """An equation or inequality that names no single unknown on one side."""

    latex: str


@dataclass(frozen=True)
class Alternatives:
    r"""One value in several forms, as in ``\sqrt{2} \approx 1.41``."""

    forms: "tuple[Answer, ...]"


Answer = (
    Expression
    | Based
    | Phrase
    | Choice
    | Ratio
    | Bracketed
    | Unordered
    | Matrix
    | Named
    | Relation
    | Alternatives
)

REALS = Bracketed((Expression("-\\infty"), Expression("\\infty")), "(", ")")
NOTHING = Phrase("no solution")
