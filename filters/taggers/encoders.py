"""Running encoders in torch: texts in, pieces padded by length, pooled states or logits out.

Needs torch and transformers (the ``gpu`` extra); imported by what an encoder runs, and no sooner.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

MAX_PIECES = 512
"""BERT's own limit (arXiv 1810.04805); FineWeb-Edu's classifier (2406.17557) sees as many."""

PIECES_A_BATCH = 1 << 15
"""Padded pieces that are read at once: 64 texts of the longest, more of shorter ones."""

Pieces = Sequence[Sequence[int]]


def device() -> str:
    """The accelerator that torch finds, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer in ``folder``, without padding and without a limit."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def load_encoder(folder: Path, *, device: str) -> Any:
    """The BERT-like model in ``folder`` in single precision, without its pooling layer."""
    from transformers import AutoModel

    _say_errors_only()
    model: Any = AutoModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)
    return model.to(device).eval()


def load_tagger(folder: Path, output_file: str, *, device: str) -> tuple[Any, nn.Linear]:
    """An encoder and the layer behind it, whose ``weight`` and ``bias`` are in ``output_file``."""
    from safetensors.torch import load_file

    stored = load_file(folder / output_file)
    num_logits, width = stored["weight"].shape
    output = nn.Linear(width, num_logits)
    output.load_state_dict(stored)
    return load_encoder(folder, device=device), output.to(device).eval()


def load_classifier(folder: Path, config: Any, *, device: str) -> Any:
    """The sequence classifier in ``folder`` in single precision, from safetensors only."""
    from transformers import AutoModelForSequenceClassification

    _say_errors_only()
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        folder, config=config, use_safetensors=True, dtype=torch.float32
    )
    return model.to(device).eval()


def _say_errors_only() -> None:
    """Keep transformers' bars and its list of unused weights out of a worker's log."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def cut_pieces(tokenizer: Any, texts: Sequence[str], *, limit: int = MAX_PIECES) -> Pieces:
    """The pieces of each text; of more than ``limit`` the first ones, and the mark at the end."""
    encoded = [one.ids for one in tokenizer.encode_batch(list(texts))]
    return [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in encoded]


def pad(pieces: Pieces, *, device: str, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Ids and whether each is a piece, both [texts, longest]."""
    width = max(map(len, pieces))
    ids = torch.full((len(pieces), width), pad_id, dtype=torch.int64)
    for row, one in enumerate(pieces):
        ids[row, : len(one)] = torch.as_tensor(one)
    lengths = torch.as_tensor([len(one) for one in pieces])
    is_piece = torch.arange(width)[None] < lengths[:, None]
    return ids.to(device), is_piece.to(device)


def mean_state(encoder: Any, ids: Tensor, is_piece: Tensor) -> Tensor:
    """The mean of the last layer's states over the pieces, [texts, width]."""
    states = encoder(input_ids=ids, attention_mask=is_piece.long()).last_hidden_state
    mean: Tensor = (states * is_piece[..., None]).sum(1) / is_piece.sum(1, keepdim=True)
    return mean


@torch.inference_mode()
def run(
    pieces: Pieces, forward: Callable[[Tensor, Tensor], Tensor], *, device: str, pad_id: int = 0
) -> Tensor:
    """What ``forward(ids, is_piece)`` gives for every text, in their order, float32 on the CPU.

    Texts of like length are padded together, the longest first, so that a machine whose memory
    is too small says so at once.
    """
    found: dict[int, Tensor] = {}
    for rows in _by_length(pieces):
        ids, is_piece = pad([pieces[row] for row in rows], device=device, pad_id=pad_id)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            made = forward(ids, is_piece)
        found.update(zip(rows, made.float().cpu(), strict=True))
    return torch.stack([found[row] for row in range(len(pieces))])


def _by_length(pieces: Pieces) -> Iterator[list[int]]:
    """Rows, longest first, in groups of at most PIECES_A_BATCH padded pieces."""
    order = sorted(range(len(pieces)), key=lambda row: -len(pieces[row]))
    start = 0
    while start < len(order):
        size = max(1, PIECES_A_BATCH // len(pieces[order[start]]))
        yield order[start : start + size]
        start += size
