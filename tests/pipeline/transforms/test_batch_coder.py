import pickle

import pyarrow as pa
import pytest
from apache_beam.coders import registry
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.address import Address, address_of, stamp
from pipeline.transforms.coders import RecordBatchCoder
from tests.support.strategies import documents

CODER = RecordBatchCoder()

NESTED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.large_string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("flag", pa.bool_()),
        pa.field("tokens", pa.large_list(pa.int32())),
        pa.field(
            "spans", pa.list_(pa.struct([pa.field("at", pa.int64()), pa.field("of", pa.binary())]))
        ),
    ]
)
ROWS = st.fixed_dictionaries(
    {
        "id": st.text("abc", max_size=3),
        "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
        "tags": st.none() | st.lists(st.none() | st.text("xy", max_size=2), max_size=3),
        "flag": st.none() | st.booleans(),
        "tokens": st.none() | st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
        "spans": st.none()
        | st.lists(
            st.none()
            | st.fixed_dictionaries(
                {"at": st.none() | st.integers(0, 9), "of": st.none() | st.binary(max_size=3)}
            ),
            max_size=3,
        ),
    }
)


@given(st.lists(ROWS, max_size=20), st.data())
def test_any_slice_of_any_batch_survives(rows, data):
    batch = pa.RecordBatch.from_pylist(rows, schema=NESTED)
    start = data.draw(st.integers(0, len(rows)))
    part = batch.slice(start, data.draw(st.integers(0, len(rows) - start)))
    again = CODER.decode(CODER.encode(part))
    assert again.equals(part, check_metadata=True)
    again.validate(full=True)


@given(documents())
def test_documents_survive_with_their_address(batch):
    stamped = stamp(batch, Address(3, 17, 4, is_last=False))
    again = CODER.decode(CODER.encode(stamped))
    assert again.equals(stamped, check_metadata=True)
    assert address_of(again) == Address(3, 17, 4, is_last=False)


@pytest.mark.parametrize("column", ["text", "tokens", "tags", "spans"])
def test_a_slice_does_not_carry_its_parent(column):
    row = {
        "id": "a",
        "text": "x" * 1000,
        "tags": ["x" * 1000],
        "tokens": list(range(250)),
        "spans": [{"at": 1, "of": b"x" * 1000}],
    }
    parent = pa.RecordBatch.from_pylist([row] * 1000, schema=NESTED).select(["id", column])
    part = parent.slice(500, 1)
    assert len(CODER.encode(parent)) > 1_000_000
    assert len(CODER.encode(part)) < 1000 + 2000
    assert len(pickle.dumps(part)) > 100_000, "pyarrow cuts slices now: is the coder needed still?"


def test_the_size_of_a_slice_is_that_of_the_slice():
    parent = pa.RecordBatch.from_pylist([{"id": "a", "text": "x" * 1000}] * 1000, schema=NESTED)
    assert CODER.estimate_size(parent) > 1_000_000
    assert CODER.estimate_size(parent.slice(0, 1)) < 2000


def test_beam_picks_the_coder_by_type_and_never_for_keys():
    assert registry.get_coder(pa.RecordBatch) == CODER
    assert CODER.to_type_hint() is pa.RecordBatch
    assert not CODER.is_deterministic()
    assert hash(CODER) == hash(RecordBatchCoder())
