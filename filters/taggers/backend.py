"""What a tagger is to the rest: heads, and for each text a probability for each of their values.

There are three kinds of model, from the cheapest to the costliest: ``fasttext`` (hashed n-grams),
``embedding`` (word vectors with one network for all heads) and ``encoder`` (a BERT-like one).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.errors import ConfigError

MODEL_FILE = "model.json"
"""In a model's folder: kind, version, heads, and the sha256 of each file beside it."""

MIN_TAGGED_WORDS = 20
"""With fewer words in Latin letters a tagger abstains: it would be guessing from its prior."""

Probabilities = npt.NDArray[np.float32]
HeadKind = Literal["ordinal", "nominal"]


@dataclass(frozen=True)
class HeadSpec:
    """One question that a model answers; ``values`` are in the order of its probabilities.

    The values of an ordinal head are whole numbers, ascending. ``not_applicable`` is the one of
    them, if any, that says that the question does not apply. ``cuts`` are the scores, ascending, at
    which the second and each further level begin; without them levels begin halfway.
    """

    name: str
    kind: HeadKind
    values: tuple[int | str, ...]
    not_applicable: int | None = None
    cuts: tuple[float, ...] = ()

    @property
    def levels(self) -> tuple[int, ...]:
        """The values that stand on the scale: all but ``not_applicable``."""
        return tuple(int(value) for value in self.values if value != self.not_applicable)


class Backend(Protocol):
    """A trained tagger, loaded."""

    heads: tuple[HeadSpec, ...]

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        """For each head [texts, values], rows that add up to 1; rows of NaN where it abstains.

        Every text is judged alone. ``urls`` may hold None.
        """
        ...


def load_backend(folder: Path) -> Backend:
    """The model in ``folder``; ConfigError when it is missing, damaged or of another version."""
    stated = read_model_file(folder)
    match stated.get("kind"):
        case "embedding":
            from filters.taggers.embedding import EmbeddingBackend

            return EmbeddingBackend(folder, stated)
        case "fasttext":
            from filters.taggers.fasttext_backend import FastTextBackend

            return FastTextBackend(folder, stated)
        case "encoder":
            from filters.taggers.encoder_backend import EncoderBackend

            return EncoderBackend(folder, stated)
        case kind:
            raise ConfigError(
                f"{folder / MODEL_FILE}: kind is {kind!r}; known are fasttext, embedding, encoder"
            )


def read_model_file(folder: Path) -> dict[str, Any]:
    """What MODEL_FILE says; ConfigError where it can't be read or a file is not the one stated."""
    path = folder / MODEL_FILE
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the tagger's {path}: {error}") from error
    if not isinstance(stated, dict) or not isinstance(stated.get("sha256"), dict):
        raise ConfigError(f"{path} states no sha256: it is no tagger of ours")
    for name, expected in stated["sha256"].items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"cannot read the tagger's {folder / name}: {error}") from error
        if found != expected:
            raise ConfigError(
                f"{folder / name} has sha256 {found}, but {path.name} states {expected}: it is "
                "damaged or of another version"
            )
    return stated


def check_version(folder: Path, stated: dict[str, Any], *, version: int) -> None:
    """Raise ConfigError unless the model is of the version that this code reads."""
    if stated.get("version") != version:
        raise ConfigError(
            f"{folder / MODEL_FILE} is of version {stated.get('version')!r}, and this code reads "
            f"version {version}: train it again with `reasonmill tag train`"
        )


def read_heads(stated: dict[str, Any]) -> tuple[HeadSpec, ...]:
    """The heads that MODEL_FILE states."""
    return tuple(
        HeadSpec(
            head["name"],
            head["kind"],
            tuple(head["values"]),
            head["not_applicable"],
            tuple(head["cuts"]),
        )
        for head in stated["heads"]
    )


def split_heads(
    heads: Sequence[HeadSpec], rows: Probabilities
) -> Iterator[tuple[str, Probabilities]]:
    """The part of ``rows`` [texts, values of all heads] that belongs to each head."""
    start = 0
    for head in heads:
        end = start + len(head.values)
        yield head.name, rows[:, start:end]
        start = end


def softmax(logits: Probabilities) -> Probabilities:
    """Rows of probabilities, rounded to 4 decimals; NaN rows stay."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf))
    rows: Probabilities = np.round(shifted / shifted.sum(axis=1, keepdims=True), 4).astype(
        np.float32
    )
    return rows


def write_model_file(
    folder: Path,
    *,
    kind: str,
    version: int,
    heads: Sequence[HeadSpec],
    files: Sequence[str],
    **more: Any,
) -> None:
    """Write MODEL_FILE for ``files`` that lie in ``folder`` already."""
    stated = {
        "kind": kind,
        "version": version,
        "heads": _state_heads(heads),
        **more,
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files
        },
    }
    _write(folder, stated)


def state_heads_again(folder: Path, heads: Sequence[HeadSpec]) -> None:
    """Replace the heads that MODEL_FILE states, such as by ones with cuts."""
    _write(folder, {**read_model_file(folder), "heads": _state_heads(heads)})


def _state_heads(heads: Sequence[HeadSpec]) -> list[dict[str, Any]]:
    return [
        {
            "name": head.name,
            "kind": head.kind,
            "values": list(head.values),
            "not_applicable": head.not_applicable,
            "cuts": list(head.cuts),
        }
        for head in heads
    ]


def _write(folder: Path, stated: dict[str, Any]) -> None:
    (folder / MODEL_FILE).write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")


def head_columns(heads: Sequence[HeadSpec]) -> list[tuple[str, str]]:
    """The measures of ``heads``, as (name, Arrow type), in order.

    For an ordinal head its level and its score, the mean level by probability; for a nominal
    one the most probable class and its probability.
    """
    columns = []
    for head in heads:
        if head.kind == "ordinal":
            columns += [(head.name, "int8"), (f"{head.name}_score", "float")]
        else:
            columns += [(head.name, "string"), (f"{head.name}_confidence", "float")]
    return columns
