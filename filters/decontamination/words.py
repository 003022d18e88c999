r"""Texts -> hashes of their words, the same for a benchmark's item and for a document.

A word is a run of letters, digits and marks, in lower case and without accents, where what Unicode
calls compatible is equal (NFKC: ligatures, wide letters, superscripts, mathematical letters); a
code point of a script without spaces is a word (``filters.dedup.code_points``). The signs
``+ - = ^ < > %`` are words too, so that short problems differ in more than their numbers, but
hyphens, bullets and marks of quotation are not. Commas inside numbers are dropped. Other
punctuation, brackets, dollars and TeX's commands of form (``\frac``, ``\left``, ``\text``...) are
as if not there, so ``$x^{2}$``, ``\(x^2\)`` and ``x^2`` read alike.
"""

import functools
import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.decontamination.kernels import (
    ALPHANUMERICS,
    BMP_END,
    DROPPED,
    SEPARATOR,
    SINGLE,
    WORD,
    Bytes,
    Int64Array,
    UInt64Array,
    hash_texts,
)
from filters.dedup.code_points import code_point_tables

IGNORED_COMMANDS = (
    "frac", "dfrac", "tfrac", "cfrac", "left", "right", "big", "bigg", "bigl", "bigr", "text",
    "textbf", "textit", "textrm", "mathrm", "mathbf", "mathit", "mathsf", "mathcal", "mbox", "hbox",
    "displaystyle", "textstyle", "limits", "begin", "end", "quad", "qquad", "operatorname", "label",
    "tag", "times", "cdot", "boxed", "emph", "underline", "overline",
)  # fmt: skip
"""TeX's commands that say how something looks; of products, the sign that many leave out."""

MAX_POINTS = 3
"""Code points of a replacement: three of 16 bits fit beside each other in 64."""

ACCENTS = range(0x300, 0x370)
HANGUL, SURROGATES = range(0xAC00, 0xD7A4), range(0xD800, 0xE000)

Tables = tuple[Bytes, UInt64Array, UInt64Array]


def word_hashes(text: str) -> UInt64Array:
    """One hash for each word, in order; equal words, equal hashes. A lone surrogate reads as ?."""
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    hashes, _ = hash_texts(data, np.array([0, len(data)], np.int64), *word_tables())
    return hashes


def hash_column(texts: pa.LargeStringArray) -> tuple[UInt64Array, Int64Array]:
    """The hashes of all texts one behind the other, and where those of each text end."""
    data, bounds = text_buffers(texts)
    return hash_texts(data, bounds, *word_tables())


def text_buffers(texts: pa.LargeStringArray) -> tuple[Bytes, Int64Array]:
    """The UTF-8 of a column and the bounds of its texts; nulls are empty."""
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data if data is not None else b"", np.uint8), bounds


@functools.cache
def word_tables() -> Tables:
    """Class and replacement of each code point, and the hashes of IGNORED_COMMANDS.

    Mathematical letters stand behind the basic plane. Other than in deduplication ``_`` joins no
    words: TeX writes ``x_1`` and ``x_{1}`` alike.
    """
    basic_classes, lower_cases = code_point_tables("words")
    classes = np.concatenate([basic_classes, np.full(len(ALPHANUMERICS), WORD, np.uint8)])
    replacements = np.concatenate(
        [lower_cases.astype(np.uint64), np.zeros(len(ALPHANUMERICS), np.uint64)]
    )
    classes[ord("_")] = SEPARATOR
    classes[ACCENTS.start : ACCENTS.stop] = DROPPED
    for code_point in [*range(128, BMP_END), *ALPHANUMERICS]:
        place = code_point if code_point < BMP_END else code_point - ALPHANUMERICS.start + BMP_END
        points = _compatible(code_point, lower_cases)
        if classes[place] in (WORD, SINGLE) and points and _are_words(points, classes):
            replacements[place] = sum(point << (16 * number) for number, point in enumerate(points))
    data, bounds = text_buffers(pa.array([" ".join(IGNORED_COMMANDS)], pa.large_string()))
    ignored, _ = hash_texts(
        data,
        bounds,
        classes,
        replacements,
        np.empty(0, np.uint64),
    )
    return classes, replacements, ignored


def _compatible(code_point: int, lower_cases: npt.NDArray[np.uint16]) -> list[int]:
    """What a code point is compatible with, in lower case, without accents; [] if it is itself."""
    if code_point in HANGUL or code_point in SURROGATES:
        return []
    # Unicode 3.2, which Python keeps: an index must not change with the interpreter.
    apart = unicodedata.ucd_3_2_0.normalize("NFKD", chr(code_point))
    points = [ord(one) for one in apart if ord(one) not in ACCENTS]
    if apart == chr(code_point) or not 0 < len(points) <= MAX_POINTS or max(points) >= BMP_END:
        return []
    return [int(lower_cases[point]) for point in points]


def _are_words(points: list[int], classes: Bytes) -> bool:
    return all(classes[point] in (WORD, SINGLE) for point in points)
