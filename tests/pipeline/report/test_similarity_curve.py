import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.config import NearDuplicateConfig
from filters.dedup.lsh import candidate_probability
from pipeline.report.similarity_curve import SIMILARITIES, curve, merge_probability, near_parameters

chances = st.floats(0, 1)


@st.composite
def configurations(draw, **fixed):
    """Settings with any bands and rows that fit the permutations."""
    permutations = draw(st.integers(16, 300))
    rows = draw(st.integers(1, permutations))
    return NearDuplicateConfig(
        permutations=permutations,
        rows=rows,
        bands=draw(st.integers(1, permutations // rows)),
        threshold=draw(st.floats(0.01, 1)),
        **fixed,
    )


def simulated(similarity: float, near: NearDuplicateConfig, pairs: int) -> float:
    """Share of pairs of random signatures that are nominated and whose estimate is enough."""
    shape = near.band_shape()
    equal = np.random.default_rng(7).random((pairs, near.permutations)) < similarity
    used = equal[:, : shape.bands * shape.rows].reshape(pairs, shape.bands, shape.rows)
    is_candidate = used.all(axis=2).any(axis=1)
    return float((is_candidate & (equal.mean(axis=1) >= near.threshold)).mean())


@pytest.mark.parametrize("similarity", [0.6, 0.75, 0.8, 0.85, 0.95])
@pytest.mark.parametrize("shape", [(14, 8), (9, 12), (2, 50)])
def test_the_estimate_decides_as_often_as_in_a_simulation(
    similarity: float, shape: tuple[int, int]
) -> None:
    near = NearDuplicateConfig(verify="signature", bands=shape[0], rows=shape[1])
    pairs = 20_000
    expected = merge_probability(similarity, near)
    error = (expected * (1 - expected) / pairs) ** 0.5
    assert simulated(similarity, near, pairs) == pytest.approx(expected, abs=5 * error + 1e-4)


@given(configurations(verify="exact"), chances)
def test_counting_merges_candidates_from_the_threshold_on(
    near: NearDuplicateConfig, similarity: float
) -> None:
    candidate = candidate_probability(similarity, near.band_shape())
    expected = candidate if similarity >= near.threshold else 0
    assert merge_probability(similarity, near) == expected


@given(configurations(verify="signature"), chances, chances)
def test_a_pair_is_merged_no_more_often_than_compared_and_a_similar_one_no_less_often(
    near: NearDuplicateConfig, one: float, other: float
) -> None:
    lower, higher = curve(near, sorted([one, other]))
    assert 0 <= lower.merged <= lower.candidate + 1e-9
    assert lower.merged <= higher.merged + 1e-9


@given(configurations(verify="signature"))
def test_equal_texts_are_always_merged_and_texts_without_a_common_shingle_never(
    near: NearDuplicateConfig,
) -> None:
    assert merge_probability(1.0, near) == pytest.approx(1)
    assert merge_probability(0.0, near) == 0


def test_the_usual_settings_give_the_figures_of_fineweb() -> None:
    points = curve(NearDuplicateConfig())
    assert [point.similarity for point in points] == list(SIMILARITIES)
    at = {point.similarity: point for point in points}
    assert at[0.75].candidate == pytest.approx(0.772, abs=5e-4)
    assert at[0.8].merged == pytest.approx(0.924, abs=5e-4)
    assert at[0.75].merged == 0


def test_parameters_say_whether_the_bands_were_given() -> None:
    derived = dict(near_parameters(NearDuplicateConfig()))
    assert derived["bands x rows"] == "14 x 8 (112 of 112 values), derived from the threshold"
    given_bands = NearDuplicateConfig(bands=20, rows=5, shingles="characters")
    said = dict(near_parameters(given_bands))
    assert said["bands x rows"] == "20 x 5 (100 of 112 values), as the recipe gives them"
    assert said["shingle"] == "24 characters"
