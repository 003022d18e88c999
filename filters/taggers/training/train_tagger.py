"""Trains the embedding tagger.

From labelled documents alone the network learns from their labels. With ``encoder``, a folder with
a BERT-like sentence encoder, that encoder is tuned first (``encoder``), labels crops of the same
documents, and the network learns from those too; its word vectors then come from the encoder. A
third of the sites is held out and never seen (``filters.taggers.split``).

Needs torch (the ``torch`` extra), and transformers for ``encoder``.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from filters.taggers import encoders
from filters.taggers.backend import HeadSpec
from filters.taggers.embedding import write_model
from filters.taggers.encoder_backend import shown, with_address
from filters.taggers.tokens import Vocabulary, tokenize, view
from filters.taggers.training.calibration import calibrate
from filters.taggers.training.encoder import Teacher, random_crop, word_vectors
from filters.taggers.training.examples import Examples, gold, make_examples
from filters.taggers.training.fitting import fit
from filters.taggers.training.network import (
    BATCH,
    LEARNING_RATE,
    NUM_BUCKETS,
    WORD_DIMS,
    Network,
    PaddedTokens,
)

SEED = 1
MIN_DOCUMENTS_OF_TOKEN = 3
CROPS_A_DOCUMENT = 14
NUM_TEACHERS = 2
GOLD_SHARE = 0.5
"""How much the label itself counts beside the teacher's opinion, where there is one."""

EPOCHS_WITH_TEACHER, EPOCHS_ALONE = 6, 20


def train(
    documents: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, int | str]],
    heads: Sequence[HeadSpec],
    out: Path,
    *,
    encoder: Path | None = None,
    report: Callable[[str], None] = print,
    **stated: Any,
) -> None:
    """Train on the documents that are not held out, and write a model folder.

    ``documents`` hold id, url and text; ``labels`` are by id, and a head may be missing in some.
    ``stated`` is kept in the model file.
    """
    device = encoders.device()
    torch.manual_seed(SEED)
    examples = make_examples(documents, labels, heads)
    training = examples.select(~examples.is_held_out & examples.has_label)
    unlabelled = examples.select(~examples.is_held_out & ~examples.has_label)
    report(
        f"{len(training.texts)} documents to train on, {int(examples.is_held_out.sum())} held out"
    )
    counts = count_tokens(training, unlabelled)
    tokens = sorted(token for token, count in counts.items() if count >= MIN_DOCUMENTS_OF_TOKEN)
    texts, urls, probabilities = (
        list(training.texts),
        list(training.urls),
        torch.as_tensor(gold(training, heads)),
    )
    if encoder is not None:
        teachers = [
            Teacher(encoder, heads, device=device, seed=SEED + number)
            for number in range(NUM_TEACHERS)
        ]
        for teacher in teachers:
            teacher.fit(training, report=report)
        texts, urls, probabilities = label_crops(
            teachers, training, unlabelled, probabilities, heads
        )
        report(f"{len(texts)} texts and crops labelled by {NUM_TEACHERS} encoders")
        vectors = word_vectors(encoder, ["[UNK]", *tokens], dims=WORD_DIMS, device=device)
    else:
        vectors = np.random.default_rng(SEED).normal(0, 0.06, (len(tokens) + 1, WORD_DIMS))
    network = train_network(
        texts, urls, probabilities, heads, tokens, vectors.astype(np.float32), counts,
        num_documents=len(training.texts) + len(unlabelled.texts), device=device,
        epochs=EPOCHS_ALONE if encoder is None else EPOCHS_WITH_TEACHER, report=report,
    )  # fmt: skip
    write_model(out, heads=heads, tokens=tokens, weights=network.export(), **stated)
    calibrate(out, training)


def count_tokens(*sets: Examples) -> Counter[str]:
    """In how many documents each token occurs, in the text or the address."""
    counts: Counter[str] = Counter()
    for examples in sets:
        for text, url in zip(examples.texts, examples.urls, strict=True):
            counts.update({*tokenize(view(text)), *tokenize(url or "")})
    return counts


def label_crops(
    teachers: Sequence[Teacher],
    training: Examples,
    unlabelled: Examples,
    labels: Tensor,
    heads: Sequence[HeadSpec],
) -> tuple[list[str], list[str | None], Tensor]:
    """Whole documents, with and without their address, and crops; and what to say of them."""
    chance = random.Random(SEED)  # noqa: S311 - which crops, not a secret
    texts: list[str] = []
    urls: list[str | None] = []
    crops = []
    gold_rows = []
    for examples, is_labelled in ((training, True), (unlabelled, False)):
        for row, (text, url) in enumerate(zip(examples.texts, examples.urls, strict=True)):
            for address in (url, None):
                texts.append(text)
                urls.append(address)
                crops.append(shown(text, address))
                gold_rows.append(row if is_labelled else -1)
            for _ in range(CROPS_A_DOCUMENT):
                crop = random_crop(text, url, chance, url_share=0.3)
                texts.append(crop.text)
                urls.append(crop.url)
                crops.append(with_address(*crop))
                gold_rows.append(-1)
    said = torch.stack([teacher.log_probabilities(crops) for teacher in teachers]).mean(0)
    sizes = [len(head.values) for head in heads]
    wanted = torch.cat([part.softmax(1) for part in said.split(sizes, 1)], 1)
    rows = torch.as_tensor([place for place, row in enumerate(gold_rows) if row >= 0])
    known = labels[torch.as_tensor([row for row in gold_rows if row >= 0])]
    for part, label in zip(wanted.split(sizes, 1), known.split(sizes, 1), strict=True):
        has_label = label.sum(1) > 0
        places = rows[has_label]
        part[places] = (1 - GOLD_SHARE) * part[places] + GOLD_SHARE * label[has_label]
    return texts, urls, wanted


def train_network(  # noqa: PLR0917 - a network takes them
    texts: Sequence[str],
    urls: Sequence[str | None],
    probabilities: Tensor,
    heads: Sequence[HeadSpec],
    tokens: Sequence[str],
    vectors: np.ndarray,
    counts: Counter[str],
    *,
    num_documents: int,
    device: str,
    epochs: int,
    report: Callable[[str], None],
) -> Network:
    """A network trained on ``probabilities`` of ``texts``."""
    padded = pad(texts, urls, Vocabulary(tokens), device=device)
    rarity = np.array([0.0, *(np.log(num_documents / counts[token]) for token in tokens)])
    num_logits = sum(len(head.values) for head in heads)
    network = Network(vectors, rarity.astype(np.float32), num_logits).to(device)
    fit(
        network,
        lambda rows: network(*padded.select(rows)),
        probabilities,
        heads,
        learning_rate=LEARNING_RATE,
        epochs=epochs,
        batch=BATCH,
        report=report,
    )
    return network


def pad(
    texts: Sequence[str], urls: Sequence[str | None], vocabulary: Vocabulary, *, device: str
) -> PaddedTokens:
    """The tokens of texts and addresses, as the network takes them."""
    return PaddedTokens(
        vocabulary.number(texts, num_buckets=NUM_BUCKETS),
        vocabulary.number_addresses(urls),
        device=device,
    )
