"""Which class tokens and which words speak for content, counted over the sites of a set."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from extractors.html.content.blocks import WORDS
from extractors.html.content.training.pages import WEIGHT_EXPONENT, LabelledPage

MIN_CLASS_SITES = 3
"""A token of fewer sites is a site's own name for things."""

CLASS_SMOOTHING_SITES = 2.0
MIN_CLASS_ODDS, MAX_CLASS_ODDS = 0.15, 4.0
MIN_WORD_SITES = 8
MIN_WORD_ODDS, MAX_WORD_ODDS = 0.4, 3.0


@dataclass(frozen=True)
class Evidence:
    """Log-odds by hash: of class tokens on elements around a block, and of words in it."""

    classes: dict[int, float]
    words: dict[int, float]


@dataclass(frozen=True)
class PageCounts:
    """Of a page: shares of content by class token and in all, words of content and of the rest."""

    site: str
    class_shares: dict[int, float]
    share: float
    content_words: frozenset[int]
    other_words: frozenset[int]


def count(page: LabelledPage) -> PageCounts:
    """The counts of a page whose main text is known."""
    blocks, tape = page.blocks, page.tape
    weight = np.maximum(blocks.counts[:, WORDS], 1) ** WEIGHT_EXPONENT
    all_before = np.concatenate(([0.0], np.cumsum(weight)))
    content_before = np.concatenate(([0.0], np.cumsum(weight * page.is_content)))
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row, token in zip(tape.token_node.tolist(), tape.token_hash.tolist(), strict=True):
        first, last = blocks.first[row], blocks.last[row]
        if last > first:
            sums[token][0] += content_before[last] - content_before[first]
            sums[token][1] += all_before[last] - all_before[first]
    is_in_content = page.is_content[blocks.word_block] > 0
    return PageCounts(
        site=page.site,
        class_shares={token: part / whole for token, (part, whole) in sums.items() if whole > 0},
        share=float(content_before[-1] / max(all_before[-1], 1e-9)),
        content_words=frozenset(blocks.word_hash[is_in_content].tolist()),
        other_words=frozenset(blocks.word_hash[~is_in_content].tolist()),
    )


def gather(counts: Sequence[PageCounts]) -> Evidence:
    """The evidence of all pages; each site has one voice."""
    return Evidence(_class_odds(counts), _word_odds(counts))


def _class_odds(counts: Sequence[PageCounts]) -> dict[int, float]:
    by_token: dict[int, dict[str, list[tuple[float, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for page in counts:
        for token, share in page.class_shares.items():
            by_token[token][page.site].append((share, page.share))
    odds = {}
    for token, by_site in by_token.items():
        if len(by_site) < MIN_CLASS_SITES:
            continue
        means = np.array([np.mean(pairs, axis=0) for pairs in by_site.values()])
        usual = float(means[:, 1].mean())
        smoothed = (float(means[:, 0].sum()) + CLASS_SMOOTHING_SITES * usual) / (
            len(means) + CLASS_SMOOTHING_SITES
        )
        value = _log_odds(smoothed) - _log_odds(usual)
        if abs(value) > MIN_CLASS_ODDS:
            odds[token] = round(max(-MAX_CLASS_ODDS, min(MAX_CLASS_ODDS, value)), 3)
    return odds


def _log_odds(share: float) -> float:
    share = min(0.99, max(0.01, share))
    return math.log(share / (1 - share))


def _word_odds(counts: Sequence[PageCounts]) -> dict[int, float]:
    content_sites: dict[int, set[str]] = defaultdict(set)
    other_sites: dict[int, set[str]] = defaultdict(set)
    for page in counts:
        for word in page.content_words:
            content_sites[word].add(page.site)
        for word in page.other_words:
            other_sites[word].add(page.site)
    odds = {}
    for word in content_sites.keys() | other_sites.keys():
        content, other = len(content_sites.get(word, ())), len(other_sites.get(word, ()))
        value = math.log((content + 1) / (other + 1))
        if content + other >= MIN_WORD_SITES and abs(value) > MIN_WORD_ODDS:
            odds[word] = round(max(-MAX_WORD_ODDS, min(MAX_WORD_ODDS, value)), 3)
    return odds
