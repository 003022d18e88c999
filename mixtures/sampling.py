"""Sampling: which copies of which documents a stage trains on, and in which order.

Each decision is a function of (seed, stage, component, id, copy) and of the solution, so it does
not matter which worker takes it, or when.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.hashing import UInt64Array, id_words, keyed_hashes
from mixtures.solution import ComponentSolution, StageSolution
from mixtures.supply import NUM_BINS, Int32Array, Int64Array, selection_bins


@dataclass(frozen=True, eq=False)
class SampledCopies:
    """Copies drawn from a batch, all arrays of one length, by component and row.

    ``row`` is the document's row in the batch, ``component`` its number in the stage, ``copy``
    counts from 0, and ``order`` is the copy's place in the stage's global shuffle, uniform over
    64 bits.
    """

    row: Int64Array
    component: Int32Array
    copy: Int32Array
    order: UInt64Array


def sample(
    ids: pa.Array, components: Int32Array, *, stage: StageSolution, seed: int
) -> SampledCopies:
    """Draw the copies of a batch's documents that ``stage`` trains on.

    ``components`` comes from ``mixtures.supply.assign`` for the same stage, row for row; rows no
    component takes are drawn never.
    """
    words = id_words(ids)
    parts = []
    for number, component in enumerate(stage.components):
        rows = np.flatnonzero(components == number)
        bins = selection_bins(words[rows], seed=seed, stage=stage.name, component=component.name)
        copies_of_row = component.whole_copies + _is_extra(component)[bins]
        drawn = np.repeat(rows, copies_of_row)
        first_copy = np.cumsum(copies_of_row) - copies_of_row
        copy = (np.arange(len(drawn)) - np.repeat(first_copy, copies_of_row)).astype(np.int32)
        order = keyed_hashes(words[drawn], "order", seed, stage.name, component.name, copies=copy)
        parts.append((drawn, np.full(len(drawn), number, np.int32), copy, order))
    row, number_of, copy, order = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SampledCopies(row=row, component=number_of, copy=copy, order=order)


def partitions(order: UInt64Array, *, num_partitions: int) -> Int32Array:
    """Output shard of every copy: equal ranges of the order, so shard after shard is the shuffle.

    ``num_partitions`` is at least 1 and below 2**31.
    """
    high_word = order >> np.uint64(32)
    return ((high_word * np.uint64(num_partitions)) >> np.uint64(32)).astype(np.int32)


def shuffle(order: UInt64Array, ids: pa.Array, copy: Int32Array) -> npt.NDArray[np.intp]:
    """Permutation that sorts copies by order, then id, then copy: a total order."""
    words = id_words(ids)
    return np.lexsort((copy, words[:, 1], words[:, 0], order))


def _is_extra(component: ComponentSolution) -> npt.NDArray[np.int64]:
    """1 for each bin whose documents get one copy more, 0 for the others."""
    is_extra = np.zeros(NUM_BINS, np.int64)
    for low, high in component.extra_bins:
        is_extra[low:high] = 1
    return is_extra
