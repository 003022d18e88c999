import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SchemaError
from pipeline.records.address import Address, stamp
from pipeline.storage.filesystem import exists, find, join, read_bytes
from pipeline.storage.tables import (
    GROUP_ROWS,
    HashingFile,
    TableWriter,
    read_aligned,
    read_rows,
    read_table,
)

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.large_string()),
        pa.field("structure", pa.struct([pa.field("tables", pa.int32())])),
        pa.field("ids", pa.list_(pa.string())),
    ]
)
ROWS = st.fixed_dictionaries(
    {
        "id": st.text("abc", max_size=3),
        "text": st.none() | st.text(st.characters(codec="utf-8")),
        "structure": st.none() | st.fixed_dictionaries({"tables": st.none() | st.integers(0, 9)}),
        "ids": st.none() | st.lists(st.none() | st.text("ab", max_size=2), max_size=3),
    }
)
ROW = {"id": "a", "text": "x", "structure": {"tables": 1}, "ids": ["b"]}


def batch(rows, schema=SCHEMA):
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def write(path, batches, schema=SCHEMA):
    writer = TableWriter(path, schema)
    for rows in batches:
        writer.write(rows)
    return writer.close()


def cut(rows, sizes):
    """``rows`` in batches of the given sizes; the rest is the last one."""
    start = 0
    for size in sizes:
        yield batch(rows[start : start + size])
        start += size
    yield batch(rows[start:])


SIZES = st.lists(st.integers(0, 4), max_size=6)


@given(st.lists(ROWS, max_size=12), SIZES, st.integers(1, 5))
def test_rows_are_read_back_as_they_were_written(tmp_path, rows, sizes, read_rows):
    path = str(tmp_path / "t.parquet")
    write(path, cut(rows, sizes))
    read = list(read_table(path, rows=read_rows))
    assert [row for part in read for row in part.to_pylist()] == rows
    assert all(0 < part.num_rows <= read_rows for part in read)
    assert all(part.schema.equals(SCHEMA) for part in read)


@given(st.lists(ROWS, max_size=8))
def test_equal_batches_give_equal_bytes(tmp_path, rows):
    one, other = str(tmp_path / "one.parquet"), str(tmp_path / "sub" / "other.parquet")
    assert write(one, cut(rows, [3])) == write(other, cut(rows, [3]))
    assert read_bytes(one) == read_bytes(other)


def test_an_address_leaves_no_trace_in_the_bytes(folder):
    rows = batch([ROW])
    one, other = join(folder, "one.parquet"), join(folder, "other.parquet")
    write(one, [rows])
    write(other, [stamp(rows, Address(1, 2, 3, is_last=True))])
    assert read_bytes(one) == read_bytes(other)


