"""From lines to blocks: paragraphs reflowed and dehyphenated, headings, lists, code and tables."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from extractors.pdf.breaks import (
    FULL_SLACK_EMS,
    INDENT_RATIO,
    SOFT_HYPHENS,
    Frame,
    frame_of,
    is_break,
)
from extractors.pdf.displays import Display, markdown_of
from extractors.pdf.kinds import (
    CAPTION,
    ENDS_SENTENCE,
    MAX_HEADING_CHARS,
    Kind,
    Setting,
    kinds_of,
    run_in_of,
)
from extractors.pdf.lines import Line, Table
from extractors.pdf.listings import algorithm_of, code_of


@dataclass
class Block:
    """A block of text; ``size`` is its font size in points. Code keeps its lines.

    ``is_set_in`` says that its first line is indented, ``is_full`` that its last line reaches the
    right edge: such a paragraph may go on in the next column.
    """

    kind: Kind
    text: str
    size: float
    is_bold: bool = False
    is_set_in: bool = False
    is_full: bool = False
    rows: list[list[str]] = field(default_factory=list)


MAX_BLOCKS_BETWEEN = 8
"""A paragraph goes on after at most so many footnotes, captions and floats, less one."""

MAX_BLOCKS_TO_NOTE = 40
"""A footnote goes on below the next column, at most so many blocks later."""

MIN_SET_IN_SHARE = 0.5
"""Share of long paragraphs that begin indented, from which on an unindented one at the top of a
column goes on with the one before."""

MIN_LONG_CHARS = 200
"""Shorter paragraphs say nothing of how paragraphs begin: items, names, lines of a title."""

WORD = re.compile(r"\w+(?:-\w+)*")
NOTE_MARK = re.compile(r"\[\^[^\]]{1,3}\]")


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


def blocks_of(run: Sequence[Line | Display | Table] | str, setting: Setting) -> list[Block]:
    """The blocks of one run; a paragraph never spans two runs here (see ``join_runs``).

    A run that is text already is one block: a page as a vision model wrote it.
    """
    if isinstance(run, str):
        return [Block(Kind.PAGE, run.strip(), setting.body)] if run.strip() else []
    lines = [item for item in run if isinstance(item, Line)]
    frame = frame_of(lines, setting.body)
    kinds = iter(kinds_of(lines, setting))
    blocks: list[Block] = []
    pending: list[tuple[Line, Kind]] = []
    for item in run:
        if isinstance(item, Line):
            pending.append((item, next(kinds)))
        else:
            blocks.extend(_text_blocks(pending, frame, setting))
            pending = []
            if isinstance(item, Display):
                blocks.append(Block(Kind.FORMULA, markdown_of(item), item.size))
            else:
                blocks.append(Block(Kind.TABLE, "", setting.body, rows=item.rows))
    blocks.extend(_text_blocks(pending, frame, setting))
    return blocks


def _text_blocks(
    items: Sequence[tuple[Line, Kind]], frame: Frame, setting: Setting
) -> Iterator[Block]:
    for kind, lines in _groups(items, frame):
        size = lines[0].size
        if kind is Kind.CODE:
            yield Block(kind, code_of(lines), size)
        elif kind is Kind.ALGORITHM:
            yield Block(Kind.CODE, algorithm_of(lines), size)
        elif kind is Kind.TABLE:
            rows = [[cell.text for cell in line.cells] for line in lines]
            yield Block(kind, "", size, rows=rows)
        else:
            yield from _prose(kind, lines, frame, setting)


def _prose(kind: Kind, lines: list[Line], frame: Frame, setting: Setting) -> Iterator[Block]:
    is_set_in = lines[0].x0 > frame.left + INDENT_RATIO * lines[0].size
    if kind is Kind.PARAGRAPH:
        found = run_in_of(lines[0], lines[1] if len(lines) > 1 else None, setting)
        if found is not None:
            heading, rest = found
            yield Block(
                Kind.HEADING, heading, lines[0].size, is_bold=lines[0].spans[0].style.is_bold
            )
            lines = lines[1:] if rest is lines[0] else [rest, *lines[1:]]
            is_set_in = True
            if not lines:
                return
    text = joined([line.text for line in lines], setting.words)
    if kind is Kind.HEADING and len(text) > MAX_HEADING_CHARS:
        kind = Kind.PARAGRAPH
    if kind is Kind.HEADING:
        text = NOTE_MARK.sub("", text)
    last = lines[-1]
    yield Block(
        kind,
        text,
        lines[0].size,
        is_bold=all(line.is_bold for line in lines),
        is_set_in=is_set_in,
        is_full=last.x1 > frame.right - FULL_SLACK_EMS * last.size,
    )


def _groups(items: Sequence[tuple[Line, Kind]], frame: Frame) -> Iterator[tuple[Kind, list[Line]]]:
    """Consecutive lines that make one block."""
    group: list[Line] = []
    kind = Kind.PARAGRAPH
    for line, line_kind in items:
        if group and (line_kind is not kind or is_break(group, line, kind, frame)):
            yield kind, group
            group = []
        group.append(line)
        kind = line_kind
    if group:
        yield kind, group


def joined(texts: Sequence[str], words: frozenset[str]) -> str:
    """Lines as running text, with words that were hyphenated at a line's end made whole.

    A hyphen before a small letter is the printer's unless the document itself writes the word
    with it and never without.
    """
    text = ""
    for line in (" ".join(raw.split()) for raw in texts):
        if not text or not line:
            text += line
        elif _is_hyphenated(text, line):
            text = text[:-1] + _hyphen(text, line, words) + line
        elif _is_cjk(text[-1]) and _is_cjk(line[0]):
            text += line
        else:
            text += " " + line
    return text


def _is_hyphenated(before: str, after: str) -> bool:
    """Whether a word is parted between two lines, in small letters or in capitals."""
    if not before.endswith(SOFT_HYPHENS) or not before[-2:-1].isalpha():
        return False
    is_capitals = before[-3:-1].isupper() and len(before[-3:-1]) > 1 and after[:2].isupper()
    return after[0].islower() or is_capitals


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

    Footnotes at the end of the one run and floats at the start of the next may lie between.
    """
    paragraphs = [
        b for run in runs for b in run if b.kind is Kind.PARAGRAPH and len(b.text) > MIN_LONG_CHARS
    ]
    uses_indents = sum(b.is_set_in for b in paragraphs) >= MIN_SET_IN_SHARE * len(paragraphs)
    blocks: list[Block] = []
    for run in map(list, runs):
        listing = _open_listing(blocks)
        if listing is not None and run and run[0].kind is Kind.CODE:
            listing.text += "\n" + run.pop(0).text
        end = _open_end(blocks)
        start = _continuation(run)
        if start is not None and end is not None and _goes_on(end, run[start], uses_indents):
            end.text = joined([end.text, run[start].text], words)
            end.is_full = run[start].is_full
            del run[start]
        _join_notes(blocks, run, words)
        blocks.extend(run)
    return blocks


