"""Packed rows: what is known of millions of documents as flat numbers, sorted and merged.

Rows are ``uint64`` arrays of shape (rows, columns). They are compared by their leading *key*
columns, the first one first; a table or a stream is *sorted* when its rows ascend in that order.

A *reference* names a document by ``shard << 32 | row``. A *node* is a reference that
:func:`mix` has scattered over all 64 bits, so that ranges of nodes hold equal shares of the
documents, and the order of nodes has nothing to do with where documents lie.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

Packed = npt.NDArray[np.uint64]
"""Shape (rows, columns), or (rows,) where one column is meant."""

Int64Array = npt.NDArray[np.int64]


def refer(shard: int, rows: npt.ArrayLike) -> Packed:
    """References of ``rows`` of ``shard``, shape (n,)."""
    return np.uint64(shard << 32) | np.asarray(rows, np.uint64)


def shards_of(references: Packed) -> Int64Array:
    """Shard of each reference."""
    return (references >> np.uint64(32)).astype(np.int64)


def rows_of(references: Packed) -> Int64Array:
    """Row of each reference in its shard."""
    return (references & np.uint64(0xFFFFFFFF)).astype(np.int64)


def mix(values: Packed) -> Packed:
    """The SplitMix64 finalizer (Steele, Lea, Flood 2014), a bijection; wraps around."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed: Packed = values ^ values >> np.uint64(31)
    return mixed


def unmix(values: Packed) -> Packed:
    """The inverse of :func:`mix`."""
    values = values ^ values >> np.uint64(31) ^ values >> np.uint64(62)
    values = values * np.uint64(0x319642B2D24D8EC3)
    values = values ^ values >> np.uint64(27) ^ values >> np.uint64(54)
    values = values * np.uint64(0x96DE1B173F119089)
    unmixed: Packed = values ^ values >> np.uint64(30) ^ values >> np.uint64(60)
    return unmixed


def uniform_bounds(partitions: int) -> Packed:
    """The least value of every partition but the first, for values spread over all 64 bits."""
    return np.array([(part << 64) // partitions for part in range(1, partitions)], np.uint64)


def sort_rows(rows: Packed, *, keys: int | None = None) -> Packed:
    """``rows`` sorted by their first ``keys`` columns, all by default; a new array.

    Rows of equal keys keep their order only where ``keys`` is 1.
    """
    keys = rows.shape[1] if keys is None else keys
    rows = rows[np.argsort(rows[:, 0], kind="stable" if keys == 1 else None)]
    if keys > 1 and len(rows) > 1:
        same = rows[1:, 0] == rows[:-1, 0]
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        if len(tied):
            ties = rows[tied]
            rows[tied] = ties[np.lexsort(ties[:, keys - 1 :: -1].T)]
    return rows


def unique_rows(rows: Packed) -> Packed:
    """``rows`` sorted, each once."""
    rows = sort_rows(rows)
    return rows[begins_of(rows)]


def begins_of(keys: Packed | Int64Array) -> Int64Array:
    """Indices at which the rows of sorted ``keys`` differ from the row before."""
    if not len(keys):
        return np.empty(0, np.int64)
    is_new = np.ones(len(keys), bool)
    differs = keys[1:] != keys[:-1]
    is_new[1:] = differs if keys.ndim == 1 else differs.any(axis=1)
    return np.flatnonzero(is_new)


def whole_groups(blocks: Iterable[Packed], *, keys: int) -> Iterator[Packed]:
    """Sorted blocks cut anew, so that rows of equal keys are together; all of these are held."""
    rest: Packed | None = None
    for block in blocks:
        rows = block if rest is None else np.concatenate([rest, block])
        last = begins_of(rows[:, :keys])[-1]  # it may go on in the next block
        rest = rows[last:]
        if last:
            yield rows[:last]
    if rest is not None:
        yield rest


def group_rows(groups: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Each group that occurs, with the indices of its rows, both ascending."""
    order = np.argsort(groups, kind="stable")
    begins = begins_of(groups[order])
    for rows in np.split(order, begins[1:]) if len(order) else []:
        yield int(groups[rows[0]]), rows


class Merge:
    """Merges sorted runs that are in memory piece by piece.

    ``rows`` holds the piece of run ``i`` at ``begins[i]:ends[i]``; ``is_last[i]`` says that the
    run has no rows beyond it.
    """

    def __init__(
        self, rows: Packed, begins: Int64Array, ends: Int64Array, is_last: npt.NDArray[np.bool_]
    ) -> None:
        self.rows = rows
        self.begins = begins
        self.ends = ends
        self.is_last = is_last
        self._heap = np.empty(len(begins), np.int64)

    def into(self, out: Packed, *, keys: int) -> int:
        """Move rows into ``out`` in order; returns how many.

        Stops when ``out`` is full, when a run's piece is used up though the run has more, or when
        all runs are at their end.
        """
        return int(_merge(self.rows, self.begins, self.ends, self.is_last, self._heap, out, keys))


@compile_kernel
def _merge(  # noqa: PLR0917 - a kernel takes no keywords
    rows: Packed,
    begins: Int64Array,
    ends: Int64Array,
    is_last: npt.NDArray[np.bool_],
    heap: Int64Array,
    out: Packed,
    keys: int,
) -> int:
    """A binary heap of runs, the one with the least row on top."""
    size = 0
    for run in range(len(begins)):
        if begins[run] < ends[run]:
            heap[size] = run
            size += 1
        elif not is_last[run]:
            return 0
    for at in range(size // 2 - 1, -1, -1):
        _sink(rows, begins, heap, size, at, keys)
    written = 0
    while size and written < len(out):
        run = heap[0]
        begin = begins[run]
        for column in range(out.shape[1]):
            out[written, column] = rows[begin, column]
        written += 1
        begins[run] = begin + 1
        if begin + 1 == ends[run]:
            if not is_last[run]:
                return written
            size -= 1
            heap[0] = heap[size]
        _sink(rows, begins, heap, size, 0, keys)
    return written


@compile_kernel
def _sink(  # noqa: PLR0917 - a kernel takes no keywords
    rows: Packed, begins: Int64Array, heap: Int64Array, size: int, at: int, keys: int
) -> None:
    """Let the run at ``at`` of the heap sink to its place."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        right = child + 1
        if right < size and _is_less(rows, begins[heap[right]], begins[heap[child]], keys):
            child = right
        if not _is_less(rows, begins[heap[child]], begins[heap[at]], keys):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@compile_kernel
def _is_less(rows: Packed, left: int, right: int, keys: int) -> bool:
    for column in range(keys):
        if rows[left, column] != rows[right, column]:
            return bool(rows[left, column] < rows[right, column])
    return False
