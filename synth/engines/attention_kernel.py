"""Attention of single tokens to what their slots hold, on the CPU: compiled, without the GIL."""

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

LOG2_E = np.float32(1.44269504)
LN_2_HIGH, LN_2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
"""ln 2 in two parts, so that multiples of the first are exact in single precision."""

LOWEST_EXPONENT = np.float32(-87.0)
"""Weights under exp(-87) are the smallest normal numbers of single precision: no share of 1."""


@njit(nogil=True, fastmath={"contract", "reassoc", "nsz"}, cache=True)  # type: ignore[untyped-decorator]
def _exp_in_place(values: Floats, powers: npt.NDArray[np.int32]) -> np.float32:
    """Exponentials of numbers up to 0; returns their sum. Vectorized, unlike the C library's.

    Range reduction and polynomial of Moshier's Cephes library (expf): within 2 units in the last
    place. ``powers`` is scratch of the same length.
    """
    for i in range(len(values)):
        value = max(values[i], LOWEST_EXPONENT)
        power = np.floor(value * LOG2_E + np.float32(0.5))
        rest = value - power * LN_2_HIGH - power * LN_2_LOW
        series = np.float32(1.9875691500e-4)
        series = series * rest + np.float32(1.3981999507e-3)
        series = series * rest + np.float32(8.3334519073e-3)
        series = series * rest + np.float32(4.1665795894e-2)
        series = series * rest + np.float32(1.6666665459e-1)
        series = series * rest + np.float32(5.0000001201e-1)
        values[i] = series * rest * rest + rest + np.float32(1)
        powers[i] = (np.int32(power) + np.int32(127)) << np.int32(23)
    scales = powers.view(np.float32)
    total = np.float32(0)
    for i in range(len(values)):
        values[i] *= scales[i]
        total += values[i]
    return total


@njit(nogil=True, fastmath={"contract", "reassoc", "nsz"}, cache=True)  # type: ignore[untyped-decorator]
def _add_weighted(weights: Floats, values: Floats, out: Floats) -> None:
    """Add the rows of ``values`` to ``out``, each by its weight."""
    num_rows, size = len(weights), len(out)
    num_in_fours = num_rows - num_rows % 4
    for row in range(0, num_in_fours, 4):
        # Four at a time, so that each sum is read and written once for all of them.
        for i in range(size):
            out[i] += (
                weights[row] * values[row, i]
                + weights[row + 1] * values[row + 1, i]
                + weights[row + 2] * values[row + 2, i]
                + weights[row + 3] * values[row + 3, i]
            )
    for row in range(num_in_fours, num_rows):
        for i in range(size):
            out[i] += weights[row] * values[row, i]


@njit(nogil=True, fastmath={"contract", "reassoc", "nsz"}, cache=True)  # type: ignore[untyped-decorator]
def attend_rows(  # noqa: PLR0917 - compiled functions take arguments by position
    queries: Floats,
    keys: Floats,
    values: Floats,
    slots: Ids,
    lengths: Ids,
    scale: float,
) -> Floats:
    """Softmax attention of each row to the first ``lengths`` positions of its slot.

    ``queries`` is (rows, heads, size), ``keys`` and ``values`` (slots, key heads, positions, size);
    each key head serves heads / key heads of the query heads (GQA). Returns (rows, heads, size).
    """
    num_rows, num_heads, size = queries.shape
    group = num_heads // keys.shape[1]
    mixed = np.zeros_like(queries)
    scores = np.empty(keys.shape[2], np.float32)
    powers = np.empty(keys.shape[2], np.int32)
    for row in range(num_rows):
        slot, length = slots[row], lengths[row]
        for head in range(num_heads):
            query = queries[row, head]
            slot_keys = keys[slot, head // group]
            slot_values = values[slot, head // group]
            highest = np.float32(-np.inf)
            for position in range(length):
                score = np.float32(0)
                for i in range(size):
                    score += query[i] * slot_keys[position, i]
                score *= np.float32(scale)
                scores[position] = score
                highest = max(highest, score)
            for position in range(length):
                scores[position] -= highest
            total = _exp_in_place(scores[:length], powers[:length])
            out = mixed[row, head]
            _add_weighted(scores[:length], slot_values, out)
            for i in range(size):
                out[i] /= total
    return mixed
