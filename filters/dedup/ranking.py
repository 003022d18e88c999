"""Ranks the members of clusters in two passes over one sorted stream.

    members --summarize_clusters--> clusters        size, least id, keeper of each
    members, clusters --rank_blocks--> marks        what each document learns of its cluster

The stream is cut into blocks anywhere: a cluster may be larger than any of them. Memory holds one
block and the table of clusters. Here is also the layout of all three packed tables.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.packed import Packed
from pipeline.compilation import compile_kernel
from pipeline.errors import InvariantError

NONE = 2**64 - 1
"""Both halves of an id that is not there."""

MAX_DOCUMENTS = 2**31 - 1
"""Of a cluster: ranks and sizes are published as int32."""


class Member(IntEnum):
    """Columns of the stream: label, any number of preference keys, and from the right the rest.

    Rows ascend by all columns but the last; so the first row of a label is its keeper, and a tie
    of all preferences goes to the lesser id.
    """

    LABEL = 0
    ID_HIGH = -4
    ID_LOW = -3
    REFERENCE = -2
    KIND = -1


class Cluster(IntEnum):
    """Columns of :class:`ClusterTable`."""

    LABEL = 0
    SIZE = 1
    LEAST_HIGH = 2
    LEAST_LOW = 3
    KEEPER_HIGH = 4
    KEEPER_LOW = 5
    OLDER_HIGH = 6
    OLDER_LOW = 7


class Mark(IntEnum):
    """Columns of a mark: a document of a cluster of several, and what it learns of that."""

    REFERENCE = 0
    CLUSTER_HIGH = 1
    CLUSTER_LOW = 2
    RANK_SIZE = 3  # rank << 32 | size
    KIND = 4
    KEEPER_HIGH = 5
    KEEPER_LOW = 6
    OLDER_HIGH = 7
    OLDER_LOW = 8


SIZES_SCHEMA = pa.schema(
    [
        pa.field("min_documents", pa.int64(), nullable=False),
        pa.field("max_documents", pa.int64(), nullable=False),
        pa.field("clusters", pa.int64(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True, eq=False)
class ClusterTable:
    """Every cluster of two documents or more.

    ``rows`` has the columns of ``Cluster`` and ascends by label. References below ``first_new``
    belong to earlier runs.
    """

    rows: Packed
    first_new: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Packed:
        """Shape (clusters,), ascending."""
        return self.rows[:, Cluster.LABEL]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Documents of each cluster."""
        return self.rows[:, Cluster.SIZE].astype(np.int64)

    @property
    def least_ids(self) -> Packed:
        """Shape (clusters, 2): the least id, by which a cluster is known."""
        return self.rows[:, Cluster.LEAST_HIGH : Cluster.LEAST_LOW + 1]

    @property
    def keepers(self) -> Packed:
        """Shape (clusters, 2): the id of the best document."""
        return self.rows[:, Cluster.KEEPER_HIGH : Cluster.KEEPER_LOW + 1]

    @property
    def older(self) -> Packed:
        """Shape (clusters, 2): the id of the best document of an earlier run, or ``NONE``."""
        return self.rows[:, Cluster.OLDER_HIGH : Cluster.OLDER_LOW + 1]

    def histogram(self) -> pa.RecordBatch:
        """Clusters by size, ``SIZES_SCHEMA``: a row for each class 2, 3-4, 5-8, ... that occurs."""
        powers = 2 ** np.arange(1, 63)
        classes = np.searchsorted(powers, self.sizes)
        clusters = np.bincount(classes, minlength=len(powers))
        documents = np.zeros(len(powers), np.int64)
        np.add.at(documents, classes, self.sizes)
        least = np.where(powers == powers[0], powers[0], powers // 2 + 1)
        occurs = np.flatnonzero(clusters)
        columns = [column[occurs] for column in (least, powers, clusters, documents)]
        return pa.record_batch([pa.array(column) for column in columns], schema=SIZES_SCHEMA)

    def largest(self, count: int) -> npt.NDArray[np.int64]:
        """Rows of the ``count`` largest clusters, largest first, ties by least id."""
        ids = self.least_ids
        return np.lexsort([ids[:, 1], ids[:, 0], -self.sizes])[:count]


def summarize_clusters(blocks: Iterable[Packed], *, first_new: int) -> ClusterTable:
    """The clusters of a stream of members; see ``Member`` for columns and order.

    A cluster of one, which has lost all its pairs, is left out. Raises InvariantError when rows do
    not ascend, or one comes twice.
    """
    parts = []
    open_cluster = np.empty((0, len(Cluster)), np.uint64)
    last: Packed | None = None
    for block in _contiguous(blocks):
        if last is not None and last[: Member.KIND].tolist() >= block[0, : Member.KIND].tolist():
            raise _disorder(last, block[0])
        clusters = np.empty((len(open_cluster) + len(block), len(Cluster)), np.uint64)
        clusters[: len(open_cluster)] = open_cluster
        end = _summarize(block, np.uint64(first_new), clusters, len(open_cluster))
        if end < 0:
            raise _disorder(block[-end - 1], block[-end])
        parts.append(_of_several(clusters[: end - 1]))
        open_cluster, last = clusters[end - 1 : end].copy(), block[-1].copy()
    return ClusterTable(np.concatenate([*parts, _of_several(open_cluster)]), first_new)


def rank_blocks(blocks: Iterable[Packed], clusters: ClusterTable) -> Iterator[Packed]:
    """Marks of the documents of ``clusters``, in the stream's order; see ``Mark``.

    A document that is alone has none. Documents of earlier runs have theirs too. Raises
    InvariantError when the stream is not the one of which ``clusters`` were made, or one of them
    is too large for its size to be published.
    """
    if (clusters.sizes > MAX_DOCUMENTS).any():
        raise InvariantError(
            f"a cluster has {clusters.sizes.max()} documents, more than {MAX_DOCUMENTS}"
        )
    at, rank = 0, 0
    for block in _contiguous(blocks):
        marks = np.empty((len(block), len(Mark)), np.uint64)
        num_marks, at, rank = _rank(block, clusters.rows, at, rank, marks)
        if num_marks < 0:
            raise _other_stream(clusters, at, rank)
        yield marks[:num_marks]
    if len(clusters) and (at, rank) != (len(clusters) - 1, clusters.sizes[-1]):
        raise _other_stream(clusters, at, rank)


def _contiguous(blocks: Iterable[Packed]) -> Iterator[Packed]:
    """The blocks that have rows, each in the layout for which the kernels are compiled."""
    for block in blocks:
        if len(block):
            yield np.require(block, np.uint64, ["C", "W"])


def _of_several(clusters: Packed) -> Packed:
    return clusters[clusters[:, Cluster.SIZE] > 1]


def _disorder(former: Packed, latter: Packed) -> InvariantError:
    before, after = (
        f"reference {row[Member.REFERENCE]:#x} of label {row[Member.LABEL]:#x}"
        for row in (former, latter)
    )
    return InvariantError(f"members do not ascend: {after} comes behind {before}")


def _other_stream(clusters: ClusterTable, at: int, rank: int) -> InvariantError:
    label, size = clusters.labels[at], clusters.sizes[at]
    return InvariantError(
        f"the second pass saw {rank} documents of label {label:#x}, the first one {size}"
    )


@compile_kernel
def _summarize(block: Packed, first_new: np.uint64, clusters: Packed, end: int) -> int:
    """Add the rows to ``clusters[:end]``, of which the last goes on; its new end.

    Negative when the rows do not ascend: the number of the first that does not.
    """
    num_columns = block.shape[1]
    for row in range(len(block)):
        if row > 0:
            column = 0
            while column < num_columns - 1 and block[row, column] == block[row - 1, column]:
                column += 1
            if column == num_columns - 1 or block[row, column] < block[row - 1, column]:
                return -row
        label = block[row, Member.LABEL]
        high = block[row, Member.ID_HIGH]
        low = block[row, Member.ID_LOW]
        at = end - 1
        if end == 0 or clusters[at, Cluster.LABEL] != label:
            at = end
            end += 1
            clusters[at, Cluster.LABEL] = label
            clusters[at, Cluster.SIZE] = 0
            clusters[at, Cluster.LEAST_HIGH] = high
            clusters[at, Cluster.LEAST_LOW] = low
            clusters[at, Cluster.KEEPER_HIGH] = high
            clusters[at, Cluster.KEEPER_LOW] = low
            clusters[at, Cluster.OLDER_HIGH] = NONE
            clusters[at, Cluster.OLDER_LOW] = NONE
        clusters[at, Cluster.SIZE] += np.uint64(1)
        least_high = clusters[at, Cluster.LEAST_HIGH]
        if high < least_high or (high == least_high and low < clusters[at, Cluster.LEAST_LOW]):
            clusters[at, Cluster.LEAST_HIGH] = high
            clusters[at, Cluster.LEAST_LOW] = low
        if (
            block[row, Member.REFERENCE] < first_new
            and clusters[at, Cluster.OLDER_HIGH] == NONE
            and clusters[at, Cluster.OLDER_LOW] == NONE
        ):
            clusters[at, Cluster.OLDER_HIGH] = high
            clusters[at, Cluster.OLDER_LOW] = low
    return end


@compile_kernel
def _rank(
    block: Packed, clusters: Packed, at: int, rank: int, marks: Packed
) -> tuple[int, int, int]:
    """Fill ``marks``; their number, then the cluster that goes on and how many it has had.

    The number is negative when a cluster has not had as many documents as it should.
    """
    num_marks = 0
    for row in range(len(block)):
        label = block[row, Member.LABEL]
        while at < len(clusters) - 1 and clusters[at, Cluster.LABEL] < label:
            if np.uint64(rank) != clusters[at, Cluster.SIZE]:
                return -1, at, rank
            at += 1
            rank = 0
        if at == len(clusters) or clusters[at, Cluster.LABEL] != label:
            continue
        size = clusters[at, Cluster.SIZE]
        marks[num_marks, Mark.REFERENCE] = block[row, Member.REFERENCE]
        marks[num_marks, Mark.CLUSTER_HIGH] = clusters[at, Cluster.LEAST_HIGH]
        marks[num_marks, Mark.CLUSTER_LOW] = clusters[at, Cluster.LEAST_LOW]
        marks[num_marks, Mark.RANK_SIZE] = np.uint64(rank) << np.uint64(32) | size
        marks[num_marks, Mark.KIND] = block[row, Member.KIND]
        marks[num_marks, Mark.KEEPER_HIGH] = clusters[at, Cluster.KEEPER_HIGH]
        marks[num_marks, Mark.KEEPER_LOW] = clusters[at, Cluster.KEEPER_LOW]
        marks[num_marks, Mark.OLDER_HIGH] = clusters[at, Cluster.OLDER_HIGH]
        marks[num_marks, Mark.OLDER_LOW] = clusters[at, Cluster.OLDER_LOW]
        num_marks += 1
        rank += 1
    return num_marks, at, rank
