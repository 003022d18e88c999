"""Whether rewritten code stands alone: it is valid Python and runs to its end in the sandbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth.item import Item
from synth.verification.finding import Consensus, Finding
from synth.verification.tools import Tools

EXECUTION = "execution"


@dataclass(frozen=True)
class ExecutedCode:
    """Runs ``code`` once, as a program; what it prints is not looked at."""

    version: int = 1

    def check(self, item: Item, fields: Mapping[str, str], tools: Tools) -> Finding:
        """Correct where it ends without an error; unverified where the wall limit stopped it."""
        del item
        verifier = tools.code
        verdict = verifier.runs(fields["code"])
        return Finding(verdict=verdict, label=EXECUTION, verifier=verifier.name)

    def conclude(
        self,
        item: Item,
        findings: Sequence[Finding | None],
        samples: Sequence[Mapping[str, str] | None],
        tools: Tools,
    ) -> Consensus:
        """Samples stand for themselves."""
        del item, samples, tools
        return Consensus(findings=findings, label=EXECUTION)
