import itertools

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.filesystem import join
from pipeline.storage.rows import FieldNames, RowSlice, read_parquet


def write(path, table, *, group_rows=2):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=group_rows)
    write_bytes(path, sink.getvalue().to_pybytes())


def write_bytes(path, data):
    with fsspec.open(path, "wb") as file:
        file.write(data)


def read(path, start=0, end=1 << 40, *, fields=None, limit=100):
    return list(
        read_parquet(
            RowSlice(
                source="s",
                path=path,
                name="a.parquet",
                start=start,
                end=end,
                fields=fields or FieldNames(),
                license="MIT",
                max_record_bytes=limit,
            )
        )
    )


def numbered(num_rows):
    return pa.table({"text": [f"row {n}" for n in range(num_rows)]})


def test_a_row_becomes_a_record_numbered_within_its_file(folder):
    path = join(folder, "a.parquet")
    write(path, pa.table({"body": ["a", "b", "c"], "url": ["u", None, ""], "x": [1, 2, 3]}))
    rows = read(path, fields=FieldNames(text="body"))
    assert [(row.payload, row.url, row.offset) for row in rows] == [
        (b"a", "u", 0),
        (b"b", None, 1),
        (b"c", None, 2),
    ]
    assert {row.license for row in rows} == {"MIT"}


@given(st.integers(0, 12), st.integers(1, 4), st.data())
def test_runs_of_row_groups_lose_and_double_no_row(memory_folder, num_rows, group_rows, data):
    path = join(memory_folder, "a.parquet")
    write(path, numbered(num_rows), group_rows=group_rows)
    num_groups = -(-num_rows // group_rows)
    cuts = data.draw(st.lists(st.integers(0, num_groups), max_size=4).map(sorted))
    runs = itertools.pairwise([0, *cuts, num_groups])
    rows = [row for start, end in runs for row in read(path, start, end)]
    assert [(row.offset, row.payload) for row in rows] == [
        (n, b"row %d" % n) for n in range(num_rows)
    ]


def test_rows_without_text_or_too_long_are_unreadable_one_by_one(folder):
    path = join(folder, "a.parquet")
    write(path, pa.table({"text": ["a", None, "x" * 101, "é" * 51, "b"]}))
    rows = read(path)
    assert [row.payload for row in rows] == [b"a", None, None, None, b"b"]
    assert [row.error_message for row in rows[1:4]] == [
        "'text' is absent, not text",
        "101 bytes, limit 100",
        "102 bytes, limit 100",
    ]
    assert [row.offset for row in rows] == [0, 1, 2, 3, 4]


def test_strings_that_are_no_utf8_are_unreadable_one_by_one(folder):
    path = join(folder, "a.parquet")
    binary = pa.array([b"a", b"\xff\xfe", b"b"], pa.binary())
    write(path, pa.table({"text": pa.Array.from_buffers(pa.string(), 3, binary.buffers())}))
    rows = read(path)
    assert [(row.payload, row.error_type) for row in rows] == [
        (b"a", None),
        (None, "UnicodeDecodeError"),
        (b"b", None),
    ]


def test_a_text_column_that_is_no_text_fails_row_by_row(folder):
    path = join(folder, "a.parquet")
    write(path, pa.table({"text": [1, 2]}))
    assert [row.error_message for row in read(path)] == ["'text' is int, not text"] * 2


def test_without_the_text_column_each_slice_is_an_unreadable_row_of_its_own(folder):
    path = join(folder, "a.parquet")
    write(path, pa.table({"body": ["a", "b", "c", "d"], "url": ["u"] * 4}))
    rows = [*read(path, 0, 1), *read(path, 1, 2)]
    assert {row.error_message for row in rows} == {"no column 'text'; there are ['body', 'url']"}
    assert len({row.id for row in rows}) == 2


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no parquet at all" * 10])
def test_what_is_no_parquet_is_one_unreadable_row(folder, data):
    path = join(folder, "a.parquet")
    write_bytes(path, data)
    (row,) = read(path, 0, 1)
    assert row.error_type == "ArrowInvalid"
    assert row.payload is None


def parquet_bytes(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=2, compression="zstd", use_dictionary=False)
    return sink.getvalue().to_pybytes()


def test_a_file_cut_short_is_one_unreadable_row(folder):
    path = join(folder, "a.parquet")
    write_bytes(path, parquet_bytes(numbered(6))[:-5])
    assert [row.error_type for row in read(path)] == ["ArrowInvalid"]


def test_what_follows_a_damaged_page_is_one_unreadable_row_at_its_place(folder):
    path = join(folder, "a.parquet")
    data = parquet_bytes(numbered(6))
    group = pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(1).column(0)
    start = group.data_page_offset
    write_bytes(path, data[:start] + b"\xff" * 12 + data[start + 12 :])
    *healthy, broken = [row for group in range(3) for row in read(path, group, group + 1)]
    assert [row.payload for row in healthy if row.payload] == [b"row 0", b"row 1", b"row 4"]
    assert broken.payload == b"row 5"
    assert [row.offset for row in healthy if row.error_type] == [2]


def test_a_slice_past_the_row_groups_holds_nothing(folder):
    path = join(folder, "a.parquet")
    write(path, numbered(4))
    assert read(path, 2, 9) == []
    assert read(path, 0, 0) == []