def _join_notes(blocks: Sequence[Block], run: list[Block], words: frozenset[str]) -> None:
    """Makes a footnote whole whose rest stands below the next column."""
    note = next((b for b in reversed(blocks[-MAX_BLOCKS_TO_NOTE:]) if b.kind is Kind.NOTE), None)
    if note is None or ENDS_SENTENCE.search(note.text):
        return
    for index, block in enumerate(run):
        if block.kind is Kind.NOTE and block.text[:1].islower():
            note.text = joined([note.text, block.text], words)
            del run[index]
            return


def _open_listing(blocks: Sequence[Block]) -> Block | None:
    """The listing that the blocks so far end in, footnotes aside."""
    last = next((block for block in reversed(blocks) if block.kind is not Kind.NOTE), None)
    return last if last is not None and last.kind is Kind.CODE else None


def _is_running(block: Block) -> bool:
    return block.kind is Kind.PARAGRAPH and not CAPTION.match(block.text)


def _continuation(run: Sequence[Block]) -> int | None:
    """The first paragraph of a run, if only floats stand before it."""
    for index, block in enumerate(run[:MAX_BLOCKS_BETWEEN]):
        if _is_running(block):
            return index
        is_float = block.kind in (Kind.NOTE, Kind.TABLE, Kind.CODE) or CAPTION.match(block.text)
        if not is_float:
            return None
    return None


def _open_end(blocks: Sequence[Block]) -> Block | None:
    """The last paragraph, if it may go on; notes and floats after it are passed over."""
    for block in reversed(blocks[-MAX_BLOCKS_BETWEEN:]):
        if _is_running(block):
            return block
        if block.kind not in (Kind.NOTE, Kind.PARAGRAPH, Kind.TABLE) and not (
            block.kind is Kind.HEADING and CAPTION.match(block.text)
        ):
            return None
    return None


def _goes_on(end: Block, start: Block, uses_indents: bool) -> bool:  # noqa: FBT001
    """Whether ``start`` is the rest of the paragraph ``end``."""
    if abs(end.size - start.size) > 1:
        return False
    if end.text.endswith(SOFT_HYPHENS) and end.text[-2:-1].isalpha():
        return True
    if ENDS_SENTENCE.search(end.text):
        return uses_indents and end.is_full and not start.is_set_in and start.text[:1].isalpha()
    return start.text[:1].islower() or (end.is_full and not start.is_set_in)
