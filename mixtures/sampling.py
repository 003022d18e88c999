"""Sampling: which copies of which documents a stage trains on, and in which order.

Each decision is a function of (seed, stage, component, id, copy) and of the solution, so it does
not matter which worker takes it, or when.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.cells import assign_cells, parse_cells
from mixtures.hashing import UInt64Array, id_words, keyed_hashes
from mixtures.joining import selection_words, unit_words
from mixtures.solution import MixtureSolution, Run
from mixtures.spec import MixtureConfig
from mixtures.supply import NUM_BINS, Int32Array, selection_bins

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SampledCopies:
    """Copies drawn from a batch, all arrays of one length, by component and row.

    ``row`` is the document's row in the batch, ``component`` its number in the stage. ``copy``
    counts from 0 in the stage, ``seen`` is how many copies the run has used before this one, those
    of earlier stages included. ``order`` is the copy's place in the stage's global shuffle, uniform
    over 64 bits.
    """

    row: Int64Array
    component: Int32Array
    copy: Int32Array
    seen: Int32Array
    order: UInt64Array


def sample(
    columns: pa.RecordBatch,
    ids: pa.Array,
    *,
    mixture: MixtureConfig,
    solution: MixtureSolution,
    stage: str,
) -> SampledCopies:
    """Draw the copies of a batch's documents that ``stage`` trains on.

    ``columns`` holds what conditions and curves name, ``ids`` stands beside it, row for row.
    ``mixture`` is the one that was solved. Members of a joined unit share bin, copies and order.
    """
    words = id_words(ids)
    cells = assign_cells(columns, mixture, solution.cuts)
    cell_of = cells.indices.to_numpy()
    bins = selection_bins(selection_words(columns, words, mixture), seed=mixture.seed)
    number_of_stage = [one.name for one in mixture.stages].index(stage)
    component = np.full(len(ids), -1, np.int32)
    before, copies = np.zeros(len(ids), np.int32), np.zeros(len(ids), np.int64)
    runs_of = solution.stage(stage).cells
    for number, cell in enumerate(parse_cells(cells.dictionary.to_pylist(), mixture)):
        slot = cell.slots[number_of_stage]
        if slot is None or cell.key not in runs_of:
            continue
        rows = np.flatnonzero(cell_of == number)
        component[rows] = slot.component
        before_of_bin, copies_of_bin = _by_bin(runs_of[cell.key])
        before[rows], copies[rows] = before_of_bin[bins[rows]], copies_of_bin[bins[rows]]
    by_component = np.argsort(component, kind="stable")
    drawn = np.repeat(by_component, copies[by_component])
    first_copy = np.cumsum(copies[by_component]) - copies[by_component]
    copy = (np.arange(len(drawn)) - np.repeat(first_copy, copies[by_component])).astype(np.int32)
    order = np.empty(len(drawn), np.uint64)
    units = unit_words(columns, words, component, mixture.stage(stage))
    for number, spec in enumerate(mixture.stage(stage).components):
        of_component = component[drawn] == number
        order[of_component] = keyed_hashes(
            units[drawn[of_component]],
            "order",
            mixture.seed,
            stage,
            spec.name,
            copies=copy[of_component],
        )
    return SampledCopies(
        row=drawn, component=component[drawn], copy=copy, seen=before[drawn] + copy, order=order
    )


def partitions(order: UInt64Array, *, num_partitions: int) -> Int32Array:
    """Output shard of every copy: equal ranges of the order, so shard after shard is the shuffle.

    ``num_partitions`` is at least 1 and below 2**31.
    """
    high_word = order >> np.uint64(32)
    return ((high_word * np.uint64(num_partitions)) >> np.uint64(32)).astype(np.int32)


def _by_bin(runs: tuple[Run, ...]) -> tuple[Int32Array, Int64Array]:
    """Copies in stages before, and in this one, of each of the ``NUM_BINS`` bins."""
    before, copies = np.zeros(NUM_BINS, np.int32), np.zeros(NUM_BINS, np.int64)
    for low, high, of_before, of_stage in runs:
        before[low:high], copies[low:high] = of_before, of_stage
    return before, copies
