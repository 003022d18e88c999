"""Labelled documents -> arrays of targets, split by site into training and held-out ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.taggers.backend import HeadSpec
from filters.taggers.split import group_of, is_held_out

MISSING = -1

SMOOTHING = 0.03
"""What a label's own value gives away to all values of its head: labels are not always right."""

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Documents with the labels that are known of them.

    ``targets`` is [documents, heads]: the place of the label in the head's values, or MISSING.
    """

    texts: list[str]
    urls: list[str | None]
    targets: Int64Array
    is_held_out: npt.NDArray[np.bool_]

    @property
    def has_label(self) -> npt.NDArray[np.bool_]:
        """Whether any label of each document is known."""
        known: npt.NDArray[np.bool_] = (self.targets != MISSING).any(axis=1)
        return known

    def select(self, rows: npt.NDArray[Any]) -> "Examples":
        """The documents at ``rows`` (numbers, or a mask)."""
        places = np.arange(len(self.texts))[rows]
        return Examples(
            [self.texts[place] for place in places],
            [self.urls[place] for place in places],
            self.targets[places],
            self.is_held_out[places],
        )


def make_examples(
    documents: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, int | str]],
    heads: Sequence[HeadSpec],
) -> Examples:
    """``documents`` hold id, url and text; ``labels`` are by id, and a head may be left out."""
    targets = np.full((len(documents), len(heads)), MISSING, np.int64)
    for row, document in enumerate(documents):
        of_document = labels.get(document["id"], {})
        for place, head in enumerate(heads):
            if head.name in of_document:
                targets[row, place] = head.values.index(of_document[head.name])
    return Examples(
        [document["text"] for document in documents],
        [document.get("url") for document in documents],
        targets,
        np.array([is_held_out(group_of(one)) for one in documents]),
    )


def gold(examples: Examples, heads: Sequence[HeadSpec]) -> npt.NDArray[np.float32]:
    """[documents, values of all heads]: the labels, smoothed; zeros where there is none."""
    parts = []
    for place, head in enumerate(heads):
        part = np.zeros((len(examples.texts), len(head.values)), np.float32)
        rows = np.flatnonzero(examples.targets[:, place] != MISSING)
        part[rows] = SMOOTHING / len(head.values)
        part[rows, examples.targets[rows, place]] += 1 - SMOOTHING
        parts.append(part)
    return np.concatenate(parts, axis=1)
