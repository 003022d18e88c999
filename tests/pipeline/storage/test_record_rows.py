import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.document import validate_batch
from pipeline.records.record import RECORD_SCHEMA
from pipeline.storage import record_row
from pipeline.storage.record_row import RecordRow, batches, row, to_batch, unreadable

ROWS = st.one_of(
    st.builds(row, st.text(), st.text(), payload=st.binary(max_size=30), offset=st.integers(0, 9)),
    st.builds(
        unreadable, st.text(), st.text(), error_type=st.text(min_size=1), error_message=st.text()
    ),
)


@given(st.lists(ROWS, max_size=20))
def test_batches_hold_every_row_in_order_under_the_record_schema(rows):
    made = list(batches(rows))
    assert [RecordRow(**value) for part in made for value in part.to_pylist()] == rows
    assert all(validate_batch(part, RECORD_SCHEMA).num_rows for part in made)


@given(st.lists(st.integers(0, 50), max_size=30))
def test_a_batch_closes_at_its_rows_or_its_bytes(sizes):
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr(record_row, "BATCH_ROWS", 4)
        limits.setattr(record_row, "BATCH_BYTES", 100)
        made = list(batches(row("s", "a", payload=b"x" * size) for size in sizes))
    payloads = [[len(value) for value in part.column("payload").to_pylist()] for part in made]
    assert [size for part in payloads for size in part] == sizes
    for number, part in enumerate(payloads):
        assert len(part) <= 4
        assert sum(part[:-1]) < 100
        assert number == len(payloads) - 1 or len(part) == 4 or sum(part) >= 100


def test_no_rows_make_no_batch_but_an_empty_table_can_be_made():
    assert list(batches([])) == []
    assert to_batch([]).equals(pa.RecordBatch.from_pylist([], schema=RECORD_SCHEMA))


LOCATIONS = [
    {},
    {"member": "a"},
    {"member": "b"},
    {"offset": 0},
    {"offset": 1},
    {"member": "a", "offset": 1},
]


def test_ids_tell_every_place_in_every_archive_of_every_source_apart():
    places = [
        row(source, archive, payload=b"", **location)
        for source in ("s", "t")
        for archive in ("x", "y")
        for location in LOCATIONS
    ]
    assert len({place.id for place in places}) == len(places)


@pytest.mark.parametrize("location", LOCATIONS)
def test_an_unreadable_record_has_the_id_it_would_have_if_it_were_read(location):
    broken = unreadable("s", "a", error_type="E", error_message="m", **location)
    assert broken.id == row("s", "a", payload=b"x", **location).id


def test_what_is_read_does_not_change_the_id():
    one = row("s", "a", payload=b"x", url="u", license="MIT", media_type="text/html")
    assert one.id == row("s", "a", payload=b"y").id
