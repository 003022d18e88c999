"""How well predictions agree with labels: agreement by class and by level, and calibration.

Pure functions of numpy arrays: labels and predictions are [documents], probabilities [documents,
values]. They are positions in the head's values where classes are compared, and the levels
themselves where distances count. A measure that is not defined for its input (no rows, or nothing
varies) is NaN.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.taggers.rubric import Head

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

NUM_BINS = 10
"""Bins of confidence, of equal width. Guo et al. (arXiv 1706.04599) take 15, for far more rows than
a held-out third has; with 10 a bin of 1,200 rows holds 120 on average."""


@dataclass(frozen=True)
class Reliability:
    """Confidence against correctness, by bins of confidence of equal width; arrays are [bins].

    Means of an empty bin are NaN.
    """

    num_documents: Int64Array
    mean_confidence: Float64Array
    accuracy_ratio: Float64Array

    @property
    def expected_error(self) -> float:
        """Expected calibration error: the mean gap of a bin, weighted by its documents."""
        total = int(self.num_documents.sum())
        if not total:
            return float("nan")
        gaps = np.abs(self.mean_confidence - self.accuracy_ratio)
        return float(np.nansum(gaps * self.num_documents) / total)


@dataclass(frozen=True)
class HeadEvaluation:
    """One head on documents whose labels were not trained on.

    ``num_abstained`` of the ``num_documents`` labelled ones have no prediction; all measures are
    of the others. ``confusion`` counts [label, prediction]; ``class_f1`` is NaN for a value that is
    neither a label nor a prediction. ``spearman`` and ``kappa`` are NaN for nominal heads; for
    ordinal ones they are of the ``num_applicable`` documents whose label is a level.
    """

    head: Head
    num_documents: int
    num_abstained: int
    num_applicable: int
    accuracy_ratio: float
    macro_f1: float
    class_f1: Float64Array
    spearman: float
    kappa: float
    confusion: Int64Array
    reliability: Reliability


def confusion(label: Int64Array, predicted: Int64Array, *, num_classes: int) -> Int64Array:
    """Documents by [label, prediction], both in 0..num_classes-1; [num_classes, num_classes]."""
    counts = np.bincount(label * num_classes + predicted, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def class_f1(counts: Int64Array) -> Float64Array:
    """F1 of each class of ``counts``; NaN for one that is neither a label nor a prediction."""
    hits = np.diag(counts).astype(np.float64)
    occurrences = counts.sum(axis=0) + counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        scores: Float64Array = 2 * hits / occurrences
    return scores


def macro_f1(counts: Int64Array) -> float:
    """The mean F1 of the classes that occur as a label or a prediction, each counting the same."""
    scores = class_f1(counts)
    occurring = scores[~np.isnan(scores)]
    return float(occurring.mean()) if len(occurring) else float("nan")


def weighted_kappa(label: Int64Array, predicted: Int64Array) -> float:
    """Cohen's kappa with quadratic weights (1968): agreement beyond chance, far misses cost more.

    1 for equal levels, 0 for what two independent annotators with these distributions reach. NaN
    where both give the same single level. With quadratic weights the expected disagreement has a
    closed form, so levels need no table.
    """
    if not len(label):
        return float("nan")
    observed = np.mean((label - predicted) ** 2)
    expected = label.var() + predicted.var() + (label.mean() - predicted.mean()) ** 2
    return float(1 - observed / expected) if expected > 0 else float("nan")


def spearman(first: Float64Array, second: Float64Array) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN where one of them is constant."""
    if not len(first):
        return float("nan")
    first, second = (_ranks(values) for values in (first, second))
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 0 else float("nan")


def _ranks(values: Float64Array) -> Float64Array:
    """Ranks from 1, ties at their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Float64Array = last - (counts - 1) / 2
    return means[group]


def reliability(confidence: Float64Array, is_right: BoolArray) -> Reliability:
    """How often a prediction of each confidence (0-1) is right; 1 falls into the last bin."""
    bins = np.minimum((confidence * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    counts = np.bincount(bins, minlength=NUM_BINS).astype(np.int64)
    with np.errstate(invalid="ignore"):
        return Reliability(
            num_documents=counts,
            mean_confidence=np.bincount(bins, confidence, NUM_BINS) / counts,
            accuracy_ratio=np.bincount(bins, is_right.astype(np.float64), NUM_BINS) / counts,
        )


def evaluate_head(
    head: Head,
    label: Int64Array,
    probabilities: npt.NDArray[np.float32],
    predicted: Int64Array,
    *,
    score: Float64Array,
    level: Int64Array,
) -> HeadEvaluation:
    """Compare one head's predictions with its labels.

    ``label`` and ``predicted`` are positions in ``head.values``. ``probabilities`` has a row of
    NaN where the model abstains; what is predicted there is not looked at. ``score`` is an ordinal
    head's score, the mean level by probability, and ``level`` what it is cut into; neither is
    looked at for a nominal head. ``kappa`` compares ``level``, so whether the question was taken to
    apply counts in ``macro_f1`` and not there. Calibration is that of the most probable value.
    """
    num_documents = len(label)
    has_answer = ~np.isnan(probabilities).any(axis=1)
    label, predicted = label[has_answer], predicted[has_answer]
    score, level = score[has_answer], level[has_answer]
    probability = probabilities[has_answer].astype(np.float64)
    counts = confusion(label, predicted, num_classes=len(head.values))
    is_level = np.zeros(len(label), np.bool_)
    rank_correlation = kappa = float("nan")
    if head.kind == "ordinal":
        wanted = np.array(head.values, np.int64)[label]
        is_level = wanted != head.not_applicable if head.not_applicable is not None else ~is_level
        kappa = weighted_kappa(wanted[is_level], level[is_level])
        rank_correlation = spearman(wanted[is_level].astype(np.float64), score[is_level])
    likeliest = probability.argmax(axis=1) if len(label) else label
    return HeadEvaluation(
        head=head,
        num_documents=num_documents,
        num_abstained=num_documents - len(label),
        num_applicable=int(is_level.sum()),
        accuracy_ratio=float((label == predicted).mean()) if len(label) else float("nan"),
        macro_f1=macro_f1(counts),
        class_f1=class_f1(counts),
        spearman=rank_correlation,
        kappa=kappa,
        confusion=counts,
        reliability=reliability(probability.max(axis=1, initial=0.0), likeliest == label),
    )
