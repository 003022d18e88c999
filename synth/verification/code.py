"""Checking a solution in Python against its tests, in the sandbox.

Each test is a run of its own, in fresh namespaces: no test can leave anything for the next. What a
solution cannot do to be called right: print results (its output is compared outside, or goes
nowhere), end early in whatever way (no report is an error), replace built-in functions before the
tests start, return an object that equals everything, find the tests in a file, write the report of
another test. What it can, with code written against this very harness: a test function and the
solution share an interpreter, so that the solution can look through frames for the tests and for
the open descriptors of the report. Where that matters use pairs of input and output: they are
compared in this process, and the expected output is never in the sandbox.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

from synth.sandbox.execution import Ending, Execution, Limits
from synth.sandbox.sandbox import Sandbox
from synth.verification.code_tests import CodeTests, is_same_output
from synth.verification.mutation import mutants
from synth.verification.verdict import Verdict

VERSION = 1
"""Bumped whenever a verdict can change."""

MAX_TIMEOUTS = 3
"""After so many tests at a limit the rest is not run: what loops costs seconds for each test."""

MUTANTS = 24
"""The standard error of the ratio is then at most 0.1."""

MUTANT_CPU_SECONDS = 2
"""A mutant often loops forever. A solution that needs longer itself gets no ratio."""

_NAME = "solution.py"
_HARNESS = "harness.py"


class Outcome(StrEnum):
    """Of one test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """Something other than an assertion was raised, or the test did not end by itself."""
    TIMED_OUT = "timed_out"
    """Used up its CPU time."""
    INTERRUPTED = "interrupted"
    """Stopped at the wall limit, which can be the machine's fault: says nothing."""
    NOT_RUN = "not_run"

    @property
    def is_passed(self) -> bool | None:
        """None where nothing was found out."""
        if self in (Outcome.INTERRUPTED, Outcome.NOT_RUN):
            return None
        return self == Outcome.PASSED


@dataclass(frozen=True, kw_only=True)
class CodeReport:
    """What the tests said.

    ``line_coverage_ratio`` is null where it was not asked for, no test passed, the solution has no
    lines, or the run that counts them hit a limit.
    """

    outcomes: tuple[Outcome, ...]
    line_coverage_ratio: float | None = None

    @property
    def tests(self) -> tuple[bool | None, ...]:
        """Passed or not, by test; None for those that say nothing."""
        return tuple(outcome.is_passed for outcome in self.outcomes)

    @property
    def num_tests(self) -> int:
        """All of them, run or not."""
        return len(self.outcomes)

    @property
    def num_passed(self) -> int:
        """Those that passed."""
        return self.outcomes.count(Outcome.PASSED)

    @property
    def all_passed(self) -> bool:
        """Whether there are tests and each passed."""
        return self.num_tests > 0 and self.num_passed == self.num_tests

    @property
    def verdict(self) -> Verdict:
        """One failure makes it incorrect; unverified where none failed and not all passed."""
        if False in self.tests:
            return Verdict.INCORRECT
        return Verdict.CORRECT if self.all_passed else Verdict.UNVERIFIED


