"""The order of training: stages one after the other, cut into batches of one number of tokens.

    stage    general         reasoning       long
    windows  0 1 2 3|4 5 6 7|0 1 2 3|4 5 . .|0|1|2      batch_tokens = 4 windows, 1 in the last

A batch is what all ranks together train on in one step, always of one stage: ``batch_tokens //
sequence_tokens`` windows in the order of the files (MiMo-7B keeps the tokens of a batch when the
window grows: 2,560 windows of 8,192 are 640 of 32,768; arXiv 2505.07608, section 2.3). Rank r of W
takes the r-th of W equal slices. So neither the number of ranks nor that of loading processes has a
say in what is trained on when, and a position is two numbers: the stage, and the windows of it that
all ranks have trained on.

The last batch of a stage holds what is left. Every rank still gets a slice of the full size: the
windows are shared out as evenly as possible, and each slice is filled up with windows of pads, in
which no target lives. So nothing is lost or seen twice, shapes never change within a stage, and no
rank waits for another that had nothing to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mixtures.stage_files import StageFiles
from pipeline.errors import ConfigError

PositionState = dict[str, Any]
"""A position as plain JSON: name and identity of the stage, and windows of it trained on."""


class Position(NamedTuple):
    """Windows of stage number ``stage`` that all ranks together have trained on."""

    stage: int
    window: int


BEGINNING = Position(0, 0)


@dataclass(frozen=True)
class Slice:
    """One rank's share of a batch: ``num_windows`` from window ``first`` of the stage, then pads.

    ``num_pad_windows`` fill it up in a stage's last batch; ``following`` is where training stands
    once all ranks have trained on the batch.
    """

    stage: int
    first: int
    num_windows: int
    num_pad_windows: int
    following: Position


class StageSequence:
    """Which windows a rank trains on in which batch; arithmetic only, no file is read."""

    def __init__(
        self, stages: Sequence[StageFiles], *, batch_tokens: int, rank: int = 0, world_size: int = 1
    ) -> None:
        """Cut ``stages`` into batches of ``batch_tokens``, over all ranks, and take ``rank``'s.

        Raises ConfigError on a rank out of range, and when a stage's batch can't be shared out
        equally.
        """
        if not 0 <= rank < world_size:
            raise ConfigError(f"rank must lie in 0..{world_size - 1}, got {rank}")
        self.stages = tuple(stages)
        self.batch_tokens = batch_tokens
        self.rank = rank
        self.world_size = world_size
        for number, stage in enumerate(self.stages):
            windows = self.batch_windows(number)
            if windows < 1 or windows % world_size:
                raise ConfigError(
                    f"batch_tokens {batch_tokens} is {windows} windows of "
                    f"{stage.layout.sequence_tokens} in stage {stage.name!r}: it must be a "
                    f"multiple of world_size {world_size}, and at least that"
                )

    def batch_windows(self, stage: int) -> int:
        """Windows of a full batch of stage number ``stage``, over all ranks."""
        return self.batch_tokens // self.stages[stage].layout.sequence_tokens

    def num_batches(self, start: Position = BEGINNING) -> int:
        """Batches from ``start`` to the end of the last stage."""
        return sum(self._batches_left(stage, start) for stage in range(len(self.stages)))

    def take(self, number: int, *, start: Position = BEGINNING) -> Slice | None:
        """This rank's share of batch ``number`` counted from ``start``; None after the last."""
        for stage in range(start.stage, len(self.stages)):
            batches = self._batches_left(stage, start)
            if number < batches:
                return self._slice(stage, self._first_window(stage, start), number)
            number -= batches
        return None

    def state(self, position: Position) -> PositionState:
        """``position`` in words that hold for another sequence of these stages too."""
        stage = self.stages[position.stage]
        return {"stage": stage.name, "identity": stage.identity, "window": position.window}

    def position(self, state: Mapping[str, Any]) -> Position:
        """Find what :meth:`state` gave; ConfigError when its stage is not among these."""
        for number, stage in enumerate(self.stages):
            if (stage.name, stage.identity) == (state["stage"], state["identity"]):
                if not 0 <= state["window"] <= stage.num_windows:
                    break
                return Position(number, state["window"])
        known = ", ".join(f"{stage.name} ({stage.identity})" for stage in self.stages)
        raise ConfigError(
            f"the state stands at window {state['window']} of stage {state['stage']} "
            f"({state['identity']}), which belongs to other shards; the stages here are {known}"
        )

    def _first_window(self, stage: int, start: Position) -> int:
        return start.window if stage == start.stage else 0

    def _batches_left(self, stage: int, start: Position) -> int:
        if stage < start.stage:
            return 0
        left = self.stages[stage].num_windows - self._first_window(stage, start)
        return -(-left // self.batch_windows(stage))

    def _slice(self, stage: int, first_window: int, number: int) -> Slice:
        full = self.batch_windows(stage)
        first = first_window + number * full
        count = min(full, self.stages[stage].num_windows - first)
        low, high = (r * count // self.world_size for r in (self.rank, self.rank + 1))
        return Slice(
            stage=stage,
            first=first + low,
            num_windows=high - low,
            num_pad_windows=full // self.world_size - (high - low),
            following=Position(stage, first + count),
        )
