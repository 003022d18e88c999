"""Trains the tagger's two heads: ``python -m filters.taggers.train --pages FILE --out DIR``.

``--pages`` is JSONL, plain or .xz, one page a line: url, text, topic_id, format_id (places in
``taxonomy``), topic_confidence and format_confidence (0-1). A tenth of the hosts is held out, by
a hash of the host's name, so that no site is on both sides.

Needs ``fasttext`` (the ``train`` extra). It installs the same module as ``fasttext-predict``:
install it last, or in an environment of its own.

The same pages give the same bytes on one machine: one thread, a fixed order, and initial vectors
of our own, because fastText 0.9.3 with ``thread=1`` initialises a tenth of its input matrix and
leaves the rest to chance (``DenseMatrix::uniform``). Another machine's compiler may change the
last bits of a weight, and with them the file's digest.
"""

import argparse
import hashlib
import json
import lzma
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fasttext
import numpy as np

from filters.taggers.normalization import quality_words, topic_words, with_pairs
from filters.taggers.tagger import MODEL_VERSION, MODELS_FILE
from filters.taggers.taxonomy import (
    FORMATS,
    HIGH_QUALITY,
    HIGH_QUALITY_FORMATS,
    LOW_QUALITY,
    LOW_QUALITY_FORMATS,
    TOPICS,
)
from pipeline.errors import ConfigError

SEED = 1
LEARNING_RATE = 0.3
COUNT_SMOOTHING = 10.0
"""Pages of average content that each class is pretended to hold besides its own."""


@dataclass(frozen=True)
class LabelledPage:
    """A page's words and its labels; ``quality`` is None where the format says nothing of it."""

    url: str
    topic_words: list[str]
    quality_words: list[str]
    topic: str
    quality: str | None


@dataclass(frozen=True)
class Head:
    """How one head is trained. Values chosen on validation hosts, a fifth of the training part."""

    name: str
    tokens: Callable[[LabelledPage], list[str]]
    label: Callable[[LabelledPage], str | None]
    classes: tuple[str, ...]
    min_pages: int  # a token of fewer training pages is left out
    epochs: int
    initial_scale: float  # of the log-count ratios


HEADS = (
    Head(
        name="topic",
        tokens=lambda page: page.topic_words,
        label=lambda page: page.topic,
        classes=TOPICS,
        min_pages=2,
        epochs=15,
        initial_scale=0.3,
    ),
    Head(
        name="quality",
        tokens=lambda page: with_pairs(page.quality_words),
        label=lambda page: page.quality,
        classes=(LOW_QUALITY, HIGH_QUALITY),
        min_pages=4,
        epochs=10,
        initial_scale=0.3,
    ),
)


