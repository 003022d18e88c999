"""Any Hugging Face sequence classifier as a tagger: FineWeb-Edu's, a small LLM's, one's own.

Its configuration says what its answers are:

* one output (a regression, such as FineWeb-Edu's): an ordinal head ``level`` over the levels that
  the recipe gives. A score of 2.3 is put as 0.7 of level 2 and 0.3 of level 3, so its mean is
  the score again, cut at the ends of the scale;
* several that exclude each other: a nominal head ``label``;
* several that do not (``problem_type: multi_label_classification``): for each a head of its own
  with the levels 0 and 1, whose score is its probability.

Weights are read from safetensors only, and no code that comes with a model is run.
"""

import hashlib
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from filters.taggers.backend import HeadSpec, Probabilities, softmax
from filters.taggers.encoder_backend import check_installed
from filters.words import has_word
from pipeline.errors import ConfigError

_FILES = ("config.json", "tokenizer.json", "*.safetensors")
_NO_NAME = re.compile(r"[^a-z0-9]+")


def locate(model: str, *, is_download_allowed: bool) -> Path:
    """The folder of ``model``: its path, or where Hugging Face's cache holds that repository.

    ConfigError when it is not there and must not be fetched, or lacks one of the files.
    """
    folder = Path(model)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            folder = Path(
                snapshot_download(
                    model,
                    allow_patterns=list(_FILES),
                    local_files_only=not is_download_allowed,
                )
            )
        except (OSError, HfHubHTTPError, HFValidationError) as error:
            how = "" if is_download_allowed else "; download: true fetches it from Hugging Face"
            raise ConfigError(f"{model!r} is no folder, nor a model in the cache{how}") from error
    for pattern in _FILES:
        if not any(folder.glob(pattern)):
            raise ConfigError(f"the classifier {model!r} has no {pattern} in {folder}")
    return folder


def digest_files(folder: Path) -> bytes:
    """SHA-256 of all that decides what a classifier says."""
    digest = hashlib.sha256()
    for pattern in _FILES:
        for path in sorted(folder.glob(pattern)):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()


class SequenceClassifier:
    """A classifier; threads may share one. Its weights are loaded when the first text comes."""

    def __init__(self, folder: Path, *, levels: Sequence[int], max_pieces: int) -> None:
        """Read the configuration; ConfigError when it is none of a classifier's."""
        check_installed(f"the classifier {folder}")
        from transformers import AutoConfig

        try:
            self._config: Any = AutoConfig.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read the classifier in {folder}: {error}") from error
        if self._config.pad_token_id is None:
            # A small LLM's head reads the last piece that is no padding, and must know it.
            ends = self._config.eos_token_id
            self._config.pad_token_id = ends if isinstance(ends, int) else 0
        self._folder, self._levels, self._max_pieces = folder, tuple(levels), max_pieces
        self.heads: tuple[HeadSpec, ...] = _heads(self._config, self._levels)
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, str] | None = None

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        """As :meth:`Backend.probabilities`; abstains where a text has no word. No url is read."""
        del urls
        logits = np.full((len(texts), self._config.num_labels), np.nan, np.float32)
        judged = [row for row, text in enumerate(texts) if has_word(text)]
        if judged:
            logits[judged] = self._logits([texts[row] for row in judged])
        if self._config.num_labels == 1:
            return {self.heads[0].name: _between_levels(logits[:, 0], self._levels)}
        if _is_multi_label(self._config):
            zeros = np.zeros(len(texts), np.float32)
            return {
                head.name: softmax(np.stack([zeros, logits[:, place]], axis=1))
                for place, head in enumerate(self.heads)
            }
        return {self.heads[0].name: softmax(logits)}

    def _logits(self, texts: Sequence[str]) -> np.ndarray:
        from filters.taggers import encoders

        tokenizer, model, device = self._load()
        readable = [text.encode("utf-8", "replace").decode() for text in texts]
        pieces = encoders.cut_pieces(tokenizer, readable, limit=self._max_pieces)
        logits: np.ndarray = encoders.run(
            pieces,
            lambda ids, is_piece: model(input_ids=ids, attention_mask=is_piece.long()).logits,
            device=device,
            pad_id=self._config.pad_token_id,
        ).numpy()
        return logits

    def _load(self) -> tuple[Any, Any, str]:
        from filters.taggers import encoders

        with self._lock:
            if self._loaded is None:
                device = encoders.device()
                tokenizer = encoders.load_tokenizer(self._folder)
                model = encoders.load_classifier(self._folder, self._config, device=device)
                self._loaded = tokenizer, model, device
            return self._loaded


def _heads(config: Any, levels: tuple[int, ...]) -> tuple[HeadSpec, ...]:
    if config.num_labels == 1:
        return (HeadSpec("level", "ordinal", levels),)
    labels = [str(config.id2label[place]) for place in range(config.num_labels)]
    if not _is_multi_label(config):
        return (HeadSpec("label", "nominal", tuple(labels)),)
    names = [_NO_NAME.sub("_", label.lower()).strip("_") for label in labels]
    if len(set(names)) < len(names) or not all(names):
        raise ConfigError(f"the classifier's labels {labels} give no different column names")
    return tuple(HeadSpec(name, "ordinal", (0, 1)) for name in names)


def _is_multi_label(config: Any) -> bool:
    return bool(config.problem_type == "multi_label_classification")


def _between_levels(scores: np.ndarray, levels: tuple[int, ...]) -> Probabilities:
    """[texts, levels]: rows whose mean level is the score, cut at the ends; NaN rows stay."""
    known = ~np.isnan(scores)
    clipped = np.clip(np.where(known, scores, levels[0]), levels[0], levels[-1])
    lower = np.minimum((clipped - levels[0]).astype(np.int64), max(0, len(levels) - 2))
    share = (clipped - levels[0] - lower).astype(np.float32)
    rows = np.zeros((len(scores), len(levels)), np.float32)
    at = np.arange(len(scores))
    rows[at, lower] = 1 - share
    rows[at, lower + 1] += share
    rows[~known] = np.nan
    made: Probabilities = np.round(rows, 4)
    return made
