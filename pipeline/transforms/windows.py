"""Write one stage of the mixture: sampled, globally shuffled, packed windows of tokens.

Tokens never pass through a shuffle. Each worker writes the copies that its token shard gives to
the stage as one run, sorted by partition and by the global order; when all runs are there, each
partition is packed from its part of every run, and becomes one shard of windows.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, cast

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.hashing import keyed_hashes
from mixtures.ledger import ENTRY_NAMES, Entry, Realised, check_realised, count_realised
from mixtures.mtp import count_live
from mixtures.packing import PackingCounts, pack
from mixtures.provenance import SHARD_DOCUMENTS_SCHEMA, write_documents
from mixtures.sampling import partitions, sample, shuffle
from mixtures.solution import MixtureSolution, StageSolution
from mixtures.spec import MixtureConfig
from mixtures.windows import (
    DOCUMENTS_SUFFIX,
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    Segments,
    TokenTable,
    WindowLayout,
    write_layout,
    write_segments,
    write_tokens,
)
from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, ShardEntry, Statistics, merge_statistics
from pipeline.storage.filesystem import atomic_output, open_input
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import HashingFile
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.solve import TokenShard, read_ledger, read_solution, token_shards
from pipeline.transforms.stage import Entries, Finished, Stage, rows
from pipeline.transforms.tokenize import TOKENS, load_tokenizer

RUNS = "runs"
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

_ROW = "row"
_PARTITION = "partition"
_ORDER = "order"
_ADDED = ("component", "copy", "seen", _PARTITION, _ORDER)
"""Columns of a run beyond those of its token shard."""

RUN_GROUP_ROWS = 4096
"""Copies in a row group of a run: each is gathered and written before the next is."""


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """What a worker needs to sample and to pack one stage of the mixture."""

    mixture: MixtureConfig
    solution: MixtureSolution
    stage_name: str
    layout: WindowLayout
    num_partitions: int

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
            | "Runs" >> PendingShards(folder, len(shards), (RUNS,))
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
        version=2,
        config={
            "stage": stage_name,
            "solution": plan.solution.to_json(),
            "layout": plan.layout,
            "num_partitions": plan.num_partitions,
            "seed": mixture.seed,
        },
        inputs={"solution": solved.identity}
        | {finished.manifest.stage: finished.identity for finished in tokens},
        outputs={RUNS: len(shards)} | dict.fromkeys(FILES, plan.num_partitions),
        build=build,
        count=lambda entries: _count(entries, plan, read_ledger(solved)),
    )


def draw_copies(columns: pa.RecordBatch, plan: StagePlan) -> pa.Table:
    """The copies of the documents in ``columns`` that the stage trains on, in shuffled order.

    ``columns`` holds what conditions may name. Returns a row for each copy: the document's row,
    component, copy, copies seen before, partition and order, sorted by partition, order, id and
    copy.
    """
    spec = plan.mixture.stage(plan.stage_name)
    ids = columns.column("id")
    copies = sample(
        columns, ids, mixture=plan.mixture, solution=plan.solution, stage=plan.stage_name
    )
    names = pa.array([component.name for component in spec.components], pa.string())
    in_partition = partitions(copies.order, num_partitions=plan.num_partitions)
    # Equal ranges of the order are the partitions, so sorting by order sorts by partition.
    by_order = pa.array(shuffle(copies.order, ids.take(pa.array(copies.row)), copies.copy))
    return pa.table(
        {
            _ROW: copies.row,
            "component": names.take(pa.array(copies.component)),
            "copy": copies.copy,
            "seen": copies.seen,
            _PARTITION: in_partition,
            _ORDER: copies.order,
        }
    ).take(by_order)


def document_table(run: pa.Table) -> pa.Table:
    """Provenance of a shard's documents: the fixed columns first, then all others but tokens."""
    fixed = SHARD_DOCUMENTS_SCHEMA.names
    others = [n for n in run.schema.names if n not in (*fixed, TOKENS, _PARTITION, _ORDER)]
    table = run.select([*fixed, *others])
    fields = [*SHARD_DOCUMENTS_SCHEMA, *(table.schema.field(name) for name in others)]
    return table.cast(pa.schema(fields))


