"""The mixture as it was solved and as it was written, and the ledgers of what it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mixtures.ledger import DIMENSIONS, ENTRY_NAMES, NO_VALUE, unnest
from mixtures.packing import PackingCounts
from mixtures.solution import ComponentSolution, MixtureSolution, StageSolution
from mixtures.stage_files import WINDOWS_PREFIX
from pipeline.records.manifest import Manifest, Statistics, merge_statistics
from pipeline.report.quantities import ratio_of

COMPONENT = ENTRY_NAMES[0]

_COUNTS = ("documents", "tokens", "unique_tokens", "new_tokens")


@dataclass(frozen=True, kw_only=True)
class MixtureComponent:
    """One component of one stage: what the recipe asks, what was solved, what was written.

    What was written is None until the stage's windows are. ``documents`` are copies, repetitions
    counted; ``unique_tokens`` count each document once, ``new_tokens`` only those that no earlier
    stage used.
    """

    solved: ComponentSolution
    realised_tokens: int | None
    realised_ratio: float | None
    documents: int | None
    unique_tokens: int | None
    new_tokens: int | None

    @property
    def name(self) -> str:
        """Unique in its stage."""
        return self.solved.name

    @property
    def is_absent(self) -> bool:
        """Whether it has no document, so that the other components share its part."""
        return self.solved.is_absent

    @property
    def difference_tokens(self) -> int | None:
        """Realised tokens beyond the target; negative where some are missing."""
        if self.realised_tokens is None:
            return None
        return self.realised_tokens - self.solved.target_tokens

    @property
    def epochs(self) -> float | None:
        """Copies of the average token: as written, else as solved; None without supply."""
        if self.realised_tokens is None:
            return self.solved.epochs
        return ratio_of(self.realised_tokens, self.solved.supply_tokens)


@dataclass(frozen=True, kw_only=True)
class MixtureStage:
    """One stage of the mixture. ``packing`` is None until its windows are written.

    ``live_targets`` are (depth, targets that the loss may count), depth 0 being the next token.
    """

    name: str
    sequence_tokens: int
    target_tokens: int
    unassigned_documents: int
    components: tuple[MixtureComponent, ...]
    packing: PackingCounts | None
    live_targets: tuple[tuple[int, int], ...]

    @property
    def realised_tokens(self) -> int | None:
        """Tokens written."""
        return None if self.packing is None else self.packing.tokens

    @property
    def documents(self) -> int | None:
        """Copies of documents written."""
        return None if self.packing is None else self.packing.documents


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """Tokens of one value of a column: before the mixture, and in each of its stages.

    ``solved_tokens`` is what the solution expects of each stage. A number is None where nothing was
    counted by this column.
    """

    value: str
    supply_tokens: int | None
    stage_tokens: tuple[int | None, ...]
    solved_tokens: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What the stages are made of, by the values of one column; rows largest first."""

    column: str
    stages: tuple[str, ...]
    rows: tuple[LedgerRow, ...]

    @property
    def has_supply(self) -> bool:
        """Whether tokens were counted by this column before the mixture."""
        return any(row.supply_tokens is not None for row in self.rows)


def summarize_mixture(
    solution: MixtureSolution, manifests: Sequence[Manifest]
) -> tuple[MixtureStage, ...]:
    """Put beside each solved stage what its windows hold, where they are written."""
    written = {
        manifest.stage.removeprefix(WINDOWS_PREFIX): manifest.statistics
        for manifest in manifests
        if manifest.stage.startswith(WINDOWS_PREFIX)
    }
    return tuple(_stage(stage, written.get(stage.name)) for stage in solution.stages)


