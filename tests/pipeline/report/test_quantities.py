import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.quantities import (
    UNKNOWN,
    byte_size,
    compact,
    decimal,
    exact,
    fitted,
    percent,
    plural,
    ratio_of,
)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (1_234_567, "1.23 M"),
        (4 * 10**12, "4.00 T"),
        (-12_345, "-12.3 k"),
        (None, UNKNOWN),
    ],
)
def test_compact_keeps_three_digits(count: int | None, shown: str) -> None:
    assert compact(count) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.00001, "<0.1%"),
        (0.99999, ">99.9%"),
        (0.5, "50.0%"),
        (1.25, "125.0%"),
        (None, UNKNOWN),
    ],
)
def test_percent_never_rounds_to_none_or_all(ratio: float | None, shown: str) -> None:
    assert percent(ratio) == shown


def test_percent_of_more_decimals_has_finer_limits() -> None:
    assert percent(0.99996, decimals=2) == ">99.99%"
    assert percent(0.00001, decimals=2) == "<0.01%"


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 3))
def test_percent_says_none_or_all_only_when_it_is(part: int, whole: int, decimals: int) -> None:
    shown = percent(min(part, whole) / whole, decimals=decimals)
    assert (shown == "0%") == (part == 0)
    assert (shown == "100%") == (part >= whole)


@given(st.integers(0, 10**18))
def test_counts_fit_their_columns(count: int) -> None:
    assert len(fitted(count)) <= 11
    assert len(compact(count)) <= 7
    assert len(byte_size(count)) <= 8
    assert int(exact(count).replace(",", "")) == count


def test_unknown_is_not_zero() -> None:
    assert byte_size(None) == decimal(None) == exact(None) == UNKNOWN != exact(0)
    assert ratio_of(None, 4) is ratio_of(4, None) is ratio_of(4, 0) is None
    assert ratio_of(0, 4) == 0


def test_plural_follows_the_count() -> None:
    assert (plural(1, "window"), plural(2_000, "window")) == ("1 window", "2,000 windows")
