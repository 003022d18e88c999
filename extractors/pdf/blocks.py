"""From lines to blocks: paragraphs reflowed and dehyphenated, headings, lists, code and tables."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby, pairwise
from statistics import median

from extractors.pdf.layout import Line


class Kind(Enum):
    """What a block is."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    CODE = "code"
    TABLE = "table"
    NOTE = "note"


@dataclass
class Block:
    """A block of text; ``size`` is its font size in points. Code keeps its lines."""

    kind: Kind
    text: str
    size: float
    is_bold: bool = False
    rows: list[list[str]] = field(default_factory=list)


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

HEADING_SIZE_RATIO = 1.12
MIN_HEADING_SIZE_RATIO = 0.85
NOTE_SIZE_RATIO = 0.92
MAX_HEADING_CHARS = 200
MAX_BOLD_HEADING_CHARS = 90
MIN_TABLE_ROWS = 3
MIN_CELLS = 2
MIN_CELL_GAP_RATIO = 1.2
"""Ems between two cells of a table."""

MAX_BLOCKS_BETWEEN = 5
"""A paragraph goes on after at most so many footnotes and captions, less one."""

BULLET = re.compile(
    r"^(?:[\u2022\u25e6\u25aa\u2023\u2219\u25cf\u25a0\u2013\u2014*-]|\(?\d{1,3}[.):]|\(?[a-z][.)]|\[\d{1,3}\])\s"
)
BULLET_SIGN = re.compile(r"^[\u2022\u25e6\u25aa\u2023\u2219\u25cf\u25a0]\s*")
LINE_NUMBER = re.compile(r"^\s*(?:\d{1,3}[:.)]?|[\u2022\u2013-]|\[\d+\]|\(?[a-z0-9]{1,3}[.)])\s*$")
"""Beginnings of numbered lines: an algorithm's, a list's, a heading's."""

CAPTION = re.compile(
    r"^(?:figure|fig\.|table|algorithm|listing|scheme|plate)\s*[\dA-Z]", re.IGNORECASE
)
NUMBERED = re.compile(r"^(?:[A-Z]|\d{1,2})(?:\.\d{1,2})*\.?\s+\S")
ENDS_SENTENCE = re.compile(r"[.!?:;\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*\s*\d*$")
LEADERS = re.compile(r"(?:\s?\.){4,}\s*\S{0,6}$")
"""The dots and the page number that end an entry of a table of contents."""

WORD = re.compile(r"\w+(?:-\w+)*")
SOFT_HYPHENS = ("-", "\u00ad", "\u2010")


def body_size(lines: Sequence[Line]) -> float:
    """The font size that most characters of the document have."""
    chars: Counter[float] = Counter()
    for line in lines:
        chars[line.size] += len(line.text)
    return max(chars, key=lambda size: (chars[size], size), default=10.0)


def vocabulary(lines: Sequence[Line]) -> frozenset[str]:
    """Words of the document, in lower case, that stand inside lines and so are whole."""
    words: set[str] = set()
    for line in lines:
        words.update(word.lower() for word in WORD.findall(line.text)[:-1])
    return frozenset(words)


def blocks_of(run: Sequence[Line], body: float, words: frozenset[str]) -> list[Block]:
    """The blocks of one run; a paragraph never spans two runs here (see ``join_runs``)."""
    if not run:
        return []
    blocks: list[Block] = []
    for kind, lines in _groups(run, body):
        if kind is Kind.CODE:
            blocks.append(Block(kind, _code_text(lines), lines[0].size))
        elif kind is Kind.TABLE:
            rows = [[fragment.text.strip() for fragment in line.fragments] for line in lines]
            blocks.append(Block(kind, "", lines[0].size, rows=rows))
        else:
            text = joined([line.text for line in lines], words)
            is_bold = all(line.is_bold for line in lines)
            blocks.append(Block(kind, text, lines[0].size, is_bold))
    return blocks


