"""How much of a text repeats: duplicate lines and paragraphs, and its most frequent n-grams.

Source: Gopher (arXiv 2112.11446), appendix A1.1, Table A1, which rejects a document above 0.30
(duplicate lines, duplicate paragraphs), 0.20 (their characters) and 0.20, 0.18, 0.16 (characters
of the top 2-, 3- and 4-gram).
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np

TOP_NGRAM_SIZES = (2, 3, 4)


def duplicate_ratios(pieces: Sequence[str]) -> tuple[float, float]:
    """Shares of ``pieces``, and of their characters, that repeat an earlier piece exactly.

    ``pieces`` are lines or paragraphs, none of them empty; there must be at least one.
    """
    seen: set[str] = set()
    duplicates = duplicate_chars = chars = 0
    for piece in pieces:
        chars += len(piece)
        if piece in seen:
            duplicates += 1
            duplicate_chars += len(piece)
        else:
            seen.add(piece)
    return duplicates / len(pieces), duplicate_chars / chars


def top_ngram_char_ratios(runs: Sequence[Sequence[str]], *, total_chars: int) -> tuple[float, ...]:
    """Share of ``total_chars`` that the most frequent n-gram covers, for each TOP_NGRAM_SIZES.

    ``runs`` are runs of words, and no n-gram crosses from one to the next. Letter case counts. An
    n-gram has the characters of its words joined by single spaces; ``total_chars`` is meant to
    be counted alike. Among equally frequent n-grams the first one is measured, as datatrove does.
    0 where no n-gram occurs twice; at most 1, although overlapping occurrences could sum to more.
    """
    ids, lengths_chars = _encode(runs)
    ratios = [0.0] * len(TOP_NGRAM_SIZES)
    groups, num_ids = ids, int(ids.max(initial=0)) + 1
    for n in range(2, max(TOP_NGRAM_SIZES) + 1):
        if len(ids) <= n:
            break
        # groups[i] numbers the distinct (n-1)-gram that starts at word i.
        _, first, groups, counts = np.unique(
            groups[:-1] * num_ids + ids[n - 1 :],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        top_count = int(counts.max())
        if top_count == 1:
            break  # no longer n-gram can occur twice either
        start = int(first[counts == top_count].min())
        chars = int(lengths_chars[start : start + n].sum()) + n - 1
        if n in TOP_NGRAM_SIZES:
            ratios[TOP_NGRAM_SIZES.index(n)] = min(1.0, chars * top_count / total_chars)
    return tuple(ratios)


def _encode(runs: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Word ids and word lengths, both [words + breaks]; each break behind a run has its own id."""
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(chain(*runs)))}
    ids: list[int] = []
    lengths: list[int] = []
    for break_id, run in enumerate(runs, start=len(vocabulary)):
        ids.extend(map(vocabulary.__getitem__, run))
        ids.append(break_id)
        lengths.extend(map(len, run))
        lengths.append(0)
    return np.array(ids, np.int64), np.array(lengths, np.int64)
