"""Sums of decision trees over the features of blocks, as trained by LightGBM.

Every tree is filled up to the same depth, so that walking it takes no branch a processor could
mispredict; only comparisons and additions in a fixed order, so that a score is the same on every
processor. Legend of shapes: b blocks, f features, t trees, k = 2**DEPTH - 1 inner nodes of a tree,
l = 2**DEPTH leaves of a tree.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

Floats = npt.NDArray[np.float64]

DEPTH = 5
"""Questions asked in every tree."""

NUM_INNER = 2**DEPTH - 1


@dataclass(frozen=True)
class Forest:
    """Trees in heap order: the children of inner node i are 2 i + 1 and 2 i + 2.

    A block goes on to the first child when its feature ``feature[t, k]`` is at most
    ``threshold[t, k]``; ``value[t, l]`` is what it gets in the end.
    """

    feature: npt.NDArray[np.uint16]
    threshold: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32]

    def score(self, features: Floats) -> Floats:
        """The log-odds of every row of ``features``, (b,)."""
        columns = np.ascontiguousarray(features.T, np.float32).ravel()
        return add_up(columns, len(features), self.feature, self.threshold, self.value)


@compile_kernel
def add_up(
    columns: npt.NDArray[np.float32],
    num_blocks: int,
    feature: npt.NDArray[np.uint16],
    threshold: npt.NDArray[np.float32],
    value: npt.NDArray[np.float32],
) -> Floats:
    """The sum over trees of the leaf that each block falls into; ``columns`` is (f * b,).

    Numbers are unsigned throughout: an index that may be negative costs a test, and the tests made
    this twice as slow.
    """
    scores = np.zeros(num_blocks)
    for tree in range(feature.shape[0]):
        asked = feature[tree]
        bound = threshold[tree]
        given = value[tree]
        for block in range(num_blocks):
            node = np.uint64(0)
            for _ in range(DEPTH):
                place = np.uint64(asked[node]) * np.uint64(num_blocks) + np.uint64(block)
                is_right = np.uint64(columns[place] > bound[node])
                node = np.uint64(2) * node + np.uint64(1) + is_right
            scores[block] += given[node - np.uint64(NUM_INNER)]
    return scores
