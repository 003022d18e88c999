"""Make synthetic documents: items -> a model's answers, checked while others are made -> documents.

A shard is one strategy over one shard of problems or seed documents. All samples of an item stay in
one batch, so nothing is shuffled; answers are stored by the content of their request, outside the
stage's folder, so another threshold or a killed run asks nothing again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import RunInference
from apache_beam.typehints.decorators import no_annotations

from pipeline.errors import ConfigError, InvariantError
from pipeline.records.address import address_of
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import ShardEntry, Statistics
from pipeline.storage.filesystem import join, open_input, remove, write_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.decide import kept_rows
from pipeline.transforms.extract import summarize_documents
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import FAILED, KEPT, REJECTED, StageOutcome, addressed, empty
from pipeline.transforms.problems import ITEMS, source_of
from pipeline.transforms.select_seeds import SEEDS
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Entries, Finished, Stage, outcome_counts, rows
from pipeline.transforms.write import WriteShards
from synth.config import StrategyConfig, SynthConfig, identity, skip_reason
from synth.engines.choice import window_of
from synth.engines.inference import Plan, RolloutHandler
from synth.engines.usage_notes import PLANNED_NAME, USAGE_NAME
from synth.item import ASKED_SCHEMA, ITEM_SCHEMA
from synth.judgement import (
    ITEM_COUNTS_SCHEMA,
    PROBLEM_SET_SCHEMA,
    SCHEMAS,
    STAGE,
    VERIFICATION_SCHEMA,
)

VERSION = 2

ASKED = "asked"
"""Name of the receipts that say how many samples a shard's items call for."""

VERIFICATION = "verification"
"""Output of the stage: what was found out about each document, in their order."""

COUNTS = "items"
"""Output of the stage: what was asked of each item."""

PROBLEM_SET = "problem-set"
"""Output of the stage: verified problems for reinforcement learning."""

CACHE_NAME = "request-cache"
"""Folder of stored answers in a run's folder, where the recipe names no other."""

SHARDS_NAME = "shards.jsonl"


WINDOWS_PER_BATCH = 8
"""Samples of a batch, in windows of the engine. A window runs empty at the end of a batch, unless
another thread has something to ask; eight of them bound what is held in memory."""


@dataclass(frozen=True)
class ItemShard:
    """What one shard asks about: a strategy, and a shard of problems or of seeds."""

    strategy: str
    table: str
    shard: int

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps([self.strategy, self.table, self.shard])

    @classmethod
    def from_json(cls, line: str) -> "ItemShard":
        """Read :meth:`to_json`."""
        return cls(*json.loads(line))


@dataclass(frozen=True)
class Sources:
    """Where items come from: kept problems, and seed documents; None where there are none."""

    problems: Finished | None
    kept_problems: Finished | None
    seeds: Finished | None

    @property
    def identities(self) -> dict[str, str]:
        """Of the stages that are read."""
        named = {
            "problems": self.problems,
            "kept_problems": self.kept_problems,
            "seeds": self.seeds,
        }
        return {name: stage.identity for name, stage in named.items() if stage is not None}

    def count(self, settings: StrategyConfig) -> int:
        """Items that a strategy is asked about."""
        number = 0
        if self.kept_problems is not None:
            kept = self.kept_problems.manifest.statistics.get(KEPT, {})
            number += sum(kept.get(source_of(name), 0) for name in settings.problems)
        if self.seeds is not None:
            found = self.seeds.manifest.statistics.get(SEEDS, {})
            number += sum(sum(found.get(name, {}).values()) for name in settings.seeds)
        return number

    def shards(self, config: SynthConfig) -> list[ItemShard]:
        """What there is to ask, strategy by strategy."""
        found: list[ItemShard] = []
        for name, (_, settings) in config.chosen.items():
            if settings.problems and self.problems is not None:
                number = self.problems.num_shards(ITEMS)
                found += [ItemShard(name, ITEMS, shard) for shard in range(number)]
            if settings.seeds and self.seeds is not None:
                number = self.seeds.num_shards(SEEDS)
                found += [ItemShard(name, SEEDS, shard) for shard in range(number)]
        return found


