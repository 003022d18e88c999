from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.provenance import (
    SHARD_DOCUMENTS_SCHEMA,
    locate_member,
    read_documents,
    write_documents,
)
from pipeline.errors import SchemaError
from pipeline.records.document import document_id

ROWS = [
    {
        "id": document_id("web", str(number)),
        "source": "web",
        "component": "rest",
        "copy": number,
        "num_tokens": 7,
        "unit": number,
        "url": "https://example.org/",
    }
    for number in range(3)
]
WITH_URL = SHARD_DOCUMENTS_SCHEMA.append(pa.field("url", pa.string()))


def test_documents_come_back_with_further_columns(tmp_path: Path) -> None:
    with (tmp_path / "s.documents.parquet").open("wb") as stream:
        write_documents(stream, pa.Table.from_pylist(ROWS, WITH_URL))
    assert read_documents(tmp_path / "s.tokens.npy").to_pylist() == ROWS
    assert read_documents(tmp_path / "s", ["copy"])["copy"].to_pylist() == [0, 1, 2]


def test_equal_documents_are_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        with (tmp_path / name).open("wb") as stream:
            write_documents(stream, pa.Table.from_pylist(ROWS, WITH_URL))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "columns", [["id"], ["source", "id", "component", "copy", "num_tokens", "unit"]]
)
def test_missing_or_misplaced_column_is_refused(tmp_path: Path, columns: list[str]) -> None:
    table = pa.Table.from_pylist(ROWS, WITH_URL).select(columns)
    with (tmp_path / "s").open("wb") as stream, pytest.raises(SchemaError, match="begin with"):
        write_documents(stream, table)


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=6))
def test_every_token_of_a_unit_lies_in_the_member_that_holds_it(units: list[list[int]]) -> None:
    documents = pa.table(
        {
            "unit": [number for number, unit in enumerate(units) for _ in unit],
            "num_tokens": pa.array([n for unit in units for n in unit], pa.int32()),
        }
    )
    row = 0
    for number, unit in enumerate(units):
        tokens = [(row + member, i) for member, n in enumerate(unit) for i in range(n)]
        found = [locate_member(documents, number, offset) for offset in range(sum(unit))]
        assert found == tokens
        row += len(unit)
        with pytest.raises(IndexError, match=f"of unit {number}, which has {sum(unit)}"):
            locate_member(documents, number, sum(unit))
    with pytest.raises(IndexError, match="which has 0"):
        locate_member(documents, len(units), 0)
