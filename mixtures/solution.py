"""The solved mixture: how often each cell's documents are used, as workers read it."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mixtures.upsampling import Cuts, GroupCuts
from pipeline.errors import InvariantError

Run = tuple[int, int, int, int]
"""Bins from the first number up to the second: copies in stages before, copies in this stage."""


@dataclass(frozen=True, kw_only=True)
class ComponentSolution:
    """What one component gives to one stage.

    ``asked`` is what the recipe asks of it, in words. ``share_ratio`` is its solved part of the
    stage. ``expected_tokens`` is what the cells' runs make, to the token; it misses
    ``target_tokens`` by less than a document, because documents come whole. ``supply_*`` count each
    document once, those that a curve drops (``dropped_documents``) included. ``max_copies`` is how
    often the stage uses the document it uses most.
    """

    name: str
    asked: str
    share_ratio: float
    supply_documents: int
    supply_tokens: int
    dropped_documents: int
    target_tokens: int
    expected_tokens: int
    max_copies: int

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
    """One solved stage; ``budget_tokens`` is what the targets sum to.

    ``cells`` maps the key of each cell that the stage draws from to runs of bins, ascending; a bin
    that lies in none is not drawn.
    """

    name: str
    sequence_tokens: int
    budget_tokens: int
    unassigned_documents: int
    components: tuple[ComponentSolution, ...]
    cells: Mapping[str, tuple[Run, ...]]

    @property
    def expected_tokens(self) -> int:
        """Tokens that sampling will give, ends of documents included."""
        return sum(component.expected_tokens for component in self.components)


@dataclass(frozen=True, kw_only=True)
class MixtureSolution:
    """All that a worker needs to sample, written as JSON between planning and writing."""

    seed: int
    cuts: Cuts
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
                "asked": component.asked,
                "target_percent": round(100 * component.share_ratio, 4),
                "expected_percent": round(
                    100 * component.expected_tokens / max(stage.expected_tokens, 1), 4
                ),
                "supply_documents": component.supply_documents,
                "supply_tokens": component.supply_tokens,
                "dropped_documents": component.dropped_documents,
                "target_tokens": component.target_tokens,
                "expected_tokens": component.expected_tokens,
                "epochs": round(component.epochs, 4),
                "max_copies": component.max_copies,
                "note": "no document: the others share its part" if component.is_absent else "",
            }
            for stage in self.stages
            for component in stage.components
        ]

    def to_json(self) -> str:
        """Readable JSON; equal solutions give equal text."""
        fields = {
            "seed": self.seed,
            "cuts": [
                {"curve": list(curve), "groups": _groups_to_json(groups)}
                for curve, groups in sorted(self.cuts.items())
            ],
            "stages": [_stage_to_json(stage) for stage in self.stages],
        }
        return json.dumps(fields, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read :meth:`to_json`; raises InvariantError when a field is missing or unknown."""
        try:
            raw = json.loads(text)
            cuts = {
                (stage, component, int(number)): _groups_from_json(cut["groups"])
                for cut in raw["cuts"]
                for stage, component, number in [cut["curve"]]
            }
            stages = tuple(map(_stage_from_json, raw["stages"]))
            return cls(seed=raw["seed"], cuts=cuts, stages=stages)
        except (KeyError, TypeError, ValueError) as error:
            raise InvariantError(f"not a mixture solution of this version: {error}") from error


def _groups_to_json(groups: GroupCuts) -> list[dict[str, Any]]:
    return [
        {"group": group, "values": [None if math.isinf(value) else value for value in values]}
        for group, values in sorted(groups.items(), key=lambda item: (item[0] is None, item[0]))
    ]


def _groups_from_json(raw: list[dict[str, Any]]) -> GroupCuts:
    return {
        one["group"]: tuple(math.inf if value is None else float(value) for value in one["values"])
        for one in raw
    }


def _stage_to_json(stage: StageSolution) -> dict[str, Any]:
    plain = {field.name: getattr(stage, field.name) for field in dataclasses.fields(stage)}
    return {
        **plain,
        "components": [dataclasses.asdict(component) for component in stage.components],
        "cells": {
            key: " ".join(":".join(map(str, run)) for run in runs)
            for key, runs in stage.cells.items()
        },
    }


def _stage_from_json(raw: dict[str, Any]) -> StageSolution:
    cells = {key: tuple(map(_run, text.split())) for key, text in raw["cells"].items()}
    components = tuple(ComponentSolution(**component) for component in raw["components"])
    return StageSolution(**{**raw, "components": components, "cells": cells})


def _run(text: str) -> Run:
    low, high, before, copies = map(int, text.split(":"))
    return low, high, before, copies
