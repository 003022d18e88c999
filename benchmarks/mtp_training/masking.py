"""Ways to make targets and attention out of the same windows: the shipped one, and two that leak.

What a trainer does that is given tokens alone and shifts them (section 2.2 of Megatron's MTP):
without the bounds of documents a shift by 1 + d crosses them, and masking the loss where the input
is an EOD mends depth 0 only.
"""

from dataclasses import replace
from enum import StrEnum

import torch

from benchmarks.mtp_training.attention import Bounds, document_numbers
from benchmarks.mtp_training.batches import Batch
from mixtures.mtp import DEAD_LABEL
from mixtures.windows import WindowLayout


class Masking(StrEnum):
    """What crosses documents: nothing, the targets of depth 1, or all targets and attention."""

    SHIPPED = "shipped"
    EOD_MASKED = "eod masked"
    PLAIN_ROLL = "plain roll"


def remask(batch: Batch, masking: Masking, layout: WindowLayout) -> Batch:
    """The batch as a trainer with ``masking`` would have it; ``SHIPPED`` changes nothing.

    A shift has no tokens beyond the window, so the last 1 + d positions of each are dead, and so
    are pads.
    """
    if masking is Masking.SHIPPED:
        return batch
    size = layout.sequence_tokens
    rows = batch.tokens.view(-1, size)
    labels: list[torch.Tensor] = []
    is_live: list[torch.Tensor] = []
    for shift in (1, 2):
        shifted = torch.full_like(rows, DEAD_LABEL)
        shifted[:, :-shift] = rows[:, shift:]
        is_masked = (rows == layout.pad_id) | (shifted == layout.pad_id) | (shifted == DEAD_LABEL)
        if masking is Masking.EOD_MASKED:
            # The mask is rolled with the labels: depth d is masked where token i + d is an EOD.
            ahead = rows if shift == 1 else labels[0].view_as(rows)
            is_masked |= ahead == layout.eod_id
        labels.append(shifted.flatten())
        is_live.append(~is_masked.flatten())
    rolled = replace(
        batch,
        labels=torch.stack(labels),
        is_live=torch.stack(is_live),
        next_tokens=labels[0].clamp(min=0),
    )
    if masking is Masking.EOD_MASKED:
        return rolled
    starts = torch.arange(0, rows.numel() + 1, size, device=rows.device, dtype=torch.int32)
    positions = torch.arange(size, device=rows.device).repeat(len(rows))
    return replace(rolled, bounds=Bounds(starts, size), position_ids=positions)


def crossing_targets(shipped: Batch, batch: Batch, layout: WindowLayout) -> torch.Tensor:
    """Which live targets of ``batch`` lie in another document than their position, (2, T).

    ``shipped`` is the same batch as the reader gave it: its bounds are the documents'.
    """
    size = layout.sequence_tokens
    rows = document_numbers(shipped.bounds.starts, len(batch.tokens)).view(-1, size)
    crossing = torch.zeros_like(batch.is_live)
    for depth in (0, 1):
        shift = 1 + depth
        is_other = torch.zeros_like(rows, dtype=torch.bool)
        is_other[:, :-shift] = rows[:, :-shift] != rows[:, shift:]
        crossing[depth] = is_other.flatten() & batch.is_live[depth]
    return crossing
