"""Is a candidate pair a duplicate? First by its signatures, then by counting shingles.

The share of equal values of two signatures of ``n`` permutations estimates their Jaccard similarity
J with a standard error of sqrt(J (1 - J) / n): 0.038 for J = 0.8 and 112. Further below the
threshold than chance allows it refuses the pair, near 1 it merges it; the rest is counted.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from filters.dedup.keep import NEAR
from filters.dedup.packed import Int64Array, Packed, begins_of, whole_groups
from pipeline.errors import InvariantError

DOUBT_ERRORS = 4.0
"""Standard errors around the threshold within which an estimate decides nothing. Of the pairs at
the threshold itself, 1 in 10,000 (0.8) to 1 in 2,000 (0.95, where chance leans to one side) is
further off, and fewer the further a pair is from it."""

MIN_TRUSTED_ESTIMATE = 0.98
"""Least estimate that is taken for a pair's similarity, however low the threshold is: the second
look at large clusters takes it for exact. Of 112 values, 1 pair in 1,500 of similarity 0.90 has it;
of pages that differ in one shingle of a hundred nine in ten, and these come in millions."""

SET_HASHES = 128
"""Shingle hashes of one packed row: 512 bytes; a document of 1,000 words takes eight."""

SET_COLUMNS = 5 + SET_HASHES // 2
"""Pair (2), its side, number of the piece, hashes in it, and two hashes a column."""

EDGE_COLUMNS = 3
"""Pair (2) and :func:`edge_strength`."""

KNOWN, NOMINATED = NEAR + 1, NEAR + 2
"""Kinds of an edge beyond those of a duplicate: KNOWN is a near duplicate that an earlier run
verified, which stands when the pair is NOMINATED in this run too."""

_SIMILARITY_SCALE = float(1 << 31)


def doubt_bounds(
    threshold: float, *, permutations: int, verify: Literal["exact", "signature"]
) -> tuple[float, float]:
    """Estimates below the first are refused, from the second on merged, the rest is counted."""
    if verify == "signature":
        return threshold, threshold
    doubt = DOUBT_ERRORS * float(np.sqrt(threshold * (1 - threshold) / permutations))
    return threshold - doubt, max(threshold + doubt, MIN_TRUSTED_ESTIMATE)


def edge_strength(kind: int, similarity: npt.ArrayLike = 1.0) -> Packed:
    """A number that is less for a stronger kind, and within a kind for a greater similarity."""
    distance = np.rint((1.0 - np.asarray(similarity, np.float64)) * _SIMILARITY_SCALE)
    return np.uint64(kind << 32) | distance.astype(np.uint64)


def strength_kind(strength: Packed) -> Int64Array:
    """The kind in each strength."""
    return (strength >> np.uint64(32)).astype(np.int64)


def strength_similarity(strength: Packed) -> npt.NDArray[np.float64]:
    """The similarity in each strength, exact to 2^-32."""
    return 1.0 - (strength & np.uint64(0xFFFFFFFF)).astype(np.float64) / _SIMILARITY_SCALE


def pack_sets(
    sides: Packed, values: npt.NDArray[np.uint32], bounds: Int64Array
) -> Iterator[Packed]:
    """Packed rows that carry the set of shingle hashes of a side of each pair, in bounded parts.

    ``sides`` (n, 3) are pairs and 0 or 1, for the first or the second document; ``bounds`` (n, 2)
    say where in ``values`` each set begins and ends. An empty set takes one row.
    """
    sizes = bounds[:, 1] - bounds[:, 0]
    pieces = np.maximum(1, -(-sizes // SET_HASHES))
    begin = 0
    while begin < len(sides):
        fits = np.searchsorted(np.cumsum(pieces[begin:]), _PACKED_PIECES, side="right")
        end = begin + max(1, int(fits))
        set_of = np.repeat(np.arange(begin, end), pieces[begin:end])
        firsts = np.repeat(np.cumsum(pieces[begin:end]) - pieces[begin:end], pieces[begin:end])
        number = np.arange(len(set_of)) - firsts
        lengths = np.clip(sizes[set_of] - number * SET_HASHES, 0, SET_HASHES)
        hashes = np.zeros((len(set_of), SET_HASHES), "<u4")
        places = bounds[set_of, 0, np.newaxis] + number[:, np.newaxis] * SET_HASHES
        is_used = np.arange(SET_HASHES) < lengths[:, np.newaxis]
        hashes[is_used] = values[(places + np.arange(SET_HASHES))[is_used]]
        numbers = np.column_stack([number, lengths]).astype(np.uint64)
        yield np.column_stack([sides[set_of], numbers, hashes.view("<u8")])
        begin = end


_PACKED_PIECES = 1 << 14
"""Rows packed at a time: 9 MiB."""


def unpack_sets(
    parts: Iterable[Packed],
) -> Iterator[tuple[Packed, npt.NDArray[np.uint32], Int64Array]]:
    """Pairs (n, 2) with the sets of both sides, from sorted rows, however they are cut into parts.

    The sets are ``values`` between ``bounds`` (n, 2, 2): pair, side, begin and end. Raises
    InvariantError when a pair lacks a side.
    """
    return map(_unpack, whole_groups(parts, keys=2))


def _unpack(rows: Packed) -> tuple[Packed, npt.NDArray[np.uint32], Int64Array]:
    begins = begins_of(rows[:, :3])
    sides = rows[begins, :3]
    is_whole = len(sides) % 2 == 0 and (sides[:, 2] == np.arange(len(sides)) % 2).all()
    if not is_whole or (sides[::2, :2] != sides[1::2, :2]).any():
        raise InvariantError("a pair came to be counted without the shingles of one of its texts")
    lengths = rows[:, 4].astype(np.int64)
    hashes = np.ascontiguousarray(rows[:, 5:]).view("<u4")
    values = hashes[np.arange(SET_HASHES) < lengths[:, np.newaxis]].astype(np.uint32, copy=False)
    sizes = np.add.reduceat(lengths, begins)
    ends = np.cumsum(sizes)
    return sides[::2, :2], values, np.column_stack([ends - sizes, ends]).reshape(-1, 2, 2)


def settle_edges(blocks: Iterable[Packed]) -> Iterator[Packed]:
    """Sorted edges of every kind -> each pair that is a duplicate once, by its strongest edge.

    What is KNOWN becomes NEAR where it is NOMINATED, and is dropped where it is not.
    """
    return map(_settle, whole_groups(blocks, keys=2))


def _settle(rows: Packed) -> Packed:
    begins = begins_of(rows[:, :2])
    ends = np.append(begins[1:], len(rows)) - 1
    first, last = strength_kind(rows[begins, 2]), strength_kind(rows[ends, 2])
    settled = rows[begins]
    is_known = (first == KNOWN) & (last == NOMINATED)
    settled[is_known, 2] -= np.uint64(KNOWN - NEAR << 32)
    stands: Packed = settled[(first <= NEAR) | is_known]
    return stands
