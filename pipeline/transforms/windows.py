"""Write one stage of the mixture: sampled, globally shuffled, packed windows of tokens.

Tokens never pass through a shuffle. Each worker writes the copies that its token shard gives to
the stage as one run, sorted by partition; when all runs are there, each partition is put in the
global order and packed from its part of every run, and becomes one shard of windows.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

import apache_beam as beam
import numpy as np
import pyarrow as pa

from mixtures.hashing import keyed_hashes
from mixtures.joining import NO_SEPARATOR, separator_ids
from mixtures.ledger import check_realised, count_realised, nest, unnest
from mixtures.sampling import partitions, sample
from mixtures.solution import MixtureSolution, StageSolution
from mixtures.spec import MixtureConfig
from mixtures.stage_files import WINDOWS, WINDOWS_PREFIX
from mixtures.windows import (
    DOCUMENTS_SUFFIX,
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    WindowLayout,
)
from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, ShardEntry, Statistics, merge_statistics
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
from pipeline.transforms.solve import TokenShard, read_ledger, read_solution, token_shards
from pipeline.transforms.stage import Entries, Finished, Stage, rows
from pipeline.transforms.tokenize import load_tokenizer

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
    solution: MixtureSolution
    stage_name: str
    layout: WindowLayout
    num_partitions: int
    separators: tuple[int, ...]  # by component; see mixtures.joining

    @property
    def stage(self) -> StageSolution:
        """The solved stage."""
        return self.solution.stage(self.stage_name)


def windows_stage(
    tokens: Sequence[Finished],
    solved: Finished,
    mixture: MixtureConfig,
    stage_name: str,
    *,
    shard_tokens: int = SHARD_TOKENS,
) -> Stage:
    """Write the shards of the mixture's stage ``stage_name``.

    The realised tokens of every component must be those the solution promised, to the token, and
    the finer entries of the ledger those that chance allows; InvariantError otherwise.
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
        name=WINDOWS_PREFIX + stage_name,
        version=3,
        config={
            "stage": stage_name,
            "solution_sha256": hashlib.sha256(plan.solution.to_json().encode()).hexdigest(),
            "layout": plan.layout,
            "num_partitions": plan.num_partitions,
            "seed": mixture.seed,
        },
        inputs={"solution": solved.identity}
        | {finished.manifest.stage: finished.identity for finished in tokens},
        outputs=dict.fromkeys(RUN_FILES, len(shards)) | dict.fromkeys(FILES, plan.num_partitions),
        build=build,
        count=lambda entries: _count(entries, plan, read_ledger(solved)),
    )


def draw_copies(columns: pa.RecordBatch, plan: StagePlan) -> pa.Table:
    """The copies of the documents in ``columns`` that the stage trains on.

    ``columns`` holds what conditions may name. Returns a row for each copy: the document's row,
    component, copy, copies seen before, partition and order, sorted by partition.
    """
    spec = plan.mixture.stage(plan.stage_name)
    ids = columns.column("id")
    copies = sample(
        columns, ids, mixture=plan.mixture, solution=plan.solution, stage=plan.stage_name
    )
    names = pa.array([component.name for component in spec.components], pa.string())
    in_partition = partitions(copies.order, num_partitions=plan.num_partitions)
    by_partition = pa.array(np.argsort(in_partition, kind="stable"))
    return pa.table(
        {
            ROW: copies.row,
            "component": names.take(pa.array(copies.component)),
            "copy": copies.copy,
            "seen": copies.seen,
            PARTITION: in_partition,
            ORDER: copies.order,
        }
    ).take(by_partition)


def _plan(
    solved: Finished, mixture: MixtureConfig, stage_name: str, *, shard_tokens: int
) -> StagePlan:
    solution = read_solution(solved)
    stage = solution.stage(stage_name)
    tokenizer = load_tokenizer(mixture)
    return StagePlan(
        mixture=mixture,
        solution=solution,
        stage_name=stage_name,
        layout=WindowLayout(
            sequence_tokens=stage.sequence_tokens,
            mtp_depth=mixture.mtp_depth,
            eod_id=tokenizer.eod_id,
            pad_id=tokenizer.pad_id,
        ),
        num_partitions=max(1, -(-stage.expected_tokens // shard_tokens)),
        separators=stage_separators(mixture, stage_name),
    )


def stage_separators(mixture: MixtureConfig, stage_name: str) -> tuple[int, ...]:
    """Separator of each component of a stage (``mixtures.joining.separator_ids``).

    The tokenizer is read only where a component joins.
    """
    stage = mixture.stage(stage_name)
    if all(component.join is None for component in stage.components):
        return (NO_SEPARATOR,) * len(stage.components)
    tokenizer = load_tokenizer(mixture)
    reserved = (tokenizer.eod_id, tokenizer.pad_id)
    return separator_ids(stage, tokenizer.added_tokens, reserved=reserved)


def _count(entries: Entries, plan: StagePlan, solved_ledger: pa.Table) -> Counts:
    """Copies drawn are rows in; copies found in the shards are kept."""
    nested = merge_statistics(entry.statistics["ledger"] for entry in entries[DOCUMENTS])
    realised = unnest(nested)
    for component in plan.stage.components:
        tokens = sum(one.tokens for entry, one in realised.items() if entry[0] == component.name)
        if tokens != component.expected_tokens:
            raise InvariantError(
                f"stage {plan.stage_name!r}, component {component.name!r}: {tokens} tokens "
                f"written, the solution promised {component.expected_tokens}"
            )
    check_realised(
        plan.stage_name,
        realised,
        solved_ledger,
        max_error_percent=plan.mixture.max_share_error_percent,
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
            f"stage {plan.stage_name!r}: shard {partition} of {plan.num_partitions} would be "
            "empty; ask for fewer shards"
        )
    shard = pack_partition(
        batches,
        plan.mixture.stage(plan.stage_name),
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
        DOCUMENTS: (shard.documents.num_rows, {"ledger": nest(count_realised(shard.documents))}),
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
    key = ("windows", plan.mixture.seed, plan.stage_name, partition)
    return int(keyed_hashes(np.zeros((1, 2), np.uint64), *key)[0])
