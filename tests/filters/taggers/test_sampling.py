import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.taggers.sampling import (
    MAX_VALUES,
    QUANTILE_BINS,
    Bins,
    Candidates,
    allocate,
    check_columns,
    choose,
    hash_ids,
    name_strata,
    smallest,
)
from pipeline.errors import ConfigError

SIZES = st.lists(st.integers(0, 50), max_size=8)


@given(SIZES, st.integers(0, 200))
def test_shares_are_equal_but_for_what_small_strata_lack(sizes, total):
    taken = allocate(sizes, total)
    assert sum(taken) == min(total, sum(sizes))
    assert all(0 <= own <= size for own, size in zip(taken, sizes, strict=True))
    largest = max(taken, default=0)
    for own, size in zip(taken, sizes, strict=True):
        assert own == size or own >= largest - 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40), st.data())
def test_the_smallest_of_parts_are_the_smallest_of_all(pairs, data):
    rows = np.array(pairs, np.uint64).reshape(-1, 2)
    cut = data.draw(st.integers(0, len(rows)))
    count = data.draw(st.integers(0, 10))
    parts = [smallest(part, count) for part in (rows[:cut], rows[cut:])]
    merged = smallest(np.concatenate(parts), count)
    assert merged.tolist() == sorted(rows.tolist())[:count]


@given(st.lists(st.sampled_from([None, 1, 2, 2.5, 300]), max_size=30))
def test_few_values_have_a_bin_each(values):
    numbers = np.array([np.nan if value is None else value for value in values])
    named = Bins.of(numbers).name(numbers).to_pylist()
    assert named == ["null" if value is None else f"{value:g}" for value in values]


def test_many_values_fall_into_bins_of_equal_size():
    numbers = np.arange(100.0)
    bins = Bins.of(numbers)
    named = bins.name(numbers).to_pylist()
    assert {name: named.count(name) for name in bins.names} == {
        "<20": 20,
        "20..40": 20,
        "40..60": 20,
        "60..80": 20,
        ">=80": 20,
    }


@given(st.lists(st.floats(allow_nan=True), min_size=1), st.lists(st.floats(allow_nan=True)))
def test_every_number_has_a_bin_whoever_laid_them(seen, others):
    bins = Bins.of(np.array(seen))
    assert len(bins.names) == len(bins.bounds) <= max(MAX_VALUES, QUANTILE_BINS)
    named = bins.name(np.array(others, np.float64)).to_pylist()
    for name, number in zip(named, others, strict=True):
        assert (name == "null") == (np.isnan(number) or not bins.names)


def test_a_stratum_names_the_source_and_each_value():
    columns = pa.record_batch(
        {
            "source": ["web", "web", "code"],
            "language.code": ["en", None, "de"],
            "prose.words": pa.array([3, None, 7], pa.int32()),
            "is_good": [True, False, None],
        }
    )
    bins = {"prose.words": Bins.of(np.array([3.0, 7.0]))}
    by = ("language.code", "prose.words", "is_good")
    assert name_strata(columns, by, bins).to_pylist() == [
        "web, language.code: en, prose.words: 3, is_good: true",
        "web, language.code: null, prose.words: null, is_good: false",
        "code, language.code: de, prose.words: 7, is_good: null",
    ]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (["nothing"], "--by nothing: there is no such column; there are: "),
        (["spans"], "--by spans: list"),
        (["words", "words"], "each column once"),
        (["source"], "source is always one"),
    ],
)
def test_a_column_that_makes_no_strata_is_refused(by, message):
    schema = pa.schema(
        [("source", pa.string()), ("words", pa.int32()), ("spans", pa.list_(pa.int32()))]
    )
    with pytest.raises(ConfigError, match=message):
        check_columns(by, schema)


@given(st.permutations([f"document-{number}" for number in range(20)]), st.integers(0, 25))
def test_the_sample_is_the_same_in_any_order_of_the_documents(names, total):
    def sampled(ordered):
        candidates = {}
        for stratum in ("a", "b"):
            own = [name for name in ordered if ("7" in name) == (stratum == "a")]
            references = np.array([int(name.partition("-")[2]) for name in own], np.uint64)
            rows = np.stack([hash_ids(pa.array(own, pa.string())), references], axis=1)
            candidates[stratum] = Candidates(len(own), smallest(rows, total))
        return choose({key: one for key, one in candidates.items() if len(one.rows)}, total)

    one, other = sampled(names), sampled(sorted(names))
    assert one.reference.tolist() == other.reference.tolist()
    assert len(one.reference) == min(total, len(names))
    assert one.num_chosen.sum() == len(one.reference)
    assert (np.diff(one.hash.astype(object)) > 0).all()
