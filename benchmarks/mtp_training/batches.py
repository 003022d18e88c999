"""The windows of a run as batches for the decoder: the only module here that knows the reader.

A batch is a number of windows laid end to end, T positions in all, the same in every stage, as
MiMo's batches have (2,560 x 8,192 and 640 x 32,768).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torchdata.stateful_dataloader import StatefulDataLoader

from benchmarks.mtp_training.attention import Bounds
from mixtures.torch_reader import MixtureDataset, TokenBatch

DEPTHS = 2
"""Heads of the decoder: the main one and that of its MTP module."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """T positions of the stage called ``stage``.

    ``tokens``, ``next_tokens`` and ``position_ids`` are int64 (T,), ``labels`` int64 and
    ``is_live`` bool (2, T), for depths 0 and 1. ``next_tokens[i]`` is what the MTP module is given
    at position i besides the hidden state.
    """

    stage: str
    tokens: torch.Tensor
    next_tokens: torch.Tensor
    position_ids: torch.Tensor
    labels: torch.Tensor
    is_live: torch.Tensor
    bounds: Bounds


class RunBatches:
    """Batches of a run's stages in order, or of one stage, on a device; can be left and resumed.

    ``position`` is where training stands after the last batch given: the reader's own, good for
    any number of workers. ``state_dict`` is the loader's, good for as many as now.
    """

    def __init__(
        self,
        place: Path,
        *,
        batch_tokens: int,
        num_workers: int,
        device: torch.device,
        position: dict[str, Any] | None = None,
    ) -> None:
        """Read ``place``, a run's folder or a stage's, from ``position`` or else the beginning."""
        dataset = MixtureDataset(place, batch_tokens=batch_tokens, start=position)
        self.stages = dataset.sequence.stages
        self.num_batches = dataset.num_batches
        self.position = position
        self._device = device
        self._loader = StatefulDataLoader(
            dataset,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=device.type == "cuda",
        )

    def __iter__(self) -> Iterator[Batch]:
        for raw in self._loader:
            self.position = raw.position
            yield lay_end_to_end(raw.to(self._device, non_blocking=True))

    def state_dict(self) -> dict[str, Any]:
        """Where the loader and its workers stand."""
        state: dict[str, Any] = self._loader.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        self._loader.load_state_dict(state)


def lay_end_to_end(raw: TokenBatch) -> Batch:
    """The reader's batch with its windows end to end, on its device; nothing waits for that."""
    labels = raw.labels[:, :DEPTHS].transpose(0, 1).flatten(1)
    return Batch(
        stage=raw.stage,
        tokens=raw.tokens.flatten(),
        # Where the next token is in another document, depth 1 is dead and any token will do.
        next_tokens=labels[0].clamp(min=0),
        position_ids=raw.position_ids.flatten(),
        labels=labels,
        is_live=raw.loss_mask[:, :DEPTHS].transpose(0, 1).flatten(1),
        bounds=Bounds(raw.cu_seqlens, raw.max_seqlen),
    )
