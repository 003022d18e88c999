"""Solve problems of programming, with tests; both are run.

As KodCode does (arXiv 2503.02951): each sample writes a solution and its tests anew, and what
passes its own tests is kept, up to ten times. Beside that, tests that cover little of the solution,
or that broken copies of it pass as well, show nothing (``verification.tested_code``). A problem
that brings tests of its own is judged by those alone.
"""

import ast
import warnings

from synth.strategies.parsing import code_blocks, whole
from synth.strategies.strategy import AnswerFault, Defaults, Fields, Step, Strategy
from synth.verification.finding import Bounds
from synth.verification.tested_code import CodeUnderTest

_blocks = code_blocks("code", "generated_tests")
_block = code_blocks("code")
_text = whole("answer")


def parse_answer(completion: str) -> Fields:
    """Solution and tests, the last two fenced blocks, and the whole answer.

    Where one block holds both it is taken apart. Without any tests they are empty: a problem with
    tests of its own needs none, and for others empty tests pass nothing. Raises AnswerFault
    ``empty`` or ``missing_code``.
    """
    answer = _text(completion)
    try:
        return {**answer, **_blocks(completion)}
    except AnswerFault:
        return {**answer, **_taken_apart(_block(completion)["code"])}


def _taken_apart(source: str) -> Fields:
    """Test functions and classes of ``source``, and the rest."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {"code": source, "generated_tests": ""}
    lines = source.split("\n")
    numbers: set[int] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower().startswith(
            "test"
        ):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            numbers.update(range(first - 1, node.end_lineno or node.lineno))
    parts = {"code": "", "generated_tests": ""}
    for number, line in enumerate(lines):
        parts["generated_tests" if number in numbers else "code"] += f"{line}\n"
    return {name: text.strip("\n") for name, text in parts.items()}


def _write(fields: Fields) -> str:
    return f"Problem\n\n{fields['problem']}\n\nSolution\n\n{fields['answer']}"


STRATEGY = Strategy(
    name="code",
    version=2,
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
