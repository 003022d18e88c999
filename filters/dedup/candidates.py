"""Packed keys -> pairs of documents worth a look.

Everything here is a uint64 array, so that a million documents cross a shuffle as a few elements:

* a *reference* names a document by ``shard << 32 | row``;
* *entries*, shape (n, 3), each say that a document has a key: for 16-byte keys the columns are
  key (2) and reference, for band keys they are key, order and reference;
* *edges*, shape (n, 2), are pairs of references, the lesser first, sorted, each once.

Results depend on the set of entries only, not on their order or on how documents lie in shards.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from filters.dedup.lsh import BandShape, band_keys, mix
from filters.dedup.sketch import unpack_keys, unpack_signatures

Packed = npt.NDArray[np.uint64]
"""Shape (n, columns)."""

MAX_PAIRED_BUCKET = 16
"""Documents of one band key that are all compared with each other.

A larger bucket is hot: comparing all would cost its square. Its documents are compared with one
of them and each with the next, in an order drawn anew for every band, so that a large cluster
of true duplicates still hangs together.
"""


@dataclass(frozen=True)
class Nomination:
    """Candidate ``edges``, and how many buckets were too large to compare all pairs of."""

    edges: Packed
    num_hot_buckets: int
    num_hot_documents: int


def refer(shard: int, rows: npt.ArrayLike) -> Packed:
    """References of ``rows`` of ``shard``, shape (n,)."""
    return np.uint64(shard << 32) | np.asarray(rows, np.uint64)


def shards_of(references: Packed) -> npt.NDArray[np.int64]:
    """Shard of each reference."""
    return (references >> np.uint64(32)).astype(np.int64)


def rows_of(references: Packed) -> npt.NDArray[np.int64]:
    """Row of each reference in its shard."""
    return (references & np.uint64(0xFFFFFFFF)).astype(np.int64)


def digest_entries(keys: pa.Array, *, shard: int, first_row: int) -> Packed:
    """Entries of 16-byte keys of the rows of ``shard`` from ``first_row`` on; nulls have none."""
    rows = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
    return np.column_stack([unpack_keys(keys)[rows], refer(shard, first_row + rows)])


def band_entries(
    signatures: pa.Array, ids: pa.Array, *, shape: BandShape, shard: int, first_row: int
) -> Packed:
    """Entries of signatures of the rows of ``shard`` from ``first_row`` on, one for each band.

    The order column is drawn from the document's id, so that it does not depend on the shard.
    Nulls have no entry.
    """
    rows = np.flatnonzero(signatures.is_valid().to_numpy(zero_copy_only=False))
    keys = band_keys(unpack_signatures(signatures)[rows], shape)
    names = ids.take(pa.array(rows)).to_pylist()
    draws = np.array([xxhash.xxh3_64_intdigest(name.encode()) for name in names], np.uint64)
    references = np.broadcast_to(refer(shard, first_row + rows)[:, np.newaxis], keys.shape)
    return np.column_stack(
        [keys.ravel(), mix(keys ^ draws[:, np.newaxis]).ravel(), references.ravel()]
    )


def split(entries: Packed, *, partitions: int) -> Iterator[tuple[int, Packed]]:
    """Non-empty parts of ``entries``; equal keys always share a part."""
    for part, rows in group_rows(partition_of(entries[:, 0], partitions=partitions)):
        yield part, entries[rows]


def partition_of(hashes: Packed, *, partitions: int) -> npt.NDArray[np.int64]:
    """Number from 0 to ``partitions - 1`` for each hash, evenly spread."""
    # The high half, scaled: uniform for any number of partitions.
    parts = (hashes >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)
    return parts.astype(np.int64)


def group_rows(groups: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each group that occurs, with the indices of its rows, both ascending."""
    order = np.argsort(groups, kind="stable")
    begins = np.flatnonzero(np.diff(groups[order], prepend=-1))
    for rows in np.split(order, begins[1:]) if len(order) else []:
        yield int(groups[rows[0]]), rows


def to_bytes(packed: Packed) -> bytes:
    """A packed array as it crosses a shuffle."""
    return packed.astype("<u8", copy=False).tobytes()


def from_bytes(parts: Iterable[bytes], *, columns: int) -> Packed:
    """All rows of several :func:`to_bytes`."""
    return np.frombuffer(b"".join(parts), "<u8").astype(np.uint64).reshape(-1, columns)


def nominate_equal(entries: Packed) -> Packed:
    """Edges that join all documents of each 16-byte key; no comparison is needed after these.

    Every document of a key shared by several gets an edge, to the least reference among them.
    """
    entries = _sorted(entries)
    begins = _bucket_begins(entries[:, :2])
    sizes = np.diff(begins, append=len(entries))
    edges = np.column_stack([np.repeat(entries[begins, 2], sizes), entries[:, 2]])
    return unique_rows(edges[edges[:, 0] != edges[:, 1]])


def nominate_similar(entries: Packed, *, max_paired_bucket: int = MAX_PAIRED_BUCKET) -> Nomination:
    """Candidate edges between documents that share a band key.

    At most ``max_paired_bucket / 2`` (or two) edges for each entry, whatever the buckets' sizes.
    """
    entries = _sorted(entries)
    references = entries[:, 2]
    begins = _bucket_begins(entries[:, :1])
    sizes = np.diff(begins, append=len(entries))
    begin_of = np.repeat(begins, sizes)
    end_of = np.repeat(begins + sizes, sizes)
    is_hot = np.repeat(sizes > max_paired_bucket, sizes)
    at = np.arange(len(entries))
    pairs = [np.column_stack([references[begin_of], references])[is_hot & (begin_of != at)]]
    for distance in range(1, max_paired_bucket):
        reach = at + distance < end_of
        if distance > 1:
            reach &= ~is_hot
        left = np.flatnonzero(reach)
        pairs.append(np.column_stack([references[left], references[left + distance]]))
    edges = np.sort(np.concatenate(pairs), axis=1)
    return Nomination(
        edges=unique_rows(edges[edges[:, 0] != edges[:, 1]]),
        num_hot_buckets=int((sizes > max_paired_bucket).sum()),
        num_hot_documents=int(is_hot.sum()),
    )


def unique_rows(rows: Packed) -> Packed:
    """``rows`` sorted, each once."""
    rows = _sorted(rows)
    return rows[_bucket_begins(rows)]


def _sorted(rows: Packed) -> Packed:
    return rows[np.lexsort(rows.T[::-1])]


def _bucket_begins(keys: Packed) -> npt.NDArray[np.int64]:
    """Indices at which the rows of sorted ``keys`` differ from the row before."""
    if not len(keys):
        return np.empty(0, np.int64)
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    return np.flatnonzero(is_new)
