"""Causal attention within documents, from the bounds that a batch of windows carries.

Legend of suffixes: t positions of a batch, its windows laid end to end; h heads; c channels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import scaled_dot_product_attention


@dataclass(frozen=True, eq=False)
class Bounds:
    """Where attention must not look across: ``starts`` int32, 0 first and T last.

    ``longest`` is the longest stretch between two of them, a plain integer because the kernel's
    grid is laid out on the host.
    """

    starts: torch.Tensor
    longest: int


def document_attention(
    q_thc: torch.Tensor, k_thc: torch.Tensor, v_thc: torch.Tensor, bounds: Bounds
) -> torch.Tensor:
    """Attend causally from every position to its own document; shape and type of ``q_thc``.

    On CUDA this is torch's varlen flash attention, whose backward pass is deterministic under
    ``torch.use_deterministic_algorithms``. On a CPU it is a dense mask, which takes T x T memory.
    Fewer key heads than query heads (GQA) are repeated.
    """
    repeats = q_thc.shape[1] // k_thc.shape[1]
    k_thc, v_thc = _repeat_heads(k_thc, repeats), _repeat_heads(v_thc, repeats)
    if q_thc.is_cuda:
        # Not at the top: torch has had this module since 2.10, and the CPU path does without.
        from torch.nn.attention.varlen import varlen_attn

        starts, longest = bounds.starts, bounds.longest
        out = varlen_attn(
            q_thc,
            k_thc,
            v_thc,
            starts,
            starts,
            longest,
            longest,
            window_size=(-1, 0),  # any distance to the left, none to the right
        )
        assert isinstance(out, torch.Tensor)  # noqa: S101 - a tuple only where asked for
        return out
    return dense_attention(q_thc, k_thc, v_thc, bounds)


def dense_attention(
    q_thc: torch.Tensor, k_thc: torch.Tensor, v_thc: torch.Tensor, bounds: Bounds
) -> torch.Tensor:
    """The same by a dense mask, with as many key heads as query heads: the reference."""
    document_t = document_numbers(bounds.starts, len(q_thc))
    is_same = document_t[:, None] == document_t[None, :]
    mask = is_same.tril()
    q, k, v = (one.transpose(0, 1)[None] for one in (q_thc, k_thc, v_thc))
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return out[0].transpose(0, 1)


def document_numbers(starts: torch.Tensor, num_positions: int) -> torch.Tensor:
    """Which stretch between bounds every position lies in, from 1."""
    positions = torch.arange(num_positions, device=starts.device, dtype=starts.dtype)
    return torch.bucketize(positions, starts, right=True)


def compare_with_dense(
    starts: torch.Tensor, *, heads: int, channels: int, dtype: torch.dtype
) -> float:
    """Relative error of the device's attention and its gradients against the dense reference.

    Random inputs in ``dtype`` on the device of ``starts``; the reference runs on the same inputs
    in float32. In bfloat16 an error between 1e-3 and 1e-2 is rounding.
    """
    num_positions = int(starts[-1])
    bounds = Bounds(starts, int(starts.diff().max()))
    generator = torch.Generator(starts.device).manual_seed(0)
    shape = (num_positions, heads, channels)
    q, k, v, gradient = (
        torch.randn(shape, generator=generator, device=starts.device).to(dtype) for _ in range(4)
    )
    errors = []
    for one, two in zip(
        _with_gradients(document_attention, (q, k, v), gradient, bounds),
        _with_gradients(dense_attention, (q.float(), k.float(), v.float()), gradient, bounds),
        strict=True,
    ):
        errors.append(float((one.float() - two).norm() / two.norm()))
    return max(errors)


def _with_gradients(
    attend: Callable[..., torch.Tensor],
    inputs: tuple[torch.Tensor, ...],
    gradient: torch.Tensor,
    bounds: Bounds,
) -> tuple[torch.Tensor, ...]:
    leaves = [one.detach().requires_grad_() for one in inputs]
    out = attend(*leaves, bounds)
    return out.detach(), *torch.autograd.grad(out, leaves, gradient.to(out.dtype))


def _repeat_heads(x_thc: torch.Tensor, repeats: int) -> torch.Tensor:
    positions, heads, channels = x_thc.shape
    return (
        x_thc[:, :, None]
        .expand(positions, heads, repeats, channels)
        .reshape(positions, heads * repeats, channels)
    )
