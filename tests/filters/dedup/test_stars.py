from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.packed import Packed, mix, sort_rows
from filters.dedup.stars import (
    LargeStar,
    both_ways,
    contract,
    small_star,
    star_labels,
    star_sizes,
)

EDGES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda edge: edge[0] != edge[1]),
    min_size=1,
    max_size=40,
).map(lambda edges: mix(np.array(edges, np.uint64)))


def reference_labels(edges: Packed) -> dict[int, int]:
    label = {end: end for edge in edges.tolist() for end in edge}
    for _ in label:  # as many rounds as the longest path
        for a, b in edges.tolist():
            label[a] = label[b] = min(label[a], label[b])
    return label


def cut(rows: Packed, block_rows: int) -> Iterator[Packed]:
    for begin in range(0, len(rows), block_rows):
        yield rows[begin : begin + block_rows]


def joined(blocks: Iterator[Packed]) -> Packed:
    return np.concatenate([np.empty((0, 2), np.uint64), *blocks])


def connect(edges: Packed, block_rows: int) -> tuple[Packed, int]:
    """Stars of the components, written both ways and sorted, and the rounds they took."""
    rounds = 0
    neighbours = sort_rows(both_ways(edges))
    while True:
        large = LargeStar()
        uphill = sort_rows(joined(large.passes(cut(neighbours, block_rows))))
        assert (uphill[:, 0] > uphill[:, 1]).all()
        if not large.restless:
            return neighbours, rounds
        neighbours = sort_rows(both_ways(joined(small_star(cut(uphill, block_rows)))))
        rounds += 1


@given(EDGES, st.integers(1, 9))
def test_every_node_ends_below_the_least_of_its_component(edges: Packed, block_rows: int) -> None:
    stars, _ = connect(edges, block_rows)
    labels = joined(star_labels(cut(stars, block_rows)))
    assert dict(labels.tolist()) == reference_labels(edges)
    assert labels[:, 0].tolist() == sorted(set(labels[:, 0].tolist()))


@given(EDGES, st.integers(1, 9))
def test_sizes_are_those_of_the_components(edges: Packed, block_rows: int) -> None:
    stars, _ = connect(edges, block_rows)
    sizes = joined(star_sizes(cut(stars, block_rows)))
    assert dict(sizes.tolist()) == Counter(reference_labels(edges).values())
    assert len(sizes) == len(set(sizes[:, 0].tolist()))


@given(EDGES)
def test_a_block_contracts_to_the_stars_of_its_components(edges: Packed) -> None:
    labels = reference_labels(edges)
    expected = sorted([node, least] for node, least in labels.items() if node != least)
    assert contract(edges).tolist() == expected


@given(EDGES, st.integers(1, 9))
def test_stars_are_left_alone_and_seen_to_be_stars(edges: Packed, block_rows: int) -> None:
    stars = sort_rows(both_ways(contract(edges)))
    large = LargeStar()
    moved = joined(large.passes(cut(stars, block_rows)))
    assert large.restless == 0
    np.testing.assert_array_equal(sort_rows(both_ways(moved)), stars)


@pytest.mark.parametrize(("nodes", "most_rounds"), [(100, 8), (10_000, 14)])
def test_a_path_takes_about_the_logarithm_of_its_length(nodes: int, most_rounds: int) -> None:
    path = mix(np.arange(nodes, dtype=np.uint64))
    stars, rounds = connect(np.column_stack([path[:-1], path[1:]]), 1000)
    assert set(joined(star_labels(iter([stars])))[:, 1].tolist()) == {int(path.min())}
    assert rounds <= most_rounds


def test_an_edge_may_be_repeated_any_number_of_times() -> None:
    assert contract(np.repeat(np.array([[5, 3]], np.uint64), 256, axis=0)).tolist() == [[5, 3]]


def test_no_edges_have_no_stars() -> None:
    nothing = np.empty((0, 2), np.uint64)
    assert contract(nothing).shape == (0, 2)
    assert list(star_labels(iter([]))) == list(star_sizes(iter([]))) == []
