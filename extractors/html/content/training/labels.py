"""Labels for blocks from a page's true main text: an alignment of words in order."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import LCSseq

EACH_A_WORD = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
WORD = re.compile(f"[{EACH_A_WORD}]|[^\\W_{EACH_A_WORD}]+")
LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")

MIN_RUN_WORDS = 3
"""Shorter runs of common words align anything with anything, and count for a block only whole."""

MIN_MOVED_WORDS = 12
MOVED_SHARE = 0.8
"""A block of so many words, so many of whose runs of four are in the truth, was only moved."""

MAX_CELLS = 600_000_000
"""Larger alignments (page words times truth words) are left out: they take gigabytes."""


def words_of(text: str) -> list[str]:
    """Lower-cased words; a Chinese, Japanese or Thai character is one of its own."""
    text = LINK.sub(r"\1", text).replace("$", " ")
    return WORD.findall(unicodedata.normalize("NFKC", text).lower())


def shares(blocks: Sequence[str], truth: str) -> npt.NDArray[np.float64]:
    """The share of each block's words that the truth holds, in order, (b,)."""
    words = [words_of(block) for block in blocks]
    true_words = words_of(truth)
    owner = np.repeat(np.arange(len(words)), [len(block) for block in words])
    numbers: dict[str, int] = {}
    page = [numbers.setdefault(word, len(numbers)) for block in words for word in block]
    main = [numbers.setdefault(word, len(numbers)) for word in true_words]
    sizes = np.array([len(block) for block in words])
    starts = np.concatenate(([0], np.cumsum(sizes)))
    is_matched = np.zeros(len(page), np.bool_)
    if page and len(page) * len(main) <= MAX_CELLS:
        for piece in LCSseq.opcodes(page, main):
            if piece.tag != "equal":
                continue
            start, stop = piece.src_start, piece.src_end
            if stop - start >= MIN_RUN_WORDS:
                is_matched[start:stop] = True
                continue
            for block in np.unique(owner[start:stop]):
                if start <= starts[block] and starts[block + 1] <= stop:
                    is_matched[starts[block] : starts[block + 1]] = True
    matched = np.bincount(owner, is_matched, minlength=len(words)) if page else np.zeros(len(words))
    share = matched / np.maximum(sizes, 1)
    true_runs = runs(true_words)
    for index, block in enumerate(words):
        if len(block) >= MIN_MOVED_WORDS and share[index] < MOVED_SHARE:
            own = runs(block)
            if (own & true_runs).total() >= MOVED_SHARE * own.total():
                share[index] = 1.0
    return np.asarray(share, np.float64)


def runs(words: Sequence[str], length: int = 4) -> Counter[tuple[str, ...]]:
    """The multiset of runs of ``length`` words; of a shorter text, the text."""
    if len(words) < length:
        return Counter([tuple(words)] if words else [])
    return Counter(tuple(words[at : at + length]) for at in range(len(words) - length + 1))
