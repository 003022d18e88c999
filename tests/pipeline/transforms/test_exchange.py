from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.packed import sort_rows, uniform_bounds
from pipeline.transforms import exchange
from pipeline.transforms.exchange import Exchange, read_merged

SMALL = st.integers(0, 6)
LARGE = st.integers(0, 2**64 - 1)


@st.composite
def written_rows(draw):
    """(rows, keys, bounds, number of the writer of each row, number of the write call of each)."""
    columns = draw(st.integers(1, 4))
    values = draw(st.sampled_from([SMALL, LARGE]))
    row = st.tuples(*[values] * columns)
    rows = np.array(draw(st.lists(row, max_size=60)), np.uint64).reshape(-1, columns)
    bounds = sorted(draw(st.lists(values, max_size=4)))
    numbers = st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))
    writers, calls = (np.array(draw(numbers), np.int64) for _ in range(2))
    return rows, np.array(bounds, np.uint64), writers, calls


def write(where: Exchange, rows, writers, calls) -> Exchange:
    for writer in range(where.num_writers):
        with where.write(writer) as out:
            for call in range(4):
                out.write(rows[(writers == writer) & (calls == call)])
    return where


def small_buffers(patch: pytest.MonkeyPatch, *, write_rows: int, read_rows: int, columns: int):
    patch.setattr(exchange, "BLOCK_BYTES", 8 * columns * write_rows)
    patch.setattr(exchange, "READ_BYTES", 8 * columns * read_rows)
    patch.setattr(exchange, "MIN_READ_ROWS", 1)


def all_rows(blocks, columns):
    return np.concatenate([np.empty((0, columns), np.uint64), *blocks])


@given(written_rows(), st.integers(1, 9), st.integers(1, 9))
def test_readers_get_the_rows_of_their_partition_in_order(tmp_path: Path, given_, cut, room):
    rows, bounds, writers, calls = given_
    columns = rows.shape[1]
    with pytest.MonkeyPatch.context() as patch:
        small_buffers(patch, write_rows=cut, read_rows=room, columns=columns)
        where = Exchange(str(tmp_path), "rows", columns, columns, 4, bounds)
        write(where, rows, writers, calls)
        for partition in range(where.num_partitions):
            expected = rows[np.searchsorted(bounds, rows[:, 0], side="right") == partition]
            blocks = list(where.read(partition))
            assert all(0 < len(block) <= room for block in blocks)
            np.testing.assert_array_equal(all_rows(blocks, columns), sort_rows(expected))


@given(written_rows(), st.integers(1, 9))
def test_columns_behind_the_keys_stay_with_their_row(tmp_path: Path, given_, cut):
    rows, bounds, writers, calls = given_
    # A last column that numbers the rows: what is read must be the same rows, sorted by the rest.
    rows = np.column_stack([rows, np.arange(len(rows), dtype=np.uint64)])
    columns = rows.shape[1]
    with pytest.MonkeyPatch.context() as patch:
        small_buffers(patch, write_rows=cut, read_rows=cut, columns=columns)
        where = Exchange(str(tmp_path), "rows", columns, columns - 1, 4, bounds)
        write(where, rows, writers, calls)
        parts = [block for part in range(where.num_partitions) for block in where.read(part)]
    found = all_rows(parts, columns)
    np.testing.assert_array_equal(found[:, :-1], sort_rows(rows)[:, :-1])
    np.testing.assert_array_equal(rows[found[:, -1].astype(np.int64)], found)


@given(written_rows())
def test_several_exchanges_are_read_as_if_they_were_one(tmp_path: Path, given_):
    rows, bounds, writers, calls = given_
    columns = rows.shape[1]
    first, second = (Exchange(str(tmp_path), n, columns, columns, 2, bounds) for n in ("a", "b"))
    write(first, rows, writers, calls)
    write(second, rows, writers - 2, calls)
    for partition in range(len(bounds) + 1):
        expected = rows[np.searchsorted(bounds, rows[:, 0], side="right") == partition]
        found = all_rows(read_merged([first, second], partition), columns)
        np.testing.assert_array_equal(found, sort_rows(expected))


def test_a_key_with_more_rows_than_any_buffer_is_read_whole(tmp_path: Path, monkeypatch):
    small_buffers(monkeypatch, write_rows=16, read_rows=16, columns=2)
    rng = np.random.default_rng(3)
    rows = np.column_stack([np.full(1000, 7, np.uint64), rng.integers(0, 9, 1000, np.uint64)])
    where = Exchange(str(tmp_path), "rows", 2, 2, 4, np.array([7, 8], np.uint64))
    write(where, rows, np.arange(1000) % 4, np.arange(1000) // 250)
    sizes = [len(block) for block in where.read(1)]
    assert max(sizes) <= 16
    np.testing.assert_array_equal(all_rows(where.read(1), 2), sort_rows(rows))
    assert [list(where.read(partition)) for partition in (0, 2)] == [[], []]


def test_blocks_that_were_read_are_the_readers_to_keep(tmp_path: Path, monkeypatch):
    small_buffers(monkeypatch, write_rows=4, read_rows=4, columns=1)
    rows = np.arange(40, dtype=np.uint64)[:, np.newaxis]
    where = Exchange(str(tmp_path), "rows", 1, 1, 2, uniform_bounds(1))
    write(where, rows, np.arange(40) % 2, np.zeros(40, np.int64))
    kept = list(where.read(0))
    np.testing.assert_array_equal(np.concatenate(kept), rows)


@pytest.mark.parametrize("num_writers", [1, 3])
def test_writers_that_have_nothing_leave_empty_partitions(folder: str, num_writers: int):
    where = Exchange(folder, "rows", 3, 3, num_writers, uniform_bounds(5))
    for writer in range(num_writers):
        with where.write(writer) as out:
            out.write(np.empty((0, 3), np.uint64))
    assert [list(where.read(partition)) for partition in range(5)] == [[]] * 5


def test_a_reader_misses_the_files_of_a_writer_that_wrote_none(tmp_path: Path):
    where = Exchange(str(tmp_path), "rows", 1, 1, 2, uniform_bounds(1))
    with where.write(0):
        pass
    with pytest.raises(FileNotFoundError, match="rows-part-00001-of-00002"):
        list(where.read(0))


def test_a_writer_that_is_left_by_an_error_leaves_the_files_of_an_earlier_one(tmp_path: Path):
    where = Exchange(str(tmp_path), "rows", 1, 1, 1, uniform_bounds(1))
    rows = np.array([[3], [1]], np.uint64)
    write(where, rows, np.zeros(2, np.int64), np.zeros(2, np.int64))
    out = where.write(0)
    out.__enter__()
    out.write(rows[:1])
    out.__exit__(ValueError, ValueError("stop"), None)
    np.testing.assert_array_equal(all_rows(where.read(0), 1), sort_rows(rows))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".index", ".rows"]


def test_who_wrote_the_rows_and_in_which_order_changes_nothing_that_is_read(folder: str):
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 50, (300, 3), np.uint64)
    bounds = np.array([10, 10, 30], np.uint64)
    found = []
    for number, num_writers in enumerate([1, 5]):
        order = rng.permutation(len(rows))
        where = Exchange(folder, f"rows-{number}", 3, 3, num_writers, bounds)
        write(where, rows[order], np.arange(300) % num_writers, rng.integers(0, 4, 300))
        found.append([all_rows(where.read(part), 3).tolist() for part in range(4)])
    assert found[0] == found[1]
