"""What a code point is to each unit of shingles: the tables that the kernels read."""

import functools
import unicodedata

import numpy as np

from filters.dedup.config import ShingleUnit
from filters.dedup.shingle_kernels import (
    BMP_END,
    DROPPED,
    SEPARATOR,
    SINGLE,
    WORD,
    Bytes,
    Replacements,
)

WHITE_SPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What ``str.split`` separates at, written out: signatures outlive the interpreter's Unicode."""

LATER_FORMAT_CHARACTERS = "\u00ad\u180e\u200b"
"""Soft hyphen, Mongolian vowel separator and zero width space: format characters (Cf) since
Unicode 4.0, 6.3 and 4.0.1, other things in 3.2."""

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


@functools.cache
def code_point_tables(unit: ShingleUnit) -> tuple[Bytes, Replacements]:
    """Class and replacement of every code point below U+10000; computed once, in about 30 ms.

    The replacement is the lower case, except in code, where it is the code point itself.

    Categories come from Unicode 3.2, which Python keeps beside the current version: a text must
    not get another signature because the interpreter was upgraded. Code points assigned later
    count as letters. Only one-to-one lower cases of letters known then are applied; by Unicode's
    stability policy they never change.
    """
    frozen = unicodedata.ucd_3_2_0
    classes = np.empty(BMP_END, np.uint8)
    replacements = np.arange(BMP_END, dtype=np.uint16)
    for code_point in range(BMP_END):
        character = chr(code_point)
        category = frozen.category(character)
        classes[code_point] = _class_of(character, category, unit)
        if category in ("Lu", "Lt") and unit != "code":
            lowered = character.lower()
            if len(lowered) == 1 and ord(lowered) < BMP_END:
                replacements[code_point] = ord(lowered)
    for first, last in UNSPACED_RANGES:
        unspaced = classes[first : last + 1]
        unspaced[unspaced == WORD] = SINGLE
    return classes, replacements


def _class_of(character: str, category: str, unit: ShingleUnit) -> int:
    """Class of a code point, unless its script is unspaced."""
    is_letter = category[0] in "LMN" or category in ("Pc", "Cn")
    if unit == "words":
        if is_letter:
            return WORD
        return DROPPED if category == "Cf" or character == "\u00ad" else SEPARATOR
    if category == "Cf" or character in LATER_FORMAT_CHARACTERS:
        return DROPPED
    if character in WHITE_SPACE:
        return SEPARATOR
    return WORD if is_letter and unit == "code" else SINGLE