def ledger(documents: pa.Table) -> Statistics:
    """Counts of a shard's documents by component, source, topic, quality and language, nested."""
    nested: Statistics = {}
    for entry, realised in sorted(count_realised(documents).items()):
        place = nested
        for value in entry:
            place = place.setdefault(value, {})
        place.update(dataclasses.asdict(realised))
    return nested


def ledger_entries(nested: Statistics) -> dict[Entry, Realised]:
    """Undo the nesting of :func:`ledger`."""
    level: list[tuple[Entry, Statistics]] = [((), nested)]
    for _ in ENTRY_NAMES:
        level = [((*entry, key), deeper) for entry, part in level for key, deeper in part.items()]
    return {entry: Realised(**counts) for entry, counts in level}


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
    )


def _count(entries: Entries, plan: StagePlan, solved_ledger: pa.Table) -> Counts:
    """Copies drawn are rows in; copies found in the shards are kept."""
    nested = merge_statistics(entry.statistics["ledger"] for entry in entries[DOCUMENTS])
    realised = ledger_entries(nested)
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
    """Write the copies that token shard ``number`` gives; a row group holds one partition.

    The shard's documents are held once, however many copies of them are drawn.
    """
    name = folder.shard_file(RUNS, number, len(shards))
    with open_input(shards[number].path) as file:
        documents = pq.read_table(file)
    selectable = documents.drop_columns([TOKENS]).combine_chunks()
    batches = selectable.to_batches() or [pa.RecordBatch.from_pylist([], schema=selectable.schema)]
    copies = draw_copies(batches[0], plan)
    bounds = np.searchsorted(
        copies.column(_PARTITION).to_numpy(), np.arange(plan.num_partitions + 1)
    )
    schema = pa.schema([*documents.schema, *(copies.schema.field(name) for name in _ADDED)])
    with atomic_output(folder.locate(name)) as raw:
        hashed = HashingFile(raw)
        with pq.ParquetWriter(hashed, schema, compression="zstd", compression_level=1) as writer:
            for low, high in pairwise(bounds):
                for first in range(low, high, RUN_GROUP_ROWS):
                    part = copies.slice(first, min(RUN_GROUP_ROWS, high - first))
                    drawn = documents.take(part.column(_ROW))
                    for column in _ADDED:
                        drawn = drawn.append_column(schema.field(column), part.column(column))
                    writer.write_table(drawn, row_group_size=len(part))
    folder.write_receipt(
        ShardEntry(RUNS, number, name, copies.num_rows, hashed.tell(), hashed.sha256)
    )
    return number


def _write_windows(partition: int, num_runs: int, folder: StageFolder, plan: StagePlan) -> int:
    """Pack one partition and write the four files of its shard."""
    tables = [
        table
        for run in range(num_runs)
        for table in _read_partition(folder.table(RUNS, run, num_runs), partition)
    ]
    if not tables:
        raise InvariantError(
            f"stage {plan.stage_name!r}: shard {partition} of {plan.num_partitions} would be "
            "empty; ask for fewer shards"
        )
    run = pa.concat_tables(tables)
    by_order = shuffle(
        run.column(_ORDER).to_numpy(),
        run.column("id").combine_chunks(),
        run.column("copy").to_numpy(),
    )
    tokens = gather_tokens(run.column(TOKENS), by_order)
    documents = document_table(run.drop_columns([TOKENS]).take(pa.array(by_order)))
    del tables, run  # their tokens are in ``tokens`` now
    layout = plan.layout
    segments = pack(
        tokens.lengths,
        sequence_tokens=layout.sequence_tokens,
        mtp_depth=layout.mtp_depth,
        shuffle_seed=_shuffle_seed(plan, partition),
    )
    shard = _PackedShard(tokens, segments, documents, layout)
    for output, (num_rows, statistics) in shard.summaries().items():
        name = folder.shard_file(WINDOWS, partition, plan.num_partitions, FILES[output])
        with atomic_output(folder.locate(name)) as raw:
            file = HashingFile(raw)
            shard.write(output, cast("BinaryIO", file))
        folder.write_receipt(
            ShardEntry(output, partition, name, num_rows, file.tell(), file.sha256, statistics)
        )
    return partition


