"""Whether a program is right: by the problem's tests, else by those that came with it.

Generated tests show something only if they can fail: they must pass on the solution they came with,
reach most of its lines (``line_coverage_ratio``) and notice when it is broken
(``mutants_killed_ratio``). Both are measures; the strategy says how much is enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from synth.item import Item
from synth.verification.code_tests import CodeTests, parse_tests
from synth.verification.finding import Consensus, Finding
from synth.verification.test_difficulty import (
    difficulty_groups,
    pass_rates,
    soft_score,
    strict_score,
)
from synth.verification.tools import Tools
from synth.verification.verdict import Verdict

GIVEN, GENERATED = "tests", "generated_tests"


@dataclass(frozen=True)
class CodeUnderTest:
    """Runs ``code`` against the item's tests, or against ``generated_tests`` where it has none."""

    version: int = 1

    def check(self, item: Item, fields: Mapping[str, str], tools: Tools) -> Finding:
        """The verdict of the tests, test by test; unverified where they cannot be read."""
        verifier = tools.code
        is_given = item.tests is not None
        tests = _tests(item.tests if item.tests is not None else fields["generated_tests"])
        label = GIVEN if is_given else GENERATED
        if tests is None:
            # Tests that the model wrote and that are none are its fault; the problem's are not.
            verdict = Verdict.UNVERIFIED if is_given else Verdict.INCORRECT
            return Finding(verdict=verdict, label=label, verifier=verifier.name)
        source = fields["code"]
        report = verifier.verify(source, tests, measure_coverage=not is_given)
        finding = Finding(
            verdict=report.verdict,
            label=label,
            verifier=verifier.name,
            tests=report.tests,
            line_coverage_ratio=report.line_coverage_ratio,
        )
        if is_given or not report.all_passed:
            return finding
        return replace(finding, mutants_killed_ratio=verifier.mutants_killed_ratio(source, tests))

    def conclude(
        self,
        item: Item,
        findings: Sequence[Finding | None],
        samples: Sequence[Mapping[str, str] | None],
        tools: Tools,
    ) -> Consensus:
        """Scores by the difficulty of the tests, which all samples of a problem share."""
        del samples, tools
        results = [found.tests for found in findings if found is not None and found.tests]
        if item.tests is None or not results:
            label = GENERATED if item.tests is None else GIVEN
            return Consensus(findings=findings, answer=item.answer, label=label)
        groups = difficulty_groups(pass_rates(results))
        scored = [
            found
            if found is None or not found.tests
            else replace(
                found,
                strict_score=strict_score(found.tests, groups),
                soft_score=soft_score(found.tests, groups),
            )
            for found in findings
        ]
        return Consensus(findings=scored, answer=item.answer, label=GIVEN, groups=groups)


def _tests(value: str) -> CodeTests | None:
    try:
        return parse_tests(value)
    except ValueError:
        return None
