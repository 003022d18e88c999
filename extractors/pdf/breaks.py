"""Where a paragraph, an item or a note ends and the next begins."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from extractors.pdf.kinds import CAPTION, ENDS_SENTENCE, NOTE_SIZE_RATIO, NUMBERED, Kind
from extractors.pdf.lines import Line


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the lines of a run usually start and end, and their distance, in points."""

    left: float
    right: float
    leading: float


PARAGRAPH_GAP_RATIO = 1.35
"""A distance between baselines this many times the run's usual one parts paragraphs (ours)."""

INDENT_RATIO = 0.7
"""Ems that the first line of a paragraph is set in; TeX uses 1.5, some journals 1."""

USUAL_LEADING_SIZES = 1.15
MAX_SIZE_CHANGE_RATIO = 0.15
MAX_SCRIPT_CHARS = 3
"""A line this short in another size is a script of a formula, not a new block."""

MAX_HEADING_GAP_SIZES = 1.8
MAX_CODE_GAP_RATIO = 4
"""So many lines of distance within a listing are blank lines of it."""

FULL_SLACK_EMS = 1.5
SOFT_HYPHENS = ("-", "\u00ad", "\u2010")
BULLET = re.compile(
    r"^(?:[\u2022\u25e6\u25aa\u2023\u2219\u25cf\u25a0\u2013\u2014*-]|\(?\d{1,3}[.):]|\(?[a-z][.)]|\[\d{1,3}\])\s"
)
REQUIREMENT = re.compile(
    r"(?:require|ensure|input|output|data|result|parameters?)\b:?", re.IGNORECASE
)
"""What an algorithm's first lines begin with, after its caption."""

LEADERS = re.compile(r"(?:\s?\.){4,}\s*\S{0,6}$")
"""The dots and the page number that end an entry of a table of contents."""


def frame_of(run: Sequence[Line], body: float) -> Frame:
    """The frame of one stretch of column."""
    if not run:
        return Frame(0.0, 0.0, 1.2 * body)
    return Frame(*_margins(run, body), _leading(run))


def _margins(run: Sequence[Line], body: float) -> tuple[float, float]:
    lefts = Counter(round(line.x0) for line in run if line.size >= NOTE_SIZE_RATIO * body)
    left = max(lefts, key=lambda x: (lefts[x], -x), default=round(run[0].x0))
    return float(left), max(line.x1 for line in run)


def _leading(run: Sequence[Line]) -> float:
    """The usual distance between baselines; the height of a line when there is only one."""
    distances = [
        after.y1 - before.y1 for before, after in pairwise(run) if after.y1 > before.y1 + 2
    ]
    return median(distances) if distances else 1.2 * run[0].size


def is_break(  # noqa: PLR0911 -- one reason a line
    group: Sequence[Line], line: Line, kind: Kind, frame: Frame
) -> bool:
    """Whether ``line`` starts a new block of the same kind as the one before it."""
    before = group[-1]
    distance = line.y1 - before.y1
    is_other_size = abs(line.size - before.size) > MAX_SIZE_CHANGE_RATIO * before.size
    if kind in (Kind.CODE, Kind.TABLE):
        return distance > MAX_CODE_GAP_RATIO * frame.leading
    if kind is Kind.HEADING:
        return (
            distance > MAX_HEADING_GAP_SIZES * max(line.size, before.size)
            or is_other_size
            or line.is_bold is not before.is_bold
            or NUMBERED.match(line.text) is not None
        )
    if kind is Kind.ALGORITHM:
        return distance > 2 * frame.leading
    usual = max(frame.leading, USUAL_LEADING_SIZES * line.size)
    if (
        before.text.endswith(SOFT_HYPHENS)
        and before.text[-2:-1].isalpha()
        and line.text[:1].islower()
        and 0 < distance < PARAGRAPH_GAP_RATIO * usual
    ):
        return False
    if distance > PARAGRAPH_GAP_RATIO * usual or distance < -frame.leading:
        return True
    is_note_sign = kind is Kind.NOTE and line.starts_raised
    is_resized = is_other_size and len(line.text) > MAX_SCRIPT_CHARS
    if is_note_sign or is_resized or LEADERS.search(before.text):
        return True
    if CAPTION.match(group[0].text) and REQUIREMENT.match(line.text):
        return True
    if CAPTION.match(line.text) or BULLET.match(line.text):
        return _is_item(group, line, frame)
    return _is_set_in(group, line, frame) or _is_after_last_line(before, line, frame)


def _is_item(group: Sequence[Line], line: Line, frame: Frame) -> bool:
    """Whether a line that looks like an item or a caption is one: prose wraps at dashes too."""
    is_in_list = BULLET.match(group[0].text) and abs(line.x0 - group[0].x0) < line.size
    return (
        line.x0 < group[-1].x0 - 1
        or len(group) == 1
        or group[-1].x1 < frame.right - 2 * line.size
        or bool(is_in_list)
    )


def _is_set_in(group: Sequence[Line], line: Line, frame: Frame) -> bool:
    """Whether the line's left end starts a paragraph: indented, or further out than an item's."""
    before, indent = group[-1], INDENT_RATIO * line.size
    if line.x0 > before.x0 + indent and line.x0 > frame.left + indent:
        if len(group) == 1:
            return BULLET.match(before.text) is None
        return before.x0 < group[0].x0 + indent
    return len(group) > 1 and line.x0 < before.x0 - indent and line.x0 <= group[0].x0 - indent


def _is_after_last_line(before: Line, line: Line, frame: Frame) -> bool:
    """Whether the line before is short, ends a sentence, and a capital follows."""
    slack = max(4 * line.size, 0.2 * (frame.right - frame.left))
    is_short = before.x1 < frame.right - slack
    return is_short and ENDS_SENTENCE.search(before.text) is not None and line.text[:1].isupper()
