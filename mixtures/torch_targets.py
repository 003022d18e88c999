"""Labels, masks and positions of a batch as tensors, computed where the rows are.

A batch crosses from process to process and from host to device as rows and bounds; what
``mixtures.mtp`` computes with numpy is computed here on that device, at a cost that does not show
beside one layer of a model. Each function gives exactly what its namesake there does.

Legend of suffixes: b windows of a batch, s positions of a window, r positions of a row, k depths,
g segments of the batch.
"""

from collections.abc import Sequence
from math import prod

import torch

from mixtures.mtp import DEAD_LABEL


def document_ids(cu_seqlens_g: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Number of each position's segment in the batch, int32 (B, S): equal means may attend.

    ``cu_seqlens_g`` is int32 (G + 1), from 0 to B * S; ``shape`` is (B, S), which the caller knows
    without asking the device.
    """
    places_bs = _places(shape, cu_seqlens_g.device)
    return torch.searchsorted(cu_seqlens_g[1:], places_bs, right=True, out_int32=True)


def position_ids(cu_seqlens_g: torch.Tensor, ids_bs: torch.Tensor) -> torch.Tensor:
    """Positions that restart at 0 with every segment, int64 (B, S)."""
    return (_places(ids_bs.shape, ids_bs.device) - cu_seqlens_g[ids_bs]).long()


def loss_mask(target_ends_g: torch.Tensor, ids_bs: torch.Tensor, *, mtp_depth: int) -> torch.Tensor:
    """Whether a target lives, bool (B, k + 1, S): a document's tokens reach far enough.

    ``target_ends_g``, int32 (G), is one past the last token that a segment's targets may name.
    """
    after_bs = target_ends_g[ids_bs] - 1 - _places(ids_bs.shape, ids_bs.device)
    depths_k = torch.arange(mtp_depth + 1, device=ids_bs.device)
    return after_bs[:, None, :] > depths_k[:, None]


def labels(rows_br: torch.Tensor, mask_bks: torch.Tensor) -> torch.Tensor:
    """What each position is to predict, int64 (B, k + 1, S); -100 where the mask is False."""
    ahead_bks = rows_br[:, 1:].unfold(1, mask_bks.shape[2], 1)
    return torch.where(mask_bks, ahead_bks, DEAD_LABEL).long()


def _places(shape: Sequence[int], device: torch.device) -> torch.Tensor:
    """Places when windows are laid end to end, int32 (B, S)."""
    return torch.arange(prod(shape), dtype=torch.int32, device=device).view(*shape)
