"""Verification: a shard's laws, counted again from its files and from nothing the writer remembers.

Legend of suffixes: w windows, r positions of a row, lookahead included.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mixtures.joining import NO_SEPARATOR
from mixtures.mtp import count_live
from mixtures.windows import Int32Array, Int64Array, Segments, WindowShard
from pipeline.errors import InvariantError

_BLOCK_BYTES = 32 << 20


@dataclass(frozen=True)
class ShardCounts:
    """What a shard was found to hold. ``live_targets`` is by depth, from 0.

    ``documents`` are rows of the document table, ``units`` what the segments count.
    """

    windows: int
    documents: int
    units: int
    segments: int
    tokens: int
    padding_tokens: int
    live_targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Members:
    """What the shard's document table says of each row: see ``mixtures.provenance``.

    ``separators`` is the id of the separator token of the row's component, ``NO_SEPARATOR`` where
    it joins nothing.
    """

    num_tokens: Int64Array
    unit: Int64Array
    separators: Int32Array

    @classmethod
    def unjoined(cls, num_tokens: npt.ArrayLike) -> Self:
        """Documents that are units of their own."""
        lengths = np.asarray(num_tokens, np.int64)
        numbers = np.arange(len(lengths), dtype=np.int64)
        return cls(lengths, numbers, np.full(len(lengths), NO_SEPARATOR, np.int32))


def verify_shard(shard: WindowShard, members: Members) -> ShardCounts:
    """Check every law of ``mixtures.windows`` and ``mixtures.joining``; count what is there.

    Raises InvariantError naming the first law broken and where. Reads the tokens in blocks of rows.
    """
    unit_tokens = _unit_tokens(members)
    _check_tiling(shard)
    _check_fragments(shard, unit_tokens)
    live = np.zeros(shard.layout.mtp_depth + 1, np.int64)
    for first_window, rows in _blocks(shard):
        live += _check_rows(shard, rows, first_window=first_window)
    _check_lookahead(shard)
    _check_separators(shard, members, unit_tokens)
    predicted = count_live(shard.segments, mtp_depth=shard.layout.mtp_depth)
    _require(
        np.array_equal(live, predicted),
        f"live targets by depth are {live.tolist()}, the boundaries predict {predicted.tolist()}",
    )
    tokens = int(shard.segments["length"].sum())
    return ShardCounts(
        windows=shard.num_windows,
        documents=len(members.unit),
        units=len(unit_tokens),
        segments=len(shard.segments),
        tokens=tokens,
        padding_tokens=shard.num_windows * shard.layout.sequence_tokens - tokens,
        live_targets=tuple(live.tolist()),
    )


def _unit_tokens(members: Members) -> Int64Array:
    """Tokens of every unit. Units count from 0, and a document that joins none is alone in its."""
    steps = np.diff(members.unit, prepend=-1)
    _require(
        bool(((steps == 0) | (steps == 1)).all()) and not (len(steps) and steps[0] == 0),
        "the document table does not count its units from 0, row by row",
    )
    is_alone = members.separators == NO_SEPARATOR
    is_inner = steps[1:] == 0
    _require(
        not (is_inner & (is_alone[1:] | is_alone[:-1])).any(),
        "a unit holds several documents of a component that joins none",
    )
    num_units = int(members.unit[-1]) + 1 if len(members.unit) else 0
    tokens = np.zeros(num_units, np.int64)
    np.add.at(tokens, members.unit, members.num_tokens)
    return tokens


def _check_tiling(shard: WindowShard) -> None:
    """Segments cover every window from its first position on, without gap or overlap."""
    segments = shard.segments
    windows = segments["window"]
    in_range = (windows >= 0) & (windows < shard.num_windows)
    _require_all(in_range & (segments["length"] > 0), segments, "names no window or no token")
    is_first = np.diff(windows, prepend=-1) != 0
    _require(
        int(is_first.sum()) == shard.num_windows and bool((np.diff(windows) >= 0).all()),
        f"segments name {int(is_first.sum())} windows in order; there are {shard.num_windows}",
    )
    ends = segments["start"] + segments["length"]
    _require_all(ends <= shard.layout.sequence_tokens, segments, "ends beyond its window")
    previous_end = np.concatenate([[0], ends[:-1]])[: len(ends)]
    is_next = segments["start"] == np.where(is_first, 0, previous_end)
    _require_all(is_next, segments, "does not begin where the one before it ends")


def _check_fragments(shard: WindowShard, unit_tokens: Int64Array) -> None:
    """Every unit is there once, from its first token to its last, in numbered fragments."""
    segments = shard.segments[np.lexsort((shard.segments["offset"], shard.segments["document"]))]
    document = segments["document"]
    is_first = np.diff(document, prepend=-1) != 0
    _require(
        np.array_equal(document[is_first], np.arange(len(unit_tokens))),
        f"segments hold {int(is_first.sum())} documents; the table lists {len(unit_tokens)}",
    )
    ends = segments["offset"] + segments["length"]
    previous_end = np.concatenate([[0], ends[:-1]])[: len(ends)]
    is_next = segments["offset"] == np.where(is_first, 0, previous_end)
    _require_all(is_next, segments, "does not follow the fragment before it")
    first = np.flatnonzero(is_first)
    counts = np.diff(first, append=len(segments))
    numbers = np.arange(len(segments)) - np.repeat(first, counts)
    is_numbered = (segments["fragment"] == numbers) & (
        segments["num_fragments"] == np.repeat(counts, counts)
    )
    _require_all(is_numbered, segments, "is not numbered in text order")
    following = unit_tokens[document] - ends
    lookahead = np.minimum(following, shard.layout.mtp_depth + 1)
    _require_all(segments["lookahead"] == lookahead, segments, "looks ahead too little or too far")
    window_ends = segments["start"] + segments["length"] == shard.layout.sequence_tokens
    _require_all(window_ends | (lookahead == 0), segments, "continues, but not at the window's end")
    last = np.append(is_first[1:], True)[: len(segments)]
    _require_all(~last | (following == 0), segments, "is the last, but not its document's end")


def _blocks(shard: WindowShard) -> Iterator[tuple[int, npt.NDArray[np.int32]]]:
    rows = max(1, _BLOCK_BYTES // (4 * shard.layout.row_tokens))
    for low in range(0, shard.num_windows, rows):
        yield low, np.asarray(shard.tokens[low : low + rows])


def _check_rows(
    shard: WindowShard, rows_wr: npt.NDArray[np.int32], *, first_window: int
) -> Int64Array:
    """Pads and EODs are where the segments say and nowhere else; returns live targets by depth."""
    size, eod_id, pad_id = (
        shard.layout.sequence_tokens,
        shard.layout.eod_id,
        shard.layout.pad_id,
    )
    low, high = shard.first_segment[[first_window, first_window + len(rows_wr)]]
    segments = shard.segments[low:high]
    owner_wr = _owners(segments, rows_wr.shape, first_window=first_window)
    is_token_wr = owner_wr >= 0
    _require(
        np.array_equal(rows_wr != pad_id, is_token_wr),
        f"windows from {first_window} on hold pads in a document, or tokens where there is none",
    )
    ends_document = segments["lookahead"] == 0
    window = segments["window"] - first_window
    last = segments["start"] + segments["length"] - 1
    _require_all(
        (rows_wr[window, last] == eod_id) == ends_document, segments, "has EOD and end apart"
    )
    num_eods = int((rows_wr[:, :size] == eod_id).sum())
    _require(
        num_eods == int(ends_document.sum()),
        f"windows from {first_window} on hold {num_eods} EODs for {int(ends_document.sum())} ends",
    )
    here, is_token = owner_wr[:, :size], is_token_wr[:, :size]
    return np.array(
        [
            (is_token & (here == owner_wr[:, depth + 1 : depth + 1 + size])).sum()
            for depth in range(shard.layout.mtp_depth + 1)
        ]
    )


def _owners(segments: Segments, shape: tuple[int, ...], *, first_window: int) -> Int64Array:
    """Number of the segment that each position of a row belongs to, lookahead included; else -1."""
    owners: Int64Array = np.full(shape, -1, np.int64)
    lengths = (segments["length"] + segments["lookahead"]).astype(np.int64)
    begins = np.cumsum(lengths) - lengths
    position = np.arange(int(lengths.sum())) - np.repeat(begins - segments["start"], lengths)
    window = np.repeat(segments["window"] - first_window, lengths)
    owners[window, position] = np.repeat(np.arange(len(segments)), lengths)
    return owners


def _check_lookahead(shard: WindowShard) -> None:
    """The lookahead holds the tokens with which the document goes on in its next fragments."""
    segments = shard.segments[np.lexsort((shard.segments["offset"], shard.segments["document"]))]
    ends = segments["offset"] + segments["length"]
    continuing = np.flatnonzero(segments["lookahead"])
    following = continuing + 1
    for step in range(shard.layout.mtp_depth + 1):
        reaches = step < segments["lookahead"][continuing]
        continuing, following = continuing[reaches], following[reaches]
        offset = ends[continuing] + step
        following = following + (offset >= ends[following])
        found = shard.tokens[
            segments["window"][following],
            segments["start"][following] + offset - segments["offset"][following],
        ]
        ahead = shard.tokens[segments["window"][continuing], shard.layout.sequence_tokens + step]
        _require_all(found == ahead, segments[continuing], "is followed by other tokens elsewhere")


def _check_separators(shard: WindowShard, members: Members, unit_tokens: Int64Array) -> None:
    """Separators are where the document of a unit's next member begins, and nowhere else."""
    ids = np.unique(members.separators[members.separators != NO_SEPARATOR])
    if not len(ids):
        return
    segments = shard.segments[np.lexsort((shard.segments["offset"], shard.segments["document"]))]
    # Places in all units laid end to end, which the members are as well.
    begins = (np.cumsum(unit_tokens) - unit_tokens)[segments["document"]] + segments["offset"]
    is_inner = np.append(members.unit[1:] == members.unit[:-1], False)
    ends = np.cumsum(members.num_tokens)[is_inner] - 1
    holder = np.searchsorted(begins, ends, side="right") - 1
    window = segments["window"][holder]
    position = segments["start"][holder] + ends - begins[holder]
    found = shard.tokens[window, position]
    _require_all(
        found == members.separators[is_inner],
        segments[holder],
        "lacks the separator between two of its documents",
    )
    size = shard.layout.sequence_tokens
    num_separators = sum(int(np.isin(rows[:, :size], ids).sum()) for _, rows in _blocks(shard))
    _require(
        num_separators == len(ends),
        f"windows hold {num_separators} separators for {len(ends)} documents that are joined to a "
        "next one",
    )


def _require_all(holds: npt.NDArray[np.bool_], segments: Segments, law: str) -> None:
    if not holds.all():
        broken = segments[int(np.argmin(holds))]
        raise InvariantError(
            f"the segment of document {broken['document']} in window {broken['window']} at "
            f"position {broken['start']} {law}"
        )


def _require(holds: bool, law: str) -> None:  # noqa: FBT001
    if not holds:
        raise InvariantError(law)
