import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.components import (
    edge_members,
    label_components,
    label_members,
    merge_members,
)
from pipeline.errors import InvariantError

EDGES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=25)


def reference_labels(edges: list[tuple[int, int]]) -> dict[int, int]:
    label = {end: end for edge in edges for end in edge}
    for _ in label:  # as many rounds as the longest path
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    return label


@given(EDGES)
def test_label_is_the_least_reference_of_the_component(edges: list[tuple[int, int]]) -> None:
    shift = 1 << 60  # references use all 64 bits
    packed = np.array(edges, np.uint64).reshape(-1, 2) + np.uint64(shift)
    labels = label_components(packed)
    found = {int(ref) - shift: int(label) - shift for ref, label in labels}
    assert found == reference_labels(edges)
    assert labels[:, 0].tolist() == sorted(labels[:, 0].tolist())


def test_a_long_chain_is_one_component() -> None:
    chain = np.arange(10_000, dtype=np.uint64)
    labels = label_components(np.column_stack([chain[:-1], chain[1:]])[::-1])
    assert set(labels[:, 1].tolist()) == {0}


def test_an_edge_may_be_repeated_any_number_of_times() -> None:
    labels = label_components(np.repeat(np.array([[3, 5]], np.uint64), 256, axis=0))
    assert labels.tolist() == [[3, 3], [5, 3]]


def test_no_edges_have_no_labels() -> None:
    assert label_components(np.empty((0, 2), np.uint64)).shape == (0, 2)


def test_a_member_gets_its_label_and_its_strongest_kind() -> None:
    edges = {0: np.array([[1, 2]], np.uint64), 2: np.array([[2, 3], [3, 4]], np.uint64)}
    members = np.concatenate(
        [
            *(edge_members(packed, kind=kind) for kind, packed in edges.items()),
            label_members(label_components(np.concatenate(list(edges.values())))),
        ]
    )
    expected = [[1, 1, 0], [2, 1, 0], [3, 1, 2], [4, 1, 2]]
    for order in (slice(None), slice(None, None, -1)):
        assert merge_members(members[order]).tolist() == expected


def test_a_member_without_a_kind_is_a_lost_edge() -> None:
    labels = label_components(np.array([[1, 2]], np.uint64))
    with pytest.raises(InvariantError, match="2 documents lost their label or kind"):
        merge_members(label_members(labels))


def test_no_members_merge_to_none() -> None:
    assert merge_members(np.empty((0, 3), np.uint64)).shape == (0, 3)