def test_closing_states_the_size_and_digest_of_the_file(folder):
    path = join(folder, "t.parquet")
    num_bytes, sha256 = write(path, [batch([ROW] * 3)])
    content = read_bytes(path)
    assert (num_bytes, sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_an_empty_table_keeps_its_schema(folder):
    path = join(folder, "t.parquet")
    writer = TableWriter(path, SCHEMA)
    writer.write(batch([]))
    writer.close()
    assert writer.rows == 0
    assert list(read_table(path)) == []
    assert pq.read_schema(pa.BufferReader(read_bytes(path))).equals(SCHEMA)


def test_nothing_appears_before_close_and_nothing_after_abort(folder):
    path = join(folder, "t.parquet")
    writer = TableWriter(path, SCHEMA)
    writer.write(batch([ROW]))
    assert not exists(path)
    writer.abort()
    assert find(join(folder, "*")) == []
    assert find(join(folder, ".*")) == []


def test_abort_leaves_an_earlier_file_as_it_was(folder):
    path = join(folder, "t.parquet")
    write(path, [batch([ROW])])
    before = read_bytes(path)
    writer = TableWriter(path, SCHEMA)
    writer.write(batch([ROW] * 2))
    writer.abort()
    assert read_bytes(path) == before


def test_what_a_full_disk_cut_short_can_be_given_up(folder, monkeypatch):
    def refuse(_file, _data):
        raise OSError(28, "No space left on device")

    writer = TableWriter(join(folder, "t.parquet"), SCHEMA)
    monkeypatch.setattr(HashingFile, "write", refuse)
    with pytest.raises(OSError, match="No space left"):
        writer.write(batch([ROW] * GROUP_ROWS))
    writer.abort()
    assert find(join(folder, "*")) == []
    assert find(join(folder, ".*")) == []


def test_small_batches_share_a_row_group(tmp_path):
    path = str(tmp_path / "t.parquet")
    write(path, [batch([ROW] * 3)] * 5)
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    write(path, [batch([ROW] * GROUP_ROWS)] * 2)
    assert pq.ParquetFile(path).metadata.num_row_groups == 2


def test_another_schema_is_refused_and_the_writer_goes_on(folder):
    path = join(folder, "t.parquet")
    writer = TableWriter(path, SCHEMA)
    with pytest.raises(SchemaError, match="expected columns"):
        writer.write(pa.record_batch({"id": ["a"]}))
    with pytest.raises(SchemaError, match="'id' holds 1 nulls"):
        writer.write(pa.record_batch([pa.nulls(1, f.type) for f in SCHEMA], schema=SCHEMA))
    writer.write(batch([ROW]))
    writer.close()
    assert [part.to_pylist() for part in read_table(path)] == [[ROW]]


def test_only_the_named_columns_are_read_in_the_order_of_the_file(folder):
    path = join(folder, "t.parquet")
    write(path, [batch([ROW])])
    (part,) = read_table(path, columns=["text", "id"])
    assert part.to_pylist() == [{"id": "a", "text": "x"}]


def test_a_column_that_is_not_there_is_named_with_those_that_are(folder):
    path = join(folder, "t.parquet")
    write(path, [batch([ROW])])
    with pytest.raises(SchemaError, match=r"no columns \['words'\]; it has \['id', 'text'"):
        list(read_table(path, columns=["id", "words"]))


NUMBERED = pa.schema([pa.field("row", pa.int64()), pa.field("text", pa.string())])


def write_numbered(path, num_rows, sizes):
    rows = [{"row": i, "text": "x" * i} for i in range(num_rows)]
    start = 0
    with pq.ParquetWriter(path, NUMBERED) as writer:
        for size in (*sizes, num_rows):
            writer.write_batch(batch(rows[start : start + size], NUMBERED))
            start += size


@given(st.integers(0, 40), SIZES, SIZES, st.integers(1, 9))
def test_tables_are_read_in_step_whatever_their_row_groups(tmp_path, num_rows, one, other, rows):
    paths = [str(tmp_path / "one.parquet"), str(tmp_path / "other.parquet")]
    write_numbered(paths[0], num_rows, one)
    write_numbered(paths[1], num_rows, other)
    seen = 0
    for left, right in read_aligned(paths, [["row"], None], rows=rows):
        assert left.column("row").to_pylist() == right.column("row").to_pylist()
        assert left.schema.names == ["row"]
        seen += left.num_rows
    assert seen == num_rows


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 9))
def test_tables_of_other_lengths_are_refused(tmp_path, one, other, rows):
    paths = [str(tmp_path / "one.parquet"), str(tmp_path / "other.parquet")]
    write_numbered(paths[0], one, [])
    write_numbered(paths[1], other, [])
    steps = read_aligned(paths, [None, None], rows=rows)
    if one == other:
        assert sum(left.num_rows for left, _ in steps) == one
    else:
        with pytest.raises(SchemaError, match="that belong together differ in rows"):
            list(steps)


def test_lists_of_tokens_are_plain_and_all_else_has_a_dictionary(tmp_path):
    tokens = pa.field("tokens", pa.large_list(pa.int32()))
    schema = pa.schema([*SCHEMA, tokens, pa.field("language.code", pa.string())])
    path = str(tmp_path / "t.parquet")
    row = ROW | {"tokens": [1, 1, 1], "language.code": "en"}
    write(path, [batch([row] * 3, schema)], schema)
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    plain = [one.path_in_schema for one in columns if "RLE_DICTIONARY" not in one.encodings]
    assert plain == ["tokens.list.element"]
    assert len(columns) == 6


@given(st.lists(st.integers(0, 99), unique=True).map(sorted))
def test_rows_are_read_by_number_across_row_groups(tmp_path, numbers):
    path = tmp_path / "table.parquet"
    table = pa.table({"n": range(100), "other": ["x"] * 100})
    pq.write_table(table, path, row_group_size=7)
    found = [
        number
        for batch in read_rows(str(path), np.array(numbers, np.int64), columns=("n",))
        for number in batch.column("n").to_pylist()
    ]
    assert found == numbers
