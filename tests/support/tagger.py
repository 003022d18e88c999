"""A tagger of tests: it knows what it should say of each text, and errs now and then."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from filters.taggers.backend import HeadSpec
from filters.taggers.labels import LabelRow, text_sha256
from filters.taggers.rubric import Rubric

ABSTAINS = "too short"
"""A text of which the tagger says nothing."""


def chance(*parts: object) -> float:
    """A number of 0 to 1 that only the arguments decide."""
    digest = hashlib.sha256(repr(parts).encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)


def made_up_labels(rubric: Rubric, name: str) -> dict[str, int | str]:
    """Labels that the name alone decides, low ones more often."""
    return {
        head.name: head.values[int(len(head.values) * chance(name, head.name) ** 1.5)]
        for head in rubric.heads
    }


def label_rows(rubric: Rubric, documents: Sequence[Mapping[str, str]]) -> list[LabelRow]:
    """Made-up labels of documents."""
    return [
        LabelRow(
            id=document["id"],
            sha256=text_sha256(document["text"]),
            annotator="tester",
            rubric_version=rubric.version,
            labels=made_up_labels(rubric, document["id"]),
        )
        for document in documents
    ]


class KnowingBackend:
    """Gives the labelled value ``confidence``, or in that share of the cases its neighbour."""

    def __init__(
        self, rubric: Rubric, labels: Mapping[str, Mapping[str, int | str]], confidence: float
    ) -> None:
        self.heads = tuple(
            HeadSpec(head.name, head.kind, head.values, head.not_applicable)
            for head in rubric.heads
        )
        self._labels = labels
        self._confidence = confidence

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, np.ndarray]:
        assert len(urls) == len(texts)
        return {
            head.name: np.array([self._row(head, text) for text in texts], np.float32)
            for head in self.heads
        }

    def _row(self, head: HeadSpec, text: str) -> list[float]:
        count = len(head.values)
        if text == ABSTAINS:
            return [float("nan")] * count
        place = head.values.index(self._labels[text][head.name])
        if chance(text, head.name, "is wrong") >= self._confidence:
            place = (place + 1) % count
        rest = (1 - self._confidence) / (count - 1)
        return [self._confidence if at == place else rest for at in range(count)]
