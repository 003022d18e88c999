import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.dates import parse_dates

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))
)


def micros(date: dt.datetime) -> int:
    return (date - EPOCH) // dt.timedelta(microseconds=1)


def parse(*texts: str | None) -> list[int | None]:
    found: list[int | None] = parse_dates(pa.array(texts, pa.string())).to_pylist()
    return found


@given(
    st.datetimes(timezones=OFFSETS).filter(lambda date: 1 < date.year < 9999),
    st.sampled_from("T "),
    st.sampled_from(["auto", "minutes", "seconds", "milliseconds"]),
)
def test_a_time_is_what_the_standard_library_reads(
    date: dt.datetime, separator: str, precision: str
) -> None:
    text = date.isoformat(separator, precision)
    assert parse(text) == [micros(dt.datetime.fromisoformat(text))]


@given(st.dates())
def test_a_day_is_its_first_moment_in_utc(day: dt.date) -> None:
    expected = micros(dt.datetime.combine(day, dt.time(), dt.UTC))
    assert parse(day.isoformat(), day.strftime("%Y%m%d").rjust(8, "0")) == [expected, expected]


@pytest.mark.parametrize(
    "text",
    [
        *("2024", "2024-01", "20240101", "2024-01-01T00", "2024-01-01t00:00z", "20240101T000000Z"),
        *("2024-01-01 00:00:00,0000009", "2023-12-31T24:00", "2023-12-31T23:59:60Z"),
        *("2024-01-01T02:00:00+0200", "2024-01-01T02+02", "2023-12-31T18:30-05:30"),
    ],
)
def test_what_begins_at_one_moment_is_equal(text: str) -> None:
    assert parse(text) == [micros(dt.datetime(2024, 1, 1, tzinfo=dt.UTC))]


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "today", "24", "202405", "2024-00", "2024-13", "2024-02-30", "2023-02-29"),
        *("2024-05-00", "20240532", "2024T10", "2024-05T10:00", "2024-05-06T25:00"),
        *("2024-05-06T24:01", "2024-05-06T10:60", "2024-05-06T10:00:61", "2024-05-06T10:00+24:00"),
        *("2024-W05-1", "2024-123", "-2024-05-06", "2024-05-06T10:00 PM", "2024-05-06\n", "٢٠٢٤"),
    ],
)
def test_anything_else_is_null(text: str | None) -> None:
    assert parse("2024", text) == [micros(dt.datetime(2024, 1, 1, tzinfo=dt.UTC)), None]


def test_a_column_of_none_or_of_large_strings_is_read_too() -> None:
    assert parse() == []
    assert parse_dates(pa.array(["1970", "0000"], pa.large_string()))[0].as_py() == 0
