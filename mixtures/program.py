"""The linear program of a mixture: how many tokens each component gives to each stage.

Unknowns are the tokens of every component, every stage's budget, and what is missing where a demand
cannot be met. Rows say how the budgets are shared and how often a document may be used:

    weight     tokens + short          = share * budget
    tokens     tokens + short          = a number         (epochs: times the supply)
    stage      sum(tokens + short) + short = budget + over
    limits     min * budget <= sum(tokens) <= max * budget
    cell       sum over stages of its copies <= max_epochs of its rule
    fresh      sum over this stage and those before it of its copies <= 1

HiGHS solves it (``scipy.optimize.linprog``), each stage in units of its budget or its largest
component: what it lets rows be violated by, 1e-7, is then a share of the stage, however large
another is.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import csr_array

from mixtures.spec import ComponentSpec, StageSpec
from mixtures.supply import Count
from pipeline.errors import InfeasibleError

RELATIVE_TOLERANCE = 1e-6
"""Share of a demand that may be short before it counts: ten times HiGHS's own feasibility."""

_ROUNDING = 1e-9
"""Relative error allowed for when a solution of one program becomes a bound of the next."""

FloatArray = npt.NDArray[np.float64]
Key = tuple[int, int]
"""A component: the numbers of its stage and of itself."""


@dataclass(frozen=True)
class Ingredient:
    """A component with documents to give.

    ``weighted_tokens`` are its tokens times their upsampling factors, ``top_factor`` the largest
    factor that occurs; ``weight`` is the spec's, after absent components have ceded theirs, as a
    part of 1.
    """

    spec: ComponentSpec
    supply: Count
    weighted_tokens: float
    top_factor: float
    weight: float | None

    @property
    def capacity(self) -> float:
        """Tokens it can give at its own ``max_epochs``."""
        if self.spec.max_epochs is None:
            return math.inf
        return self.spec.max_epochs * self.weighted_tokens / self.top_factor


@dataclass(frozen=True)
class CopyCap:
    """At most ``max_copies`` of a document: sum of ``copies[key] * tokens of key``.

    ``rule`` is a number in ``MixtureConfig.repetition``, or None where the stage ``stage`` takes
    fresh documents only. ``copies`` is copies of each document per token of the component.
    """

    copies: tuple[tuple[Key, float], ...]
    max_copies: float
    rule: int | None
    stage: int


@dataclass(frozen=True)
class Shortage:
    """What one demand lacks: tokens that a component, a limit or a stage cannot give.

    ``kind`` is "component", "limit", "stage" or "over"; ``index`` numbers the component or limit.
    """

    kind: str
    stage: int
    index: int
    tokens: float


@dataclass(frozen=True)
class Amounts:
    """A solution, in tokens."""

    tokens: Mapping[Key, float]
    budgets: Sequence[float]


@dataclass
class _Rows:
    """Rows of a sparse matrix, with their right sides."""

    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    rights: list[float] = field(default_factory=list)

    def add(self, entries: Iterable[tuple[int, float]], right: float = 0.0) -> None:
        for column, value in entries:
            self.columns.append(column)
            self.values.append(value)
        self.starts.append(len(self.columns))
        self.rights.append(right)

    def matrix(self, width: int) -> csr_array | None:
        if not self.rights:
            return None
        shape = (len(self.rights), width)
        return csr_array((self.values, self.columns, self.starts), shape=shape)


