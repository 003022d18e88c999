"""Verification: a shard's laws, counted again from its files and from nothing the writer remembers.

Legend of suffixes: w windows, r positions of a row, lookahead included.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mixtures.mtp import count_live
from mixtures.windows import Int64Array, Segments, WindowShard
from pipeline.errors import InvariantError

_BLOCK_BYTES = 32 << 20


@dataclass(frozen=True)
class ShardCounts:
    """What a shard was found to hold. ``live_targets`` is by depth, from 0."""

    windows: int
    documents: int
    segments: int
    tokens: int
    padding_tokens: int
    live_targets: tuple[int, ...]


def verify_shard(shard: WindowShard, *, document_tokens: Int64Array) -> ShardCounts:
    """Check every law of ``mixtures.windows`` and count what the shard holds.

    ``document_tokens`` is ``num_tokens`` of the shard's document table. Raises InvariantError
    naming the first law broken and where. Reads the tokens in blocks of rows.
    """
    _check_tiling(shard)
    _check_fragments(shard, document_tokens)
    live = np.zeros(shard.layout.mtp_depth + 1, np.int64)
    for first_window, rows in _blocks(shard):
        live += _check_rows(shard, rows, first_window=first_window)
    _check_lookahead(shard)
    predicted = count_live(shard.segments, mtp_depth=shard.layout.mtp_depth)
    _require(
        np.array_equal(live, predicted),
        f"live targets by depth are {live.tolist()}, the boundaries predict {predicted.tolist()}",
    )
    tokens = int(shard.segments["length"].sum())
    return ShardCounts(
        windows=shard.num_windows,
        documents=len(document_tokens),
        segments=len(shard.segments),
        tokens=tokens,
        padding_tokens=shard.num_windows * shard.layout.sequence_tokens - tokens,
        live_targets=tuple(live.tolist()),
    )


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


def _check_fragments(shard: WindowShard, document_tokens: Int64Array) -> None:
    """Every document is there once, from its first token to its last, in numbered fragments."""
    segments = shard.segments[np.lexsort((shard.segments["offset"], shard.segments["document"]))]
    document = segments["document"]
    is_first = np.diff(document, prepend=-1) != 0
    _require(
        np.array_equal(document[is_first], np.arange(len(document_tokens))),
        f"segments hold {int(is_first.sum())} documents; the table lists {len(document_tokens)}",
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
    following = document_tokens[document] - ends
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
