"""The solver's network: Qwen2's decoder in plain torch, saved under the names of Qwen2's."""

from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Sizes of the network. The defaults have 8.0 M parameters, 15.3 MiB in half precision."""

    vocabulary: int
    hidden: int = 256
    layers: int = 8
    heads: int = 8
    kv_heads: int = 4
    intermediate: int = 960
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6

    @property
    def head_size(self) -> int:
        """Numbers in a key."""
        return self.hidden // self.heads


class RMSNorm(nn.Module):
    """Root mean square norm, computed in float32 as Qwen2 does."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with a root mean square of 1 along its last axis, scaled by the weight."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return self.weight * wide.to(x.dtype)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_size = shape.heads, shape.kv_heads, shape.head_size
        self.q_proj = nn.Linear(shape.hidden, shape.heads * shape.head_size)
        self.k_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head_size)
        self.v_proj = nn.Linear(shape.hidden, shape.kv_heads * shape.head_size)
        self.o_proj = nn.Linear(shape.heads * shape.head_size, shape.hidden, bias=False)

    def project(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, heads, positions, head size)."""
        batch, length, _ = x.shape
        q, k, v = (
            layer(x).view(batch, length, -1, self.head_size).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        return rotate(q, rotation), rotate(k, rotation), v

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """What each position takes from those that ``mask`` lets it see."""
        q, k, v = self.project(x, rotation)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.join(mixed)

    def join(self, mixed: Tensor) -> Tensor:
        """The output from what each head mixed."""
        batch, _, length, _ = mixed.shape
        joined: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))
        return joined


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.down_proj = nn.Linear(shape.intermediate, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Each position by itself."""
        result: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return result


class Layer(nn.Module):
    """One decoder layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = RMSNorm(shape.hidden, shape.norm_epsilon)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.norm_epsilon)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Attention and SwiGLU, each normed before and added to what came in."""
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask)
        result: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return result


class Network(nn.Module):
    """The decoder; the embedding is also what turns its output into logits."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.hidden, shape.norm_epsilon)
        self._initialize()

    def _initialize(self) -> None:
        """As GPT-2: deviation 0.02, scaled down by depth for what adds to the residual."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                is_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                scale = (2 * self.shape.layers) ** -0.5 if is_residual else 1.0
                nn.init.normal_(parameter, std=0.02 * scale)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def decoder_layers(self) -> list[Layer]:
        """The layers in order, typed."""
        return [cast("Layer", layer) for layer in self.layers]

    def forward(self, tokens: Tensor, documents: Tensor) -> Tensor:
        """Logits of rows in which a position sees only what its own document has before it."""
        length = tokens.shape[1]
        positions = torch.arange(length, device=tokens.device)
        mask = (documents[:, None, :, None] == documents[:, None, None, :]) & (
            positions[:, None] >= positions[None, :]
        )
        x = self.embed_tokens(tokens)
        rotation = rotations(positions, self.shape, x.dtype)
        for layer in self.layers:
            x = layer(x, rotation, mask)
        return F.linear(self.norm(x), self.embed_tokens.weight)


def rotations(positions: Tensor, shape: Shape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the rotary embedding, each (positions, head size)."""
    exponents = torch.arange(0, shape.head_size, 2, device=positions.device) / shape.head_size
    angles = positions.float()[:, None] * shape.rope_theta ** -exponents[None, :]
    angles = torch.cat((angles, angles), -1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of halves by the angle of its position."""
    first, second = x.chunk(2, -1)
    return x * rotation[0] + torch.cat((-second, first), -1) * rotation[1]


def parameter_count(network: Network) -> int:
    """Numbers that are learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def state_under_qwen2_names(network: Network) -> dict[str, Tensor]:
    """Weights in float16 as transformers' Qwen2ForCausalLM names them, without the tied head."""
    return {
        f"model.{name}": tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
    }


def qwen2_config(shape: Shape, *, max_tokens: int, end_id: int, pad_id: int) -> dict[str, Any]:
    """``config.json`` for transformers and what reads its models."""
    sizes = asdict(shape)
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": sizes["vocabulary"],
        "hidden_size": sizes["hidden"],
        "intermediate_size": sizes["intermediate"],
        "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"],
        "num_key_value_heads": sizes["kv_heads"],
        "hidden_act": "silu",
        "max_position_embeddings": max_tokens,
        "rms_norm_eps": sizes["norm_epsilon"],
        "rope_theta": sizes["rope_theta"],
        "use_sliding_window": False,
        "tie_word_embeddings": True,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "torch_dtype": "float16",
        "bos_token_id": None,
        "eos_token_id": end_id,
        "pad_token_id": pad_id,
        "use_cache": True,
    }
