"""The compiled pass behind ``tokens``: UTF-8 bytes -> token numbers, pairs and the page's shape."""

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

EMPTY = np.uint64(0)
"""A free slot of the vocabulary's table."""

NUMBER, OTHER_SCRIPT = "0", "\x01"
"""Tokens that stand for every number, and for a run of letters of another script."""

NUM_SHAPES = 8
"""Columns of the page's shape: log bytes, line ends, capitals among letters, digits, signs, bytes
beyond ASCII, short lines (as FineWeb counts them, up to 30), and lines that end a sentence."""

SHORT_LINE_BYTES = 30

Bytes = npt.NDArray[np.uint8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]
Float32Array = npt.NDArray[np.float32]

_FNV_START = np.uint64(14695981039346656037)
_FNV_PRIME = np.uint64(1099511628211)
_PAIR_FIRST = np.uint64(0x9E3779B97F4A7C15)
_PAIR_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_PAIR_SHIFT = np.uint64(33)


@compile_kernel
def hash_token(token: Bytes) -> np.uint64:
    """FNV-1a of the bytes, 64 bits (Fowler, Noll and Vo); never EMPTY."""
    key = _FNV_START
    for byte in token:
        key = (key ^ np.uint64(byte)) * _FNV_PRIME
    return key if key != EMPTY else _FNV_PRIME


@compile_kernel
def number_tokens(
    text: Bytes,
    ends: Int64Array,
    keys: UInt64Array,
    values: Int32Array,
    num_buckets: np.int64,
    max_tokens: np.int64,
) -> tuple[Int32Array, Int32Array, Int64Array, Int32Array, Float32Array]:
    """Tokens of texts that lie end to end in ``text``; see ``tokens.TokenBatch``.

    ``keys`` and ``values`` are an open-addressed table whose size is a power of two.
    """
    num_texts = len(ends)
    capacity = min(len(text), num_texts * int(max_tokens))
    ids = np.empty(capacity, np.int32)
    pairs = np.empty(len(ids), np.int32)
    token_ends = np.empty(num_texts, np.int64)
    num_words = np.zeros(num_texts, np.int32)
    shapes = np.zeros((num_texts, NUM_SHAPES), np.float32)
    mask = np.uint64(len(keys) - 1)
    made = 0
    start = 0
    for row in range(num_texts):
        end = ends[row]
        first = made
        line_start = start
        last_sign = np.uint8(0)  # the last byte of the line that is no blank
        lines = short = sentences = newlines = 0
        letters = capitals = digits = signs = beyond = 0
        at = start
        while at < end:
            byte = text[at]
            key = _FNV_START
            is_token = True
            token_start = at
            if 65 <= byte <= 90 or 97 <= byte <= 122:
                while at < end:
                    byte = text[at]
                    if 65 <= byte <= 90:
                        capitals += 1
                        byte += np.uint8(32)
                    elif not 97 <= byte <= 122:
                        break
                    key = (key ^ np.uint64(byte)) * _FNV_PRIME
                    at += 1
                letters += at - token_start
                num_words[row] += 1
                last_sign = np.uint8(97)
            elif 48 <= byte <= 57:
                while at < end and 48 <= text[at] <= 57:
                    at += 1
                digits += at - token_start
                key = (key ^ np.uint64(48)) * _FNV_PRIME
                last_sign = np.uint8(48)
            elif byte == 10:
                while at < end and text[at] == 10:
                    at += 1
                newlines += at - token_start
                key = (key ^ np.uint64(10)) * _FNV_PRIME
                if at - token_start > 1:
                    key = (key ^ np.uint64(10)) * _FNV_PRIME
                if last_sign != 0:
                    lines += 1
                    short += token_start - line_start <= SHORT_LINE_BYTES
                    sentences += (
                        last_sign == 46 or last_sign == 33 or last_sign == 63 or last_sign == 34
                    )
                line_start = at
                last_sign = np.uint8(0)
            elif byte < 128:
                at += 1
                is_token = byte > 32 and byte != 127
                if is_token:
                    signs += 1
                    last_sign = byte
                    key = (key ^ np.uint64(byte)) * _FNV_PRIME
            else:
                in_script = False
                while at < end and text[at] >= 128:
                    byte = text[at]
                    width = 2 if byte < 224 else 3 if byte < 240 else 4
                    is_sign = byte == 194 or (byte == 226 and text[at + 1] < 176)
                    is_sign = is_sign or (byte == 227 and text[at + 1] == 128)
                    if is_sign:
                        if in_script:
                            break
                        for place in range(at, at + width):
                            key = (key ^ np.uint64(text[place])) * _FNV_PRIME
                        at += width
                        break
                    in_script = True
                    at += width
                at = min(at, end)
                if in_script:
                    key = (key ^ np.uint64(1)) * _FNV_PRIME
                beyond += at - token_start
                last_sign = np.uint8(128)
            if is_token and made - first < max_tokens:
                slot = key & mask
                while keys[slot] != EMPTY and keys[slot] != key:
                    slot = (slot + np.uint64(1)) & mask
                number = values[slot] if keys[slot] == key else np.int32(0)
                ids[made] = number
                pairs[made] = -1
                if made > first:
                    mixed = (
                        np.uint64(ids[made - 1]) * _PAIR_FIRST + np.uint64(number) * _PAIR_SECOND
                    )
                    mixed ^= mixed >> _PAIR_SHIFT
                    mixed *= _PAIR_FIRST
                    pairs[made - 1] = np.int32((mixed >> _PAIR_SHIFT) % np.uint64(num_buckets))
                made += 1
        if last_sign != 0:
            lines += 1
            short += end - line_start <= SHORT_LINE_BYTES
            sentences += last_sign == 46 or last_sign == 33 or last_sign == 63 or last_sign == 34
        size = np.float32(max(1, end - start))
        shapes[row, 0] = np.float32(np.log(1.0 + (end - start)) / 12.0)
        shapes[row, 1] = np.float32(10 * newlines) / size
        shapes[row, 2] = np.float32(capitals) / np.float32(max(1, letters))
        shapes[row, 3] = np.float32(5 * digits) / size
        shapes[row, 4] = np.float32(5 * signs) / size
        shapes[row, 5] = np.float32(beyond) / size
        shapes[row, 6] = np.float32(short) / np.float32(max(1, lines))
        shapes[row, 7] = np.float32(sentences) / np.float32(max(1, lines))
        token_ends[row] = made
        start = end
    return ids[:made], pairs[:made], token_ends, num_words, shapes
