"""A formula's parts as boxes: what each is in TeX, its class, and the room it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from extractors.pdf.fonts import Style

ASCENT = 0.72
DESCENT = 0.22
"""Room above and below the baseline in ems: the height and depth of a parenthesis in Computer
Modern are 0.75 and 0.25."""

AXIS = 0.25
"""Height of fraction bars and of the middle of operators above the baseline, in ems (cmsy10)."""

SCRIPT_SIZE_RATIO = 0.86
"""TeX's scripts are 0.67 to 0.83 of their base; fonts matched in x-height differ by less than the
rest."""


class Kind(Enum):
    """What a box is to TeX."""

    ORDINARY = auto()
    LETTER = auto()
    TEXT = auto()
    DIGIT = auto()
    OPERATOR = auto()
    BINARY = auto()
    RELATION = auto()
    OPEN = auto()
    CLOSE = auto()
    FENCE = auto()
    PUNCTUATION = auto()
    RADICAL = auto()
    ACCENT = auto()
    PRIME = auto()
    PIECE = auto()
    COMPOSITE = auto()


@dataclass(slots=True)
class Box:
    """Something with a place. ``axis`` is the height of its middle line; y grows downwards.

    ``tex`` is its source; ``size`` the font size of its main row; ``style`` that of a glyph.
    ``is_tall`` marks delimiters and operators that are larger than their font's letters.
    """

    x0: float
    x1: float
    top: float
    bottom: float
    axis: float
    size: float
    tex: str
    kind: Kind
    style: Style | None = None
    char: str = ""
    is_tall: bool = False
    has_limits: bool = False


Parse = Callable[[list[Box]], str]


def main_axis(boxes: Sequence[Box]) -> float:
    """The axis of the leftmost of the largest boxes."""
    largest = max(box.size for box in boxes)
    return next(box.axis for box in sorted(boxes, key=lambda b: b.x0) if box.size >= 0.9 * largest)


def replaced(boxes: Sequence[Box], gone: set[int], new: Box) -> list[Box]:
    """The boxes without those whose ids are ``gone``, and a new one in its place."""
    return sorted([b for b in boxes if id(b) not in gone] + [new], key=lambda box: box.x0)
