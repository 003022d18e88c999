"""Write one stage of the mixture: sampled, globally shuffled, packed windows of tokens.

Tokens never pass through a shuffle. Each worker writes the copies that its token shard gives to
the stage as one run, sorted by partition and by the global order; when all runs are there, each
partition is packed from its part of every run, and becomes one shard of windows.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.hashing import keyed_hashes
from mixtures.joining import separator_ids
from mixtures.sampling import partitions, sample, shuffle
from mixtures.solution import StageSolution
from mixtures.spec import MixtureConfig
from mixtures.supply import assign
from mixtures.windows import (
    DOCUMENTS_SUFFIX,
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    WindowLayout,
)
from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, ShardEntry, Statistics
from pipeline.storage.filesystem import atomic_output
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import HashingFile
from pipeline.transforms.pack import pack_partition
from pipeline.transforms.runs import (
    ORDER,
    PARTITION,
    ROW,
    RUN_FILES,
    RUNS,
    read_partition,
    write_run,
)
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.solve import TokenShard, read_solution, token_shards
from pipeline.transforms.stage import Entries, Finished, Stage, rows
from pipeline.transforms.tokenize import load_tokenizer

WINDOWS = "windows"
SEGMENTS = "segments"
LAYOUTS = "layouts"
DOCUMENTS = "window-documents"

FILES = {
    WINDOWS: TOKENS_SUFFIX,
    SEGMENTS: SEGMENTS_SUFFIX,
    LAYOUTS: LAYOUT_SUFFIX,
    DOCUMENTS: DOCUMENTS_SUFFIX,
}
"""The files of one shard: an output each, all in the folder of ``windows``."""

SHARD_TOKENS = 1 << 24
"""Tokens of a shard, about: 67 MB on disk, and three times that while it is packed, so that two
threads of a worker stay far below 2 GB."""


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """What a worker needs to sample and to pack one stage of the mixture."""

    mixture: MixtureConfig
    solution: StageSolution
    layout: WindowLayout
    num_partitions: int
    separators: tuple[int, ...]  # by component; see mixtures.joining


def windows_stage(
    tokens: Sequence[Finished],
    solved: Finished,
    mixture: MixtureConfig,
    stage_name: str,
    *,
    shard_tokens: int = SHARD_TOKENS,
) -> Stage:
    """Write the shards of the mixture's stage ``stage_name``.

    The realised tokens of every component must be those the solution promised, to the token;
    InvariantError otherwise.
    """
    shards = token_shards(tokens)
    plan = _plan(solved, mixture, stage_name, shard_tokens=shard_tokens)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        runs = (
            graph
            | "Runs" >> PendingShards(folder, len(shards), tuple(RUN_FILES))
            | "Write runs" >> beam.Map(_write_run, shards, folder, plan).with_output_types(int)
        )
        pending = PendingShards(folder, plan.num_partitions, tuple(FILES))
        _ = (
            graph
            | "Partitions" >> pending
            # The side input holds packing back until every run is written.
            | "After all runs" >> beam.Map(_first, beam.pvalue.AsIter(runs)).with_output_types(int)
            | "Pack" >> beam.Map(_write_windows, len(shards), folder, plan).with_output_types(int)
        )

    return Stage(
        name=f"windows-{stage_name}",
        version=1,
        config={
            "stage": stage_name,
            "solution": dataclasses.asdict(plan.solution),
            "layout": plan.layout,
            "num_partitions": plan.num_partitions,
            "seed": mixture.seed,
        },
        inputs={"solution": solved.identity}
        | {finished.manifest.stage: finished.identity for finished in tokens},
        outputs=dict.fromkeys(RUN_FILES, len(shards)) | dict.fromkeys(FILES, plan.num_partitions),
        build=build,
        count=lambda entries: _count(entries, plan.solution),
    )


def draw_copies(columns: pa.RecordBatch, plan: StagePlan) -> pa.Table:
    """The copies of the documents in ``columns`` that the stage trains on, in shuffled order.

    ``columns`` holds what conditions may name. Returns a row for each copy: the document's row,
    component, copy, partition and order, sorted by partition, order, id and copy.
    """
    spec = plan.mixture.stage(plan.solution.name)
    ids = columns.column("id")
    copies = sample(ids, assign(columns, spec), stage=plan.solution, seed=plan.mixture.seed)
    names = pa.array([component.name for component in spec.components], pa.string())
    in_partition = partitions(copies.order, num_partitions=plan.num_partitions)
    # Equal ranges of the order are the partitions, so sorting by order sorts by partition.
    by_order = pa.array(shuffle(copies.order, ids.take(pa.array(copies.row)), copies.copy))
    return pa.table(
        {
            ROW: copies.row,
            "component": names.take(pa.array(copies.component)),
            "copy": copies.copy,
            PARTITION: in_partition,
            ORDER: copies.order,
        }
    ).take(by_order)


def ledger(documents: pa.Table) -> Statistics:
    """Documents and tokens of a shard by component, source, language, topic and quality tenth."""
    ledgers: Statistics = {}
    tokens = documents.column("num_tokens").cast(pa.int64())
    columns = {
        "component": documents.column("component"),
        "source": documents.column("source"),
    }
    names = set(documents.schema.names)
    for name in ("language.code", "tagger.topic"):
        if name in names:
            columns[name] = documents.column(name)
    if "tagger.quality" in names:
        tenths = pc.min_element_wise(
            pc.floor(pc.multiply(documents.column("tagger.quality"), 10)), 9
        )
        columns["tagger.quality"] = tenths.cast(pa.int8()).cast(pa.string())
    for name, values in columns.items():
        grouped = pa.table({"value": values, "tokens": tokens}).group_by("value")
        sums = grouped.aggregate([("tokens", "sum"), ("tokens", "count")])
        ledgers[name] = {
            row["value"] or "none": {
                "documents": row["tokens_count"],
                "tokens": row["tokens_sum"],
            }
            for row in sums.to_pylist()
        }
    return ledgers


def _plan(
    solved: Finished, mixture: MixtureConfig, stage_name: str, *, shard_tokens: int
) -> StagePlan:
    solution = read_solution(solved).stage(stage_name)
    tokenizer = load_tokenizer(mixture)
    return StagePlan(
        mixture=mixture,
        solution=solution,
        layout=WindowLayout(
            sequence_tokens=solution.sequence_tokens,
            mtp_depth=mixture.mtp_depth,
            eod_id=tokenizer.eod_id,
            pad_id=tokenizer.pad_id,
        ),
        num_partitions=max(1, -(-solution.expected_tokens // shard_tokens)),
        separators=separator_ids(
            mixture.stage(stage_name),
            tokenizer.added_tokens,
            reserved=(tokenizer.eod_id, tokenizer.pad_id),
        ),
    )


def _count(entries: Entries, solution: StageSolution) -> Counts:
    """Copies drawn are rows in; copies found in the shards are kept."""
    realised: dict[str, int] = {}
    for entry in entries[DOCUMENTS]:
        for component, sums in entry.statistics["ledger"].get("component", {}).items():
            realised[component] = realised.get(component, 0) + sums["tokens"]
    for component in solution.components:
        if realised.get(component.name, 0) != component.expected_tokens:
            raise InvariantError(
                f"stage {solution.name!r}, component {component.name!r}: "
                f"{realised.get(component.name, 0)} tokens written, the solution promised "
                f"{component.expected_tokens}"
            )
    return Counts(rows_in=rows(entries, RUNS), kept=rows(entries, DOCUMENTS), rejected=0, failed=0)


def _first(partition: int, runs: Iterable[int]) -> int:
    del runs
    return partition


def _write_run(
    number: int, shards: Sequence[TokenShard], folder: StageFolder, plan: StagePlan
) -> int:
    """Write the copies that token shard ``number`` gives."""
    write_run(
        shards[number].path,
        folder,
        number,
        len(shards),
        num_partitions=plan.num_partitions,
        draw=lambda columns: draw_copies(columns, plan),
    )
    return number


def _write_windows(partition: int, num_runs: int, folder: StageFolder, plan: StagePlan) -> int:
    """Pack one partition and write the four files of its shard."""
    batches = [
        batch
        for run in range(num_runs)
        for batch in read_partition(folder, run, num_runs, partition)
    ]
    if not batches:
        raise InvariantError(
            f"stage {plan.solution.name!r}: shard {partition} of {plan.num_partitions} would be "
            "empty; ask for fewer shards"
        )
    shard = pack_partition(
        batches,
        plan.mixture.stage(plan.solution.name),
        plan.layout,
        separators=plan.separators,
        shuffle_seed=_shuffle_seed(plan, partition),
    )
    del batches  # their tokens are in the shard now
    packing = shard.packing()
    summaries: dict[str, tuple[int, Statistics]] = {
        WINDOWS: (packing["windows"], {"packing": packing}),
        SEGMENTS: (len(shard.segments), {}),
        LAYOUTS: (1, {}),
        DOCUMENTS: (shard.documents.num_rows, {"ledger": ledger(shard.documents)}),
    }
    for output, (num_rows, statistics) in summaries.items():
        name = folder.shard_file(WINDOWS, partition, plan.num_partitions, FILES[output])
        with atomic_output(folder.locate(name)) as raw:
            file = HashingFile(raw)
            shard.write(FILES[output], cast("BinaryIO", file))
        folder.write_receipt(
            ShardEntry(output, partition, name, num_rows, file.tell(), file.sha256, statistics)
        )
    return partition


def _shuffle_seed(plan: StagePlan, partition: int) -> int:
    """A 64-bit seed of the mixture's seed, the stage and the partition."""
    key = ("windows", plan.mixture.seed, plan.solution.name, partition)
    return int(keyed_hashes(np.zeros((1, 2), np.uint64), *key)[0])
