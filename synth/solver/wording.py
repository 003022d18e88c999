"""How a question is asked and an answer checked, for all families."""

import random

from synth.solver.working import Working


def number_of_length(rng: random.Random, length: int) -> int:
    """A number of exactly ``length`` digits."""
    return rng.randint(10 ** (length - 1) if length > 1 else 1, 10**length - 1)


def ask(rng: random.Random, expression: str, *others: str) -> str:
    """A request to compute ``expression``, in one of several wordings or in one of ``others``."""
    wordings = (
        f"What is {expression}?",
        f"Compute {expression}.",
        f"Calculate {expression}.",
        f"Work out {expression}.",
        f"Evaluate {expression}.",
        f"Find the value of {expression}.",
        f"{expression} = ?",
        f"Calculate: {expression}",
    )
    return rng.choice(wordings + others + others)


def check(working: Working, text: str, share: float = 0.35) -> None:
    """Write a check by the inverse operation, in ``share`` of the solutions."""
    if working.rng.random() < share:
        working.say(f"Check: {text}.")
