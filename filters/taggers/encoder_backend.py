"""The encoder tagger: a BERT-like encoder, its states' mean, and one linear layer for all heads.

The costly one: a MiniLM reads some 1,200 documents a second on an H100, a handful on a core.
Training writes it (``reasonmill tag train --kind encoder``); it needs torch and transformers, the
``gpu`` extra. Its weights are loaded when the first text comes, so that a machine that only submits
a run needs no GPU.

Probabilities are rounded to 4 decimals. A GPU's sums depend on how texts are batched: there the
last of them may differ between runs.
"""

import importlib.util
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from filters.taggers.backend import (
    MIN_TAGGED_WORDS,
    HeadSpec,
    Probabilities,
    check_version,
    read_heads,
    softmax,
    split_heads,
)
from pipeline.errors import ConfigError

MODEL_VERSION = 1
"""Raised when what the encoder is shown, or the form of its output, changes."""

ENCODER_FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""The encoder as Hugging Face lays it out."""

OUTPUT_FILE = "output.safetensors"
"""``weight`` [values of all heads, width] and ``bias``."""

MAX_SHOWN_CHARS = 2600
"""2,600 characters of English are about 512 pieces of words, which is all that is read."""

BEGINNING_CHARS, MIDDLE_CHARS, END_CHARS = 1700, 600, 300

_WORD = re.compile("[A-Za-z]+")


def shown(text: str, url: str | None) -> str:
    """What the encoder reads of a document: as annotators do, mostly its beginning.

    The address stands before it, where there is one. Lone surrogates become question marks.
    """
    if len(text) > MAX_SHOWN_CHARS:
        middle = (len(text) - MIDDLE_CHARS) // 2
        pieces = (text[:BEGINNING_CHARS], text[middle : middle + MIDDLE_CHARS], text[-END_CHARS:])
        text = "\n".join(pieces)
    return with_address(text, url)


def with_address(text: str, url: str | None) -> str:
    """The form that the encoder is trained on; encodable whatever ``text`` holds."""
    return (f"{url}\n{text}" if url else text).encode("utf-8", "replace").decode()


def check_installed(what: str) -> None:
    """Raise ConfigError, naming ``what`` needs them, unless torch and transformers are there."""
    missing = [name for name in ("torch", "transformers") if not importlib.util.find_spec(name)]
    if missing:
        raise ConfigError(
            f"{what} needs {' and '.join(missing)}, not installed: pip install 'reasonmill[gpu]'"
        )


@dataclass(frozen=True)
class _Loaded:
    tokenizer: Any
    encoder: Any
    output: Any
    device: str


class EncoderBackend:
    """A tuned encoder; threads may share one."""

    def __init__(self, folder: Path, stated: dict[str, Any]) -> None:
        """``stated`` is the folder's model file, whose digests have been checked."""
        check_version(folder, stated, version=MODEL_VERSION)
        check_installed(f"the encoder {folder}")
        self.heads: tuple[HeadSpec, ...] = read_heads(stated)
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        """As :meth:`Backend.probabilities`; abstains below MIN_TAGGED_WORDS Latin words."""
        judged = [
            row for row, text in enumerate(texts) if len(_WORD.findall(text)) >= MIN_TAGGED_WORDS
        ]
        logits = np.full(
            (len(texts), sum(len(head.values) for head in self.heads)), np.nan, np.float32
        )
        if judged:
            logits[judged] = self._logits([shown(texts[row], urls[row]) for row in judged])
        return {name: softmax(part) for name, part in split_heads(self.heads, logits)}

    def _logits(self, texts: Sequence[str]) -> np.ndarray:
        from filters.taggers import encoders

        loaded = self._load()
        pieces = encoders.cut_pieces(loaded.tokenizer, texts)
        logits: np.ndarray = encoders.run(
            pieces,
            lambda ids, is_piece: loaded.output(encoders.mean_state(loaded.encoder, ids, is_piece)),
            device=loaded.device,
        ).numpy()
        return logits

    def _load(self) -> _Loaded:
        from filters.taggers import encoders

        with self._lock:
            if self._loaded is None:
                device = encoders.device()
                encoder, output = encoders.load_tagger(self._folder, OUTPUT_FILE, device=device)
                tokenizer = encoders.load_tokenizer(self._folder)
                self._loaded = _Loaded(tokenizer, encoder, output, device)
            return self._loaded
