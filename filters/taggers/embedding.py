"""The embedding tagger: word vectors, pooled, and one small network for all heads.

A text's tokens and pairs of neighbouring tokens have vectors; their means, weighted by a learned
weight of each token, stand beside the mean of the address's words and the shape of the page, and a
network of one hidden layer gives the logits of all heads at once. Training needs torch
(``training``); this file needs numpy and numba only, so the core package tags without torch.

All sums are in one fixed order in float32, and the results are rounded, so a text has the same
measures on every processor, alone or in any batch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from filters.taggers.backend import (
    MIN_TAGGED_WORDS,
    HeadSpec,
    Probabilities,
    check_version,
    read_heads,
    softmax,
    split_heads,
    write_model_file,
)
from filters.taggers.token_kernels import NUM_SHAPES
from filters.taggers.tokens import TokenBatch, Vocabulary
from pipeline.compilation import compile_kernel
from pipeline.errors import ConfigError

MODEL_VERSION = 1
"""Raised when the tokens, the network's form or the rubric of the shipped model change."""

WEIGHTS_FILE = "weights.npz"
VOCABULARY_FILE = "vocabulary.txt"

PAIR_SCALE, PAIR_EPSILON = np.float32(8.0), np.float32(1e-6)

Float32Array = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_ARRAYS = {
    "word_vectors": (2, np.int8),  # [words + 1, dims]; row 0 stands for unknown words
    "word_scales": (1, np.float32),  # [words + 1]
    "word_weights": (1, np.float32),  # [words + 1], positive
    "pair_vectors": (2, np.int8),  # [buckets, pair dims]
    "pair_scales": (1, np.float32),  # [buckets]
    "hidden_weights": (2, np.float32),  # [inputs, hidden]
    "hidden_bias": (1, np.float32),
    "output_weights": (2, np.float32),  # [hidden, logits]
    "output_bias": (1, np.float32),
}


class EmbeddingBackend:
    """A trained embedding tagger."""

    def __init__(self, folder: Path, stated: dict[str, Any]) -> None:
        """Load what ``filters.taggers.training`` wrote; ``stated`` is the folder's model file."""
        check_version(folder, stated, version=MODEL_VERSION)
        self.heads: tuple[HeadSpec, ...] = read_heads(stated)
        with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as arrays:
            weights = {name: np.ascontiguousarray(arrays[name]) for name in arrays.files}
        for name, (num_dimensions, dtype) in _ARRAYS.items():
            if name not in weights or (weights[name].ndim, weights[name].dtype) != (
                num_dimensions,
                np.dtype(dtype),
            ):
                raise ConfigError(f"{folder / WEIGHTS_FILE}: {name} is missing or of another kind")
        self._weights = weights
        tokens = (folder / VOCABULARY_FILE).read_text(encoding="utf-8").split("\x00")
        self._vocabulary = Vocabulary(tokens)

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        """As :meth:`Backend.probabilities`; abstains below MIN_TAGGED_WORDS Latin words."""
        num_buckets = len(self._weights["pair_vectors"])
        tokens = self._vocabulary.number(texts, num_buckets=num_buckets)
        addresses = self._vocabulary.number_addresses(urls)
        logits = self._logits(tokens, addresses)
        logits[tokens.num_words < MIN_TAGGED_WORDS] = np.nan
        return {name: softmax(part) for name, part in split_heads(self.heads, logits)}

    def _logits(self, tokens: TokenBatch, addresses: TokenBatch) -> Float32Array:
        weights = self._weights
        inputs = pool(
            tokens.ids,
            tokens.pairs,
            tokens.ends,
            addresses.ids,
            addresses.ends,
            weights["word_vectors"],
            weights["word_scales"],
            weights["word_weights"],
            weights["pair_vectors"],
            weights["pair_scales"],
        )
        inputs[:, -NUM_SHAPES:] = tokens.shapes
        hidden = layer(inputs, weights["hidden_weights"], weights["hidden_bias"], True)
        return layer(hidden, weights["output_weights"], weights["output_bias"], False)


