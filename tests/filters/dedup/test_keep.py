from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.keep import DEDUP_FIELDS, EXACT, KINDS, NEAR, URL, mark_batch, mark_rows
from filters.dedup.ranking import NONE, Packed
from pipeline.errors import InvariantError

SHARD = 3


def name(number: int) -> str:
    return f"{number + 1:016x}{number:016x}"


def ids(num_rows: int) -> pa.Array:
    """The id of a row is ``name(row)``."""
    return pa.array([name(row) for row in range(num_rows)], pa.string())


class Mark(NamedTuple):
    row: int
    cluster: int
    rank: int
    size: int
    kind: int
    keeper: int
    older: int | None


def packed(*marks: Mark, shard: int = SHARD) -> Packed:
    rows = [
        [
            (shard << 32) + mark.row,
            *(mark.cluster + 1, mark.cluster),
            mark.rank << 32 | mark.size,
            mark.kind,
            *(mark.keeper + 1, mark.keeper),
            *((NONE, NONE) if mark.older is None else (mark.older + 1, mark.older)),
        ]
        for mark in marks
    ]
    return np.array(rows, np.uint64).reshape(-1, 9)


NUM_ROWS = 12


@st.composite
def marks(draw: st.DrawFn) -> list[Mark]:
    """Marks of some of 12 rows, ascending."""
    rows = sorted(draw(st.sets(st.integers(0, NUM_ROWS - 1))))
    found = []
    for row in rows:
        rank = draw(st.integers(0, 2) | st.just(2**31 - 2))
        numbers = st.integers(20, 30)
        found.append(
            Mark(
                row=row,
                cluster=draw(numbers),
                rank=rank,
                size=draw(st.integers(max(2, rank + 1), 2**31 - 1)),
                kind=draw(st.sampled_from([URL, EXACT, NEAR])),
                keeper=draw(numbers) if rank else row,
                older=draw(st.none() | numbers),
            )
        )
    return found


def published(mark: Mark | None) -> dict[str, Any]:
    if mark is None:
        values = [None, 0, 1, None, None, None]
    else:
        kind = KINDS[mark.kind] if mark.rank else None
        older = None if mark.older is None else name(mark.older)
        values = [name(mark.cluster), mark.rank, mark.size, kind, name(mark.keeper), older]
    return dict(zip([field.name for field in DEDUP_FIELDS], values, strict=True))


@given(
    marks(),
    st.lists(st.integers(0, NUM_ROWS), max_size=4).map(sorted),
    st.lists(st.integers(0, NUM_ROWS), max_size=4).map(sorted),
)
def test_every_row_gets_its_mark_however_rows_and_marks_are_cut(
    found: list[Mark], row_cuts: list[int], mark_cuts: list[int]
) -> None:
    ends = [*row_cuts, NUM_ROWS]
    batches = [
        pa.record_batch({"id": ids(NUM_ROWS), "source": ["web"] * NUM_ROWS}).slice(a, b - a)
        for a, b in zip([0, *row_cuts], ends, strict=True)
    ]
    blocks = np.split(packed(*found), [min(at, len(found)) for at in mark_cuts])
    marked = [*mark_rows(batches, blocks, shard=SHARD)]
    assert [batch.num_rows for batch in marked] == [batch.num_rows for batch in batches]
    table = pa.Table.from_batches(marked)
    assert table.schema.equals(pa.schema([*batches[0].schema, *DEDUP_FIELDS]))
    of_row = {mark.row: mark for mark in found}
    assert table.to_pylist() == [
        {"id": name(row), "source": "web", **published(of_row.get(row))} for row in range(NUM_ROWS)
    ]


def test_a_batch_is_marked_by_its_first_row() -> None:
    mark = Mark(row=7, cluster=1, rank=1, size=2, kind=EXACT, keeper=1, older=None)
    columns = mark_batch(ids(9).slice(6), 6, packed(mark), shard=SHARD)
    assert columns[0].to_pylist() == [None, name(1), None]
    assert columns[3].to_pylist() == [None, "exact", None]
    assert [column.type for column in columns] == [field.type for field in DEDUP_FIELDS]


DUPLICATE = Mark(row=7, cluster=1, rank=1, size=2, kind=EXACT, keeper=1, older=None)


@pytest.mark.parametrize(
    "wrong",
    [
        packed(DUPLICATE._replace(row=5)),
        packed(DUPLICATE._replace(row=9)),
        packed(DUPLICATE, DUPLICATE),
        packed(DUPLICATE, DUPLICATE._replace(row=6)),
        packed(DUPLICATE, shard=SHARD - 1),
        packed(DUPLICATE, shard=SHARD + 1),
    ],
)
def test_a_mark_of_another_row_is_refused(wrong: Packed) -> None:
    with pytest.raises(InvariantError, match=r"shard 3, rows 6 to 8"):
        mark_batch(ids(9).slice(6), 6, wrong, shard=SHARD)
    batches = [pa.record_batch({"id": ids(9).slice(*piece)}) for piece in [(0, 6), (6, 3)]]
    if (SHARD << 32) + 5 not in wrong[:, 0].tolist():  # which is a row of the first batch
        with pytest.raises(InvariantError, match="shard 3"):
            [*mark_rows(batches, [wrong], shard=SHARD)]


def test_a_keeper_that_lies_in_another_row_is_refused() -> None:
    keeper = Mark(row=2, cluster=1, rank=0, size=2, kind=URL, keeper=1, older=None)
    with pytest.raises(InvariantError, match=f"{name(2)} is marked as keeper {name(1)}"):
        mark_batch(ids(4), 0, packed(keeper), shard=SHARD)
