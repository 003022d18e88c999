"""Sampling from the network in large batches on a GPU, to evaluate it right after its training.

``synth.engines`` is what answers requests with the trained model.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from synth.solver.network import Network, rotations

CHECK_STEPS = 16
"""How often it is asked whether all samples have ended, which waits for the device."""


@torch.inference_mode()
def sample(
    network: Network,
    prompts: Sequence[Sequence[int]],
    *,
    end_id: int,
    max_tokens: int,
    temperature: float,
    generator: torch.Generator,
) -> list[list[int]]:
    """Continuations of token ids without ``end_id``; greedy at temperature 0.

    ``max_tokens`` counts the prompt too. All rows move on together, one position a step: a row
    whose prompt has not ended takes its next token, so that no row needs padding or a mask.
    """
    shape, embedding = network.shape, network.embed_tokens.weight
    device, dtype = embedding.device, embedding.dtype
    batch = len(prompts)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    tokens = torch.zeros((batch, max_tokens), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, : len(prompt)] = torch.tensor(prompt)
    tokens = tokens.to(device)
    caches = [
        torch.empty(
            (2, batch, shape.kv_heads, max_tokens, shape.head_size), device=device, dtype=dtype
        )
        for _ in range(shape.layers)
    ]
    cosines, sines = rotations(torch.arange(max_tokens, device=device), shape, dtype)
    has_ended = torch.zeros(batch, dtype=torch.bool, device=device)
    for position in range(max_tokens - 1):
        rotation = (cosines[position : position + 1], sines[position : position + 1])
        logits = _step(network, tokens[:, position : position + 1], rotation, caches, position)
        following = _choose(logits, temperature, generator)
        is_prompt = position + 1 < lengths
        following = torch.where(has_ended, end_id, following)
        tokens[:, position + 1] = torch.where(is_prompt, tokens[:, position + 1], following)
        has_ended |= ~is_prompt & (following == end_id)
        if position % CHECK_STEPS == 0 and bool(has_ended.all()):
            break
    return [
        _until(row[len(prompt) : position + 2], end_id)
        for row, prompt in zip(tokens.tolist(), prompts, strict=True)
    ]


def _step(
    network: Network,
    tokens: Tensor,
    rotation: tuple[Tensor, Tensor],
    caches: list[Tensor],
    position: int,
) -> Tensor:
    x = network.embed_tokens(tokens)
    for layer, cache in zip(network.decoder_layers(), caches, strict=True):
        attention = layer.self_attn
        q, k, v = attention.project(layer.input_layernorm(x), rotation)
        cache[0, :, :, position : position + 1] = k
        cache[1, :, :, position : position + 1] = v
        batch, heads, _, size = q.shape
        grouped = q.reshape(batch, attention.kv_heads, -1, size)  # heads of a group as positions
        seen = cache[:, :, :, : position + 1]
        mixed = F.scaled_dot_product_attention(grouped, seen[0], seen[1])
        x = x + attention.join(mixed.reshape(batch, heads, 1, size))
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return F.linear(network.norm(x[:, -1]), network.embed_tokens.weight).float()


def _choose(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    noise = torch.empty_like(logits).exponential_(generator=generator)
    return (torch.softmax(logits / temperature, -1) / noise).argmax(-1)


def _until(tokens: list[int], end_id: int) -> list[int]:
    return tokens[: tokens.index(end_id)] if end_id in tokens else tokens
