"""Solve problems of programming, with tests; both are run.

As KodCode does (arXiv 2503.02951): each sample writes a solution and its tests anew, and what
passes its own tests is kept, up to ten times. Beside that, tests that cover little of the solution,
or that broken copies of it pass as well, show nothing (``verification.tested_code``). A problem
that brings tests of its own is judged by those alone.
"""

from synth.strategies.parsing import code_blocks, whole
from synth.strategies.strategy import Defaults, Fields, Step, Strategy
from synth.verification.finding import Bounds
from synth.verification.tested_code import CodeUnderTest

_blocks = code_blocks("code", "generated_tests")
_text = whole("answer")


def parse_answer(completion: str) -> Fields:
    """Solution and tests, the last two fenced blocks, and the whole answer."""
    return {**_text(completion), **_blocks(completion)}


def _write(fields: Fields) -> str:
    return f"Problem\n\n{fields['problem']}\n\nSolution\n\n{fields['answer']}"


STRATEGY = Strategy(
    name="code",
    version=1,
    summary="Solutions to programming problems with their tests, both run in a sandbox.",
    reads="problem",
    steps=(Step(template="code", parse=parse_answer),),
    write=_write,
    verification=CodeUnderTest(),
    measured_field="answer",
    bounds=(
        # Of generated tests; null, and so no fault, where the problem brings its own.
        Bounds(measure="line_coverage_ratio", fault="untested_lines", min=0.8),
        Bounds(measure="mutants_killed_ratio", fault="weak_tests", min=0.5),
        Bounds(measure="loop_chars", fault="loop", max=400),
        Bounds(measure="foreign_script_ratio", fault="mixed_languages", max=0.02),
    ),
    # KodCode tries up to ten times; most of what can be solved is within five.
    defaults=Defaults(samples=8, temperature=0.6, max_tokens=16_384),
)
