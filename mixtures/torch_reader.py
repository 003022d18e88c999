"""Batches of windows for torch: an ``IterableDataset`` whose iterator can be saved and resumed.

    dataset = WindowDataset(stage_dir, batch_windows=8, rank=rank, world_size=world_size)
    loader = StatefulDataLoader(dataset, batch_size=None, num_workers=4)

The dataset makes the batches itself, worker w of n those numbered w, w + n, w + 2n, and the loader
takes from its workers in turn: so the batches come in one order whatever n is.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from mixtures.reader import StageWindows, Window, list_shards
from pipeline.errors import ConfigError

Batch = dict[str, torch.Tensor]


class WindowDataset(IterableDataset[Batch]):
    """One rank's windows of a stage, in batches of at most ``batch_windows``.

    A batch of B windows has ``tokens`` and ``position_ids`` int64 (B, S), ``labels`` int64 and
    ``loss_mask`` bool (B, k + 1, S), and ``cu_seqlens`` int32: the bounds of all documents in the
    batch when its windows are laid end to end, 0 first and B * S last.
    """

    def __init__(
        self,
        stage_dir: str | Path,
        *,
        batch_windows: int,
        rank: int = 0,
        world_size: int = 1,
        first_window: int = 0,
    ) -> None:
        """Read the stage in ``stage_dir`` as ``rank`` of ``world_size``.

        ``first_window`` is how many windows all ranks together have trained on before: where a run
        goes on with another world size. Raises ConfigError on a rank or count out of range.
        """
        super().__init__()
        if not 0 <= rank < world_size:
            raise ConfigError(f"rank must lie in 0..{world_size - 1}, got {rank}")
        if batch_windows < 1 or first_window < 0:
            raise ConfigError(
                f"batch_windows is {batch_windows} (at least 1), first_window {first_window} "
                "(at least 0)"
            )
        self._shards = list_shards(stage_dir)
        self._batch_windows = batch_windows
        self._rank = rank
        self._world_size = world_size
        self._first_window = first_window

    def __iter__(self) -> "WindowBatches":
        worker = get_worker_info()
        windows = StageWindows(self._shards)
        return WindowBatches(
            windows,
            numbers=range(self._first_window + self._rank, len(windows), self._world_size),
            batch_windows=self._batch_windows,
            worker=worker.id if worker else 0,
            num_workers=worker.num_workers if worker else 1,
        )


class WindowBatches(Iterator[Batch]):
    """One worker's batches of a pass; its state is the number of the batch that comes next."""

    def __init__(
        self,
        windows: StageWindows,
        *,
        numbers: range,
        batch_windows: int,
        worker: int,
        num_workers: int,
    ) -> None:
        """Batch windows ``numbers``: every ``num_workers``-th batch, from ``worker`` on."""
        self._windows = windows
        self._numbers = numbers
        self._batch_windows = batch_windows
        self._num_workers = num_workers
        self._next_batch = worker

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        low = self._next_batch * self._batch_windows
        numbers = self._numbers[low : low + self._batch_windows]
        if not numbers:
            raise StopIteration
        self._next_batch += self._num_workers
        return join_windows([self._windows[number] for number in numbers])

    def state_dict(self) -> dict[str, int]:
        """Where the worker stands, in plain integers."""
        return {
            "next_batch": self._next_batch,
            "batch_windows": self._batch_windows,
            "num_workers": self._num_workers,
            "num_windows": len(self._numbers),
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where ``state`` was taken; ConfigError unless all else is as it was."""
        for key, value in self.state_dict().items():
            if key != "next_batch" and state[key] != value:
                raise ConfigError(
                    f"the state was taken with {key} {state[key]}, here it is {value}"
                )
        self._next_batch = state["next_batch"]


def join_windows(windows: list[Window]) -> Batch:
    """Join windows into a batch; see :class:`WindowDataset` for names, types and shapes."""
    arrays = [asdict(window) for window in windows]
    size = len(windows[0].tokens)
    bounds = [window.cu_seqlens[1:] + number * size for number, window in enumerate(windows)]
    return {
        **{
            name: torch.from_numpy(np.stack([array[name] for array in arrays]).astype(np.int64))
            for name in ("tokens", "labels", "position_ids")
        },
        "loss_mask": torch.from_numpy(np.stack([array["loss_mask"] for array in arrays])),
        "cu_seqlens": torch.from_numpy(np.concatenate([[0], *bounds]).astype(np.int32)),
    }
