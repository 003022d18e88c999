"""A problem of the curriculum, and how its solution is put into words."""

import random
import zlib
from dataclasses import dataclass
from typing import Protocol

from synth.solver.working import Working

EVALUATION_SHARE = 16
"""One of so many problem texts, by its checksum, is never trained on."""


@dataclass(frozen=True)
class Draft:
    """What a family makes up: the question, the working and the exact answer."""

    text: str
    working: Working
    answer: str


@dataclass(frozen=True)
class Problem:
    """A question with a whole solution that ends in the boxed ``answer``."""

    family: str
    text: str
    solution: str
    answer: str


class Make(Protocol):
    """Makes up a draft; ``held_out`` asks for a kind that is never trained on."""

    def __call__(self, rng: random.Random, *, held_out: bool) -> Draft:
        """A draft that ``rng`` alone decides."""
        ...


@dataclass(frozen=True)
class Family:
    """One kind of problem. ``has_held_out`` families have a kind that is never trained on."""

    name: str
    make: Make
    has_held_out: bool = False
    weight: float = 1.0


def is_for_evaluation(text: str) -> bool:
    """Whether a problem text belongs to the evaluation split, whatever seed made it."""
    return zlib.crc32(text.encode()) % EVALUATION_SHARE == 0


def make_problem(family: Family, rng: random.Random, *, held_out: bool = False) -> Problem:
    """A problem of ``family`` in words chosen by ``rng``."""
    draft = family.make(rng, held_out=held_out)
    return Problem(
        family=family.name,
        text=draft.text,
        solution=_in_words(draft.working, draft.answer, rng),
        answer=draft.answer,
    )


_STEP_SHARE, _NUMBER_SHARE = 0.3, 0.1
"""Solutions whose lines begin with ``Step 1:`` and with ``1.``; the others have bare lines."""
_OPENINGS = ("", "", "", "Let me work this out step by step.", "I will go step by step.")
_CLOSINGS = (
    "The answer is \\boxed{{{}}}.",
    "The final answer is \\boxed{{{}}}.",
    "Answer: \\boxed{{{}}}",
    "So the answer is \\boxed{{{}}}.",
    "Therefore the answer is \\boxed{{{}}}.",
    "\\boxed{{{}}}",
)


def _in_words(working: Working, answer: str, rng: random.Random) -> str:
    lines = list(working.lines)
    numbering = rng.random()
    if numbering < _STEP_SHARE:
        lines = [f"Step {number}: {line}" for number, line in enumerate(lines, 1)]
    elif numbering < _STEP_SHARE + _NUMBER_SHARE:
        lines = [f"{number}. {line}" for number, line in enumerate(lines, 1)]
    opening = rng.choice(_OPENINGS)
    closing = rng.choice(_CLOSINGS).format(answer)
    return "\n".join([*([opening] if opening else []), *lines, closing])
