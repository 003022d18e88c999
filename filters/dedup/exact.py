"""The 16-byte key of a text: equal texts, whatever their white space and Unicode composition.

NFC, not NFKC: compatibility folding would make one text of "x^2" written with a superscript two
and of "x2". Case is kept, because it carries meaning in code and formulas; texts that differ only
in case or punctuation are found as near duplicates, where a comparison decides.
"""

import functools
import unicodedata

import numpy as np
import pyarrow as pa
import xxhash

from filters.dedup.shingle_kernels import Bytes, Offsets
from filters.dedup.shingles import utf8_buffers
from pipeline.compilation import compile_kernel

_PLAIN, _WHITE, _MARK, _COMPOSING = range(4)

_TABLE_END = 0x20000
"""Scripts and emoji; all of Unicode's compositions are of code points below (a test checks it)."""

_COMPOSING_HANGUL = (range(0x1161, 0x1176), range(0x11A8, 0x11C3))
"""Vowels and final consonants that compose by rule (Unicode 3.12), not by the character table."""

_SCRATCH_BYTES = 1 << 18  # stays in the second-level cache


def normalise_text(text: str) -> str:
    """NFC, each run of white space one space, none at either end."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_key(text: str) -> bytes:
    """``xxh3_128`` of the normalised text in UTF-8, 16 bytes; all blank texts share one key."""
    return xxhash.xxh3_128_digest(normalise_text(text).encode())


def text_keys(texts: pa.Array) -> list[bytes]:
    """:func:`text_key` of every text of a column, most of them without Python's strings.

    A text that is seen to be in NFC, short of the order of its marks, takes a third (Chinese) to a
    ninth (English) of the time. Memory beside the result is some copies of the longest text.
    Raises ValueError when a text is null.
    """
    offsets, data = utf8_buffers(texts)
    longest = int(np.diff(offsets).max(initial=0))
    scratch = np.empty(max(_SCRATCH_BYTES, longest), np.uint8)
    ends = np.empty(len(texts), np.int64)
    keys: list[bytes] = []
    while len(keys) < len(texts):
        first = len(keys)
        rows = _collapse(data, offsets[first:], code_point_classes(), scratch, ends)
        begin = 0
        for row, end in enumerate(ends[:rows].tolist(), first):
            if end < 0:
                keys.append(text_key(texts[row].as_py()))
            else:
                keys.append(xxhash.xxh3_128_digest(scratch.data[begin:end]))
                begin = end
    return keys


@functools.cache
def code_point_classes() -> Bytes:
    """What each code point below ``_TABLE_END`` means to NFC and white space, in about 30 ms.

    Plain code points are starters, marks are not, and both are their own normal form and compose
    with none before them (``NFC_Quick_Check=Yes``). A text of them in which no mark follows a mark
    is in NFC: this is the quick check of Unicode UAX #15, section 9, short of the order of marks.
    Unlike those of shingles, these classes follow the interpreter's Unicode, as
    :func:`normalise_text` does.
    """
    classes = np.full(_TABLE_END, _PLAIN, np.uint8)
    composing = [code_point for jamo in _COMPOSING_HANGUL for code_point in jamo]
    for code_point in range(_TABLE_END):
        character = chr(code_point)
        if character.isspace():
            classes[code_point] = _WHITE
        elif unicodedata.combining(character):
            classes[code_point] = _MARK
        if not unicodedata.is_normalized("NFC", character):
            composing.append(code_point)
        canonical = unicodedata.decomposition(character)
        if canonical and not canonical.startswith("<"):
            composing += [int(second, 16) for second in canonical.split()[1:]]
    classes[composing] = _COMPOSING
    return classes


@compile_kernel
def _collapse(  # noqa: C901 - one pass over bytes
    data: Bytes, offsets: Offsets, classes: Bytes, scratch: Bytes, ends: Offsets
) -> int:
    """Write texts to ``scratch`` with their white space collapsed, one behind the other.

    ``ends[i]`` is where text ``i`` ends there, or -1 when it may not be in NFC and was skipped.
    Returns the number of texts done: all that fit into ``scratch``.
    """
    # Indices have no sign: numba looks for negative ones otherwise, which takes a third longer.
    one = np.uint64(1)
    used = np.uint64(0)
    for row in range(len(offsets) - 1):
        at = np.uint64(offsets[row])
        end = np.uint64(offsets[row + 1])
        if end - at > np.uint64(len(scratch)) - used:
            return row
        begin = used
        was_white = True
        was_mark = False
        is_normal = True
        while at < end:
            byte = data[at]
            if byte < 0x80:  # noqa: PLR2004 - ASCII
                is_white = classes[byte] == _WHITE
                scratch[used] = np.uint8(0x20) if is_white else byte
                used += np.uint64(not (is_white and was_white))
                was_white = is_white
                was_mark = False
                at += one
                continue
            width = np.uint64(2 + int(byte >= 0xE0) + int(byte >= 0xF0))  # noqa: PLR2004 - UTF-8
            letter = np.uint32(byte & (np.uint8(0x7F) >> np.uint8(width)))
            for i in range(1, width):
                letter = letter << np.uint32(6) | np.uint32(data[at + np.uint64(i)] & 0x3F)
            kind = classes[letter] if letter < _TABLE_END else np.uint8(_COMPOSING)
            if kind == _COMPOSING or (kind == _MARK and was_mark):
                is_normal = False
                break
            is_white = kind == _WHITE
            if is_white:
                scratch[used] = 0x20
                used += np.uint64(not was_white)
            else:
                for i in range(width):
                    scratch[used] = data[at + np.uint64(i)]
                    used += one
            was_white = is_white
            was_mark = kind == _MARK
            at += width
        if not is_normal:
            used = begin
            ends[row] = -1
            continue
        if was_white and used > begin:
            used -= one
        ends[row] = used
    return len(offsets) - 1
