"""From an ordinal head's probabilities to its score and its level."""

import numpy as np
import numpy.typing as npt

from filters.taggers.backend import HeadSpec, Probabilities

SCORE_DIGITS = 3
"""Decimals of a score, as of the cuts that it is compared with."""


def level_scores(head: HeadSpec, probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """The mean level of each row, over the levels where the question applies; NaN rows stay."""
    levels = np.array(head.levels, np.float64)
    weights = probabilities[:, len(head.values) - len(levels) :].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: npt.NDArray[np.float64] = (weights * levels).sum(axis=1) / weights.sum(axis=1)
    return np.round(scores, SCORE_DIGITS)


def levels_of(head: HeadSpec, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """The level of each score, by the head's cuts; a score on a cut has the upper level."""
    cuts = np.array(head.cuts or [level - 0.5 for level in head.levels[1:]])
    levels: npt.NDArray[np.int8] = np.array(head.levels, np.int8)[
        np.searchsorted(cuts, scores, side="right")
    ]
    return levels
