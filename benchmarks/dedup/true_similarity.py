"""Exact Jaccard similarities of all pairs that have any, without the code under test.

Words are split by a regular expression, five of them are one number (their numbers in base
``VOCABULARY``, so no hash can collide), and an inverted index, which is a sparse matrix times its
transpose, counts what two documents share.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, triu

from benchmarks.dedup.corpus import SHINGLE_WORDS
from benchmarks.dedup.ragged import Numbers

Similarities = npt.NDArray[np.float64]

_WORD = re.compile(r"\w+")
_BLOCK_DOCUMENTS = 2_000
_MAX_WORDS = 7_131
"""The largest number whose fifth power is below 2^64."""


@dataclass(frozen=True, eq=False)
class ShingleIndex:
    """Which document holds which distinct shingle.

    ``shared`` has a row for each document and a column for each shingle that two or more hold;
    ``sizes`` counts all distinct shingles of a document.
    """

    shared: Any
    sizes: Numbers

    def jaccard(self, pairs: Numbers) -> Similarities:
        """Similarity of each pair, shape (pairs, 2) -> (pairs,); 0 for two without a shingle."""
        common = np.zeros(len(pairs), np.int64)
        for first in range(0, len(pairs), _BLOCK_DOCUMENTS):
            block = pairs[first : first + _BLOCK_DOCUMENTS]
            products = self.shared[block[:, 0]].multiply(self.shared[block[:, 1]])
            common[first : first + len(block)] = products.sum(axis=1)
        return self._divide(pairs, common)

    def similar_pairs(self, min_jaccard: float) -> tuple[Numbers, Similarities]:
        """Every pair of at least that similarity, the lesser number first, and the similarity."""
        found = [np.empty((0, 2), np.int64)]
        similarities = [np.empty(0)]
        turned = self.shared.T.tocsr()
        for first in range(0, len(self.sizes), _BLOCK_DOCUMENTS):
            common = self.shared[first : first + _BLOCK_DOCUMENTS] @ turned
            common = triu(common, k=first + 1, format="coo")
            pairs = np.column_stack([common.row + first, common.col]).astype(np.int64)
            jaccard = self._divide(pairs, common.data)
            is_similar = jaccard >= min_jaccard
            found.append(pairs[is_similar])
            similarities.append(jaccard[is_similar])
        return np.concatenate(found), np.concatenate(similarities)

    def _divide(self, pairs: Numbers, common: Numbers) -> Similarities:
        union = self.sizes[pairs].sum(axis=1) - common
        return np.asarray(common / np.maximum(union, 1))


def index_shingles(texts: pa.LargeStringArray) -> ShingleIndex:
    """Index the distinct shingles of every text.

    Raises ValueError for texts of more distinct words than five of them fit 64 bits.
    """
    rows, shingles = [], []
    sizes = np.zeros(len(texts), np.int64)
    for row, values in enumerate(_distinct_shingles(texts)):
        sizes[row] = len(values)
        shingles.append(values)
        rows.append(np.full(len(values), row, np.int32))
    _, columns, counts = np.unique(
        np.concatenate([np.empty(0, np.uint64), *shingles]), return_inverse=True, return_counts=True
    )
    is_shared = counts > 1
    number = np.cumsum(is_shared) - 1
    kept = is_shared[columns]
    place = (np.concatenate([np.empty(0, np.int32), *rows])[kept], number[columns[kept]])
    shape = (len(texts), int(is_shared.sum()))
    shared = csr_array((np.ones(len(place[0]), np.int32), place), shape=shape)
    return ShingleIndex(shared, sizes)


def _distinct_shingles(texts: pa.LargeStringArray) -> Iterator[npt.NDArray[np.uint64]]:
    numbers: dict[str, int] = {}
    powers = _MAX_WORDS ** np.arange(SHINGLE_WORDS, dtype=np.uint64)
    for text in texts:
        words = [
            numbers.setdefault(word, len(numbers)) for word in _WORD.findall(text.as_py().lower())
        ]
        if len(numbers) > _MAX_WORDS:
            raise ValueError(f"more than {_MAX_WORDS} distinct words: five do not fit 64 bits")
        if len(words) < SHINGLE_WORDS:
            yield np.empty(0, np.uint64)
            continue
        windows = np.lib.stride_tricks.sliding_window_view(
            np.array(words, np.uint64), SHINGLE_WORDS
        )
        yield np.unique(windows @ powers)
