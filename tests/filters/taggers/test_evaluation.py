import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from filters.taggers.evaluation import (
    NUM_BINS,
    class_f1,
    confusion,
    evaluate_head,
    macro_f1,
    reliability,
    spearman,
    weighted_kappa,
)
from filters.taggers.rubric import Head

LEVELS = st.integers(0, 5)
PAIRS = st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=60)


def columns(pairs):
    first, second = zip(*pairs, strict=True)
    return np.array(first, np.int64), np.array(second, np.int64)


def kappa_by_table(label, predicted):
    """Cohen's definition: a table of weights, observed against expected counts."""
    size = 6
    observed = np.zeros((size, size))
    for row, column in zip(label, predicted, strict=True):
        observed[row, column] += 1
    expected = np.outer(observed.sum(1), observed.sum(0)) / len(label)
    places = np.arange(size)
    weights = (places[:, None] - places[None, :]) ** 2
    cost = (weights * expected).sum()
    return 1 - (weights * observed).sum() / cost if cost else np.nan


@given(PAIRS)
def test_kappa_is_cohens_by_its_table(pairs):
    label, predicted = columns(pairs)
    assert weighted_kappa(label, predicted) == pytest.approx(
        kappa_by_table(label, predicted), nan_ok=True
    )


@given(st.lists(LEVELS, min_size=2).filter(lambda levels: len(set(levels)) > 1))
def test_kappa_of_equal_levels_is_one(levels):
    label = np.array(levels)
    assert weighted_kappa(label, label) == 1


@given(st.lists(LEVELS, min_size=1), st.lists(LEVELS, min_size=1))
def test_kappa_of_independent_levels_is_zero(first, second):
    crossed = [(one, other) for one in first for other in second]
    label, predicted = columns(crossed)
    kappa = weighted_kappa(label, predicted)
    assert np.isnan(kappa) or kappa == pytest.approx(0, abs=1e-9)


@given(PAIRS, st.integers(-3, 3))
def test_kappa_counts_distances_not_names(pairs, shift):
    label, predicted = columns(pairs)
    assert weighted_kappa(label + shift, predicted + shift) == pytest.approx(
        weighted_kappa(label, predicted), nan_ok=True
    )


def test_kappa_of_reversed_levels_is_minus_one():
    levels = np.arange(6)
    assert weighted_kappa(levels, levels[::-1]) == pytest.approx(-1)


