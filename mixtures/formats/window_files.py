"""Formats of windows: one row for each window, and what of the window shard goes into it.

A row is the window's tokens with, beside them, the bounds of its documents. From these
``row_bounds`` gives back what ``mixtures.mtp`` makes labels, masks and positions of.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from mixtures.formats.documents import units
from mixtures.formats.export import (
    ExportContext,
    FileSet,
    NativeShard,
    SetCounts,
    WrittenSet,
    plan_by_shard,
)
from mixtures.mtp import SegmentBounds
from mixtures.windows import Int32Array, Int64Array
from pipeline.errors import InvariantError


@dataclass(frozen=True, eq=False)
class WindowRow:
    """One window: ``tokens`` are S + 1 + k, ``cu_seqlens`` its bounds from 0 to S.

    ``num_tokens`` come before the pads. ``lookahead`` counts the true next tokens after position
    S, above 0 when the last document continues in another window. ``document_ids`` and
    ``document_offsets`` have an entry for each document in the window: its id (the first's, where
    several were joined into one) and where in the document the window begins to show it.
    """

    tokens: Int32Array
    cu_seqlens: Int32Array
    num_tokens: int
    lookahead: int
    document_ids: Sequence[str]
    document_offsets: Int64Array


def window_rows(native: NativeShard) -> Iterator[WindowRow]:
    """The rows of a shard, in order."""
    shard = native.windows
    unit_r = units(native.documents)
    ids = native.documents.column("id").to_pylist()
    first_row = {unit: row for row, unit in reversed(list(enumerate(unit_r.tolist())))}
    bounds = SegmentBounds.of(
        shard.segments,
        num_windows=shard.num_windows,
        sequence_tokens=shard.layout.sequence_tokens,
    )
    for window in range(shard.num_windows):
        segments = shard.segments_of(window)
        if not len(segments):
            raise InvariantError(f"window {window} holds no document")
        yield WindowRow(
            tokens=np.asarray(shard.tokens[window]),
            cu_seqlens=bounds.select(window, 1).cu_seqlens,
            num_tokens=int(segments["length"].sum()),
            lookahead=int(segments["lookahead"][-1]),
            document_ids=[ids[first_row[unit]] for unit in segments["document"].tolist()],
            document_offsets=segments["offset"].astype(np.int64),
        )


def row_bounds(cu_seqlens: Int32Array, *, num_tokens: int, lookahead: int) -> SegmentBounds:
    """What ``mixtures.mtp`` makes labels, masks and positions of, from one row."""
    starts, ends = cu_seqlens[:-1].astype(np.int64), cu_seqlens[1:].astype(np.int64)
    is_document = ends <= num_tokens
    target_ends = np.where(is_document, ends, starts)
    target_ends[np.flatnonzero(is_document)[-1]] += lookahead
    first = np.array([0, len(starts)], np.int64)
    return SegmentBounds(starts, target_ends, first, int(cu_seqlens[-1]))


@dataclass(frozen=True, kw_only=True)
class WindowFormat:
    """A format of windows; a file set is one file, made of one window shard.

    ``write_shard`` writes it, ``read_tokens`` gives its rows of tokens back, with the lookahead as
    far as the format keeps it, and ``describe`` makes the texts for a whole stage.
    """

    name: str
    suffix: str
    write_shard: Callable[[BinaryIO, NativeShard], None]
    read_rows: Callable[[str], Iterator[WindowRow]]
    describe: Callable[[Sequence[WrittenSet], ExportContext], Mapping[str, str]]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The one suffix."""
        return (self.suffix,)

    def plan(self, shard_tokens: Sequence[Mapping[str, int]]) -> tuple[FileSet, ...]:
        """A file for each window shard."""
        return plan_by_shard(len(shard_tokens), self.name)

    def write(
        self,
        streams: Mapping[str, BinaryIO],
        shards: Iterable[NativeShard],
        *,
        files: FileSet,
        context: ExportContext,
    ) -> SetCounts:
        """Write the file of one shard."""
        del files, context
        (native,) = shards
        self.write_shard(streams[self.suffix], native)
        return SetCounts(
            native.windows.num_windows,
            native.documents.num_rows,
            int(native.windows.segments["length"].sum()),
        )

    def summarize(self, sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
        """See ``describe``."""
        return self.describe(sets, context)

    def verify(self, base: str, shards: Iterable[NativeShard], *, component: str | None) -> int:
        """Compare every row with its window: tokens, bounds, lookahead and documents."""
        del component
        (native,) = shards
        found = number = 0
        rows = self.read_rows(base + self.suffix)
        for number, (row, expected) in enumerate(zip(rows, window_rows(native), strict=False), 1):
            difference = _difference(row, expected)
            if difference:
                raise InvariantError(
                    f"{base}{self.suffix}: row {number - 1} has other {difference} than its window"
                )
            found += row.num_tokens
        if number != native.windows.num_windows or next(rows, None) is not None:
            raise InvariantError(
                f"{base}{self.suffix} does not hold {native.windows.num_windows} rows"
            )
        return found


def _difference(row: WindowRow, expected: WindowRow) -> str | None:
    """Name of the first field that differs; pads behind the lookahead may be left out."""
    needed = int(expected.cu_seqlens[-1]) + expected.lookahead
    is_whole = len(row.tokens) >= needed
    if not is_whole or not np.array_equal(row.tokens, expected.tokens[: len(row.tokens)]):
        return "tokens"
    for name in ("cu_seqlens", "document_offsets"):
        if not np.array_equal(getattr(row, name), getattr(expected, name)):
            return name
    for name in ("num_tokens", "lookahead", "document_ids"):
        if getattr(row, name) != getattr(expected, name):
            return name
    return None
