"""From edges to ranks: which documents are one, and which of them is the keeper.

    edges --label--> members --look up--> ids and measures --rank--> ranked members

Shuffles carry references, then ids and the measures that decide. The results depend neither on
the order in which values arrive nor on the number of partitions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from filters.dedup.candidates import (
    Packed,
    from_bytes,
    group_rows,
    partition_of,
    rows_of,
    shards_of,
    to_bytes,
)
from filters.dedup.components import edge_members, label_components, label_members, merge_members
from filters.dedup.config import KeepPreference
from filters.dedup.keep import rank_members
from filters.dedup.lsh import mix
from filters.rule import Rule, decide
from pipeline.transforms.duplicate_pairs import SketchShards


class LabelClusters(beam.PTransform):  # type: ignore[misc]
    """Elements (kind, packed edges) -> elements (shard, packed members).

    The components are found by one worker, over 16 bytes an edge: the only step that sees all
    clusters at once.
    """

    def __init__(self) -> None:
        super().__init__(label="Label clusters")

    def expand(self, edges: beam.PCollection) -> beam.PCollection:
        """Every document on an edge, with its cluster's label and its own strongest kind."""
        labels = (
            edges
            | "Forget kinds" >> beam.Map(lambda edge: (0, edge[1])).with_output_types(_Part)
            | "Gather edges" >> beam.GroupByKey()
            | "Label" >> beam.FlatMap(_label).with_output_types(_Part)
        )
        kinds = edges | "Kinds" >> beam.FlatMap(_kinds).with_output_types(_Part)
        return (labels, kinds) | "Flatten members" >> beam.Flatten()


@dataclass(eq=False)
class RankClusters(beam.PTransform):  # type: ignore[misc]
    """Elements (shard, packed members) -> elements (shard, batch of ``RANKED_SCHEMA``).

    A document that ``rules`` would reject ranks behind all that pass them, whatever the
    preferences say: else a cluster would be lost with its keeper while a good copy was there.
    """

    tables: SketchShards
    preferences: Sequence[KeepPreference]
    rules: Sequence[Rule]
    partitions: int

    def __post_init__(self) -> None:
        super().__init__(label="Rank clusters")

    def expand(self, members: beam.PCollection) -> beam.PCollection:
        """One row for every document of a cluster."""
        return (
            members
            | "Group by shard" >> beam.GroupByKey()
            | "Look up" >> beam.FlatMap(self._look_up).with_output_types(_Batch)
            | "Group clusters" >> beam.GroupByKey()
            | "Rank" >> beam.FlatMap(self._rank).with_output_types(_Batch)
        )

    def _look_up(self, group: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, pa.RecordBatch]]:
        shard, parts = group
        members = merge_members(from_bytes(parts, columns=3))
        preferred = [preference.column for preference in self.preferences]
        judged = [rule.column for rule in self.rules]
        columns = dict.fromkeys(["id", "source", *preferred, *judged])
        found = self.tables.read_rows(shard, columns, rows_of(members[:, 0]))
        table = pa.record_batch(
            {
                "reference": members[:, 0],
                "label": members[:, 1],
                "kind": members[:, 2],
                "id": found.column("id"),
                PASSES_RULES: decide(found, self.rules).keep.cast(pa.int8()),
                **{name: found.column(name) for name in preferred},
            }
        )
        parts_of = partition_of(mix(members[:, 1]), partitions=self.partitions)
        for partition, rows in group_rows(parts_of):
            yield partition, table.take(pa.array(rows))

    def _rank(
        self, group: tuple[int, Iterable[pa.RecordBatch]]
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        preferences = (_PASSING_FIRST, *self.preferences)
        ranked = rank_members(pa.concat_batches(list(group[1])), preferences)
        for shard, rows in group_rows(shards_of(ranked.column("reference").to_numpy())):
            yield shard, ranked.take(pa.array(rows))


PASSES_RULES = "rules.passed"
_PASSING_FIRST = KeepPreference(column=PASSES_RULES, prefer="highest")

_Part = tuple[int, bytes]
_Batch = tuple[int, pa.RecordBatch]


def _label(group: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
    edges = from_bytes(group[1], columns=2)
    yield from _by_shard(label_members(label_components(edges)))


def _kinds(edges: tuple[int, bytes]) -> Iterator[tuple[int, bytes]]:
    kind, packed = edges
    yield from _by_shard(edge_members(from_bytes([packed], columns=2), kind=kind))


def _by_shard(members: Packed) -> Iterator[tuple[int, bytes]]:
    for shard, rows in group_rows(shards_of(members[:, 0])):
        yield shard, to_bytes(members[rows])
