"""Mark duplicates over all shards: a sidecar table that ranks every document in its cluster.

    edges --contract, rounds--> clusters --strict rounds--> clusters --rank--> marks

Nothing is dropped: an ordinary rule on ``dedup.rank`` decides which documents go on. Steps hand
each other files of packed numbers (``exchange.py``); no worker sees all clusters, and nothing it
holds grows with a cluster.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import apache_beam as beam

from filters.dedup.config import DeduplicateConfig
from filters.rule import Rule
from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.cluster_search import ALL, PARTITION_NODES, STRICT, ClusterSearch
from pipeline.transforms.connect_clusters import (
    contract_edges,
    drop_weak,
    find_large,
    move_large,
    move_small,
    name_members,
)
from pipeline.transforms.corpus import GROUP_ROWS, Corpus
from pipeline.transforms.rank_clusters import (
    CLUSTERS,
    INDEXED,
    LARGEST,
    MARKS,
    SEARCHES,
    look_up,
    rank,
    write_marks,
    write_summaries,
)
from pipeline.transforms.stage import Finished, Stage, rows
from pipeline.transforms.tasks import RunSteps, Step, Work, remove_work

STAGE = "deduplicate"

ROUNDS = 3
"""Rounds a graph has beyond those begun before; clusters of real corpora are found in one or two,
and a graph that has too few is followed by another."""

MAX_ROUNDS = 100
"""More are needed by no graph that fits a disk: a path of n documents takes about log2(n)."""


def deduplicate_stage(
    corpus: Corpus,
    pairs: Finished,
    config: DeduplicateConfig,
    rules: Sequence[Rule],
    *,
    marks_indexed: bool = True,
    keeps_indexed: bool = False,
    name: str = STAGE,
    partition_nodes: int = PARTITION_NODES,
    group_rows: int = GROUP_ROWS,
) -> Stage:
    """Mark the duplicates that ``pairs`` found among the documents of ``corpus``.

    ``rules`` are the recipe's; those on ``dedup`` columns are left out here, the others decide
    which member of a cluster can be its keeper: a document that they would reject ranks behind all
    that pass, else a cluster would be lost with its keeper while a good copy was there.
    ``keeps_indexed`` adds to the recipe's ``keep_indexed``. The documents of the index are marked
    again, apart, unless ``marks_indexed`` is False: a new document can join clusters of theirs.
    Neither ``partition_nodes`` nor ``group_rows`` changes a byte.
    """
    judging = [rule for rule in rules if not rule.column.startswith(f"{MARKS}.")]
    keeps = config.keep_indexed or keeps_indexed

    def search(folder: StageFolder) -> ClusterSearch:
        return ClusterSearch(
            config=config,
            rules=judging,
            keeps_indexed=keeps,
            marks_indexed=marks_indexed,
            corpus=corpus,
            edges=pairs.folder,
            folder=folder,
            partition_nodes=partition_nodes,
            group_rows=group_rows,
        )

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        _ = graph | RunSteps(tuple(_steps(search(folder))))

    num_new = sum(corpus.rows[corpus.first_new :])
    return Stage(
        name=name,
        version=2,
        config={
            "keep": config.keep,
            "keeps_indexed": keeps,
            "large_clusters": config.large_clusters,
            "rules": judging,
        },
        inputs={"pairs": pairs.identity},
        outputs={
            MARKS: corpus.num_shards - corpus.first_new,
            INDEXED: corpus.first_new if marks_indexed else 0,
            CLUSTERS: 1,
            LARGEST: 1,
            SEARCHES: 1,
        },
        build=build,
        is_complete=lambda folder: folder.read_receipt(SEARCHES, 0) is not None,
        count=lambda entries: Counts(
            rows_in=num_new, kept=rows(entries, MARKS), rejected=0, failed=0
        ),
        finish=remove_work,
    )


def _steps(search: ClusterSearch) -> Iterator[Step]:
    """All that is done, in order. Steps that come before their time leave no trace."""
    groups, partitions = len(search.groups), search.partitions

    def step(name: str, tasks: int, work: Work) -> Step:
        return Step(name, tasks, work, search.work)

    def rounds(which: str) -> Iterator[Step]:
        begun = search.rounds_begun(which)
        if begun > MAX_ROUNDS:
            raise InvariantError(f"clusters are not found after {begun} rounds")
        for round_ in range(begun + ROUNDS):
            large, small = (
                partial(move, search, which, round_) for move in (move_large, move_small)
            )
            yield step(f"{which}-large-star-{round_}", partitions, large)
            yield step(f"{which}-small-star-{round_}", partitions, small)

    yield step("contract", groups, partial(contract_edges, search))
    yield from rounds(ALL)
    if search.config.large_clusters is not None:
        yield step("find-large", partitions, partial(find_large, search))
    yield step("drop-weak", partitions, partial(drop_weak, search))
    if search.config.large_clusters is not None:
        yield from rounds(STRICT)
    yield step("name-members", partitions, partial(name_members, search))
    yield step("look-up", groups, partial(look_up, search))
    yield step("rank", partitions, partial(rank, search))
    yield step("write-marks", groups, partial(write_marks, search))
    yield step("write-summaries", 1, partial(write_summaries, search))
