"""The classifier annotators: what any Hugging Face sequence classifier says of each document.

Documents in; out, columns as ``sequence_classifier`` describes, under the name that the recipe
gives the classifier: ``edu.level`` and ``edu.level_score``, or ``spam.label`` and
``spam.label_confidence``. Null for source files and for texts without a word. Meant for a GPU.
"""

from typing import Annotated, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from filters.taggers.encoder_backend import check_installed
from filters.taggers.quality import measure_heads, prose_rows, quality_schema
from filters.taggers.sequence_classifier import SequenceClassifier, digest_files, locate

MAX_LEVEL = 127


class ClassifierConfig(BaseModel):
    """One classifier."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str = Field(min_length=1, description="Folder of the model, or its name on Hugging Face")
    download: bool = Field(
        default=False,
        description="Whether a model that is not in Hugging Face's cache may be fetched",
    )
    levels: Annotated[tuple[int, ...], Field(strict=False, min_length=2, max_length=2)] = Field(
        default=(0, 5),
        description="Lowest and highest level of a model with one output (default: FineWeb-Edu's)",
    )
    max_pieces: int = Field(
        default=512, ge=8, description="Pieces of words, from the first, that the model reads"
    )

    @model_validator(mode="after")
    def _levels_ascend(self) -> Self:
        low, high = self.levels
        if not -MAX_LEVEL <= low < high <= MAX_LEVEL:
            raise ValueError(
                f"levels {list(self.levels)}: give the lowest and the highest, whole numbers "
                f"between -{MAX_LEVEL} and {MAX_LEVEL}"
            )
        return self


class ClassifierAnnotator:
    """Runs one classifier over documents."""

    def __init__(self, name: str, config: ClassifierConfig) -> None:
        """Find the model; ConfigError when it is not there or is no classifier."""
        check_installed(f"the classifier {name!r}")
        low, high = config.levels
        folder = locate(config.model, is_download_allowed=config.download)
        self.name = name
        self._classifier = SequenceClassifier(
            folder, levels=range(low, high + 1), max_pieces=config.max_pieces
        )
        self.columns = quality_schema(self._classifier.heads)
        self.version = int.from_bytes(digest_files(folder)[:6], "big")

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        rows = prose_rows(documents)
        texts = documents.column("text").take(pa.array(rows)).to_pylist()
        found = self._classifier.probabilities(texts, [None] * len(texts))
        return measure_heads(self._classifier.heads, found, rows=rows, num_rows=len(documents))
