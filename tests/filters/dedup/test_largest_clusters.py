import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.largest_clusters import (
    LARGEST_SCHEMA,
    MAX_CLUSTERS,
    MAX_MEMBERS,
    LargestClusters,
)
from filters.dedup.ranking import Packed, summarize_clusters
from pipeline.errors import InvariantError

FIRST_NEW = 3 << 32
"""Three shards belong to earlier runs."""


def stream_of(sizes: list[int]) -> Packed:
    """A cluster for each size; a document's id tells its label and rank.

    Every third document lies in row 5 of the second earlier shard, the others in shard 2.
    """
    rows = [
        [label, label, rank, (1 << 32) + 5 if rank % 3 == 2 else (5 << 32) + rank, 2]
        for label, size in enumerate(sizes)
        for rank in range(size)
    ]
    return np.array(rows, np.uint64).reshape(-1, 5)


@given(
    st.lists(st.integers(1, 12), max_size=2 * MAX_CLUSTERS),
    st.lists(st.integers(0, 200), max_size=5).map(sorted),
)
def test_the_largest_clusters_show_their_best_members(sizes: list[int], cuts: list[int]) -> None:
    stream = stream_of(sizes)
    blocks = np.split(stream, [min(at, len(stream)) for at in cuts])
    largest = LargestClusters(summarize_clusters(blocks, first_new=FIRST_NEW))
    assert np.array_equal(np.concatenate([*largest.watch(blocks)]), stream)
    table = largest.table()
    assert table.schema.equals(LARGEST_SCHEMA)
    order = sorted((-size, label) for label, size in enumerate(sizes) if size > 1)[:MAX_CLUSTERS]
    assert table.to_pylist() == [
        {
            "cluster_id": f"{label:016x}{0:016x}",
            "documents": -size,
            "members": [
                {
                    "id": f"{label:016x}{rank:016x}",
                    "shard": None if rank % 3 == 2 else 2,
                    "row": None if rank % 3 == 2 else rank,
                }
                for rank in range(min(-size, MAX_MEMBERS))
            ],
        }
        for size, label in order
    ]


def test_a_table_asked_for_too_early_is_refused() -> None:
    stream = stream_of([3, 7])
    largest = LargestClusters(summarize_clusters([stream], first_new=0))
    next(largest.watch([stream[:4], stream[4:]]))
    with pytest.raises(InvariantError, match=r"4 first members .* not the 8 there are"):
        largest.table()
