import gzip
import itertools
import json

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.document import document_id
from pipeline.storage.filesystem import join
from pipeline.storage.rows import FieldNames, RowSlice, read_jsonl

LIMIT = 60


def write(path, data):
    with fsspec.open(path, "wb") as file:
        file.write(data)


def read(path, start=0, end=1 << 40, *, limit=LIMIT, fields=None, license_id=None):
    return list(
        read_jsonl(
            RowSlice(
                source="s",
                path=path,
                name="a.jsonl",
                start=start,
                end=end,
                fields=fields or FieldNames(),
                license=license_id,
                max_record_bytes=limit,
            )
        )
    )


def line(**fields):
    return json.dumps(fields).encode() + b"\n"


def texts(rows):
    return [row.payload and row.payload.decode() for row in rows]


def errors(rows):
    return [row.error_type for row in rows]


def test_a_line_becomes_a_record_with_its_place_and_what_it_states(folder):
    path = join(folder, "a.jsonl")
    first, second = line(text="a", url="http://x/"), line(text="é", license="MIT", more=[1])
    write(path, first + second)
    one, other = read(path, license_id="CC0-1.0")
    assert (one.payload, one.url, one.license) == (b"a", "http://x/", "CC0-1.0")
    assert (other.payload, other.url, other.license) == ("é".encode(), None, "MIT")
    assert (one.offset, one.length, other.offset) == (0, len(first), len(first))
    assert (one.media_type, one.charset) == ("text/plain", "utf-8")
    assert other.id == document_id("s", f"a.jsonl\0\0{len(first)}")


def test_fields_go_by_the_names_the_recipe_gives_them(folder):
    path = join(folder, "a.jsonl")
    write(path, line(content="a", link="u", rights="MIT", text=""))
    (row,) = read(path, fields=FieldNames(text="content", url="link", license="rights"))
    assert (row.payload, row.url, row.license) == (b"a", "u", "MIT")


def test_blank_lines_hold_no_record_and_the_last_needs_no_line_end(folder):
    path = join(folder, "a.jsonl")
    write(path, b"\n  \n" + line(text="a") + b"\r\n\n" + line(text="b").rstrip())
    assert texts(read(path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (b"{", "JSONDecodeError", "Expecting property name"),
        (b'{"text": "\xff"}', "JSONDecodeError", "can't decode byte 0xff"),
        (b"[" * 55, "JSONDecodeError", "Expecting value"),
        (b"[1]", "FieldError", "a list, not an object"),
        (b'"text"', "FieldError", "a str, not an object"),
        (b"{}", "FieldError", "'text' is absent, not text"),
        (b'{"text": null}', "FieldError", "'text' is absent, not text"),
        (b'{"text": 3}', "FieldError", "'text' is int, not text"),
        (line(text="x" * 60).strip(), "RecordTooLargeError", "73 bytes, limit 60"),
        (b" " * 100, "RecordTooLargeError", "101 bytes, limit 60"),
        (b"x" * 500, "RecordTooLargeError", "501 bytes, limit 60"),
    ],
)
def test_a_bad_line_is_an_unreadable_row_and_the_next_is_read(folder, bad, error, message):
    path = join(folder, "a.jsonl")
    write(path, line(text="a") + bad + b"\n" + line(text="b"))
    one, broken, other = read(path)
    assert texts([one, broken, other]) == ["a", None, "b"]
    assert broken.error_type == error
    assert message in broken.error_message
    assert broken.offset == len(line(text="a"))


def test_nesting_deeper_than_the_parser_goes_is_one_unreadable_row(folder):
    path = join(folder, "a.jsonl")
    write(path, b"[" * 100_000 + b"\n" + line(text="b"))
    assert errors(read(path, limit=1 << 20)) == ["JSONDecodeError", None]


def test_half_a_surrogate_pair_is_replaced(folder):
    path = join(folder, "a.jsonl")
    write(path, rb'{"text": "a\ud800b", "url": "u\udc00"}' + b"\n")
    (row,) = read(path)
    assert (row.payload, row.url) == (b"a?b", "u?")


