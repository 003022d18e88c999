"""How many problems of each family the solver gets right, greedy and among samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.solver.curriculum import (
    FAMILIES,
    HELD_OUT_FAMILIES,
    evaluation_problems,
    prompt_of,
    read_template,
)
from synth.solver.problem import Problem
from synth.solver.vocabulary import render_prompt
from synth.verification.final_answer import final_answers
from synth.verification.mathematics import compare_quickly
from synth.verification.verdict import Verdict

TRAINED, LONGER, UNSEEN = "trained", "longer", "unseen"
"""Problems as in training, with longer operands, and of plots that are never trained on."""

Generate = Callable[[Sequence[Sequence[int]], float], list[list[int]]]
"""Continuations of prompts at a temperature."""


@dataclass(frozen=True)
class EvaluationSet:
    """Problems and the group each belongs to: its family and which of the three kinds it is."""

    problems: tuple[Problem, ...]
    kinds: tuple[str, ...]


def evaluation_set(per_family: int, *, seed: int) -> EvaluationSet:
    """Problems of every family and kind; none of them is ever trained on."""
    problems: list[Problem] = []
    kinds: list[str] = []
    cells = [(family, TRAINED) for family in FAMILIES]
    cells += [(family, LONGER) for family in FAMILIES if family.has_held_out]
    cells += [(family, UNSEEN) for family in HELD_OUT_FAMILIES]
    for family, kind in cells:
        found = evaluation_problems(family, per_family, seed=seed, held_out=kind == LONGER)
        problems.extend(found)
        kinds.extend([kind] * len(found))
    return EvaluationSet(tuple(problems), tuple(kinds))


def encode_prompts(tokenizer: Any, problems: Sequence[Problem]) -> list[list[int]]:
    """Token ids of the strategy's prompts, ready for an answer."""
    template = read_template()
    texts = [render_prompt(prompt_of(problem.text, template)) for problem in problems]
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def is_right(gold: str, completion: str) -> bool:
    """Whether a completion has one final answer and it is the gold one.

    The verifier's own comparison as far as it needs no algebra, which is enough for whole numbers,
    decimals and fractions, the only answers of the curriculum.
    """
    answers = final_answers(completion)
    return len(answers) == 1 and compare_quickly(gold, answers[0]) == Verdict.CORRECT


def judge(problems: Sequence[Problem], completions: Sequence[str]) -> list[bool]:
    """``is_right`` of each completion."""
    return [
        is_right(problem.answer, completion)
        for problem, completion in zip(problems, completions, strict=True)
    ]


def summarize(
    chosen: EvaluationSet, greedy: Sequence[bool], sampled: Sequence[Sequence[bool]]
) -> dict[str, Any]:
    """Pass rates by kind and by family; ``sampled`` has one list of verdicts per round.

    ``mixed`` is the share of problems with both right and wrong samples, which are those that
    rejection sampling learns most from.
    """
    first = np.asarray(greedy, float)
    rounds = np.asarray(sampled, float) if len(sampled) else first[None]
    rates = rounds.mean(0)
    kinds, names = np.asarray(chosen.kinds), np.asarray([p.family for p in chosen.problems])

    def figures(where: Any) -> dict[str, float | int]:
        return {
            "problems": int(where.sum()),
            "greedy": round(float(first[where].mean()), 4),
            "sampled": round(float(rates[where].mean()), 4),
            "mixed": round(float(((rates > 0) & (rates < 1))[where].mean()), 4),
        }

    return {
        "rounds": len(sampled),
        "all": {kind: figures(kinds == kind) for kind in dict.fromkeys(chosen.kinds)},
        "families": {
            name: {
                kind: figures((kinds == kind) & (names == name))
                for kind in dict.fromkeys(kinds[names == name].tolist())
            }
            for name in dict.fromkeys(names.tolist())
        },
    }


def to_table(summary: dict[str, Any]) -> str:
    """A compact table: greedy, sampled and mixed percentages per family and kind."""
    kinds = list(summary["all"])
    lines = [f"{'percent: greedy/sampled/mixed':34}" + "".join(f"{kind:>16}" for kind in kinds)]

    def line(name: str, cells: dict[str, Any]) -> str:
        texts = [
            "/".join(f"{100 * cells[kind][key]:.0f}" for key in ("greedy", "sampled", "mixed"))
            if kind in cells
            else "-"
            for kind in kinds
        ]
        return f"{name:34}" + "".join(f"{text:>16}" for text in texts)

    lines += [line(name, cells) for name, cells in summary["families"].items()]
    lines.append(line(f"ALL ({summary['rounds']} samples)", summary["all"]))
    return "\n".join(lines)
