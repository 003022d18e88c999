"""The steps from clusters to marks: which member is the keeper, and what every document learns.

    members --look up--> ranking --rank--> marks --write--> tables

The ranking is read twice, and no cluster is held.
"""

import numpy as np
import pyarrow as pa

from filters.dedup.ids import id_keys
from filters.dedup.keep import DEDUP_FIELDS, mark_rows
from filters.dedup.largest_clusters import LARGEST_SCHEMA, MAX_CLUSTERS, LargestClusters
from filters.dedup.preferences import column_of, preference_columns, preference_keys
from filters.dedup.ranking import SIZES_SCHEMA, rank_blocks, summarize_clusters
from filters.rule import decide
from pipeline.records.manifest import Statistics
from pipeline.storage.tables import read_table
from pipeline.transforms.cluster_search import ALL, STRICT, ClusterSearch
from pipeline.transforms.corpus import BATCH_ROWS, Columns, Rows, walk
from pipeline.transforms.outcome import count_by, empty
from pipeline.transforms.tasks import Tally
from pipeline.transforms.write import no_statistics, write_shard

MARKS = "dedup"
INDEXED = "indexed"
CLUSTERS = "clusters"
LARGEST = "largest"
SEARCHES = "searches"

MARKS_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        *DEDUP_FIELDS,
    ]
)

SEARCH_COUNTS = ("rounds", "pairs", "large_clusters", "large_documents", "dropped_pairs")

SEARCHES_SCHEMA = pa.schema(
    [
        pa.field("search", pa.string(), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in SEARCH_COUNTS),
    ]
)


def look_up(search: ClusterSearch, group: int, before: Tally) -> Tally | None:
    """What decides between the members of clusters that lie in a group's shards."""
    if search.final(before) is None:
        return None
    wanted = preference_columns(search.config.keep)
    judged = [rule.column for rule in search.rules]
    required = dict.fromkeys(["id", "source", *wanted.measures])
    columns = Columns(
        measures=tuple(required),
        documents=wanted.document,
        optional=tuple(name for name in dict.fromkeys(judged) if name not in required),
    )
    shards = search.groups.shards(group)
    with search.ranking.write(group) as out:
        for batch in walk(search.corpus, shards, columns, search.members.read(group)):
            table = pa.record_batch(batch.columns)
            for members in batch.rows:
                found = table.take(pa.array(batch.places(members[:, 0])))
                rules = [rule for rule in search.rules if rule.column in found.schema.names]
                passes = decide(found, rules).keep.to_numpy(zero_copy_only=False)
                is_old = members[:, 0] < search.new_from
                asked = {p.column: column_of(found, p.column) for p in search.config.keep}
                out.write(
                    np.column_stack(
                        [
                            members[:, 1],
                            ~passes,
                            ~is_old & search.keeps_indexed,
                            preference_keys(asked, search.config.keep, num_rows=len(members)),
                            id_keys(found.column("id")),
                            members[:, 0],
                            members[:, 2],
                        ]
                    ).astype(np.uint64)
                )
    return {}


def rank(search: ClusterSearch, partition: int, before: Tally) -> Tally | None:
    """Marks for the members of a partition's clusters, and the largest of those clusters."""
    if search.final(before) is None:
        return None
    ranking = search.ranking
    clusters = summarize_clusters(ranking.read(partition), first_new=search.new_from)
    largest = LargestClusters(clusters)
    with search.marks.write(partition) as out:
        for marks in rank_blocks(largest.watch(ranking.read(partition)), clusters):
            out.write(marks)
    write_shard(
        search.work_folder, LARGEST, partition, search.partitions, LARGEST_SCHEMA, [largest.table()]
    )
    counted: Tally = {}
    for row in clusters.histogram().to_pylist():
        for name in ("clusters", "documents"):
            counted[f"size.{row['min_documents']}.{row['max_documents']}.{name}"] = row[name]
    return counted


