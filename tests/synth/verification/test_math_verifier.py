import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.verification.mathematics import MathVerifier
from synth.verification.verdict import Verdict

HARD = "99999999^{99999999}"
"""Keeps one multiplication of big integers busy for minutes; no signal handler runs meanwhile."""

CORRECT, INCORRECT, UNVERIFIED = Verdict.CORRECT, Verdict.INCORRECT, Verdict.UNVERIFIED


@pytest.fixture(scope="module")
def verifier() -> Iterator[MathVerifier]:
    with MathVerifier() as shared:
        yield shared


@pytest.fixture(scope="module")
def impatient() -> Iterator[MathVerifier]:
    with MathVerifier(cpu_limit_seconds=1) as shared:
        yield shared


@pytest.mark.parametrize(
    ("gold", "answer", "verdict"),
    [
        # One pair for each policy; the quality floor holds hundreds.
        ("10 cm", "10", CORRECT),
        ("10 cm", "0.1 m", CORRECT),
        ("10 cm", "10 m", INCORRECT),
        ("50\\%", "0.5", CORRECT),
        ("50\\%", "50", INCORRECT),
        ("1/3", "0.3333333", INCORRECT),
        ("(1,2)", "(2,1)", INCORRECT),
        ("(1,2)", "1,2", INCORRECT),
        ("\\{1,2\\}", "2,1", CORRECT),
        ("x=5", "5", CORRECT),
        ("x=5", "y=5", INCORRECT),
        ("R^2-r^2", "(R-r)(R+r)", CORRECT),
        ("R^2-r^2", "0", INCORRECT),
        ("7", "\\boxed{7} or \\boxed{8}", INCORRECT),
        ("2", "The roots are \\boxed{1/2 + 3/2}.", CORRECT),
        (None, "\\boxed{2}", UNVERIFIED),
        ("  ", "\\boxed{2}", UNVERIFIED),
        ("2", "", INCORRECT),
        ("2", "I could not solve it.\nSorry.", INCORRECT),
    ],
)
def test_policies(verifier: MathVerifier, gold: str | None, answer: str, verdict: Verdict) -> None:
    assert verifier.verify(gold, answer) == verdict


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("9^{9^{9^{9}}}", "1"),
        ("(10^{9})!", "1"),
        ("2^{10^{12}}", "3"),
        ("1", "((10!)!)!"),
        ("1", "99999999^{99999999}"),
        ("\\int_0^1 \\sin(\\sin(\\sin(x^x)))\\,dx", "1"),
        ("1", "+".join(f"\\frac{{{n}}}{{{n + 1}}}" for n in range(1, 30))),
        ("1", "(" * 200 + "1" + ")" * 199),
        ("1", "x" * 5_000),
        ("1", "{" * 100_000),
        ("1", "\\boxed{" * 10_000),
        ("1", "\\(" * 50_000),
        ("1", "The answer is " * 10_000),
        ("1", "The answer is" + " " * 50_000 + "2"),
        ("1", "\\boxed{1}" + "," * 50_000 + "\\boxed{2}"),
        ("1", "{" + " " * 400 + "x"),
        ("1", "$" * 50_000),
        ("1", "1," * 50_000),
        ("1", "\\frac" * 500),
        ("1", "1" * 2_000 + "." + "1" * 2_000),
    ],
    ids=lambda text: text[:30],
)
def test_nothing_hangs_and_nothing_hostile_is_right(
    impatient: MathVerifier, gold: str, answer: str
) -> None:
    started = time.monotonic()
    assert impatient.verify(gold, answer) != CORRECT
    assert time.monotonic() - started < 10


def test_a_gold_tower_still_equals_itself(verifier: MathVerifier) -> None:
    assert verifier.verify("9^{9^{9^{9}}}", "\\boxed{9^{9^{9^9}}}") != INCORRECT
    assert verifier.verify("2^{10^{12}}", "2^{10^{12}}") == CORRECT


def test_a_pair_at_its_cpu_limit_is_unverified_and_the_next_is_not_affected() -> None:
    with MathVerifier(cpu_limit_seconds=1, wall_limit_seconds=20.0) as verifier:
        started = time.monotonic()
        assert verifier.verify("1", HARD) == UNVERIFIED
        assert time.monotonic() - started < 10
        assert verifier.verify("x+x", "2x") == CORRECT


def test_the_wall_limit_stops_what_does_not_use_the_cpu() -> None:
    with MathVerifier(cpu_limit_seconds=60, wall_limit_seconds=0.5) as verifier:
        assert verifier.verify("1", HARD) == UNVERIFIED
        assert verifier.verify("x+x", "2x") == CORRECT


def test_a_child_killed_from_outside_is_replaced() -> None:
    with MathVerifier() as verifier:
        assert verifier.verify("x+x", "2x") == CORRECT
        process = verifier._worker._process
        assert isinstance(process, subprocess.Popen)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert verifier.verify("x+x", "2x") == CORRECT
        assert verifier.verify("x+x", "3x") == INCORRECT


def test_threads_may_share_a_verifier(verifier: MathVerifier) -> None:
    verdicts: dict[int, Verdict] = {}

    def check(number: int) -> None:
        verdicts[number] = verifier.verify(f"x+{number}", f"{number // 2 * 2}+x")

    threads = [threading.Thread(target=check, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == {n: INCORRECT if n % 2 else CORRECT for n in range(12)}


def test_the_child_is_gone_after_close() -> None:
    verifier = MathVerifier()
    verifier.verify("x+x", "2x")
    process = verifier._worker._process
    assert process is not None
    verifier.close()
    assert process.poll() is not None


def test_a_child_that_does_not_start_is_an_error_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with MathVerifier() as verifier, pytest.raises(RuntimeError, match="did not start"):
        verifier.verify("x+x", "2x")


NUMBERS = st.fractions(min_value=-1000, max_value=1000, max_denominator=50)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_numbers_are_right_exactly_when_they_are_equal(gold: Fraction, answer: Fraction) -> None:
    with MathVerifier() as verifier:  # plain numbers start no child
        spelled = f"\\boxed{{{answer.numerator}/{answer.denominator}}}"
        wanted = f"\\frac{{{gold.numerator}}}{{{gold.denominator}}}"
        assert verifier.verify(wanted, spelled) == (CORRECT if gold == answer else INCORRECT)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.,%$\\{}()[]^_=<>+-/ \nabxiefracboxd", max_size=60))
def test_whatever_a_model_writes_gives_a_verdict(text: str) -> None:
    from synth.verification.final_answer import final_answers
    from synth.verification.mathematics import compare_quickly
    from synth.verification.parsing import parse_answer

    for candidate in final_answers(text):
        compare_quickly("1", candidate)
        parse_answer(candidate)
