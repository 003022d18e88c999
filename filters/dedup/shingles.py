"""Texts -> hashes of their word shingles, on the Arrow buffer, in blocks of bounded size.

A word is a run of letters, digits, marks and underscores, in lower case. Scripts that put no
space between words (Chinese, Japanese, Thai, Lao, Khmer, Myanmar and kin) have no such runs, so
each of their code points is a word. A run longer than ``MAX_WORD_BYTES`` is cut. Everything else
separates words, except format characters (soft hyphen, joiners), which are dropped.

A shingle is ``shingle_words`` consecutive words joined by single spaces; its hash is ``xxh32`` of
its UTF-8 bytes with seed 0, so any tool can compute it again.

Digits are kept as they are: templated problems differ in nothing else.
"""

import functools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.compilation import compile_kernel

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint32]

MAX_WORD_BYTES = 64
"""Longer runs are cut: they are encoded data or an unspaced script this module does not know."""

BLOCK_SHINGLES = 1 << 15
"""Hashes of one block: 128 KiB stay in the second-level cache between hashing and signing."""

SEPARATOR, WORD, SINGLE, DROPPED = range(4)
"""Classes of code points: ends a word, part of one, a word of its own, as if it were not there."""

UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x3005, 0x3007),  # ideographic iteration mark, closing mark and zero
    (0x3021, 0x312F),  # Hangzhou numerals, kana, Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo extended
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAADF),  # Myanmar extended A, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9F),  # halfwidth Katakana
)
"""Line breaking classes ID, CJ and SA below U+10000 (Unicode UAX #14, table 1)."""

_ASCII_END = 0x80
_BMP_END = 0x10000
_IDEOGRAPHS_BEGIN, _IDEOGRAPHS_END = 0x20000, 0x40000  # planes 2 and 3
_SPACE = 0x20
_SOFT_HYPHEN = 0xAD
_STRIPE_BYTES = 16

_PRIME_1, _PRIME_2, _PRIME_3, _PRIME_4, _PRIME_5 = (
    np.uint32(0x9E3779B1),
    np.uint32(0x85EBCA77),
    np.uint32(0xC2B2AE3D),
    np.uint32(0x27D4EB2F),
    np.uint32(0x165667B1),
)
"""Constants of XXH32 (xxHash specification, "XXH32 algorithm description")."""


@dataclass(frozen=True)
class ShingleBlock:
    """Hashes of consecutive rows' shingles.

    The hashes of row ``first_row + i`` are ``hashes[ends[i - 1]:ends[i]]`` (from 0 for the first).
    The last row of a block may go on in the next block, under its own number again. The arrays
    are overwritten when the next block is asked for.
    """

    first_row: int
    hashes: Hashes
    ends: Offsets


def hash_shingles(
    texts: pa.Array, *, shingle_words: int, block_shingles: int = BLOCK_SHINGLES
) -> Iterator[ShingleBlock]:
    """Hash every shingle of every text, in reading order, repeats included.

    Memory beside the texts is that of one block, however long a text is. A text of fewer than
    ``shingle_words`` words has no shingle. Raises ValueError when a text is null.
    """
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null, none may be")
    offsets, data = _utf8_buffers(texts)
    classes, lower = code_point_tables()
    scratch = np.empty((block_shingles + shingle_words) * (MAX_WORD_BYTES + 1), np.uint8)
    recent = np.empty((2, shingle_words), np.int64)
    hashes = np.empty(block_shingles, np.uint32)
    ends = np.empty(len(texts), np.int64)
    position = np.array([0, offsets[0]], np.int64)
    while position[0] < len(texts):
        first_row = int(position[0])
        rows = _hash_block(data, offsets, position, classes, lower, scratch, recent, hashes, ends)
        yield ShingleBlock(first_row, hashes[: ends[rows - 1]], ends[:rows])


