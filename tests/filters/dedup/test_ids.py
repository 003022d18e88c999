import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.ids import id_keys, key_ids
from pipeline.errors import InvariantError

IDS = st.lists(st.binary(min_size=16, max_size=16).map(bytes.hex), max_size=8)


@given(IDS, st.integers(0, 3), st.sampled_from([pa.string(), pa.large_string()]))
def test_keys_stand_for_ids_and_compare_as_they_do(
    ids: list[str], skipped: int, kind: pa.DataType
) -> None:
    column = pa.array(ids, kind).slice(min(skipped, len(ids)))
    keys = id_keys(column)
    assert keys.shape == (len(column), 2)
    assert keys.dtype == np.uint64
    assert [f"{high:016x}{low:016x}" for high, low in keys.tolist()] == column.to_pylist()
    assert key_ids(keys).equals(column.cast(pa.string()))
    by_key = sorted(column.to_pylist(), key=lambda name: id_keys(pa.array([name])).tolist())
    assert by_key == sorted(column.to_pylist())


@pytest.mark.parametrize(
    "odd", [None, "", "abc", "0" * 31, "0" * 33, "0" * 31 + "g", "0" * 31 + "A", "ä" * 16]
)
def test_what_is_no_id_is_refused_by_name(odd: str | None) -> None:
    with pytest.raises(InvariantError, match=repr(odd)):
        id_keys(pa.array(["0" * 32, odd]))


def test_keys_of_a_column_of_wider_rows_are_read_in_place() -> None:
    rows = np.arange(10, dtype=np.uint64).reshape(2, 5)
    assert key_ids(rows[:, 1:3]).to_pylist() == [f"{1:016x}{2:016x}", f"{6:016x}{7:016x}"]
