"""Measure what each component of the mixture holds, and solve the mixture for it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.solution import MixtureSolution
from mixtures.solver import solve
from mixtures.spec import MixtureConfig
from mixtures.supply import Supply, measure_supply
from pipeline.records.address import Address, stamp
from pipeline.records.manifest import Counts, ShardEntry, Statistics
from pipeline.storage.filesystem import open_input, read_text, write_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Entries, Finished, Stage
from pipeline.transforms.tokenize import TOKENS
from pipeline.transforms.write import WriteShards

STAGE = "solve"

SUPPLY = "supply"
SOLUTION = "solution"
SOLUTION_NAME = "solution.json"

_COUNTED = ("stage", "documents", "tokens")

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


def solve_stage(tokens: Sequence[Finished], mixture: MixtureConfig) -> Stage:
    """Count the supply on the workers, solve on the driver, write ``solution.json``.

    Raises InfeasibleError when it runs and the corpus lacks the tokens; no manifest is written.
    """
    shards = token_shards(tokens)
    empty = Supply.empty(mixture).to_table().schema
    first = mixture.stages[0].name

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        _ = (
            graph
            | PendingShards(folder, len(shards), (SUPPLY,))
            | "Measure supply"
            >> beam.ParDo(_MeasureSupply(shards, mixture)).with_output_types(pa.RecordBatch)
            | WriteShards(folder, SUPPLY, empty, summarize_supply)
        )

    def finish(folder: StageFolder, entries: Entries) -> Sequence[ShardEntry]:
        paths = [folder.locate(entry.name) for entry in entries[SUPPLY]]
        tables = [
            pa.Table.from_batches(read_table(path), empty.remove_metadata()) for path in paths
        ]
        supply = Supply.merge(
            Supply.from_table(table.replace_schema_metadata(empty.metadata)) for table in tables
        )
        text = solve(mixture, supply).to_json()
        write_text(folder.locate(SOLUTION_NAME), text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return [ShardEntry(SOLUTION, 0, SOLUTION_NAME, 1, len(text.encode()), digest)]

    documents = sum(finished.manifest.rows(TOKENS) for finished in tokens)
    return Stage(
        name=STAGE,
        version=1,
        # What the shards are exported to changes nothing in them.
        config=mixture.model_dump(mode="json", exclude={"exports"}),
        inputs={finished.manifest.stage: finished.identity for finished in tokens},
        outputs={SUPPLY: len(shards)},
        build=build,
        count=lambda entries: Counts(
            rows_in=documents,
            kept=sum(e.statistics.get(first, {}).get("documents", 0) for e in entries[SUPPLY]),
            rejected=0,
            failed=0,
        ),
        finish=finish,
    )


def read_solution(solved: Finished) -> MixtureSolution:
    """The solution a finished solve stage wrote."""
    return MixtureSolution.from_json(read_text(solved.folder.locate(SOLUTION_NAME)))


def selectable_columns(path: str) -> list[str]:
    """Columns of a token shard that conditions may name: all but the tokens themselves."""
    with open_input(path) as file:
        return [name for name in pq.read_schema(file).names if name != TOKENS]


def summarize_supply(supply: pa.RecordBatch) -> Statistics:
    """By stage of the mixture: documents and tokens, those no component takes included."""
    sums = (
        pa.table([supply.column(n) for n in _COUNTED], names=list(_COUNTED))
        .group_by("stage")
        .aggregate([("documents", "sum"), ("tokens", "sum")])
    )
    return {
        row["stage"]: {"documents": row["documents_sum"], "tokens": row["tokens_sum"]}
        for row in sums.to_pylist()
    }


class _MeasureSupply(beam.DoFn):  # type: ignore[misc]
    def __init__(self, shards: Sequence[TokenShard], mixture: MixtureConfig) -> None:
        self._shards = list(shards)
        self._mixture = mixture

    def process(self, number: int) -> Iterator[pa.RecordBatch]:
        path = self._shards[number].path
        supplies = [Supply.empty(self._mixture)]
        supplies.extend(
            measure_supply(
                columns,
                self._mixture,
                ids=columns.column("id"),
                num_tokens=columns.column("num_tokens"),
            )
            for columns in read_table(path, columns=selectable_columns(path), rows=READ_ROWS)
        )
        table = Supply.merge(supplies).to_table().combine_chunks()
        batches = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        yield stamp(batches[0], Address(number, len(self._shards), 0, is_last=True))
