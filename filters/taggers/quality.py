"""The quality annotator: what a trained tagger says of each document.

Documents in; out, for each head of the model, its level and score (ordinal heads) or its class and
confidence (nominal heads): see ``backend.head_columns``. The heads and their scales are those of
``rubric.yaml``; the shipped model, its labels, figures and limits: ``models/CARD.md``.

All measures are null for source files, which the tagger has never seen, and where the model
abstains; the level, but not the score, is null where the head's question does not apply. A score is
the mean of the levels by probability. The level is cut from the score where as many training
documents lie below as have a lower label: a mean, rounded, would name the outer levels too seldom.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.taggers.backend import (
    MODEL_FILE,
    Backend,
    HeadSpec,
    Probabilities,
    head_columns,
    load_backend,
)

SHIPPED_MODEL = Path(__file__).parent / "models" / "embedding"

SCORE_DIGITS = 3

_TYPES = {"int8": pa.int8(), "float": pa.float32(), "string": pa.string()}


class QualityConfig(BaseModel):
    """Settings of the quality annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str | None = Field(
        default=None,
        min_length=1,
        description="Folder of a model that `reasonmill tag train` wrote; null: the shipped one",
    )


class QualityAnnotator:
    """Tags documents in several dimensions at once."""

    name = "quality"

    def __init__(self, config: QualityConfig, *, shipped: Path = SHIPPED_MODEL) -> None:
        """Load the model; ConfigError when it is missing, damaged or of another version."""
        folder = shipped if config.model is None else Path(config.model)
        self._backend: Backend = load_backend(folder)
        self.columns = quality_schema(self._backend.heads)
        # Another model measures otherwise: its digest is part of the stage's identity.
        digest = hashlib.sha256((folder / MODEL_FILE).read_bytes()).digest()
        self.version = int.from_bytes(digest[:6], "big")

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        is_source_file = documents.column("code").is_valid().to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(~is_source_file)
        texts = documents.column("text").take(pa.array(rows)).to_pylist()
        urls = documents.column("url").take(pa.array(rows)).to_pylist()
        found = self._backend.probabilities(texts, urls)
        return measure_heads(self._backend.heads, found, rows=rows, num_rows=len(documents))


def quality_schema(heads: Sequence[HeadSpec]) -> pa.Schema:
    """The columns that ``heads`` fill."""
    return pa.schema([pa.field(name, _TYPES[kind]) for name, kind in head_columns(heads)])


def measure_heads(
    heads: Sequence[HeadSpec],
    found: dict[str, Probabilities],
    *,
    rows: np.ndarray,
    num_rows: int,
) -> pa.RecordBatch:
    """Columns of ``quality_schema(heads)``: ``found`` for the rows named, null for the others."""
    columns: list[pa.Array] = []
    for head in heads:
        probabilities = found[head.name]
        pair = (
            _levels(head, probabilities)
            if head.kind == "ordinal"
            else _classes(head, probabilities)
        )
        positions = np.full(num_rows, -1, np.int64)
        positions[rows] = np.arange(len(rows))
        taken = pa.array(positions, mask=positions < 0)
        columns += [column.take(taken) for column in pair]
    return pa.RecordBatch.from_arrays(columns, schema=quality_schema(heads))


def level_scores(head: HeadSpec, probabilities: Probabilities) -> np.ndarray:
    """The mean level of each row, over the levels where the question applies; NaN rows stay."""
    levels = np.array(head.levels, np.float64)
    weights = probabilities[:, len(head.values) - len(levels) :].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: np.ndarray = (weights * levels).sum(axis=1) / weights.sum(axis=1)
    return np.round(scores, SCORE_DIGITS)


def levels_of(head: HeadSpec, scores: np.ndarray) -> npt.NDArray[np.int8]:
    """The level of each score, by the head's cuts; a score on a cut has the upper level."""
    cuts = np.array(head.cuts or [level - 0.5 for level in head.levels[1:]])
    levels: npt.NDArray[np.int8] = np.array(head.levels, np.int8)[
        np.searchsorted(cuts, scores, side="right")
    ]
    return levels


def _levels(head: HeadSpec, probabilities: Probabilities) -> tuple[pa.Array, pa.Array]:
    scores = level_scores(head, probabilities)
    missing = np.isnan(scores)
    levels = levels_of(head, np.where(missing, 0, scores))
    without_level = missing.copy()
    if head.not_applicable is not None:
        place = head.values.index(head.not_applicable)
        without_level |= ~(probabilities[:, place] < 0.5)  # noqa: PLR2004 - the likelier half
    return (
        pa.array(levels, pa.int8(), mask=without_level),
        pa.array(scores.astype(np.float32), pa.float32(), mask=missing),
    )


def _classes(head: HeadSpec, probabilities: Probabilities) -> tuple[pa.Array, pa.Array]:
    missing: npt.NDArray[np.bool_] = np.isnan(probabilities[:, 0])
    filled = np.where(missing[:, None], 0, probabilities)
    best = filled.argmax(axis=1)
    names = np.array(head.values, dtype=object)[best]
    confidence = filled[np.arange(len(filled)), best].astype(np.float32)
    return pa.array(names, pa.string(), mask=missing), pa.array(
        confidence, pa.float32(), mask=missing
    )
