"""Whether a text that shares words with a benchmark's question or answer holds it."""

from dataclasses import dataclass

import numpy as np

from filters.decontamination.config import DecontaminationConfig
from filters.decontamination.index import MIN_QUESTION_WORDS
from filters.decontamination.kernels import (
    GRAM_WORDS,
    STRONG_MASK,
    Flags,
    Float32Array,
    UInt64Array,
    match_unit,
)

MIN_MIXED_COVERAGE = 0.8
"""Share that an answer needs at least, as many say common knowledge, and a question of which less
than half of the words are strong, as others have its formulas."""

MIN_STRONG_SHARE = 0.5
"""A unit of which fewer grams have a strong word is a formula: only a run of its words finds it."""

MIN_FORMULA_COVERAGE = 0.8
"""Share that a formula needs at least: parts of formulas, such as a sum's bounds, are common."""

MIN_FORMULA_WORDS = 8
"""Words that a formula needs at least."""

MIN_WHOLE_WORDS, MIN_WHOLE_MIXED_WORDS = MIN_QUESTION_WORDS, 6
"""A unit of so many words is found where all of them stand in a row; the second holds where less
than half of them are strong."""

MIN_CODE_WORDS = 8
"""Code of fewer tokens is anyone's, such as ``def f(a, b): return a, b``. Ten, by which code is
commonly decontaminated, would lose a tenth of CRUXEval."""

MIN_WEIGHT_WORDS = 5.5
"""Summed weight of the words, in words that no other unit has, below which a question is too common
to be found by a part of it."""

WINDOW_MARGIN_WORDS = 8
"""Words that a unit's window is longer than twice the unit."""


@dataclass(frozen=True)
class Match:
    """A hit: the covered share of the unit, and the place in the text, in words, behind it."""

    coverage: float
    end: int


def judge(
    text_grams: UInt64Array,
    unit_grams: UInt64Array,
    weights: Float32Array,
    is_telling: Flags,
    config: DecontaminationConfig,
    *,
    is_answer: bool,
    is_code: bool,
) -> Match | None:
    """The match of a unit in a text; None where too little of it stands there."""
    num_words = len(unit_grams) + GRAM_WORDS - 1
    if is_code and num_words < MIN_CODE_WORDS:
        return None
    coverage, run_words, telling_words, end = match_unit(
        text_grams, unit_grams, weights, is_telling, 2 * num_words + WINDOW_MARGIN_WORDS
    )
    share = run_words / num_words
    if max(coverage, share) < config.min_coverage and telling_words < config.ngram_words:
        return None  # most candidates; every bound below is higher
    strong_share = float((unit_grams & STRONG_MASK).mean()) / float(STRONG_MASK)
    is_mixed = strong_share < MIN_STRONG_SHARE
    min_words = MIN_WHOLE_MIXED_WORDS if is_mixed else MIN_WHOLE_WORDS
    if run_words == num_words >= min_words:
        return Match(1.0, end)
    num_strong = int(np.count_nonzero(unit_grams & STRONG_MASK))
    if num_strong < MIN_STRONG_SHARE * len(unit_grams) and not is_code:
        needed = max(MIN_FORMULA_COVERAGE, needed_share(num_words, config))
        is_hit = share >= needed and run_words >= MIN_FORMULA_WORDS
        return Match(share, end) if is_hit else None
    needed = needed_share(num_strong + GRAM_WORDS - 1, config)
    if is_answer or is_mixed:
        needed = max(MIN_MIXED_COVERAGE, needed)
    is_hit = coverage >= needed
    if not is_answer:
        is_common = float(weights.sum()) + GRAM_WORDS - 1 < MIN_WEIGHT_WORDS
        is_hit = (is_hit and not is_common) or telling_words >= config.ngram_words
    return Match(coverage, end) if is_hit else None


def needed_share(num_words: int, config: DecontaminationConfig) -> float:
    """Share of a unit that a hit needs: ``min_coverage`` of a long one, all of a short one."""
    beyond_whole = max(0, num_words - config.whole_words)
    between = max(1, config.long_words - config.whole_words)
    eased = min(1.0, beyond_whole / between) * (1 - config.min_coverage)
    return 1.0 - eased - 1e-6
