"""The forward pass of a Qwen2 model in numpy, a fixed number of rows at a time.

Architecture: Qwen2 Technical Report (arXiv 2407.10671), section 2.2: pre-normalization by RMSNorm,
rotary positions, grouped queries with biases, SwiGLU. A row is one token of one slot. Every matrix
product has the same number of rows, whatever they hold, so what a row gives does not depend on
the others, to the bit.
"""

from typing import cast

import numpy as np
import numpy.typing as npt

from synth.engines.attention_kernel import attend_rows
from synth.engines.embedded_weights import Floats, Layer, Weights

Ids = npt.NDArray[np.int64]


class EmbeddedModel:
    """A model with ``num_slots`` slots of ``context_tokens``, one of them for padding rows."""

    def __init__(self, weights: Weights, *, num_slots: int, context_tokens: int) -> None:
        self._weights = weights
        shape = weights.shape
        of_layer = (num_slots + 1, shape.num_key_heads, context_tokens, shape.head_size)
        self._keys = [np.zeros(of_layer, np.float32) for _ in weights.layers]
        self._values = [np.zeros(of_layer, np.float32) for _ in weights.layers]
        halves = np.arange(0, shape.head_size, 2, dtype=np.float32) / shape.head_size
        frequencies = 1 / np.float32(shape.rope_theta) ** halves
        angles = np.arange(context_tokens, dtype=np.float32)[:, None] * frequencies
        self._cosines, self._sines = np.cos(angles), np.sin(angles)

    def read(self, tokens: Ids, slots: Ids, positions: Ids) -> Floats:
        """Take one token a row into its slot; returns the last hidden states, (rows, size).

        Rows of one slot may come together, in any order: each attends to the positions up to its
        own, which are either in the slot already or in these rows.
        """
        states = self._weights.embedding[tokens]
        for at, layer in enumerate(self._weights.layers):
            states = states + self._attend(at, layer, states, slots, positions)
            states = states + _feed_forward(layer, self._norm(states, layer.feedforward_norm))
        return self._norm(states, self._weights.norm)

    def logits(self, states: Floats) -> Floats:
        """Logits of the tokens after those that gave ``states``, (rows, vocabulary)."""
        return cast("Floats", states @ self._weights.head)

    def _attend(self, at: int, layer: Layer, states: Floats, slots: Ids, positions: Ids) -> Floats:
        shape = self._weights.shape
        normed = self._norm(states, layer.attention_norm)
        projected = normed @ layer.query_key_value + layer.query_key_value_bias
        heads = projected.reshape(len(states), -1, shape.head_size)
        num_turned = shape.num_heads + shape.num_key_heads
        turned = self._rotate(heads[:, :num_turned], positions)
        keys, values = self._keys[at], self._values[at]
        keys[slots, :, positions] = turned[:, shape.num_heads :]
        values[slots, :, positions] = heads[:, num_turned:]
        queries = np.ascontiguousarray(turned[:, : shape.num_heads])
        scale = shape.head_size**-0.5
        mixed = attend_rows(queries, keys, values, slots, positions + 1, scale)
        return cast("Floats", mixed.reshape(len(states), -1) @ layer.output)

    def _rotate(self, heads: Floats, positions: Ids) -> Floats:
        half = heads.shape[-1] // 2
        first, second = heads[..., :half], heads[..., half:]
        cosines, sines = self._cosines[positions, None], self._sines[positions, None]
        return np.concatenate(
            [first * cosines - second * sines, second * cosines + first * sines], axis=-1
        )

    def _norm(self, states: Floats, gain: Floats) -> Floats:
        square = np.mean(states * states, axis=-1, keepdims=True)
        return cast("Floats", states / np.sqrt(square + self._weights.shape.norm_epsilon) * gain)


def _feed_forward(layer: Layer, normed: Floats) -> Floats:
    gate, up = np.split(normed @ layer.gate_up, 2, axis=-1)
    # exp overflows to infinity for gates under -88, where the sigmoid is 0 to any precision.
    with np.errstate(over="ignore"):
        activated = gate / (1 + np.exp(-gate)) * up
    return cast("Floats", activated @ layer.down)
