"""Drawing: which hash bins of a cell make up a number of tokens, to within a document.

Documents come whole, so a target is met by a subset of bins. Bins are taken in the order of the
selection hash, which makes the subset random; only the last few are chosen for their size. A cell
remembers what was drawn: bins used less often come first, so no document is used twice before all
have been used once, over all stages of a run.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass
class Deck:
    """The bins of a cell, and how often each has been drawn; no two counts differ by over 1.

    ``sizes`` are tokens, none 0; ``copies`` stands beside it.
    """

    sizes: Int64Array
    copies: Int64Array = field(init=False)

    def __post_init__(self) -> None:
        self.copies = np.zeros(len(self.sizes), np.int64)

    @property
    def total(self) -> int:
        """Tokens of all bins, once."""
        return int(self.sizes.sum())

    @property
    def used(self) -> int:
        """Tokens drawn so far."""
        return int((self.sizes * self.copies).sum())

    def draw_tokens(self, *, target_tokens: int, max_tokens: int) -> int:
        """:meth:`draw`, and how many tokens that came to."""
        drawn = self.draw(target_tokens=target_tokens, max_tokens=max_tokens)
        return int((drawn * self.sizes).sum())

    def draw(self, *, target_tokens: int, max_tokens: int) -> Int64Array:
        """Draw copies of every bin; their tokens are as near to the target as documents allow.

        What is missing, or too much, is less than any document that could be added, or left out, to
        mend it. Raises ValueError when the target lies above the maximum, or there is nothing to
        draw from.
        """
        if not 0 <= target_tokens <= max_tokens or (target_tokens and not len(self.sizes)):
            raise ValueError(
                f"cannot draw {target_tokens} tokens, at most {max_tokens}, from {self.total}"
            )
        if not len(self.sizes):
            return np.zeros(0, np.int64)
        drawn = np.zeros(len(self.sizes), np.int64)
        least = self.copies.min()
        behind = np.flatnonzero(self.copies == least)
        left = int(self.sizes[behind].sum())
        if target_tokens >= left:
            whole, _ = divmod(target_tokens - left, self.total)
            drawn[behind] += 1
            drawn += whole
            behind = np.arange(len(self.sizes))
            target_tokens -= left + whole * self.total
            max_tokens -= left + whole * self.total
        taken = behind[_nearest(self.sizes[behind], target_tokens, max_tokens)]
        drawn[taken] += 1
        self.copies += drawn
        return drawn


def _nearest(sizes: Int64Array, target: int, limit: int) -> BoolArray:
    """Choose sizes whose sum is nearest to ``target`` and at most ``limit``."""
    is_taken, below = _subset(sizes, target)
    # The best subset above the target leaves out the best one below the rest. Bins are left out
    # from the end, so that both subsets begin with the same bins.
    total = int(sizes.sum())
    is_left_out, left_out = _subset(sizes[::-1], total - target)
    above = total - left_out
    if above - target < target - below and above <= limit:
        is_taken = ~is_left_out[::-1]
    return is_taken


MAX_ENUMERATED = 16
"""Up to so many bins every subset is tried. A few whole repositories differ so much in size that
the order of their hash leaves a stage short by one of them."""


def _subset(sizes: Int64Array, target: int) -> tuple[BoolArray, int]:
    """Choose sizes that sum to ``target`` or little less; which, and their sum."""
    if len(sizes) <= MAX_ENUMERATED:
        return _best_subset(sizes, target)
    is_taken, missing = _first_fit(sizes, target)
    missing = _exchange(sizes, is_taken, missing)
    return is_taken, target - missing


def _best_subset(sizes: Int64Array, target: int) -> tuple[BoolArray, int]:
    """The subset of the largest sum up to ``target``; of equal ones, that of the first sizes."""
    sums = np.zeros(1, np.int64)
    for size in sizes[::-1].tolist():
        # Bit i of a subset's number says that size i from the end is taken: first sizes weigh most.
        sums = np.concatenate([sums, sums + size])
    best = int(np.where(sums <= target, sums, -1)[::-1].argmax())
    number = len(sums) - 1 - best
    is_taken = np.array([number >> place & 1 for place in range(len(sizes))][::-1], np.bool_)
    return is_taken, int(sums[number])


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