def write_marks(search: ClusterSearch, group: int, before: Tally) -> Tally | None:
    """The marks of a group's shards, those of earlier runs apart, where they are asked for."""
    if search.final(before) is None:
        return None
    first_new, num_shards = search.corpus.first_new, search.corpus.num_shards
    marks = Rows(search.marks.read(group))
    for shard in search.groups.shards(group):
        is_old = shard < first_new
        if is_old and not search.marks_indexed:
            for _ in marks.before(shard + 1, 0):
                pass
            continue
        identities = read_table(
            search.corpus.measures(shard), columns=["id", "source"], rows=BATCH_ROWS
        )
        write_shard(
            search.folder,
            INDEXED if is_old else MARKS,
            shard if is_old else shard - first_new,
            first_new if is_old else num_shards - first_new,
            MARKS_SCHEMA,
            mark_rows(identities, marks.before(shard + 1, 0), shard=shard),
            count_by("source", "dedup.kind"),
        )
    return {}


def write_summaries(search: ClusterSearch, task: int, before: Tally) -> Tally | None:
    """What a person wants to know of the clusters: sizes, the largest, how they were found."""
    if search.final(before) is None:
        return None
    sizes = pa.RecordBatch.from_pylist(_sizes(before), schema=SIZES_SCHEMA)
    searches = pa.RecordBatch.from_pylist(_searches(search, before), schema=SEARCHES_SCHEMA)
    for output, batch, summarize in (
        (CLUSTERS, sizes, summarize_sizes),
        (LARGEST, _largest(search), no_statistics),
        (SEARCHES, searches, summarize_searches),
    ):
        write_shard(search.folder, output, task, 1, batch.schema, [batch], summarize)
    return {}


def summarize_sizes(sizes: pa.RecordBatch) -> Statistics:
    """``{"2-2": {"clusters": n, "documents": n}, "3-4": ...}``."""
    return {
        f"{row['min_documents']}-{row['max_documents']}": {
            name: row[name] for name in ("clusters", "documents")
        }
        for row in sizes.to_pylist()
    }


def summarize_searches(searches: pa.RecordBatch) -> Statistics:
    """The table as ``{search: {count: number}}``."""
    return {row.pop("search"): row for row in searches.to_pylist()}


def _largest(search: ClusterSearch) -> pa.RecordBatch:
    """The largest of the largest clusters of all partitions."""
    paths = (
        search.work_folder.table(LARGEST, partition, search.partitions)
        for partition in range(search.partitions)
    )
    found = pa.Table.from_batches(
        (batch for path in paths for batch in read_table(path)), LARGEST_SCHEMA
    )
    largest_first = [("documents", "descending"), ("cluster_id", "ascending")]
    batches = found.sort_by(largest_first).slice(0, MAX_CLUSTERS).combine_chunks().to_batches()
    return batches[0] if batches else empty(LARGEST_SCHEMA)


def _sizes(tally: Tally) -> list[dict[str, int]]:
    found: dict[tuple[int, int], dict[str, int]] = {}
    for name, number in tally.items():
        if name.startswith("size."):
            _, least, most, what = name.split(".")
            found.setdefault((int(least), int(most)), {})[what] = number
    return [
        {"min_documents": least, "max_documents": most, **found[least, most]}
        for least, most in sorted(found)
    ]


def _searches(search: ClusterSearch, tally: Tally) -> list[dict[str, object]]:
    table: list[dict[str, object]] = []
    for name in (ALL, STRICT):
        rounds = search.stable_round(name, tally)
        if rounds is not None:
            table.append(dict.fromkeys(SEARCH_COUNTS, 0) | {"search": name, "rounds": rounds + 1})
    table[0] |= {
        "pairs": tally.get(f"{ALL}.pairs", 0),
        "large_clusters": tally.get("large.clusters", 0),
        "large_documents": tally.get("large.documents", 0),
        "dropped_pairs": tally.get("large.dropped_pairs", 0),
    }
    return table
