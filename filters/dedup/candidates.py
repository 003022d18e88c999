"""Sorted keys -> pairs of documents worth a look, in one pass and in bounded memory.

*Entries* say that a document has a key. Those of a 16-byte key have the columns key (2), draw and
reference; those of a band have key, order and reference. Sorted, the documents of one key lie
beside each other: a *bucket*. *Pairs*, shape (n, 2), are references, the lesser first.

What is nominated depends on the documents only, not on how they lie in shards or blocks. It is
also *hereditary*: of the documents of an earlier, smaller corpus, no pair is nominated in the
larger one that was not nominated then. So what was found out about pairs once can be kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.lsh import BandShape, band_keys
from filters.dedup.packed import Int64Array, Packed, mix, refer
from filters.dedup.sketch import unpack_keys, unpack_signatures
from pipeline.compilation import compile_kernel

MAX_PAIRED_BUCKET = 16
"""Documents of one band key that are all compared with each other.

A larger bucket is hot: comparing all would cost its square. Its documents are compared with one
of them and each with the next, in an order in which documents that share the next band as well
stand together, so that a large cluster of true duplicates still hangs together.
"""

_ORDER_BITS = np.uint64(16)
"""Leading bits of the order that come from the next band; 65,536 families in a bucket are told
apart. The other 48 bits draw: two documents of a bucket of a million share them once in 500."""


@dataclass
class Nomination:
    """Running counts: entries, buckets too large to compare all pairs of, and their entries."""

    keys: int = 0
    hot_buckets: int = 0
    hot_documents: int = 0


def digest_entries(keys: pa.Array, draws: Packed, *, shard: int, first_row: int) -> Packed:
    """Entries of 16-byte keys of the rows of ``shard`` from ``first_row`` on; nulls have none.

    ``draws`` (rows,) decide which document stands for all of its key: the one with the least.
    """
    rows = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
    return np.column_stack([unpack_keys(keys)[rows], draws[rows], refer(shard, first_row + rows)])


def band_entries(
    signatures: pa.Array,
    draws: Packed,
    *,
    shape: BandShape,
    shard: int,
    first_row: int,
    is_left_out: npt.NDArray[np.bool_] | None = None,
) -> Packed:
    """Entries of signatures of the rows of ``shard`` from ``first_row`` on, one for each band.

    ``draws`` (rows,) must depend on the document alone. Nulls and rows that are left out have no
    entry.
    """
    has_entry = signatures.is_valid().to_numpy(zero_copy_only=False)
    if is_left_out is not None:
        has_entry = has_entry & ~is_left_out
    rows = np.flatnonzero(has_entry)
    keys = band_keys(unpack_signatures(signatures)[rows], shape)
    following = np.roll(keys, -1, axis=1) >> (np.uint64(64) - _ORDER_BITS)
    drawn = mix(keys ^ draws[rows, np.newaxis]) >> _ORDER_BITS
    order = following << (np.uint64(64) - _ORDER_BITS) | drawn
    references = np.broadcast_to(refer(shard, first_row + rows)[:, np.newaxis], keys.shape)
    return np.column_stack([keys.ravel(), order.ravel(), references.ravel()])


def join_equal(blocks: Iterable[Packed], counts: Nomination) -> Iterator[Packed]:
    """Pairs that join all documents of each 16-byte key: its first entry with every other one.

    ``blocks`` are sorted entries, 4 columns. The pair is (first, other): the other is a copy, and
    not ordered by reference.
    """
    key = np.zeros((0, 2), np.uint64)
    first = np.uint64(0)
    for block in blocks:
        counts.keys += len(block)
        same = np.empty(len(block), bool)
        same[1:] = (block[1:, :2] == block[:-1, :2]).all(axis=1)
        same[0] = len(key) > 0 and bool((block[0, :2] == key[0]).all())
        begins = np.flatnonzero(~same)
        firsts = np.concatenate([[first], block[begins, 3]])
        of_row = firsts[np.cumsum(~same)]
        yield np.column_stack([of_row[same], block[same, 3]])
        key, first = block[-1:, :2], firsts[-1]


def nominate_similar(
    blocks: Iterable[Packed],
    counts: Nomination,
    *,
    max_paired_bucket: int = MAX_PAIRED_BUCKET,
) -> Iterator[Packed]:
    """Pairs of documents that share a band key, repeated where they share several.

    ``blocks`` are sorted entries, 3 columns. At most ``max_paired_bucket / 2`` (or two) pairs for
    each entry, whatever the buckets' sizes. ``counts`` is complete once all pairs are taken.
    """
    bucket = np.zeros(max_paired_bucket, np.uint64)
    state = np.zeros(_STATE, np.int64)
    key = np.zeros(1, np.uint64)
    most = max(2, max_paired_bucket // 2) * _PAIRED_ROWS + max_paired_bucket**2
    for block in blocks:
        counts.keys += len(block)
        for begin in range(0, len(block), _PAIRED_ROWS):
            pairs = np.empty((most, 2), np.uint64)
            part = block[begin : begin + _PAIRED_ROWS]
            yield pairs[: _pair_buckets(part, key, bucket, state, pairs)]
    pairs = np.empty((max_paired_bucket**2, 2), np.uint64)
    num_pairs = _pair_all(bucket, state, pairs, 0)
    counts.hot_buckets += int(state[_HOT_BUCKETS])
    counts.hot_documents += int(state[_HOT_DOCUMENTS])
    yield pairs[:num_pairs]


_PAIRED_ROWS = 1 << 14
"""Entries paired at a time: 2 MiB of pairs."""

_SIZE, _HOT_BUCKETS, _HOT_DOCUMENTS = range(3)
_STATE = 3


@compile_kernel
def _pair_buckets(
    entries: Packed, key: Packed, bucket: Packed, state: Int64Array, pairs: Packed
) -> int:
    """Pair what ends in ``entries``; ``key``, ``bucket`` and ``state`` carry the last bucket on.

    ``bucket`` holds its documents in order, or once it is hot the first one and the last.
    """
    written = 0
    for row in range(len(entries)):
        reference = entries[row, 2]
        size = state[_SIZE]
        if size and entries[row, 0] != key[0]:
            written = _pair_all(bucket, state, pairs, written)
            size = 0
        key[0] = entries[row, 0]
        if size < len(bucket):
            bucket[size] = reference
        else:
            if size == len(bucket):
                state[_HOT_BUCKETS] += 1
                state[_HOT_DOCUMENTS] += size
                for at in range(1, size):
                    written = _pair(bucket[0], bucket[at], pairs, written)
                    if at > 1:
                        written = _pair(bucket[at - 1], bucket[at], pairs, written)
                bucket[1] = bucket[size - 1]
            state[_HOT_DOCUMENTS] += 1
            written = _pair(bucket[0], reference, pairs, written)
            written = _pair(bucket[1], reference, pairs, written)
            bucket[1] = reference
        state[_SIZE] = size + 1
    return written


@compile_kernel
def _pair_all(bucket: Packed, state: Int64Array, pairs: Packed, written: int) -> int:
    """All pairs of a bucket that is not hot; a hot one was paired as it came."""
    size = state[_SIZE]
    if size > len(bucket):
        return written
    for left in range(size):
        for right in range(left + 1, size):
            written = _pair(bucket[left], bucket[right], pairs, written)
    return written


@compile_kernel
def _pair(left: np.uint64, right: np.uint64, pairs: Packed, written: int) -> int:
    if left == right:
        return written
    pairs[written, 0] = min(left, right)
    pairs[written, 1] = max(left, right)
    return written + 1
