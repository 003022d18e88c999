import random
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.config import KeepPreference
from filters.dedup.keep import DEDUP_FIELDS, KINDS, mark_rows, rank_members

QUALITY = KeepPreference(column="tagger.quality", prefer="highest")
CHARS = KeepPreference(column="content.chars", prefer="lowest")

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([None, 0.5, 0.9, float("nan")]),
        st.sampled_from([None, 10, 20]),
    ),
    max_size=12,
)


def members(*rows: tuple[int, str, str, float | None, int | None]) -> pa.RecordBatch:
    """Rows of (label, kind, id, quality, chars); the reference is the row's number."""
    labels, kinds, ids, qualities, chars = zip(*rows, strict=True) if rows else ([],) * 5
    return pa.record_batch(
        {
            "label": pa.array(labels, pa.uint64()),
            "reference": pa.array(range(len(rows)), pa.uint64()),
            "kind": pa.array([KINDS.index(kind) for kind in kinds], pa.uint8()),
            "id": pa.array(ids, pa.string()),
            "tagger.quality": pa.array(qualities, pa.float32()),
            "content.chars": pa.array(chars, pa.int64()),
        }
    )


def by_reference(ranked: pa.RecordBatch) -> dict[int, dict[str, Any]]:
    rows = ranked.to_pylist()
    return {row.pop("reference"): row for row in rows}


def test_best_first_nulls_last_ties_to_the_next_preference_and_then_to_the_id() -> None:
    ranked = rank_members(
        members(
            (7, "near", "f", None, 5),
            (7, "near", "e", float("nan"), 5),
            (7, "near", "d", 0.5, 1),
            (7, "near", "c", 0.9, 20),
            (7, "near", "b", 0.9, 10),
            (7, "near", "a", 0.9, None),
            (7, "near", "aa", 0.9, 10),
        ),
        [QUALITY, CHARS],
    )
    assert ranked.column("dedup.rank").to_pylist() == list(range(7))
    assert ranked.column("reference").to_pylist() == [6, 4, 3, 5, 2, 1, 0]


def test_columns_of_a_cluster() -> None:
    ranked = rank_members(
        members((3, "exact", "b", 0.1, 1), (3, "near", "a", 0.9, 1), (9, "url", "c", 0.5, 1)),
        [CHARS],
    )
    assert ranked.schema.names == ["reference", *(field.name for field in DEDUP_FIELDS)]
    pair = {"dedup.cluster_id": "a", "dedup.cluster_size": 2}
    assert by_reference(ranked) == {
        0: {**pair, "dedup.rank": 1, "dedup.kind": "exact"},
        1: {**pair, "dedup.rank": 0, "dedup.kind": None},
        2: {
            "dedup.cluster_id": "c",
            "dedup.cluster_size": 1,
            "dedup.rank": 0,
            "dedup.kind": None,
        },
    }


def test_cluster_is_named_after_its_least_id_whoever_is_kept() -> None:
    rows = members((0, "near", "b", 0.9, 1), (0, "near", "a", 0.1, 1))
    for preferences in ([], [QUALITY], [CHARS]):
        ranked = rank_members(rows, preferences)
        assert set(ranked.column("dedup.cluster_id").to_pylist()) == {"a"}
    assert by_reference(rank_members(rows, [QUALITY]))[0]["dedup.rank"] == 0


@given(ROWS, st.integers(0, 2**32))
def test_ranks_are_a_total_order_that_input_order_and_labels_do_not_change(
    rows: list[tuple[int, float | None, int | None]], seed: int
) -> None:
    documents = [
        (label, KINDS[i % 3], f"{i:02d}", quality, chars)
        for i, (label, quality, chars) in enumerate(rows)
    ]
    shuffled = random.Random(seed).sample(documents, len(documents))
    renamed = [(2 - label, *rest) for label, *rest in shuffled]

    def results(table: pa.RecordBatch) -> dict[str, Any]:
        ids = table.column("id").to_pylist()
        ranked = by_reference(rank_members(table, [QUALITY, CHARS]))
        return {ids[reference]: row for reference, row in ranked.items()}

    expected = results(members(*documents))
    assert results(members(*renamed)) == expected
    for label in range(3):
        ranks = sorted(
            expected[name]["dedup.rank"] for row, _, name, _, _ in documents if row == label
        )
        assert ranks == list(range(len(ranks)))


def test_rows_without_a_cluster_are_alone() -> None:
    ranked = rank_members(members((0, "url", "a", 0.1, 1), (0, "exact", "b", 0.2, 1)), [])
    columns = mark_rows(4, np.array([3, 1]), ranked)
    assert [column.type for column in columns] == [field.type for field in DEDUP_FIELDS]
    assert [column.to_pylist() for column in columns] == [
        [None, "a", None, "a"],
        [0, 1, 0, 0],
        [1, 2, 1, 2],
        [None, "exact", None, None],
    ]


def test_a_shard_without_clusters_or_rows_has_columns_all_the_same() -> None:
    none = rank_members(members(), [QUALITY])
    assert [len(column) for column in mark_rows(0, np.array([], np.int64), none)] == [0] * 4
    assert mark_rows(2, np.array([], np.int64), none)[1].to_pylist() == [0, 0]
