"""The largest clusters with their first members: what a person looks at first."""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import pyarrow as pa

from filters.dedup.ids import key_ids
from filters.dedup.packed import Packed, rows_of, shards_of
from filters.dedup.ranking import ClusterTable, Member
from pipeline.errors import InvariantError

MAX_CLUSTERS = 50
MAX_MEMBERS = 5

_MEMBER_TYPE = pa.struct(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("shard", pa.int32()),  # null for a document of an earlier run
        pa.field("row", pa.int64()),
    ]
)

LARGEST_SCHEMA = pa.schema(
    [
        pa.field("cluster_id", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("members", pa.list_(_MEMBER_TYPE), nullable=False),
    ]
)


class LargestClusters:
    """The ``MAX_CLUSTERS`` largest of ``clusters``, whose members pass by.

    Wrap the stream of members in :meth:`watch` where it is read the second time, so that no third
    pass is needed; then ask for the :meth:`table`.
    """

    def __init__(self, clusters: ClusterTable) -> None:
        self._clusters = clusters
        self._rows = clusters.largest(MAX_CLUSTERS)
        self._members: list[list[Packed]] = [[] for _ in self._rows]

    def watch(self, blocks: Iterable[Packed]) -> Iterator[Packed]:
        """The same blocks; the first members of the clusters are copied as they pass."""
        wanted = self._clusters.labels[self._rows]
        for block in blocks:
            labels = np.ascontiguousarray(block[:, Member.LABEL])
            begins = np.searchsorted(labels, wanted, side="left")
            ends = np.searchsorted(labels, wanted, side="right")
            for number in np.flatnonzero(begins < ends):
                missing = MAX_MEMBERS - sum(len(part) for part in self._members[number])
                end = min(ends[number], begins[number] + missing)
                self._members[number].append(block[begins[number] : end].copy())
            yield block

    def table(self) -> pa.RecordBatch:
        """``LARGEST_SCHEMA``, largest first, ties by cluster id; members by rank.

        ``shard`` counts from the first shard of this run. Raises InvariantError when the stream
        has not been read to its end.
        """
        sizes = self._clusters.sizes[self._rows]
        counts = np.array([sum(len(part) for part in parts) for parts in self._members], np.int64)
        expected = np.minimum(sizes, MAX_MEMBERS)
        if (counts != expected).any():
            raise InvariantError(
                f"{counts.sum()} first members of the largest clusters passed by, not the "
                f"{expected.sum()} there are: the stream was not read to its end"
            )
        parts = [_describe(part, self._clusters.first_new) for part in chain(*self._members)]
        members = pa.concat_arrays([*parts, pa.array([], _MEMBER_TYPE)])
        return pa.record_batch(
            [
                key_ids(self._clusters.least_ids[self._rows]),
                pa.array(sizes),
                pa.ListArray.from_arrays(np.cumsum([0, *counts], dtype=np.int32), members),
            ],
            schema=LARGEST_SCHEMA,
        )


def _describe(members: Packed, first_new: int) -> pa.StructArray:
    references = members[:, Member.REFERENCE]
    is_older = references < np.uint64(first_new)
    numbers = references - np.uint64(first_new)
    shards, rows = shards_of(numbers).astype(np.int32), rows_of(numbers)
    ids = key_ids(members[:, [Member.ID_HIGH, Member.ID_LOW]])
    return pa.StructArray.from_arrays(
        [ids, pa.array(shards, mask=is_older), pa.array(rows, mask=is_older)],
        fields=list(_MEMBER_TYPE),
    )
