r"""Text -> the numbered tokens that the embedding tagger sees, and the shape of its page.

A token is a run of Latin letters in lower case without accents; a number, whatever its digits; a
single sign; a line's end or a blank line; or a run of another script, all of them the same token.
Signs and line ends are tokens because a list, a formula, a listing and a sentence differ in them.

A long text is seen in part: its first ``HEAD_CHARS``, ``MIDDLE_CHARS`` from its middle and its last
``TAIL_CHARS``. All steps are linear in what is seen.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.taggers.token_kernels import EMPTY, NUMBER, OTHER_SCRIPT, hash_token, number_tokens

HEAD_CHARS, MIDDLE_CHARS, TAIL_CHARS = 3000, 1000, 1000
"""Characters seen of a text with more than their sum."""

MAX_TOKENS = 1200
MAX_URL_TOKENS = 24

_SIGNS = "\u0080-\u00bf\u2000-\u2bff\u3000-\u303f"
_TOKEN = re.compile(
    rf"[a-z]+|[0-9]+|\n+|[!-/:-@\[-`{{-~]|[{_SIGNS}]|[^\x00-\x7f{_SIGNS}]+"
)  # ASCII's letters, numbers, line ends, its signs, other signs, other scripts
_MARKS = re.compile("[\u0300-\u036f]+")
_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenBatch:
    """The tokens of texts, end to end: those of text i are ``ids[ends[i - 1]:ends[i]]``.

    ``pairs`` holds a bucket for each token and its successor; -1 for the last of a text.
    ``num_words`` counts runs of Latin letters in all that is seen. ``shapes`` is [texts,
    token_kernels.NUM_SHAPES].
    """

    ids: Int32Array
    pairs: Int32Array
    ends: Int64Array
    num_words: Int32Array
    shapes: Float32Array


class Vocabulary:
    """Numbers tokens from 1 in the order given; 0 is every token that it does not know."""

    def __init__(self, tokens: Sequence[str]) -> None:
        """``tokens``: as :func:`tokenize` gives them, all different."""
        self.tokens = tuple(tokens)
        size = 1 << max(4, (2 * len(self.tokens)).bit_length())
        self._keys = np.full(size, EMPTY, np.uint64)
        self._values = np.zeros(size, np.int32)
        for number, token in enumerate(self.tokens, start=1):
            key = hash_token(np.frombuffer(token.encode(), np.uint8))
            slot = int(key) & (size - 1)
            while self._keys[slot] != EMPTY:
                slot = (slot + 1) & (size - 1)
            self._keys[slot], self._values[slot] = key, number

    def number(
        self, texts: Sequence[str], *, num_buckets: int, max_tokens: int = MAX_TOKENS
    ) -> TokenBatch:
        """The first ``max_tokens`` tokens of each text's view; pairs fall into ``num_buckets``."""
        seen = [fold(view(text)).encode("utf-8", "replace") for text in texts]
        return TokenBatch(
            *number_tokens(
                np.frombuffer(b"".join(seen), np.uint8),
                np.cumsum([len(one) for one in seen], dtype=np.int64),
                self._keys,
                self._values,
                np.int64(num_buckets),
                np.int64(max_tokens),
            )
        )

    def number_addresses(self, urls: Sequence[str | None]) -> TokenBatch:
        """The first ``MAX_URL_TOKENS`` tokens of each address; none of None. No pairs."""
        return self.number([url or "" for url in urls], num_buckets=1, max_tokens=MAX_URL_TOKENS)


def view(text: str) -> str:
    """The part of ``text`` that is seen, its pieces joined by line ends."""
    if len(text) <= HEAD_CHARS + MIDDLE_CHARS + TAIL_CHARS:
        return text
    middle = (len(text) - MIDDLE_CHARS) // 2
    pieces = (text[:HEAD_CHARS], text[middle : middle + MIDDLE_CHARS], text[-TAIL_CHARS:])
    return "\n".join(pieces)


def fold(text: str) -> str:
    """``text`` in compatibility form without accents; its case stays."""
    if text.isascii():
        return text
    return _MARKS.sub("", unicodedata.normalize("NFKD", text))


def tokenize(text: str) -> list[str]:
    """The tokens of ``text`` as strings: what the kernel numbers, for building vocabularies.

    >>> tokenize("Caf\u00e9: 3.5 EUR")
    ['cafe', ':', '0', '.', '0', 'eur']
    """
    return [_name(found) for found in _TOKEN.findall(fold(text).translate(_TO_LOWER))]


def _name(found: str) -> str:
    first = found[0]
    if first.isascii():
        return NUMBER if first.isdigit() else found[:2] if first == "\n" else found
    return found if re.match(f"[{_SIGNS}]", first) else OTHER_SCRIPT
