"""The fastText tagger: hashed n-grams of words, one linear layer for all heads. The cheap screen.

One model holds every value of every head as a label, ``head=value``, under one softmax; those of a
head, scaled to add up to 1, are that head's own softmax. It sees the words, numbers, signs and line
ends of the first ``SEEN_CHARS`` characters, pairs of them, and the words of the address.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from filters.fasttext_model import FastTextModel
from filters.taggers.backend import (
    MIN_TAGGED_WORDS,
    HeadSpec,
    Probabilities,
    check_version,
    read_heads,
    split_heads,
)
from filters.taggers.tokens import fold

MODEL_VERSION = 1
"""Raised when the words that the model is given change."""

WEIGHTS_FILE = "model.ftz"

SEEN_CHARS = 1400
"""Characters, from the first, that are looked at; the cost grows with them."""

LINE_END = "\\n"
"""Stands for a line's end or a blank line: fastText takes a real one for the end of the text."""

ADDRESS_MARK = "@"
"""Before each word of the address, so that it is another token than the word in the text."""

_NUMBER = re.compile("[0-9]+")
_SIGN = re.compile(r"[!-/:-@\[-`{-~]")
_LATIN_WORD = re.compile("[a-z]+")


def line_of(text: str, url: str | None) -> str | None:
    """What the model is given, the same in training and serving: tokens separated by spaces.

    Words without accents, numbers as 0, signs and line ends of the beginning of ``text``, then the
    address's words. None where there are fewer than MIN_TAGGED_WORDS words in Latin letters.
    """
    beginning = _spaced(text[:SEEN_CHARS])
    if len(_LATIN_WORD.findall(beginning)) < MIN_TAGGED_WORDS:
        return None
    if not url:
        return beginning
    address = [f"{ADDRESS_MARK}{word}" for word in _spaced(url).split() if word.isalnum()]
    return " ".join([beginning, *address])


def _spaced(text: str) -> str:
    """``text`` in lower case, every token of it between blanks."""
    folded = fold(text).lower().encode("utf-8", "replace").decode()
    apart = _SIGN.sub(r" \g<0> ", _NUMBER.sub("0", folded))
    return apart.replace("\n", f" {LINE_END} ")


def label_of(head: str, value: int | str) -> str:
    """The label of one value of one head, without fastText's prefix."""
    return f"{head}={value}"


class FastTextBackend:
    """A trained fastText tagger."""

    def __init__(self, folder: Path, stated: dict[str, Any]) -> None:
        """``stated`` is the folder's model file; ConfigError when the model is another."""
        check_version(folder, stated, version=MODEL_VERSION)
        self.heads: tuple[HeadSpec, ...] = read_heads(stated)
        self._model = FastTextModel(
            folder / WEIGHTS_FILE, sha256=stated["sha256"][WEIGHTS_FILE], name="tagger"
        )
        places: dict[str, int] = {}
        for head in self.heads:
            for value in head.values:
                places[label_of(head.name, value)] = len(places)
        self._places = places

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        """As :meth:`Backend.probabilities`; abstains below MIN_TAGGED_WORDS Latin words."""
        rows = np.full((len(texts), len(self._places)), np.nan, np.float32)
        for row, (text, url) in enumerate(zip(texts, urls, strict=True)):
            line = line_of(text, url)
            if line is None:
                continue
            rows[row] = self._model.distribution(line, self._places)
        return {name: _scaled(part) for name, part in split_heads(self.heads, rows)}


def _scaled(part: Probabilities) -> Probabilities:
    total = part.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = np.where(total == 0, 1 / part.shape[1], part / total)
    made: Probabilities = np.round(rows, 4).astype(np.float32)
    return made
