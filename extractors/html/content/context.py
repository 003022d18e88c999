"""How a first opinion of every block looks from where a block stands.

The second forest sees what the first said of a block, its neighbours, the elements around it and
the blocks like it; so that a label inside of an article stays with it, and a sentence inside of a
sidebar goes with that. Legend of shapes: n nodes, b blocks, c columns.
"""

import numpy as np
import numpy.typing as npt

from extractors.html.content.blocks import LINK_WORDS, WORDS, Blocks
from extractors.html.content.tape import Tape
from pipeline.compilation import compile_kernel

Floats = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
NUM_LEVELS = 6
CONTEXT_NAMES = (
    "first",
    *(f"first_at{distance:+}" for distance in NEIGHBOURS),
    *(f"first_level{level}_{name}" for level in range(NUM_LEVELS) for name in ("mean", "share")),
    *("first_like", "first_window", "first_page_mean", "first_page_share", "first_share_before"),
)
NUM_COLUMNS = len(CONTEXT_NAMES)


def describe(tape: Tape, blocks: Blocks, first_scores: Floats) -> Floats:
    """What surrounds each block's ``first_scores`` (log-odds, cut at 4 either way), (b, c)."""
    return fill(
        *(first_scores, tape.parent, tape.own_hash, blocks.home, blocks.first, blocks.last),
        *(blocks.counts, NUM_COLUMNS),
    )


@compile_kernel
def fill(
    scores: Floats,
    parent: Int32,
    own_hash: npt.NDArray[np.uint64],
    home: Int32,
    first: Int32,
    last: Int32,
    counts: Int32,
    num_columns: int,
) -> Floats:
    """The columns of :func:`describe`."""
    num_blocks = scores.size
    out = np.zeros((num_blocks, num_columns))
    opinion = np.zeros(num_blocks)
    weighted = np.zeros(num_blocks + 1)
    words = np.zeros(num_blocks + 1)
    kept = np.zeros(num_blocks + 1)
    for block in range(num_blocks):
        opinion[block] = max(-4.0, min(4.0, scores[block]))
        own_words = max(1.0, np.float64(counts[block, WORDS]))
        words[block + 1] = words[block] + own_words
        weighted[block + 1] = weighted[block] + opinion[block] * own_words
        kept[block + 1] = kept[block] + (own_words if opinion[block] > 0 else 0.0)
    offset, prime = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
    likeness = np.zeros(num_blocks, np.uint64)
    for block in range(num_blocks):
        hashed = offset
        if counts[block, LINK_WORDS] > 0.5 * counts[block, WORDS]:
            hashed = hashed * prime
        node = home[block]
        step = 0
        while node >= 0 and step < 3:
            hashed = (hashed ^ own_hash[node]) * prime
            node = parent[node]
            step += 1
        likeness[block] = hashed
    like = np.zeros(num_blocks)
    order = np.argsort(likeness)
    run_start = 0
    for rank in range(1, num_blocks + 1):
        if rank == num_blocks or likeness[order[rank]] != likeness[order[run_start]]:
            run_words = 0.0
            run_weighted = 0.0
            for at in range(run_start, rank):
                block = order[at]
                run_words += words[block + 1] - words[block]
                run_weighted += opinion[block] * (words[block + 1] - words[block])
            for at in range(run_start, rank):
                like[order[at]] = run_weighted / run_words
            run_start = rank
    for block in range(num_blocks):
        row = out[block]
        row[0] = opinion[block]
        column = 1
        for distance in (-3, -2, -1, 1, 2, 3):
            other = block + distance
            row[column] = opinion[other] if 0 <= other < num_blocks else -5.0
            column += 1
        node = home[block]
        size = -1
        level = 0
        while node >= 0 and level < 6:
            span = last[node] - first[node]
            if span > size:
                size = span
                inside = words[last[node]] - words[first[node]]
                row[column + 2 * level] = (weighted[last[node]] - weighted[first[node]]) / inside
                row[column + 2 * level + 1] = (kept[last[node]] - kept[first[node]]) / inside
                level += 1
            node = parent[node]
        column += 12
        row[column] = like[block]
        low = max(0, block - 5)
        high = min(num_blocks, block + 6)
        row[column + 1] = (weighted[high] - weighted[low]) / (words[high] - words[low])
        row[column + 2] = weighted[num_blocks] / words[num_blocks]
        row[column + 3] = kept[num_blocks] / words[num_blocks]
        row[column + 4] = kept[block] / max(1.0, kept[num_blocks])
    return out
