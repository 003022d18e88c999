"""The toxicity annotator: words of lists that the user has, and what a classifier of theirs says.

Documents in; ``words`` (occurrences of listed words or phrases), ``distinct_words``,
``words_per_1000`` (of all words; null without words), ``list`` (the name of the list with most
occurrences, the first in the recipe's order among equals; null: none) and ``score`` (the
probability of the classifier's label; null without a classifier) out. Source files: all null.

Nothing is shipped: lists of abuse such as LDNOOBW (which C4 dropped pages by, arXiv 1910.10683)
and Dolma's Jigsaw classifiers (arXiv 2402.00159) have licences of their own, and what is toxic is
the user's to say. A Hugging Face classifier goes into ``annotate.classifiers``.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.fasttext_model import FastTextModel
from filters.rowwise import annotate_texts
from filters.word_lists import read_lists
from filters.words import words

COLUMNS = pa.schema(
    [
        pa.field("words", pa.int32()),
        pa.field("distinct_words", pa.int32()),
        pa.field("words_per_1000", pa.float32()),
        pa.field("list", pa.string()),
        pa.field("score", pa.float32()),
    ]
)


class ToxicityClassifier(BaseModel):
    """A fastText classifier."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: str = Field(min_length=1, description="The model, .bin or .ftz")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of its bytes")
    label: str = Field(min_length=1, description="The label that means toxic, without __label__")


class ToxicityConfig(BaseModel):
    """Settings of the toxicity annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    lists: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Files of words and phrases by the name that toxicity.list gives: one a line, "
        "# begins a comment, plain or gzip",
    )
    classifier: ToxicityClassifier | None = Field(
        default=None, description="A fastText model of yours; null: toxicity.score is null"
    )


class ToxicityAnnotator:
    """Counts listed words and asks the classifier."""

    name = "toxicity"
    columns = COLUMNS

    def __init__(self, config: ToxicityConfig) -> None:
        """Read lists and model; ConfigError when one can't be read, is empty or is another."""
        digest = hashlib.sha256()
        # First word of a phrase -> (list, whole phrase).
        self._phrases: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for name, paths in config.lists.items():
            read = read_lists(paths, field=f"annotate.toxicity.lists.{name}")
            digest.update(name.encode() + read.digest)
            for entry in read.entries:
                phrase = tuple(words(entry))
                if phrase:
                    self._phrases.setdefault(phrase[0], []).append((name, phrase))
        self._names = tuple(config.lists)
        self._label: str | None = None
        if config.classifier is not None:
            given = config.classifier
            self._model = FastTextModel(Path(given.path), sha256=given.sha256, name="toxicity")
            self._label = given.label
            digest.update(f"{given.sha256} {given.label}".encode())
        self.version = int.from_bytes(digest.digest()[:6], "big")

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(documents, COLUMNS, self._measure)

    def _measure(self, text: str) -> tuple[str | float | None, ...]:
        found = words(text.lower())
        hits = self._hits(found)
        of_list = Counter(name for name, _ in hits)
        top = max(self._names, key=lambda name: of_list[name], default=None)
        score = None
        if self._label is not None and found:
            lowered = text.lower()
            score = self._model.probabilities(lowered, max_labels=-1).get(self._label, 0.0)
        return (
            len(hits),
            len({phrase for _, phrase in hits}),
            1000 * len(hits) / len(found) if found else None,
            top if hits else None,
            score,
        )

    def _hits(self, found: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        if not self._phrases:
            return []
        return [
            (name, phrase)
            for at, word in enumerate(found)
            for name, phrase in self._phrases.get(word, ())
            if tuple(found[at : at + len(phrase)]) == phrase
        ]