def write_model(
    folder: Path,
    *,
    heads: Sequence[HeadSpec],
    tokens: Sequence[str],
    weights: dict[str, npt.NDArray[Any]],
    **more: Any,
) -> None:
    """Write a model that :class:`EmbeddingBackend` reads; ``more`` is kept in the model file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCABULARY_FILE).write_text("\x00".join(tokens), encoding="utf-8", newline="")
    with (folder / WEIGHTS_FILE).open("wb") as file:
        arrays: dict[str, Any] = {name: weights[name] for name in _ARRAYS}
        np.savez_compressed(file, **arrays)
    write_model_file(
        folder,
        kind="embedding",
        version=MODEL_VERSION,
        heads=heads,
        files=(VOCABULARY_FILE, WEIGHTS_FILE),
        **more,
    )


@compile_kernel
def pool(
    ids: Int32Array,
    pairs: Int32Array,
    ends: Int64Array,
    address_ids: Int32Array,
    address_ends: Int64Array,
    word_vectors: Int8Array,
    word_scales: Float32Array,
    word_weights: Float32Array,
    pair_vectors: Int8Array,
    pair_scales: Float32Array,
) -> Float32Array:
    """Inputs of the network, [texts, word dims + pair dims + word dims + NUM_SHAPES].

    The weighted mean of the words' vectors, the mean of the pairs', the mean of the address's known
    words', and zeros for the shape.
    """
    num_texts = len(ends)
    dims = word_vectors.shape[1]
    pair_dims = pair_vectors.shape[1]
    inputs = np.zeros((num_texts, 2 * dims + pair_dims + NUM_SHAPES), np.float32)
    words = np.zeros(dims, np.float32)
    neighbours = np.zeros(pair_dims, np.float32)
    start = 0
    address_start = 0
    for row in range(num_texts):
        words[:] = 0
        neighbours[:] = 0
        total = PAIR_EPSILON
        num_pairs = PAIR_EPSILON
        for at in range(start, ends[row]):
            word = ids[at]
            weight = word_weights[word]
            factor = weight * word_scales[word]
            total += weight
            for dim in range(dims):
                words[dim] += factor * np.float32(word_vectors[word, dim])
            pair = pairs[at]
            if pair >= 0:
                num_pairs += np.float32(1)
                scale = pair_scales[pair]
                for dim in range(pair_dims):
                    neighbours[dim] += scale * np.float32(pair_vectors[pair, dim])
        for dim in range(dims):
            inputs[row, dim] = words[dim] / total
        for dim in range(pair_dims):
            inputs[row, dims + dim] = PAIR_SCALE * neighbours[dim] / num_pairs
        words[:] = 0
        known = np.float32(1)
        for at in range(address_start, address_ends[row]):
            word = address_ids[at]
            if word > 0:
                known += np.float32(1)
                for dim in range(dims):
                    words[dim] += word_scales[word] * np.float32(word_vectors[word, dim])
        for dim in range(dims):
            inputs[row, dims + pair_dims + dim] = words[dim] / known
        start = ends[row]
        address_start = address_ends[row]
    return inputs


@compile_kernel
def layer(
    inputs: Float32Array,
    weights: Float32Array,
    bias: Float32Array,
    is_rectified: bool,  # noqa: FBT001
) -> Float32Array:
    """``inputs @ weights + bias``, each sum in the order of the inputs; rectified if asked."""
    num_rows, num_inputs = inputs.shape
    outputs = np.empty((num_rows, weights.shape[1]), np.float32)
    for row in range(num_rows):
        sums = outputs[row]
        sums[:] = bias
        for place in range(num_inputs):
            value = inputs[row, place]
            if value != 0:
                for column in range(len(sums)):
                    sums[column] += value * weights[place, column]
        if is_rectified:
            for column in range(len(sums)):
                sums[column] = max(sums[column], np.float32(0))
    return outputs
