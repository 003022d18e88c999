"""Targets of multi-token prediction: labels, masks and positions of one window.

At depth d (0 is the main head) position i is to predict token i + 1 + d. The target is live if and
only if all of i .. i + 1 + d lie in one document: so that a module which is given the embeddings of
the tokens in between, as in DeepSeek-V3 and MiMo, sees nothing of a neighbour. A document that
continues in another window reaches into this one's lookahead, and loses nothing there.

Legend of suffixes: s positions of a window, k depths (k + 1 of them).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mixtures.windows import Int32Array, Int64Array, Segments

DEAD_LABEL = -100
"""Label where there is no target: the index that torch's cross-entropy ignores by default."""


@dataclass(frozen=True, eq=False)
class Targets:
    """``labels_ks`` int32 and ``is_live_ks`` bool; a dead label is ``DEAD_LABEL``."""

    labels_ks: Int32Array
    is_live_ks: npt.NDArray[np.bool_]


def targets(row: Int32Array, segments: Segments, *, mtp_depth: int) -> Targets:
    """Labels and masks of one window, for depths 0 to ``mtp_depth``.

    ``row`` is the S + 1 + ``mtp_depth`` tokens of a window and its lookahead, ``segments`` its
    segments in order.
    """
    num_positions = len(row) - 1 - mtp_depth
    depths_k = np.arange(mtp_depth + 1)
    is_live_ks = tokens_after(segments, num_positions)[None, :] > depths_k[:, None]
    labels_ks = np.lib.stride_tricks.sliding_window_view(row[1:], num_positions)
    return Targets(np.where(is_live_ks, labels_ks, DEAD_LABEL).astype(np.int32), is_live_ks)


def tokens_after(segments: Segments, num_positions: int) -> Int64Array:
    """Tokens of its document after each position, as far as the row holds them; 0 for pads."""
    lengths = segments["length"].astype(np.int64)
    ends = segments["start"].astype(np.int64) + lengths + segments["lookahead"]
    after_s = np.zeros(num_positions, np.int64)
    used = int(lengths.sum())
    after_s[:used] = np.repeat(ends, lengths) - np.arange(used) - 1
    return after_s


def position_ids(segments: Segments, num_positions: int) -> Int32Array:
    """Positions that restart at 0 with every segment, fragments and the pads at the end included.

    A fragment counts from 0 and not from its offset: the model is shown nothing of what came
    before it, and an offset can lie beyond the positions the model has.
    """
    bounds = boundaries(segments, num_positions)
    starts = np.repeat(bounds[:-1], np.diff(bounds))
    return (np.arange(num_positions) - starts).astype(np.int32)


def boundaries(segments: Segments, num_positions: int) -> Int32Array:
    """Ends of the window's segments with 0 before them: ``cu_seqlens`` of varlen attention.

    Pads at the end are a segment of their own, so the last entry is always S.
    """
    ends = segments["start"] + segments["length"]
    last = ends[-1] if len(ends) else 0
    pads = [num_positions] if last < num_positions else []
    return np.concatenate([[0], ends, pads]).astype(np.int32)


def count_live(segments: Segments, *, mtp_depth: int) -> Int64Array:
    """Live targets at depths 0 to ``mtp_depth``, predicted from the boundaries alone.

    A segment of n tokens with l more in the lookahead has min(n, max(0, n + l - 1 - d)).
    """
    lengths = segments["length"].astype(np.int64)[:, None]
    reach = lengths + segments["lookahead"][:, None] - 1 - np.arange(mtp_depth + 1)
    live: Int64Array = np.clip(reach, 0, lengths).sum(axis=0)
    return live
