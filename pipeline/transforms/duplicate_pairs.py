r"""Find the pairs of documents that are duplicates of one another.

    sketches -> keys -> equal pairs -----------------------------> edges
                  \-> bands -> candidates -> estimated -> counted --/

Every arrow is an exchange (``exchange.py``): packed numbers in files, written and read by numbered
tasks (``tasks.py``). Texts stay where they are; only the shingles of the pairs whose signatures
leave a doubt travel. Copies of one text are represented by one of them before bands are looked at,
so a page that was crawled a million times costs as much as one that was crawled once.

With an index of earlier runs, pairs of old documents are not compared again: those an earlier run
found are taken over where all documents together still nominate them. So the clusters are those of
one run over everything.
"""

from collections.abc import Iterator
from functools import partial

import apache_beam as beam
import pyarrow as pa

from filters.dedup.config import DeduplicateConfig
from filters.dedup.keep import KINDS, NEAR
from pipeline.records.manifest import Counts, Statistics
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.corpus import GROUP_ROWS
from pipeline.transforms.dedup_index import Compared, pairs_config
from pipeline.transforms.nominate_pairs import join_keys, nominate, write_bands, write_keys
from pipeline.transforms.pair_search import PARTITION_ENTRIES, PairSearch
from pipeline.transforms.stage import Stage
from pipeline.transforms.tasks import RunSteps, Step, Tally, Work, remove_work
from pipeline.transforms.verify_pairs import (
    EDGES,
    compare_signatures,
    count_shingles,
    send_shingles,
    send_signatures,
    take_known,
    write_edges,
)
from pipeline.transforms.write import write_shard

STAGE = "duplicate-pairs"

PAIRS = "pairs"

PAIR_COUNTS = (
    "keys",
    "copies",
    "hot_buckets",
    "hot_documents",
    "pairs",
    "screened_pairs",
    "compared_pairs",
    "merged_pairs",
)
"""(document, key) entries; documents left out because another one has their text; buckets too large
to compare all pairs, and the entries in them; pairs that share a key, each once; of these, those
that signatures refused, and those whose shingles were counted; those that became edges."""

PAIRS_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        *(pa.field(measure, pa.int64(), nullable=False) for measure in PAIR_COUNTS),
    ]
)


def pairs_stage(
    compared: Compared,
    config: DeduplicateConfig,
    *,
    name: str = STAGE,
    partition_entries: int = PARTITION_ENTRIES,
    group_rows: int = GROUP_ROWS,
) -> Stage:
    """Find the edges between all documents of a corpus; they are written by their first shard.

    Neither ``partition_entries`` nor ``group_rows`` changes a byte.
    """
    corpus = compared.corpus

    def search(folder: StageFolder) -> PairSearch:
        return PairSearch(
            config=config,
            corpus=corpus,
            known=None if compared.known is None else compared.known.folder,
            folder=folder,
            partition_entries=partition_entries,
            group_rows=group_rows,
        )

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        _ = graph | RunSteps(tuple(_steps(search(folder))))

    num_rows = sum(corpus.rows)
    return Stage(
        name=name,
        version=1,
        config=pairs_config(config),
        inputs=compared.inputs,
        outputs={EDGES: corpus.num_shards, PAIRS: 1},
        build=build,
        # An edge is made, not a row that came in: every document that was looked at stays.
        count=lambda _: Counts(rows_in=num_rows, kept=num_rows, rejected=0, failed=0),
        finish=remove_work,
    )


def _steps(search: PairSearch) -> Iterator[Step]:
    """All that is done, in order."""
    groups = len(search.groups)

    def step(name: str, tasks: int, work: Work) -> Step:
        return Step(name, tasks, work, search.work)

    yield step("write-keys", groups, partial(write_keys, search))
    for kind in search.equal_kinds:
        work: Work = partial(join_keys, search, kind)
        yield step(f"join-{KINDS[kind]}-keys", search.partitions(kind), work)
    if search.config.near is not None:
        yield step("write-bands", groups, partial(write_bands, search))
        yield step("nominate", search.partitions(NEAR), partial(nominate, search))
        yield step("send-signatures", groups, partial(send_signatures, search))
        yield step("compare-signatures", groups, partial(compare_signatures, search))
        if search.near.verify == "exact":
            yield step("send-shingles", groups, partial(send_shingles, search))
            yield step("count-shingles", groups, partial(count_shingles, search))
    yield step("take-known", groups, partial(take_known, search))
    yield step("write-edges", groups, partial(write_edges, search))
    yield step("write-counts", 1, partial(_write_counts, search))


def _write_counts(search: PairSearch, task: int, before: Tally) -> Tally:
    table = [
        {"kind": kind, **{name: before.get(f"{kind}.{name}", 0) for name in PAIR_COUNTS}}
        for kind in KINDS
    ]
    batch = pa.RecordBatch.from_pylist(table, schema=PAIRS_SCHEMA)
    write_shard(search.folder, PAIRS, task, 1, PAIRS_SCHEMA, [batch], summarize_pairs)
    return {}


def summarize_pairs(pairs: pa.RecordBatch) -> Statistics:
    """The table as ``{kind: {count: number}}``."""
    return {row.pop("kind"): row for row in pairs.to_pylist()}
