import numpy as np
import pytest
from datasketch.lsh import _optimal_param

from filters.dedup.lsh import BandShape, band_keys, candidate_probability, derive_band_shape


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("permutations", [16, 112])
@pytest.mark.parametrize("miss_weight", [0.5, 0.9])
def test_shape_is_the_one_datasketch_derives(
    threshold: float, permutations: int, miss_weight: float
) -> None:
    shape = derive_band_shape(threshold, permutations=permutations, miss_weight=miss_weight)
    assert (shape.bands, shape.rows) == _optimal_param(
        threshold, permutations, 1 - miss_weight, miss_weight
    )


def test_default_weight_gives_the_shape_of_fineweb() -> None:
    assert derive_band_shape(0.8, permutations=112) == BandShape(bands=14, rows=8)


def test_s_curve_has_the_published_values() -> None:
    probabilities = candidate_probability([0.0, 0.7, 0.8, 0.9, 1.0], BandShape(bands=14, rows=8))
    np.testing.assert_allclose(probabilities, [0, 0.5645, 0.9235, 0.9996, 1], atol=1e-4)


def test_equal_bands_share_a_key_and_unequal_ones_do_not() -> None:
    left = np.arange(12, dtype=np.uint32)
    right = left.copy()
    right[5] += 1  # second row of the second band
    right[11] += 1  # beyond the last band
    keys = band_keys(np.stack([left, right]), BandShape(bands=2, rows=4))
    assert (keys[0] == keys[1]).tolist() == [True, False]


def test_bands_of_equal_values_have_keys_of_their_own() -> None:
    keys = band_keys(np.full((1, 12), 7, np.uint32), BandShape(bands=4, rows=3))
    assert len(np.unique(keys)) == 4


def test_the_order_of_a_bands_values_counts() -> None:
    keys = band_keys(np.array([[1, 2], [2, 1]], np.uint32), BandShape(bands=1, rows=2))
    assert keys[0, 0] != keys[1, 0]


def test_keys_are_spread_evenly() -> None:
    signatures = np.arange(40_000, dtype=np.uint32).reshape(-1, 4)
    keys = band_keys(signatures, BandShape(bands=1, rows=4)).ravel()
    counts = np.bincount((keys >> np.uint64(60)).astype(int), minlength=16)
    assert abs(counts - 625).max() < 5 * 625**0.5
