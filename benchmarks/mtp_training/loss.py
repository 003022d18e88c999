"""Cross-entropy over a vocabulary of 151,680 without holding all logits.

A batch of 32,768 positions has 5e9 logits, 20 GB in float32. They are made, used and dropped a
chunk of positions at a time, and the gradients are taken in the same pass.

Legend of suffixes: t positions, v vocabulary, d channels.
"""

from typing import Any

import torch


def weighted_cross_entropy(
    hidden_td: torch.Tensor,
    weight_vd: torch.Tensor,
    labels_t: torch.Tensor,
    row_weights_t: torch.Tensor,
    *,
    chunk_tokens: int,
    compute_dtype: torch.dtype,
) -> torch.Tensor:
    """Sum of ``row_weights_t`` times the cross-entropy of ``hidden_td @ weight_vd.T``.

    A row of weight 0 counts nothing and takes any label, negative ones included. Products run in
    ``compute_dtype``, the softmax and the sum over chunks of the weight's gradient in float32 at
    least: sums of bfloat16 lose the small gradients of a second head on a shared matrix.
    """
    result: torch.Tensor = _WeightedCrossEntropy.apply(
        hidden_td, weight_vd, labels_t, row_weights_t, chunk_tokens, compute_dtype
    )
    return result


@torch.no_grad()
def token_losses(
    hidden_td: torch.Tensor,
    weight_vd: torch.Tensor,
    labels_t: torch.Tensor,
    *,
    chunk_tokens: int,
    compute_dtype: torch.dtype,
) -> torch.Tensor:
    """Cross-entropy of every row, without gradients; of no meaning where a label is negative."""
    weight = weight_vd.to(compute_dtype)
    parts = []
    for low in range(0, len(hidden_td), chunk_tokens):
        rows = slice(low, low + chunk_tokens)
        log_probabilities = _log_softmax(hidden_td[rows].to(compute_dtype) @ weight.T)
        parts.append(-log_probabilities[_target_cells(labels_t[rows])])
    return torch.cat(parts)


class _WeightedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes them by position
        ctx: Any,
        hidden_td: torch.Tensor,
        weight_vd: torch.Tensor,
        labels_t: torch.Tensor,
        row_weights_t: torch.Tensor,
        chunk_tokens: int,
        compute_dtype: torch.dtype,
    ) -> torch.Tensor:
        weight = weight_vd.to(compute_dtype)
        grad_hidden = torch.zeros_like(hidden_td)
        grad_weight = torch.zeros_like(weight_vd)
        total = torch.zeros((), dtype=weight_vd.dtype, device=weight_vd.device)
        for low in range(0, len(hidden_td), chunk_tokens):
            rows = slice(low, low + chunk_tokens)
            hidden = hidden_td[rows].to(compute_dtype)
            scale = row_weights_t[rows, None].to(weight_vd.dtype)
            cells = _target_cells(labels_t[rows])
            values = _log_softmax(hidden @ weight.T)
            total -= (values[cells] * scale[:, 0]).sum()
            # The gradient of a row's loss by its logits: probabilities less one at the target.
            values.exp_()
            values[cells] -= 1
            gradient = values.to(compute_dtype)
            del values
            grad_hidden[rows] = ((gradient @ weight) * scale).to(hidden_td.dtype)
            grad_weight += gradient.T @ (hidden * scale).to(compute_dtype)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_hidden, grad_weight = ctx.saved_tensors
        (scale,) = grad_outputs
        scaled = (grad_hidden * scale.to(grad_hidden.dtype), grad_weight * scale)
        return (*scaled, None, None, None, None)


def _target_cells(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(len(labels), device=labels.device), labels.clamp(min=0)


def _log_softmax(logits: torch.Tensor) -> torch.Tensor:
    dtype = torch.promote_types(logits.dtype, torch.float32)
    # Autocast would write the logits in float32 before the kernel that widens them itself.
    with torch.autocast(logits.device.type, enabled=False):
        return torch.log_softmax(logits, dim=-1, dtype=dtype)
