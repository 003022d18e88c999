"""Examples set beside their source: a column of code and another of what it gives.

Within one column of a page a listing may stand left or right of its result. Read line by line the
two would be mixed, so each is taken for itself, left before right.
"""

from collections.abc import Sequence

from extractors.pdf.spans import Fragment

MIN_GUTTER_EMS = 1.0
"""Room between an example and its source."""

MIN_LINES = 2
"""Lines that the longer side needs, one of them code."""

MAX_DISTANCE_EMS = 2.6
"""Baselines further apart than this end the example."""


def parted(fragments: Sequence[Fragment]) -> list[list[Fragment]]:
    """The fragments of a run, cut where examples stand side by side; most runs are one piece."""
    mono = [fragment for fragment in fragments if fragment.is_mono]
    if len(mono) < MIN_LINES:
        return [list(fragments)]
    ordered = sorted(fragments, key=lambda fragment: (fragment.y1, fragment.x0))
    pieces: list[list[Fragment]] = []
    rest = ordered
    while True:
        found = _first_example(rest)
        if found is None:
            break
        before, left, right, rest = found
        pieces.extend(piece for piece in (before, left, right) if piece)
    if rest:
        pieces.append(rest)
    return pieces


def _first_example(
    fragments: list[Fragment],
) -> tuple[list[Fragment], list[Fragment], list[Fragment], list[Fragment]] | None:
    for index, fragment in enumerate(fragments):
        for other in fragments[index + 1 : index + 8]:
            left, right = (fragment, other) if fragment.x0 < other.x0 else (other, fragment)
            if not (left.is_mono or right.is_mono):
                continue
            is_level = min(left.y1, right.y1) > max(left.y0, right.y0)
            if not is_level or right.x0 - left.x1 < MIN_GUTTER_EMS * left.size:
                continue
            example = _example(fragments, index, left.x1, right.x0)
            if example is not None:
                return example
    return None


def _example(
    fragments: list[Fragment], start: int, low: float, high: float
) -> tuple[list[Fragment], list[Fragment], list[Fragment], list[Fragment]] | None:
    """What stands left and right of the strip from ``low`` to ``high`` around ``start``."""
    left: list[Fragment] = []
    right: list[Fragment] = []
    first = start
    bottom = fragments[start].y1
    while first > 0 and _side(fragments[first - 1], low, high) is not None:
        above = fragments[first - 1]
        if bottom - above.y1 > MAX_DISTANCE_EMS * above.size or not above.is_mono:
            break
        bottom = min(bottom, above.y1)
        first -= 1
    end = first
    bottom = fragments[first].y1
    while end < len(fragments):
        fragment = fragments[end]
        side = _side(fragment, low, high)
        if side is None or fragment.y1 - bottom > MAX_DISTANCE_EMS * fragment.size:
            break
        (left if side < 0 else right).append(fragment)
        if side < 0:
            low = max(low, fragment.x1)
        else:
            high = min(high, fragment.x0)
        bottom = max(bottom, fragment.y1)
        end += 1
    if not _is_example(left, right):
        return None
    return fragments[:first], left, right, fragments[end:]


def _side(fragment: Fragment, low: float, high: float) -> int | None:
    """-1 left of the strip, 1 right of it, None across it; the strip may become narrower."""
    width = MIN_GUTTER_EMS * fragment.size
    if fragment.x1 <= high - width and fragment.x0 < low:
        return -1
    if fragment.x0 >= low + width and fragment.x1 > high:
        return 1
    return None


def _is_example(left: list[Fragment], right: list[Fragment]) -> bool:
    if not left or not right or max(len(left), len(right)) < MIN_LINES:
        return False
    if max(_num_mono(left), _num_mono(right)) < MIN_LINES:
        return False
    if not (_num_mono(left) == len(left) and _num_mono(right) == len(right)) and not (
        any(fragment.text.isdigit() for fragment in (*left, *right))
    ):
        return True
    # Both are code: a listing with wide gaps, unless the lines of both are numbered.
    return any(fragment.text.isdigit() and not fragment.is_mono for fragment in right)


def _num_mono(fragments: Sequence[Fragment]) -> int:
    return sum(fragment.is_mono for fragment in fragments)
