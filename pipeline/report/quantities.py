"""Numbers as people read them. Nothing is rounded to a claim: 99.996% is never "100%"."""

from collections.abc import Iterable

_SCALES = ((10**15, "P"), (10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_BYTE_SCALES = ((10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))

_EXACT_BELOW = 10_000
"""Counts below this are short enough to be shown as they are."""

_WIDE_FROM = 10**9
"""Counts from here on are wider than eleven characters, which a terminal's tables have room for."""

_ROUNDS_UP = 0.9995
"""Of a scale: from here on three digits round to 1.00 of it, not to 1000 of the one below."""

UNKNOWN = "-"
"""Shown where there is no number, which is not the same as zero."""


def exact(count: int | None) -> str:
    """All digits, in groups of three: ``1,234,567``."""
    return UNKNOWN if count is None else f"{count:,}"


def compact(count: int | None) -> str:
    """Three digits and a scale from 10,000 on: ``9,876``, ``12.3 k``, ``4.00 B``."""
    if count is None or abs(count) < _EXACT_BELOW:
        return exact(count)
    return _scaled(count, _SCALES)


def fitted(count: int | None) -> str:
    """All digits up to eleven characters, a scale beyond: for columns of a terminal."""
    return compact(count) if count is not None and abs(count) >= _WIDE_FROM else exact(count)


def byte_size(count: int | None) -> str:
    """Bytes in decimal units: ``512 B``, ``3.70 MB``."""
    if count is None:
        return UNKNOWN
    return f"{count} B" if count < _BYTE_SCALES[-1][0] else _scaled(count, _BYTE_SCALES)


def percent(ratio: float | None, *, decimals: int = 1) -> str:
    """A ratio in percent; what is not quite none or all says so: ``<0.1%``, ``>99.9%``."""
    if ratio is None:
        return UNKNOWN
    if ratio in (0, 1):
        return f"{100 * ratio:.0f}%"
    shown = f"{100 * ratio:.{decimals}f}"
    least = 10.0**-decimals
    if ratio > 0 and float(shown) == 0:
        return f"<{least:g}%"
    if ratio < 1 and float(shown) >= 100:  # noqa: PLR2004 - percent
        return f">{100 - least:.{decimals}f}%"
    return f"{shown}%"


def decimal(value: float | None, *, decimals: int = 2) -> str:
    """A plain number of so many decimals."""
    return UNKNOWN if value is None else f"{value:.{decimals}f}"


def ratio_of(part: int | None, whole: int | None) -> float | None:
    """``part / whole``; None where either is unknown or the whole is 0."""
    return None if part is None or not whole else part / whole


def plural(count: int, noun: str) -> str:
    """``1 window``, ``2 windows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _scaled(count: int, scales: tuple[tuple[int, str], ...]) -> str:
    for scale, unit in scales:
        if abs(count) >= _ROUNDS_UP * scale:
            value = count / scale
            decimals = max(0, 3 - len(str(int(abs(value)))))
            return f"{value:.{decimals}f} {unit}"
    return str(count)


def total_of(counts: Iterable[int | None]) -> int | None:
    """Sum of what is known; None where nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
