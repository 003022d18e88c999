"""The kernels of ``shingles``: UTF-8 in, hashes of shingles out.

They stand in one module, with the constants they are compiled with, because numba's cache watches
no other file (``compilation``). Indices of the innermost loops have no sign: numba looks for
negative ones otherwise, which takes a third longer.
"""

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint32]
Replacements = npt.NDArray[np.uint16]

MAX_WORD_BYTES = 64
"""Longer runs are cut: they are encoded data or an unspaced script this module does not know."""

BMP_END = 0x10000
"""Code points below have a class and a replacement in tables. Of those beyond, planes 2 and 3 are
ideographs, each a unit of its own, and the rest are letters without another case."""

SEPARATOR, WORD, SINGLE, DROPPED = range(4)
"""Classes of code points: ends a unit, part of a word, a unit of its own, as if not there."""

_ASCII_END = 0x80
_IDEOGRAPHS_BEGIN, _IDEOGRAPHS_END = 0x20000, 0x40000  # planes 2 and 3
_SPACE = 0x20
_STRIPE_BYTES = 16
_TILE_UNITS = 1024  # hashed at a time, in the first-level cache

_PRIME_1, _PRIME_2, _PRIME_3, _PRIME_4, _PRIME_5 = (
    np.uint32(0x9E3779B1),
    np.uint32(0x85EBCA77),
    np.uint32(0xC2B2AE3D),
    np.uint32(0x27D4EB2F),
    np.uint32(0x165667B1),
)
"""Constants of XXH32 (xxHash specification, "XXH32 algorithm description")."""


@compile_kernel
def hash_block(  # noqa: PLR0917 - a kernel takes no keywords
    data: Bytes,
    offsets: Offsets,
    position: Offsets,
    size: int,
    is_joined: bool,  # noqa: FBT001
    classes: Bytes,
    replacements: Replacements,
    hashes: Hashes,
    ends: Offsets,
) -> int:
    """Hash from ``position`` (row, byte) on, until the texts end or ``hashes`` is full.

    Shingles are of words or tokens joined by spaces, or of characters. Updates ``position`` and
    ``ends``; returns the number of rows touched.
    """
    # Of the units in hand: their bytes, and where each begins there and in ``data``.
    scratch = np.empty((_TILE_UNITS + size) * (MAX_WORD_BYTES + 1), np.uint8)
    begins = np.empty(_TILE_UNITS + size, np.int64)
    origins = np.empty(_TILE_UNITS + size, np.int64)
    first_row = int(position[0])
    row = first_row
    at = int(position[1])
    written = 0
    while row < len(offsets) - 1 and written < len(hashes):
        end = int(offsets[row + 1])
        is_begun = at > int(offsets[row])
        units = 0
        begins[0] = 0
        while at < end and written < len(hashes):
            wanted = min(_TILE_UNITS, len(hashes) - written) + size - 1
            if is_joined:
                at, units = _read_words(
                    data, at, end, classes, replacements, scratch, begins, origins, units, wanted
                )
            else:
                at, units = _read_characters(
                    data,
                    at,
                    end,
                    is_begun,
                    classes,
                    replacements,
                    scratch,
                    begins,
                    origins,
                    units,
                    wanted,
                )
            is_begun |= units > 0
            shingles = max(0, units - size + 1)
            tile = hashes[written : written + shingles]
            if begins[units] == units:  # characters of a byte each
                _xxh32_all(scratch[:units], size, tile)
            else:
                for i in range(shingles):
                    tile[i] = _xxh32(scratch, begins[i], begins[i + size] - int(is_joined))
            written += shingles
            # The last units begin shingles of the next tile, or of the next block.
            if written == len(hashes):
                at = origins[shingles] if shingles < units else at
            else:
                units -= shingles
                _drop_units(scratch, begins, origins, shingles, units)
        ends[row - first_row] = written
        position[1] = at
        if at < end:
            position[0] = row
            return row - first_row + 1
        row += 1
    position[0] = row
    return row - first_row