@functools.cache
def code_point_tables() -> tuple[Bytes, npt.NDArray[np.uint16]]:
    """Class and lower case of every code point below U+10000; computed once, in about 30 ms.

    Categories come from Unicode 3.2, which Python keeps beside the current version: a text must
    not get another signature because the interpreter was upgraded. Code points assigned later
    count as letters. Only one-to-one lower cases of letters known then are applied; by Unicode's
    stability policy they never change.
    """
    frozen = unicodedata.ucd_3_2_0
    classes = np.empty(_BMP_END, np.uint8)
    lower = np.arange(_BMP_END, dtype=np.uint16)
    for code_point in range(_BMP_END):
        character = chr(code_point)
        category = frozen.category(character)
        classes[code_point] = _class_of(category)
        if category in ("Lu", "Lt"):
            lowered = character.lower()
            if len(lowered) == 1 and ord(lowered) < _BMP_END:
                lower[code_point] = ord(lowered)
    classes[_SOFT_HYPHEN] = DROPPED  # punctuation in Unicode 3.2, a format character since 4.0
    for first, last in UNSPACED_RANGES:
        unspaced = classes[first : last + 1]
        unspaced[unspaced == WORD] = SINGLE
    return classes, lower


def _class_of(category: str) -> int:
    if category[0] in "LMN" or category in ("Pc", "Cn"):
        return WORD
    return DROPPED if category == "Cf" else SEPARATOR


def _utf8_buffers(texts: pa.Array) -> tuple[Offsets, Bytes]:
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    return (
        np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1],
        np.frombuffer(data if data is not None else b"", np.uint8),
    )


@compile_kernel
def _hash_block(  # noqa: PLR0917 - a kernel takes no keywords
    data: Bytes,
    offsets: Offsets,
    position: Offsets,
    classes: Bytes,
    lower: npt.NDArray[np.uint16],
    scratch: Bytes,
    recent: Offsets,
    hashes: Hashes,
    ends: Offsets,
) -> int:
    """Hash from ``position`` (row, byte) on, until the texts end or ``hashes`` is full.

    Updates ``position`` and ``ends``; returns the number of rows touched.
    """
    first_row = int(position[0])
    row = first_row
    at = int(position[1])
    written = 0
    while row < len(offsets) - 1 and written < len(hashes):
        end = int(offsets[row + 1])
        written, at = _hash_text(data, at, end, classes, lower, scratch, recent, hashes, written)
        ends[row - first_row] = written
        row += 1
        if at < end:
            position[0] = row - 1
            position[1] = at
            return row - first_row
    position[0] = row
    position[1] = at
    return row - first_row


@compile_kernel
def _hash_text(  # noqa: C901, PLR0917 - one pass over bytes; a kernel takes no keywords
    data: Bytes,
    at: int,
    end: int,
    classes: Bytes,
    lower: npt.NDArray[np.uint16],
    scratch: Bytes,
    recent: Offsets,
    hashes: Hashes,
    written: int,
) -> tuple[int, int]:
    """Append the hashes of the shingles of ``data[at:end]`` to ``hashes[:written]``.

    ``scratch`` takes the words in lower case joined by spaces, so that every shingle is a slice
    of it. ``recent`` remembers where each of the last words begins, in ``scratch`` and in
    ``data``. Returns the new ``written`` and, when ``hashes`` is full, the byte at which the next
    shingle begins, else ``end``.
    """
    shingle_words = recent.shape[1]
    used = 0
    words = 0
    slot = 0  # of the word in hand in ``recent``, ``words % shingle_words``
    word_begin = 0
    is_in_word = False
    is_single = False
    while True:
        if is_in_word and not is_single:  # the common case: ASCII letters inside a word
            while (
                at < end
                and data[at] < _ASCII_END
                and classes[data[at]] == WORD
                and used - word_begin < MAX_WORD_BYTES
            ):
                scratch[used] = lower[data[at]]
                used += 1
                at += 1

        size, kind, letter = _classify(data, at, end, classes, lower)
        if is_in_word and (
            is_single
            or kind in (SEPARATOR, SINGLE)
            or (kind == WORD and used - word_begin + size > MAX_WORD_BYTES)
        ):
            is_in_word = False
            words += 1
            slot = slot + 1 if slot + 1 < shingle_words else 0
            if words >= shingle_words:  # ``slot`` now holds the oldest of the last words
                hashes[written] = _xxh32(scratch, recent[0, slot], used)
                written += 1
                if written == len(hashes):
                    second = slot + 1 if slot + 1 < shingle_words else 0
                    return written, at if shingle_words == 1 else int(recent[1, second])
        if at >= end:
            return written, end
        if kind in (WORD, SINGLE):
            if not is_in_word:
                if used > 0:
                    scratch[used] = _SPACE
                    used += 1
                word_begin = used
                recent[0, slot] = used
                recent[1, slot] = at
                is_in_word = True
                is_single = kind == SINGLE
            used = _encode(scratch, used, letter)
        at += size


