"""Sets of shingle hashes, and the exact Jaccard similarity of two of them.

A set is a slice of ascending ``uint32`` values, each once. Hashes stand for shingles: between two
documents of 10,000 shingles, 0.02 that are not shared are expected to look as if they were.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.config import ShingleUnit
from filters.dedup.shingles import BLOCK_SHINGLES, ShingleBlock, hash_shingles
from pipeline.compilation import compile_kernel

Hashes = npt.NDArray[np.uint32]
Bounds = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
"""``row << 32 | hash``: numpy sorts many short sets as one array faster than one by one."""


def shingle_sets(
    texts: pa.Array, *, unit: ShingleUnit, size: int, block_shingles: int = BLOCK_SHINGLES
) -> tuple[Hashes, Bounds]:
    """The set of shingle hashes of every text.

    Returns ``values`` and ``ends``, shape (texts,): the set of row ``i`` is
    ``values[ends[i - 1]:ends[i]]`` (from 0 for the first). Memory beside the texts is that of some
    blocks and a few times that of the sets, however often a text repeats itself. Raises
    ValueError when a text is null.
    """
    values = [np.empty(0, np.uint32)]
    sizes = np.zeros(len(texts), np.int64)
    blocks = hash_shingles(texts, unit=unit, size=size, block_shingles=block_shingles)
    for keys in _distinct_keys(blocks):
        values.append(keys.astype(np.uint32))  # the lower half
        first, last = int(keys[0] >> np.uint64(32)), int(keys[-1] >> np.uint64(32))
        sizes[first : last + 1] = np.diff(np.searchsorted(keys, _least_keys(first, last + 2)))
    return np.concatenate(values), np.cumsum(sizes)


def jaccard(
    left_values: Hashes, left_bounds: Bounds, right_values: Hashes, right_bounds: Bounds
) -> npt.NDArray[np.float64]:
    """Share of the union that both sets hold, for each pair of sets; 0.0 for two empty ones.

    Bounds, shape (pairs, 2), are begin and end of each pair's sets in the values. Raises
    ValueError when bounds are of unequal shapes or reach outside the values.
    """
    if left_bounds.shape != right_bounds.shape or left_bounds.shape[1:] != (2,):
        raise ValueError(
            f"bounds have shapes {left_bounds.shape} and {right_bounds.shape}, not (pairs, 2) both"
        )
    for name, values, bounds in (
        ("left", left_values, left_bounds),
        ("right", right_values, right_bounds),
    ):
        begins, ends = bounds.T
        is_outside = (begins < 0) | (begins > ends) | (ends > len(values))
        if is_outside.any():
            at = int(is_outside.argmax())
            raise ValueError(
                f"{name} bounds {bounds[at].tolist()} of pair {at} are no slice of the "
                f"{len(values)} values"
            )
    similarities = np.empty(len(left_bounds), np.float64)
    _compare(left_values, left_bounds, right_values, right_bounds, similarities)
    return similarities


def _distinct_keys(blocks: Iterator[ShingleBlock]) -> Iterator[Keys]:
    """The keys of all blocks, ascending, each once; those of a row come in one array."""
    open_row = 0  # the last one of the block before, which may go on
    parts: list[Keys] = []  # its keys so far
    for block in blocks:
        last_row = block.first_row + len(block.ends) - 1
        least = _least_keys(block.first_row, last_row + 1)
        keys = _distinct(np.repeat(least, np.diff(block.ends, prepend=0)) | block.hashes)
        first = np.searchsorted(keys, np.uint64(open_row + 1 << 32))
        last = np.searchsorted(keys, least[-1])
        parts.append(keys[:first])
        if last_row > open_row:
            yield from filter(len, (_distinct(np.concatenate(parts)), keys[first:last]))
            open_row, parts = last_row, [keys[last:]]
        # Merged whenever they have doubled: memory stays in proportion to the set of a text that
        # repeats itself, and time to its shingles.
        elif sum(map(len, parts)) > 2 * len(parts[0]) + 4 * len(block.hashes):
            parts = [_distinct(np.concatenate(parts))]
    yield from filter(len, (_distinct(np.concatenate(parts)),) if parts else ())


def _least_keys(begin: int, end: int) -> Keys:
    """The least key that each row from ``begin`` to ``end - 1`` can have."""
    return np.arange(begin, end, dtype=np.uint64) << np.uint64(32)


def _distinct(keys: Keys) -> Keys:
    """``keys``, which are overwritten, ascending and each once."""
    keys.sort()
    is_first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return keys[is_first]


@compile_kernel
def _compare(
    left_values: Hashes,
    left_bounds: Bounds,
    right_values: Hashes,
    right_bounds: Bounds,
    similarities: npt.NDArray[np.float64],
) -> None:
    for pair in range(len(similarities)):
        left, left_end = np.uint64(left_bounds[pair, 0]), np.uint64(left_bounds[pair, 1])
        right, right_end = np.uint64(right_bounds[pair, 0]), np.uint64(right_bounds[pair, 1])
        total = (left_end - left) + (right_end - right)
        shared = np.uint64(0)
        while left < left_end and right < right_end:
            # Sums instead of branches: which set is behind cannot be predicted.
            ours, theirs = left_values[left], right_values[right]
            shared += np.uint64(ours == theirs)
            left += np.uint64(ours <= theirs)
            right += np.uint64(theirs <= ours)
        similarities[pair] = shared / (total - shared) if total > 0 else 0.0