LINES = st.one_of(
    st.builds(lambda text: line(text=text)[:-1], st.text(max_size=12)),
    st.sampled_from([b"", b" ", b"\r", b"{", b"[]", b"x" * 61, b"x" * 200, b" " * 130]),
    st.binary(max_size=80).map(lambda data: data.replace(b"\n", b"")),
)


@st.composite
def cut_files(draw):
    data = b"\n".join(draw(st.lists(LINES, max_size=8))) + draw(st.sampled_from([b"", b"\n"]))
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=5).map(sorted))
    return data, [0, *cuts, len(data)]


@given(cut_files())
def test_slices_lose_and_double_no_line_wherever_they_are_cut(memory_folder, file):
    data, cuts = file
    if data.startswith(b"\x1f\x8b"):
        return
    path = join(memory_folder, "a.jsonl")
    write(path, data)
    whole = read(path)
    assert [row.offset for row in whole] == offsets_of_records(data)
    slices = [row for start, end in itertools.pairwise(cuts) for row in read(path, start, end)]
    assert slices == whole


def offsets_of_records(data):
    """Where the lines start that are not blank, or too long to be told."""
    starts = itertools.accumulate((len(part) + 1 for part in data.split(b"\n")), initial=0)
    pairs = zip(data.split(b"\n"), starts, strict=False)
    return [start for part, start in pairs if part.strip() or len(part) + 1 > LIMIT]


def test_every_two_slices_of_a_file_hold_its_lines(memory_folder):
    data = line(text="a") + b"\n" + b"x" * 150 + b"\n{\n" + line(text="é")
    path = join(memory_folder, "a.jsonl")
    write(path, data)
    whole = read(path)
    for position in range(len(data) + 1):
        assert read(path, 0, position) + read(path, position, len(data)) == whole


LINES_3 = [line(text=str(number) * 20) for number in range(3)]


def test_a_gzipped_file_is_read_whole_with_offsets_of_the_text(folder):
    path = join(folder, "a.jsonl.gz")
    write(path, gzip.compress(b"".join(LINES_3)))
    rows = read(path, 0, 10)
    assert texts(rows) == ["0" * 20, "1" * 20, "2" * 20]
    assert [row.offset for row in rows] == [0, len(LINES_3[0]), 2 * len(LINES_3[0])]


def test_a_gzipped_file_of_another_name_is_not_doubled_by_being_cut(folder):
    path = join(folder, "a.jsonl")
    data = gzip.compress(b"".join(LINES_3))
    write(path, data)
    slices = [*read(path, 0, 20), *read(path, 20, len(data))]
    assert texts(slices) == ["0" * 20, "1" * 20, "2" * 20]


def test_gzip_members_one_after_another_are_one_file(folder):
    path = join(folder, "a.jsonl.gz")
    write(path, b"".join(gzip.compress(part) for part in LINES_3))
    assert len(read(path)) == 3


STREAM = gzip.compress(b"".join(line(text=f"{n} {n * n}") for n in range(50)), mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(STREAM[:-30], id="cut short"),
        pytest.param(STREAM[:-3], id="cut in its last bytes"),
        pytest.param(STREAM[:100] + b"\0" * 20 + STREAM[120:], id="overwritten"),
        pytest.param(STREAM[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param(STREAM + b"junk", id="followed by junk"),
    ],
)
def test_the_rest_of_a_damaged_gzip_stream_is_one_unreadable_row(folder, data):
    path = join(folder, "a.jsonl.gz")
    write(path, data)
    *healthy, broken = read(path)
    assert broken.error_type == "BrokenStreamError"
    assert errors(healthy) == [None] * len(healthy)
    expected = [f"{n} {n * n}" for n in range(50)]
    assert texts(healthy) == expected[: len(healthy)]
    assert broken.offset == sum(len(line(text=text)) for text in expected[: len(healthy)])


def test_an_empty_file_holds_no_record(folder):
    for name, data in (("a.jsonl", b""), ("a.jsonl.gz", gzip.compress(b""))):
        write(join(folder, name), data)
        assert read(join(folder, name)) == []