@dataclass(frozen=True, eq=False)
class _PackedShard:
    """A shard in memory: its documents' tokens, where they lie, and what they are."""

    tokens: TokenTable
    segments: Segments
    documents: pa.Table
    layout: WindowLayout

    def summaries(self) -> dict[str, tuple[int, Statistics]]:
        """Rows and statistics of each of the shard's files."""
        counts = PackingCounts.of(self.segments, sequence_tokens=self.layout.sequence_tokens)
        live = count_live(self.segments, mtp_depth=self.layout.mtp_depth)
        packing = dataclasses.asdict(counts) | {
            "live_targets": {str(depth): int(number) for depth, number in enumerate(live)}
        }
        return {
            WINDOWS: (counts.windows, {"packing": packing}),
            SEGMENTS: (len(self.segments), {}),
            LAYOUTS: (1, {}),
            DOCUMENTS: (self.documents.num_rows, {"ledger": ledger(self.documents)}),
        }

    def write(self, output: str, file: BinaryIO) -> None:
        """Write the file that belongs to ``output``."""
        match output:
            case "windows":
                write_tokens(file, self.segments, self.tokens, self.layout)
            case "segments":
                write_segments(file, self.segments)
            case "layouts":
                write_layout(file, self.layout)
            case _:
                write_documents(file, self.documents)


def _read_partition(path: str, partition: int) -> Iterator[pa.Table]:
    """The row groups of a run that hold ``partition``; each group holds one."""
    with open_input(path) as file, pq.ParquetFile(file) as parquet:
        leaves = parquet.metadata.schema
        leaf = next(i for i in range(len(leaves)) if leaves.column(i).path == _PARTITION)
        for group in range(parquet.metadata.num_row_groups):
            statistics = parquet.metadata.row_group(group).column(leaf).statistics
            if statistics.min == partition:
                yield parquet.read_row_group(group)


def gather_tokens(tokens: pa.ChunkedArray, rows: npt.NDArray[np.intp]) -> TokenTable:
    """The tokens of ``rows``, in that order, gathered list by list.

    Arrow's own ``take`` would hold them three times over: joined, taken and joined again.
    """
    chunks = [(c.offsets.to_numpy(), c.values.to_numpy()) for c in tokens.chunks]
    lengths = np.concatenate([np.diff(offsets) for offsets, _ in chunks])
    first_row = np.cumsum([0, *(len(offsets) - 1 for offsets, _ in chunks)])
    chunk_of = np.searchsorted(first_row, rows, side="right") - 1
    bounds = np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int64)
    gathered = np.empty(bounds[-1], np.int32)
    for number, (row, which) in enumerate(zip(rows.tolist(), chunk_of.tolist(), strict=True)):
        offsets, values = chunks[which]
        in_chunk = row - first_row[which]
        gathered[bounds[number] : bounds[number + 1]] = values[
            offsets[in_chunk] : offsets[in_chunk + 1]
        ]
    return TokenTable(gathered, bounds)


def _shuffle_seed(plan: StagePlan, partition: int) -> int:
    """A 64-bit seed of the mixture's seed, the stage and the partition."""
    key = ("windows", plan.mixture.seed, plan.stage_name, partition)
    return int(keyed_hashes(np.zeros((1, 2), np.uint64), *key)[0])
