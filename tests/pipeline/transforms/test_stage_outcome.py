import pickle
from itertools import chain

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.address import Address, address_of
from pipeline.records.manifest import merge_statistics
from pipeline.transforms.outcome import FAILED, REJECTED, Outcome, addressed, count_by, tagged

SCHEMA = pa.schema([pa.field("n", pa.int64())])


def batch(*numbers):
    return pa.RecordBatch.from_pylist([{"n": n} for n in numbers], schema=SCHEMA)


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=5))
def test_pieces_are_numbered_and_only_the_last_says_so(pieces):
    stamped = list(
        addressed((batch(*piece) for piece in pieces), shard=2, num_shards=5, empty=batch())
    )
    expected = len(pieces) or 1
    assert [address_of(piece) for piece in stamped] == [
        Address(2, 5, n, is_last=n == expected - 1) for n in range(expected)
    ]
    assert [row["n"] for piece in stamped for row in piece.to_pylist()] == [*chain(*pieces)]


def test_the_three_tables_of_a_batch_share_its_address():
    address = Address(1, 2, 3, is_last=True)
    kept, rejected, failed = tagged(Outcome(batch(1, 2), batch(3), batch()), address)
    assert (rejected.tag, failed.tag) == (REJECTED, FAILED)
    assert [address_of(one) for one in (kept, rejected.value, failed.value)] == [address] * 3
    assert [one.num_rows for one in (kept, rejected.value, failed.value)] == [2, 1, 0]


ROWS = st.lists(st.tuples(*[st.sampled_from(["a", "b", None])] * 3), max_size=10)


def strings(rows):
    columns = zip(*rows, strict=True) if rows else [()] * 3
    return pa.record_batch([pa.array(c, pa.string()) for c in columns], names=["x", "y", "z"])


@given(ROWS, ROWS)
def test_counts_add_up_over_batches(one, other):
    count = count_by("x", "z")
    assert merge_statistics([count(strings(one)), count(strings(other))]) == count(
        strings(one + other)
    )


def test_values_are_counted_within_values_and_nulls_by_name():
    rows = [("a", "", "b"), ("a", "", "b"), ("a", "", None), (None, "", "c")]
    assert count_by("x", "z")(strings(rows)) == {"a": {"b": 2, "none": 1}, "none": {"c": 1}}
    assert count_by("x")(strings(rows)) == {"a": 3, "none": 1}


def test_a_summary_can_be_sent_to_workers():
    rows = strings([("a", "b", "c")])
    assert pickle.loads(pickle.dumps(count_by("x", "y")))(rows) == {"a": {"b": 1}}