def synthesize_stage(config: SynthConfig, sources: Sources) -> Stage:
    """Ask and check every item of ``sources`` by every strategy that names its set.

    Raises ConfigError when the stage should have been skipped, or a strategy names nothing to ask.
    """
    engine = config.engine
    if engine is None or not config.chosen:
        raise ConfigError(f"nothing to synthesize: {skip_reason(config)}")
    plans = {
        name: Plan(settings.asking(strategy, model=engine.model), settings.selection)
        for name, (strategy, settings) in config.chosen.items()
    }
    shards = sources.shards(config)
    names = (ASKED, DOCUMENTS, VERIFICATION, COUNTS, PROBLEM_SET, REJECTED, FAILED)

    def prepare(folder: StageFolder) -> None:
        write_text(folder.locate(SHARDS_NAME), "".join(f"{one.to_json()}\n" for one in shards))
        planned = sum(
            sources.count(settings) * plans[name].asking.samples
            for name, (_, settings) in config.chosen.items()
        )
        write_text(folder.locate(PLANNED_NAME), str(planned))

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        read = ReadItems(
            folder=folder,
            sources=sources,
            sets={name: (*s.problems, *s.seeds) for name, (_, s) in config.chosen.items()},
            samples={name: plan.asking.samples for name, plan in plans.items()},
            batch_samples=WINDOWS_PER_BATCH * window_of(engine),
            num_shards=len(shards),
        )
        tables = (
            graph
            | PendingShards(folder, len(shards), names)
            | read
            | RollOut(
                RolloutHandler(
                    engine,
                    config.cache or _default_cache(folder),
                    plans,
                    folder.locate(USAGE_NAME),
                )
            )
        )
        outcome = StageOutcome(tables["documents"], tables["rejections"], tables["failures"])
        outcome.write(folder, DOCUMENTS, DOCUMENT_SCHEMA, summarize=summarize_documents)
        for name, output, schema, summarize in (
            ("verification", VERIFICATION, VERIFICATION_SCHEMA, summarize_verification),
            ("items", COUNTS, ITEM_COUNTS_SCHEMA, summarize_items),
            ("problems", PROBLEM_SET, PROBLEM_SET_SCHEMA, summarize_problems),
        ):
            _ = tables[name] | WriteShards(folder, output, schema, summarize)

    return Stage(
        name=STAGE,
        version=VERSION,
        config=identity(config),
        inputs=sources.identities,
        outputs=dict.fromkeys(names, len(shards)),
        build=build,
        count=lambda entries: outcome_counts(entries, rows_in=rows(entries, ASKED), kept=DOCUMENTS),
        prepare=prepare,
        finish=_forget_usage,
    )


def _forget_usage(folder: StageFolder, entries: Entries) -> Sequence[ShardEntry]:
    del entries
    remove(folder.locate(USAGE_NAME))
    return ()


