"""Programs of the strategies, run for real: by their problem's tests, by their own, or alone."""

import json
import shutil
from collections.abc import Iterator

import pytest

from synth.item import Item
from synth.strategies.catalogue import strategy_named
from synth.verification.executed_code import ExecutedCode
from synth.verification.tested_code import CodeUnderTest
from synth.verification.tools import Tools
from synth.verification.verdict import Verdict

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="bubblewrap is not installed, so no code can be run"
)

GOOD = "def largest(values):\n    if not values:\n        return None\n    return max(values)\n"
BAD = "def largest(values):\n    return values[-1]\n"
OWN = (
    "def test_empty():\n    assert largest([]) is None\n"
    "def test_last():\n    assert largest([1, 5]) == 5\n"
    "def test_first():\n    assert largest([7, 5]) == 7\n"
)
GIVEN = json.dumps(
    ["assert largest([1, 2]) == 2", "assert largest([3, 2]) == 3", "assert largest([]) is None"]
)


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with Tools() as made:
        yield made


def item(tests: str | None = None) -> Item:
    return Item(id="i", seed_id="i", problem="p", tests=tests)


def test_own_tests_that_pass_reach_and_notice_verify_a_solution(tools: Tools) -> None:
    found = CodeUnderTest().check(item(), {"code": GOOD, "generated_tests": OWN}, tools)
    assert found.verdict == Verdict.CORRECT
    assert found.line_coverage_ratio == 1.0
    assert (found.mutants_killed_ratio or 0) > 0.5
    assert not [b for b in strategy_named("code").bounds if b.is_broken_by(found)]


def test_own_tests_that_check_nothing_are_found_out(tools: Tools) -> None:
    trivial = "def test_it():\n    assert largest is not None\n"
    found = CodeUnderTest().check(item(), {"code": BAD, "generated_tests": trivial}, tools)
    assert found.verdict == Verdict.CORRECT, "they pass"
    faults = {b.fault for b in strategy_named("code").bounds if b.is_broken_by(found)}
    assert "weak_tests" in faults


def test_a_solution_that_fails_its_own_tests_is_incorrect(tools: Tools) -> None:
    found = CodeUnderTest().check(item(), {"code": BAD, "generated_tests": OWN}, tools)
    assert found.verdict == Verdict.INCORRECT
    assert found.mutants_killed_ratio is None


def test_tests_of_the_problem_decide_alone_and_share_their_difficulty(tools: Tools) -> None:
    kind, given = CodeUnderTest(), item(GIVEN)
    lenient = {"generated_tests": "def test_it():\n    pass\n"}
    findings = [kind.check(given, {"code": code} | lenient, tools) for code in (GOOD, BAD)]
    assert [found.verdict for found in findings] == [Verdict.CORRECT, Verdict.INCORRECT]
    consensus = kind.conclude(given, findings, [{}, {}], tools)
    assert consensus.groups == (0, 1, 1)
    good, bad = consensus.findings
    assert good is not None
    assert bad is not None
    assert (good.strict_score, good.soft_score) == (1.0, 1.0)
    assert (bad.strict_score, bad.soft_score) == (0.5, 0.5)


def test_tests_that_cannot_be_read_blame_whoever_wrote_them(tools: Tools) -> None:
    own = CodeUnderTest().check(item(), {"code": GOOD, "generated_tests": "def test_("}, tools)
    given = CodeUnderTest().check(item("{"), {"code": GOOD, "generated_tests": OWN}, tools)
    assert (own.verdict, given.verdict) == (Verdict.INCORRECT, Verdict.UNVERIFIED)


def test_rewritten_code_must_run_to_its_end(tools: Tools) -> None:
    def verdict(code: str) -> Verdict | None:
        return ExecutedCode().check(item(), {"code": code}, tools).verdict

    assert verdict("import math\nassert math.pi > 3\n") == Verdict.CORRECT
    assert verdict("import our_other_module\n") == Verdict.INCORRECT
    assert verdict("def f(:\n") == Verdict.INCORRECT
    assert verdict("while True: pass\n") == Verdict.INCORRECT
