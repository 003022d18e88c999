"""The pure parts together, on documents with planted edits, against exact Jaccard similarities."""

import random
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from filters.dedup.candidates import Nomination, band_entries, nominate_similar
from filters.dedup.config import NearDuplicateConfig
from filters.dedup.lsh import candidate_probability
from filters.dedup.minhash import Signatures, draw_permutations, estimate_jaccard, sign
from filters.dedup.packed import Packed, sort_rows, unique_rows
from filters.dedup.sketch import pack_signatures

CONFIG = NearDuplicateConfig(threshold=0.8)
SHINGLE_WORDS = CONFIG.units
PAIRS = 300
SIMILARITIES = (0.5, 0.6, 0.66, 0.72, 0.78, 0.84, 0.9, 0.95)


class Corpus(NamedTuple):
    """Row ``2 * i`` is a document, row ``2 * i + 1`` an edit of it."""

    texts: list[str]
    signatures: Signatures
    candidates: Packed


@cache
def planted() -> Corpus:
    rng = random.Random(20)
    texts = []
    for i in range(PAIRS):
        # From a small vocabulary, so that unrelated documents share shingles now and then.
        words = [f"w{rng.randrange(2000)}" for _ in range(rng.randrange(150, 500))]
        texts += [" ".join(words), edited(words, SIMILARITIES[i % len(SIMILARITIES)], rng)]
    signatures, _ = sign(
        pa.array(texts, pa.large_string()),
        permutations=draw_permutations(CONFIG.permutations, seed=CONFIG.seed),
        unit="words",
        size=SHINGLE_WORDS,
    )
    entries = band_entries(
        pack_signatures(signatures, is_null=np.zeros(len(texts), bool)),
        np.arange(len(texts), dtype=np.uint64),
        shape=CONFIG.band_shape(),
        shard=0,
        first_row=0,
    )
    pairs = nominate_similar([sort_rows(entries)], Nomination())
    return Corpus(texts, signatures, unique_rows(np.concatenate(list(pairs))))


def edited(words: list[str], jaccard: float, rng: random.Random) -> str:
    """Replace as many words as leave about ``jaccard`` of the shingles."""
    shingles = len(words) - SHINGLE_WORDS + 1
    lost = shingles * (1 - jaccard) / (1 + jaccard)
    slots = range(SHINGLE_WORDS, len(words) - SHINGLE_WORDS, SHINGLE_WORDS)
    replaced = rng.sample(slots, min(len(slots), round(lost / SHINGLE_WORDS)))
    copy = list(words)
    for at in replaced:
        copy[at] = "new" + copy[at]
    return " ".join(copy)


def exact_jaccard(left: str, right: str) -> float:
    a, b = shingles_of(left), shingles_of(right)
    return len(a & b) / len(a | b)


def shingles_of(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


def test_recall_of_planted_edits_follows_the_s_curve() -> None:
    corpus = planted()
    found = set(map(tuple, corpus.candidates.tolist()))
    jaccards = np.array([exact_jaccard(*corpus.texts[i : i + 2]) for i in range(0, 2 * PAIRS, 2)])
    is_found = np.array([(i, i + 1) in found for i in range(0, 2 * PAIRS, 2)])
    expected = candidate_probability(jaccards, CONFIG.band_shape())
    for low, high in ((0.45, 0.65), (0.65, 0.75), (0.75, 0.88), (0.88, 1.0)):
        level = (low <= jaccards) & (jaccards < high)
        assert level.sum() > 30
        deviation = (expected[level] * (1 - expected[level])).sum() ** 0.5
        assert abs(is_found[level].sum() - expected[level].sum()) <= 3 * deviation + 0.5


def test_unrelated_documents_are_hardly_ever_candidates() -> None:
    unrelated = [(a, b) for a, b in planted().candidates.tolist() if a // 2 != b // 2]
    assert unrelated == []


def test_comparison_drops_nearly_every_candidate_below_the_threshold() -> None:
    corpus = planted()
    left, right = corpus.candidates.T.astype(int)
    estimates = estimate_jaccard(corpus.signatures[left], corpus.signatures[right])
    merged = corpus.candidates[estimates >= CONFIG.threshold].tolist()
    jaccards = [exact_jaccard(corpus.texts[a], corpus.texts[b]) for a, b in merged]
    assert len(merged) > 80
    # The estimate's standard deviation is 0.04 with 112 permutations: this is three of them.
    assert min(jaccards) > CONFIG.threshold - 0.12
