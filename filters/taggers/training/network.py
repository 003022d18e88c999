"""The embedding tagger's network in torch: trained here, run by ``filters.taggers.embedding``."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from filters.taggers.embedding import PAIR_EPSILON, PAIR_SCALE
from filters.taggers.token_kernels import NUM_SHAPES
from filters.taggers.tokens import MAX_TOKENS, MAX_URL_TOKENS, TokenBatch

WORD_DIMS, PAIR_DIMS, NUM_BUCKETS, HIDDEN = 192, 32, 1 << 16, 512
LEARNING_RATE = 3e-3
BATCH = 256
DROPOUT = 0.3
WORD_DROPOUT = 0.15
URL_DROPOUT = 0.3
WORD_VECTOR_SCALE = 3.0


class PaddedTokens:
    """Token numbers in rows of equal width, -1 behind their end; what the network is given."""

    def __init__(self, tokens: TokenBatch, addresses: TokenBatch, *, device: str) -> None:
        self.words = _rows(tokens.ids, tokens.ends, MAX_TOKENS, device)
        self.pairs = _rows(tokens.pairs, tokens.ends, MAX_TOKENS, device)
        self.address = _rows(addresses.ids, addresses.ends, MAX_URL_TOKENS, device)
        self.shapes = torch.as_tensor(tokens.shapes, device=device)

    def select(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What ``Network.forward`` takes, of the texts at ``rows``."""
        rows = rows.to(self.words.device)
        numbers = (self.words, self.pairs, self.address)
        words, pairs, address = (one[rows].long() for one in numbers)
        return words, pairs, address, self.shapes[rows]


class Network(nn.Module):
    """Pools as ``embedding.pool`` does, then one hidden layer; [texts, logits of all heads]."""

    def __init__(
        self, vectors: npt.NDArray[np.float32], rarity: npt.NDArray[np.float32], num_logits: int
    ) -> None:
        """``vectors`` [words + 1, WORD_DIMS] to start from; ``rarity``: log inverse frequency."""
        super().__init__()
        self.words = nn.Embedding.from_pretrained(
            torch.as_tensor(vectors) * WORD_VECTOR_SCALE, freeze=False
        )
        self.log_weights = nn.Parameter(torch.as_tensor(rarity) / 3)
        self.pairs = nn.Embedding(NUM_BUCKETS, PAIR_DIMS)
        nn.init.normal_(self.pairs.weight, std=0.02)
        inputs = 2 * vectors.shape[1] + PAIR_DIMS + NUM_SHAPES
        self.hidden = nn.Linear(inputs, HIDDEN)
        self.output = nn.Linear(HIDDEN, num_logits)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, words: Tensor, pairs: Tensor, address: Tensor, shapes: Tensor) -> Tensor:
        """Token numbers [texts, width], -1 where there is none, and shapes [texts, NUM_SHAPES]."""
        is_word = (words >= 0).float()
        if self.training:
            is_word = is_word * (torch.rand_like(is_word) > WORD_DROPOUT)
        weights = self.log_weights[words.clamp(min=0)].clamp(-6, 6).exp() * is_word
        pooled = _weighted_mean(self.words(words.clamp(min=0)), weights)
        is_pair = (pairs >= 0).float()
        neighbours = float(PAIR_SCALE) * _weighted_mean(self.pairs(pairs.clamp(min=0)), is_pair)
        is_known = (address > 0).float()
        if self.training:
            is_known = is_known * (torch.rand(len(address), 1, device=address.device) > URL_DROPOUT)
        vectors = self.words(address.clamp(min=0)) * is_known[..., None]
        of_address = vectors.sum(1) / (is_known.sum(1, keepdim=True) + 1)
        inputs = torch.cat([pooled, neighbours, of_address, shapes], dim=1)
        hidden = self.dropout(torch.relu(self.hidden(self.dropout(inputs))))
        logits: Tensor = self.output(hidden)
        return logits

    def export(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of ``embedding``: vectors in 8 bits with a scale for each row."""
        words, word_scales = _quantize(self.words.weight)
        pairs, pair_scales = _quantize(self.pairs.weight)
        return {
            "word_vectors": words,
            "word_scales": word_scales,
            "word_weights": self.log_weights.detach().clamp(-6, 6).exp().cpu().numpy(),
            "pair_vectors": pairs,
            "pair_scales": pair_scales,
            "hidden_weights": np.ascontiguousarray(self.hidden.weight.detach().cpu().numpy().T),
            "hidden_bias": self.hidden.bias.detach().cpu().numpy(),
            "output_weights": np.ascontiguousarray(self.output.weight.detach().cpu().numpy().T),
            "output_bias": self.output.bias.detach().cpu().numpy(),
        }


def _weighted_mean(vectors: Tensor, weights: Tensor) -> Tensor:
    total = weights.sum(1, keepdim=True) + float(PAIR_EPSILON)
    return torch.einsum("tw,twd->td", weights, vectors) / total


def _quantize(vectors: Tensor) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    array = vectors.detach().cpu().numpy().astype(np.float32)
    scales = np.maximum(np.abs(array).max(axis=1), 1e-12).astype(np.float32) / np.float32(127)
    return np.round(array / scales[:, None]).astype(np.int8), scales


def _rows(
    values: npt.NDArray[np.int32], ends: npt.NDArray[np.int64], width: int, device: str
) -> Tensor:
    rows = np.full((len(ends), width), -1, np.int32)
    start = 0
    for row, end in enumerate(ends):
        rows[row, : end - start] = values[start:end]
        start = end
    return torch.as_tensor(rows, device=device)