@compile_kernel
def _classify(
    data: Bytes, at: int, end: int, classes: Bytes, lower: npt.NDArray[np.uint16]
) -> tuple[int, int, np.uint32]:
    """Bytes, class and lower case of the code point at ``at``; a separator at ``end``."""
    if at >= end:
        return 0, SEPARATOR, np.uint32(0)
    letter = np.uint32(data[at])
    size = 1 + int(letter >= 0xC0) + int(letter >= 0xE0) + int(letter >= 0xF0)  # noqa: PLR2004 - UTF-8
    if at + size > end:  # cannot be in valid UTF-8; never read past the text
        return end - at, SEPARATOR, letter
    if size > 1:
        letter &= np.uint32(0x7F >> size)
        for i in range(1, size):
            letter = np.uint32(letter << np.uint32(6) | np.uint32(data[at + i] & 0x3F))
    if letter < _BMP_END:
        return size, int(classes[letter]), np.uint32(lower[letter])
    is_ideograph = _IDEOGRAPHS_BEGIN <= letter < _IDEOGRAPHS_END
    return size, SINGLE if is_ideograph else WORD, letter


@compile_kernel
def _encode(scratch: Bytes, used: int, letter: np.uint32) -> int:
    """Append a code point in UTF-8; returns the new end."""
    size = 1 + int(letter >= 0x80) + int(letter >= 0x800) + int(letter >= 0x10000)  # noqa: PLR2004 - UTF-8
    if size == 1:
        scratch[used] = letter
        return used + 1
    for i in range(size - 1, 0, -1):
        scratch[used + i] = 0x80 | (letter & 0x3F)
        letter >>= np.uint32(6)
    scratch[used] = (0xF00 >> size) & 0xFF | letter
    return used + size


@compile_kernel
def _xxh32(data: Bytes, begin: int, end: int) -> np.uint32:
    """XXH32 of ``data[begin:end]`` with seed 0 (xxHash specification)."""
    at = begin
    if end - begin >= _STRIPE_BYTES:
        lane_1 = np.uint32(_PRIME_1 + _PRIME_2)
        lane_2 = _PRIME_2
        lane_3 = np.uint32(0)
        lane_4 = np.uint32(np.uint32(0) - _PRIME_1)
        while at + _STRIPE_BYTES <= end:
            lane_1 = _xxh32_round(lane_1, _read(data, at))
            lane_2 = _xxh32_round(lane_2, _read(data, at + 4))
            lane_3 = _xxh32_round(lane_3, _read(data, at + 8))
            lane_4 = _xxh32_round(lane_4, _read(data, at + 12))
            at += _STRIPE_BYTES
        value = np.uint32(
            _rotate(lane_1, 1) + _rotate(lane_2, 7) + _rotate(lane_3, 12) + _rotate(lane_4, 18)
        )
    else:
        value = _PRIME_5
    value = np.uint32(value + np.uint32(end - begin))
    while at + 4 <= end:
        value = np.uint32(value + np.uint32(_read(data, at) * _PRIME_3))
        value = np.uint32(_rotate(value, 17) * _PRIME_4)
        at += 4
    while at < end:
        value = np.uint32(value + np.uint32(np.uint32(data[at]) * _PRIME_5))
        value = np.uint32(_rotate(value, 11) * _PRIME_1)
        at += 1
    value = np.uint32((value ^ (value >> np.uint32(15))) * _PRIME_2)
    value = np.uint32((value ^ (value >> np.uint32(13))) * _PRIME_3)
    return np.uint32(value ^ (value >> np.uint32(16)))


@compile_kernel
def _xxh32_round(lane: np.uint32, value: np.uint32) -> np.uint32:
    mixed = np.uint32(lane + np.uint32(value * _PRIME_2))
    return np.uint32(_rotate(mixed, 13) * _PRIME_1)


@compile_kernel
def _read(data: Bytes, at: int) -> np.uint32:
    """Four bytes as a little-endian number."""
    return np.uint32(
        np.uint32(data[at])
        | np.uint32(data[at + 1]) << np.uint32(8)
        | np.uint32(data[at + 2]) << np.uint32(16)
        | np.uint32(data[at + 3]) << np.uint32(24)
    )


@compile_kernel
def _rotate(value: np.uint32, bits: int) -> np.uint32:
    """Rotate left."""
    return np.uint32(np.uint32(value << np.uint32(bits)) | (value >> np.uint32(32 - bits)))
