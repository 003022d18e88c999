"""The demo's problems: ``python -m synth.solver.problems`` writes ``arithmetic.jsonl``.

Answers of the shipped solver to them differ in how often they are right: always, sometimes or
never. So a run over them shows what verification, difficulty and rejection sampling do.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from synth.solver.curriculum import FAMILIES, HELD_OUT_FAMILIES, evaluation_problems

FILE = Path("examples/corpus/problems/arithmetic.jsonl")
"""From the root of a checkout."""

SEED = 2026
DRAWN = 24
"""Problems drawn of a family, of which ``CHOSEN`` names some; none of them is ever trained on."""


class Choice(NamedTuple):
    """Positions among the problems drawn of a family, of its longer kind or of the trained one."""

    family: str
    is_longer: bool
    positions: tuple[int, ...]


SOMETIMES_SOLVED = (
    Choice("probability", is_longer=False, positions=(0, 4, 7, 8, 11, 13, 16, 17, 19)),
    Choice("median", is_longer=True, positions=(0, 4, 7, 12, 13, 20, 21)),
    Choice("box_volume", is_longer=True, positions=(15, 16)),
    Choice("largest", is_longer=True, positions=(2, 8, 13)),
    Choice("signed_numbers", is_longer=True, positions=(8, 11, 21)),
    Choice("simplify_fraction", is_longer=True, positions=(3, 10, 18)),
    Choice("what_percentage", is_longer=True, positions=(6, 9)),
    Choice("least_common_multiple", is_longer=True, positions=(5, 15)),
    Choice("sum_of_first", is_longer=True, positions=(9, 14)),
    Choice("nth_term", is_longer=True, positions=(1, 22)),
    Choice("speed", is_longer=True, positions=(6,)),
    Choice("unit_conversion", is_longer=True, positions=(4,)),
    Choice("rounding", is_longer=True, positions=(7,)),
    Choice("missing_factor", is_longer=True, positions=(18,)),
    Choice("remainder", is_longer=True, positions=(15,)),
    Choice("counting", is_longer=True, positions=(2, 21)),
    Choice("equation_of_both_sides", is_longer=True, positions=(3,)),
)
"""Right in 2 to 13 of 16 samples at temperature 1: of the 24 problems of each family that the
shipped model answered on an H100, those near to half with solutions of at most 270 tokens. They are
chosen for that, so their pass rate says nothing about the model; its card has figures of problems
that nobody chose."""

ALWAYS_SOLVED = (
    Choice("multiplication", is_longer=False, positions=(7,)),
    *(
        Choice(family, is_longer=False, positions=(0,))
        for family in (
            "addition",
            "subtraction",
            "division",
            "fraction_sum",
            "percentage",
            "linear_equation",
            "rectangle",
            "story_change_from_note",
            "story_shared_equally",
            "story_age_later",
            "story_recipe",
        )
    ),
)
"""Right in all of the 16 samples."""

NEVER_SOLVED = (
    Choice("addition", is_longer=True, positions=(0,)),
    Choice("multiplication", is_longer=True, positions=(0,)),
    Choice("function_value", is_longer=True, positions=(0,)),
    Choice("story_taxi_ride", is_longer=False, positions=(0,)),
    Choice("story_candles_burning", is_longer=False, positions=(0,)),
)
"""Right in none: longer numbers than in training, and plots that are not in it."""

CHOSEN = SOMETIMES_SOLVED + ALWAYS_SOLVED + NEVER_SOLVED

WRITTEN_BY_HAND = (
    (
        (
            "Notebooks cost $2 each or $9 for a pack of 6. What is the least number of dollars for "
            "which one can buy exactly 32 notebooks?"
        ),
        "49",
    ),
    ("How many positive divisors does 360 have?", "24"),
    ("What is the units digit of 7^2026?", "9"),
    ("The product of two numbers is 96 and their sum is 20. What is the larger number?", "12"),
    (
        (
            "One pipe fills a pool in 6 hours and another fills it in 3 hours. How many hours do "
            "both need together?"
        ),
        "2",
    ),
    (
        (
            "A car drives 120 km at 60 km per hour and the same way back at 40 km per hour. What "
            "is its average speed on the whole trip in km per hour?"
        ),
        "48",
    ),
    ("How many whole numbers from 1 to 200 are divisible by 6 or by 8?", "50"),
    (
        "In how many ways can 5 people sit in a row if two of them want to sit next to each other?",
        "48",
    ),
)
"""Questions and answers that no family covers; a larger model solves them."""


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=FILE, help=f"file to write; {FILE}")
    out = parser.parse_args().out
    out.write_text(to_jsonl(), encoding="utf-8")


def to_jsonl() -> str:
    """The whole file, the same each time."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows())


def _rows() -> Iterator[dict[str, str]]:
    families = {family.name: family for family in FAMILIES + HELD_OUT_FAMILIES}
    number = 0
    for family, is_longer, positions in CHOSEN:
        drawn = evaluation_problems(families[family], DRAWN, seed=SEED, held_out=is_longer)
        for position in positions:
            number += 1
            yield _row(number, drawn[position].text, drawn[position].answer, family)
    for text, answer in WRITTEN_BY_HAND:
        number += 1
        yield _row(number, text, answer, "by_hand")


def _row(number: int, text: str, answer: str, kind: str) -> dict[str, str]:
    return {
        "id": f"arithmetic-{number:02}",
        "problem": text,
        "answer": answer,
        "kind": kind,
        "license": "CC0-1.0",
        "source": "Reasonmill's own",
    }


if __name__ == "__main__":
    main()
