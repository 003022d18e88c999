"""Whether a solution ends in the right answer: the known one, or the one most samples agree on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from synth.item import Item
from synth.verification.finding import COMPLETION, Consensus, Finding
from synth.verification.majority import vote
from synth.verification.tools import Tools
from synth.verification.verdict import Verdict

GOLD, MAJORITY = "gold", "majority"


@dataclass(frozen=True)
class MathematicalAnswer:
    """Compares the final answer of each sample with the known one.

    Where none is known, the majority's becomes the label, if at least ``min_votes`` samples gave an
    answer and ``min_agreement`` of them agree. (OpenMathReasoning, arXiv 2504.16891, takes the most
    common answer of up to 32; half of eight is our bound, so that a label has four votes.)
    """

    min_votes: int = 8
    min_agreement: float = 0.5
    version: int = 1

    def check(self, item: Item, fields: Mapping[str, str], tools: Tools) -> Finding:
        """The verdict by the known answer; unverified as long as there is none."""
        verifier = tools.mathematics
        if item.answer is None:
            return Finding(verdict=Verdict.UNVERIFIED, verifier=verifier.name)
        verdict = verifier.verify(item.answer, fields[COMPLETION])
        return Finding(verdict=verdict, label=GOLD, verifier=verifier.name)

    def conclude(
        self,
        item: Item,
        findings: Sequence[Finding | None],
        samples: Sequence[Mapping[str, str] | None],
        tools: Tools,
    ) -> Consensus:
        """With a known answer, as it is; else every sample is judged by the majority's answer."""
        if item.answer is not None:
            return Consensus(findings=findings, answer=item.answer, label=GOLD)
        verifier = tools.mathematics

        def is_equivalent(label: str, answer: str) -> bool | None:
            verdict = verifier.verify(label, f"\\boxed{{{answer}}}")
            return None if verdict == Verdict.UNVERIFIED else verdict == Verdict.CORRECT

        completions = ["" if fields is None else fields[COMPLETION] for fields in samples]
        counted = vote(
            completions,
            is_equivalent,
            min_votes=self.min_votes,
            min_agreement=self.min_agreement,
        )
        if counted.winner is None:
            return Consensus(findings=findings)
        judged = [
            None
            if found is None
            else replace(
                found,
                verdict=Verdict.CORRECT if group == counted.winner else Verdict.INCORRECT,
                label=MAJORITY,
                agreement=counted.agreement,
            )
            for found, group in zip(findings, counted.groups, strict=True)
        ]
        return Consensus(findings=judged, answer=counted.answer, label=MAJORITY)
