"""The rows of a stage by number: read from its files straight into the caller's memory.

Rows lie in the files in the order in which they are trained on, so a batch is one read of a file,
two where a shard ends in it. That is done with ``preadv`` and no memory map: a map was no faster
in a bare loop, a read can fill shared memory in place, and a file cut short is an error with a name
instead of a bus error. ``benchmarks.reader_speed`` compares with a plain sequential read.

Legend of suffixes: b windows of a batch, r positions of a row.
"""

import os
import weakref
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from mixtures.mtp import SegmentBounds
from mixtures.stage_files import ShardFiles, StageFiles
from mixtures.windows import TOKENS_SUFFIX, Int32Array, WindowLayout, open_shard
from pipeline.errors import InvariantError, StorageError

_BLOCK_BYTES = 1 << 18  # batches of one shape differ by some bounds, and can share memory

_BEGINNING_BYTES = 8 << 20  # some milliseconds of a disk, as long as a shard takes to open

MAX_OPEN_SHARDS = 4
"""Shards kept open: one is read, the next begins in the same batch; more only for random access."""


class RowMemory:
    """Memory to read batches into: a block is handed out again once nobody holds what was in it.

    Fresh memory costs a page fault every 4 KiB, in all about as much as reading into it (seen: 75
    ms instead of 37 to read 300 MiB in batches of 32 MiB that the kernel holds), and whether the
    allocator returns fresh memory for some megabytes hangs on their exact size.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._free: list[bytearray] = []

    def take(self, size: int) -> Int32Array:
        """An int32 array of ``size``, of any content; views of it keep its memory from reuse too.

        Blocks given back are kept while they are large enough for what is asked for.
        """
        self._free[:] = [block for block in self._free if len(block) >= 4 * size]
        num_blocks = -(-4 * size // _BLOCK_BYTES)
        block = self._free.pop() if self._free else bytearray(num_blocks * _BLOCK_BYTES)
        # Between a view and an array numpy leaves no array out whose base is a memoryview, so the
        # array itself lives as long as any view of it.
        array = np.frombuffer(memoryview(block), np.int32, size)
        weakref.finalize(array, self._free.append, block).atexit = False
        return array


@dataclass(frozen=True, eq=False)
class _OpenShard:
    descriptor: int
    header_bytes: int
    bounds: SegmentBounds


class StageRows:
    """Reads rows and bounds of any windows of a stage; opens a shard when one of its is wanted."""

    def __init__(self, stage: StageFiles) -> None:
        """Read ``stage``; no file is opened yet."""
        self.stage = stage
        counts = [shard.num_windows for shard in stage.shards]
        self._first = [0, *accumulate(counts)]
        self._open: dict[int, _OpenShard] = {}

    @property
    def layout(self) -> WindowLayout:
        """What the rows hold."""
        return self.stage.layout

    def __len__(self) -> int:
        return self._first[-1]

    def bounds(self, first: int, count: int) -> SegmentBounds:
        """Bounds of the segments of ``count`` windows from number ``first`` on.

        IndexError unless they are all there.
        """
        parts = [
            self._shard(number).bounds.select(low, size)
            for number, low, size in self._pieces(first, count)
        ]
        joined = parts[0]
        for part in parts[1:]:
            joined = joined.extend(part)
        return joined

    def read_into(self, rows_br: Int32Array, first: int) -> None:
        """Fill ``rows_br`` (contiguous int32) with the rows from number ``first`` on.

        IndexError when there are fewer; StorageError when a file ends early.
        """
        row_bytes = 4 * self.layout.row_tokens
        filled = 0
        for number, low, size in self._pieces(first, len(rows_br)):
            shard = self._shard(number)
            into = rows_br[filled : filled + size].data.cast("B")
            offset = shard.header_bytes + low * row_bytes
            while into:
                # The kernel reads at most 2 GiB at once.
                num_bytes = os.preadv(shard.descriptor, [into], offset)
                if not num_bytes:
                    name = self.stage.shards[number].name + TOKENS_SUFFIX
                    raise StorageError(f"{name} ends {len(into)} bytes before window {low + size}")
                into, offset = into[num_bytes:], offset + num_bytes
            filled += size

    def close(self) -> None:
        """Close what is open; a later read opens it again."""
        while self._open:
            os.close(self._open.popitem()[1].descriptor)

    def __del__(self) -> None:
        self.close()

    def _pieces(self, first: int, count: int) -> list[tuple[int, int, int]]:
        """Shards that hold the windows: number of the shard, first window in it, how many."""
        end = first + count
        if first < 0 or count < 1 or end > len(self):
            raise IndexError(f"windows {first} to {end - 1} of {len(self)}")
        pieces = []
        number = bisect_right(self._first, first) - 1
        while first < end:
            size = min(end, self._first[number + 1]) - first
            if size:  # a shard may be empty
                pieces.append((number, first - self._first[number], size))
            first += size
            number += 1
        return pieces

    def _shard(self, number: int) -> _OpenShard:
        if number not in self._open:
            if len(self._open) == MAX_OPEN_SHARDS:
                oldest = next(iter(self._open))
                os.close(self._open.pop(oldest).descriptor)
            self._open[number] = self._open_shard(self.stage.shards[number])
        return self._open[number]

    def _open_shard(self, files: ShardFiles) -> _OpenShard:
        descriptor = os.open(files.name + TOKENS_SUFFIX, os.O_RDONLY)
        try:
            _expect_reading(descriptor)
            return self._read_bounds(files, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def _read_bounds(self, files: ShardFiles, descriptor: int) -> _OpenShard:
        shard = open_shard(files.name)
        if shard.layout != self.layout:
            raise InvariantError(
                f"{files.name} has {shard.layout}, the stage's first shard {self.layout}"
            )
        if shard.num_windows != files.num_windows:
            raise InvariantError(
                f"{files.name} holds {shard.num_windows} windows, the manifest says "
                f"{files.num_windows}"
            )
        bounds = SegmentBounds.of(
            shard.segments,
            num_windows=shard.num_windows,
            sequence_tokens=self.layout.sequence_tokens,
        )
        row_bytes = 4 * self.layout.row_tokens
        header_bytes = os.fstat(descriptor).st_size - shard.num_windows * row_bytes
        return _OpenShard(descriptor, header_bytes, bounds)


def _expect_reading(descriptor: int) -> None:
    """Have the kernel read ahead of us, and begin: the disk works while the bounds are read."""
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        os.posix_fadvise(descriptor, 0, _BEGINNING_BYTES, os.POSIX_FADV_WILLNEED)
