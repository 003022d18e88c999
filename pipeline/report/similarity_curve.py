"""How likely near-duplicate detection finds a pair of a given similarity: the S-curve in numbers.

Two signatures agree in each of their values with the chance J, the Jaccard similarity of the
documents' shingles, independently of the other values (Broder 1997). All chances below follow
from that alone; they are over the draw of the permutations, for one pair compared by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.dedup.config import NearDuplicateConfig
from filters.dedup.lsh import BandShape, candidate_probability
from pipeline.report.quantities import plural

SIMILARITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Jaccard similarities at which the curve is shown in figures."""

_VERIFICATIONS = {
    "exact": "exact: shared shingles are counted where signatures leave a doubt",
    "signature": "signature: the estimate from signatures decides",
}


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Chances of a pair of Jaccard similarity ``similarity``: to be compared, to be merged."""

    similarity: float
    candidate: float
    merged: float


def curve(
    near: NearDuplicateConfig, similarities: Sequence[float] = SIMILARITIES
) -> tuple[CurvePoint, ...]:
    """The chances at each of ``similarities``."""
    shape = near.band_shape()
    return tuple(
        CurvePoint(
            similarity=similarity,
            candidate=float(candidate_probability(similarity, shape)),
            merged=merge_probability(similarity, near),
        )
        for similarity in similarities
    )


def merge_probability(similarity: float, near: NearDuplicateConfig) -> float:
    """Chance that a pair becomes a candidate and then passes the comparison.

    With ``verify: exact`` a candidate passes if and only if its similarity reaches the threshold.
    With ``verify: signature`` the estimate has to: of ``permutations`` values so many must agree.
    Bands are cut from the same values, so the two events are counted together.
    """
    shape = near.band_shape()
    candidate = float(candidate_probability(similarity, shape))
    if near.verify == "exact":
        return candidate if similarity >= near.threshold else 0.0
    agreeing = np.arange(near.permutations + 1) / near.permutations
    least = int(np.searchsorted(agreeing, near.threshold))
    reaching = _agreements(similarity, near.permutations)[least:].sum()
    missed = _agreements_of_missed(similarity, near.permutations, shape)[least:].sum()
    return max(0.0, float(reaching - missed))


def near_parameters(near: NearDuplicateConfig) -> tuple[tuple[str, str], ...]:
    """What the curve follows from, as (name, value) for people."""
    shape = near.band_shape()
    used = shape.bands * shape.rows
    origin = "derived from the threshold" if near.bands is None else "as the recipe gives them"
    unit = {"words": "words", "characters": "characters", "code": "tokens of code"}[near.shingles]
    return (
        ("threshold", f"{near.threshold:g} of Jaccard similarity merges two documents"),
        ("verification", _VERIFICATIONS[near.verify]),
        ("shingle", f"{near.units} {unit}"),
        ("signature", f"{near.permutations} permutations, seed {near.seed}"),
        (
            "bands x rows",
            f"{shape.bands} x {shape.rows} ({used} of {near.permutations} values), {origin}",
        ),
        ("shortest", f"{plural(near.min_shingles, 'shingle')}; shorter documents are left out"),
    )


def _agreements(similarity: float, values: int) -> npt.NDArray[np.float64]:
    """Chances that 0, 1, ..., ``values`` values agree: the binomial distribution."""
    return _power(np.array([1 - similarity, similarity]), values)


def _agreements_of_missed(
    similarity: float, values: int, shape: BandShape
) -> npt.NDArray[np.float64]:
    """The same, jointly with the event that no band agrees in all of its rows."""
    unequal_band = _agreements(similarity, shape.rows)
    unequal_band[-1] = 0.0
    rest = _agreements(similarity, values - shape.bands * shape.rows)
    return np.convolve(_power(unequal_band, shape.bands), rest)


def _power(polynomial: npt.NDArray[np.float64], exponent: int) -> npt.NDArray[np.float64]:
    """Coefficients of a power, by products of terms that are never negative: nothing cancels."""
    product, square = np.ones(1), polynomial
    while exponent:
        if exponent % 2:
            product = np.convolve(product, square)
        square = np.convolve(square, square)
        exponent //= 2
    return product
