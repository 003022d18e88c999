"""The reader: windows of a stage, in order, shared out over ranks, with numpy and nothing else.

The shards are shuffled already (documents by hash over shards, windows by hash inside each), so the
reader keeps their order: window g of the stage goes to rank g mod world_size. The state counts
windows, not files, so a run can go on with another world size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from mixtures.mtp import boundaries, position_ids, targets
from mixtures.windows import Int32Array, WindowLayout, WindowShard, open_shard, shard_name
from pipeline.errors import ConfigError
from pipeline.records.manifest import MANIFEST_NAME, Manifest


@dataclass(frozen=True, eq=False, kw_only=True)
class Window:
    """One training sample of S positions; ``labels`` and ``loss_mask`` have k + 1 rows.

    ``labels[d, i]`` is what position i is to predict at depth d, ``DEAD_LABEL`` (-100) where
    ``loss_mask`` is False. ``cu_seqlens`` holds the bounds of documents from 0 to S, as varlen
    attention wants them.
    """

    tokens: Int32Array
    labels: Int32Array
    loss_mask: npt.NDArray[np.bool_]
    position_ids: Int32Array
    cu_seqlens: Int32Array


def list_shards(stage_dir: str | Path, *, output: str = "windows") -> list[str]:
    """Paths of a stage's shards, without suffix, in the order of its manifest.

    Raises ConfigError where there is no manifest: a stage without one did not finish.
    """
    folder = Path(stage_dir)
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no {MANIFEST_NAME}: it is no stage's output, or an unfinished one"
        )
    manifest = Manifest.from_json(path.read_text(encoding="utf-8"))
    names = (shard_name(entry.name) for entry in manifest.shards(output))
    return [str(folder / name) for name in dict.fromkeys(names)]


class StageWindows:
    """All windows of a stage by number, whatever shard they lie in."""

    def __init__(self, shards: Iterable[str | Path]) -> None:
        """Open ``shards`` (``list_shards``); raises ConfigError on none, or on mixed layouts."""
        self._shards: list[WindowShard] = [open_shard(shard) for shard in shards]
        layouts = {shard.layout for shard in self._shards}
        if len(layouts) != 1:
            raise ConfigError(f"the shards of a stage have one layout, these have {len(layouts)}")
        self.layout: WindowLayout = layouts.pop()
        self._first = np.cumsum([0, *(shard.num_windows for shard in self._shards)])

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, number: int) -> Window:
        """Window ``number`` of the stage; IndexError outside 0 .. len - 1."""
        if not 0 <= number < len(self):
            raise IndexError(f"window {number} of {len(self)}")
        which = int(np.searchsorted(self._first, number, side="right")) - 1
        shard = self._shards[which]
        window = number - int(self._first[which])
        row, segments = shard.tokens[window], shard.segments_of(window)
        size = shard.layout.sequence_tokens
        wanted = targets(row, segments, mtp_depth=shard.layout.mtp_depth)
        return Window(
            tokens=np.array(row[:size], np.int32),
            labels=wanted.labels_ks,
            loss_mask=wanted.is_live_ks,
            position_ids=position_ids(segments, size),
            cu_seqlens=boundaries(segments, size),
        )


class WindowReader:
    """Iterates over one rank's windows; a pass gives every window to exactly one rank.

    When the world size does not divide the number of windows, the first ranks get one more. After a
    pass the reader stands at the beginning of the next, with the same order: the mixture has
    already decided how often a document is seen.
    """

    def __init__(self, windows: StageWindows, *, rank: int = 0, world_size: int = 1) -> None:
        """Read as ``rank`` of ``world_size``; ConfigError unless 0 <= rank < world_size."""
        if not 0 <= rank < world_size:
            raise ConfigError(f"rank must lie in 0..{world_size - 1}, got {rank}")
        self.windows = windows
        self._rank = rank
        self._world_size = world_size
        self._epoch = 0
        self._start = 0  # the stage's windows trained on before this world size took over
        self._taken = 0  # by this rank, since

    @classmethod
    def open(cls, stage_dir: str | Path, *, rank: int = 0, world_size: int = 1) -> Self:
        """Read the stage whose manifest lies in ``stage_dir``."""
        return cls(StageWindows(list_shards(stage_dir)), rank=rank, world_size=world_size)

    def __iter__(self) -> Iterator[Window]:
        """Give what is left of the pass."""
        while (number := self._next_number()) < len(self.windows):
            window = self.windows[number]
            self._taken += 1
            yield window
        self._epoch, self._start, self._taken = self._epoch + 1, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Where the reader stands, in plain integers."""
        return {
            "epoch": self._epoch,
            "start": self._start,
            "taken": self._taken,
            "world_size": self._world_size,
            "num_windows": len(self.windows),
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where ``state`` was taken, with this reader's own rank and world size.

        All ranks must have taken the same number of windows then, as they have between two steps
        of training. Raises ConfigError when the state is of a stage of another size.
        """
        if state["num_windows"] != len(self.windows):
            raise ConfigError(
                f"the state was taken among {state['num_windows']} windows, here are "
                f"{len(self.windows)}: it belongs to other shards"
            )
        self._epoch = state["epoch"]
        if state["world_size"] == self._world_size:
            self._start, self._taken = state["start"], state["taken"]
        else:
            self._start, self._taken = state["start"] + state["taken"] * state["world_size"], 0

    def _next_number(self) -> int:
        return self._start + self._taken * self._world_size + self._rank