def joined(texts: Sequence[str], words: frozenset[str]) -> str:
    """Lines as running text, with words that were hyphenated at a line's end made whole.

    A hyphen before a small letter is the printer's unless the document itself writes the word
    with it and never without.
    """
    text = ""
    for line in (" ".join(raw.split()) for raw in texts):
        if not text or not line:
            text += line
        elif text.endswith(SOFT_HYPHENS) and line[0].islower() and text[-2:-1].isalpha():
            text = text[:-1] + _hyphen(text, line, words) + line
        elif _is_cjk(text[-1]) and _is_cjk(line[0]):
            text += line
        else:
            text += " " + line
    return text


def _hyphen(before: str, after: str, words: frozenset[str]) -> str:
    head = WORD.findall(before[:-1].lower())[-1:]
    tail = WORD.findall(after.lower())[:1]
    if not head or not tail:
        return ""
    is_compound = f"{head[0]}-{tail[0]}" in words and head[0] + tail[0] not in words
    return "-" if is_compound else ""


def _is_cjk(char: str) -> bool:
    return "\u2e80" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef"


def join_runs(runs: Sequence[list[Block]], words: frozenset[str]) -> list[Block]:
    """All blocks in order, with paragraphs made whole that a column's or page's end broke.

    Footnotes at the end of the one run and captions at the start of the next may lie between.
    """
    blocks: list[Block] = []
    for run in map(list, runs):
        listing = _open_listing(blocks)
        if listing is not None and run and run[0].kind is Kind.CODE:
            listing.text += "\n" + run.pop(0).text
        start = next((index for index, block in enumerate(run) if _can_continue(block)), None)
        end = _open_end(blocks)
        if start is not None and end is not None and start <= 1:
            first = run[start]
            if first.text[:1].islower() or end.text.endswith(SOFT_HYPHENS):
                end.text = joined([end.text, first.text], words)
                del run[start]
        blocks.extend(run)
    return blocks


def _open_listing(blocks: Sequence[Block]) -> Block | None:
    """The listing that the blocks so far end in, footnotes aside."""
    last = next((block for block in reversed(blocks) if block.kind is not Kind.NOTE), None)
    return last if last is not None and last.kind is Kind.CODE else None


def _can_continue(block: Block) -> bool:
    return block.kind is Kind.PARAGRAPH and not CAPTION.match(block.text)


def _open_end(blocks: Sequence[Block]) -> Block | None:
    """The last paragraph, if it breaks off; notes and captions after it are passed over."""
    for block in reversed(blocks[-MAX_BLOCKS_BETWEEN:]):
        if block.kind is Kind.PARAGRAPH and not CAPTION.match(block.text):
            return None if ENDS_SENTENCE.search(block.text) else block
        if block.kind not in (Kind.NOTE, Kind.PARAGRAPH):
            return None
    return None


def _groups(run: Sequence[Line], body: float) -> Iterator[tuple[Kind, list[Line]]]:
    """Consecutive lines that make one block."""
    frame = Frame(*_margins(run, body), _leading(run))
    group: list[Line] = []
    kind = Kind.PARAGRAPH
    for line, line_kind in zip(run, _kinds(run, body), strict=True):
        if group and (line_kind is not kind or _is_break(group, line, kind, frame)):
            yield kind, group
            group = []
        group.append(line)
        kind = line_kind
    if group:
        yield kind, group


def _kinds(run: Sequence[Line], body: float) -> list[Kind]:
    kinds = [_kind(line, body) for line in run]
    for num_cells, indices in groupby(range(len(run)), key=lambda index: _num_cells(run[index])):
        rows = list(indices)
        # Fewer rows are a formula with its number, or two columns of names.
        if (
            num_cells >= MIN_CELLS
            and len(rows) >= MIN_TABLE_ROWS
            and _is_grid([run[row] for row in rows])
        ):
            for row in rows:
                kinds[row] = Kind.TABLE
    _absorb_fixed_words(run, kinds)
    return kinds


