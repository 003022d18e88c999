"""What theory promises: how likely a pair of given similarity is merged."""

from math import comb

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]


def expected_exact(
    jaccard: Probabilities, *, bands: int, rows: int, threshold: float
) -> Probabilities:
    """Candidate by the S-curve, and then decided by the similarity itself.

    ``1 - (1 - J^rows)^bands`` from the threshold on, 0 below it (Leskovec, Rajaraman, Ullman,
    "Mining of Massive Datasets", section 3.4.2).
    """
    candidate = 1 - (1 - jaccard**rows) ** bands
    return np.where(jaccard >= threshold, candidate, 0.0)


def expected_signature(
    jaccard: Probabilities, *, bands: int, rows: int, threshold: float, permutations: int
) -> Probabilities:
    """Candidate, and then decided by the share of equal values of the same signature.

    Each value is equal with probability J on its own. Given that k of them are, all choices of k
    are alike, and inclusion and exclusion over the bands gives the chance that none is whole.
    """
    expected = np.zeros_like(jaccard)
    for equal in range(permutations + 1):
        if equal / permutations < threshold:
            continue
        choices = comb(permutations, equal)
        none_whole = sum(
            (-1) ** whole
            * comb(bands, whole)
            * comb(permutations - rows * whole, equal - rows * whole)
            for whole in range(min(bands, equal // rows) + 1)
        )
        chance = choices * jaccard**equal * (1 - jaccard) ** (permutations - equal)
        expected += chance * (1 - none_whole / choices)
    return expected
