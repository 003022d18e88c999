import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.keep import EXACT, NEAR, URL
from filters.dedup.packed import Packed, sort_rows
from filters.dedup.verification import (
    KNOWN,
    NOMINATED,
    SET_HASHES,
    doubt_bounds,
    edge_strength,
    pack_sets,
    settle_edges,
    strength_kind,
    strength_similarity,
    unpack_sets,
)
from pipeline.errors import InvariantError

SETS = st.lists(st.integers(0, 3 * SET_HASHES), min_size=1, max_size=6)


def test_signatures_alone_decide_at_the_threshold() -> None:
    assert doubt_bounds(0.8, permutations=112, verify="signature") == (0.8, 0.8)


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_chance_hardly_ever_leads_an_estimate_beyond_the_doubt(threshold: float) -> None:
    refuse_below, merge_from = doubt_bounds(threshold, permutations=112, verify="exact")
    assert refuse_below < threshold < merge_from
    estimates = np.random.default_rng(0).binomial(112, threshold, 200_000) / 112
    outside = (estimates < refuse_below) | (estimates >= merge_from)
    assert outside.mean() < 1e-3


def test_an_estimate_that_is_trusted_passes_for_no_stricter_similarity_by_chance() -> None:
    _, merge_from = doubt_bounds(0.8, permutations=112, verify="exact")
    estimates = np.random.default_rng(0).binomial(112, 0.9, 200_000) / 112
    assert (estimates >= merge_from).mean() < 1e-3
    nearly_equal = np.random.default_rng(0).binomial(112, 0.99, 200_000) / 112
    assert (nearly_equal >= merge_from).mean() > 0.85


@given(st.sampled_from([URL, EXACT, NEAR]), st.floats(0, 1))
def test_a_strength_says_kind_and_similarity(kind: int, similarity: float) -> None:
    strength = np.array([edge_strength(kind, similarity)], np.uint64)
    assert strength_kind(strength).tolist() == [kind]
    assert math.isclose(strength_similarity(strength)[0], similarity, abs_tol=2**-32)


def test_a_lesser_strength_is_the_stronger_edge() -> None:
    strengths = [edge_strength(URL), edge_strength(EXACT), *edge_strength(NEAR, [1.0, 0.9, 0.2])]
    assert strengths == sorted(strengths)


def make_sets(sizes: list[int]) -> tuple[Packed, npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Two sets for each pair, of these sizes in turn."""
    rng = np.random.default_rng(sum(sizes))
    values = rng.integers(0, 2**32, sum(sizes), np.uint32)
    ends = np.cumsum(sizes)
    pairs = np.arange(len(sizes)) // 2
    sides = np.column_stack([pairs, pairs * 7, np.arange(len(sizes)) % 2]).astype(np.uint64)
    return sides, values, np.column_stack([ends - sizes, ends])


@given(SETS, st.integers(1, 9))
def test_sets_come_back_from_their_rows_however_these_are_cut(
    sizes: list[int], part_rows: int
) -> None:
    sizes = [*sizes, *reversed(sizes)]
    sides, values, bounds = make_sets(sizes)
    rows = np.concatenate(list(pack_sets(sides, values, bounds)))
    parts = [rows[i : i + part_rows] for i in range(0, len(rows), part_rows)]
    found = [
        (*pair.tolist(), *(some[begin:end].tolist() for begin, end in of_pair))
        for some_pairs, some, some_bounds in unpack_sets(parts)
        for pair, of_pair in zip(some_pairs, some_bounds, strict=True)
    ]
    sets = [values[begin:end].tolist() for begin, end in bounds]
    pairs = sides[::2, :2].tolist()
    assert found == [(*pair, sets[2 * i], sets[2 * i + 1]) for i, pair in enumerate(pairs)]


def test_a_pair_without_one_of_its_texts_stops_the_run() -> None:
    sides, values, bounds = make_sets([3, 4, 5, 6])
    rows = np.concatenate(list(pack_sets(sides, values, bounds)))
    for lost in range(4):
        with pytest.raises(InvariantError, match="without the shingles of one of its texts"):
            list(unpack_sets([np.delete(rows, lost, axis=0)]))


def test_no_pairs_need_no_rows() -> None:
    sides = np.empty((0, 3), np.uint64)
    assert list(pack_sets(sides, np.empty(0, np.uint32), np.empty((0, 2), np.int64))) == []
    assert list(unpack_sets([])) == []


def edge(first: int, second: int, kind: int, similarity: float = 1.0) -> list[int]:
    return [first, second, int(edge_strength(kind, similarity))]


@pytest.mark.parametrize("block_rows", [1, 2, 100])
def test_a_pair_stands_once_by_its_strongest_edge(block_rows: int) -> None:
    rows = sort_rows(
        np.array(
            [
                edge(1, 2, NEAR, 0.9),
                edge(1, 2, URL),
                edge(1, 3, NEAR, 0.85),
                edge(2, 9, NEAR, 0.9),
                edge(2, 9, EXACT),
            ],
            np.uint64,
        )
    )
    blocks = [rows[i : i + block_rows] for i in range(0, len(rows), block_rows)]
    settled = np.concatenate(list(settle_edges(blocks)))
    assert settled.tolist() == [edge(1, 2, URL), edge(1, 3, NEAR, 0.85), edge(2, 9, EXACT)]


def test_what_an_earlier_run_knows_stands_where_it_is_still_nominated() -> None:
    rows = np.array(
        [
            edge(1, 2, KNOWN, 0.9),
            edge(1, 2, NOMINATED),
            edge(1, 2, NOMINATED),
            edge(1, 3, KNOWN, 0.9),
            edge(1, 4, NOMINATED),
            edge(1, 5, EXACT),
        ],
        np.uint64,
    )
    settled = np.concatenate(list(settle_edges([sort_rows(rows)])))
    assert settled.tolist() == [edge(1, 2, NEAR, 0.9), edge(1, 5, EXACT)]
