"""Best-fit decreasing: lengths into windows of one size, in compiled loops over integers.

Lengths are sorted by counting. Windows of equal room form a stack, and a tree over the rooms says
which stacks hold any: a step up while a subtree is empty and one down to its leftmost leaf find the
least sufficient room, the structure of Ding et al. 2024 (arXiv 2404.10830, appendix) with rooms in
place of windows at the leaves. It is 2 S bytes and stays in the processor's cache.

Legend of suffixes: d documents, w windows, r rooms (0 to the window's size).
"""

import numpy as np
import numpy.typing as npt

from mixtures.windows import Int64Array
from pipeline.compilation import compile_kernel

Occupied = npt.NDArray[np.uint8]

_NONE = -1


def best_fit(lengths_d: Int64Array, sequence_tokens: int) -> tuple[Int64Array, Int64Array]:
    """Window of every document and the room left in every window.

    ``lengths_d`` lie in 0 to ``sequence_tokens``; a document of length 0 lies in window -1.
    Of equal lengths the first document is placed first, and of windows with equal room the one
    that got it last is taken, so the result is a function of the lengths alone.
    """
    window_d = np.full(len(lengths_d), _NONE, np.int64)
    room_w = np.empty(len(lengths_d), np.int64)
    by_length = _sort_descending(lengths_d, sequence_tokens)
    num_windows = _place(lengths_d, by_length, sequence_tokens, window_d, room_w)
    return window_d, room_w[:num_windows].copy()