def _is_grid(rows: list[Line]) -> bool:
    """Whether each cell stands below one of the row above it."""
    return all(
        min(upper.x1, lower.x1) > max(upper.x0, lower.x0) - lower.size
        for above, below in pairwise(rows)
        for upper, lower in zip(above.fragments, below.fragments, strict=True)
    )


def _absorb_fixed_words(run: Sequence[Line], kinds: list[Kind]) -> None:
    """A single line in a fixed font that goes on with a paragraph is part of it: an address."""
    for index in range(1, len(run)):
        is_alone = kinds[index] is Kind.CODE and kinds[index + 1 : index + 2] != [Kind.CODE]
        if not is_alone or kinds[index - 1] is not Kind.PARAGRAPH:
            continue
        before, line = run[index - 1], run[index]
        is_close = line.y1 - before.y1 < PARAGRAPH_GAP_RATIO * 1.2 * before.size
        if is_close and abs(line.x0 - before.x0) < 1 and not ENDS_SENTENCE.search(before.text):
            kinds[index] = Kind.PARAGRAPH


def _kind(line: Line, body: float) -> Kind:
    if line.is_mono:
        return Kind.CODE
    text = line.text.strip()
    is_letters = sum(char.isalpha() for char in text) >= 0.5 * len(text.replace(" ", ""))
    if is_letters and line.size >= HEADING_SIZE_RATIO * body and len(text) <= MAX_HEADING_CHARS:
        return Kind.HEADING
    if (
        is_letters
        and line.is_bold
        and line.size >= MIN_HEADING_SIZE_RATIO * body
        and len(text) <= MAX_BOLD_HEADING_CHARS
        and not text.endswith((".", ",", ";", "-"))
        and not CAPTION.match(text)
        and not BULLET_SIGN.match(text)
    ):
        return Kind.HEADING
    return Kind.NOTE if line.size < NOTE_SIZE_RATIO * body else Kind.PARAGRAPH


def _num_cells(line: Line) -> int:
    """The number of cells of a line that may be a table's row, 0 for other lines."""
    if len(line.fragments) < MIN_CELLS or line.is_mono or LINE_NUMBER.match(line.fragments[0].text):
        return 0
    gaps = [after.x0 - before.x1 for before, after in pairwise(line.fragments)]
    return len(line.fragments) if min(gaps) >= MIN_CELL_GAP_RATIO * line.size else 0


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


def _is_break(group: Sequence[Line], line: Line, kind: Kind, frame: Frame) -> bool:
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
    usual = max(frame.leading, USUAL_LEADING_SIZES * line.size)
    if distance > PARAGRAPH_GAP_RATIO * usual or distance < -frame.leading:
        return True
    is_note_sign = kind is Kind.NOTE and line.fragments[0].starts_raised
    is_resized = is_other_size and len(line.text) > MAX_SCRIPT_CHARS
    if is_note_sign or is_resized or LEADERS.search(before.text):
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


def _code_text(lines: list[Line]) -> str:
    """Listing lines with the indentation that their place shows, and blank lines for gaps."""
    start = min(line.x0 for line in lines)
    widths = [
        (fragment.x1 - fragment.x0) / len(fragment.text)
        for line in lines
        for fragment in line.fragments
        if len(fragment.text) > MAX_SCRIPT_CHARS
    ]
    width = median(widths) if widths else 0.6 * lines[0].size
    leading = _leading(lines)
    written: list[str] = []
    before: Line | None = None
    for line in lines:
        if before is not None and line.y1 - before.y1 > 1.6 * leading:
            written.append("")
        text = " " * round((line.x0 - start) / width)
        for index, fragment in enumerate(line.fragments):
            if index:
                # Counted from the fragment before: a listing's columns need not be a fixed grid.
                gap = fragment.x0 - line.fragments[index - 1].x1
                text = text.rstrip() + " " * max(1, round(gap / width))
            text += fragment.text.strip()
        written.append(text)
        before = line
    return "\n".join(written)
