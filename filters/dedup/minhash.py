"""MinHash signatures equal to ``datasketch``'s, and the Jaccard similarity they estimate.

The signature of a document under permutation ``p`` is the least ``a[p] * mix(h) + b[p]`` mod 2^32
over its shingle hashes ``h``: ``datasketch.MinHash(scheme="affine32", hashfunc=xxh32)`` computes
the same values. (Broder 1997, "On the resemblance and containment of documents"; the affine
permutations and their pre-mix are those of datasketch 2.0, whose source explains the choice.)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.config import ShingleUnit
from filters.dedup.shingles import BLOCK_SHINGLES, hash_shingles
from pipeline.compilation import compile_kernel

Signatures = npt.NDArray[np.uint32]
"""Shape (documents, permutations)."""

_TILE_SHINGLES = 1024
"""Hashes permuted at a time: 4 KiB stay in the first-level cache over all permutations."""


@dataclass(frozen=True)
class Permutations:
    """Multipliers (odd, so that each map is a bijection) and increments, one pair each."""

    multipliers: npt.NDArray[np.uint32]
    increments: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.multipliers)


def draw_permutations(permutations: int, *, seed: int) -> Permutations:
    """The pairs that datasketch 2.0 draws for ``num_perm=permutations`` and ``seed``.

    numpy promises that ``RandomState`` never changes its stream.
    """
    random = np.random.RandomState(seed)
    multipliers = random.randint(0, 1 << 31, permutations, dtype=np.uint32) * np.uint32(2)
    increments = random.randint(0, 1 << 32, permutations, dtype=np.uint32)
    return Permutations(multipliers + np.uint32(1), increments)


def sign(
    texts: pa.Array,
    *,
    permutations: Permutations,
    unit: ShingleUnit,
    size: int,
    block_shingles: int = BLOCK_SHINGLES,
) -> tuple[Signatures, npt.NDArray[np.int64]]:
    """Signature and number of shingles (repeats counted) of every text.

    A text without a shingle has the signature of the empty set: every value 2^32 - 1. Memory
    beside the result is that of one block of hashes. Raises ValueError when a text is null.
    """
    signatures = np.full((len(texts), len(permutations)), np.iinfo(np.uint32).max, np.uint32)
    num_shingles = np.zeros(len(texts), np.int64)
    for block in hash_shingles(texts, unit=unit, size=size, block_shingles=block_shingles):
        rows = slice(block.first_row, block.first_row + len(block.ends))
        num_shingles[rows] += np.diff(block.ends, prepend=0)
        _lower_minima(
            block.hashes,
            block.ends,
            permutations.multipliers,
            permutations.increments,
            signatures[rows],
        )
    return signatures, num_shingles


def estimate_jaccard(left: Signatures, right: Signatures) -> npt.NDArray[np.float64]:
    """Share of equal values, row by row: an unbiased estimate of the Jaccard similarity J.

    Its standard deviation is sqrt(J * (1 - J) / permutations), 0.038 for J = 0.8 and 112.
    """
    return np.asarray((left == right).mean(axis=1), np.float64)


@compile_kernel
def _lower_minima(
    hashes: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.int64],
    multipliers: npt.NDArray[np.uint32],
    increments: npt.NDArray[np.uint32],
    signatures: Signatures,
) -> None:
    """Lower row ``i`` of ``signatures`` by the hashes of segment ``i``."""
    mixed = np.empty(_TILE_SHINGLES, np.uint32)
    begin = 0
    for row in range(len(ends)):
        while begin < ends[row]:
            tile = min(_TILE_SHINGLES, ends[row] - begin)
            for i in range(tile):  # the MurmurHash3 finalizer
                value = hashes[begin + i]
                value = np.uint32((value ^ value >> np.uint32(16)) * np.uint32(0x85EBCA6B))
                value = np.uint32((value ^ value >> np.uint32(13)) * np.uint32(0xC2B2AE35))
                mixed[i] = value ^ value >> np.uint32(16)
            for permutation in range(len(multipliers)):
                multiplier = multipliers[permutation]
                increment = increments[permutation]
                least = signatures[row, permutation]
                for i in range(tile):
                    least = min(least, np.uint32(multiplier * mixed[i] + increment))
                signatures[row, permutation] = least
            begin += tile
