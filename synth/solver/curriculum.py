"""All families of problems, the split between training and evaluation, and the prompts.

Nothing is taken from a benchmark. A problem text belongs to one split for good, by its checksum;
families of ``HELD_OUT_FAMILIES`` and the longer operands of the others are never trained on.
"""

import random
from collections.abc import Iterator
from importlib.resources import files

from synth.solver import (
    activities,
    equations,
    expressions,
    groups,
    measures,
    money,
    numbers,
    operations,
    possessions,
)
from synth.solver.problem import Family, Problem, is_for_evaluation, make_problem

FAMILIES: tuple[Family, ...] = (
    *operations.FAMILIES,
    *numbers.FAMILIES,
    *expressions.FAMILIES,
    *equations.FAMILIES,
    *measures.FAMILIES,
    *possessions.FAMILIES,
    *groups.FAMILIES,
    *money.FAMILIES,
    *activities.FAMILIES,
)
"""What is trained on."""

HELD_OUT_FAMILIES: tuple[Family, ...] = (
    *possessions.HELD_OUT_FAMILIES,
    *activities.HELD_OUT_FAMILIES,
)
"""Word problems of other plots, only evaluated."""

TEMPLATE_SHARE = 0.7
PARAPHRASE_SHARE = 0.15
"""The rest of the training prompts is the bare problem. The template of the mathematics strategy
is what the solver is asked with, so most of them are in its words."""

_PARAPHRASES = (
    "Solve this problem step by step. Put the final answer in \\boxed{{}}.\n\n{}",
    "{}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
    "{}\nThink step by step and give the answer as \\boxed{{answer}}.",
    (
        "Solve the following math problem. Show your work and write the answer as "
        "\\boxed{{answer}}.\n\n{}"
    ),
    "Problem: {}\n\nReason step by step. Write the final answer in \\boxed{{}}.",
    "Question: {}\nSolve it step by step.",
    "Please answer this question.\n\n{}",
)


def read_template() -> str:
    """The prompt of the mathematics strategy, with ``$problem`` where the problem goes."""
    file = files("synth.strategies").joinpath("mathematics.txt")
    return file.read_text(encoding="utf-8").strip()


def prompt_of(problem: str, template: str) -> str:
    """What the strategy asks for ``problem``."""
    return template.replace("$problem", problem)


def training_problems(rng: random.Random) -> Iterator[Problem]:
    """Endless problems of the training split, families by their weight."""
    weights = [family.weight for family in FAMILIES]
    while True:
        for family in rng.choices(FAMILIES, weights, k=256):
            problem = make_problem(family, rng)
            if not is_for_evaluation(problem.text):
                yield problem


def training_prompt(problem: str, template: str, rng: random.Random) -> str:
    """The problem in the strategy's words, in others or bare."""
    chosen = rng.random()
    if chosen < TEMPLATE_SHARE:
        return prompt_of(problem, template)
    if chosen < TEMPLATE_SHARE + PARAPHRASE_SHARE:
        return rng.choice(_PARAPHRASES).format(problem)
    return problem


def evaluation_problems(
    family: Family, count: int, *, seed: int, held_out: bool = False
) -> list[Problem]:
    """Up to ``count`` different problems of the evaluation split; fewer of a family with few."""
    rng = random.Random(f"{seed} {family.name} {held_out}")  # noqa: S311
    found: dict[str, Problem] = {}
    for _ in range(count * 64):
        problem = make_problem(family, rng, held_out=held_out)
        if is_for_evaluation(problem.text):
            found.setdefault(problem.text, problem)
        if len(found) == count:
            break
    return list(found.values())
