"""Broken WARC files: what is healthy is read, what is not is accounted for, and slices agree."""

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.storage import warc as warc_module
from tests.pipeline.storage.warc_files import lying, plain, read, response, zipped


def pages(count):
    return [response(b"%d" % n * 300, url=f"http://x/{n}") for n in range(count)]


PACKINGS = pytest.mark.parametrize("pack", [zipped, plain])


def members(pack, records):
    """The packed records apart, and the offset of each."""
    parts = [pack(record) for record in records]
    return parts, list(itertools.accumulate(map(len, parts), initial=0))


def outcome(rows):
    """What became of each record: its payload's first byte, or ``!`` where it was unreadable."""
    return [(row.offset, row.payload[:1].decode() if row.payload else "!") for row in rows]


def same_but_messages(rows):
    return [row._replace(error_message=row.error_type) for row in rows]


@PACKINGS
def test_a_file_cut_short_loses_its_last_record_only(pack):
    parts, offsets = members(pack, pages(3))
    data = b"".join(parts)
    for cut in range(offsets[2] + 1, len(data)):
        rows = read(data[:cut])
        expected = [(0, "0"), (offsets[1], "1"), (offsets[2], "!")]
        assert outcome(rows) == expected, cut
        assert rows[-1].error_type == "WarcRecordError"
        assert re.search(
            "ends inside a record|bytes are there|[Ii]nvalid|data", rows[-1].error_message
        )


@PACKINGS
def test_a_file_cut_at_the_end_of_a_record_is_whole(pack):
    parts, offsets = members(pack, pages(3))
    assert outcome(read(b"".join(parts[:2]))) == [(0, "0"), (offsets[1], "1")]


@PACKINGS
@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"x"])
@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_record_overwritten_from_its_start_costs_only_itself(pack, filler, broken):
    parts, offsets = members(pack, pages(3))
    parts[broken] = filler * len(parts[broken])
    expected = [(offsets[n], "!" if n == broken else str(n)) for n in range(3)]
    assert outcome(read(b"".join(parts))) == expected


@PACKINGS
def test_reading_states_where_it_went_on(pack):
    parts, offsets = members(pack, pages(3))
    parts[1] = b"\0" * len(parts[1])
    broken = read(b"".join(parts))[1]
    assert broken.error_message.endswith(f"; reading went on at byte {offsets[2]}")


@given(st.integers(0, 2), st.data())
def test_a_flipped_bit_in_a_compressed_record_costs_at_most_that_record(broken, data):
    parts, offsets = members(zipped, pages(3))
    whole = read(b"".join(parts))
    position = data.draw(st.integers(0, len(parts[broken]) - 1))
    damaged = bytearray(parts[broken])
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    rows = read(b"".join([*parts[:broken], bytes(damaged), *parts[broken + 1 :]]))
    assert [row.offset for row in rows] == offsets[:3]
    for number, row in enumerate(rows):
        assert row == whole[number] or (number == broken and row.payload is None)


@PACKINGS
@pytest.mark.parametrize("off_by", [60, 5000, -5, -300])
@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_record_that_lies_about_its_length_costs_only_itself(pack, off_by, broken):
    records = pages(3)
    records[broken] = lying(off_by, b"L" * 320)
    parts, offsets = members(pack, records)
    expected = [(offsets[n], "!" if n == broken else str(n)) for n in range(3)]
    assert outcome(read(b"".join(parts))) == expected


@PACKINGS
@pytest.mark.parametrize("length", [b"", b"Content-Length: ten\r\n", b"Content-Length: -5\r\n"])
def test_a_record_without_a_usable_length_costs_only_itself(pack, length):
    records = pages(3)
    records[1] = re.sub(rb"Content-Length: \d+\r\n", length, records[1])
    parts, offsets = members(pack, records)
    assert outcome(read(b"".join(parts))) == [(0, "0"), (offsets[1], "!"), (offsets[2], "2")]


@pytest.mark.parametrize(
    "data", [b"hello world " * 100, b"\x1f\x8b\x08", b"\x1f\x8b\x08" * 9, b"W"]
)
def test_what_is_no_warc_is_one_unreadable_row(data):
    (row,) = read(data)
    assert (row.offset, row.error_type) == (0, "WarcRecordError")


@PACKINGS
@pytest.mark.parametrize("junk", [b"junk" * 40, b"\0" * 200])
def test_junk_after_the_last_record_is_one_unreadable_row(pack, junk):
    parts, offsets = members(pack, pages(2))
    assert outcome(read(b"".join(parts) + junk)) == [(0, "0"), (offsets[1], "1"), (offsets[2], "!")]


@PACKINGS
def test_every_two_slices_of_a_file_hold_each_record_once(pack):
    data = b"".join(members(pack, pages(3))[0])
    whole = read(data)
    assert len(whole) == 3
    for position in range(len(data) + 1):
        assert read(data, 0, position) + read(data, position) == whole, position


@PACKINGS
def test_ignored_records_are_counted_once_over_all_slices(pack):
    data = b"".join(members(pack, pages(4))[0])
    for step in (50, 100, 333):
        ignored = {}
        for start in range(0, len(data), step):
            read(data, start, min(start + step, len(data)), types=0, ignored=ignored)
        assert ignored == {"warc.response": 4}


DAMAGES = st.sampled_from(["none", "none", "none", "overwritten", "longer", "shorter", "encoding"])


@st.composite
def cut_files(draw):
    """A file of records, some damaged, whole or not, and the places where it is cut."""
    pack = draw(st.sampled_from([zipped, plain]))
    parts = []
    for number, damage in enumerate(draw(st.lists(DAMAGES, min_size=1, max_size=5))):
        body = b"%d" % number * draw(st.integers(1, 120))
        record = {
            "longer": lying(60, body),
            "shorter": lying(-5, body),
            "encoding": response(body, headers=[b"Content-Encoding: gzip"]),
        }.get(damage, response(body))
        packed = pack(record)
        parts.append(b"\0" * len(packed) if damage == "overwritten" else packed)
    data = b"".join(parts)
    data = data[: len(data) - draw(st.sampled_from([0, 0, 0, 1, 9, 60]))]
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=5).map(sorted))
    return data, [0, *cuts, len(data)]


@given(cut_files())
@example((plain(pages(1)[0], b"\0" * 99, pages(1)[0]), [0, 400, 700, 1000]))
def test_slices_lose_and_double_nothing_of_a_damaged_file(file):
    data, cuts = file
    slices = [row for start, end in itertools.pairwise(cuts) for row in read(data, start, end)]
    whole = read(data)
    assert same_but_messages(slices) == same_but_messages(whole)
    assert len({row.id for row in whole}) == len(whole)


@pytest.mark.parametrize("scan_bytes", [1, 2, 7, 64])
@PACKINGS
def test_a_record_is_found_across_the_edges_of_what_is_scanned_at_once(
    pack, scan_bytes, monkeypatch
):
    monkeypatch.setattr(warc_module, "_SCAN_BYTES", scan_bytes)
    parts, offsets = members(pack, pages(2))
    data = b"".join(parts)
    for start in range(1, offsets[1] + 1):
        assert outcome(read(data, start)) == [(offsets[1], "1")], start
