"""Packing: lengths of documents in, segments of windows out; no token is touched.

Best-fit decreasing: a document longer than a window is cut at exactly the window's length, every
remainder and every shorter document goes whole into the fullest window that has room (Ding et al.
2024, "Fewer truncations improve language modeling", arXiv 2404.10830). Only when that would pad
more than ``MAX_PADDING_RATIO`` are the emptiest windows dissolved and their documents cut to fill
the others up. Pads are never between documents.

Every fragment that lacks its document's end lies at the end of its window. That is what keeps
targets clean at any depth: inside a window a segment is followed by another only after an EOD.

Legend of suffixes: d documents, p pieces (a piece is a whole document or a fragment).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mixtures.hashing import mix
from mixtures.windows import SEGMENT_DTYPE, Int64Array, Segments, count_windows

MAX_PADDING_RATIO = 0.001
"""Padding above which documents are cut: our target for a shard, not a measured optimum. What stays
above it cannot be helped: the tokens of a shard seldom fill its last window."""


@dataclass(frozen=True)
class PackingCounts:
    """What packing cost; counts of shards add up.

    ``long_documents`` do not fit a window and must be cut; ``cut_documents`` fit one, but were cut
    to fill windows up.
    """

    documents: int
    windows: int
    tokens: int
    padding_tokens: int
    long_documents: int
    cut_documents: int

    @classmethod
    def of(cls, segments: Segments, *, sequence_tokens: int) -> Self:
        """Count a shard's segments."""
        lengths = np.zeros(int(segments["document"].max(initial=-1)) + 1, np.int64)
        np.add.at(lengths, segments["document"], segments["length"].astype(np.int64))
        was_cut = np.zeros(len(lengths), np.bool_)
        was_cut[segments["document"]] = segments["num_fragments"] > 1
        tokens = int(lengths.sum())
        windows = count_windows(segments)
        return cls(
            documents=int((lengths > 0).sum()),
            windows=windows,
            tokens=tokens,
            padding_tokens=windows * sequence_tokens - tokens,
            long_documents=int((lengths > sequence_tokens).sum()),
            cut_documents=int((was_cut & (lengths <= sequence_tokens)).sum()),
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


def pack(
    lengths: npt.ArrayLike, *, sequence_tokens: int, mtp_depth: int, shuffle_seed: int
) -> Segments:
    """Lay documents into windows: ``SEGMENT_DTYPE``, sorted by window and start.

    ``lengths`` are the tokens of each document, EOD included, all above 0. The windows are numbered
    at random by ``shuffle_seed``, so that best-fit's order by length is gone; inside a window
    documents keep the order in which they came. Fragments are numbered in text order; their windows
    are shuffled like all others, because a window is trained on by itself.
    """
    lengths_d = np.asarray(lengths, np.int64)
    if len(lengths_d) and lengths_d.min() < 1:
        raise ValueError("every document holds at least its EOD; got one of no tokens")
    full_d, rest_d = np.divmod(lengths_d, sequence_tokens)
    document, offset, length, window = _full_windows(full_d, sequence_tokens)
    packed = _BestFit(sequence_tokens, first_window=len(window))
    rests = np.flatnonzero(rest_d)
    by_length = rests[np.argsort(-rest_d[rests], kind="stable")]
    for number, rest in zip(by_length.tolist(), rest_d[by_length].tolist(), strict=True):
        packed.place(number, rest)
    packed.fill_up(total_tokens=int(lengths_d.sum()))
    pieces = packed.pieces()
    rest_offset = (full_d * sequence_tokens)[pieces["document"]] + pieces["offset"]
    return _number(
        document=np.concatenate([document, pieces["document"]]),
        offset=np.concatenate([offset, rest_offset]),
        length=np.concatenate([length, pieces["length"]]),
        window=np.concatenate([window, pieces["window"]]),
        lengths_d=lengths_d,
        lookahead_tokens=1 + mtp_depth,
        shuffle_seed=shuffle_seed,
    )


def _full_windows(
    full_d: Int64Array, sequence_tokens: int
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Pieces that fill a window by themselves: document, offset, length, window."""
    document = np.repeat(np.arange(len(full_d)), full_d)
    window = np.arange(len(document))
    first = np.cumsum(full_d) - full_d
    offset = (window - np.repeat(first, full_d)) * sequence_tokens
    return document, offset, np.full(len(document), sequence_tokens), window


class _Rooms:
    """Open windows by the room they have: the least sufficient room in constant time.

    ``_occupied`` has bit r set when some window has room r: shifting and isolating the lowest bit
    of one big integer finds the best fit, much as a segment tree would, in about a microsecond.
    """

    def __init__(self) -> None:
        self._windows: dict[int, list[int]] = {}
        self._occupied = 0

    def add(self, window: int, room: int) -> None:
        if room:
            self._windows.setdefault(room, []).append(window)
            self._occupied |= 1 << room

    def take(self, length: int) -> tuple[int, int] | None:
        """Remove and return a window with the least room of at least ``length``, and its room."""
        sufficient = self._occupied >> length
        if not sufficient:
            return None
        return self._take_room(length + (sufficient & -sufficient).bit_length() - 1)

    def take_largest(self) -> tuple[int, int]:
        """Remove and return a window with the most room, and its room."""
        return self._take_room(self._occupied.bit_length() - 1)

    def _take_room(self, room: int) -> tuple[int, int]:
        windows = self._windows[room]
        window = windows.pop()
        if not windows:
            self._occupied ^= 1 << room
        return window, room


_PIECE_DTYPE = np.dtype(
    [("document", "<i8"), ("offset", "<i8"), ("length", "<i8"), ("window", "<i8")]
)


class _BestFit:
    """Windows shared by several pieces, being filled. Offsets count from the rest's start."""

    def __init__(self, sequence_tokens: int, *, first_window: int) -> None:
        self._size = sequence_tokens
        self._first_window = first_window
        self._rooms = _Rooms()
        self._pieces: list[list[tuple[int, int, int]]] = []  # by window: document, offset, length
        self._room: list[int] = []

    def place(self, document: int, length: int, *, offset: int = 0) -> None:
        """Put a piece into the fullest window with room for it, or into a new one."""
        found = self._rooms.take(length)
        if found is None:
            found = len(self._pieces), self._size
            self._pieces.append([])
            self._room.append(self._size)
        self._put(found, (document, offset, length))

    def fill_up(self, *, total_tokens: int) -> None:
        """Dissolve the emptiest windows, if there is too much padding, and cut what they held."""
        num_windows = self._first_window + len(self._pieces)
        needed = -(-total_tokens // self._size)
        bearable = int(total_tokens / (self._size * (1 - MAX_PADDING_RATIO)))
        surplus = num_windows - max(needed, bearable)
        if surplus <= 0:
            return
        by_room = sorted(range(len(self._pieces)), key=lambda window: -self._room[window])
        dissolved = by_room[:surplus]
        loose = sorted(
            (piece for window in dissolved for piece in self._pieces[window]),
            key=lambda piece: (-piece[2], piece[0]),
        )
        kept = sorted(by_room[surplus:])
        self._pieces = [self._pieces[window] for window in kept]
        self._room = [self._room[window] for window in kept]
        self._rooms = _Rooms()
        for window, room in enumerate(self._room):
            self._rooms.add(window, room)
        for piece in loose:
            self._pour(*piece)

    def pieces(self) -> npt.NDArray[np.void]:
        """All pieces, ``_PIECE_DTYPE``."""
        rows = [
            (*piece, self._first_window + window)
            for window, pieces in enumerate(self._pieces)
            for piece in pieces
        ]
        return np.array(rows, _PIECE_DTYPE)

    def _pour(self, document: int, offset: int, length: int) -> None:
        """Place a piece, cutting it wherever no window has room for all of it."""
        while (found := self._rooms.take(length)) is None:
            window, room = self._rooms.take_largest()
            self._put((window, room), (document, offset, room))
            offset, length = offset + room, length - room
        self._put(found, (document, offset, length))

    def _put(self, found: tuple[int, int], piece: tuple[int, int, int]) -> None:
        window, room = found
        self._pieces[window].append(piece)
        self._room[window] = room - piece[2]
        self._rooms.add(window, self._room[window])


def _number(
    *,
    document: Int64Array,
    offset: Int64Array,
    length: Int64Array,
    window: Int64Array,
    lengths_d: Int64Array,
    lookahead_tokens: int,
    shuffle_seed: int,
) -> Segments:
    """Number fragments, shuffle windows, lay pieces out inside them, and look ahead."""
    segments = np.zeros(len(document), SEGMENT_DTYPE)
    if not len(document):
        return segments
    in_text = np.lexsort((offset, document))
    is_first = np.diff(document[in_text], prepend=-1) != 0
    first_piece = np.flatnonzero(is_first)
    counts = np.diff(first_piece, append=len(document))
    segments["fragment"][in_text] = np.arange(len(document)) - np.repeat(first_piece, counts)
    segments["num_fragments"][in_text] = np.repeat(counts, counts)
    following = lengths_d[document] - offset - length
    segments["lookahead"] = np.minimum(following, lookahead_tokens)
    num_windows = int(window.max()) + 1
    segments["window"] = _shuffled(num_windows, shuffle_seed)[window]
    segments["document"] = document
    segments["offset"], segments["length"] = offset, length
    segments = segments[
        np.lexsort(
            (segments["document"], segments["lookahead"] > 0, segments["window"])
        )  # by window; what continues last
    ]
    ends = np.cumsum(segments["length"], dtype=np.int64)
    begins = ends - segments["length"]
    is_first = np.diff(segments["window"], prepend=-1) != 0
    window_begins = begins[is_first]
    segments["start"] = begins - window_begins[np.cumsum(is_first) - 1]
    return segments


def _shuffled(num_windows: int, seed: int) -> Int64Array:
    """New number of every window. A hash, because numpy may change its generators' streams."""
    key = mix(np.array([seed], np.uint64))
    order = np.argsort(mix(np.arange(num_windows, dtype=np.uint64) ^ key))
    numbers = np.empty(num_windows, np.int64)
    numbers[order] = np.arange(num_windows)
    return numbers
