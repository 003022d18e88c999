"""What checks find out about one sample, and what a kind of verification has to offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from synth.item import Item
from synth.verification.verdict import Verdict

if TYPE_CHECKING:
    from synth.verification.tools import Tools


COMPLETION = "completion"
"""Field of the last answer that is no judge's, reasoning and all."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Of one sample. None is "not asked": a rewriting has no verdict.

    ``label`` says what decided: ``gold`` answer, ``majority`` of the samples, ``tests`` of the
    problem, ``generated_tests`` or ``execution``. ``tests`` holds True, False or None (not run) for
    each test. ``scores`` are a judge's, from 1 to 5. ``measures`` are those of ``text_checks``.
    """

    verdict: Verdict | None = None
    label: str | None = None
    verifier: str | None = None
    agreement: float | None = None
    tests: tuple[bool | None, ...] | None = None
    line_coverage_ratio: float | None = None
    mutants_killed_ratio: float | None = None
    strict_score: float | None = None
    soft_score: float | None = None
    scores: Mapping[str, int] = field(default_factory=dict)
    measures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_correct(self) -> bool:
        """Whether it was verified to be right."""
        return self.verdict == Verdict.CORRECT

    def value_of(self, name: str) -> Any:
        """A measure, a score or a field by name; None where it was not measured."""
        if name in self.measures:
            return self.measures[name]
        return self.scores[name] if name in self.scores else getattr(self, name, None)

    def with_measures(self, measures: Mapping[str, Any], scores: Mapping[str, int]) -> "Finding":
        """The same with what was measured of the text."""
        return replace(self, measures=measures, scores=scores)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a measure should be; inclusive, and null is no fault. ``fault`` names what is wrong."""

    measure: str
    fault: str
    min: float | None = None
    max: float | None = None

    def is_broken_by(self, finding: Finding) -> bool:
        """Whether the measure lies outside."""
        value = finding.value_of(self.measure)
        if value is None:
            return False
        is_low = self.min is not None and value < self.min
        return is_low or (self.max is not None and value > self.max)


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """What all samples of an item say together.

    ``answer`` is the gold one, or what the majority agrees on; ``groups`` gives each test of the
    problem its difficulty group, 0 the easiest, None for a test that was never run.
    """

    findings: Sequence[Finding | None]
    answer: str | None = None
    label: str | None = None
    groups: tuple[int | None, ...] | None = None


class Verification(Protocol):
    """A kind of verification; stateless, so that a strategy may be a constant.

    ``check`` judges one sample as soon as it is there, beside the generation of others, from any
    thread. ``conclude`` is called once, with the findings of an item's samples in their order (None
    for a sample without any), when no more of them will come.
    """

    @property
    def version(self) -> int:
        """Bumped whenever a finding can change."""
        ...

    def check(self, item: Item, fields: Mapping[str, str], tools: "Tools") -> Finding:
        """The finding on one sample; ``fields`` are the item's texts and the steps' findings."""
        ...

    def conclude(
        self,
        item: Item,
        findings: Sequence[Finding | None],
        samples: Sequence[Mapping[str, str] | None],
        tools: "Tools",
    ) -> Consensus:
        """The findings again, changed where only all of them together can tell."""
        ...
