"""Measure what each cell of the mixture holds, and solve the mixture for it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.cells import assign_cells
from mixtures.ledger import (
    COUNTS_SCHEMA,
    DIMENSIONS,
    count_supply,
    merge_counts,
    solved_ledger,
)
from mixtures.quantiles import (
    HISTOGRAM_SCHEMA,
    count_values,
    has_percentiles,
    merge_values,
    mixture_cuts,
)
from mixtures.solution import MixtureSolution
from mixtures.solver import solve
from mixtures.spec import MixtureConfig
from mixtures.supply import SUPPLY_SCHEMA, Supply, measure_supply
from mixtures.upsampling import Cuts
from pipeline.records.address import Address, stamp
from pipeline.records.manifest import Counts, ShardEntry, Statistics
from pipeline.storage.filesystem import atomic_output, open_input, read_text, write_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import HashingFile, read_table
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Entries, Finished, Stage
from pipeline.transforms.tokenize import TOKENS
from pipeline.transforms.write import WriteShards

QUANTILES_STAGE = "quantiles"
STAGE = "solve"

VALUES = "values"
SUPPLY = "supply"
COUNTS = "counts"
SOLUTION = "solution"
SOLUTION_NAME = "solution.json"
LEDGER = "ledger"
LEDGER_NAME = "ledger.parquet"

READ_ROWS = 65_536
"""Rows measured at a time; without their tokens they are some hundred bytes each."""


@dataclass(frozen=True)
class TokenShard:
    """Where shard ``shard`` of one tokenize stage lies."""

    folder: StageFolder
    shard: int
    num_shards: int

    @property
    def path(self) -> str:
        """The Parquet file."""
        return self.folder.table(TOKENS, self.shard, self.num_shards)


def token_shards(tokens: Sequence[Finished]) -> list[TokenShard]:
    """Every token shard of several tokenize stages, in their order: natural, then synthetic."""
    return [
        TokenShard(finished.folder, shard, finished.num_shards(TOKENS))
        for finished in tokens
        for shard in range(finished.num_shards(TOKENS))
    ]


def quantiles_stage(tokens: Sequence[Finished], mixture: MixtureConfig) -> Stage:
    """Histograms of the columns that the mixture's percentile curves name."""
    shards = token_shards(tokens)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        _ = (
            graph
            | PendingShards(folder, len(shards), (VALUES,))
            | "Count values"
            >> beam.ParDo(_CountValues(shards, mixture)).with_output_types(pa.RecordBatch)
            | WriteShards(folder, VALUES, HISTOGRAM_SCHEMA)
        )

    documents = sum(finished.manifest.rows(TOKENS) for finished in tokens)
    return Stage(
        name=QUANTILES_STAGE,
        version=2,
        config=mixture.stages,
        inputs={finished.manifest.stage: finished.identity for finished in tokens},
        outputs={VALUES: len(shards)},
        build=build,
        count=lambda _: Counts(rows_in=documents, kept=documents, rejected=0, failed=0),
    )


def read_cuts(mixture: MixtureConfig, quantiles: Finished | None) -> Cuts:
    """Where the bands of the mixture's curves begin; None where no curve needs the supply."""
    values: list[pa.Table] = []
    if quantiles is not None:
        entries = quantiles.manifest.shards(VALUES)
        values += _tables(quantiles.folder, entries, HISTOGRAM_SCHEMA)
    return mixture_cuts(mixture, merge_values(values))


