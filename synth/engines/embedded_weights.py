"""Weights of a small Qwen2 model, read into arrays: config.json and model.safetensors."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MAX_HEADER_BYTES = 100_000_000
"""Of a safetensors file, by its format's own limit."""

DEFAULT_ROPE_THETA = 10_000.0
"""Base of the rotary angles where config.json names none (Su et al., "RoFormer", 2021)."""


@dataclass(frozen=True)
class Shape:
    """What config.json says, as far as the forward pass needs it; counts, but for the last two."""

    num_layers: int
    num_heads: int
    num_key_heads: int
    head_size: int
    context_tokens: int
    stop_ids: frozenset[int]
    rope_theta: float
    norm_epsilon: float


@dataclass(frozen=True)
class Layer:
    """Matrices as (inputs, outputs), those that read the same inputs side by side."""

    attention_norm: Floats
    query_key_value: Floats
    query_key_value_bias: Floats
    output: Floats
    feedforward_norm: Floats
    gate_up: Floats
    down: Floats


@dataclass(frozen=True)
class Weights:
    """A whole model in float32."""

    shape: Shape
    embedding: Floats
    layers: tuple[Layer, ...]
    norm: Floats
    head: Floats


def read_weights(folder: Path) -> Weights:
    """Read the model in ``folder``; OSError or ValueError that says what is missing or other."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = _read_shape(config)
    tensors = read_safetensors(folder / "model.safetensors")
    try:
        layers = tuple(_layer(tensors, f"model.layers.{at}.") for at in range(shape.num_layers))
        embedding = tensors["model.embed_tokens.weight"]
        is_tied = config.get("tie_word_embeddings", False)
        head = embedding if is_tied else tensors["lm_head.weight"]
        norm = tensors["model.norm.weight"]
    except KeyError as error:
        raise ValueError(f"{folder / 'model.safetensors'} holds no tensor {error}") from error
    return Weights(shape, embedding, layers, norm, np.ascontiguousarray(head.T))


def read_safetensors(path: Path) -> dict[str, Floats]:
    """All tensors of a file as float32; ValueError for a broken file or a type that is no float.

    The format: the header's length in 8 bytes, little-endian, the header as JSON, the raw tensors.
    """
    raw = path.read_bytes()
    num_header_bytes = int.from_bytes(raw[:8], "little")
    if not 0 < num_header_bytes <= min(len(raw) - 8, MAX_HEADER_BYTES):
        raise ValueError(f"{path} is no safetensors file, or cut short")
    header = json.loads(raw[8 : 8 + num_header_bytes])
    data = memoryview(raw)[8 + num_header_bytes :]
    header.pop("__metadata__", None)
    return {name: _to_floats(path, name, entry, data) for name, entry in header.items()}


def _to_floats(path: Path, name: str, entry: dict[str, Any], data: memoryview) -> Floats:
    start, end = entry["data_offsets"]
    shape = entry["shape"]
    kinds = {"F16": "<f2", "F32": "<f4", "BF16": "<u2"}
    kind = kinds.get(entry["dtype"])
    if kind is None:
        raise ValueError(
            f"{path}: {name} is {entry['dtype']}; this engine reads {', '.join(kinds)}"
        )
    if end - start != math.prod(shape) * np.dtype(kind).itemsize or end > len(data):
        raise ValueError(
            f"{path}: {name} of shape {shape} has {end - start} bytes, or is cut short"
        )
    values = np.frombuffer(data[start:end], kind).reshape(shape)
    if entry["dtype"] == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


def _read_shape(config: dict[str, Any]) -> Shape:
    if config.get("model_type") != "qwen2":
        raise ValueError(f"model_type is {config.get('model_type')!r}; this engine runs qwen2")
    if config.get("hidden_act", "silu") != "silu":
        raise ValueError(f"hidden_act is {config['hidden_act']!r}; this engine computes silu")
    if config.get("use_sliding_window"):
        raise ValueError("use_sliding_window is true; this engine attends to the whole context")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"rope_type is {rope['rope_type']!r}; this engine computes the default")
    theta = rope.get("rope_theta") or config.get("rope_theta") or DEFAULT_ROPE_THETA
    num_heads = config["num_attention_heads"]
    stop = config.get("eos_token_id")
    stops = stop if isinstance(stop, list) else [stop]
    return Shape(
        num_layers=config["num_hidden_layers"],
        num_heads=num_heads,
        num_key_heads=config["num_key_value_heads"],
        head_size=config.get("head_dim") or config["hidden_size"] // num_heads,
        context_tokens=config["max_position_embeddings"],
        stop_ids=frozenset(one for one in stops if one is not None),
        rope_theta=float(theta),
        norm_epsilon=config["rms_norm_eps"],
    )


def _layer(tensors: dict[str, Floats], prefix: str) -> Layer:
    def side_by_side(*names: str) -> Floats:
        matrices = [tensors[f"{prefix}{name}.weight"].T for name in names]
        return np.ascontiguousarray(np.concatenate(matrices, axis=1))

    attention = [f"self_attn.{name}_proj" for name in "qkv"]
    return Layer(
        attention_norm=tensors[f"{prefix}input_layernorm.weight"],
        query_key_value=side_by_side(*attention),
        query_key_value_bias=np.concatenate([tensors[f"{prefix}{at}.bias"] for at in attention]),
        output=side_by_side("self_attn.o_proj"),
        feedforward_norm=tensors[f"{prefix}post_attention_layernorm.weight"],
        gate_up=side_by_side("mlp.gate_proj", "mlp.up_proj"),
        down=side_by_side("mlp.down_proj"),
    )
