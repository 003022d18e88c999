import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvariantError
from pipeline.records.address import Address, address_of, shard_name, stamp

ADDRESSES = st.builds(
    Address,
    shard=st.integers(0, 10**6),
    num_shards=st.integers(1, 10**6),
    sequence=st.integers(0, 10**9),
    is_last=st.booleans(),
)
ROWS = pa.record_batch({"id": ["a", None], "n": [1, 2]})


@given(ADDRESSES)
def test_a_stamped_batch_gives_its_address_back_and_keeps_its_rows(address):
    stamped = stamp(ROWS, address)
    assert address_of(stamped) == address
    assert stamped.equals(ROWS)


@given(ADDRESSES, ADDRESSES)
def test_a_second_stamp_replaces_the_first(first, second):
    assert address_of(stamp(stamp(ROWS, first), second)) == second


def test_a_slice_keeps_the_address():
    address = Address(3, 17, 4, is_last=True)
    assert address_of(stamp(ROWS, address).slice(1)) == address


def test_stamping_copies_no_column():
    stamped = stamp(ROWS, Address(0, 1, 0, is_last=True))
    addresses = [[b and b.address for b in c.buffers()] for c in (*stamped.columns, *ROWS.columns)]
    assert addresses[:2] == addresses[2:]


@pytest.mark.parametrize("metadata", [None, {b"other": b"1"}])
def test_a_batch_without_an_address_is_an_error(metadata):
    with pytest.raises(InvariantError, match="batch of 2 rows lost its shard address"):
        address_of(ROWS.replace_schema_metadata(metadata))


@given(st.lists(st.integers(0, 99_999), min_size=2, max_size=20))
def test_names_sort_as_their_shards_do(shards):
    names = [shard_name(shard, 99_999) for shard in shards]
    assert sorted(names) == [shard_name(shard, 99_999) for shard in sorted(shards)]
