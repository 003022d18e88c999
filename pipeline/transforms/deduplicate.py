"""Mark duplicates over all shards: a sidecar table that ranks every document in its cluster.

The mathematics is ``filters.dedup``'s; here it is put together. Nothing is dropped: an ordinary
rule on ``dedup.rank`` decides which documents go on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa
from apache_beam.typehints.decorators import no_annotations

from filters.dedup.candidates import rows_of
from filters.dedup.config import DeduplicateConfig
from filters.dedup.keep import DEDUP_FIELDS, KINDS, RANKED_SCHEMA, mark_rows
from filters.rule import Rule
from pipeline.records.manifest import Counts, ShardEntry, Statistics
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.duplicate_clusters import LabelClusters, RankClusters
from pipeline.transforms.duplicate_pairs import (
    ComparePairs,
    NominatePairs,
    PackKeys,
    SketchShards,
)
from pipeline.transforms.outcome import addressed, count_by, empty
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Finished, Stage, rows
from pipeline.transforms.write import WriteShards

STAGE = "deduplicate"

MARKS = "dedup"
PAIRS = "pairs"

MARKS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        *DEDUP_FIELDS,
    ]
)

PAIR_COUNTS = ("keys", "hot_buckets", "hot_documents", "pairs", "merged_pairs")
"""(document, key) entries; buckets too large to compare all pairs, and the entries in them; pairs
that share a key, each once; those that became edges."""

PAIRS_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        *(pa.field(measure, pa.int64(), nullable=False) for measure in PAIR_COUNTS),
    ]
)


class DuplicateTables(NamedTuple):
    """What :class:`MarkDuplicates` finds, as batches with addresses."""

    marks: beam.PCollection
    """``MARKS_SCHEMA``: all rows of each shard, in the order of its documents."""

    pairs: beam.PCollection
    """``PAIRS_SCHEMA``: one shard with a row for each kind."""

    def write(self, folder: StageFolder) -> beam.PCollection:
        """Write both as outputs ``MARKS`` and ``PAIRS``; returns the shard entries."""
        return (
            self.marks | WriteShards(folder, MARKS, MARKS_SCHEMA, count_by("source", "dedup.kind")),
            self.pairs | WriteShards(folder, PAIRS, PAIRS_SCHEMA, summarize_pairs),
        ) | "Gather duplicates" >> beam.Flatten().with_output_types(ShardEntry)


@dataclass(eq=False)
class MarkDuplicates(beam.PTransform):  # type: ignore[misc]
    """Numbers of the shards to mark -> their ``DuplicateTables``.

    All shards are compared, whichever are to be marked. ``sketches`` is (folder, output) of the
    annotation tables; they hold the columns of ``config.keep`` and ``rules`` as well.
    """

    config: DeduplicateConfig
    sketches: tuple[StageFolder, str]
    num_shards: int
    rules: Sequence[Rule] = ()

    def __post_init__(self) -> None:
        super().__init__(label="Mark duplicates")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, shards: beam.PCollection) -> DuplicateTables:
        """Nominate, compare, label, rank, mark."""
        tables = SketchShards(*self.sketches, self.num_shards)
        partitions = self.config.partitions or self.num_shards
        nominated = (
            shards.pipeline
            | "Number of shards" >> beam.Create([self.num_shards])
            | "List shards" >> beam.FlatMap(lambda count: [*range(count)]).with_output_types(int)
            | "Spread shards" >> beam.Reshuffle()
            | PackKeys(self.config, tables, partitions)
            | NominatePairs()
        )
        edges, counts = [nominated.edges], [nominated.counts]
        if self.config.near is not None:
            similar = nominated.candidates | ComparePairs(tables, self.config.near.threshold)
            edges.append(similar.edges)
            counts.append(similar.counts)
        members = edges | "All edges" >> beam.Flatten() | LabelClusters()
        ranked = members | RankClusters(tables, self.config.keep, self.rules, partitions)
        return DuplicateTables(
            marks=(shards, ranked) | _MarkShards(tables),
            pairs=counts | "All counts" >> beam.Flatten() | _TabulateCounts(),
        )


def deduplicate_stage(
    measures: Finished, config: DeduplicateConfig, rules: Sequence[Rule]
) -> Stage:
    """Mark the duplicates among all annotated documents.

    ``rules`` are the recipe's; those on ``dedup`` columns are left out here, the others decide
    which member of a cluster can be its keeper.
    """
    num_shards = measures.num_shards(MEASURES)
    judging = [rule for rule in rules if not rule.column.startswith(f"{MARKS}.")]

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        tables = (
            graph
            | PendingShards(folder, num_shards, (MARKS, PAIRS))
            | MarkDuplicates(config, (measures.folder, MEASURES), num_shards, judging)
        )
        tables.write(folder)

    num_rows = measures.manifest.rows(MEASURES)
    return Stage(
        name=STAGE,
        version=1,
        config={"deduplicate": config, "rules": judging},
        inputs={"measures": measures.identity},
        outputs={MARKS: num_shards, PAIRS: 1},
        build=build,
        count=lambda entries: Counts(
            rows_in=num_rows, kept=rows(entries, MARKS), rejected=0, failed=0
        ),
    )


def summarize_pairs(pairs: pa.RecordBatch) -> Statistics:
    """The table as ``{kind: {count: number}}``."""
    return {row.pop("kind"): row for row in pairs.to_pylist()}


@dataclass(eq=False)
class _MarkShards(beam.PTransform):  # type: ignore[misc]
    """(Shard numbers, ranked members by shard) -> all rows of those shards with their marks."""

    tables: SketchShards

    def __post_init__(self) -> None:
        super().__init__(label="Mark shards")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, inputs: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        shards, ranked = inputs
        asked = shards | "Ask for shard" >> beam.Map(
            lambda shard: (shard, _NO_MEMBERS)
        ).with_output_types(tuple[int, pa.RecordBatch])
        return (
            (asked, ranked)
            | "Flatten ranked" >> beam.Flatten()
            | "Group ranked by shard" >> beam.GroupByKey()
            | "Mark rows" >> beam.FlatMap(self._mark).with_output_types(pa.RecordBatch)
        )

    def _mark(self, group: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
        shard, batches = group[0], list(group[1])
        if any(batch.num_rows == 0 for batch in batches):  # else an earlier run wrote it
            yield from self._mark_shard(shard, pa.concat_batches(batches))

    def _mark_shard(self, shard: int, ranked: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        identities = list(self.tables.read(shard, ["id", "source"]))
        num_rows = sum(batch.num_rows for batch in identities)
        rows = rows_of(ranked.column("reference").to_numpy())
        yield from addressed(
            _beside(identities, mark_rows(num_rows, rows, ranked)),
            shard=shard,
            num_shards=self.tables.num_shards,
            empty=empty(MARKS_SCHEMA),
        )


_NO_MEMBERS = empty(RANKED_SCHEMA)


def _beside(
    identities: Iterable[pa.RecordBatch], marks: Iterable[pa.Array]
) -> Iterator[pa.RecordBatch]:
    columns, first = list(marks), 0
    for batch in identities:
        pieces = [column.slice(first, batch.num_rows) for column in columns]
        yield pa.record_batch([*batch.columns, *pieces], schema=MARKS_SCHEMA)
        first += batch.num_rows


class _TabulateCounts(beam.PTransform):  # type: ignore[misc]
    """Elements ("<kind>.<count>", number) -> one batch of ``PAIRS_SCHEMA``."""

    def __init__(self) -> None:
        super().__init__(label="Tabulate counts")

    def expand(self, counts: beam.PCollection) -> beam.PCollection:
        return (
            counts
            | "Add up" >> beam.CombinePerKey(sum).with_output_types(tuple[str, int])
            | "Gather counts" >> beam.combiners.ToDict()
            | "Tabulate" >> beam.FlatMap(_tabulate).with_output_types(pa.RecordBatch)
        )


def _tabulate(counts: dict[str, int]) -> Iterator[pa.RecordBatch]:
    rows = [
        {"kind": kind, **{name: counts.get(f"{kind}.{name}", 0) for name in PAIR_COUNTS}}
        for kind in KINDS
    ]
    table = pa.RecordBatch.from_pylist(rows, schema=PAIRS_SCHEMA)
    yield from addressed([table], shard=0, num_shards=1, empty=table.slice(0, 0))