class CodeVerifier:
    """Runs tests in ``sandbox``, which it closes in the end. Safe to share between threads."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.name = f"sandbox {VERSION}"
        self._sandbox = sandbox
        self._harness = files("synth.verification").joinpath("code_harness.py").read_text("utf-8")

    def verify(self, source: str, tests: CodeTests, *, measure_coverage: bool = True) -> CodeReport:
        """Run every test of ``source``, and, if asked, those that passed again to count lines."""
        outcomes: list[Outcome] = []
        for number in range(len(tests)):
            stopped = sum(o in (Outcome.TIMED_OUT, Outcome.INTERRUPTED) for o in outcomes)
            is_run = stopped < MAX_TIMEOUTS
            outcomes.append(self._outcome(source, tests, number) if is_run else Outcome.NOT_RUN)
        passed = [number for number, outcome in enumerate(outcomes) if outcome == Outcome.PASSED]
        coverage = self._line_coverage(source, tests, passed) if measure_coverage else None
        return CodeReport(outcomes=tuple(outcomes), line_coverage_ratio=coverage)

    def runs(self, source: str) -> Verdict:
        """Whether ``source`` is valid and ends without an error; unverified at the wall limit."""
        found = self._sandbox.run_python({_NAME: source}, _NAME)
        if found.ending == Ending.WALL:
            return Verdict.UNVERIFIED
        return Verdict.CORRECT if found.is_success else Verdict.INCORRECT

    def mutants_killed_ratio(
        self, source: str, tests: CodeTests, *, max_mutants: int = MUTANTS
    ) -> float | None:
        """Share of small changes to a right solution that some test notices.

        Tests that check nothing kill none. None where there is nothing to change, or the solution
        itself does not pass within the limits of a mutant.
        """
        changed = mutants(source, max_mutants=max_mutants)
        if not changed or self._is_killed(source, tests) is not False:
            return None
        killed = [self._is_killed(mutant, tests) for mutant in changed]
        known = [is_killed for is_killed in killed if is_killed is not None]
        return sum(known) / len(known) if known else None

    def close(self) -> None:
        """End the sandbox."""
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _outcome(self, source: str, tests: CodeTests, number: int) -> Outcome:
        if number < len(tests.pairs):
            return self._outcome_of_pair(source, tests, number, self._sandbox.limits)
        check = tests.checks[number - len(tests.pairs)]
        found, report = self._run_harness(source, tests.setup, [check])
        if report is not None:
            return Outcome(report["results"][0])
        return _unreported(found)

    def _outcome_of_pair(
        self, source: str, tests: CodeTests, number: int, limits: Limits
    ) -> Outcome:
        pair = tests.pairs[number]
        found = self._sandbox.run_python({_NAME: source}, _NAME, stdin=pair.stdin, limits=limits)
        if not found.is_success:
            return _unreported(found)
        return Outcome.PASSED if is_same_output(pair.stdout, found.stdout) else Outcome.FAILED

    def _is_killed(self, source: str, tests: CodeTests) -> bool | None:
        """Whether a test fails, all of them in as few runs as can be; None at the wall limit."""
        own = self._sandbox.limits
        limits = Limits(**{**vars(own), "cpu_seconds": min(own.cpu_seconds, MUTANT_CPU_SECONDS)})
        for number in range(len(tests.pairs)):
            outcome = self._outcome_of_pair(source, tests, number, limits)
            if outcome != Outcome.PASSED:
                return None if outcome == Outcome.INTERRUPTED else True
        if not tests.checks:
            return False
        found, report = self._run_harness(
            source, tests.setup, tests.checks, limits=limits, stops_at_failure=True
        )
        if report is None:
            return None if found.ending == Ending.WALL else True
        return any(result != Outcome.PASSED for result in report["results"])

    def _line_coverage(self, source: str, tests: CodeTests, passed: Sequence[int]) -> float | None:
        jobs = [
            {"stdin": tests.pairs[number].stdin}
            if number < len(tests.pairs)
            else tests.checks[number - len(tests.pairs)]
            for number in passed
        ]
        if not jobs:
            return None
        _, report = self._run_harness(source, tests.setup, jobs, is_covered=True)
        if report is None or not report["lines"][1]:
            return None
        seen, executable = report["lines"]
        return float(seen / executable)

    def _run_harness(
        self,
        source: str,
        setup: str,
        jobs: Sequence[Mapping[str, Any]],
        *,
        limits: Limits | None = None,
        is_covered: bool = False,
        stops_at_failure: bool = False,
    ) -> tuple[Execution, dict[str, Any] | None]:
        """The run, and the report if it came: what the solution itself writes is none."""
        job = json.dumps(
            {
                "source": source,
                "setup": setup,
                "tests": [dict(each) for each in jobs],
                "is_covered": is_covered,
                "stops_at_failure": stops_at_failure,
            }
        )
        nonce = secrets.token_hex(32)  # the 64 characters that the harness reads
        found = self._sandbox.run_python(
            {_NAME: source, _HARNESS: self._harness},
            _HARNESS,
            stdin=f"{len(job)}\n{job}{nonce}",
            limits=limits,
        )
        if not found.is_success or not found.stdout.startswith(nonce):
            return found, None
        return found, json.loads(found.stdout[len(nonce) :])


def _unreported(found: Execution) -> Outcome:
    """Of a test whose program did not come to its end."""
    if found.ending == Ending.CPU:
        return Outcome.TIMED_OUT
    return Outcome.INTERRUPTED if found.ending == Ending.WALL else Outcome.ERROR
