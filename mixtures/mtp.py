"""Targets of multi-token prediction: labels, masks and positions of a batch of windows.

At depth d (0 is the main head) position i is to predict token i + 1 + d. The target is live if and
only if all of i .. i + 1 + d lie in one document: so that a module which is given the embeddings of
the tokens in between, as in DeepSeek-V3 and MiMo, sees nothing of a neighbour. A document that
continues in another window reaches into this one's lookahead, and loses nothing there.

All of it follows from the rows and ``SegmentBounds``, one pair of numbers for each segment, which
is what a reader hands out; ``mixtures.torch_targets`` does the same arithmetic on a device.

Legend of suffixes: b windows of a batch, s positions of a window, r positions of a row (S + 1 + k),
k depths (k + 1 of them), g segments of the whole batch.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mixtures.windows import Int32Array, Int64Array, Segments, first_segments

DEAD_LABEL = -100
"""Label where there is no target: the index that torch's cross-entropy ignores by default."""


@dataclass(frozen=True, eq=False)
class SegmentBounds:
    """Where the segments of B windows lie when the windows are laid end to end, position 0 first.

    ``starts_g`` are first positions; ``target_ends_g`` is one past the last token that a target of
    the segment may name: its end and, where its document continues, the lookahead. Pads at the end
    of a window are a segment of their own whose target end is its start, so no target there lives.
    """

    starts_g: Int64Array
    target_ends_g: Int64Array
    first_g: Int64Array
    """Index of each window's first segment, and the number of segments last."""
    sequence_tokens: int

    @classmethod
    def of(cls, segments: Segments, *, num_windows: int, sequence_tokens: int) -> Self:
        """Bounds of windows 0 to ``num_windows`` - 1 from ``segments``, sorted as in a shard."""
        first = first_segments(segments, num_windows)
        starts = segments["window"] * sequence_tokens + segments["start"]
        ends = starts + segments["length"]
        used = np.zeros(num_windows, np.int64)
        has_segment = np.diff(first) > 0
        used[has_segment] = (ends - segments["window"] * sequence_tokens)[
            first[1:][has_segment] - 1
        ]
        padded = np.flatnonzero(used < sequence_tokens)
        pad_starts = padded * sequence_tokens + used[padded]
        places = first[padded + 1]
        is_padded = np.zeros(num_windows + 1, np.int64)
        is_padded[padded + 1] = 1
        return cls(
            np.insert(starts, places, pad_starts),
            np.insert(ends + segments["lookahead"], places, pad_starts),
            first + np.cumsum(is_padded),
            sequence_tokens,
        )

    @property
    def num_windows(self) -> int:
        """Windows laid end to end: B."""
        return len(self.first_g) - 1

    @property
    def cu_seqlens(self) -> Int32Array:
        """Bounds of all segments from 0 to B * S, int32 (G + 1), as varlen attention wants them."""
        bounds = np.empty(len(self.starts_g) + 1, np.int32)
        bounds[:-1] = self.starts_g
        bounds[-1] = self.num_windows * self.sequence_tokens
        return bounds

    @property
    def max_seqlen(self) -> int:
        """Length of the longest segment."""
        bounds = self.cu_seqlens
        return int((bounds[1:] - bounds[:-1]).max())

    def select(self, first: int, count: int) -> Self:
        """Bounds of ``count`` windows from ``first`` on, counted from the first of them."""
        low, high = self.first_g[first], self.first_g[first + count]
        origin = first * self.sequence_tokens
        return type(self)(
            self.starts_g[low:high] - origin,
            self.target_ends_g[low:high] - origin,
            self.first_g[first : first + count + 1] - low,
            self.sequence_tokens,
        )

    def extend(self, other: Self) -> Self:
        """Bounds of these windows with ``other``'s laid after them."""
        origin = self.num_windows * self.sequence_tokens
        return type(self)(
            np.concatenate([self.starts_g, other.starts_g + origin]),
            np.concatenate([self.target_ends_g, other.target_ends_g + origin]),
            np.concatenate([self.first_g, other.first_g[1:] + self.first_g[-1]]),
            self.sequence_tokens,
        )


@dataclass(frozen=True, eq=False)
class Targets:
    """``labels_bks`` int32 and ``is_live_bks`` bool; a dead label is ``DEAD_LABEL``."""

    labels_bks: Int32Array
    is_live_bks: npt.NDArray[np.bool_]


def targets(rows_br: Int32Array, bounds: SegmentBounds) -> Targets:
    """Labels and masks of a batch at every depth its rows have the tokens for.

    ``rows_br`` holds S + 1 + k tokens of each window, lookahead included, and ``bounds`` is of the
    same windows.
    """
    size = bounds.sequence_tokens
    depths_k = np.arange(rows_br.shape[1] - size)
    is_live_bks = tokens_after(bounds)[:, None, :] > depths_k[:, None]
    labels_bks = np.lib.stride_tricks.sliding_window_view(rows_br[:, 1:], size, axis=1)
    labels_bks = np.where(is_live_bks, labels_bks, np.int32(DEAD_LABEL))
    return Targets(labels_bks, is_live_bks)


def tokens_after(bounds: SegmentBounds) -> Int64Array:
    """Tokens of its document after each position, (B, S), as far as the row holds them.

    What is there for a pad is below 1.
    """
    last_s = np.repeat(bounds.target_ends_g - 1, np.diff(bounds.cu_seqlens))
    after: Int64Array = last_s - np.arange(len(last_s))
    return after.reshape(bounds.num_windows, bounds.sequence_tokens)


def position_ids(bounds: SegmentBounds) -> Int32Array:
    """Positions, (B, S), that restart at 0 with every segment, fragments and pads included.

    A fragment counts from 0 and not from its offset: the model is shown nothing of what came
    before it, and an offset can lie beyond the positions the model has.
    """
    starts_s = np.repeat(bounds.starts_g, np.diff(bounds.cu_seqlens))
    positions = (np.arange(len(starts_s)) - starts_s).astype(np.int32)
    return positions.reshape(bounds.num_windows, bounds.sequence_tokens)


def document_ids(bounds: SegmentBounds) -> Int32Array:
    """Number of each position's segment in the batch, (B, S): equal means may attend."""
    numbers = np.arange(len(bounds.starts_g), dtype=np.int32)
    ids = np.repeat(numbers, np.diff(bounds.cu_seqlens))
    return ids.reshape(bounds.num_windows, bounds.sequence_tokens)


def count_live(segments: Segments, *, mtp_depth: int) -> Int64Array:
    """Live targets at depths 0 to ``mtp_depth``, predicted from the boundaries alone.

    A segment of n tokens with l more in the lookahead has min(n, max(0, n + l - 1 - d)).
    """
    lengths = segments["length"].astype(np.int64)[:, None]
    reach = lengths + segments["lookahead"][:, None] - 1 - np.arange(mtp_depth + 1)
    live: Int64Array = np.clip(reach, 0, lengths).sum(axis=0)
    return live
