import tracemalloc
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.dedup.config import ShingleUnit
from filters.dedup.shingle_sets import jaccard, shingle_sets
from filters.dedup.shingles import hash_shingles

SETS = st.lists(st.integers(0, 12).map(lambda i: i * 0x15555555), max_size=12).map(set)


def column(*texts: str) -> pa.Array:
    return pa.array(texts, pa.large_string())


def split(values: np.ndarray, ends: np.ndarray) -> list[list[int]]:
    bounds = [0, *ends.tolist()]
    assert bounds[-1] == len(values)
    return [values[begin:end].tolist() for begin, end in pairwise(bounds)]


def packed(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.array([len(values) for values in sets], np.int64)
    values = [value for values in sets for value in sorted(values)]
    ends = np.cumsum(sizes)
    return np.array(values, np.uint32), np.column_stack([ends - sizes, ends])


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.text(alphabet="ab c", max_size=50), max_size=6),
    st.sampled_from(("words", "characters", "code")),
    st.integers(1, 3),
    st.integers(1, 9),
)
def test_sets_are_the_distinct_hashes_in_order_whatever_the_blocks(
    texts: list[str], unit: ShingleUnit, size: int, block_shingles: int
) -> None:
    found: list[set[int]] = [set() for _ in texts]
    for block in hash_shingles(column(*texts), unit=unit, size=size):
        for i, hashes in enumerate(split(block.hashes, block.ends)):
            found[block.first_row + i].update(hashes)
    values, ends = shingle_sets(column(*texts), unit=unit, size=size, block_shingles=block_shingles)
    assert values.dtype == np.uint32
    assert split(values, ends) == [sorted(hashes) for hashes in found]


def test_a_text_over_many_blocks_has_one_set() -> None:
    random = np.random.default_rng(5)
    words = [f"w{i}" for i in random.integers(0, 1000, 50_000)]
    texts = ["before", " ".join(words), "after", " ".join(words[:100])]
    expected = [
        sorted({xxhash.xxh32_intdigest(word.encode()) for word in text.split()}) for text in texts
    ]
    for block_shingles in (50, 1000, 1 << 15):
        sets = shingle_sets(column(*texts), unit="words", size=1, block_shingles=block_shingles)
        assert split(*sets) == expected


def test_memory_is_bounded_by_the_set_not_by_the_text() -> None:
    texts = column(" ".join(f"w{i}" for i in range(300)) + " " + "again and " * 1_000_000)
    list(hash_shingles(texts.slice(0, 0), unit="words", size=5))  # tables and kernels
    tracemalloc.start()
    values, _ = shingle_sets(texts, unit="words", size=5)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(values) < 310
    assert peak_bytes < texts.nbytes


def test_no_texts_have_no_sets() -> None:
    values, ends = shingle_sets(column(), unit="words", size=5)
    assert (len(values), len(ends)) == (0, 0)


def test_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        shingle_sets(pa.array(["a", None], pa.large_string()), unit="words", size=5)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(SETS, SETS), max_size=6))
def test_jaccard_is_the_share_of_the_union_that_both_hold(
    pairs: list[tuple[set[int], set[int]]],
) -> None:
    left_values, left_bounds = packed([left for left, _ in pairs])
    right_values, right_bounds = packed([right for _, right in pairs])
    found = jaccard(left_values, left_bounds, right_values, right_bounds)
    assert found.tolist() == [
        len(left & right) / len(left | right) if left | right else 0.0 for left, right in pairs
    ]


def test_one_set_may_stand_in_several_pairs_in_any_order() -> None:
    values, bounds = packed([{1, 2, 3}, {2, 3, 4}, set()])
    left, right = bounds[[1, 0, 0, 2]], bounds[[0, 1, 0, 2]]
    assert jaccard(values, left, values, right).tolist() == [0.5, 0.5, 1.0, 0.0]


@pytest.mark.parametrize("bounds", [[0, 3], [-1, 1], [2, 1]])
def test_bounds_outside_the_values_are_refused(bounds: list[int]) -> None:
    values, good = packed([{1, 2}])
    with pytest.raises(ValueError, match=r"right bounds \[.*\] of pair 0 are no slice of the 2"):
        jaccard(values, good, values, np.array([bounds]))


def test_bounds_of_another_shape_are_refused() -> None:
    values, bounds = packed([{1, 2}])
    with pytest.raises(ValueError, match=r"shapes \(1, 2\) and \(2, 2\)"):
        jaccard(values, bounds, values, np.repeat(bounds, 2, axis=0))