@given(PAIRS)
def test_spearman_is_scipys(pairs):
    first, second = (column.astype(np.float64) for column in columns(pairs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        expected = stats.spearmanr(first, second).statistic if len(first) > 1 else np.nan
    assert spearman(first, second) == pytest.approx(expected, nan_ok=True)


@given(PAIRS)
def test_confusion_counts_every_document(pairs):
    label, predicted = columns(pairs)
    counts = confusion(label, predicted, num_classes=6)
    assert counts.sum() == len(pairs)
    for row in range(6):
        for column in range(6):
            assert counts[row, column] == pairs.count((row, column))


def test_f1_of_a_case_made_by_hand():
    # Class 0: 2 right, 1 missed, 1 too many. Class 1: 3, 1 and 1. Class 2 does not occur.
    counts = np.array([[2, 1, 0], [1, 3, 0], [0, 0, 0]])
    assert class_f1(counts) == pytest.approx([4 / 6, 6 / 8, np.nan], nan_ok=True)
    assert macro_f1(counts) == pytest.approx((4 / 6 + 6 / 8) / 2)


def test_a_class_that_is_predicted_and_never_true_counts_as_zero():
    assert macro_f1(np.array([[3, 1], [0, 0]])) == pytest.approx((6 / 7) / 2)


@given(PAIRS)
def test_macro_f1_is_one_only_where_all_is_right(pairs):
    label, predicted = columns(pairs)
    is_perfect = macro_f1(confusion(label, predicted, num_classes=6)) == 1
    assert is_perfect == (label == predicted).all()


def test_calibration_of_a_case_made_by_hand():
    confidence = np.array([0.95, 1.0, 0.62, 0.68, 0.0])
    is_right = np.array([True, False, True, True, False])
    made = reliability(confidence, is_right)
    assert made.num_documents.tolist() == [1, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert made.mean_confidence[[0, 6, 9]] == pytest.approx([0, 0.65, 0.975])
    assert made.accuracy_ratio[[0, 6, 9]] == pytest.approx([0, 1, 0.5])
    assert made.expected_error == pytest.approx((0 + 2 * 0.35 + 2 * 0.475) / 5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_calibration_counts_every_document_and_its_error_is_a_share(pairs):
    confidence, is_right = (np.array(column) for column in zip(*pairs, strict=True))
    made = reliability(confidence, is_right)
    assert made.num_documents.sum() == len(pairs)
    assert len(made.num_documents) == NUM_BINS
    assert 0 <= made.expected_error <= 1


def test_nothing_to_measure_is_not_a_number():
    nothing = np.zeros(0, np.int64)
    assert np.isnan(weighted_kappa(nothing, nothing))
    assert np.isnan(spearman(nothing.astype(float), nothing.astype(float)))
    assert np.isnan(macro_f1(confusion(nothing, nothing, num_classes=3)))
    assert np.isnan(reliability(nothing.astype(float), nothing.astype(bool)).expected_error)


ORDINAL = Head("depth", "ordinal", "?", (0, 1, 2, 3), ("n/a", "1", "2", "3"), not_applicable=0)
NOMINAL = Head("colour", "nominal", "?", ("red", "blue"), ("Red.", "Blue."))


def test_an_ordinal_head_is_measured_where_its_question_applies():
    label = np.array([0, 1, 2, 3, 3])
    probability = np.array(
        [[0.9, 0.1, 0, 0], [0, 0.9, 0.1, 0], [0, 0, 1, 0], [0.6, 0, 0, 0.4], [np.nan] * 4],
        np.float32,
    )
    predicted = np.array([0, 1, 2, 0, 0])
    score = np.array([1.0, 1.1, 2.0, 3.0, np.nan])
    level = np.array([1, 1, 2, 3, 0])
    made = evaluate_head(ORDINAL, label, probability, predicted, score=score, level=level)
    assert (made.num_documents, made.num_abstained, made.num_applicable) == (5, 1, 3)
    assert made.kappa == 1
    assert made.spearman == pytest.approx(1)
    assert made.accuracy_ratio == 0.75
    assert made.confusion[3].tolist() == [1, 0, 0, 0]
    assert made.reliability.num_documents.sum() == 4


def test_a_nominal_head_has_no_distances():
    probability = np.array([[0.8, 0.2], [0.4, 0.6]], np.float32)
    made = evaluate_head(
        NOMINAL,
        np.array([0, 0]),
        probability,
        np.array([0, 1]),
        score=np.full(2, np.nan),
        level=np.zeros(2, np.int64),
    )
    assert np.isnan(made.kappa)
    assert np.isnan(made.spearman)
    assert made.accuracy_ratio == 0.5


def test_agreement_is_that_of_the_levels_cut_and_not_of_rounded_scores():
    label = np.array([1, 2, 3])
    probability = np.array([[0, 0.9, 0.1, 0], [0, 0.7, 0.3, 0], [0, 0.6, 0.4, 0]], np.float32)
    score = np.array([1.1, 1.3, 1.4])
    made = evaluate_head(ORDINAL, label, probability, label, score=score, level=label)
    assert made.kappa == 1
    assert made.spearman == pytest.approx(1)


@pytest.mark.parametrize("head", [ORDINAL, NOMINAL])
def test_a_model_that_always_abstains_is_measured_as_nothing(head):
    label = np.array([1, 1])
    probability = np.full((2, len(head.values)), np.nan, np.float32)
    nothing = np.zeros(2, np.int64)
    scores = np.full(2, np.nan)
    made = evaluate_head(head, label, probability, nothing, score=scores, level=nothing)
    assert made.num_abstained == 2
    assert np.isnan([made.accuracy_ratio, made.macro_f1, made.kappa, made.spearman]).all()
