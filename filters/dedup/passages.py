r"""Passages: runs of whole lines of prose that several places of a corpus have in common.

A *line* of prose holds something visible and lies outside of fenced code, displayed formulas,
tables, and code or formulas that span lines (``filters.spans``); it is not indented like code and
not dense in signs. All else is a wall, and a source file has no prose at all. Lines are equal when
their text keys are (``exact``): white space and Unicode composition do not count, and blank lines
are passed over.

Indentation and signs are for texts that mark no code and no formulas, such as reStructuredText.
There a mistake is cheap: a wall is never cut, and what stands beside it still is. Of the demo's
fenced lines of code, 73% are found so, of lines of formulas 95%, of lines of prose from web pages
8% (counted once, on the demo). Code that is neither marked nor indented can still be cut.

A *window* is the shortest run of lines, between walls, that begins at a line and has ``min_words``
words, or the shortest that ends at a line and has as many. A *passage* is what windows that occur
more than once cover. So every run of lines with ``min_words`` words that stands at two places is
covered from its first line to its last, however the texts go on: windows that begin in it leave out
at most its tail, those that end in it at most its head.

*Entries* say where a window is: key (2), order of the document, reference, place. The order is the
first half of the id, which is a hash; so which copy is kept has nothing to do with how documents
lie in shards. (Two documents share an order and a passage once in 2^64 pairs.) The place is
``begin << 32 | end``, bytes of the text from the start of a line to the end of one. A window's key
folds the keys of its lines, each half by itself, with the SplitMix64 finalizer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.code_points import code_point_tables
from filters.dedup.exact import text_key, text_keys
from filters.dedup.packed import Int64Array, Packed, refer
from filters.dedup.shingle_kernels import DROPPED, SINGLE, WORD, Bytes, Offsets
from filters.dedup.shingles import utf8_buffers
from filters.spans import SpanKind, split_spans
from pipeline.compilation import compile_kernel

ENTRY_COLUMNS = 5
"""Key (2), order, reference and place."""

FOUND_COLUMNS = 3
"""Reference, place, and 0 where the window is kept or 1 where another place keeps it."""

_OPENERS = np.zeros(128, bool)
_OPENERS[list(b"$\\`~|")] = True
_OPENERS.flags.writeable = False
"""A text without one of these bytes has no spans but prose."""

SIGNS = b"\\{}^=<>&;()[]"
"""Bytes that code and TeX are full of; the underscore is part of words."""

MAX_SIGN_RATIO = 1 / 3
"""Signs per word that a line of prose may have."""

_SIGNS = np.zeros(128, bool)
_SIGNS[list(SIGNS)] = True
_SIGNS.flags.writeable = False

_BLANK = np.frombuffer(text_key(""), "<u8")
_SEEDS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_ASCII_END, _BMP_END = 0x80, 0x10000
_TAB, _NEWLINE, _SPACE = b"\t\n "
_ASTERISK, _PLUS, _HYPHEN, _ZERO, _NINE = b"*+-09"

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ProseLines:
    """The lines of prose of a batch of texts, in order; every array has one value a line.

    ``begins`` and ``ends`` are bytes of the line's own text, the newline included; ``keys``, shape
    (lines, 2), are text keys; lines of one ``run`` stand together without a wall between them.
    """

    texts: Int64Array
    begins: Int64Array
    ends: Int64Array
    words: Int64Array
    keys: Packed
    runs: Int64Array


def passage_entries(
    ids: Packed, texts: pa.Array, *, min_words: int, shard: int, rows: Int64Array
) -> Packed:
    """Entries of every window of ``texts``, which lie at ``rows`` of ``shard``.

    ``ids``, shape (texts, 2), are ids as ``id_keys`` gives them. Words are counted as for
    shingles: a code point of a script without spaces is one. Raises ValueError when a text is null.
    """
    lines = prose_lines(texts)
    first, last, keys = find_windows(lines, min_words=min_words)
    of_text = lines.texts[first]
    places = lines.begins[first] << 32 | lines.ends[last]
    return np.column_stack(
        [keys, ids[of_text, 0], refer(shard, rows[of_text]), places.astype(np.uint64)]
    )


def prose_lines(texts: pa.Array) -> ProseLines:
    """Find the lines of prose. Raises ValueError when a text is null."""
    offsets, data = utf8_buffers(texts)
    most = int(np.count_nonzero(data[offsets[0] : offsets[-1]] == _NEWLINE)) + len(texts)
    begins, words, of_text = (np.empty(most, np.int64) for _ in range(3))
    is_technical = np.empty(most, bool)
    has_opener = np.zeros(len(texts), bool)
    classes, _ = code_point_tables("words")
    tables = classes, _OPENERS, _SIGNS
    count = _scan_lines(data, offsets, *tables, begins, words, of_text, is_technical, has_opener)
    begins, words, of_text = begins[:count], words[:count], of_text[:count]
    bounds = np.append(begins, offsets[-1])

    keys = _line_keys(bounds, data)
    is_wall = _find_walls(texts, offsets, np.flatnonzero(has_opener), begins, bounds[1:])
    is_wall |= is_technical[:count]
    is_first = np.diff(of_text, prepend=-1) > 0
    runs = np.cumsum(is_wall | is_first)
    is_prose = ~is_wall & (keys != _BLANK).any(axis=1)
    starts = offsets[of_text[is_prose]]
    return ProseLines(
        texts=of_text[is_prose],
        begins=begins[is_prose] - starts,
        ends=bounds[1:][is_prose] - starts,
        words=words[is_prose],
        keys=keys[is_prose],
        runs=runs[is_prose],
    )


def find_windows(lines: ProseLines, *, min_words: int) -> tuple[Int64Array, Int64Array, Packed]:
    """First line, last line and key, shape (windows, 2), of every window, each once."""
    first, last = (np.empty(2 * len(lines.runs), np.int64) for _ in range(2))
    keys = np.empty((len(first), 2), np.uint64)
    count = _find_windows(lines.words, lines.runs, lines.keys, min_words, first, last, keys)
    return first[:count], last[:count], keys[:count]


def find_repeats(blocks: Iterable[Packed]) -> Iterator[Packed]:
    """Windows that occur more than once, shape (any, 3): see ``FOUND_COLUMNS``.

    ``blocks`` are entries sorted by all their columns. The first entry of a key is kept.
    """
    held = np.empty((0, ENTRY_COLUMNS), np.uint64)  # what follows the last row decides about it
    is_held_repeat = np.zeros(0, bool)
    for block in blocks:
        rows = np.concatenate([held, block])
        has_same_next = (rows[1:, :2] == rows[:-1, :2]).all(axis=1)
        is_repeat = np.concatenate([is_held_repeat if len(held) else [False], has_same_next])
        is_found = is_repeat[:-1] | has_same_next
        yield _found(rows[:-1][is_found], is_repeat[:-1][is_found])
        held, is_held_repeat = rows[-1:], is_repeat[-1:]
    yield _found(held[is_held_repeat], is_held_repeat[is_held_repeat])


def _found(entries: Packed, is_repeat: Bools) -> Packed:
    return np.column_stack([entries[:, 3:], is_repeat.astype(np.uint64)])


def _line_keys(bounds: Int64Array, data: Bytes) -> Packed:
    """Text keys of the lines between ``bounds`` of ``data``, shape (lines, 2)."""
    lines = pa.LargeStringArray.from_buffers(
        len(bounds) - 1, pa.py_buffer(np.ascontiguousarray(bounds)), pa.py_buffer(data)
    )
    return np.frombuffer(b"".join(text_keys(lines)), "<u8").reshape(-1, 2)


def _find_walls(
    texts: pa.Array, offsets: Offsets, suspects: Int64Array, begins: Int64Array, ends: Int64Array
) -> Bools:
    """Whether each line of the texts holds a piece of a wall; only ``suspects`` may have walls."""
    walls = [
        (int(offsets[text]) + begin, int(offsets[text]) + end)
        for text in suspects.tolist()
        for begin, end in _walls_of(texts[text].as_py())
    ]
    if not walls:
        return np.zeros(len(begins), bool)
    wall_begins, wall_ends = np.array(walls, np.int64).T
    before = np.searchsorted(wall_begins, ends) - 1  # the last wall that begins before a line ends
    is_wall: Bools = (before >= 0) & (wall_ends[before] > begins)
    return is_wall


def _walls_of(text: str) -> list[tuple[int, int]]:
    """Bytes of the spans that are not prose and own their lines, or go over several."""
    walls = []
    at_char, at_byte = 0, 0
    for span in split_spans(text):
        if span.kind is SpanKind.PROSE or not (
            span.is_block or "\n" in text[span.start : span.end]
        ):
            continue
        begin = at_byte + len(text[at_char : span.start].encode())
        at_char, at_byte = span.end, begin + len(text[span.start : span.end].encode())
        walls.append((begin, at_byte))
    return walls


@compile_kernel
def _scan_lines(  # noqa: PLR0917 - one pass over bytes; a kernel takes no keywords
    data: Bytes,
    offsets: Offsets,
    classes: Bytes,
    openers: Bools,
    signs: Bools,
    begins: Int64Array,
    words: Int64Array,
    texts: Int64Array,
    is_technical: Bools,
    has_opener: Bools,
) -> int:
    """Begin, words and text of every line that is not empty; returns how many there are.

    A line is technical if it is indented or dense in signs.
    """
    written = 0
    for text in range(len(offsets) - 1):
        at = np.uint64(offsets[text])
        end = np.uint64(offsets[text + 1])
        begin = at
        num_words = 0
        num_signs = 0
        is_in_word = False
        while at < end:
            letter = np.uint32(data[at])
            if letter < _ASCII_END:
                at += np.uint64(1)
                kind = classes[letter]
                num_signs += signs[letter]
                has_opener[text] |= openers[letter]
            else:
                width = np.uint64(2 + int(letter >= 0xE0) + int(letter >= 0xF0))  # noqa: PLR2004 - UTF-8
                letter &= np.uint32(0x7F) >> np.uint32(width)
                for i in range(1, width):
                    letter = letter << np.uint32(6) | np.uint32(data[at + np.uint64(i)] & 0x3F)
                at += width
                if letter < _BMP_END:
                    kind = classes[letter]
                else:  # planes 2 and 3 are ideographs
                    kind = np.uint8(SINGLE if 0x20000 <= letter < 0x40000 else WORD)  # noqa: PLR2004
            num_words += kind == SINGLE or (kind == WORD and not is_in_word)
            is_in_word = kind == WORD or (kind == DROPPED and is_in_word)
            if letter == _NEWLINE or at == end:
                begins[written] = begin
                words[written] = num_words
                texts[written] = text
                is_dense = num_signs > MAX_SIGN_RATIO * num_words
                is_technical[written] = is_dense or _is_indented(data, begin, at)
                written += 1
                begin = at
                num_words = 0
                num_signs = 0
    return written


@compile_kernel
def _is_indented(data: Bytes, begin: np.uint64, end: np.uint64) -> bool:
    """Whether a line begins with a tab or two spaces, and not with an item of a list behind them.

    Two, where CommonMark has four: that is what reStructuredText and many READMEs indent by.
    """
    at = begin
    while at < end and data[at] == _SPACE:
        at += np.uint64(1)
    if at >= end or data[at] == _NEWLINE:
        return False
    if data[at] != _TAB and at - begin < np.uint64(2):
        return False
    is_item = data[at] in (_HYPHEN, _ASTERISK, _PLUS) or _ZERO <= data[at] <= _NINE
    return not is_item


@compile_kernel
def _find_windows(  # noqa: C901, PLR0917 - loops are written out; a kernel takes no keywords
    words: Int64Array,
    runs: Int64Array,
    line_keys: Packed,
    min_words: int,
    first: Int64Array,
    last: Int64Array,
    keys: Packed,
) -> int:
    """Windows by the line they begin at, then those by the line they end at that are new."""
    count = len(words)
    found = 0
    ends = np.zeros(count, np.int64)  # of the window that begins at each line, 0 without one
    end = 0
    held = 0
    for begin in range(count):
        while end < count and held < min_words and runs[end] == runs[begin]:
            held += words[end]
            end += 1
        if held >= min_words and words[begin] > 0:
            ends[begin] = end
            first[found] = begin
            last[found] = end - 1
            found += 1
        held -= words[begin]

    begin = 0
    held = 0
    for end in range(count):
        if runs[end] != runs[begin]:
            begin = end
            held = 0
        held += words[end]
        while held - words[begin] >= min_words:
            held -= words[begin]
            begin += 1
        if held >= min_words and words[end] > 0 and ends[begin] != end + 1:
            first[found] = begin
            last[found] = end
            found += 1

    for window in range(found):
        for half in range(2):
            key = _SEEDS[half]
            for line in range(first[window], last[window] + 1):
                key = _mix(key ^ line_keys[line, half])
            keys[window, half] = key
    return found


@compile_kernel
def _mix(value: np.uint64) -> np.uint64:
    """The SplitMix64 finalizer, as ``packed.mix``."""
    value = (value ^ value >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ value >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return value ^ value >> np.uint64(31)