def summarize_ledgers(manifests: Sequence[Manifest]) -> tuple[Ledger, ...]:
    """A ledger for each dimension that the windows were counted by."""
    written = [
        (manifest.stage.removeprefix(WINDOWS_PREFIX), _ledger_of(manifest.statistics))
        for manifest in manifests
        if manifest.stage.startswith(WINDOWS_PREFIX)
    ]
    if not written:
        return ()
    supply = _supply(manifests)
    solved = merge_statistics(manifest.statistics.get("ledger", {}) for manifest in manifests)
    return tuple(
        _ledger(dimension, written, solved, supply.get(dimension, {})) for dimension in DIMENSIONS
    )


def _stage(solved: StageSolution, statistics: Statistics | None) -> MixtureStage:
    counted: Mapping[str, Any] = (statistics or {}).get("windows", {}).get("packing", {})
    packing = None
    if counted:
        names = [field.name for field in fields(PackingCounts)]
        packing = PackingCounts(**{name: counted[name] for name in names})
    realised = {} if packing is None else _ledger_of(statistics or {}).get(COMPONENT, {})
    total = None if packing is None else packing.tokens
    return MixtureStage(
        name=solved.name,
        sequence_tokens=solved.sequence_tokens,
        target_tokens=solved.budget_tokens,
        unassigned_documents=solved.unassigned_documents,
        components=tuple(
            _component(component, realised.get(component.name, {}), total)
            for component in solved.components
        ),
        packing=packing,
        live_targets=tuple(
            sorted((int(depth), live) for depth, live in counted.get("live_targets", {}).items())
        ),
    )


def _component(
    solved: ComponentSolution, realised: Mapping[str, int], total: int | None
) -> MixtureComponent:
    counts = {name: None if total is None else realised.get(name, 0) for name in _COUNTS}
    return MixtureComponent(
        solved=solved,
        realised_tokens=counts["tokens"],
        realised_ratio=ratio_of(counts["tokens"], total),
        documents=counts["documents"],
        unique_tokens=counts["unique_tokens"],
        new_tokens=counts["new_tokens"],
    )


Sums = dict[str, dict[str, int]]


def _ledger_of(statistics: Statistics) -> dict[str, Sums]:
    """The nested ledger summed by each of its names: name, value, then counts."""
    sums: dict[str, Sums] = {name: {} for name in ENTRY_NAMES}
    for entry, realised in unnest(statistics.get("window-documents", {}).get("ledger", {})).items():
        for name, value in zip(ENTRY_NAMES, entry, strict=True):
            of_value = sums[name].setdefault(value, dict.fromkeys(_COUNTS, 0))
            for count in _COUNTS:
                of_value[count] += getattr(realised, count)
    return sums


def _supply(manifests: Sequence[Manifest]) -> dict[str, dict[str, int]]:
    """Tokens that the mixture could draw from, by dimension and value."""
    tokens = merge_statistics(manifest.statistics.get("tokens", {}) for manifest in manifests)
    supply = {name: tokens[column] for name, column in DIMENSIONS.items() if column in tokens}
    sources = tokens.get("sources", {})
    return supply | {"source": {name: counts["tokens"] for name, counts in sources.items()}}


def _ledger(
    dimension: str,
    written: Sequence[tuple[str, Mapping[str, Sums]]],
    solved: Statistics,
    supply: Mapping[str, int],
) -> Ledger:
    values = {value for _, ledger in written for value in ledger[dimension]} | set(supply)
    rows = [
        LedgerRow(
            value=value,
            supply_tokens=supply.get(value, 0) if supply else None,
            stage_tokens=tuple(
                ledger[dimension].get(value, {}).get("tokens", 0) for _, ledger in written
            ),
            solved_tokens=tuple(
                solved.get(stage, {}).get(dimension, {}).get(value, 0) if solved else None
                for stage, _ in written
            ),
        )
        for value in sorted(values)
    ]
    if not all(row.value.isdecimal() for row in rows if row.value != NO_VALUE):
        rows.sort(key=lambda row: -max(row.supply_tokens or 0, *(n or 0 for n in row.stage_tokens)))
    return Ledger(column=dimension, stages=tuple(name for name, _ in written), rows=tuple(rows))
