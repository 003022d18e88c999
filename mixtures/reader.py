"""The reader: a whole mixture in batches, or one stage window by window, with numpy alone.

    for batch in MixtureReader.open("runs/demo", batch_tokens=1 << 20, rank=0, world_size=8):
        batch.stage, batch.tokens, batch.labels, batch.loss_mask, batch.position_ids, ...

What is trained on when, and who takes what, is ``mixtures.stage_sequence``. A batch holds its rows
as they lie in the files and the bounds of its segments; labels, masks and positions are computed
when asked for, so what nobody asks for costs nothing.

Legend of suffixes: b windows of a batch, r positions of a row, lookahead included.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from mixtures.mtp import SegmentBounds, Targets, position_ids, targets
from mixtures.stage_files import find_stages
from mixtures.stage_rows import RowMemory, StageRows
from mixtures.stage_sequence import BEGINNING, PositionState, Slice, StageSequence
from mixtures.windows import Int32Array
from pipeline.errors import ConfigError

BatchT = TypeVar("BatchT")


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """B windows of one stage, of S positions each and k depths beyond the main head.

    ``stage`` is its name, ``num_windows`` how many windows are real: those after them are pads, in
    a stage's last batch. ``position`` is where a run goes on that has trained on this batch: keep
    it in the checkpoint and give it to ``load_state_dict``, of this world size or another.
    """

    stage: str
    rows: Int32Array
    bounds: SegmentBounds
    num_windows: int
    position: PositionState

    @property
    def tokens(self) -> Int32Array:
        """Input, (B, S): a view of the rows."""
        return self.rows[:, : self.bounds.sequence_tokens]

    @property
    def labels(self) -> Int32Array:
        """What each position is to predict, (B, k + 1, S); -100 where ``loss_mask`` is False."""
        return self._targets.labels_bks

    @property
    def loss_mask(self) -> npt.NDArray[np.bool_]:
        """Whether there is anything to predict, (B, k + 1, S), by depth."""
        return self._targets.is_live_bks

    @property
    def position_ids(self) -> Int32Array:
        """Positions that restart at 0 with every segment, (B, S)."""
        return position_ids(self.bounds)

    @property
    def cu_seqlens(self) -> Int32Array:
        """Bounds of all segments when the windows are laid end to end, from 0 to B * S."""
        return self.bounds.cu_seqlens

    @property
    def max_seqlen(self) -> int:
        """Length of the longest segment."""
        return self.bounds.max_seqlen

    @cached_property
    def _targets(self) -> Targets:
        return targets(self.rows, self.bounds)


@dataclass(frozen=True, eq=False, kw_only=True)
class Window:
    """One training sample of S positions; ``labels`` and ``loss_mask`` are (k + 1, S).

    The arrays mean what they mean in a :class:`Batch` of this window alone.
    """

    tokens: Int32Array
    labels: Int32Array
    loss_mask: npt.NDArray[np.bool_]
    position_ids: Int32Array
    cu_seqlens: Int32Array


class StageWindows:
    """The windows of one stage by number, or one after the other: to look at, or for a plain loop.

    for window in StageWindows.open("runs/demo/windows-general/IDENTITY"): ...
    """

    def __init__(self, rows: StageRows) -> None:
        """Give the windows of ``rows``."""
        self._rows = rows

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The windows of the stage whose manifest lies in ``folder``.

        Raises ConfigError when there is none, or when it is the folder of a run of several stages.
        """
        stages = find_stages(folder)
        if len(stages) > 1:
            names = ", ".join(stage.name for stage in stages)
            raise ConfigError(f"{folder} is a run of the stages {names}: give the folder of one")
        return cls(StageRows(stages[0]))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Window:
        """Window ``number`` of the stage; IndexError outside 0 .. len - 1."""
        bounds = self._rows.bounds(number, 1)
        rows_br = np.empty((1, self._rows.layout.row_tokens), np.int32)
        self._rows.read_into(rows_br, number)
        wanted = targets(rows_br, bounds)
        return Window(
            tokens=rows_br[0, : bounds.sequence_tokens],
            labels=wanted.labels_bks[0],
            loss_mask=wanted.is_live_bks[0],
            position_ids=position_ids(bounds)[0],
            cu_seqlens=bounds.cu_seqlens,
        )