@dataclass(eq=False)
class ReadItems(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> batches of ``ASKED_SCHEMA``, each of one strategy.

    When a shard has been read to its end, a receipt states the samples that its items call for: the
    number that documents, rejections and failures must add up to.
    """

    folder: StageFolder
    sources: Sources
    sets: Mapping[str, Sequence[str]]
    samples: Mapping[str, int]
    batch_samples: int
    num_shards: int

    def __post_init__(self) -> None:
        super().__init__(label="Read items")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Batches of every shard, in order within the shard."""
        reader = _ReadItems(
            self.folder,
            _Located.of(self.sources),
            {name: frozenset(found) for name, found in self.sets.items()},
            dict(self.samples),
            self.batch_samples,
            self.num_shards,
        )
        return shards | "Read" >> beam.ParDo(reader).with_output_types(pa.RecordBatch)


@dataclass(frozen=True)
class _Located:
    """Folders of the sources, as workers need them."""

    problems: StageFolder | None
    kept_problems: StageFolder | None
    num_problems: int
    seeds: StageFolder | None
    num_seeds: int

    @classmethod
    def of(cls, sources: Sources) -> "_Located":
        problems, kept, seeds = sources.problems, sources.kept_problems, sources.seeds
        return cls(
            None if problems is None else problems.folder,
            None if kept is None else kept.folder,
            0 if problems is None else problems.num_shards(ITEMS),
            None if seeds is None else seeds.folder,
            0 if seeds is None else seeds.num_shards(SEEDS),
        )

    def read(self, shard: ItemShard, sets: frozenset[str]) -> Iterator[pa.RecordBatch]:
        """Items of a shard that belong to one of ``sets``."""
        if shard.table == SEEDS and self.seeds is not None:
            for batch in read_table(self.seeds.table(SEEDS, shard.shard, self.num_seeds)):
                names = batch.column("set").to_pylist()
                mine = pa.array([name in sets for name in names], pa.bool_())
                yield _seed_items(batch.filter(mine))
        elif self.problems is not None and self.kept_problems is not None:
            kept = kept_rows(self.kept_problems, shard.shard, self.num_problems)
            first = 0
            for batch in read_table(self.problems.table(ITEMS, shard.shard, self.num_problems)):
                end = first + batch.num_rows
                held = batch.take(pa.array(kept[(kept >= first) & (kept < end)] - first))
                names = held.column("domain").to_pylist()
                yield held.filter(pa.array([name in sets for name in names], pa.bool_()))
                first = end


class _ReadItems(beam.DoFn):  # type: ignore[misc]
    def __init__(  # noqa: PLR0917 - as ReadItems
        self,
        folder: StageFolder,
        located: _Located,
        sets: dict[str, frozenset[str]],
        samples: dict[str, int],
        batch_samples: int,
        num_shards: int,
    ) -> None:
        self._folder = folder
        self._located = located
        self._sets = sets
        self._samples = samples
        self._batch_samples = batch_samples
        self._num_shards = num_shards
        self._shards: list[ItemShard] = []

    def setup(self) -> None:
        with open_input(self._folder.locate(SHARDS_NAME)) as file:
            self._shards = [ItemShard.from_json(line.decode()) for line in file]

    def process(self, shard: int) -> Iterator[pa.RecordBatch]:
        asked = self._shards[shard]
        samples = self._samples[asked.strategy]
        size = max(1, self._batch_samples // samples)
        num_items = 0
        for batch in addressed(
            _cut(self._located.read(asked, self._sets[asked.strategy]), size, asked.strategy),
            shard=shard,
            num_shards=self._num_shards,
            empty=empty(ASKED_SCHEMA),
        ):
            num_items += batch.num_rows
            yield batch
        self._folder.write_receipt(
            ShardEntry(ASKED, shard, name="", rows=num_items * samples, bytes=0, sha256="")
        )


def _cut(items: Iterator[pa.RecordBatch], size: int, strategy: str) -> Iterator[pa.RecordBatch]:
    """The items in batches of ``size``, with the strategy's name."""
    held: list[pa.RecordBatch] = []
    for batch in items:
        held.append(batch)
        if sum(one.num_rows for one in held) >= size:
            joined = pa.concat_batches(held)
            whole = joined.num_rows // size * size
            for first in range(0, whole, size):
                yield _named(joined.slice(first, size), strategy)
            held = [joined.slice(whole)]
    joined = pa.concat_batches(held) if held else empty(ITEM_SCHEMA)
    if joined.num_rows:
        yield _named(joined, strategy)


def _named(items: pa.RecordBatch, strategy: str) -> pa.RecordBatch:
    names = pa.array([strategy] * items.num_rows, pa.string())
    columns = [*(items.column(name) for name in ITEM_SCHEMA.names), names]
    return pa.record_batch(columns, schema=ASKED_SCHEMA)


def _seed_items(seeds: pa.RecordBatch) -> pa.RecordBatch:
    columns = {name: seeds.column(name) for name in seeds.schema.names}
    columns |= {"seed_id": columns["id"], "document": columns["text"]}
    return pa.record_batch(
        [columns.get(f.name, pa.nulls(seeds.num_rows, f.type)) for f in ITEM_SCHEMA],
        schema=ITEM_SCHEMA,
    )


@dataclass(eq=False)
class RollOut(beam.PTransform):  # type: ignore[misc]
    """Batches of ``ASKED_SCHEMA`` -> the tables of ``synth.judgement.Judged``, by name."""

    handler: RolloutHandler

    def __post_init__(self) -> None:
        super().__init__(label="Roll out")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, items: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        """Each sample becomes exactly one row of documents, rejections or failures."""
        side = dict.fromkeys(SCHEMAS, pa.RecordBatch)
        return (
            items
            | "Sample" >> RunInference(self.handler).with_output_types(pa.RecordBatch)
            | "Sort tables"
            >> beam.ParDo(_SortTables())
            .with_output_types(pa.RecordBatch, **side)
            .with_outputs(*side, main="unsorted")
        )


class _SortTables(beam.DoFn):  # type: ignore[misc]
    def process(self, table: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        for name, schema in SCHEMAS.items():
            if table.schema.equals(schema, check_metadata=False):
                yield beam.pvalue.TaggedOutput(name, table)
                return
        raise InvariantError(f"shard {address_of(table).shard}: a table of unknown columns")


def summarize_verification(verification: pa.RecordBatch) -> Statistics:
    """By source: documents by verdict, by selection, and their faults."""
    statistics: Statistics = {}
    names = ["source", *(f"verification.{n}" for n in ("verdict", "selection", "faults"))]
    for source, verdict, selection, faults in zip(
        *(verification.column(name).to_pylist() for name in names), strict=True
    ):
        found = statistics.setdefault(source, {"verdicts": {}, "selection": {}, "faults": {}})
        _count(found["verdicts"], verdict or "none")
        _count(found["selection"], selection or "none")
        for fault in (faults or "").split(", ") if faults else ():
            _count(found["faults"], fault)
    return statistics


PASS_RATE_BINS = 10
"""Bars of the histogram of pass rates, besides those of 0 and of 1."""


def summarize_items(items: pa.RecordBatch) -> Statistics:
    """By strategy: items, samples, tokens, and a histogram of the pass rates."""
    statistics: Statistics = {}
    summed = ("num_samples", "num_spared", "num_judged", "num_correct")
    for row in items.to_pylist():
        found = statistics.setdefault(row["strategy"], {"items": 0, "pass_rates": {}})
        found["items"] += 1
        for name in (*summed, "prompt_tokens", "completion_tokens"):
            found[name] = found.get(name, 0) + row[name]
        if row["pass_rate"] is not None:
            _count(found["pass_rates"], pass_rate_bin(row["pass_rate"]))
    return statistics


def pass_rate_bin(pass_rate: float) -> str:
    """The bar of a histogram: ``never``, ``0.0``, ... ``0.9`` (its lower bound) or ``always``."""
    if pass_rate in (0.0, 1.0):
        return "always" if pass_rate else "never"
    return f"{int(pass_rate * PASS_RATE_BINS) / PASS_RATE_BINS:.1f}"


def summarize_problems(problems: pa.RecordBatch) -> Statistics:
    """By strategy: problems of the set by difficulty, and by where their answer is from."""
    statistics: Statistics = {}
    names = ("strategy", "difficulty", "label", "selection")
    columns = (problems.column(name).to_pylist() for name in names)
    for strategy, *values in zip(*columns, strict=True):
        found = statistics.setdefault(strategy, {name: {} for name in names[1:]})
        for name, value in zip(names[1:], values, strict=True):
            _count(found[name], value or "none")
    return statistics


def _count(counts: Statistics, name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _default_cache(folder: StageFolder) -> str:
    """In the run's folder, two levels above: answers outlive the stage that asked for them."""
    run, _, _ = folder.path.rsplit("/", 2)
    return join(run, CACHE_NAME)
