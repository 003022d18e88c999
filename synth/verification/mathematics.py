"""Checking a mathematical answer against the gold one, whatever the model wrote around it."""

from importlib.metadata import version
from types import TracebackType
from typing import Self

from synth.verification.final_answer import final_answers
from synth.verification.latex import canonical, without_redundant_brackets
from synth.verification.number import exact_number
from synth.verification.verdict import Verdict
from synth.verification.worker import ComparisonWorker

POLICY_VERSION = 1
"""Bumped whenever a verdict of the code around math-verify can change."""

MAX_ANSWER_CHARS = 512
"""A longer answer, redundant brackets aside, is compared as a string only: of 2,000 gold answers of
public benchmarks, what was longer was a derivation and no answer."""


class MathVerifier:
    """Compares answers in a child process that may be killed; use it as a context manager.

    Safe to share between threads, which then wait for one another; a thread that wants its own
    pace takes its own. Nothing is started before the first pair that needs algebra.
    """

    def __init__(self, *, cpu_limit_seconds: int = 3, wall_limit_seconds: float = 7.0) -> None:
        """The CPU limit decides, as it does not depend on what else the machine does.

        The wall limit is a back-stop, for a machine so busy that a pair would hold up the run.
        """
        self.name = verifier_name()
        self._worker = ComparisonWorker(
            cpu_limit_seconds=cpu_limit_seconds, wall_limit_seconds=wall_limit_seconds
        )

    def verify(self, gold: str | None, answer: str) -> Verdict:
        """Verdict on ``answer``, a whole completion or a bare answer. Order matters.

        Without a gold answer, and where a limit was hit, ``unverified``. Without a final answer,
        or with two different ones, ``incorrect``.
        """
        wanted = _gold_answer(gold)
        if wanted is None:
            return Verdict.UNVERIFIED
        candidates = final_answers(answer)
        if not candidates:
            return Verdict.INCORRECT
        for candidate in candidates:
            verdict = self._compare(wanted, candidate)
            if verdict != Verdict.CORRECT:
                return verdict
        return Verdict.CORRECT

    def close(self) -> None:
        """End the child process."""
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _compare(self, gold: str, candidate: str) -> Verdict:
        if not candidate.strip():
            return Verdict.INCORRECT
        quick = compare_quickly(gold, candidate)
        if quick is not None:
            return quick
        gold, candidate = without_redundant_brackets(gold), without_redundant_brackets(candidate)
        if max(len(gold), len(candidate)) > MAX_ANSWER_CHARS:
            return Verdict.UNVERIFIED
        is_same = self._worker.is_equivalent(gold, candidate)
        if is_same is None:
            return Verdict.UNVERIFIED
        return Verdict.CORRECT if is_same else Verdict.INCORRECT


def verifier_name() -> str:
    """What checks the answers, for lineage and identity: ``math-verify`` and its version."""
    return f"math-verify {version('math-verify')}"


def compare_quickly(gold: str, candidate: str) -> Verdict | None:
    """The verdict where spelling or plain arithmetic decides, which is most pairs; else None."""
    if max(len(gold), len(candidate)) > 4 * MAX_ANSWER_CHARS:
        return None
    spellings = [without_redundant_brackets(canonical(text)) for text in (gold, candidate)]
    if spellings[0] == spellings[1]:
        return Verdict.CORRECT
    values = [exact_number(spelling) for spelling in spellings]
    if None in values:
        return None
    return Verdict.CORRECT if values[0] == values[1] else Verdict.INCORRECT


def _marked_gold(gold: str) -> str | None:
    answers = final_answers(gold)
    return answers[0] if len(answers) == 1 else None


def _gold_answer(gold: str | None) -> str | None:
    """The answer in a gold text that may be a whole solution; None when it has none."""
    if gold is None or not gold.strip():
        return None
    return _marked_gold(gold) if "\\boxed" in gold or "####" in gold else gold