def read_pages(path: Path) -> Iterator[LabelledPage]:
    """The pages of a JSONL file, in its order."""
    open_text = lzma.open if path.suffix == ".xz" else open
    with open_text(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            page: dict[str, Any] = json.loads(line)
            yield LabelledPage(
                url=page["url"],
                topic_words=topic_words(page["text"]),
                quality_words=quality_words(page["text"]),
                topic=TOPICS[page["topic_id"]],
                quality=quality_label(FORMATS[page["format_id"]]),
            )


def quality_label(page_format: str) -> str | None:
    """The weak label of quality that a format gives; None for most formats."""
    if page_format in HIGH_QUALITY_FORMATS:
        return HIGH_QUALITY
    return LOW_QUALITY if page_format in LOW_QUALITY_FORMATS else None


def is_held_out(url: str) -> bool:
    """Whether a page is kept for testing: a tenth of the hosts, by a hash of their names."""
    host = (urlsplit(url).hostname or url).removeprefix("www.")
    return hashlib.blake2b(host.encode(), digest_size=8).digest()[0] % 10 == 0


def initial_vectors(
    documents: Sequence[Sequence[str]],
    labels: Sequence[int],
    *,
    num_classes: int,
    vocabulary: Sequence[str],
) -> np.ndarray:
    """Log-count ratios [vocabulary, num_classes]: how typical of each class a token is.

    log(share of the class's documents with the token / share of all documents with it), smoothed
    by COUNT_SMOOTHING average documents; a class without documents gets zeros. Source: Wang and
    Manning, "Baselines and Bigrams" (ACL 2012), for many classes.
    """
    row_of = {token: row for row, token in enumerate(vocabulary)}
    counts = np.zeros((len(vocabulary), num_classes))
    for document, label in zip(documents, labels, strict=True):
        counts[[row_of[token] for token in set(document) if token in row_of], label] += 1
    class_documents = np.bincount(labels, minlength=num_classes)
    share = counts.sum(axis=1, keepdims=True) / len(documents)
    smoothed = (counts + COUNT_SMOOTHING * share) / (class_documents + COUNT_SMOOTHING)
    ratios: np.ndarray = np.where(class_documents > 0, np.log(smoothed / share), 0.0)
    return ratios


def train_head(pages: Sequence[LabelledPage], head: Head, path: Path) -> Any:
    """Train ``head`` on ``pages``, write the quantized model to ``path`` and return it."""
    labelled = [(head.tokens(page), label) for page in pages if (label := head.label(page))]
    random.Random(SEED).shuffle(labelled)  # noqa: S311 - an order, not a secret
    documents = [document for document, _ in labelled]
    page_counts = Counter(token for document in documents for token in set(document))
    vocabulary = sorted(token for token, count in page_counts.items() if count >= head.min_pages)
    vectors = head.initial_scale * initial_vectors(
        documents,
        [head.classes.index(label) for _, label in labelled],
        num_classes=len(head.classes),
        vocabulary=vocabulary,
    )
    known = frozenset(vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        train_path, vectors_path = Path(folder) / "train.txt", Path(folder) / "initial.vec"
        train_path.write_text(
            "".join(
                f"__label__{label} {' '.join(token for token in document if token in known)}\n"
                for document, label in labelled
            )
        )
        # "</s>" is the token that fastText puts at the end of every line.
        rows = [("</s>", np.zeros(len(head.classes))), *zip(vocabulary, vectors, strict=True)]
        vectors_path.write_text(
            f"{len(rows)} {len(head.classes)}\n"
            + "".join(f"{token} {' '.join(f'{x:.5f}' for x in row)}\n" for token, row in rows)
        )
        model = fasttext.train_supervised(
            str(train_path),
            pretrainedVectors=str(vectors_path),
            dim=len(head.classes),
            lr=LEARNING_RATE,
            epoch=head.epochs,
            wordNgrams=1,
            minCount=1,
            thread=1,
            seed=SEED,
            verbose=0,
        )
    # One codebook per component: groups of two would cost the topic head 2 points of accuracy.
    model.quantize(dsub=1, qnorm=True, thread=1, verbose=0)
    model.save_model(str(path))
    return model


def accuracy(model: Any, head: Head, pages: Sequence[LabelledPage]) -> tuple[float, int]:
    """Share of the pages with a label that ``model`` gives that label, and their number."""
    labelled = [page for page in pages if head.label(page)]
    predicted, _ = model.predict([" ".join(head.tokens(page)) for page in labelled])
    correct = sum(
        labels[0] == f"__label__{head.label(page)}"
        for labels, page in zip(predicted, labelled, strict=True)
    )
    return correct / len(labelled), len(labelled)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train both heads, print their accuracy on the held-out hosts, and write the models."""
    parser = argparse.ArgumentParser(description="Train the tagger's topic and quality heads.")
    parser.add_argument("--pages", type=Path, required=True, help="labelled pages, JSONL or .xz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    options = parser.parse_args(arguments)
    if not hasattr(fasttext, "train_supervised"):
        raise ConfigError(
            "the module fasttext is fasttext-predict, which cannot train: install fasttext after "
            "it, or in an environment of its own"
        )
    pages = list(read_pages(options.pages))
    training = [page for page in pages if not is_held_out(page.url)]
    held_out = [page for page in pages if is_held_out(page.url)]
    options.out.mkdir(parents=True, exist_ok=True)
    sha256 = {}
    for head in HEADS:
        path = options.out / f"{head.name}.ftz"
        model = train_head(training, head, path)
        share, num_pages = accuracy(model, head, held_out)
        sha256[head.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{head.name}: accuracy {share:.3f} on {num_pages} held-out pages")
    stated = {"version": MODEL_VERSION, "sha256": sha256}
    (options.out / MODELS_FILE).write_text(json.dumps(stated, indent=2) + "\n")


if __name__ == "__main__":
    main()
