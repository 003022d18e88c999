"""The solver: measured supply and specification -> how often each cell's documents are used.

A linear program (``mixtures.program``) finds each stage's budget and each component's part of it,
or what they lack; the budgets become whole windows, and the parts copies of hash bins, stage after
stage (``mixtures.drawing``). The bins' tokens are known, so the solution states beforehand exactly
how many tokens sampling gives.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mixtures.cells import Cell, parse_cells
from mixtures.drawing import Deck
from mixtures.program import Amounts, CopyCap, Ingredient, Key, MixtureProgram
from mixtures.shortages import explain_absence, explain_shortages
from mixtures.solution import ComponentSolution, MixtureSolution, Run, StageSolution
from mixtures.spec import ComponentSpec, MixtureConfig, StageSpec
from mixtures.supply import Bins, Count, Int64Array, Supply
from mixtures.upsampling import Cuts
from pipeline.errors import InfeasibleError


def solve(mixture: MixtureConfig, supply: Supply, cuts: Cuts) -> MixtureSolution:
    """Find how much of each component every stage takes.

    ``cuts`` are those under which ``supply`` was measured. A stage's budget is taken down to whole
    windows, unless it is less than one; what it gives never exceeds it, so that packing needs no
    window more. Raises InfeasibleError naming every demand that cannot be met, by how many tokens;
    or a component that misses its share by more than the mixture allows, because documents come
    whole.
    """
    measured = _Measured(mixture, supply)
    amounts = _solve_amounts(measured)
    draws = _Draws(measured)
    stages = tuple(
        draws.stage(number, amounts, budget)
        for number, budget in enumerate(
            _whole_windows(budget, stage.sequence_tokens)
            for budget, stage in zip(amounts.budgets, mixture.stages, strict=True)
        )
    )
    _check_shares(stages, mixture)
    return MixtureSolution(seed=mixture.seed, cuts=cuts, stages=stages)


@dataclass(frozen=True)
class _Measured:
    """A mixture beside its supply: cells, and what they add up to."""

    mixture: MixtureConfig
    supply: Supply

    @cached_property
    def bins(self) -> Mapping[str, Bins]:
        return self.supply.cells()

    @cached_property
    def cells(self) -> list[Cell]:
        return parse_cells(self.bins, self.mixture)

    @cached_property
    def counts(self) -> dict[Key, Count]:
        """Documents and tokens of every component, those that curves drop included."""
        counts = {
            (number, place): Count(0, 0)
            for number, stage in enumerate(self.mixture.stages)
            for place in range(len(stage.components))
        }
        for cell in self.cells:
            for number, slot in enumerate(cell.slots):
                if slot is not None:
                    counts[number, slot.component] += self.bins[cell.key].count
        return counts

    def cells_of(self, key: Key) -> list[Cell]:
        """Cells that a component draws from."""
        return [cell for cell in self.cells if _factor(cell, key) > 0]

    @cached_property
    def ingredients(self) -> dict[Key, Ingredient]:
        """The components that have documents to give."""
        found = {}
        for number, stage in enumerate(self.mixture.stages):
            present = {
                (number, place): component
                for place, component in enumerate(stage.components)
                if self.cells_of((number, place))
            }
            weights = _ceded_weights(stage, list(present.values()))
            for (key, component), weight in zip(present.items(), weights, strict=True):
                factors = [_factor(cell, key) for cell in self.cells_of(key)]
                tokens = [self.bins[cell.key].count.tokens for cell in self.cells_of(key)]
                found[key] = Ingredient(
                    spec=component,
                    supply=self.counts[key],
                    weighted_tokens=math.fsum(map(math.prod, zip(factors, tokens, strict=True))),
                    top_factor=max(factors),
                    weight=weight,
                )
        return found

    def copies_per_token(self, cell: Cell, number: int) -> tuple[Key, float] | None:
        """Which component of a stage draws from the cell, and how many copies a token of it is."""
        slot = cell.slots[number]
        if slot is None or not slot.factor:
            return None
        key = (number, slot.component)
        return key, slot.factor / self.ingredients[key].weighted_tokens

    def caps(self) -> list[CopyCap]:
        """Caps on copies, each once however many cells it holds for."""
        caps: dict[CopyCap, None] = {}
        for cell in self.cells:
            terms = [self.copies_per_token(cell, n) for n in range(len(cell.slots))]
            used = tuple(term for term in terms if term is not None)
            if not used:
                continue
            most = self.mixture.repetition[cell.rule].max_epochs
            caps[CopyCap(used, most, cell.rule, used[-1][0][0])] = None
            for number, term in enumerate(terms):
                if term is not None and self.ingredients[term[0]].spec.is_fresh:
                    so_far = tuple(one for one in terms[: number + 1] if one is not None)
                    caps[CopyCap(so_far, 1.0, None, number)] = None
        return list(caps)


def _factor(cell: Cell, key: Key) -> float:
    slot = cell.slots[key[0]]
    return slot.factor if slot is not None and slot.component == key[1] else 0.0


def _ceded_weights(stage: StageSpec, present: Sequence[ComponentSpec]) -> list[float | None]:
    """Weights as parts of 1. Where all of a stage have one, present components share all of it."""
    weights = [component.weight for component in present]
    total = 100.0
    if all(component.weight is not None for component in stage.components):
        total = math.fsum(weight or 0.0 for weight in weights)
    return [None if weight is None else weight / total for weight in weights]


def _solve_amounts(measured: _Measured) -> Amounts:
    mixture = measured.mixture
    absences = explain_absence(mixture, measured.ingredients, measured.counts)
    _refuse(absences)
    budgets = [
        None
        if stage.budget_tokens is None
        else _whole_windows(stage.budget_tokens, stage.sequence_tokens)
        for stage in mixture.stages
    ]
    program = MixtureProgram(mixture.stages, measured.ingredients, measured.caps(), budgets)
    shortages, given = program.least_shortages()
    _refuse(explain_shortages(mixture, program, shortages, given))
    return program.nearest_to_preferred(program.largest_budgets())


def _whole_windows(budget_tokens: float, sequence_tokens: int) -> int:
    """Tokens of the windows that a budget fills; a budget below one window is kept.

    The program's solutions are exact to some 1e-12; what it rounded off is given back.
    """
    whole = math.floor(budget_tokens * (1 + 1e-9) + 1e-6)
    return whole if whole < sequence_tokens else whole - whole % sequence_tokens


class _DrawnCell(NamedTuple):
    """What a component drew from a cell; ``max_copies`` of the document it drew most of."""

    runs: tuple[Run, ...]
    tokens: int
    max_copies: int


class _Draws:
    """Draws bins for stage after stage; each cell remembers what it has given."""

    def __init__(self, measured: _Measured) -> None:
        self._measured = measured
        self._decks = {key: Deck(bins.tokens) for key, bins in measured.bins.items()}

    def stage(self, number: int, amounts: Amounts, budget_tokens: int) -> StageSolution:
        """Give every component what comes nearest to its target, and the last the rest.

        Documents come whole, so the others give a little too much or too little. The last makes up
        for it, and is the one that both could give more and would notice it least.
        """
        spec = self._measured.mixture.stages[number]
        solved = [amounts.tokens.get((number, n), 0.0) for n in range(len(spec.components))]
        total = math.fsum(solved)
        shares = [tokens / total if total else 0.0 for tokens in solved]
        targets = _apportion(budget_tokens, shares)
        limits = [self._limit((number, n)) for n in range(len(targets))]
        in_turn = sorted(range(len(targets)), key=lambda n: min(targets[n], limits[n] - targets[n]))
        runs: dict[str, tuple[Run, ...]] = {}
        expected = [0] * len(targets)
        copies = [0] * len(targets)
        for place in in_turn:
            rest = budget_tokens - sum(expected)
            wanted = rest if place == in_turn[-1] else targets[place]
            drawn = self._component((number, place), wanted, rest)
            expected[place] = sum(cell.tokens for cell in drawn.values())
            copies[place] = max((cell.max_copies for cell in drawn.values()), default=0)
            runs |= {key: cell.runs for key, cell in drawn.items() if cell.runs}
        counts = self._measured.counts
        unassigned = [cell for cell in self._measured.cells if cell.slots[number] is None]
        return StageSolution(
            name=spec.name,
            sequence_tokens=spec.sequence_tokens,
            budget_tokens=budget_tokens,
            unassigned_documents=sum(self._count(cell).documents for cell in unassigned),
            components=tuple(
                ComponentSolution(
                    name=component.name,
                    asked=component.asked,
                    share_ratio=shares[place],
                    supply_documents=counts[number, place].documents,
                    supply_tokens=counts[number, place].tokens,
                    dropped_documents=self._dropped((number, place)),
                    target_tokens=targets[place],
                    expected_tokens=expected[place],
                    max_copies=copies[place],
                )
                for place, component in enumerate(spec.components)
            ),
            cells=dict(sorted(runs.items())),
        )

    def _component(self, key: Key, target_tokens: int, max_tokens: int) -> dict[str, _DrawnCell]:
        """What a component draws, by the keys of its cells.

        What one cell misses, because its documents come whole, is asked of the next; those that can
        give most beyond their target come last. What then is still missing is asked of all again:
        first not to exceed it, then for what comes nearest.
        """
        cells = self._measured.cells_of(key)
        decks = [self._decks[cell.key] for cell in cells]
        before = [deck.copies.copy() for deck in decks]
        weights = [_factor(cell, key) * self._count(cell).tokens for cell in cells]
        total = math.fsum(weights)
        targets = _apportion(target_tokens, [weight / total for weight in weights])
        limits = [self._cell_limit(cell, key) for cell in cells]
        slack = [min(t, limit - t) for t, limit in zip(targets, limits, strict=True)]
        in_turn = sorted(range(len(cells)), key=lambda n: (slack[n], cells[n].key))
        given = [0] * len(cells)
        wanted = 0
        for place in in_turn:
            wanted += targets[place]
            limit = min(limits[place], max_tokens - sum(given))
            target = max(0, min(wanted - sum(given), limit))
            if place == in_turn[-1]:
                limit = target
            given[place] = decks[place].draw_tokens(target_tokens=target, max_tokens=limit)
        for most, place in itertools.product((target_tokens, max_tokens), reversed(in_turn)):
            limit = min(limits[place] - given[place], most - sum(given))
            missing = min(target_tokens - sum(given), limit)
            if missing > 0:
                given[place] += decks[place].draw_tokens(target_tokens=missing, max_tokens=limit)
        drawn = {}
        for place, cell in enumerate(cells):
            copies = decks[place].copies - before[place]
            runs = _runs(self._measured.bins[cell.key].bins, before[place], copies)
            drawn[cell.key] = _DrawnCell(runs, given[place], int(copies.max(initial=0)))
        return drawn

    def _count(self, cell: Cell) -> Count:
        return self._measured.bins[cell.key].count

    def _dropped(self, key: Key) -> int:
        slots = [(cell, cell.slots[key[0]]) for cell in self._measured.cells]
        return sum(
            self._count(cell).documents
            for cell, slot in slots
            if slot is not None and slot.component == key[1] and not slot.factor
        )

    def _limit(self, key: Key) -> int:
        return sum(self._cell_limit(cell, key) for cell in self._measured.cells_of(key))

    def _cell_limit(self, cell: Cell, key: Key) -> int:
        """Tokens that the cell may still give to a component."""
        deck = self._decks[cell.key]
        spec = self._measured.ingredients[key].spec
        most = math.floor(self._measured.mixture.repetition[cell.rule].max_epochs * deck.total)
        if spec.is_fresh:
            most = min(most, deck.total)
        most -= deck.used
        if spec.max_epochs is not None:
            most = min(most, math.floor(spec.max_epochs * deck.total))
        return max(most, 0)


def _apportion(total: int, shares: Sequence[float]) -> list[int]:
    """Split ``total`` by largest remainder, so that the parts sum to it."""
    exact = [total * share for share in shares]
    parts = [math.floor(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda number: parts[number] - exact[number])
    for number in by_remainder[: total - sum(parts)]:
        parts[number] += 1
    return parts


def _runs(bins: npt.NDArray[np.int32], before: Int64Array, copies: Int64Array) -> tuple[Run, ...]:
    """Neighbouring bins of equal counts as one run; bins without a copy are left out."""
    starts = np.flatnonzero(
        np.concatenate([[True], (np.diff(before) != 0) | (np.diff(copies) != 0)])[: len(bins)]
    )
    ends = [*starts[1:], len(bins)]
    return tuple(
        (int(bins[low]), int(bins[high - 1]) + 1, int(before[low]), int(copies[low]))
        for low, high in zip(starts, ends, strict=True)
        if copies[low]
    )


def _check_shares(stages: Sequence[StageSolution], mixture: MixtureConfig) -> None:
    """Raise InfeasibleError where a demand is missed by more than the mixture allows."""
    problems = []
    for stage, spec in zip(stages, mixture.stages, strict=True):
        total = max(stage.expected_tokens, 1)
        shares = [100 * component.expected_tokens / total for component in stage.components]
        for names, low, high in _demands(stage, spec):
            share = sum(
                part
                for part, component in zip(shares, spec.components, strict=True)
                if component.name in names
            )
            wanted = min(max(share, low), high)
            if abs(share - wanted) > mixture.max_share_error_percent:
                problems.append(
                    f"stage {stage.name!r}: {' + '.join(names)} come to {share:.2f}% instead of "
                    f"{wanted:.2f}%, because documents come whole; raise the stage's budget, or "
                    "max_share_error_percent"
                )
    _refuse(problems)


def _refuse(problems: Sequence[str]) -> None:
    """Raise InfeasibleError with a line for each problem, if there is any."""
    if problems:
        raise InfeasibleError("the mixture cannot be met:\n  " + "\n  ".join(problems))


def _demands(
    stage: StageSolution, spec: StageSpec
) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Components, and the percent they must make up together; absent ones are asked nothing."""
    for component, solved in zip(spec.components, stage.components, strict=True):
        target = 100 * solved.target_tokens / max(stage.budget_tokens, 1)
        if component.has_amount:
            yield (component.name,), target, target
        elif not solved.is_absent:
            yield (component.name,), component.min_percent or 0, component.max_percent or 100
    for limit in spec.limits:
        yield limit.components, limit.min_percent or 0, limit.max_percent or 100
