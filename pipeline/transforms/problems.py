"""Read the problems that a model shall solve, from files and from seed documents.

A problem is a document too: its statement is the text, so that problems are searched for benchmark
items and compared with one another as all documents are, before anything is asked about them. What
else is known of it (answer, solution, tests) stands beside it, row by row.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipeline.fingerprint import fingerprint
from pipeline.records.address import address_of, stamp
from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import ShardEntry
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.filesystem import open_input, write_text
from pipeline.storage.splits import Split
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.extract import summarize_documents
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import (
    FAILED,
    KEPT,
    REJECTED,
    Outcome,
    StageOutcome,
    addressed,
    empty,
    tagged,
)
from pipeline.transforms.read import READ
from pipeline.transforms.select_seeds import SEEDS
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Finished, Stage, outcome_counts, rows
from pipeline.transforms.write import WriteShards
from synth.item import ITEM_SCHEMA
from synth.problems import (
    ProblemRow,
    ProblemsConfig,
    list_problems,
    plan_problem_splits,
    problems_of_document,
    read_problems,
    set_of,
    to_batch,
)

STAGE = "problems"
VERSION = 1

ITEMS = "items"
"""Output of the stage: what is known of each problem, in the order of the documents."""

SHARDS_NAME = "shards.jsonl"

BATCH_ROWS = 256

MEDIA_TYPE = "text/plain"


@dataclass(frozen=True)
class ProblemShard:
    """What one shard is read from: a part of the files of a set, or of its seed documents."""

    set: str
    split: Split | None
    seeds: int | None

    def to_json(self) -> str:
        """One line of JSON."""
        split = None if self.split is None else self.split.to_json()
        return json.dumps({"set": self.set, "split": split, "seeds": self.seeds})

    @classmethod
    def from_json(cls, line: str) -> "ProblemShard":
        """Read :meth:`to_json`."""
        raw = json.loads(line)
        split = None if raw["split"] is None else Split.from_json(raw["split"])
        return cls(raw["set"], split, raw["seeds"])


def source_of(name: str) -> str:
    """Source column of the problems of a set."""
    return f"problems.{name}"


def problems_stage(
    sets: Mapping[str, ProblemsConfig], seeds: Finished | None, *, split_bytes: int
) -> Stage:
    """List the files now; read them, and the seeds, when the stage runs.

    Raises ConfigError when a pattern matches no file.
    """
    listing = list_problems({n: c.paths for n, c in sets.items() if c.paths is not None})
    shards = [
        ProblemShard(set_of(split), split, None)
        for split in plan_problem_splits(listing, split_bytes=split_bytes)
    ]
    inputs = {
        "files": fingerprint([[n, f.name, f.bytes, f.version] for n in listing for f in listing[n]])
    }
    if seeds is not None:
        inputs["seeds"] = seeds.identity
        shards += [
            ProblemShard(name, None, shard)
            for name, config in sorted(sets.items())
            if config.seeds is not None
            for shard in range(seeds.num_shards(SEEDS))
        ]
    names = (READ, DOCUMENTS, ITEMS, REJECTED, FAILED)

    def prepare(folder: StageFolder) -> None:
        write_text(folder.locate(SHARDS_NAME), "".join(f"{one.to_json()}\n" for one in shards))

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        read = (
            graph
            | PendingShards(folder, len(shards), names)
            | ReadProblems(folder, dict(sets), None if seeds is None else seeds.folder, len(shards))
        )
        items, outcome = sort_problems(read)
        outcome.write(folder, DOCUMENTS, DOCUMENT_SCHEMA, summarize=summarize_documents)
        _ = items | WriteShards(folder, ITEMS, ITEM_SCHEMA)

    return Stage(
        name=STAGE,
        version=VERSION,
        config={name: config.model_dump(exclude={"paths"}) for name, config in sets.items()},
        inputs=inputs,
        outputs=dict.fromkeys(names, len(shards)),
        build=build,
        count=lambda entries: outcome_counts(entries, rows_in=rows(entries, READ), kept=DOCUMENTS),
        prepare=prepare,
    )


@dataclass(eq=False)
class ReadProblems(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> batches of ``PROBLEM_SCHEMA``; a receipt states the rows of each shard."""

    folder: StageFolder
    sets: Mapping[str, ProblemsConfig]
    seeds: StageFolder | None
    num_shards: int

    def __post_init__(self) -> None:
        super().__init__(label="Read problems")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Batches of every shard, in order within the shard."""
        return shards | "Read" >> beam.ParDo(
            _ReadProblems(self.folder, dict(self.sets), self.seeds, self.num_shards)
        ).with_output_types(pa.RecordBatch)


class _ReadProblems(beam.DoFn):  # type: ignore[misc]
    def __init__(
        self,
        folder: StageFolder,
        sets: dict[str, ProblemsConfig],
        seeds: StageFolder | None,
        num_shards: int,
    ) -> None:
        self._folder = folder
        self._sets = sets
        self._seeds = seeds
        self._num_shards = num_shards
        self._shards: list[ProblemShard] = []

    def setup(self) -> None:
        with open_input(self._folder.locate(SHARDS_NAME)) as file:
            self._shards = [ProblemShard.from_json(line.decode()) for line in file]

    def process(self, shard: int) -> Iterator[pa.RecordBatch]:
        read = self._shards[shard]
        num_rows = 0
        for batch in addressed(
            (_with_set(to_batch(held), read.set) for held in _blocks(self._rows(read))),
            shard=shard,
            num_shards=self._num_shards,
            empty=_with_set(to_batch([]), read.set),
        ):
            num_rows += batch.num_rows
            yield batch
        self._folder.write_receipt(
            ShardEntry(output=READ, shard=shard, name="", rows=num_rows, bytes=0, sha256="")
        )

    def _rows(self, read: ProblemShard) -> Iterator[ProblemRow]:
        if read.split is not None:
            yield from read_problems(read.split)
        elif self._seeds is not None and read.seeds is not None:
            config = self._sets[read.set]
            path = _seed_table(self._seeds, read.seeds)
            for batch in read_table(path):
                for seed in batch.to_pylist():
                    if seed["set"] == config.seeds:
                        yield from problems_of_document(seed, kinds=config.kinds)


def _seed_table(folder: StageFolder, shard: int) -> str:
    manifest = folder.require_manifest()
    return folder.locate(manifest.shards(SEEDS)[shard].name)


_SET = pa.field("set", pa.string(), nullable=False)


def _with_set(problems: pa.RecordBatch, name: str) -> pa.RecordBatch:
    return problems.append_column(_SET, pa.array([name] * problems.num_rows, pa.string()))


def _blocks(problems: Iterable[ProblemRow]) -> Iterator[list[ProblemRow]]:
    held: list[ProblemRow] = []
    for problem in problems:
        held.append(problem)
        if len(held) == BATCH_ROWS:
            yield held
            held = []
    if held:
        yield held


def sort_problems(read: beam.PCollection) -> tuple[beam.PCollection, StageOutcome]:
    """Batches of problems -> items, and documents beside those that could not be read."""
    side = dict.fromkeys((ITEMS, REJECTED, FAILED), pa.RecordBatch)
    sorted_rows = read | "Sort" >> beam.ParDo(_SortProblems()).with_output_types(
        pa.RecordBatch, **side
    ).with_outputs(*side, main=KEPT)
    outcome = StageOutcome(sorted_rows[KEPT], sorted_rows[REJECTED], sorted_rows[FAILED])
    return sorted_rows[ITEMS], outcome


class _SortProblems(beam.DoFn):  # type: ignore[misc]
    def process(self, problems: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        address = address_of(problems)
        items, outcome = sort_rows(problems)
        yield beam.pvalue.TaggedOutput(ITEMS, stamp(items, address))
        yield from tagged(outcome, address)


def sort_rows(problems: pa.RecordBatch) -> tuple[pa.RecordBatch, Outcome]:
    """Of rows of ``PROBLEM_SCHEMA`` and their set: items, and the documents beside them."""
    items: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for row in problems.to_pylist():
        source = source_of(row["set"])
        place = f"{row['archive']}\0{row['member'] or ''}\0{row['seed_id']}\0{row['offset']}"
        row_id = document_id(source, place)
        locator = {name: row[name] for name in ("url", "archive", "member", "offset")}
        if row["problem"] is None:
            failures.append(
                {"id": row_id, "source": source, "stage": "read", "traceback": None}
                | locator
                | {"error_type": row["error_type"], "message": row["error_message"]}
            )
            continue
        known = {name: row[name] for name in ("seed_id", "problem", "answer", "reference", "tests")}
        items.append({"id": row_id, "domain": row["set"], "document": None} | locator | known)
        documents.append(_document(row, row_id, source))
    return pa.RecordBatch.from_pylist(items, schema=ITEM_SCHEMA), Outcome(
        pa.RecordBatch.from_pylist(documents, schema=DOCUMENT_SCHEMA),
        empty(REJECTION_SCHEMA),
        pa.RecordBatch.from_pylist(failures, schema=FAILURE_SCHEMA),
    )


def _document(row: Mapping[str, Any], row_id: str, source: str) -> dict[str, Any]:
    document: dict[str, Any] = dict.fromkeys(DOCUMENT_SCHEMA.names)
    return document | {
        "id": row_id,
        "text": row["problem"],
        "source": source,
        "url": row["url"],
        "media_type": MEDIA_TYPE,
        "provenance": {
            "archive": row["archive"],
            "member": row["member"],
            "offset": row["offset"],
            "length": None,
            "extractor": STAGE,
            "extractor_version": VERSION,
        },
    }