class SliceReader:
    """Reads the slices that a ``StageSequence`` takes, pads included, into memory of the caller."""

    def __init__(self, sequence: StageSequence) -> None:
        """Read from the files of ``sequence``; a stage's are opened when it comes to them."""
        self._sequence = sequence
        self._stage = 0
        self._rows = StageRows(sequence.stages[0])

    def shape(self, share: Slice) -> tuple[int, int]:
        """Windows of ``share``, pads included, and tokens of their rows."""
        layout = self._of_stage(share.stage).layout
        return share.num_windows + share.num_pad_windows, layout.row_tokens

    def bounds(self, share: Slice) -> SegmentBounds:
        """Bounds of the segments of ``share``; each window of pads is one segment."""
        rows = self._of_stage(share.stage)
        if not share.num_pad_windows:
            return rows.bounds(share.first, share.num_windows)
        pads = _pad_bounds(share.num_pad_windows, rows.layout.sequence_tokens)
        if not share.num_windows:
            return pads
        return rows.bounds(share.first, share.num_windows).extend(pads)

    def read_into(self, rows_br: Int32Array, share: Slice) -> None:
        """Fill ``rows_br``, int32 of :meth:`shape`, with the rows of ``share``."""
        rows = self._of_stage(share.stage)
        if share.num_windows:
            rows.read_into(rows_br[: share.num_windows], share.first)
        rows_br[share.num_windows :] = rows.layout.pad_id

    def _of_stage(self, stage: int) -> StageRows:
        if stage != self._stage:
            self._rows.close()
            self._stage, self._rows = stage, StageRows(self._sequence.stages[stage])
        return self._rows


class ReadAhead(Generic[BatchT]):
    """Reads the batch after the one asked for in a thread, so that the disk never waits.

    One batch more is held for it. ``read`` is called in the thread alone.
    """

    def __init__(self, read: Callable[[Slice], BatchT]) -> None:
        """Read with ``read``; the thread begins with the first batch, after any fork."""
        self._read = read
        self._pool: ThreadPoolExecutor | None = None
        self._pending: tuple[Slice, Future[BatchT]] | None = None

    def get(self, share: Slice, following: Slice | None) -> BatchT:
        """The batch of ``share``; ``following`` is what will be asked for next, if anything."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        pending = self._pending
        if pending is None or pending[0] != share:
            pending = share, self._pool.submit(self._read, share)
        self._pending = None
        if following is not None:
            # Queued behind this one before it is waited for.
            self._pending = following, self._pool.submit(self._read, following)
        return pending[1].result()


class MixtureReader:
    """Iterates over one rank's batches, from where it stands to the end of the last stage.

    It stands where its state says, as a file does: a second pass wants a second reader.
    """

    def __init__(self, sequence: StageSequence) -> None:
        """Read what ``sequence`` takes, from the beginning."""
        self.sequence = sequence
        self._slices = SliceReader(sequence)
        self._memory = RowMemory()
        self._ahead = ReadAhead(self._read)
        self._position = BEGINNING

    @classmethod
    def open(
        cls,
        place: str | Path | Iterable[str | Path],
        *,
        batch_tokens: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> Self:
        """Read ``place``, a run's folder, a stage's or several stages', as ``rank``.

        ``batch_tokens`` is of one batch over all ranks. Raises ConfigError when a stage is missing,
        or when a batch can't be shared out equally.
        """
        stages = find_stages(place)
        return cls(
            StageSequence(stages, batch_tokens=batch_tokens, rank=rank, world_size=world_size)
        )

    def __iter__(self) -> Iterator[Batch]:
        """Give what is left."""
        while (share := self.sequence.take(0, start=self._position)) is not None:
            self._position = share.following
            yield self._ahead.get(share, self.sequence.take(0, start=share.following))

    def state_dict(self) -> PositionState:
        """Where the reader stands, in plain JSON; the same on every rank after the same batch."""
        return self.sequence.state(self._position)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on at a ``state_dict`` or a batch's ``position``, of any rank and world size.

        Raises ConfigError when it is of shards that this reader does not read.
        """
        self._position = self.sequence.position(state)

    def _read(self, share: Slice) -> Batch:
        windows, row_tokens = self._slices.shape(share)
        rows_br = self._memory.take(windows * row_tokens).reshape(windows, row_tokens)
        self._slices.read_into(rows_br, share)
        return Batch(
            stage=self.sequence.stages[share.stage].name,
            rows=rows_br,
            bounds=self._slices.bounds(share),
            num_windows=share.num_windows,
            position=self.sequence.state(share.following),
        )


def _pad_bounds(num_windows: int, sequence_tokens: int) -> SegmentBounds:
    starts = np.arange(num_windows, dtype=np.int64) * sequence_tokens
    first = np.arange(num_windows + 1, dtype=np.int64)
    return SegmentBounds(starts, starts, first, sequence_tokens)
