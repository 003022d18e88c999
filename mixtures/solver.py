"""The solver: measured supply and specification -> how often each component's documents are used.

A linear program (HiGHS) finds each stage's budget, or what it lacks; the budget becomes whole
windows, and each component's part of it whole copies and hash bins (``mixtures.drawing``). The
bins' tokens are known, so the solution states beforehand exactly how many tokens sampling gives.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from mixtures.drawing import Draw, draw
from mixtures.solution import ComponentSolution, MixtureSolution, StageSolution
from mixtures.spec import ComponentSpec, MixtureConfig, StageSpec
from mixtures.supply import Count, Supply
from pipeline.errors import InfeasibleError

RELATIVE_TOLERANCE = 1e-6
"""Share of a budget that may be short before it counts: ten times HiGHS's own feasibility."""


def solve(mixture: MixtureConfig, supply: Supply) -> MixtureSolution:
    """Find how much of each component every stage takes.

    A stage's budget is taken down to whole windows, unless it is less than one; what it gives never
    exceeds it, so that packing needs no window more. Raises InfeasibleError naming every component
    that cannot give its share, by how many tokens, and the largest budget that could be met.
    """
    counts = supply.counts()
    stages = tuple(_LiveStage.of(stage, counts) for stage in mixture.stages)
    _check_every_stage(stages)
    budgets = _largest_budgets(stages)
    return MixtureSolution(
        seed=mixture.seed,
        stages=tuple(
            _solve_stage(stage, budget, supply)
            for stage, budget in zip(stages, budgets, strict=True)
        ),
    )


@dataclass(frozen=True)
class _LiveStage:
    """A stage with the shares its present components have once absent ones have ceded theirs."""

    spec: StageSpec
    counts: tuple[Count, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, spec: StageSpec, counts: Mapping[tuple[str, str], Count]) -> Self:
        of_stage = tuple(counts[spec.name, component.name] for component in spec.components)
        weights = [
            0.0 if component.is_optional and not count.documents else component.weight
            for component, count in zip(spec.components, of_stage, strict=True)
        ]
        total = math.fsum(weights)
        return cls(spec, of_stage, tuple(weight / total if total else 0.0 for weight in weights))

    @property
    def capacities(self) -> tuple[int, ...]:
        """Tokens each component can give at its repetition cap."""
        return tuple(
            math.floor(count.tokens * component.max_epochs)
            for component, count in zip(self.spec.components, self.counts, strict=True)
        )

    @property
    def fixed_budget(self) -> int | None:
        if self.spec.budget_tokens is None:
            return None
        return _whole_windows(self.spec.budget_tokens, self.spec.sequence_tokens)

    def without_budget(self) -> "_LiveStage":
        return dataclasses.replace(self, spec=self.spec.model_copy(update={"budget_tokens": None}))


def _check_every_stage(stages: tuple[_LiveStage, ...]) -> None:
    """Raise InfeasibleError with one line for each component that cannot give its share."""
    problems = [problem for stage in stages for problem in _absences(stage)]
    if not problems:
        problems = _shortages(stages)
    if problems:
        raise InfeasibleError("the mixture cannot be met:\n  " + "\n  ".join(problems))


def _absences(stage: _LiveStage) -> list[str]:
    name = stage.spec.name
    if not any(count.documents for count in stage.counts):
        return [f"stage {name!r}: no component has a document"]
    problems = []
    for component, count, share in zip(
        stage.spec.components, stage.counts, stage.shares, strict=True
    ):
        if share and not count.documents:
            needed = (
                f"{component.weight:g}% of the stage"
                if stage.fixed_budget is None
                else f"{round(share * stage.fixed_budget):,} tokens"
            )
            problems.append(
                f"stage {name!r}: component {component.name!r} must give {needed} but no document "
                "meets its conditions; widen them, or set is_optional: true to spread its share"
            )
    return problems


def _shortages(stages: tuple[_LiveStage, ...]) -> list[str]:
    program = _Program(stages)
    short_tokens = program.least_shortage()
    problems = []
    for stage, shorts in zip(stages, program.by_stage(short_tokens), strict=True):
        if stage.fixed_budget is None or shorts.sum() <= RELATIVE_TOLERANCE * stage.fixed_budget:
            continue
        [largest] = _largest_budgets((stage.without_budget(),))
        for component, count, share, short in zip(
            stage.spec.components, stage.counts, stage.shares, shorts, strict=True
        ):
            if short > RELATIVE_TOLERANCE * stage.fixed_budget:
                problems.append(
                    _shortage(stage, component, count=count, share=share, short=short)
                    + f"; lower budget_tokens to {largest:,}, raise max_epochs, or lower its weight"
                )
    return problems


def _shortage(
    stage: _LiveStage, component: ComponentSpec, *, count: Count, share: float, short: float
) -> str:
    needed = share * (stage.fixed_budget or 0)
    return (
        f"stage {stage.spec.name!r}: component {component.name!r} must give {needed:,.0f} tokens "
        f"({100 * share:g}% of {stage.fixed_budget:,}), but {count.documents:,} documents of "
        f"{count.tokens:,} tokens give {count.tokens * component.max_epochs:,.0f} at max_epochs "
        f"{component.max_epochs:g}: {short:,.0f} tokens short"
    )


