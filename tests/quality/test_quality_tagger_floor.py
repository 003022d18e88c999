"""Agreement of the shipped quality tagger with labels of unseen sites: floors may only rise."""

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filters.taggers.backend import HeadSpec, load_backend
from filters.taggers.evaluation import weighted_kappa
from filters.taggers.labels import LabelRow, join_labels, read_labels
from filters.taggers.levels import level_scores, levels_of
from filters.taggers.quality import SHIPPED_MODELS
from filters.taggers.rubric import load_rubric
from filters.taggers.split import group_of, is_held_out

PAGES = Path(__file__).parents[3] / "shared" / "taggers" / "weborganizer_pages.jsonl.xz"
LABELS = Path(__file__).parents[2] / "filters/taggers/training/labels/excerpts_of_1700.jsonl.xz"

KAPPA_FLOORS = {
    "embedding": {
        "reasoning_depth": 0.68,
        "knowledge_density": 0.72,
        "educational_value": 0.67,
    },
    "fasttext": {
        "reasoning_depth": 0.51,
        "knowledge_density": 0.60,
        "educational_value": 0.56,
    },
}
DOMAIN_ACCURACY_FLOOR = 0.69

Held = tuple[list[dict[str, Any]], list[LabelRow]]


@pytest.fixture(scope="module")
def held() -> Held:
    """The held-out pages of the open web, with their labels."""
    if not PAGES.is_file():
        pytest.skip(f"needs the labelled pages at {PAGES}, which are not part of the repository")
    with lzma.open(PAGES, "rt", encoding="utf-8") as lines:
        pages = [json.loads(line) for line in lines]
    documents = [{"id": page["url"], "url": page["url"], "text": page["text"]} for page in pages]
    joined = join_labels(read_labels(str(LABELS), load_rubric()), documents)
    chosen = [
        (document, row)
        for document, row in zip(joined.documents, joined.labels, strict=True)
        if is_held_out(group_of(document))
    ]
    return [dict(document) for document, _ in chosen], [row for _, row in chosen]


@pytest.mark.parametrize("model", KAPPA_FLOORS)
def test_levels_agree_with_labels(held: Held, model: str) -> None:
    documents, labels = held
    backend = load_backend(SHIPPED_MODELS[model])
    found = backend.probabilities(
        [one["text"] for one in documents], [one["url"] for one in documents]
    )
    specs: dict[str, HeadSpec] = {head.name: head for head in backend.heads}
    for name, floor in KAPPA_FLOORS[model].items():
        scores = level_scores(specs[name], found[name])
        seen = ~np.isnan(scores)
        predicted = levels_of(specs[name], scores[seen]).astype(np.int64)
        wanted = np.array([row.labels[name] for row in labels], np.int64)[seen]
        assert weighted_kappa(wanted, predicted) >= floor, name


def test_domains_agree_with_labels(held: Held) -> None:
    documents, labels = held
    backend = load_backend(SHIPPED_MODELS["embedding"])
    found = backend.probabilities(
        [one["text"] for one in documents], [one["url"] for one in documents]
    )
    values = next(head.values for head in backend.heads if head.name == "domain")
    seen = ~np.isnan(found["domain"][:, 0])
    said = [values[place] for place in found["domain"][seen].argmax(axis=1)]
    wanted = [row.labels["domain"] for row, is_seen in zip(labels, seen, strict=True) if is_seen]
    accuracy = np.mean([one == other for one, other in zip(said, wanted, strict=True)])
    assert accuracy >= DOMAIN_ACCURACY_FLOOR
