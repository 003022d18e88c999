"""The tagger: the topic of a document and a score of its quality, from two small fastText models.

Documents in; ``topic`` (a name of ``taxonomy.TOPICS``), ``topic_score`` (its probability) and
``quality`` (0-1) out. All three are null for source files, which the tagger has never seen. The
topic is null for a text with fewer than ``MIN_TAGGED_WORDS`` words in Latin letters, the quality
for one whose prose has fewer.

``quality`` is the probability of the high class under weak labels made from page formats: a
tutorial is taken to be good and an advertisement bad. It ranks documents; it is no share of
anything. The models' data, figures and limits: ``models/CARD.md``.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.fasttext_model import FastTextModel
from filters.rowwise import annotate_texts
from filters.taggers.backend import MIN_TAGGED_WORDS
from filters.taggers.normalization import quality_words, topic_words, with_pairs
from filters.taggers.taxonomy import HIGH_QUALITY
from pipeline.errors import ConfigError

MODEL_VERSION = 1
"""Raised with the models: what their training or the normalization of their input changes."""

HEADS = ("topic", "quality")
MODELS_FILE = "models.json"
"""Beside the models: {"version": MODEL_VERSION, "sha256": {head: of <head>.ftz}}."""

SHIPPED_MODELS = Path(__file__).parent / "models"

COLUMNS = pa.schema(
    [
        pa.field("topic", pa.string()),
        pa.field("topic_score", pa.float32()),
        pa.field("quality", pa.float32()),
    ]
)


class TaggerConfig(BaseModel):
    """Settings of the tagger."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    models: str | None = Field(
        default=None,
        min_length=1,
        description=f"Folder with topic.ftz, quality.ftz and {MODELS_FILE}, as written by "
        "filters.taggers.train; null: the models that are shipped",
    )


class TaggerAnnotator:
    """Tags each document with a topic and a quality; null where there is nothing to judge by."""

    name = "tagger"
    version = 1
    columns = COLUMNS

    def __init__(self, config: TaggerConfig) -> None:
        """Load the models; ConfigError when one is missing, damaged or of another version."""
        folder = SHIPPED_MODELS if config.models is None else Path(config.models)
        sha256 = _read_digests(folder / MODELS_FILE)
        self._topic, self._quality = (
            FastTextModel(folder / f"{head}.ftz", sha256=sha256[head], name=f"tagger.{head}")
            for head in HEADS
        )

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(documents, COLUMNS, self._tag)

    def _tag(self, text: str) -> tuple[str | None, float | None, float | None]:
        topic = topic_score = quality = None
        words = topic_words(text)
        if _are_enough(words):
            ((topic, topic_score),) = self._topic.probabilities(" ".join(words)).items()
        words = quality_words(text)
        if _are_enough(words):
            line = " ".join(with_pairs(words))
            quality = self._quality.probabilities(line, max_labels=2)[HIGH_QUALITY]
        return topic, topic_score, quality


def _are_enough(words: list[str]) -> bool:
    return len(words) - words.count("0") >= MIN_TAGGED_WORDS


def _read_digests(path: Path) -> dict[str, str]:
    """The sha256 of each head's model; ConfigError unless the file fits this code."""
    try:
        stated: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"tagger.models: cannot read {path}: {error}") from error
    version = stated.get("version") if isinstance(stated, dict) else None
    if version != MODEL_VERSION:
        raise ConfigError(
            f"tagger.models: {path} is of version {version!r}, and this code reads version "
            f"{MODEL_VERSION}: train the models again with filters.taggers.train"
        )
    sha256 = stated.get("sha256")
    if not isinstance(sha256, dict) or not all(isinstance(sha256.get(head), str) for head in HEADS):
        raise ConfigError(f"tagger.models: {path} lacks the sha256 of one of {', '.join(HEADS)}")
    return sha256
