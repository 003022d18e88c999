"""Fits the two forests so that neither ever sees an opinion formed on its own pages."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from extractors.html.content import context, features, forest
from extractors.html.content.features import open_table
from extractors.html.content.training import evidence
from extractors.html.content.training.evidence import Evidence, PageCounts
from extractors.html.content.training.pages import LabelledPage

if TYPE_CHECKING:
    import lightgbm

Floats = npt.NDArray[np.float64]

PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 24,
    "max_depth": forest.DEPTH,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "seed": 1,
    "verbose": -1,
}
NUM_TREES = 220
INNER_FOLDS = 4
CLASS_SLOTS, WORD_SLOTS = 1 << 13, 1 << 14


@dataclass(frozen=True)
class Trained:
    """Evidence and both forests."""

    evidence: Evidence
    first: "lightgbm.Booster"
    second: "lightgbm.Booster"

    def scores(self, page: LabelledPage) -> Floats:
        """Log-odds of each block, as the shipped classifier would give them."""
        own = describe(page, self.evidence)
        first = self.first.predict(own, raw_score=True)
        around = context.describe(page.tape, page.blocks, first)
        scores: Floats = self.second.predict(np.concatenate((own, around), axis=1), raw_score=True)
        return scores


def fold_of(page: LabelledPage, num_folds: int, salt: str) -> int:
    """The fold of a page's site."""
    return zlib.crc32((salt + page.site).encode()) % num_folds


def describe(page: LabelledPage, found: Evidence) -> Floats:
    """The features of a page's blocks under some evidence."""
    rows = features.describe(
        page.tape,
        page.blocks,
        class_odds=open_table(found.classes, CLASS_SLOTS),
        word_odds=open_table(found.words, WORD_SLOTS),
        title=page.title,
        description=page.summary,
        page_flags=page.signals,
    )
    return rows.astype(np.float32).astype(np.float64)


def fit(pages: Sequence[LabelledPage], counts: dict[str, PageCounts]) -> Trained:
    """The model of ``pages``; ``counts`` by page id, for pages whose main text is known.

    Evidence and first opinions of a page always come from models of other sites.
    """
    own: dict[str, Floats] = {}
    opinion: dict[str, Floats] = {}
    folds = [fold_of(page, INNER_FOLDS, "inner") for page in pages]
    for fold in range(INNER_FOLDS):
        others = [p for p, of in zip(pages, folds, strict=True) if of != fold]
        found = evidence.gather([counts[p.id] for p in others if p.id in counts])
        for page, of in zip(pages, folds, strict=True):
            if of == fold:
                own[page.id] = describe(page, found)
    for fold in range(INNER_FOLDS):
        others = [p for p, of in zip(pages, folds, strict=True) if of != fold]
        booster = _train(others, [own[p.id] for p in others])
        for page, of in zip(pages, folds, strict=True):
            if of == fold:
                opinion[page.id] = booster.predict(own[page.id], raw_score=True)
    first = _train(pages, [own[p.id] for p in pages])
    second = _train(
        pages,
        [
            np.concatenate((own[p.id], context.describe(p.tape, p.blocks, opinion[p.id])), axis=1)
            for p in pages
        ],
    )
    all_found = evidence.gather([counts[p.id] for p in pages if p.id in counts])
    return Trained(all_found, first, second)


def _train(pages: Sequence[LabelledPage], rows: Sequence[Floats]) -> "lightgbm.Booster":
    # Needs a system library (libgomp) that a machine without a compiler may lack.
    import lightgbm

    weight = np.concatenate([page.weight for page in pages])
    is_weighed = weight > 0
    data = lightgbm.Dataset(
        np.concatenate(rows)[is_weighed],
        np.concatenate([page.is_content for page in pages])[is_weighed],
        weight=weight[is_weighed] / weight[is_weighed].mean(),
    )
    return lightgbm.train(PARAMETERS, data, NUM_TREES)


def save(model: Trained, path: Path) -> None:
    """Write the arrays that :func:`extractors.html.content.classifier.load` reads."""
    class_hashes, class_odds = open_table(model.evidence.classes, CLASS_SLOTS)
    word_hashes, word_odds = open_table(model.evidence.words, WORD_SLOTS)
    arrays: dict[str, npt.NDArray[Any]] = {
        "class_hashes": class_hashes,
        "class_odds": class_odds.astype(np.float32),
        "word_hashes": word_hashes,
        "word_odds": word_odds.astype(np.float32),
    }
    for name, booster in (("first", model.first), ("second", model.second)):
        arrays |= {f"{name}_{key}": value for key, value in flatten(booster).items()}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def flatten(booster: "lightgbm.Booster") -> dict[str, npt.NDArray[Any]]:
    """The arrays of a :class:`forest.Forest`: every tree filled up to its depth.

    A leaf above the last level becomes a node whose leaves below are all alike.
    """
    trees = booster.dump_model()["tree_info"]
    num_inner = forest.NUM_INNER
    feature = np.zeros((len(trees), num_inner), np.uint16)
    threshold = np.zeros((len(trees), num_inner), np.float32)
    value = np.zeros((len(trees), num_inner + 1), np.float32)

    def add(tree: int, place: int, node: dict[str, Any]) -> None:
        if place >= num_inner:
            value[tree, place - num_inner] = node["leaf_value"]
        elif "leaf_value" in node:
            add(tree, 2 * place + 1, node)
            add(tree, 2 * place + 2, node)
        elif node["decision_type"] != "<=":
            raise ValueError(f"decision_type must be '<=', got {node['decision_type']!r}")
        else:
            feature[tree, place] = node["split_feature"]
            threshold[tree, place] = node["threshold"]
            add(tree, 2 * place + 1, node["left_child"])
            add(tree, 2 * place + 2, node["right_child"])

    for number, tree in enumerate(trees):
        add(number, 0, tree["tree_structure"])
    return {"feature": feature, "threshold": threshold, "value": value}
