"""Ranks the documents of a cluster; the product of deduplication as columns.

    cluster_id    string  least document id of the cluster; null for a document that is alone
    rank          int32   0 for the keeper of a cluster and for a document that is alone
    cluster_size  int32   documents of the cluster; 1 for a document that is alone
    kind          string  strongest kind of duplicate ("url", "exact", "near") by which a document
                          that is not kept touches its cluster; null for those kept

Nothing here depends on how documents lie in shards.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup.config import KeepPreference

KINDS = ("url", "exact", "near")
"""Strongest first; a packed kind is an index into this."""

URL, EXACT, NEAR = range(len(KINDS))

DEDUP_FIELDS = (
    pa.field("dedup.cluster_id", pa.string()),
    pa.field("dedup.rank", pa.int32(), nullable=False),
    pa.field("dedup.cluster_size", pa.int32(), nullable=False),
    pa.field("dedup.kind", pa.string()),
)

RANKED_SCHEMA = pa.schema([pa.field("reference", pa.uint64()), *DEDUP_FIELDS])


def rank_members(members: pa.RecordBatch, preferences: Sequence[KeepPreference]) -> pa.RecordBatch:
    """Rank whole clusters.

    ``members`` holds ``label``, ``reference`` and ``kind`` (integers), ``id`` and the columns
    that ``preferences`` name; its row order does not matter. The best value of the first
    preference ranks first, nulls after all values (NaN before null), ties go to the next
    preference and at last to the lesser id, which is unique. Returns rows of ``RANKED_SCHEMA``,
    sorted by label and rank.
    """
    order = {"highest": "descending", "lowest": "ascending"}
    keys = [
        ("label", "ascending"),
        *((preference.column, order[preference.prefer]) for preference in preferences),
        ("id", "ascending"),
    ]
    by_rank = pc.sort_indices(members, sort_keys=keys)  # nulls at the end is its default
    by_id = pc.sort_indices(members, sort_keys=[keys[0], keys[-1]])
    ids = members.column("id").take(by_id)
    members = members.take(by_rank)
    labels = members.column("label").to_numpy()
    begins = np.flatnonzero(np.diff(labels, prepend=~labels[:1]))
    sizes = np.diff(begins, append=len(labels))
    begin_of = np.repeat(begins, sizes)  # clusters begin at the same rows in both orders
    ranks = np.arange(len(labels)) - begin_of
    kinds = pa.array(KINDS).take(members.column("kind"))
    return pa.record_batch(
        [
            members.column("reference"),
            ids.take(pa.array(begin_of)),
            pa.array(ranks, pa.int32()),
            pa.array(np.repeat(sizes, sizes), pa.int32()),
            pc.if_else(pa.array(ranks > 0), kinds, pa.scalar(None, pa.string())),
        ],
        schema=RANKED_SCHEMA,
    )


def mark_rows(num_rows: int, rows: npt.NDArray[np.int64], ranked: pa.RecordBatch) -> list[pa.Array]:
    """The columns of ``DEDUP_FIELDS`` for all rows of a shard.

    Row ``rows[i]`` takes row ``i`` of ``ranked``; every other row is a document that is alone.
    """
    source = np.full(num_rows, len(rows), np.int64)
    source[rows] = np.arange(len(rows))
    alone = pa.record_batch([[None], [0], [1], [None]], schema=pa.schema(DEDUP_FIELDS))
    table = pa.Table.from_batches([ranked.select(alone.schema.names), alone])
    return [column.combine_chunks() for column in table.take(pa.array(source)).columns]