def fill_up(
    lengths_d: Int64Array,
    window_d: Int64Array,
    room_w: Int64Array,
    *,
    surplus: int,
    sequence_tokens: int,
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Dissolve the ``surplus`` emptiest windows and cut what they held to fill the others up.

    Takes :func:`best_fit`'s result. Returns the pieces of every document, and the length and window
    of every piece in text order; the windows are numbered anew. A piece that does not hold its
    document's end fills its window to the last position. The rooms must suffice, as they do while
    the windows that stay have as many positions as there are tokens.
    """
    emptiest = np.argsort(-room_w, kind="stable")[:surplus]
    is_kept = np.ones(len(room_w), np.bool_)
    is_kept[emptiest] = False
    number_w = np.where(is_kept, np.cumsum(is_kept) - 1, _NONE)
    new_window_d = np.where(window_d >= 0, number_w[window_d], _NONE)
    loose = np.flatnonzero((lengths_d > 0) & (new_window_d < 0))
    loose = loose[np.argsort(-lengths_d[loose], kind="stable")]
    # Every piece but a document's last fills a window, so there are no more pieces than this.
    most = len(loose) + int(is_kept.sum())
    document_c, length_c, window_c = (np.empty(most, np.int64) for _ in range(3))
    num_pieces = _pour(
        lengths_d, loose, room_w[is_kept], sequence_tokens, document_c, length_c, window_c
    )
    placed = np.flatnonzero(new_window_d >= 0)
    document = np.concatenate([placed, document_c[:num_pieces]])
    in_text = np.argsort(document, kind="stable")  # pieces of one document were cut in text order
    length = np.concatenate([lengths_d[placed], length_c[:num_pieces]])[in_text]
    window = np.concatenate([new_window_d[placed], window_c[:num_pieces]])[in_text]
    return np.bincount(document, minlength=len(lengths_d)), length, window


@compile_kernel
def _sort_descending(lengths_d: Int64Array, sequence_tokens: int) -> Int64Array:
    """Documents by length, the longest first, equal ones in their order; lengths of 0 left out."""
    first = np.zeros(sequence_tokens + 2, np.int64)
    for d in range(len(lengths_d)):
        first[sequence_tokens - lengths_d[d] + 1] += 1
    for place in range(sequence_tokens + 1):
        first[place + 1] += first[place]
    by_length = np.empty(first[sequence_tokens], np.int64)
    for d in range(len(lengths_d)):
        if lengths_d[d] > 0:
            place = sequence_tokens - lengths_d[d]
            by_length[first[place]] = d
            first[place] += 1
    return by_length


@compile_kernel
def _place(
    lengths_d: Int64Array,
    by_length: Int64Array,
    sequence_tokens: int,
    window_d: Int64Array,
    room_w: Int64Array,
) -> int:
    """Put every document into the fullest window with room for it, or a new one; the windows."""
    leaves = 1
    while leaves <= sequence_tokens:
        leaves *= 2
    occupied = np.zeros(2 * leaves, np.uint8)
    top_r = np.full(sequence_tokens + 1, _NONE, np.int64)
    below_w = np.empty(len(by_length), np.int64)
    num_windows = 0
    for place in range(len(by_length)):
        d = by_length[place]
        length = lengths_d[d]
        room = _least_room(occupied, leaves, length)
        if room == _NONE:
            window = num_windows
            num_windows += 1
            room = sequence_tokens
        else:
            window = _pop(top_r, below_w, occupied, leaves, room)
        window_d[d] = window
        room_w[window] = room - length
        _push(top_r, below_w, occupied, leaves, room - length, window)
    return num_windows


@compile_kernel
def _pour(  # noqa: PLR0917 - a kernel takes no keywords
    lengths_d: Int64Array,
    loose: Int64Array,
    room_w: Int64Array,
    sequence_tokens: int,
    document_c: Int64Array,
    length_c: Int64Array,
    window_c: Int64Array,
) -> int:
    """Place the ``loose`` documents, cutting one wherever no window has room for all of it."""
    leaves = 1
    while leaves <= sequence_tokens:
        leaves *= 2
    occupied = np.zeros(2 * leaves, np.uint8)
    top_r = np.full(sequence_tokens + 1, _NONE, np.int64)
    below_w = np.empty(len(room_w), np.int64)
    for window in range(len(room_w)):
        _push(top_r, below_w, occupied, leaves, room_w[window], window)
    piece = 0
    for place in range(len(loose)):
        d = loose[place]
        length = lengths_d[d]
        while length > 0:
            room = _least_room(occupied, leaves, length)
            if room == _NONE:
                room = _most_room(occupied, leaves)
            window = _pop(top_r, below_w, occupied, leaves, room)
            taken = min(length, room)
            document_c[piece] = d
            length_c[piece] = taken
            window_c[piece] = window
            piece += 1
            length -= taken
            _push(top_r, below_w, occupied, leaves, room - taken, window)
    return piece


@compile_kernel
def _push(  # noqa: PLR0917 - a kernel takes no keywords
    top_r: Int64Array, below_w: Int64Array, occupied: Occupied, leaves: int, room: int, window: int
) -> None:
    """Put a window on the stack of its room; a full window is on none."""
    if room == 0:
        return
    below_w[window] = top_r[room]
    top_r[room] = window
    node = leaves + room
    while node > 0 and occupied[node] == 0:
        occupied[node] = 1
        node >>= 1


@compile_kernel
def _pop(top_r: Int64Array, below_w: Int64Array, occupied: Occupied, leaves: int, room: int) -> int:
    """Take the window that was put last on the stack of ``room``, which holds one."""
    window: int = top_r[room]
    top_r[room] = below_w[window]
    node = leaves + room
    if top_r[room] == _NONE:
        occupied[node] = 0
        while node > 1 and occupied[node ^ 1] == 0:
            node >>= 1
            occupied[node] = 0
    return window


@compile_kernel
def _least_room(occupied: Occupied, leaves: int, length: int) -> int:
    """The least room of at least ``length`` that a window has, or -1."""
    node = leaves + length
    if occupied[node] == 0:
        # Up until a subtree to the right holds any, ...
        while node & 1 == 1 or occupied[node ^ 1] == 0:
            node >>= 1
            if node <= 1:
                return _NONE
        node += 1
        while node < leaves:  # ... and down to the first leaf of it that does.
            node *= 2
            if occupied[node] == 0:
                node += 1
    return node - leaves


@compile_kernel
def _most_room(occupied: Occupied, leaves: int) -> int:
    """The most room that a window has; some window must have any."""
    node = 1
    while node < leaves:
        node *= 2
        if occupied[node + 1] != 0:
            node += 1
    return node - leaves
