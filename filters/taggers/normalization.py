"""Text -> the tokens that the tagger sees, the same in training and in serving.

Only words are left: Markdown, punctuation and layout differ between the pages the tagger was
trained on and the ones it is shown, and must not count. The topic head sees all the words; the
quality head those of the prose, because formulas look to it like the tables of a shop (problems
from college textbooks score 0.18 with their formulas and 0.95 without).
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from filters.spans import PLACEHOLDER, prose_of, split_spans

MAX_TAGGED_CHARS = 4000
"""Characters, from the first, that are looked at. The training pages are cut at 5,000."""

_TOKEN = re.compile(r"[a-z]+|[0-9]+")
_MARKS = re.compile("[\u0300-\u036f]+")


def topic_words(text: str) -> list[str]:
    """Words of the beginning of ``text``: a-z without accents, each number as ``0``.

    >>> topic_words("Caf\u00e9 $x_1$: 3.5 EUR")
    ['cafe', 'x', '0', '0', '0', 'eur']
    """
    folded = unicodedata.normalize("NFKD", text[:MAX_TAGGED_CHARS].lower())
    if not folded.isascii():
        folded = _MARKS.sub("", folded)
    return ["0" if token[0] <= "9" else token for token in _TOKEN.findall(folded)]


def quality_words(text: str) -> list[str]:
    """As :func:`topic_words`, of the beginning of the prose of ``text``."""
    return topic_words(prose_of(text, split_spans(text)).text.replace(PLACEHOLDER, " "))


def with_pairs(words: Sequence[str]) -> list[str]:
    """``words``, then each two neighbours as one token: what the quality head is given.

    Pairs are tokens of their own, and not fastText's hashed n-grams, because fastText 0.9.3
    leaves the vectors of those to chance when it trains on one thread (see ``train``).

    >>> with_pairs(["read", "the", "manual"])
    ['read', 'the', 'manual', 'read_the', 'the_manual']
    """
    return [*words, *(f"{first}_{second}" for first, second in pairwise(words))]
