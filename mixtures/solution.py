"""The solved mixture: how often each component's documents are used, as workers read it."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from pipeline.errors import InvariantError


@dataclass(frozen=True, kw_only=True)
class ComponentSolution:
    """What one component gives to one stage.

    Every document is used ``whole_copies`` times, and once more when its selection bin lies in one
    of ``extra_bins`` (half-open ranges). ``share_ratio`` is its part of the stage after absent
    optional components have ceded theirs. ``expected_tokens`` is what that makes, to the token;
    it misses ``target_tokens`` by less than a document, because documents come whole.
    """

    name: str
    weight: float
    share_ratio: float
    max_epochs: float
    supply_documents: int
    supply_tokens: int
    target_tokens: int
    expected_tokens: int
    whole_copies: int
    extra_bins: tuple[tuple[int, int], ...]

    @property
    def epochs(self) -> float:
        """Copies of the average token; 0 without supply."""
        return self.expected_tokens / self.supply_tokens if self.supply_tokens else 0.0

    @property
    def is_absent(self) -> bool:
        """Whether there was no document, so that the others share its part."""
        return self.supply_documents == 0


@dataclass(frozen=True, kw_only=True)
class StageSolution:
    """One solved stage; ``budget_tokens`` is what the targets sum to."""

    name: str
    sequence_tokens: int
    budget_tokens: int
    unassigned_documents: int
    components: tuple[ComponentSolution, ...]

    @property
    def expected_tokens(self) -> int:
        """Tokens that sampling will give, ends of documents included."""
        return sum(component.expected_tokens for component in self.components)


@dataclass(frozen=True, kw_only=True)
class MixtureSolution:
    """All that a worker needs to sample, written as JSON between planning and writing."""

    seed: int
    stages: tuple[StageSolution, ...]

    def stage(self, name: str) -> StageSolution:
        """The stage called ``name``; KeyError when there is none."""
        return {stage.name: stage for stage in self.stages}[name]

    def table(self) -> list[dict[str, str | int | float]]:
        """One row for each stage and component, for a terminal or a report."""
        return [
            {
                "stage": stage.name,
                "component": component.name,
                "weight_percent": component.weight,
                "target_percent": round(100 * component.share_ratio, 4),
                "expected_percent": round(
                    100 * component.expected_tokens / max(stage.expected_tokens, 1), 4
                ),
                "supply_documents": component.supply_documents,
                "supply_tokens": component.supply_tokens,
                "target_tokens": component.target_tokens,
                "expected_tokens": component.expected_tokens,
                "epochs": round(component.epochs, 4),
                "note": "no document: the others share its part" if component.is_absent else "",
            }
            for stage in self.stages
            for component in stage.components
        ]

    def to_json(self) -> str:
        """Readable JSON; equal solutions give equal text."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read :meth:`to_json`; raises InvariantError when a field is missing or unknown."""
        try:
            raw = json.loads(text)
            return cls(seed=raw["seed"], stages=tuple(map(_stage_from_json, raw["stages"])))
        except (KeyError, TypeError, ValueError) as error:
            raise InvariantError(f"not a mixture solution of this version: {error}") from error


def _stage_from_json(raw: dict[str, Any]) -> StageSolution:
    components = tuple(
        ComponentSolution(
            **{**component, "extra_bins": tuple(tuple(ends) for ends in component["extra_bins"])}
        )
        for component in raw["components"]
    )
    return StageSolution(**{**raw, "components": components})
