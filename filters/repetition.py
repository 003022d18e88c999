"""How much of a text repeats: duplicate lines and paragraphs, frequent and repeated n-grams.

Source: Gopher (arXiv 2112.11446), appendix A1.1, Table A1, which rejects a document above 0.30
(duplicate lines, duplicate paragraphs), 0.20 (their characters), 0.20, 0.18, 0.16 (characters of
the top 2-, 3- and 4-gram) and 0.15 down to 0.10 (characters of repeated 5- to 10-grams). What the
paper leaves open is as datatrove counts it.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

TOP_NGRAM_SIZES = (2, 3, 4)
REPEATED_NGRAM_SIZES = (5, 6, 7, 8, 9, 10)

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

MAX_TOP_SIZE = 4
_BREAK = -1
_FIRST_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SECOND_FACTOR = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(29)


def count_duplicates(pieces: Sequence[str]) -> tuple[int, int]:
    """How many of ``pieces`` repeat an earlier one exactly, and their characters."""
    unique = set(pieces)
    num_duplicates = len(pieces) - len(unique)
    if not num_duplicates:
        return 0, 0
    return num_duplicates, sum(map(len, pieces)) - sum(map(len, unique))


def ngram_chars(runs: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """Characters of the top n-gram of each of TOP_NGRAM_SIZES, and of n-grams that repeat.

    ``runs`` are runs of tokens, and no n-gram crosses from one to the next; letter case counts.
    The top n-gram has the characters of its tokens joined by single spaces, times its occurrences;
    among equally frequent ones it is the first. 0 where no run is as long as ``n``. Characters of
    REPEATED_NGRAM_SIZES are those of n-grams that occurred before, read from left to right without
    overlap, and without spaces.
    """
    if not any(runs):
        return [0] * len(TOP_NGRAM_SIZES), [0] * len(REPEATED_NGRAM_SIZES)
    ids, lengths = _encode(runs)
    found = _count_chars(ids, lengths)
    top = [int(found[n]) for n in TOP_NGRAM_SIZES]
    return top, [int(found[n]) for n in REPEATED_NGRAM_SIZES]


def _encode(runs: Sequence[Sequence[str]]) -> tuple[Int32Array, Int32Array]:
    """Token ids and token lengths, both [tokens + breaks]; a _BREAK stands behind each run."""
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(chain(*runs)))}
    ids: list[int] = []
    lengths: list[int] = []
    for run in runs:
        ids.extend(map(vocabulary.__getitem__, run))
        ids.append(_BREAK)
        lengths.extend(map(len, run))
        lengths.append(0)
    return np.array(ids, np.int32), np.array(lengths, np.int32)


@compile_kernel
def _count_chars(ids: Int32Array, lengths: Int32Array) -> Int64Array:
    """Characters by n: of the top n-gram for n up to 4, of repeated ones from 5; [11].

    N-grams are told apart by a hash of 64 bits: in a text of a million tokens two that differ are
    taken for one with a probability of one in thirty million.
    """
    num_tokens = len(ids)
    found = np.zeros(11, np.int64)
    left = np.zeros(num_tokens + 1, np.int64)  # tokens to the end of the run
    before = np.zeros(num_tokens + 1, np.int64)  # characters of the tokens before
    for at in range(num_tokens - 1, -1, -1):
        left[at] = 0 if ids[at] == _BREAK else left[at + 1] + 1
    for at in range(num_tokens):
        before[at + 1] = before[at] + lengths[at]
    size = 16
    while size < 2 * num_tokens:
        size *= 2
    mask = np.uint64(size - 1)
    keys = np.zeros(size, np.uint64)
    counts = np.zeros(size, np.int32)
    firsts = np.zeros(size, np.int32)
    for n in range(2, 11):
        counts[:] = 0
        best = 0
        best_first = 0
        at = 0
        while at < num_tokens:
            if left[at] < n:
                at += 1
                continue
            key = np.uint64(n)
            for place in range(at, at + n):
                key = (key ^ np.uint64(ids[place])) * _FIRST_FACTOR
                key ^= key >> _SHIFT
            slot = (key * _SECOND_FACTOR >> _SHIFT) & mask
            while counts[slot] and keys[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            if counts[slot] and n > MAX_TOP_SIZE:
                found[n] += before[at + n] - before[at]
                at += n
                continue
            if not counts[slot]:
                keys[slot] = key
                firsts[slot] = at
            counts[slot] += 1
            if counts[slot] > best or (counts[slot] == best and firsts[slot] < best_first):
                best = counts[slot]
                best_first = firsts[slot]
            at += 1
        if n <= MAX_TOP_SIZE and best:
            found[n] = best * (before[best_first + n] - before[best_first] + n - 1)
    return found
