"""Drawing: which hash bins of a component make up a number of tokens, to within a document.

Documents come whole, so a target is met by a subset of bins. Bins are taken in the order of the
selection hash, which makes the subset random; only the last few are chosen for their size.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Draw:
    """Every document ``whole_copies`` times, those of ``extra_bins`` once more; the sum of tokens.

    ``extra_bins`` are half-open ranges of bins, ascending.
    """

    whole_copies: int
    extra_bins: tuple[tuple[int, int], ...]
    tokens: int


def draw(bin_tokens: Int64Array, *, target_tokens: int, max_tokens: int) -> Draw:
    """Come as near to ``target_tokens`` as whole documents allow, never above ``max_tokens``.

    ``bin_tokens`` has one number for each bin. What is missing, or too much, is less than any
    document that could be added, or left out, to mend it. Raises ValueError when the target lies
    above the maximum, or there is nothing to draw from.
    """
    total = int(bin_tokens.sum())
    if not 0 <= target_tokens <= max_tokens or (target_tokens and not total):
        raise ValueError(
            f"cannot draw {target_tokens} tokens, at most {max_tokens}, from {total} tokens"
        )
    whole_copies, part = divmod(target_tokens, total) if total else (0, 0)
    occupied = np.flatnonzero(bin_tokens)
    sizes = bin_tokens[occupied]
    is_taken, below = _subset(sizes, part)
    # The best subset above the target leaves out the best one below the rest. Bins are left out
    # from the end, so that both subsets begin with the same bins.
    is_left_out, left_out = _subset(sizes[::-1], total - part)
    above = total - left_out
    if above - part < part - below and whole_copies * total + above <= max_tokens:
        is_taken, below = ~is_left_out[::-1], above
    return Draw(whole_copies, _ranges(occupied, is_taken), whole_copies * total + below)


def _subset(sizes: Int64Array, target: int) -> tuple[BoolArray, int]:
    """Choose sizes that sum to ``target`` or little less; which, and their sum."""
    is_taken, missing = _first_fit(sizes, target)
    missing = _exchange(sizes, is_taken, missing)
    return is_taken, target - missing


def _first_fit(sizes: Int64Array, target: int) -> tuple[BoolArray, int]:
    """Take sizes in order while they fit into what is left of ``target``; which, and what is."""
    is_taken = np.zeros(len(sizes), np.bool_)
    cumulative = np.concatenate([[0], np.cumsum(sizes)])
    missing, position = target, 0
    while len(fitting := np.flatnonzero(sizes[position:] <= missing)):
        first = position + int(fitting[0])
        limit = cumulative[first] + missing
        position = int(np.searchsorted(cumulative, limit, side="right")) - 1
        is_taken[first:position] = True
        missing -= int(cumulative[position] - cumulative[first])
    return is_taken, missing


def _exchange(sizes: Int64Array, is_taken: BoolArray, missing: int) -> int:
    """Swap the pair that leaves least missing, in place; what is missing then."""
    inside, outside = np.flatnonzero(is_taken), np.flatnonzero(~is_taken)
    if not missing or not len(inside) or not len(outside):
        return missing
    inside = inside[np.argsort(sizes[inside], kind="stable")]
    # For each size outside, the least size inside whose place it can take.
    places = np.searchsorted(sizes[inside], sizes[outside] - missing)
    has_place = places < len(inside)
    outside, partners = outside[has_place], inside[places[has_place]]
    left = missing - sizes[outside] + sizes[partners]
    if not len(left) or left.min() >= missing:
        return missing
    best = int(np.argmin(left))
    is_taken[outside[best]], is_taken[partners[best]] = True, False
    return int(left[best])


def _ranges(occupied: Int64Array, is_taken: BoolArray) -> tuple[tuple[int, int], ...]:
    """Ranges of bins that hold the taken ones and no occupied one besides."""
    edges = np.flatnonzero(np.diff(is_taken, prepend=False, append=False))
    return tuple(
        (int(occupied[first]), int(occupied[end - 1]) + 1)
        for first, end in edges.reshape(-1, 2).tolist()
    )
