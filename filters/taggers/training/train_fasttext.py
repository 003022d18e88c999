"""Trains the fastText tagger, the cheap screen, on labelled documents.

fastText makes the vocabulary, and its file is what is written; the weights are learned here, in
torch. fastText's own training knows one label a document or a yes or no for each of a hundred, and
version 0.9.3 leaves the vectors of hashed pairs to whatever the memory held. Here every head has a
softmax of its own, and the same documents give the same weights.

Needs ``fasttext`` (the ``train`` extra) and torch (the ``torch`` extra).
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import torch
from torch import Tensor, nn

from filters.taggers.backend import Backend, HeadSpec, write_model_file
from filters.taggers.fasttext_backend import MODEL_VERSION, WEIGHTS_FILE, label_of, line_of
from filters.taggers.training.calibration import calibrate
from filters.taggers.training.examples import gold, make_examples
from filters.taggers.training.fasttext_features import features
from filters.taggers.training.fitting import fit
from pipeline.errors import ConfigError

SEED = 1
DIMS = 48
BUCKETS = 1 << 16
MIN_COUNT = 3
EPOCHS = 8
BATCH = 64
TEACHER_BATCH = 256
LEARNING_RATE = 3e-2
DROPOUT = 0.2
FEATURE_DROPOUT = 0.4
EVEN_MASS = 0.02
"""Weight of what keeps the heads' shares of the common softmax alike: fastText's probabilities have
few digits below 1e-5."""


def check_fasttext() -> None:
    """Raise ConfigError unless the module ``fasttext`` is the one that can train."""
    if not hasattr(fasttext, "train_supervised"):
        raise ConfigError(
            "the module fasttext is fasttext-predict, which cannot train: install fasttext (the "
            "`train` extra) after it, or in an environment of its own"
        )


def train(
    documents: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, int | str]],
    heads: Sequence[HeadSpec],
    out: Path,
    *,
    report: Callable[[str], None] = print,
    **stated: Any,
) -> None:
    """Train on the documents that are not held out, and write a model folder.

    ``documents`` hold id, url and text; ``labels`` are by id, and a head may be missing in some.
    ``stated`` is kept in the model file.
    """
    check_fasttext()
    torch.manual_seed(SEED)
    examples = make_examples(documents, labels, heads)
    training = examples.select(~examples.is_held_out & examples.has_label)
    lines = [line_of(*pair) for pair in zip(training.texts, training.urls, strict=True)]
    rows = [row for row, line in enumerate(lines) if line is not None]
    known = [line for line in lines if line is not None]
    report(f"{len(known)} documents to train on, {int(examples.is_held_out.sum())} held out")
    model = _vocabulary(known, heads)
    words = {word: number for number, word in enumerate(model.words)}
    seen = [features(line, words, num_buckets=BUCKETS) for line in known]
    network = Network(len(words) + BUCKETS, sum(len(head.values) for head in heads))
    fit(
        network,
        lambda chosen: network([_thinned(seen[row]) for row in chosen.tolist()]),
        torch.as_tensor(gold(training, heads)[rows]),
        heads,
        learning_rate=LEARNING_RATE,
        epochs=EPOCHS,
        batch=BATCH,
        even_mass=EVEN_MASS,
        report=report,
    )
    model.set_matrices(*network.matrices(_places(model.labels, heads)))
    model.quantize(dsub=2, qnorm=True, verbose=0)
    out.mkdir(parents=True, exist_ok=True)
    model.save_model(str(out / WEIGHTS_FILE))
    write_model_file(
        out, kind="fasttext", version=MODEL_VERSION, heads=heads, files=(WEIGHTS_FILE,), **stated
    )
    calibrate(out, training)


def fill_labels(
    documents: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, int | str]],
    teacher: Backend,
) -> dict[str, dict[str, int | str]]:
    """``labels``, and where a head of a document has none, what ``teacher`` takes for likeliest.

    A cheap tagger learns little from a few thousand documents; another one's opinion of more is
    worth having.
    """
    filled = {}
    for start in range(0, len(documents), TEACHER_BATCH):
        batch = documents[start : start + TEACHER_BATCH]
        said = teacher.probabilities(
            [one["text"] for one in batch], [one.get("url") for one in batch]
        )
        for row, document in enumerate(batch):
            opinions = {
                head.name: head.values[int(said[head.name][row].argmax())]
                for head in teacher.heads
                if not np.isnan(said[head.name][row]).any()
            }
            filled[document["id"]] = {**opinions, **labels.get(document["id"], {})}
    return filled


class Network(nn.Module):
    """fastText's: the mean of the features' vectors, then one linear layer without a bias."""

    def __init__(self, num_features: int, num_logits: int) -> None:
        super().__init__()
        self.vectors = nn.EmbeddingBag(num_features, DIMS, mode="mean")
        nn.init.normal_(self.vectors.weight, std=0.1)
        self.output = nn.Linear(DIMS, num_logits, bias=False)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, seen: Sequence[np.ndarray]) -> Tensor:
        """Logits [lines, values of all heads] of lines given as their features."""
        starts = np.cumsum([0, *(len(one) for one in seen[:-1])])
        pooled = self.vectors(torch.as_tensor(np.concatenate(seen)), torch.as_tensor(starts))
        logits: Tensor = self.output(self.dropout(pooled))
        return logits

    def matrices(self, places: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The input and output matrices, the rows of the latter in the order of ``places``."""
        output = self.output.weight.detach().numpy()[list(places)]
        return self.vectors.weight.detach().numpy(), np.ascontiguousarray(output)


def _thinned(seen: np.ndarray) -> np.ndarray:
    """A line without some of its words and pairs, others in each epoch; never without all."""
    is_kept = torch.rand(len(seen)).numpy() >= FEATURE_DROPOUT
    return seen[is_kept] if is_kept.any() else seen


def _vocabulary(lines: Sequence[str], heads: Sequence[HeadSpec]) -> Any:
    """An untrained fastText model that knows the words of ``lines`` and all values as labels."""
    labels = [f"__label__{label_of(head.name, value)}" for head in heads for value in head.values]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        path.write_text("\n".join([" ".join(labels), *lines]) + "\n", encoding="utf-8")
        return fasttext.train_supervised(
            str(path),
            dim=DIMS,
            epoch=0,
            wordNgrams=2,
            bucket=BUCKETS,
            minCount=MIN_COUNT,
            loss="softmax",
            thread=1,
            verbose=0,
        )


def _places(labels: Sequence[str], heads: Sequence[HeadSpec]) -> list[int]:
    """For each of fastText's labels its place among the values of all heads."""
    values = [label_of(head.name, value) for head in heads for value in head.values]
    return [values.index(label.removeprefix("__label__")) for label in labels]
