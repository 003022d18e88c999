"""A small decoder with one MTP module, in the form of DeepSeek-V3 and MiMo.

RMSNorm, RoPE, SwiGLU and grouped-query attention, as in Qwen2 and MiMo-7B, at 99 million
parameters, 78 of them the embedding of Qwen's vocabulary, which is the output head as well.

Legend of suffixes: t positions of a batch, d channels of the residual stream.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from benchmarks.mtp_training.attention import Bounds, document_attention
from benchmarks.mtp_training.batches import Batch
from benchmarks.mtp_training.loss import token_losses, weighted_cross_entropy

Rotation = tuple[torch.Tensor, torch.Tensor]
"""Cosine and sine of :func:`rotations`."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Sizes. The RoPE base is MiMo's for 32K windows (report, section 2.1), from the start."""

    vocabulary: int = 151_680
    width: int = 512
    layers: int = 6
    heads: int = 8
    key_heads: int = 4
    feed_forward: int = 1408
    rope_base: float = 640_000.0
    chunk_tokens: int = 8192


class Attention(nn.Module):
    """Grouped-query attention within documents, with rotary positions."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.channels = config.width // config.heads
        self.query = nn.Linear(config.width, config.heads * self.channels, bias=False)
        self.key = nn.Linear(config.width, config.key_heads * self.channels, bias=False)
        self.value = nn.Linear(config.width, config.key_heads * self.channels, bias=False)
        self.output = nn.Linear(config.heads * self.channels, config.width, bias=False)

    def forward(self, x_td: torch.Tensor, rotation: Rotation, bounds: Bounds) -> torch.Tensor:
        """Mix positions of one document; (T, width) in and out."""
        q, k, v = (
            project(x_td).unflatten(-1, (-1, self.channels))
            for project in (self.query, self.key, self.value)
        )
        mixed = document_attention(rotate(q, rotation), rotate(k, rotation), v, bounds)
        out: torch.Tensor = self.output(mixed.flatten(1))
        return out


class Block(nn.Module):
    """One pre-norm layer: attention, then a gated feed-forward network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.gate = nn.Linear(config.width, config.feed_forward, bias=False)
        self.up = nn.Linear(config.width, config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, config.width, bias=False)

    def forward(self, x_td: torch.Tensor, rotation: Rotation, bounds: Bounds) -> torch.Tensor:
        """Residual stream in, residual stream out."""
        x_td = x_td + self.attention(self.attention_norm(x_td), rotation, bounds)
        normed = self.feed_forward_norm(x_td)
        out: torch.Tensor = x_td + self.down(F.silu(self.gate(normed)) * self.up(normed))
        return out


class MtpModule(nn.Module):
    """Depth 1: ``h'_i = M [RMSNorm(h_i); RMSNorm(Emb(t_{i+1}))]``, then a block (DeepSeek-V3, 2.2).

    The norm before the shared head is the module's own, as in DeepSeek-V3's weights.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hidden_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.embedding_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.projection = nn.Linear(2 * config.width, config.width, bias=False)
        self.block = Block(config)
        self.output_norm = nn.RMSNorm(config.width, eps=1e-6)

    def forward(
        self,
        hidden_td: torch.Tensor,
        next_embedding_td: torch.Tensor,
        rotation: Rotation,
        bounds: Bounds,
    ) -> torch.Tensor:
        """What the head reads at depth 1, from the main model's last residual stream."""
        both = (self.hidden_norm(hidden_td), self.embedding_norm(next_embedding_td))
        # A residual stream of its own, of the main one's type: autocast's product is bfloat16.
        joined = self.projection(torch.cat(both, dim=-1)).to(hidden_td.dtype)
        out: torch.Tensor = self.output_norm(self.block(joined, rotation, bounds))
        return out


class MtpDecoder(nn.Module):
    """The main model and its MTP module over one embedding, which is the head of both."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.output_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.mtp = MtpModule(config)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """What the head reads at depths 0 and 1, each (T, width)."""
        channels = self.config.width // self.config.heads
        rotation = rotations(batch.position_ids, channels, self.config.rope_base)
        x_td = self.embedding(batch.tokens)
        for block in self.blocks:
            x_td = block(x_td, rotation, batch.bounds)
        following = self.embedding(batch.next_tokens)
        return self.output_norm(x_td), self.mtp(x_td, following, rotation, batch.bounds)

    def mean_losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss over the live targets of depths 0 and 1, with gradients."""
        is_live = batch.is_live.to(self.embedding.weight.dtype)
        weights = is_live / is_live.sum(dim=1, keepdim=True).clamp(min=1)
        main, mtp = (
            weighted_cross_entropy(
                hidden,
                self.embedding.weight,
                batch.labels[depth],
                weights[depth],
                chunk_tokens=self.config.chunk_tokens,
                compute_dtype=self._compute_dtype(),
            )
            for depth, hidden in enumerate(self(batch))
        )
        return main, mtp

    @torch.no_grad()
    def token_losses(self, batch: Batch) -> torch.Tensor:
        """Loss of every position at depths 0 and 1, (2, T); of no meaning where not live."""
        losses = [
            token_losses(
                hidden,
                self.embedding.weight,
                batch.labels[depth],
                chunk_tokens=self.config.chunk_tokens,
                compute_dtype=self._compute_dtype(),
            )
            for depth, hidden in enumerate(self(batch))
        ]
        return torch.stack(losses)

    def _compute_dtype(self) -> torch.dtype:
        weight = self.embedding.weight
        if torch.is_autocast_enabled(weight.device.type):
            return torch.get_autocast_dtype(weight.device.type)
        return weight.dtype


def rotations(position_ids: torch.Tensor, channels: int, base: float) -> Rotation:
    """Cosine and sine, (T, 1, channels / 2) each, by which pairs of channels are turned."""
    powers = torch.arange(0, channels, 2, device=position_ids.device, dtype=torch.float64)
    angles = position_ids[:, None, None].to(torch.float64) * base ** (-powers / channels)
    return angles.cos().float(), angles.sin().float()


def rotate(x_thc: torch.Tensor, rotation: Rotation) -> torch.Tensor:
    """Turn channel c with channel c + C / 2, in float32; type of ``x_thc``."""
    one, two = x_thc.to(torch.promote_types(x_thc.dtype, torch.float32)).chunk(2, dim=-1)
    cos, sin = rotation
    return torch.cat((one * cos - two * sin, one * sin + two * cos), dim=-1).to(x_thc.dtype)
