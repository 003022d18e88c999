import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from filters.dedup.packed import (
    Merge,
    Packed,
    begins_of,
    group_rows,
    mix,
    refer,
    rows_of,
    shards_of,
    sort_rows,
    uniform_bounds,
    unique_rows,
    unmix,
    whole_groups,
)

FEW_VALUES = hnp.arrays(
    np.uint64, st.tuples(st.integers(0, 40), st.just(3)), elements=st.integers(0, 3)
)


def as_tuples(rows: Packed) -> list[tuple[int, ...]]:
    return [tuple(row) for row in rows.tolist()]


def test_references_name_shard_and_row() -> None:
    references = refer(70_000, [0, 1, 2**32 - 1])
    assert shards_of(references).tolist() == [70_000] * 3
    assert rows_of(references).tolist() == [0, 1, 2**32 - 1]


@given(hnp.arrays(np.uint64, st.integers(0, 20)))
def test_unmix_undoes_mix(values: Packed) -> None:
    assert unmix(mix(values)).tolist() == values.tolist()
    assert mix(unmix(values)).tolist() == values.tolist()


def test_ranges_of_mixed_references_hold_equal_shares() -> None:
    nodes = mix(np.concatenate([refer(shard, np.arange(1000)) for shard in range(30)]))
    parts = np.searchsorted(uniform_bounds(3), nodes, side="right")
    assert min(np.bincount(parts, minlength=3)) > 9_700


@given(FEW_VALUES, st.integers(1, 3))
def test_rows_are_sorted_by_their_leading_columns(rows: Packed, keys: int) -> None:
    found = sort_rows(rows, keys=keys)
    assert [row[:keys] for row in as_tuples(found)] == sorted(row[:keys] for row in as_tuples(rows))
    assert sorted(as_tuples(found)) == sorted(as_tuples(rows))


@given(FEW_VALUES)
def test_unique_rows_are_sorted_and_stand_once(rows: Packed) -> None:
    assert as_tuples(unique_rows(rows)) == sorted(set(as_tuples(rows)))


@given(st.lists(st.integers(0, 5), max_size=20))
def test_groups_ascend_and_hold_their_rows_in_order(groups: list[int]) -> None:
    found = {group: rows.tolist() for group, rows in group_rows(np.array(groups, np.int64))}
    assert list(found) == sorted(set(groups))
    assert all(rows == [i for i, one in enumerate(groups) if one == g] for g, rows in found.items())


@given(FEW_VALUES, st.integers(1, 3), st.integers(1, 9))
def test_no_group_of_equal_keys_is_cut(rows: Packed, keys: int, block_rows: int) -> None:
    rows = sort_rows(rows)
    blocks = [rows[i : i + block_rows] for i in range(0, len(rows), block_rows)]
    found = list(whole_groups(blocks, keys=keys))
    assert [row for block in found for row in as_tuples(block)] == as_tuples(rows)
    groups = [{row[:keys] for row in as_tuples(block)} for block in found]
    assert all(groups)
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_no_rows_begin_nowhere() -> None:
    assert begins_of(np.empty((0, 2), np.uint64)).tolist() == []


@given(st.lists(FEW_VALUES, min_size=1, max_size=5), st.integers(1, 7), st.integers(1, 9))
def test_runs_read_piece_by_piece_merge_to_all_rows_in_order(
    runs: list[Packed], piece: int, room: int
) -> None:
    runs = [sort_rows(run) for run in runs]
    taken = [0] * len(runs)
    places = np.arange(len(runs)) * piece
    none = np.zeros(len(runs), bool)
    buffer = np.empty((len(runs) * piece, 3), np.uint64)
    merge = Merge(buffer, places.copy(), places.copy(), none)
    found = [np.empty((0, 3), np.uint64)]
    while True:
        for i, run in enumerate(runs):
            if merge.begins[i] == merge.ends[i] and not merge.is_last[i]:
                part = run[taken[i] : taken[i] + piece]
                taken[i] += len(part)
                buffer[places[i] : places[i] + len(part)] = part
                merge.begins[i], merge.ends[i] = places[i], places[i] + len(part)
                merge.is_last[i] = taken[i] == len(run)
        out = np.empty((room, 3), np.uint64)
        found.append(out[: merge.into(out, keys=3)])
        if (merge.is_last & (merge.begins == merge.ends)).all():
            break
    assert as_tuples(np.concatenate(found)) == sorted(as_tuples(np.concatenate(runs)))
