"""Packing: lengths of documents in, segments of windows out; no token is touched.

``best-fit`` is best-fit decreasing: a document longer than a window is cut at exactly the window's
length, every remainder and every shorter document goes whole into the fullest window that has room
(Ding et al. 2024, "Fewer truncations improve language modeling", arXiv 2404.10830). Only when that
would pad more than ``MAX_PADDING_RATIO`` are the emptiest windows dissolved and their documents cut
to fill the others up. ``concatenate`` lays documents end to end in the order in which they come and
cuts wherever a window ends, as Megatron-LM and OLMo do by default. Pads are never between
documents.

Every fragment that lacks its document's end lies at the end of its window. That is what keeps
targets clean at any depth: inside a window a segment is followed by another only after an EOD.

Legend of suffixes: d documents, p pieces (a piece is a whole document or a fragment), w windows.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from mixtures.best_fit import best_fit, fill_up
from mixtures.hashing import mix
from mixtures.windows import SEGMENT_DTYPE, Int64Array, Segments, count_windows
from pipeline.compilation import compile_kernel

Method = Literal["best-fit", "concatenate"]

MAX_PADDING_RATIO = 0.001
"""Padding above which documents are cut: our target for a shard, not a measured optimum. What stays
above it cannot be helped: the tokens of a shard seldom fill its last window."""


@dataclass(frozen=True)
class PackingCounts:
    """What packing cost; counts of shards add up. A joined unit counts as one document.

    ``long_documents`` do not fit a window and must be cut; ``cut_documents`` fit one, but were cut
    all the same. ``concatenation_cut_documents`` are those, of either kind, that concat-and-chunk
    cuts when it is given the same documents in the same order.
    """

    documents: int
    windows: int
    tokens: int
    padding_tokens: int
    long_documents: int
    cut_documents: int
    concatenation_cut_documents: int

    @classmethod
    def of(cls, segments: Segments, *, sequence_tokens: int) -> Self:
        """Count a shard's segments."""
        document = segments["document"]
        # Sums of whole numbers below 2**53 are exact in floating point.
        lengths_d = np.bincount(document, weights=segments["length"]).astype(np.int64)
        was_cut = np.zeros(len(lengths_d), np.bool_)
        was_cut[document] = segments["num_fragments"] > 1
        tokens = int(lengths_d.sum())
        windows = count_windows(segments)
        ends = np.cumsum(lengths_d)
        crosses = (ends - lengths_d) // sequence_tokens != (ends - 1) // sequence_tokens
        return cls(
            documents=int((lengths_d > 0).sum()),
            windows=windows,
            tokens=tokens,
            padding_tokens=windows * sequence_tokens - tokens,
            long_documents=int((lengths_d > sequence_tokens).sum()),
            cut_documents=int((was_cut & (lengths_d <= sequence_tokens)).sum()),
            concatenation_cut_documents=int((crosses & (lengths_d > 0)).sum()),
        )

    @property
    def padding_ratio(self) -> float:
        """Pads per position of the windows, lookahead left out; 0 without windows."""
        positions = self.tokens + self.padding_tokens
        return self.padding_tokens / positions if positions else 0.0

    @property
    def truncation_ratio(self) -> float:
        """Documents that no window holds whole, per document; 0 without documents."""
        return (self.long_documents + self.cut_documents) / max(self.documents, 1)

    @property
    def concatenation_truncation_ratio(self) -> float:
        """What :attr:`truncation_ratio` would be under concat-and-chunk."""
        return self.concatenation_cut_documents / max(self.documents, 1)


def pack(
    lengths: npt.ArrayLike,
    *,
    sequence_tokens: int,
    mtp_depth: int,
    shuffle_seed: int,
    method: Method = "best-fit",
) -> Segments:
    """Lay documents into windows: ``SEGMENT_DTYPE``, sorted by window and start.

    ``lengths`` are the tokens of each document, EOD included, all above 0; ValueError otherwise.
    The windows are numbered at random by ``shuffle_seed``, so that best-fit's order by length is
    gone; inside a window documents keep the order in which they came. Fragments are numbered in
    text order; their windows are shuffled like all others, because a window is trained on by
    itself.
    """
    lengths_d = np.ascontiguousarray(lengths, np.int64)
    if len(lengths_d) and lengths_d.min() < 1:
        raise ValueError("every document holds at least its EOD; got one of no tokens")
    place = _best_fit_pieces if method == "best-fit" else _concatenated_pieces
    counts_d, length_p, window_p, num_windows = place(lengths_d, sequence_tokens)
    segments = np.zeros(len(length_p), SEGMENT_DTYPE)
    columns = tuple(np.empty(len(length_p), segments.dtype[n]) for n in SEGMENT_DTYPE.names or ())
    _lay_out(
        lengths_d,
        counts_d,
        length_p,
        window_p,
        _shuffled(num_windows, shuffle_seed),
        sequence_tokens,
        1 + mtp_depth,
        *columns,
    )
    for name, column in zip(SEGMENT_DTYPE.names or (), columns, strict=True):
        segments[name] = column
    return segments


