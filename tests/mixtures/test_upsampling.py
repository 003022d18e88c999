import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.quantiles import count_values, merge_values, mixture_cuts
from mixtures.upsampling import UpsamplingSpec, band_numbers, percentile_cuts, value_cuts
from tests.mixtures.corpora import corpus, mixture, stage, with_column

CURVE = UpsamplingSpec.model_validate(
    {
        "column": "score",
        "bands": [{"factor": 0}, {"min": 40, "factor": 1}, {"min": 95, "factor": 7}],
    }
)
MIXTURE = mixture(stage(web={"weight": 100, "upsample": [CURVE.model_dump()]}))


def cuts_of(values: list[float], tokens: list[int]) -> tuple[float, ...]:
    documents = with_column(corpus(web=tokens), "score", pa.array(values, pa.float64()))
    counted = count_values(documents.columns, MIXTURE, num_tokens=pa.array(documents.num_tokens))
    return mixture_cuts(MIXTURE, counted)["one", "web", 0][None]


def bands_of(values: list[float | None], cuts: tuple[float, ...]) -> list[int]:
    columns = pa.RecordBatch.from_pydict({"score": pa.array(values, pa.float64())})
    return band_numbers(columns, CURVE, {None: cuts}).tolist()


def test_percentiles_are_of_tokens() -> None:
    low, high = cuts_of([1.0, 2.0, 3.0], [900, 70, 30])
    assert (low, high) == (1.0, 3.0)


@given(
    st.lists(
        st.tuples(st.floats(-100, 100, width=16), st.integers(1, 100)), min_size=1, max_size=60
    )
)
def test_bands_hold_their_percentage_to_within_a_value(rows: list[tuple[float, int]]) -> None:
    values, tokens = [value for value, _ in rows], np.array([n for _, n in rows])
    bands = np.array(bands_of([*values], cuts_of(values, tokens.tolist())))
    largest = max(tokens[np.array(values) == value].sum() for value in values)
    for band, percent in ((0, 40), (1, 55), (2, 5)):
        share = tokens[bands == band].sum()
        assert abs(share - percent / 100 * tokens.sum()) <= largest
    assert all(
        bands[i] <= bands[j]
        for i in range(len(rows))
        for j in range(len(rows))
        if values[i] <= values[j]
    )


def test_documents_of_one_value_are_the_fiftieth_percentile() -> None:
    cuts = cuts_of([0.5] * 9, [10] * 9)
    assert bands_of([0.5, None, math.nan], cuts) == [1, 3, 3]


def test_band_above_every_value_is_empty() -> None:
    low, high = cuts_of([1.0, 2.0], [50, 50])
    assert (low, high) == (2.0, math.inf)
    assert bands_of([1.0, 2.0, 1e300, -math.inf], (low, high)) == [0, 1, 2, 0]


@pytest.mark.parametrize("seed", range(3))
def test_cuts_are_the_same_from_any_batches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    documents = with_column(
        corpus(web=rng.integers(1, 99, 200).tolist()), "score", pa.array(rng.normal(size=200))
    )
    order = rng.permutation(200)
    parts = [documents.take(part) for part in np.array_split(order, 7)]
    counted = [
        count_values(one.columns, MIXTURE, num_tokens=pa.array(one.num_tokens))
        for one in (documents, *parts)
    ]
    assert merge_values(counted[1:]) == counted[0]
    assert len(mixture_cuts(MIXTURE, counted[0])["one", "web", 0][None]) == 2


def test_percentiles_count_any_number_of_tokens_exactly() -> None:
    values, tokens = np.array([1, 2, 3], np.float32), np.array([4, 4, 2]) * 10**16
    assert percentile_cuts(CURVE, values, tokens) == (2.0, math.inf)


def test_curve_over_values_needs_no_supply() -> None:
    curve = UpsamplingSpec.model_validate(
        {"column": "n", "scale": "value", "bands": [{"factor": 1}, {"min": 2, "factor": 3}]}
    )
    assert value_cuts(curve) == (2.0,)