@compile_kernel
def _read_words(  # noqa: PLR0917 - a kernel takes no keywords
    data: Bytes,
    at: int,
    end: int,
    classes: Bytes,
    replacements: Replacements,
    scratch: Bytes,
    begins: Offsets,
    origins: Offsets,
    units: int,
    wanted: int,
) -> tuple[int, int]:
    """Append words or tokens of ``data[at:end]`` to those in hand, until they are ``wanted``.

    Each is followed by a space. The units in hand fill ``scratch`` up to ``begins[units]``, where
    the next one will begin. Returns the byte after the last one and the new number of units.
    """
    used = int(begins[units])
    while units < wanted:
        width, kind, letter = _classify(data, at, end, classes, replacements)
        if kind in (SEPARATOR, DROPPED):
            if at >= end:
                break
            at += width
            continue
        begin = used
        origins[units] = at
        used = _encode(scratch, used, letter)
        at += width
        while kind == WORD:
            # The common case is ASCII letters.
            stop = np.uint64(min(end, at + MAX_WORD_BYTES - (used - begin)))
            here = np.uint64(at)
            shift = np.uint64(used) - here
            while here < stop:
                byte = data[here]
                if byte >= _ASCII_END or classes[byte] != WORD:
                    break
                scratch[here + shift] = replacements[byte]
                here += np.uint64(1)
            num_bytes = int(np.int64(here) - at)
            used += num_bytes
            at += num_bytes
            width, kind, letter = _classify(data, at, end, classes, replacements)
            if kind == DROPPED:
                kind = WORD
            elif kind == WORD and used - begin + width <= MAX_WORD_BYTES:
                used = _encode(scratch, used, letter)
            else:
                break
            at += width
        scratch[used] = _SPACE
        used += 1
        units += 1
        begins[units] = used
    return at, units


@compile_kernel
def _read_characters(  # noqa: PLR0917 - a kernel takes no keywords
    data: Bytes,
    at: int,
    end: int,
    is_begun: bool,  # noqa: FBT001
    classes: Bytes,
    replacements: Replacements,
    scratch: Bytes,
    begins: Offsets,
    origins: Offsets,
    units: int,
    wanted: int,
) -> tuple[int, int]:
    """Append characters of ``data[at:end]`` as :func:`_read_words` appends words, without spaces.

    White space at ``at`` counts if the text ``is_begun`` before and goes on after.
    """
    used = int(begins[units])
    while units < wanted and at < end:
        origin = at
        width, kind, letter = _classify(data, at, end, classes, replacements)
        if kind == DROPPED:
            at += width
            continue
        if kind == SEPARATOR:
            while at < end and kind in (SEPARATOR, DROPPED):
                at += width
                width, kind, _ = _classify(data, at, end, classes, replacements)
            if at >= end or not (is_begun or units > 0):
                continue
            letter = np.uint32(_SPACE)
        else:
            at += width
        origins[units] = origin
        used = _encode(scratch, used, letter)
        units += 1
        begins[units] = used
    return at, units


@compile_kernel
def _drop_units(scratch: Bytes, begins: Offsets, origins: Offsets, dropped: int, kept: int) -> None:
    """Move the last ``kept`` units to the front, over the ``dropped`` ones before them."""
    cut = begins[dropped]
    for i in range(begins[dropped + kept] - cut):
        scratch[i] = scratch[cut + i]
    for i in range(kept):
        begins[i] = begins[dropped + i] - cut
        origins[i] = origins[dropped + i]
    begins[kept] = begins[dropped + kept] - cut


@compile_kernel
def _classify(
    data: Bytes, at: int, end: int, classes: Bytes, replacements: Replacements
) -> tuple[int, int, np.uint32]:
    """Bytes, class and replacement of the code point at ``at``; a separator at ``end``."""
    if at >= end:
        return 0, SEPARATOR, np.uint32(0)
    letter = np.uint32(data[np.uint64(at)])
    if letter < _ASCII_END:
        return 1, int(classes[letter]), np.uint32(replacements[letter])
    width = 1 + int(letter >= 0xC0) + int(letter >= 0xE0) + int(letter >= 0xF0)  # noqa: PLR2004 - UTF-8
    if at + width > end:  # cannot be in valid UTF-8; never read past the text
        return end - at, SEPARATOR, letter
    letter &= np.uint32(0x7F >> width)
    for i in range(1, width):
        letter = np.uint32(letter << np.uint32(6) | np.uint32(data[np.uint64(at + i)] & 0x3F))
    if letter < BMP_END:
        return width, int(classes[letter]), np.uint32(replacements[letter])
    is_ideograph = _IDEOGRAPHS_BEGIN <= letter < _IDEOGRAPHS_END
    return width, SINGLE if is_ideograph else WORD, letter