Pieces = tuple[Int64Array, Int64Array, Int64Array, int]
"""Pieces of each document; length and window of every piece in text order; the windows."""


def _best_fit_pieces(lengths_d: Int64Array, sequence_tokens: int) -> Pieces:
    full_d, rest_d = np.divmod(lengths_d, sequence_tokens)
    num_full = int(full_d.sum())
    window_d, room_w = best_fit(rest_d, sequence_tokens)
    num_windows = num_full + len(room_w)
    total_tokens = int(lengths_d.sum())
    needed = -(-total_tokens // sequence_tokens)
    bearable = int(total_tokens / (sequence_tokens * (1 - MAX_PADDING_RATIO)))
    surplus = num_windows - max(needed, bearable)
    if surplus <= 0:
        rest_pieces_d, length_r, window_r = (rest_d > 0).astype(np.int64), rest_d, window_d
        if not rest_pieces_d.all():
            has_rest = rest_d > 0
            length_r, window_r = rest_d[has_rest], window_d[has_rest]
    else:
        num_windows -= surplus
        rest_pieces_d, length_r, window_r = fill_up(
            rest_d, window_d, room_w, surplus=surplus, sequence_tokens=sequence_tokens
        )
    counts_d = full_d + rest_pieces_d
    if not num_full:
        return counts_d, length_r, window_r, num_windows
    # A document's full windows come before its rest.
    first_d = np.cumsum(counts_d) - counts_d
    is_full = np.zeros(int(counts_d.sum()), np.bool_)
    number_of_full = np.arange(num_full) - np.repeat(np.cumsum(full_d) - full_d, full_d)
    is_full[np.repeat(first_d, full_d) + number_of_full] = True
    length_p = np.full(len(is_full), sequence_tokens, np.int64)
    length_p[~is_full] = length_r
    window_p = np.empty(len(is_full), np.int64)
    window_p[is_full] = np.arange(num_full)
    window_p[~is_full] = num_full + window_r
    return counts_d, length_p, window_p, num_windows


def _concatenated_pieces(lengths_d: Int64Array, sequence_tokens: int) -> Pieces:
    ends_d = np.cumsum(lengths_d)
    begins_d = ends_d - lengths_d
    first_window_d = begins_d // sequence_tokens
    counts_d = (ends_d - 1) // sequence_tokens - first_window_d + 1
    first_p = np.repeat(np.cumsum(counts_d) - counts_d, counts_d)
    window_p = np.arange(len(first_p)) - first_p + np.repeat(first_window_d, counts_d)
    begin_p = np.maximum(np.repeat(begins_d, counts_d), window_p * sequence_tokens)
    end_p = np.minimum(np.repeat(ends_d, counts_d), (window_p + 1) * sequence_tokens)
    total_tokens = int(ends_d[-1]) if len(ends_d) else 0
    return counts_d, end_p - begin_p, window_p, -(-total_tokens // sequence_tokens)


@compile_kernel
def _lay_out(  # noqa: PLR0917 - a kernel takes no keywords
    lengths_d: Int64Array,
    counts_d: Int64Array,
    length_p: Int64Array,
    window_p: Int64Array,
    number_w: Int64Array,
    sequence_tokens: int,
    lookahead_tokens: int,
    window: Int64Array,
    document: Int64Array,
    offset: Int64Array,
    start: npt.NDArray[np.int32],
    length: npt.NDArray[np.int32],
    fragment: npt.NDArray[np.int32],
    num_fragments: npt.NDArray[np.int32],
    lookahead: npt.NDArray[np.int32],
) -> None:
    """Fill the columns of segments, by window and start, from pieces in text order.

    A piece that ends its document lies behind the pieces of the window that came before it; one
    that continues ends at the window's end.
    """
    next_w = np.zeros(len(number_w) + 1, np.int64)
    used_w = np.zeros(len(number_w), np.int64)
    for p in range(len(window_p)):
        next_w[number_w[window_p[p]] + 1] += 1
    for w in range(len(number_w)):
        next_w[w + 1] += next_w[w]
    last_w = next_w[1:].copy()
    piece = 0
    for d in range(len(lengths_d)):
        done = 0
        for number in range(counts_d[d]):
            size = length_p[piece]
            w = number_w[window_p[piece]]
            following = lengths_d[d] - done - size
            if following > 0:
                row = last_w[w] - 1
                start[row] = sequence_tokens - size
            else:
                row = next_w[w]
                next_w[w] += 1
                start[row] = used_w[w]
                used_w[w] += size
            window[row] = w
            document[row] = d
            offset[row] = done
            length[row] = size
            fragment[row] = number
            num_fragments[row] = counts_d[d]
            lookahead[row] = min(following, lookahead_tokens)
            done += size
            piece += 1


def _shuffled(num_windows: int, seed: int) -> Int64Array:
    """New number of every window. A hash, because numpy may change its generators' streams."""
    key = mix(np.array([seed], np.uint64))
    order = np.argsort(mix(np.arange(num_windows, dtype=np.uint64) ^ key))
    numbers = np.empty(num_windows, np.int64)
    numbers[order] = np.arange(num_windows)
    return numbers