def solve_stage(
    tokens: Sequence[Finished], mixture: MixtureConfig, quantiles: Finished | None
) -> Stage:
    """Count the supply on the workers, solve on the driver, write ``solution.json``.

    Beside it lies the ledger as solved, which the windows are compared with. Raises InfeasibleError
    when it runs and the corpus lacks the tokens; no manifest is written.
    """
    shards = token_shards(tokens)
    cuts = read_cuts(mixture, quantiles)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        measured = (
            graph
            | PendingShards(folder, len(shards), (SUPPLY, COUNTS))
            | "Measure supply"
            >> beam.ParDo(_MeasureSupply(shards, mixture, cuts))
            .with_output_types(pa.RecordBatch, **{COUNTS: pa.RecordBatch})
            .with_outputs(COUNTS, main=SUPPLY)
        )
        _ = measured[SUPPLY] | WriteShards(folder, SUPPLY, SUPPLY_SCHEMA, summarize_supply)
        _ = measured[COUNTS] | WriteShards(folder, COUNTS, COUNTS_SCHEMA)

    def finish(folder: StageFolder, entries: Entries) -> Sequence[ShardEntry]:
        supply = Supply.merge(map(Supply.read, _tables(folder, entries[SUPPLY], SUPPLY_SCHEMA)))
        solution = solve(mixture, supply, cuts)
        text = solution.to_json()
        write_text(folder.locate(SOLUTION_NAME), text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        counts = merge_counts(_tables(folder, entries[COUNTS], COUNTS_SCHEMA))
        ledger = solved_ledger(counts, supply, mixture, solution)
        return [
            ShardEntry(SOLUTION, 0, SOLUTION_NAME, 1, len(text.encode()), digest),
            _write_ledger(folder, ledger),
        ]

    documents = sum(finished.manifest.rows(TOKENS) for finished in tokens)
    inputs = {finished.manifest.stage: finished.identity for finished in tokens}
    if quantiles is not None:
        inputs[QUANTILES_STAGE] = quantiles.identity
    return Stage(
        name=STAGE,
        version=3,
        config=solved_config(mixture),
        inputs=inputs,
        outputs={SUPPLY: len(shards), COUNTS: len(shards)},
        build=build,
        count=lambda entries: Counts(
            rows_in=documents,
            kept=sum(e.statistics.get("documents", 0) for e in entries[SUPPLY]),
            rejected=0,
            failed=0,
        ),
        finish=finish,
    )


def solved_config(mixture: MixtureConfig) -> dict[str, Any]:
    """The mixture without its exports: what shards are copied to changes nothing in them."""
    return mixture.model_dump(mode="json", exclude={"exports"})


def read_solution(solved: Finished) -> MixtureSolution:
    """The solution a finished solve stage wrote."""
    return MixtureSolution.from_json(read_text(solved.folder.locate(SOLUTION_NAME)))


def read_ledger(solved: Finished) -> pa.Table:
    """The ledger as solved: ``mixtures.ledger.SOLVED_SCHEMA``."""
    with open_input(solved.folder.locate(LEDGER_NAME)) as file:
        return pq.read_table(file)


def solve_shards(tokens: Sequence[Finished], mixture: MixtureConfig) -> MixtureSolution:
    """Solve for finished token shards in this process, without writing anything."""
    paths = [shard.path for shard in token_shards(tokens)]
    values: list[pa.Table] = []
    if has_percentiles(mixture):
        values = [count_values_of(path, mixture) for path in paths]
    cuts = mixture_cuts(mixture, merge_values(values))
    supply = Supply.merge(measure_supply_of(path, mixture, cuts)[0] for path in paths)
    return solve(mixture, supply, cuts)


def read_mixture(stages: Sequence[Finished]) -> MixtureConfig:
    """The mixture that the solve stage among ``stages`` was given."""
    config = next(one.manifest.config for one in stages if one.manifest.stage == STAGE)
    return MixtureConfig.model_validate(config)


def selectable_columns(path: str) -> list[str]:
    """Columns of a token shard that conditions may name: all but the tokens themselves."""
    with open_input(path) as file:
        return [name for name in pq.read_schema(file).names if name != TOKENS]


def summarize_supply(supply: pa.RecordBatch) -> Statistics:
    """Documents and tokens, those that no component takes included."""
    sums = pa.table(supply).group_by([]).aggregate([("documents", "sum"), ("tokens", "sum")])
    [row] = sums.to_pylist()
    return {"documents": row["documents_sum"] or 0, "tokens": row["tokens_sum"] or 0}


def summarize_ledger(ledger: pa.Table) -> Statistics:
    """Solved tokens by stage, dimension and value."""
    sums: Statistics = {}
    for dimension in DIMENSIONS:
        keys = ["stage", dimension]
        table = ledger.group_by(keys, use_threads=False).aggregate([("tokens", "sum")])
        for row in table.to_pylist():
            values = sums.setdefault(row["stage"], {}).setdefault(dimension, {})
            values[row[dimension]] = round(row["tokens_sum"])
    return sums


def count_values_of(path: str, mixture: MixtureConfig) -> pa.Table:
    """Histograms of one token shard."""
    return merge_values(
        count_values(columns, mixture, num_tokens=columns.column("num_tokens"))
        for columns in _selectable(path)
    )


def measure_supply_of(path: str, mixture: MixtureConfig, cuts: Cuts) -> tuple[Supply, pa.Table]:
    """Supply and ledger counts of one token shard."""
    supplies, counts = [], []
    for columns in _selectable(path):
        tokens = columns.column("num_tokens")
        ids = columns.column("id")
        cells = assign_cells(columns, mixture, cuts)
        supplies.append(measure_supply(columns, cells, mixture, ids=ids, num_tokens=tokens))
        counts.append(count_supply(columns, cells, num_tokens=tokens))
    return Supply.merge(supplies), merge_counts(counts)


def _selectable(path: str) -> Iterator[pa.RecordBatch]:
    return read_table(path, columns=selectable_columns(path), rows=READ_ROWS)


class _CountValues(beam.DoFn):  # type: ignore[misc]
    def __init__(self, shards: Sequence[TokenShard], mixture: MixtureConfig) -> None:
        self._shards = list(shards)
        self._mixture = mixture

    def process(self, number: int) -> Iterator[pa.RecordBatch]:
        values = count_values_of(self._shards[number].path, self._mixture)
        yield _only_piece(values, number, len(self._shards))


class _MeasureSupply(beam.DoFn):  # type: ignore[misc]
    def __init__(self, shards: Sequence[TokenShard], mixture: MixtureConfig, cuts: Cuts) -> None:
        self._shards = list(shards)
        self._mixture = mixture
        self._cuts = cuts

    def process(self, number: int) -> Iterator[Any]:
        supply, counts = measure_supply_of(self._shards[number].path, self._mixture, self._cuts)
        yield _only_piece(supply.table, number, len(self._shards))
        piece = _only_piece(counts, number, len(self._shards))
        yield beam.pvalue.TaggedOutput(COUNTS, piece)


def _only_piece(table: pa.Table, shard: int, num_shards: int) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    batch = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    return stamp(batch, Address(shard, num_shards, 0, is_last=True))


def _tables(
    folder: StageFolder, entries: Iterable[ShardEntry], schema: pa.Schema
) -> Iterator[pa.Table]:
    for entry in entries:
        batches = read_table(folder.locate(entry.name))
        yield pa.Table.from_batches([batch.cast(schema) for batch in batches], schema)


def _write_ledger(folder: StageFolder, ledger: pa.Table) -> ShardEntry:
    with atomic_output(folder.locate(LEDGER_NAME)) as raw:
        file = HashingFile(raw)
        pq.write_table(ledger, cast("BinaryIO", file), compression="zstd")
    return ShardEntry(
        LEDGER,
        0,
        LEDGER_NAME,
        ledger.num_rows,
        file.tell(),
        file.sha256,
        summarize_ledger(ledger),
    )
