"""Cuts: where the levels of a trained tagger begin on its scores."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from filters.taggers.backend import load_backend, state_heads_again
from filters.taggers.levels import SCORE_DIGITS, level_scores
from filters.taggers.training.examples import Examples

BATCH = 256


def calibrate(folder: Path, examples: Examples) -> None:
    """Give the ordinal heads of the model in ``folder`` cuts, by which each level gets its share.

    As many of ``examples`` lie below a cut as have a lower label. A mean of levels, rounded, would
    name the outer ones too seldom. Heads without labels keep the halves.
    """
    backend = load_backend(folder)
    batches = [
        backend.probabilities(
            examples.texts[start : start + BATCH], examples.urls[start : start + BATCH]
        )
        for start in range(0, len(examples.texts), BATCH)
    ]
    heads = []
    for place, head in enumerate(backend.heads):
        if head.kind == "nominal":
            heads.append(head)
            continue
        targets = examples.targets[:, place]
        first = len(head.values) - len(head.levels)
        scores = level_scores(head, np.concatenate([batch[head.name] for batch in batches]))
        is_known = (targets >= first) & ~np.isnan(scores)
        if is_known.any():
            steps = range(len(head.levels) - 1)
            shares = [float((targets[is_known] - first <= step).mean()) for step in steps]
            cuts = np.quantile(scores[is_known], shares).round(SCORE_DIGITS)
            head = replace(head, cuts=tuple(cuts.tolist()))  # noqa: PLW2901
        heads.append(head)
    state_heads_again(folder, heads)
