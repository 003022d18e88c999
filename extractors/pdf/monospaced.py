"""Finds monospaced fonts by the widths of their letters, for those whose names do not tell."""

from collections.abc import Sequence
from dataclasses import replace

from extractors.pdf.fonts import Style
from extractors.pdf.spans import MAIN_SHARE, Fragment

NARROW, WIDE = "ilj.,", "mwMW"
PROBES = frozenset(NARROW + WIDE + "e")
MIN_PROBES = 4
MAX_WIDTH_SPREAD = 0.03
"""Letters of different widths to see before a font is said to be monospaced, and the difference in
ems that rounding leaves between them."""


def find_mono_fonts(fragments: Sequence[Fragment]) -> None:
    """Marks the fonts whose letters are all as wide, which their names do not tell."""
    mono = {
        style: replace(style, is_mono=True)
        for style, seen in _widths(fragments).items()
        if len(seen) >= MIN_PROBES
        and not set(seen).isdisjoint(NARROW)
        and not set(seen).isdisjoint(WIDE)
        and max(seen.values()) - min(seen.values()) < MAX_WIDTH_SPREAD
    }
    if not mono:
        return
    for fragment in fragments:
        count = total = 0
        for span in fragment.spans:
            span.style = mono.get(span.style, span.style)
            total += len(span.text)
            count += len(span.text) if span.style.is_mono else 0
        fragment.is_mono = count > MAIN_SHARE * total


def _widths(fragments: Sequence[Fragment]) -> dict[Style, dict[str, float]]:
    """The widths in ems of some letters of each font that is not known to be monospaced."""
    widths: dict[Style, dict[str, float]] = {}
    for fragment in fragments:
        for span in fragment.spans:
            style = span.style
            if style.is_mono or style.is_math:
                continue
            seen = widths.setdefault(style, {})
            if len(seen) == len(PROBES):
                continue
            for char in span.chars:
                if char["c"] in PROBES:
                    seen[char["c"]] = (char["bbox"][2] - char["bbox"][0]) / span.size
    return widths