class MixtureProgram:
    """The program for given ingredients; each method solves it for another aim."""

    def __init__(
        self,
        stages: Sequence[StageSpec],
        ingredients: Mapping[Key, Ingredient],
        caps: Sequence[CopyCap],
        budgets: Sequence[int | None],
    ) -> None:
        """Take ``budgets`` in whole windows, None where a stage's is free."""
        self._stages = stages
        self._ingredients = ingredients
        self._caps = caps
        self._fixed = budgets
        self._units = [
            float(budget or max(one.weighted_tokens for one in self._of_stage(number).values()))
            for number, budget in enumerate(budgets)
        ]
        self._bounds: list[tuple[float, float | None]] = []
        self._equal, self._most = _Rows(), _Rows()
        self._shortages: list[tuple[int, str, int, int]] = []  # column, kind, stage, index
        self._tokens = {
            key: self._variable(ingredient.capacity / self._units[key[0]])
            for key, ingredient in ingredients.items()
        }
        self._budgets = [self._variable(math.inf) for _ in stages]
        self._total = self._variable(math.inf)
        for number in range(len(stages)):
            self._add_stage(number)
        self._add_caps()

    def ingredient(self, key: Key) -> Ingredient:
        """What a component has to give."""
        return self._ingredients[key]

    def caps_on(self, key: Key) -> list[CopyCap]:
        """The caps that bound a component."""
        return [cap for cap in self._caps if key in dict(cap.copies)]

    def least_shortages(self) -> tuple[list[Shortage], Amounts]:
        """What is missing for the budgets that are fixed, nothing below tolerance, and the rest."""
        cost = np.zeros(len(self._bounds))
        for column, _, stage, _ in self._shortages:
            # Of stages that compete, the later is short: the earlier one is trained first.
            cost[column] = 1.0 - 0.1 * stage / len(self._stages)
        found = self._minimize(cost)
        shortages = [
            Shortage(kind, stage, index, found[column] * self._units[stage])
            for column, kind, stage, index in self._shortages
            if found[column] * self._units[stage] > RELATIVE_TOLERANCE * self._scale(stage)
        ]
        return shortages, self._amounts(found)

    def largest_budgets(self) -> Amounts:
        """Free budgets as large as can be, none at the cost of another.

        Stages that compete for the same documents get the same part of what each could have alone;
        what then is left goes to any.
        """
        free = self._free_budgets()
        bounds = self._without_shortages()
        if not free:
            return self._amounts(self._minimize(np.zeros(len(bounds)), bounds))
        alone = [self._largest(column, bounds) for column in free]
        part = len(bounds)
        rows = [[(part, most), (column, -1.0)] for column, most in zip(free, alone, strict=True)]
        cost = np.zeros(part + 1)
        cost[part] = -1.0
        fair = self._minimize(cost, [*bounds, (0.0, 1.0)], rows)[part] * (1 - _ROUNDING)
        for column, most in zip(free, alone, strict=True):
            bounds[column] = (fair * most, None)
        cost = np.zeros(len(bounds))
        cost[free] = -1.0
        return self._amounts(self._minimize(cost, bounds))

    def largest_budget(self, stage: int, amounts: Amounts) -> float:
        """The largest budget of ``stage`` when the others take what ``amounts`` gives them."""
        bounds = list(self._bounds)
        for column, _, of_stage, _ in self._shortages:
            bounds[column] = (0.0, 0.0) if of_stage == stage else (0.0, None)
        for (of_stage, number), column in self._tokens.items():
            if of_stage != stage:
                taken = amounts.tokens[of_stage, number] / self._units[of_stage]
                bounds[column] = (taken * (1 - RELATIVE_TOLERANCE), taken)
        bounds[self._budgets[stage]] = (0.0, None)
        return self._largest(self._budgets[stage], bounds) * self._units[stage]

    def nearest_to_preferred(self, amounts: Amounts) -> Amounts:
        """Components without an amount as near as can be to their preferred parts.

        Budgets are those of ``amounts``. The largest relative deviation is made least, then their
        sum; where floors, caps and supply allow it there is none.
        """
        preferred = self._preferred(amounts)
        if not preferred:
            return amounts
        bounds = self._without_shortages()
        for number, column in enumerate(self._budgets):
            budget = amounts.budgets[number] / self._units[number]
            bounds[column] = (budget * (1 - _ROUNDING), budget)
        worst = len(bounds)
        deviations = {key: worst + 1 + number for number, key in enumerate(preferred)}
        rows, rights = [], []
        for key, wanted in preferred.items():
            for sign in (1.0, -1.0):
                for column, scale in ((worst, wanted), (deviations[key], 1.0)):
                    rows.append([(self._tokens[key], sign), (column, -scale)])
                    rights.append(sign * wanted)
        bounds += [(0.0, None)] * (1 + len(preferred))
        cost = np.zeros(len(bounds))
        cost[worst] = 1.0
        least = self._minimize(cost, bounds, rows, rights)[worst]
        bounds[worst] = (0.0, least * (1 + RELATIVE_TOLERANCE) + _ROUNDING)
        cost = np.zeros(len(bounds))
        cost[worst + 1 :] = 1.0
        return self._amounts(self._minimize(cost, bounds, rows, rights))

    def _variable(self, most: float) -> int:
        self._bounds.append((0.0, None if math.isinf(most) else most))
        return len(self._bounds) - 1

    def _short(self, kind: str, stage: int, index: int) -> int:
        column = self._variable(math.inf)
        self._shortages.append((column, kind, stage, index))
        return column

    def _add_stage(self, number: int) -> None:
        stage, budget = self._stages[number], self._budgets[number]
        filled = [(budget, -1.0), (self._short("stage", number, 0), 1.0)]
        for key, ingredient in self._of_stage(number).items():
            column, spec = self._tokens[key], ingredient.spec
            filled.append((column, 1.0))
            if not spec.has_amount:
                self._bound_share(number, key[1], (key[1],), spec.min_percent, spec.max_percent)
                continue
            short = self._short("component", number, key[1])
            filled.append((short, 1.0))
            demand = [(column, 1.0), (short, 1.0)]
            if ingredient.weight is not None:
                self._equal.add([*demand, (budget, -ingredient.weight)])
            else:
                self._equal.add(demand, demanded_tokens(ingredient) / self._units[number])
        self._equal.add([*filled, (self._short("over", number, 0), -1.0)])
        for index, limit in enumerate(stage.limits):
            members = [n for n, one in enumerate(stage.components) if one.name in limit.components]
            place = len(stage.components) + index
            self._bound_share(number, place, members, limit.min_percent, limit.max_percent)
        fixed = self._fixed[number]
        if fixed is not None:
            self._bounds[budget] = (fixed / self._units[number],) * 2
        elif stage.budget_percent is not None:
            part = stage.budget_percent / 100 * max(self._units) / self._units[number]
            self._equal.add([(budget, 1.0), (self._total, -part)])

    def _bound_share(
        self,
        stage: int,
        index: int,
        components: Sequence[int],
        min_percent: float | None,
        max_percent: float | None,
    ) -> None:
        """``index`` counts the stage's components, then its limits."""
        budget = self._budgets[stage]
        members = [self._tokens[key] for n in components if (key := (stage, n)) in self._tokens]
        for percent, sign in ((min_percent, -1.0), (max_percent, 1.0)):
            if percent is not None:
                row = [(column, sign) for column in members]
                short = self._short("limit", stage, index)
                self._most.add([*row, (budget, -sign * percent / 100), (short, -1.0)])

    def _add_caps(self) -> None:
        for cap in self._caps:
            # Copies are per token; in units of a stage both sides are numbers around one.
            row = [(self._tokens[key], copies * self._units[key[0]]) for key, copies in cap.copies]
            self._most.add(row, cap.max_copies)

    def _of_stage(self, number: int) -> dict[Key, Ingredient]:
        return {key: one for key, one in self._ingredients.items() if key[0] == number}

    def _scale(self, stage: int) -> float:
        amounts = [
            demanded_tokens(one) for one in self._of_stage(stage).values() if one.spec.has_amount
        ]
        return max(float(self._fixed[stage] or 0), *amounts, 1.0)

    def _free_budgets(self) -> list[int]:
        """Columns to make large: each stage's own budget, or that of all which give a percent."""
        free = [
            column
            for column, stage, fixed in zip(self._budgets, self._stages, self._fixed, strict=True)
            if fixed is None and stage.budget_percent is None
        ]
        if any(stage.budget_percent is not None for stage in self._stages):
            free.append(self._total)
        return free

    def _without_shortages(self) -> list[tuple[float, float | None]]:
        bounds = list(self._bounds)
        for column, *_ in self._shortages:
            bounds[column] = (0.0, 0.0)
        return bounds

    def _largest(self, column: int, bounds: Sequence[tuple[float, float | None]]) -> float:
        cost = np.zeros(len(bounds))
        cost[column] = -1.0
        return float(self._minimize(cost, bounds)[column])

    def _preferred(self, amounts: Amounts) -> dict[Key, float]:
        """Parts, in units, of the components without an amount, by temperature."""
        preferred: dict[Key, float] = {}
        for number, stage in enumerate(self._stages):
            of_stage = self._of_stage(number)
            flexible = {k: one for k, one in of_stage.items() if not one.spec.has_amount}
            strengths = {
                key: one.supply.tokens ** (1 / stage.temperature) for key, one in flexible.items()
            }
            given = math.fsum(amounts.tokens[key] for key in of_stage if key not in flexible)
            left = max(amounts.budgets[number] - given, 0.0) / self._units[number]
            total = math.fsum(strengths.values())
            preferred |= {key: left * part / total for key, part in strengths.items()}
        return preferred

    def _amounts(self, found: FloatArray) -> Amounts:
        return Amounts(
            {
                key: float(found[column]) * self._units[key[0]]
                for key, column in self._tokens.items()
            },
            [
                float(found[column]) * unit
                for column, unit in zip(self._budgets, self._units, strict=True)
            ],
        )

    def _minimize(
        self,
        cost: FloatArray,
        bounds: Sequence[tuple[float, float | None]] | None = None,
        rows: Sequence[Iterable[tuple[int, float]]] = (),
        rights: Sequence[float] | None = None,
    ) -> FloatArray:
        """Minimise under the program's rows, and ``rows`` at most ``rights`` (0 by default)."""
        most = _Rows(*(list(part) for part in vars(self._most).values()))
        for row, right in zip(rows, rights or [0.0] * len(rows), strict=True):
            most.add(row, right)
        outcome = linprog(
            cost,
            A_eq=self._equal.matrix(len(cost)),
            b_eq=self._equal.rights,
            A_ub=most.matrix(len(cost)),
            b_ub=most.rights or None,
            bounds=self._bounds if bounds is None else bounds,
            method="highs",
        )
        if outcome.x is None:
            raise InfeasibleError(f"the linear program has no solution: {outcome.message}")
        solution: FloatArray = outcome.x
        return solution


def demanded_tokens(ingredient: Ingredient) -> float:
    """What ``tokens`` or ``epochs`` ask for; 0 where the amount is a weight, or there is none."""
    if ingredient.spec.tokens is not None:
        return float(ingredient.spec.tokens)
    return (ingredient.spec.epochs or 0.0) * ingredient.weighted_tokens
