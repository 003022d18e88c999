"""Made-up documents with duplicates planted in them, and which is a copy of which.

A document is Zipf-distributed words of a made-up vocabulary, so that two that were drawn apart
share next to no five words in a row. Copies are edited towards a wanted Jaccard similarity, copied
in other white space, or put under another spelling of an address; pages of one template share a
frame. Same arguments, same bytes. The similarity that a copy really has is
``benchmarks.dedup.true_similarity``'s to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.dedup.ragged import Numbers, Ragged, join, stack

SHINGLE_WORDS = 5
"""The default of a recipe."""

VOCABULARY = 7_000
"""Five word numbers below this fit 64 bits, so shingles are counted without hashing them."""

ROWS_PER_FILE = 20_000
GROUP_ROWS = 2_000
"""Rows of a row group: a shard takes whole ones."""

_MIN_SEGMENT_WORDS = 9
"""Four words before a replaced one and four behind: no shingle holds two of them."""
_SWAPPED_SPACE_RATIO = 0.1
_FRAME_WORDS, _CONTENT_WORDS = (200, 280), (60, 200)


class Kind(IntEnum):
    """Where a document of a corpus comes from."""

    DRAWN = 0
    NEAR = 1
    EXACT = 2
    URL = 3
    PAGE = 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many documents of which kind.

    ``near`` maps a similarity to the number of copies edited towards it; ``pages`` is (templates,
    pages of each). Every copy has an original of its own, so ``drawn`` is at least the number of
    copies; what is left of it has no copy. Lengths are log-uniform in ``words``.
    """

    drawn: int
    near: dict[float, int] = field(default_factory=dict)
    exact: int = 0
    url: int = 0
    pages: tuple[int, int] = (0, 0)
    words: tuple[int, int] = (100, 1500)

    @property
    def documents(self) -> int:
        """Documents of the corpus."""
        copies = sum(self.near.values()) + self.exact + self.url
        return self.drawn + copies + self.pages[0] * self.pages[1]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Documents as word numbers. A number of ``VOCABULARY`` or more is the word before a newline.

    ``kinds`` holds a ``Kind`` each. ``origins`` is the document that a copy was made of, the
    template's number for a page, and -1 for what was drawn. ``addresses`` are distinct but for
    a URL copy, which has that of its original.
    """

    words: Ragged
    kinds: npt.NDArray[np.int8]
    origins: Numbers
    addresses: Numbers

    def __len__(self) -> int:
        return len(self.words)

    def pairs(self, *kinds: Kind) -> Numbers:
        """Original and copy for every copy of these kinds, shape (copies, 2)."""
        copies = np.flatnonzero(np.isin(self.kinds, kinds))
        return np.column_stack([self.origins[copies], copies])

    def texts(self, first: int = 0, last: int | None = None) -> pa.LargeStringArray:
        """Texts of documents ``first`` to ``last - 1``."""
        part = self.words.slice(first, len(self) if last is None else last)
        words = pc.take(_spelled_words(), pa.array(part.values))
        offsets = np.frombuffer(words.buffers()[1], np.int64)[np.concatenate([[0], part.ends])]
        return pa.LargeStringArray.from_buffers(
            len(part), pa.py_buffer(offsets), words.buffers()[2]
        )

    def urls(self) -> pa.StringArray:
        """The addresses; that of a URL copy is spelled in another way."""
        numbers = pa.array(self.addresses).cast(pa.string())
        hosts = pa.array(self.addresses % 997).cast(pa.string())
        is_copy = pa.array(self.kinds == Kind.URL)
        return pc.binary_join_element_wise(
            pc.if_else(is_copy, "http://site-", "https://site-"),
            hosts,
            pc.if_else(is_copy, ".example:80/page/", ".example/page/"),
            numbers,
            pc.if_else(is_copy, "/?utm_source=feed", ""),
            "",
        )


def plant(plan: Plan, *, seed: int) -> Corpus:
    """Draw the originals, make the copies and the pages, and shuffle them all."""
    source = np.random.default_rng(seed)
    similarities = np.repeat([*plan.near], [*plan.near.values()]) if plan.near else np.empty(0)
    copies = [Kind.NEAR] * len(similarities) + [Kind.EXACT] * plan.exact + [Kind.URL] * plan.url
    if len(copies) > plan.drawn:
        raise ValueError(f"{len(copies)} copies of {plan.drawn} documents: draw as many at least")
    drawn = draw(plan.drawn, plan.words, source)
    first_exact, first_url = len(similarities), len(similarities) + plan.exact
    parts = [
        drawn,
        edit(drawn.slice(0, first_exact), similarities, source),
        respace(drawn.slice(first_exact, first_url), source),
        draw(plan.url, plan.words, source),
        draw_pages(*plan.pages, source),
    ]
    kinds = np.concatenate(
        [np.zeros(plan.drawn), copies, np.full(len(parts[-1]), Kind.PAGE)]
    ).astype(np.int8)
    size = len(kinds)
    old_origins = np.full(size, -1)
    old_origins[plan.drawn : plan.drawn + len(copies)] = np.arange(len(copies))
    order = source.permutation(size)  # the old number of each document
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    addresses = np.arange(size)
    is_url = kinds == Kind.URL
    addresses[is_url] = old_origins[is_url]
    origins = np.where(old_origins < 0, -1, place[old_origins])
    is_page = kinds == Kind.PAGE
    origins[is_page] = np.arange(is_page.sum()) // max(plan.pages[1], 1)
    return Corpus(stack(parts).take(order), kinds[order], origins[order], addresses[order])


def write(corpus: Corpus, folder: Path) -> None:
    """Write ``text`` and ``url`` to ``folder/part-*.parquet``, ``ROWS_PER_FILE`` rows a file."""
    folder.mkdir(parents=True, exist_ok=True)
    urls = corpus.urls()
    for first in range(0, len(corpus), ROWS_PER_FILE):
        last = min(first + ROWS_PER_FILE, len(corpus))
        table = pa.table({"text": corpus.texts(first, last), "url": urls[first:last]})
        path = folder / f"part-{first // ROWS_PER_FILE:05d}.parquet"
        pq.write_table(table, path, row_group_size=GROUP_ROWS, compression="zstd")


def draw(documents: int, words: tuple[int, int], source: np.random.Generator) -> Ragged:
    """Documents of Zipf-distributed words, their lengths log-uniform in ``words``."""
    low, high = np.log(words[0]), np.log(words[1] + 1)
    lengths = np.exp(source.uniform(low, high, documents)).astype(np.int64)
    return Ragged(_draw_words(int(lengths.sum()), source), np.cumsum(lengths))


def edit(
    documents: Ragged, similarities: npt.NDArray[np.float64], source: np.random.Generator
) -> Ragged:
    """Replace words so that a copy's distinct shingles have about that Jaccard similarity.

    A replaced word far from others changes ``SHINGLE_WORDS`` shingles of n, and c changed ones
    leave (n - c) / (n + c). A third of the copies have whole runs replaced instead, a third lose
    words at one end.
    """
    if not len(documents):
        return documents
    lengths = documents.lengths
    shingles = lengths - SHINGLE_WORDS + 1
    changed = shingles * (1 - similarities) / (1 + similarities)
    ways = source.integers(3, size=len(documents))
    # Rounded at random: no similarity is favoured in short documents.
    words = np.floor(changed / SHINGLE_WORDS + source.random(len(documents))).astype(np.int64)
    words = np.minimum(words, lengths // _MIN_SEGMENT_WORDS)
    runs = np.maximum(np.rint(changed).astype(np.int64) - SHINGLE_WORDS + 1, 1)
    # Loss alone leaves (n - c) / n, so that c = n (1 - J).
    lost = np.rint(shingles * (1 - similarities)).astype(np.int64)
    values = documents.values.copy()
    scattered, block, cut = (np.flatnonzero(ways == way) for way in range(3))
    places = _scattered_places(lengths[scattered], words[scattered], source)
    places += np.repeat(documents.begins[scattered], words[scattered])
    _replace(values, places, source)
    starts = documents.begins[block] + np.floor(
        source.random(len(block)) * (lengths - runs - 2 * SHINGLE_WORDS)[block]
    ).astype(np.int64)
    starts += SHINGLE_WORDS
    ends = np.cumsum(runs[block])
    places = np.repeat(starts - (ends - runs[block]), runs[block]) + np.arange(runs[block].sum())
    _replace(values, places, source)
    edited = Ragged(values, documents.ends)
    starts = np.zeros(len(documents), np.int64)
    starts[cut[::2]] = lost[cut[::2]]
    kept = lengths.copy()
    kept[cut] -= lost[cut]
    return edited.crop(starts, kept)


def respace(documents: Ragged, source: np.random.Generator) -> Ragged:
    """The same words, some of them before a newline."""
    is_swapped = source.random(len(documents.values)) < _SWAPPED_SPACE_RATIO
    return Ragged(documents.values + VOCABULARY * is_swapped.astype(np.int32), documents.ends)


def draw_pages(templates: int, pages: int, source: np.random.Generator) -> Ragged:
    """``pages`` pages of each template: one head and one foot around contents of their own."""
    heads, feet = (
        draw(templates, _FRAME_WORDS, source).take(np.repeat(np.arange(templates), pages))
        for _ in range(2)
    )
    return join([heads, draw(templates * pages, _CONTENT_WORDS, source), feet])


def _draw_words(count: int, source: np.random.Generator) -> npt.NDArray[np.int32]:
    weights = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    drawn = source.random(count) * weights[-1]
    # The ends sum up to at most 1, so a draw never falls behind the last one.
    return np.asarray(np.searchsorted(weights, drawn), np.int32)


def _scattered_places(lengths: Numbers, words: Numbers, source: np.random.Generator) -> Numbers:
    """``words[i]`` places in a row of ``lengths[i]``, each in a segment of its own."""
    ends = np.cumsum(words)
    number = np.arange(words.sum()) - np.repeat(ends - words, words)
    segment = np.repeat(lengths // np.maximum(words, 1), words)
    room = segment - 2 * (SHINGLE_WORDS - 1)
    inside = np.floor(source.random(len(room)) * room).astype(np.int64)
    return number * segment + inside + SHINGLE_WORDS - 1


def _replace(values: npt.NDArray[np.int32], places: Numbers, source: np.random.Generator) -> None:
    """Put another word at every place."""
    values[places] += source.integers(1, VOCABULARY, size=len(places), dtype=np.int32)
    values[places] %= VOCABULARY


def _spelled_words() -> pa.LargeStringArray:
    """The vocabulary with a space behind each word, then with a newline."""
    words = make_vocabulary()
    return pa.array([word + space for space in " \n" for word in words], pa.large_string())


def make_vocabulary() -> Sequence[str]:
    """``VOCABULARY`` distinct words of two to four syllables, commoner ones shorter."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    source = np.random.default_rng(0)
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        count = 1 + source.binomial(3, min(1.0, 0.3 + len(words) / VOCABULARY / 2)) % 4
        chosen = source.integers(len(syllables), size=count)
        words["".join(syllables[number] for number in chosen)] = None
    return list(words)
