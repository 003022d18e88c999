"""Batches for torch: an ``IterableDataset`` over a whole mixture that can be saved and resumed.

    dataset = MixtureDataset("runs/demo", batch_tokens=1 << 20, rank=rank, world_size=world_size)
    loader = StatefulDataLoader(dataset, batch_size=None, num_workers=2, pin_memory=True)
    for batch in loader:
        batch = batch.to("cuda", non_blocking=True)
        loss = model(batch.tokens, batch.position_ids, batch.cu_seqlens, batch.max_seqlen, ...)

The dataset makes the batches itself, worker w of n those numbered w, w + n, w + 2n, and the loader
takes from its workers in turn: so the batches come in one order whatever n is. Without workers it
reads at the speed of the files, a megabyte in less than one millisecond; a worker's batch crosses
shared memory, which costs more CPU than the read (``benchmarks.reader_speed``). Workers pay where
files answer late, as over a network, or where the training loop itself waits.

There are two ways to resume, both exact. ``loader.state_dict()`` fits a loader with as many workers
(torchdata insists) and any world size. ``batch.position``, of the last batch trained on, fits any
number of workers and ranks, the plain ``DataLoader`` too: ``MixtureDataset(..., start=position)``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils.data import IterableDataset, get_worker_info

from mixtures import torch_targets
from mixtures.reader import ReadAhead, SliceReader
from mixtures.stage_files import find_stages
from mixtures.stage_rows import RowMemory
from mixtures.stage_sequence import BEGINNING, Position, PositionState, Slice, StageSequence
from pipeline.errors import ConfigError


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenBatch:
    """B windows of one stage: S positions each, k depths beyond the main head, G segments in all.

    ``packed`` holds rows, ``cu_seqlens`` and target ends in one int32 tensor, so that one thing
    crosses between processes and to the device. What is derived is computed when first asked for,
    on that device, and kept: ask for it after ``to``.

    ``stage`` is the stage's name, ``num_windows`` how many windows are real: those after them are
    pads, in a stage's last batch. ``position`` is where a run goes on that has trained on this.
    """

    stage: str
    packed: torch.Tensor
    shape: tuple[int, int]
    """B and S."""
    mtp_depth: int
    max_seqlen: int
    """Length of the longest segment."""
    num_windows: int
    position: PositionState

    @property
    def rows(self) -> torch.Tensor:
        """Windows with their lookahead, int32 (B, S + 1 + k): a view."""
        windows, size = self.shape
        row_tokens = size + 1 + self.mtp_depth
        return self.packed[: windows * row_tokens].view(windows, row_tokens)

    @property
    def cu_seqlens(self) -> torch.Tensor:
        """Bounds of all segments when the windows are laid end to end, int32 (G + 1), 0 to B * S.

        What varlen attention wants; a view.
        """
        return self.packed[self.rows.numel() :][: self._num_segments + 1]

    @property
    def target_ends(self) -> torch.Tensor:
        """One past the last token that a target of each segment may name, int32 (G): a view."""
        return self.packed[self.rows.numel() + self._num_segments + 1 :]

    @cached_property
    def tokens(self) -> torch.Tensor:
        """Input, int64 (B, S)."""
        return self.rows[:, : self.shape[1]].long()

    @cached_property
    def labels(self) -> torch.Tensor:
        """What each position is to predict, int64 (B, k + 1, S); -100 where ``loss_mask`` is False.

        A batch may have no live target at all on one rank: sum the loss, and divide by the live
        targets of all ranks.
        """
        return torch_targets.labels(self.rows, self.loss_mask)

    @cached_property
    def loss_mask(self) -> torch.Tensor:
        """Whether there is anything to predict, bool (B, k + 1, S), by depth."""
        return torch_targets.loss_mask(
            self.target_ends, self.document_ids, mtp_depth=self.mtp_depth
        )

    @cached_property
    def position_ids(self) -> torch.Tensor:
        """Positions that restart at 0 with every segment, int64 (B, S)."""
        return torch_targets.position_ids(self.cu_seqlens, self.document_ids)

    @cached_property
    def document_ids(self) -> torch.Tensor:
        """Number of each position's segment, int32 (B, S), for ``mixtures.attention``."""
        return torch_targets.document_ids(self.cu_seqlens, self.shape)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """This batch on ``device``; what was derived already is not taken along."""
        return replace(self, packed=self.packed.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """This batch in page-locked memory: the loader calls it where ``pin_memory`` is set."""
        return replace(self, packed=self.packed.pin_memory())

    @property
    def _num_segments(self) -> int:
        return (self.packed.numel() - self.rows.numel() - 1) // 2


class MixtureDataset(IterableDataset[TokenBatch]):
    """One rank's batches of a mixture, stage after stage; see ``mixtures.stage_sequence``."""

    def __init__(
        self,
        place: str | Path | Iterable[str | Path],
        *,
        batch_tokens: int,
        rank: int = 0,
        world_size: int = 1,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        """Read ``place``, a run's folder, a stage's or several stages', as ``rank``.

        ``batch_tokens`` is of one batch over all ranks. Every pass over the dataset begins at
        ``start``, the ``position`` of a batch, or else at the first window. Raises ConfigError when
        a stage is missing, a batch can't be shared out equally, or ``start`` is of other shards.
        """
        super().__init__()
        self.sequence = StageSequence(
            find_stages(place), batch_tokens=batch_tokens, rank=rank, world_size=world_size
        )
        self._start = BEGINNING if start is None else self.sequence.position(start)

    @property
    def num_batches(self) -> int:
        """Batches of a pass, with all workers: the same on every rank."""
        return self.sequence.num_batches(self._start)

    def __iter__(self) -> "MixtureBatches":
        worker = get_worker_info()
        return MixtureBatches(
            self.sequence,
            start=self._start,
            worker=worker.id if worker else 0,
            num_workers=worker.num_workers if worker else 1,
        )


class MixtureBatches(Iterator[TokenBatch]):
    """One worker's batches; its state is where the pass began and the batch that comes next."""

    def __init__(
        self, sequence: StageSequence, *, start: Position, worker: int, num_workers: int
    ) -> None:
        """Give every ``num_workers``-th batch of ``sequence`` from ``worker`` on."""
        self._sequence = sequence
        self._slices = SliceReader(sequence)
        self._start = start
        self._num_workers = num_workers
        self._next_batch = worker
        self._memory = RowMemory()
        self._ahead = ReadAhead(self._read)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TokenBatch:
        share = self._sequence.take(self._next_batch, start=self._start)
        if share is None:
            raise StopIteration
        self._next_batch += self._num_workers
        following = self._sequence.take(self._next_batch, start=self._start)
        return self._ahead.get(share, following)

    def state_dict(self) -> dict[str, Any]:
        """Where the worker stands, in plain JSON; the same on every rank after the same batch."""
        return {
            "start": self._sequence.state(self._start),
            "next_batch": self._next_batch,
            "batch_tokens": self._sequence.batch_tokens,
            "num_workers": self._num_workers,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state`` was taken, with this world size or another.

        Raises ConfigError unless shards, tokens of a batch and number of workers are as they were.
        """
        for key in ("batch_tokens", "num_workers"):
            here = self.state_dict()[key]
            if state[key] != here:
                raise ConfigError(
                    f"the state was taken with {key} {state[key]}, here it is {here}: start the "
                    "dataset at the last batch's position instead"
                )
        self._start = self._sequence.position(state["start"])
        self._next_batch = state["next_batch"]

    def _read(self, share: Slice) -> TokenBatch:
        bounds = self._slices.bounds(share)
        windows, row_tokens = self._slices.shape(share)
        cu_seqlens = bounds.cu_seqlens
        num_tokens = windows * row_tokens
        num_bounds = len(cu_seqlens) + len(bounds.target_ends_g)
        packed = _allocate(num_tokens + num_bounds, self._memory)
        into = packed.numpy()
        self._slices.read_into(into[:num_tokens].reshape(windows, row_tokens), share)
        into[num_tokens : num_tokens + len(cu_seqlens)] = cu_seqlens
        into[num_tokens + len(cu_seqlens) :] = bounds.target_ends_g
        return TokenBatch(
            stage=self._sequence.stages[share.stage].name,
            packed=packed,
            shape=(windows, bounds.sequence_tokens),
            mtp_depth=row_tokens - 1 - bounds.sequence_tokens,
            max_seqlen=bounds.max_seqlen,
            num_windows=share.num_windows,
            position=self._sequence.state(share.following),
        )


def _allocate(size: int, memory: RowMemory) -> torch.Tensor:
    """An int32 tensor to fill: in a loader's worker in shared memory, where it has to go anyway."""
    if get_worker_info() is None:
        return torch.from_numpy(memory.take(size))
    # As torch's own collation does: sharing a filled tensor would copy it.
    shared = torch.UntypedStorage._new_shared(4 * size)  # type: ignore[no-untyped-call]  # noqa: SLF001
    packed: torch.Tensor = torch.empty(0, dtype=torch.int32).set_(shared, 0, (size,), (1,))
    return packed
