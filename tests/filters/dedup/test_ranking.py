from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.ranking import (
    MAX_DOCUMENTS,
    NONE,
    SIZES_SCHEMA,
    ClusterTable,
    Packed,
    rank_blocks,
    summarize_clusters,
)
from pipeline.errors import InvariantError

FIRST_NEW = 100


class Row(NamedTuple):
    label: int
    keys: tuple[int, int]
    id: tuple[int, int]
    reference: int
    kind: int


def packed(rows: Sequence[Row]) -> Packed:
    """The sorted stream in one block."""
    flat = [[row.label, *row.keys, *row.id, row.reference, row.kind] for row in sorted(rows)]
    return np.array(flat, np.uint64).reshape(-1, 7)


NUMBERS = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1])
STREAMS = st.lists(
    st.builds(
        Row,
        label=NUMBERS,
        keys=st.tuples(st.integers(0, 1), st.sampled_from([0, 2**64 - 1])),
        id=st.tuples(NUMBERS, st.sampled_from([0, 1, 2**64 - 2])),
        reference=st.integers(FIRST_NEW - 20, FIRST_NEW + 40),
        kind=st.integers(0, 2),
    ),
    max_size=30,
    unique_by=lambda row: row.reference,
)
CUTS = st.lists(st.integers(0, 30), max_size=6).map(sorted)


def cut(block: Packed, cuts: list[int]) -> list[Packed]:
    return np.split(block, [min(at, len(block)) for at in cuts])


def clusters_of(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """Clusters of several by label, best first."""
    clusters = defaultdict(list)
    for row in sorted(rows):
        clusters[row.label].append(row)
    return {label: members for label, members in clusters.items() if len(members) > 1}


def older_of(members: Sequence[Row]) -> tuple[int, int]:
    older = [row.id for row in members if row.reference < FIRST_NEW]
    return older[0] if older else (NONE, NONE)


@given(STREAMS, CUTS)
def test_clusters_are_summarized_however_the_stream_is_cut(
    rows: list[Row], cuts: list[int]
) -> None:
    table = summarize_clusters(cut(packed(rows), cuts), first_new=FIRST_NEW)
    expected = clusters_of(rows)
    assert table.labels.tolist() == list(expected)
    assert table.sizes.tolist() == [len(members) for members in expected.values()]
    assert [*map(tuple, table.least_ids.tolist())] == [
        min(row.id for row in members) for members in expected.values()
    ]
    assert [*map(tuple, table.keepers.tolist())] == [members[0].id for members in expected.values()]
    assert [*map(tuple, table.older.tolist())] == [*map(older_of, expected.values())]


@given(STREAMS, CUTS, CUTS)
def test_ranks_are_the_places_of_members_however_either_pass_is_cut(
    rows: list[Row], first_cuts: list[int], second_cuts: list[int]
) -> None:
    table = summarize_clusters(cut(packed(rows), first_cuts), first_new=FIRST_NEW)
    marks = [*rank_blocks(cut(packed(rows), second_cuts), table)]
    assert [mark for block in marks for mark in block.tolist()] == [
        [
            row.reference,
            *min(row.id for row in members),
            rank << 32 | len(members),
            row.kind,
            *members[0].id,
            *older_of(members),
        ]
        for members in clusters_of(rows).values()
        for rank, row in enumerate(members)
    ]


def one_cluster(size: int, *, label: int = 7) -> Packed:
    return packed([Row(label, (0, 0), (number, 0), number, 2) for number in range(size)])


def table_of(*sizes: int) -> ClusterTable:
    """Clusters of these sizes; the least id is (1, label)."""
    rows = [[label, size, 1, label, 0, 0, NONE, NONE] for label, size in enumerate(sizes)]
    return ClusterTable(np.array(rows, np.uint64).reshape(-1, 8), 0)


def test_a_cluster_may_be_larger_than_any_block() -> None:
    stream = one_cluster(10_000)
    table = summarize_clusters(np.split(stream, 100), first_new=0)
    assert table.sizes.tolist() == [10_000]
    ranks = np.concatenate([*rank_blocks(np.split(stream, 50), table)])[:, 3] >> np.uint64(32)
    assert ranks.tolist() == list(range(10_000))


def test_a_stream_of_documents_that_are_alone_has_no_clusters() -> None:
    stream = packed([Row(label, (0, 0), (1, 1), label, 0) for label in range(3)])
    table = summarize_clusters([stream], first_new=0)
    assert len(table) == table.histogram().num_rows == len(table.largest(5)) == 0
    assert sum(map(len, rank_blocks([stream], table))) == 0
    assert len(summarize_clusters([], first_new=0)) == 0


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2, 3]])
@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 1, 2], [3, 0, 1, 2], [0, 1, 2, 2]])
def test_a_stream_that_does_not_ascend_is_refused(order: list[int], cuts: list[int]) -> None:
    stream = one_cluster(4)[order]
    with pytest.raises(InvariantError, match=r"reference 0x\d of label 0x7 comes behind"):
        summarize_clusters(cut(stream, cuts), first_new=0)


def test_equal_ids_are_told_apart_by_reference() -> None:
    stream = packed([Row(7, (0, 0), (5, 5), reference, 0) for reference in (FIRST_NEW, 3)])
    table = summarize_clusters([stream], first_new=FIRST_NEW)
    assert table.sizes.tolist() == [2]
    assert table.older.tolist() == [[5, 5]]


def test_another_stream_in_the_second_pass_is_refused() -> None:
    stream = np.concatenate([one_cluster(3, label=6), one_cluster(3, label=7)])
    table = summarize_clusters([stream], first_new=0)
    for rows in [[], [0, 1, 2], [0, 1, 3, 4, 5], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 5]]:
        with pytest.raises(InvariantError, match=r"the second pass saw \d documents of label"):
            [*rank_blocks([stream[rows]], table)]


def test_a_size_beyond_int32_is_refused() -> None:
    with pytest.raises(InvariantError, match="2147483648 documents, more than 2147483647"):
        [*rank_blocks([], table_of(2, MAX_DOCUMENTS + 1))]


@given(st.lists(st.integers(2, 40) | st.integers(2, 2**31 - 1), max_size=20))
def test_the_histogram_counts_every_cluster_in_its_class(sizes: list[int]) -> None:
    histogram = table_of(*sizes).histogram()
    assert histogram.schema.equals(SIZES_SCHEMA)
    classes = histogram.to_pylist()
    for row in classes:
        within = [n for n in sizes if row["min_documents"] <= n <= row["max_documents"]]
        assert row["clusters"] == len(within) > 0
        assert row["documents"] == sum(within)
    assert sum(row["clusters"] for row in classes) == len(sizes)


def test_size_classes_end_at_powers_of_two() -> None:
    classes = table_of(2, 3, 4, 5, 8, 9, 16, 17, 1025).histogram().to_pylist()
    assert [tuple(row.values()) for row in classes] == [
        (2, 2, 1, 2),
        (3, 4, 2, 7),
        (5, 8, 2, 13),
        (9, 16, 2, 25),
        (17, 32, 1, 17),
        (1025, 2048, 1, 1025),
    ]


def test_the_largest_clusters_come_first_and_ties_by_least_id() -> None:
    table = table_of(3, 9, 2, 9, 4)
    assert table.largest(3).tolist() == [1, 3, 4]
    assert table.largest(99).tolist() == [1, 3, 4, 0, 2]
