"""The rows of fastText's input matrix that a line is the mean of: its words and pairs of words.

Source: fastText 0.9.3, ``Dictionary::hash``, ``getLine`` and ``addWordNgrams``. A word is hashed by
FNV-1a in 32 bits over signed bytes; a pair is the first hash times 116049371 plus the second, in 64
bits with their signs kept, modulo the buckets. The line's end is a word, ``</s>``.
"""

import itertools
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

LINE_END = "</s>"

_FNV_START, _FNV_PRIME = 2166136261, 16777619
_PAIR_FACTOR = 116049371
_MASK_32, _MASK_64 = (1 << 32) - 1, (1 << 64) - 1
_SIGN_8, _SIGN_32 = 1 << 7, 1 << 31


def features(line: str, words: Mapping[str, int], *, num_buckets: int) -> npt.NDArray[np.int64]:
    """Rows of the words of ``line`` that are known, then of its pairs, which follow the words."""
    found = [*line.split(), LINE_END]
    hashes = [_hash(word) for word in found]
    rows = [words[word] for word in found if word in words]
    rows += [
        len(words) + ((first * _PAIR_FACTOR + second) & _MASK_64) % num_buckets
        for first, second in itertools.pairwise(hashes)
    ]
    return np.array(rows, np.int64)


@lru_cache(maxsize=1 << 18)
def _hash(word: str) -> int:
    """The hash of a word as a signed number of 32 bits."""
    hashed = _FNV_START
    for byte in word.encode():
        signed = byte | (_MASK_32 ^ 0xFF) if byte & _SIGN_8 else byte
        hashed = ((hashed ^ signed) * _FNV_PRIME) & _MASK_32
    return hashed - (1 << 32) if hashed & _SIGN_32 else hashed