@compile_kernel
def _encode(scratch: Bytes, used: int, letter: np.uint32) -> int:
    """Append a code point in UTF-8; returns the new end."""
    width = 1 + int(letter >= 0x80) + int(letter >= 0x800) + int(letter >= 0x10000)  # noqa: PLR2004 - UTF-8
    if width == 1:
        scratch[np.uint64(used)] = letter
        return used + 1
    for i in range(width - 1, 0, -1):
        scratch[np.uint64(used + i)] = 0x80 | (letter & 0x3F)
        letter >>= np.uint32(6)
    scratch[np.uint64(used)] = (0xF00 >> width) & 0xFF | letter
    return used + width


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
        value = _xxh32_word(value, _read(data, at))
        at += 4
    while at < end:
        value = _xxh32_byte(value, data[at])
        at += 1
    return _xxh32_end(value)


@compile_kernel
def _xxh32_all(data: Bytes, size: int, hashes: Hashes) -> None:  # noqa: C901 - many short loops
    """XXH32 of ``data[i : i + size]`` for each of ``hashes``: :func:`_xxh32`, many at a time.

    Each step runs over all of them, so that the compiler does it for eight at once.
    """
    count = len(hashes)
    if not count:
        return
    read = np.empty(max(0, len(data) - 3), np.uint32)
    for i in range(len(read)):
        read[i] = _read(data, i)
    lanes = np.empty((4, count), np.uint32)
    stripes = size // _STRIPE_BYTES
    lanes[0] = np.uint32(_PRIME_1 + _PRIME_2)
    lanes[1] = _PRIME_2
    lanes[2] = 0
    lanes[3] = np.uint32(np.uint32(0) - _PRIME_1)
    for word in range(4 * stripes):
        lane = lanes[word % 4]
        words = read[4 * word : 4 * word + count]
        for i in range(count):
            lane[i] = _xxh32_round(lane[i], words[i])
    for i in range(count):
        value = _PRIME_5
        if stripes:
            value = np.uint32(
                _rotate(lanes[0, i], 1)
                + _rotate(lanes[1, i], 7)
                + _rotate(lanes[2, i], 12)
                + _rotate(lanes[3, i], 18)
            )
        hashes[i] = np.uint32(value + np.uint32(size))
    for at in range(stripes * _STRIPE_BYTES, size - 3, 4):
        words = read[at : at + count]
        for i in range(count):
            hashes[i] = _xxh32_word(hashes[i], words[i])
    for at in range(size - size % 4, size):
        rest = data[at : at + count]
        for i in range(count):
            hashes[i] = _xxh32_byte(hashes[i], rest[i])
    for i in range(count):
        hashes[i] = _xxh32_end(hashes[i])


@compile_kernel
def _xxh32_word(value: np.uint32, word: np.uint32) -> np.uint32:
    value = np.uint32(value + np.uint32(word * _PRIME_3))
    return np.uint32(_rotate(value, 17) * _PRIME_4)


@compile_kernel
def _xxh32_byte(value: np.uint32, byte: np.uint8) -> np.uint32:
    value = np.uint32(value + np.uint32(np.uint32(byte) * _PRIME_5))
    return np.uint32(_rotate(value, 11) * _PRIME_1)


@compile_kernel
def _xxh32_end(value: np.uint32) -> np.uint32:
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
    first = np.uint64(at)  # an index without a sign, so that this becomes one load
    return np.uint32(
        np.uint32(data[first])
        | np.uint32(data[first + np.uint64(1)]) << np.uint32(8)
        | np.uint32(data[first + np.uint64(2)]) << np.uint32(16)
        | np.uint32(data[first + np.uint64(3)]) << np.uint32(24)
    )


@compile_kernel
def _rotate(value: np.uint32, bits: int) -> np.uint32:
    """Rotate left."""
    return np.uint32(np.uint32(value << np.uint32(bits)) | (value >> np.uint32(32 - bits)))
