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
from typing import Annotated

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
from filters.taggers.cascade import Cascade, Screen
from filters.taggers.encoder_backend import EncoderBackend
from filters.taggers.levels import level_scores, levels_of

SHIPPED_MODELS = {
    kind: Path(__file__).parent / "models" / kind for kind in ("fasttext", "embedding")
}
"""Folders of the models that come with the package, by what a recipe calls them."""

STEP_FIELD = pa.field("step", pa.int8())
"""Of a cascade only: which tagger answered, from 0; the last is the model. Null: none was asked."""

_TYPES = {"int8": pa.int8(), "float": pa.float32(), "string": pa.string()}


class ScreenConfig(BaseModel):
    """A cheaper tagger, asked before the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str = Field(
        min_length=1,
        description="fasttext or embedding (shipped), or the folder of a trained tagger",
    )
    min_confidence: float = Field(
        gt=0,
        le=1,
        description="Its answer stands where it gives each of cascade.heads a value at least this "
        "probable",
    )


class CascadeConfig(BaseModel):
    """Cheap taggers first, the model only where they are unsure."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    screens: Annotated[tuple[ScreenConfig, ...], Field(strict=False)] = Field(
        default=(), description="Asked in this order, the cheapest first"
    )
    heads: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        default=("reasoning_depth",),
        description="Heads that an answer must be sure of, such as those that the rules name",
    )
    abstain_below: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="A head is null where its most probable value is less probable than this",
    )


class QualityConfig(BaseModel):
    """Settings of the quality annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str = Field(
        default="embedding",
        min_length=1,
        description="fasttext or embedding (shipped), or the folder of a tagger that `reasonmill "
        "tag train` wrote",
    )
    cascade: CascadeConfig | None = Field(
        default=None, description="Taggers to ask before the model; null: none"
    )


class QualityAnnotator:
    """Tags documents in several dimensions at once."""

    name = "quality"

    def __init__(self, config: QualityConfig) -> None:
        """Load the models; ConfigError when one is missing, damaged or of another version."""
        backend, digest = _load(config.model)
        digests, backends = [digest], [backend]
        if config.cascade is not None:
            screens = []
            for screen in config.cascade.screens:
                asked, digest = _load(screen.model)
                screens.append(Screen(screen.model, asked, screen.min_confidence))
                digests.append(digest)
                backends.append(asked)
            backend = Cascade(
                screens,
                backend,
                deciding=config.cascade.heads,
                abstain_below=config.cascade.abstain_below,
            )
        self._backend: Backend = backend
        self.columns = quality_schema(backend.heads)
        if isinstance(backend, Cascade):
            self.columns = self.columns.append(STEP_FIELD)
        self.has_encoder = any(isinstance(one, EncoderBackend) for one in backends)
        # Another model measures otherwise: its digest is part of the stage's identity.
        of_all = hashlib.sha256(b"".join(digests)).digest()
        self.version = int.from_bytes(of_all[:6], "big")

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        rows = prose_rows(documents)
        texts = documents.column("text").take(pa.array(rows)).to_pylist()
        urls = documents.column("url").take(pa.array(rows)).to_pylist()
        heads, num_rows = self._backend.heads, len(documents)
        if not isinstance(self._backend, Cascade):
            found = self._backend.probabilities(texts, urls)
            return measure_heads(heads, found, rows=rows, num_rows=num_rows)
        answers = self._backend.ask(texts, urls)
        measures = measure_heads(heads, answers.probabilities, rows=rows, num_rows=num_rows)
        step = pa.array(answers.step, pa.int8()).take(_places(rows, num_rows))
        return pa.RecordBatch.from_arrays([*measures.columns, step], schema=self.columns)


def _load(model: str) -> tuple[Backend, bytes]:
    """A shipped model by its kind, or one in a folder; and the digest of what it states."""
    folder = SHIPPED_MODELS.get(model, Path(model))
    backend = load_backend(folder)
    return backend, hashlib.sha256((folder / MODEL_FILE).read_bytes()).digest()


def prose_rows(documents: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """The documents that are no source files, which no tagger has ever seen."""
    is_source_file = documents.column("code").is_valid().to_numpy(zero_copy_only=False)
    return np.flatnonzero(~is_source_file)


def quality_schema(heads: Sequence[HeadSpec]) -> pa.Schema:
    """The columns that ``heads`` fill."""
    return pa.schema([pa.field(name, _TYPES[kind]) for name, kind in head_columns(heads)])


def measure_heads(
    heads: Sequence[HeadSpec],
    found: dict[str, Probabilities],
    *,
    rows: npt.NDArray[np.int64],
    num_rows: int,
) -> pa.RecordBatch:
    """Columns of ``quality_schema(heads)``: ``found`` for the rows named, null for the others."""
    columns: list[pa.Array] = []
    taken = _places(rows, num_rows)
    for head in heads:
        probabilities = found[head.name]
        pair = (
            _levels(head, probabilities)
            if head.kind == "ordinal"
            else _classes(head, probabilities)
        )
        columns += [column.take(taken) for column in pair]
    return pa.RecordBatch.from_arrays(columns, schema=quality_schema(heads))


def _places(rows: npt.NDArray[np.int64], num_rows: int) -> pa.Array:
    """For each document the place of its answer, null where none was asked for."""
    places = np.full(num_rows, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return pa.array(places, mask=places < 0)


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
