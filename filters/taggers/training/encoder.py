"""The teacher: a sentence encoder, tuned for all heads at once, that labels what nobody labelled.

A small network on word vectors learns little from a few thousand documents. The encoder knows
English beforehand; tuned on them it labels many crops of the same documents, and those teach the
network. Measured on WebOrganizer's topics, held-out hosts, macro-F1: the network from the labels
alone 0.74, from ten crops of each document 0.75, with wider vectors 0.75; the encoder 0.82.
"""

import random
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from filters.taggers.backend import HeadSpec, write_model_file
from filters.taggers.encoder_backend import (
    ENCODER_FILES,
    MAX_SHOWN_CHARS,
    MODEL_VERSION,
    OUTPUT_FILE,
    shown,
    with_address,
)
from filters.taggers.encoders import cut_pieces, load_encoder, load_tokenizer, mean_state, pad, run
from filters.taggers.training.examples import MISSING, SMOOTHING, Examples

CROP_CHARS = (300, MAX_SHOWN_CHARS)
"""Shortest and longest crop."""

LEARNING_RATE, HEAD_LEARNING_RATE = 1e-4, 2e-3
EPOCHS = 8
BATCH = 32
MAX_WORD_PIECES = 16
CHUNK = 4096
"""Texts that are cut into pieces at once."""


class Crop(NamedTuple):
    """A stretch of a text, with its address where that is to be shown."""

    text: str
    url: str | None


def random_crop(text: str, url: str | None, chance: random.Random, *, url_share: float) -> Crop:
    """A crop of random length and place; the address goes with ``url_share`` of them."""
    size = chance.randint(*CROP_CHARS)
    start = chance.randint(0, max(0, len(text) - size))
    return Crop(text[start : start + size], url if chance.random() < url_share else None)


class Teacher:
    """A tuned encoder; ``folder`` holds a BERT-like model as Hugging Face lays it out."""

    def __init__(self, folder: Path, heads: Sequence[HeadSpec], *, device: str, seed: int) -> None:
        torch.manual_seed(seed)
        self._chance = random.Random(seed)  # noqa: S311 - which crops, not a secret
        self._heads, self._device, self._folder = tuple(heads), device, folder
        self._tokenizer = load_tokenizer(folder)
        self._encoder: Any = load_encoder(folder, device=device)
        width = self._encoder.config.hidden_size
        self._output = nn.Linear(width, sum(len(head.values) for head in heads)).to(device)

    def fit(self, examples: Examples, *, report: Callable[[str], None]) -> None:
        """Tune on the crops of ``examples``, new ones in each epoch."""
        steps = EPOCHS * (len(examples.texts) // BATCH)
        parameters = [
            {"params": self._encoder.parameters(), "lr": LEARNING_RATE},
            {"params": self._output.parameters(), "lr": HEAD_LEARNING_RATE},
        ]
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [LEARNING_RATE, HEAD_LEARNING_RATE], total_steps=steps, pct_start=0.1
        )
        self._encoder.train()
        for epoch in range(EPOCHS):
            order = torch.randperm(len(examples.texts)).tolist()
            pieces = cut_pieces(
                self._tokenizer, [self._training_text(examples, row) for row in order]
            )
            targets = torch.as_tensor(examples.targets[order], device=self._device)
            total = 0.0
            for start in range(0, len(order) - BATCH + 1, BATCH):
                ids, is_piece = pad(pieces[start : start + BATCH], device=self._device)
                with torch.autocast(
                    self._device, dtype=torch.bfloat16, enabled=self._device == "cuda"
                ):
                    logits = self._forward(ids, is_piece, dropout=0.1)
                loss = hard_loss(logits.float(), targets[start : start + BATCH], self._heads)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self._encoder.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                total += loss.item()
            report(f"encoder: epoch {epoch + 1} of {EPOCHS}, loss {total * BATCH / len(order):.3f}")
        self._encoder.eval()

    def log_probabilities(self, shown_texts: Sequence[str]) -> Tensor:
        """[texts, values of all heads], each head's normalised; on the CPU.

        The texts are as ``encoder_backend.with_address`` makes them.
        """
        parts = [shown_texts[at : at + CHUNK] for at in range(0, len(shown_texts), CHUNK)]
        logits = torch.cat(
            [
                run(cut_pieces(self._tokenizer, part), self._forward, device=self._device)
                for part in parts
            ]
        )
        of_heads = logits.split([len(head.values) for head in self._heads], dim=1)
        return torch.cat([one.log_softmax(1) for one in of_heads], dim=1)

    def write(self, out: Path, **stated: Any) -> None:
        """Write a model that ``encoder_backend`` reads; ``stated`` is kept in the model file."""
        from safetensors.torch import save_file

        self._encoder.save_pretrained(out)
        shutil.copyfile(self._folder / "tokenizer.json", out / "tokenizer.json")
        output = {name: one.contiguous() for name, one in self._output.state_dict().items()}
        save_file(output, out / OUTPUT_FILE)
        write_model_file(
            out,
            kind="encoder",
            version=MODEL_VERSION,
            heads=self._heads,
            files=(*ENCODER_FILES, OUTPUT_FILE),
            **stated,
        )

    def _training_text(self, examples: Examples, row: int) -> str:
        text, url = examples.texts[row], examples.urls[row]
        if self._chance.random() < 0.5:  # noqa: PLR2004
            return shown(text, url if self._chance.random() < 0.5 else None)  # noqa: PLR2004
        return with_address(*random_crop(text, url, self._chance, url_share=0.5))

    def _forward(self, ids: Tensor, is_piece: Tensor, *, dropout: float = 0.0) -> Tensor:
        pooled = mean_state(self._encoder, ids, is_piece)
        logits: Tensor = self._output(functional.dropout(pooled, dropout, training=dropout > 0))
        return logits


def hard_loss(logits: Tensor, targets: Tensor, heads: Sequence[HeadSpec]) -> Tensor:
    """Mean over heads of the cross-entropy to the labels that are known.

    For ordinal heads also the squared error of the mean level, in shares of the scale, so that
    near misses cost less.
    """
    losses = []
    parts = logits.split([len(head.values) for head in heads], dim=1)
    for place, (head, part) in enumerate(zip(heads, parts, strict=True)):
        is_known = targets[:, place] != MISSING
        if not is_known.any():
            continue
        known, wanted = part[is_known], targets[is_known, place]
        loss = functional.cross_entropy(known, wanted, label_smoothing=SMOOTHING)
        if head.kind == "ordinal":
            levels = torch.linspace(0, 1, len(head.values), device=part.device)
            mean = (known.softmax(1) * levels).sum(1)
            loss = loss + 4 * functional.mse_loss(mean, levels[wanted])
        losses.append(loss * is_known.float().mean().sqrt())
    return torch.stack(losses).sum() / len(heads) ** 0.5


def word_vectors(folder: Path, words: Sequence[str], *, dims: int, device: str) -> np.ndarray:
    """[words, dims]: each word read alone by the encoder as it comes.

    Reduced by principal components and scaled to a mean length of 1, after model2vec's way of
    making static vectors.
    """
    tokenizer = load_tokenizer(folder)
    encoder = load_encoder(folder, device=device)
    pieces = cut_pieces(tokenizer, words, limit=MAX_WORD_PIECES)
    found = run(pieces, partial(mean_state, encoder), device=device).to(device)
    centred = found - found.mean(0)
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    reduced = centred @ components[:dims].T
    scaled: np.ndarray = (reduced / reduced.norm(dim=1).mean()).cpu().numpy()
    return scaled
