"""Dates in ISO 8601 of any precision -> numbers that compare."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_DATE = (
    r"^(?P<year>\d{4})"
    r"(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?|(?P<basic_month>\d\d)(?P<basic_day>\d\d))?"
    r"(?:[Tt ](?P<hour>\d\d)"
    r"(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<offset_hour>\d\d)(?::?(?P<offset_minute>\d\d))?)?)?$"
)
_FRACTION_DIGITS = 6

_MINUTES = 60
_SECONDS = 60
_HOURS = 24
_MONTHS = 12
_EPOCH_YEAR = 1970

_Numbers = npt.NDArray[np.int64]


def parse_dates(texts: pa.Array) -> pa.Array:
    """The first microsecond, since 1970 in UTC, of what each text names; int64.

    "2024", "2024-01" and "2024-01-01T00:00:00Z" are thus equal, and earlier than "2024-02". A time
    without offset is taken for UTC. Accepted are calendar dates, extended (2024-05-06) or basic
    (20240506), alone or with a time after T, t or a space (RFC 3339); minutes and seconds may be
    left out. Digits beyond microseconds are dropped. 24:00 and a leap second count as the start
    of what follows. Null where the text is null or anything else: a week or ordinal date,
    "6 May 2024", 30 February.
    """
    parts = pc.extract_regex(texts, _DATE)
    year = _numbers(_text(parts, "year"))
    month = _numbers(_either(parts, "month", "basic_month"), default=1)
    day = _numbers(_either(parts, "day", "basic_day"), default=1)
    hour, minute, second = (_numbers(_text(parts, name)) for name in ("hour", "minute", "second"))
    fraction = pc.utf8_rpad(_text(parts, "fraction"), _FRACTION_DIGITS, "0")
    micros = _numbers(pc.utf8_slice_codeunits(fraction, 0, _FRACTION_DIGITS))
    offset_hour = _numbers(_text(parts, "offset_hour"))
    offset_minute = _numbers(_text(parts, "offset_minute"))

    months = (year - _EPOCH_YEAR) * _MONTHS + month - 1
    first_day = _first_days(months)
    has_rest = (minute > 0) | (second > 0) | (micros > 0)
    is_valid = parts.is_valid().to_numpy(zero_copy_only=False)
    is_valid &= (month >= 1) & (month <= _MONTHS)
    is_valid &= (day >= 1) & (first_day + day <= _first_days(months + 1))
    is_valid &= _is_given(_either(parts, "day", "basic_day")) | ~_is_given(_text(parts, "hour"))
    is_valid &= (hour < _HOURS) | ((hour == _HOURS) & ~has_rest)
    is_valid &= (minute < _MINUTES) & (second <= _SECONDS)
    is_valid &= (offset_hour < _HOURS) & (offset_minute < _MINUTES)

    is_behind = pc.equal(_text(parts, "sign"), "-").to_numpy(zero_copy_only=False)
    offset = (offset_hour * _MINUTES + offset_minute) * np.where(is_behind, -1, 1)
    minutes = ((first_day + day - 1) * _HOURS + hour) * _MINUTES + minute - offset
    return pa.array((minutes * _SECONDS + second) * 10**_FRACTION_DIGITS + micros, mask=~is_valid)


def _text(parts: pa.StructArray, name: str) -> pa.Array:
    """A group of the pattern, "" where it took no part or the whole text did not match."""
    return pc.struct_field(parts, name).fill_null("")


def _either(parts: pa.StructArray, name: str, other: str) -> pa.Array:
    text = _text(parts, name)
    return pc.binary_join_element_wise(text, _text(parts, other), pa.scalar("", text.type))


def _is_given(text: pa.Array) -> npt.NDArray[np.bool_]:
    given: npt.NDArray[np.bool_] = pc.not_equal(text, "").to_numpy(zero_copy_only=False)
    return given


def _numbers(text: pa.Array, *, default: int = 0) -> _Numbers:
    digits = pc.if_else(pc.equal(text, ""), pa.scalar(str(default), text.type), text)
    numbers: _Numbers = digits.cast(pa.int64()).to_numpy()
    return numbers


def _first_days(months: _Numbers) -> _Numbers:
    """Days from 1970 to the first day of each month, months from 1970 as well."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
