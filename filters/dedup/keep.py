"""The product of deduplication: which cluster a document belongs to, as columns.

    cluster_id    string  least document id of the cluster; null for a document that is alone
    rank          int32   0 for the keeper of a cluster and for a document that is alone
    cluster_size  int32   documents of the cluster; 1 for a document that is alone
    kind          string  strongest kind of duplicate ("url", "exact", "near") by which a document
                          that is not kept touches its cluster; null for those kept
    keeper_id     string  the document of rank 0; null for a document that is alone
    older_id      string  the best ranked document of the cluster that an earlier run has; null
                          where there is none

Here marks (see ``filters.dedup.ranking``) reach the rows of their shard.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup.ids import key_ids
from filters.dedup.packed import Packed
from filters.dedup.ranking import NONE, Mark
from pipeline.errors import InvariantError

KINDS = ("url", "exact", "near")
"""Strongest first; a packed kind is an index into this."""

URL, EXACT, NEAR = range(len(KINDS))

DEDUP_FIELDS = (
    pa.field("dedup.cluster_id", pa.string()),
    pa.field("dedup.rank", pa.int32(), nullable=False),
    pa.field("dedup.cluster_size", pa.int32(), nullable=False),
    pa.field("dedup.kind", pa.string()),
    pa.field("dedup.keeper_id", pa.string()),
    pa.field("dedup.older_id", pa.string()),
)

_Number = TypeVar("_Number", bound=np.generic)

_LOW_HALF = np.uint64(2**32 - 1)
_NO_MARKS = np.empty((0, len(Mark)), np.uint64)


def mark_rows(
    batches: Iterable[pa.RecordBatch], marks: Iterable[Packed], *, shard: int
) -> Iterator[pa.RecordBatch]:
    """The batches of a shard, with the columns of ``DEDUP_FIELDS`` behind their own.

    ``batches`` hold all rows of the shard in order, with ``id``; ``marks`` are those of the shard,
    ascending by reference and cut into blocks anywhere. Memory holds a batch and the marks of it.
    Raises InvariantError when marks do not fit the rows.
    """
    blocks = iter(marks)
    ahead = _NO_MARKS
    first_row = 0
    for batch in batches:
        end = (shard << 32) + first_row + batch.num_rows
        taken = []
        while True:
            # No more marks than rows can fit; mark_batch refuses what is too much.
            near = ahead[: batch.num_rows + 1, Mark.REFERENCE]
            cut = int(np.searchsorted(near, np.uint64(end)))
            taken.append(ahead[:cut])
            ahead = ahead[cut:]
            if len(ahead):
                break
            block = next(blocks, None)
            if block is None:
                break
            ahead = block
        columns = mark_batch(batch.column("id"), first_row, np.concatenate(taken), shard=shard)
        schema = pa.schema([*batch.schema, *DEDUP_FIELDS])
        yield pa.record_batch([*batch.columns, *columns], schema=schema)
        first_row += batch.num_rows
    for block in (ahead, *blocks):
        if len(block):
            raise InvariantError(
                f"shard {shard} has {first_row} rows, but there is a mark of reference "
                f"{block[0, Mark.REFERENCE]:#x}"
            )


def mark_batch(ids: pa.Array, first_row: int, marks: Packed, *, shard: int) -> list[pa.Array]:
    """The columns of ``DEDUP_FIELDS`` for the rows of ``shard`` from ``first_row`` on.

    ``ids`` are the ids of these rows, ``marks`` all marks of them, ascending by reference; a row
    without a mark is a document that is alone. ``shard`` is the number that references hold.
    Raises InvariantError when a mark lies outside of these rows, a row has two, or a keeper's id
    is not that of its row: then marks and rows come from different tables.
    """
    num_rows = len(ids)
    begin = np.uint64((shard << 32) + first_row)
    rows = (marks[:, Mark.REFERENCE] - begin).astype(np.int64)  # negative for one before begin
    is_wrong = (rows < 0) | (rows >= num_rows) | (np.diff(rows, prepend=-1) <= 0)
    if is_wrong.any():
        wrong = marks[np.argmax(is_wrong), Mark.REFERENCE]
        raise InvariantError(
            f"the mark of reference {wrong:#x} is not the next one of shard {shard}, rows "
            f"{first_row} to {first_row + num_rows - 1}"
        )
    ranks = (marks[:, Mark.RANK_SIZE] >> np.uint64(32)).astype(np.int32)
    sizes = (marks[:, Mark.RANK_SIZE] & _LOW_HALF).astype(np.int32)
    clusters = key_ids(marks[:, Mark.CLUSTER_HIGH : Mark.CLUSTER_LOW + 1])
    keepers = key_ids(marks[:, Mark.KEEPER_HIGH : Mark.KEEPER_LOW + 1])
    older = marks[:, Mark.OLDER_HIGH : Mark.OLDER_LOW + 1]
    has_older = ~(older == NONE).all(axis=1)
    _check_keepers(ids, rows[ranks == 0], keepers.filter(pa.array(ranks == 0)))

    numbers = np.arange(len(marks))
    mark_of = _spread(numbers, rows, num_rows, alone=-1)
    older_of = _spread(np.where(has_older, numbers, -1), rows, num_rows, alone=-1)
    kind_of = np.where(ranks > 0, marks[:, Mark.KIND].astype(np.int64), -1)
    return [
        _take(clusters, mark_of),
        pa.array(_spread(ranks, rows, num_rows, alone=0)),
        pa.array(_spread(sizes, rows, num_rows, alone=1)),
        _take(pa.array(KINDS), _spread(kind_of, rows, num_rows, alone=-1)),
        _take(keepers, mark_of),
        _take(key_ids(older), older_of),
    ]


def _check_keepers(ids: pa.Array, rows: npt.NDArray[np.int64], keepers: pa.Array) -> None:
    found = ids.take(pa.array(rows))
    if not found.equals(keepers):
        differs = pc.not_equal(found, keepers).to_numpy(zero_copy_only=False)
        at = int(np.argmax(differs))
        raise InvariantError(f"document {found[at]} is marked as keeper {keepers[at]}")


def _spread(
    values: npt.NDArray[_Number], rows: npt.NDArray[np.int64], num_rows: int, *, alone: int
) -> npt.NDArray[_Number]:
    """``num_rows`` numbers: ``values`` at ``rows``, ``alone`` in all others."""
    spread = np.full(num_rows, alone, values.dtype)
    spread[rows] = values
    return spread


def _take(values: pa.Array, places: npt.NDArray[np.int64]) -> pa.Array:
    """The values at ``places``, null where that is negative."""
    return values.take(pa.array(places, mask=places < 0))
