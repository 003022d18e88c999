"""The clusters of a corpus: what is read, and the exchanges the steps hand each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from filters.dedup.config import DeduplicateConfig
from filters.dedup.packed import Packed, uniform_bounds
from filters.dedup.ranking import Mark, Member
from filters.rule import Rule
from pipeline.records.address import shard_name
from pipeline.storage.filesystem import exists, join
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.corpus import GROUP_ROWS, Corpus, Groups
from pipeline.transforms.exchange import Exchange, count_partitions
from pipeline.transforms.tasks import WORK, Tally

PARTITION_NODES = 1 << 20
"""Documents of a partition, about; one without an edge costs nothing."""

EDGE_WIDTH = 3

ALL, STRICT = "all", "strict"
"""The two searches for components: over all edges, and over what holds large clusters together."""


@dataclass(frozen=True, kw_only=True)
class ClusterSearch:
    """Which edges are joined, and where; ``edges`` is the folder of the pairs stage."""

    config: DeduplicateConfig
    rules: Sequence[Rule]
    keeps_indexed: bool
    marks_indexed: bool
    corpus: Corpus
    edges: StageFolder
    folder: StageFolder
    partition_nodes: int = PARTITION_NODES
    group_rows: int = GROUP_ROWS

    @property
    def work(self) -> str:
        """Path of all that is deleted when the stage is done."""
        return self.folder.locate(WORK)

    @property
    def work_folder(self) -> StageFolder:
        """The same, for tables."""
        return StageFolder(self.work)

    @cached_property
    def groups(self) -> Groups:
        """The shards that each task of a step that reads shards takes."""
        return self.corpus.groups(group_rows=self.group_rows)

    @property
    def partitions(self) -> int:
        """Partitions of nodes and of clusters."""
        return count_partitions(sum(self.corpus.rows), partition_rows=self.partition_nodes)

    @property
    def new_from(self) -> int:
        """The least reference of a document of this run."""
        return self.corpus.first_new << 32

    @property
    def num_preferences(self) -> int:
        """Numbers by which the members of a cluster are compared: rules and age come first."""
        return 2 + len(self.config.keep)

    def neighbours(self, search: str, round_: int) -> Exchange:
        """Edges both ways, as a round finds them."""
        writers = len(self.groups) if (search, round_) == (ALL, 0) else self.partitions
        return self._by_node(f"{search}-neighbours-{round_}", 2, writers=writers)

    def uphill(self, search: str, round_: int) -> Exchange:
        """Edges after the round's large-star."""
        return self._by_node(f"{search}-uphill-{round_}", 2)

    @property
    def edges_of_nodes(self) -> Exchange:
        """Edges by their first node, with their strength."""
        return self._by_node("edges", EDGE_WIDTH, writers=len(self.groups))

    @property
    def kinds(self) -> Exchange:
        """(node, kind) for both ends of every edge that counts."""
        return self._by_node("kinds", 2)

    @property
    def large(self) -> Exchange:
        """(least node, size) of large clusters, in one partition."""
        return Exchange(self.work, "large", 2, 2, self.partitions, uniform_bounds(1))

    @property
    def members(self) -> Exchange:
        """(reference, label, kind), by the group of the document."""
        return Exchange(self.work, "members", 3, 1, self.partitions, self.groups.bounds)

    @property
    def ranking(self) -> Exchange:
        """Rows of ``filters.dedup.ranking.Member``, by label."""
        columns = 1 + self.num_preferences - Member.ID_HIGH
        return Exchange(
            self.work, "ranking", columns, columns - 1, len(self.groups), self._node_bounds
        )

    @property
    def marks(self) -> Exchange:
        """Rows of ``filters.dedup.ranking.Mark``, by the group of the document."""
        return Exchange(self.work, "marks", len(Mark), 1, self.partitions, self.groups.bounds)

    @cached_property
    def _node_bounds(self) -> Packed:
        return uniform_bounds(self.partitions)

    def _by_node(self, name: str, columns: int, *, writers: int = 0) -> Exchange:
        """Rows led by a node; partitions write it by default."""
        return Exchange(
            self.work, name, columns, columns, writers or self.partitions, self._node_bounds
        )

    def stable_round(self, search: str, tally: Tally) -> int | None:
        """The round whose neighbours are stars, or None while there is none."""
        found = [
            int(name.rpartition(".")[2])
            for name, number in tally.items()
            if name.startswith(f"{search}.restless.") and number == 0
        ]
        return min(found, default=None)

    def final(self, tally: Tally) -> Exchange | None:
        """The stars of the final clusters, or None while they are not found.

        The strict search is done only where there are large clusters.
        """
        search = STRICT if tally.get("large.clusters") else ALL
        round_ = self.stable_round(search, tally)
        return None if round_ is None else self.neighbours(search, round_)

    def rounds_begun(self, search: str) -> int:
        """Rounds that an earlier graph has begun."""
        task = shard_name(0, self.partitions)
        receipts = (join(self.work, f"{search}-large-star-{n}-{task}.json") for n in count())
        return next(round_ for round_, receipt in enumerate(receipts) if not exists(receipt))