class _Program:
    """The linear program over all stages, in units of the largest quantity that occurs.

    Columns: tokens of each component | its shortage | each stage's budget. One row a component:
    ``tokens + shortage - share * budget = 0``. Tokens are bounded by supply times repetitions.
    """

    def __init__(self, stages: tuple[_LiveStage, ...]) -> None:
        self._stages = stages
        self._sizes = [len(stage.shares) for stage in stages]
        capacities = np.concatenate([np.array(stage.capacities, float) for stage in stages])
        budgets = [stage.fixed_budget for stage in stages]
        self._unit = max(capacities.max(), *(float(budget or 1) for budget in budgets))
        size = len(capacities)
        shares = np.zeros((size, len(stages)))
        first = 0
        for number, stage in enumerate(stages):
            shares[first : first + self._sizes[number], number] = stage.shares
            first += self._sizes[number]
        self._rows = np.hstack([np.eye(size), np.eye(size), -shares])
        self._token_bounds = [(0.0, capacity / self._unit) for capacity in capacities]
        self._budget_bounds = [
            (0.0, None) if budget is None else (budget / self._unit, budget / self._unit)
            for budget in budgets
        ]

    def by_stage(self, values: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
        """Split values of the components by stage."""
        return np.split(values, np.cumsum(self._sizes)[:-1])

    def least_shortage(self) -> npt.NDArray[np.float64]:
        """Tokens that each component lacks to give its share of a fixed budget."""
        size = sum(self._sizes)
        cost = np.concatenate([np.zeros(size), np.ones(size), np.zeros(len(self._stages))])
        return self._minimize(cost, max_shortage=None)[size : 2 * size]

    def largest_budgets(self) -> npt.NDArray[np.float64]:
        """Each stage's budget, the free ones as large as can be, without any shortage."""
        size = sum(self._sizes)
        cost = np.concatenate([np.zeros(2 * size), -np.ones(len(self._stages))])
        return self._minimize(cost, max_shortage=0.0)[2 * size :]

    def _minimize(
        self, cost: npt.NDArray[np.float64], *, max_shortage: float | None
    ) -> npt.NDArray[np.float64]:
        shortage_bounds = [(0.0, max_shortage)] * sum(self._sizes)
        outcome = linprog(
            cost,
            A_eq=self._rows,
            b_eq=np.zeros(len(self._rows)),
            bounds=[*self._token_bounds, *shortage_bounds, *self._budget_bounds],
            method="highs",
        )
        if outcome.x is None:
            raise InfeasibleError(f"the linear program has no solution: {outcome.message}")
        solution: npt.NDArray[np.float64] = outcome.x * self._unit
        return solution


def _largest_budgets(stages: tuple[_LiveStage, ...]) -> list[int]:
    free = [stage for stage in stages if stage.fixed_budget is None]
    largest = iter(_Program(tuple(free)).largest_budgets() if free else ())
    return [
        _whole_windows(_exact_budget(stage, next(largest)), stage.spec.sequence_tokens)
        if stage.fixed_budget is None
        else stage.fixed_budget
        for stage in stages
    ]


def _exact_budget(stage: _LiveStage, budget: float) -> int:
    """Undo the program's rounding: no component's share may exceed what it can give."""
    limits = [
        capacity / share
        for capacity, share in zip(stage.capacities, stage.shares, strict=True)
        if share
    ]
    return math.floor(min(budget * (1 + RELATIVE_TOLERANCE), *limits))


def _whole_windows(budget_tokens: int, sequence_tokens: int) -> int:
    if budget_tokens < sequence_tokens:
        return budget_tokens
    return budget_tokens - budget_tokens % sequence_tokens


def _solve_stage(stage: _LiveStage, budget_tokens: int, supply: Supply) -> StageSolution:
    """Give every component what comes nearest to its target, and the last the rest.

    Documents come whole, so the others give a little too much or too little. The last makes up for
    it, and is the one that both could give more and would notice it least.
    """
    name = stage.spec.name
    targets = _apportion(budget_tokens, stage.shares)
    in_turn = sorted(
        range(len(targets)), key=lambda n: min(targets[n], stage.capacities[n] - targets[n])
    )
    draws: dict[int, Draw] = {}
    for number in in_turn:
        rest = budget_tokens - sum(drawn.tokens for drawn in draws.values())
        limit = min(rest, stage.capacities[number])
        wanted = rest if number == in_turn[-1] else targets[number]
        draws[number] = draw(
            supply.bin_tokens(name, stage.spec.components[number].name),
            target_tokens=min(wanted, limit),
            max_tokens=limit,
        )
    return StageSolution(
        name=name,
        sequence_tokens=stage.spec.sequence_tokens,
        budget_tokens=budget_tokens,
        unassigned_documents=supply.unassigned(name).documents,
        components=tuple(
            ComponentSolution(
                name=component.name,
                weight=component.weight,
                share_ratio=stage.shares[number],
                max_epochs=component.max_epochs,
                supply_documents=stage.counts[number].documents,
                supply_tokens=stage.counts[number].tokens,
                target_tokens=targets[number],
                expected_tokens=draws[number].tokens,
                whole_copies=draws[number].whole_copies,
                extra_bins=draws[number].extra_bins,
            )
            for number, component in enumerate(stage.spec.components)
        ),
    )


def _apportion(total: int, shares: tuple[float, ...]) -> list[int]:
    """Split ``total`` by largest remainder, so that the parts sum to it."""
    exact = [total * share for share in shares]
    parts = [math.floor(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda number: parts[number] - exact[number])
    for number in by_remainder[: total - sum(parts)]:
        parts[number] += 1
    return parts
