"""Corpora as finished stages, and the search for their duplicates by the real stages."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.annotation import annotation_schema
from filters.dedup.config import DeduplicateConfig, KeepPreference, NearDuplicateConfig
from filters.dedup.sketch import Sketch
from filters.rule import Rule
from pipeline.fingerprint import canonical_json, fingerprint
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import Counts, Manifest
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms import stage as stage_module
from pipeline.transforms.annotate import IS_ANNOTATED, MEASURES
from pipeline.transforms.dedup_index import IndexedRun, compare_with
from pipeline.transforms.deduplicate import deduplicate_stage
from pipeline.transforms.duplicate_pairs import pairs_stage
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.rank_clusters import INDEXED, MARKS
from pipeline.transforms.stage import Finished, Stage, run_stage
from pipeline.transforms.tasks import RunSteps, Tally, merge_tallies
from pipeline.transforms.write import write_shard

QUALITY = KeepPreference(column="tagger.quality", prefer="highest")
CONFIG = DeduplicateConfig(near=NearDuplicateConfig(threshold=0.8), keep=(QUALITY,))
RULES = (
    Rule(column="dedup.rank", max=0),
    Rule(column="tagger.quality", min=0.05, when_null="keep"),
)


class Document(NamedTuple):
    id: str
    text: str
    url: str | None = None
    quality: float | None = None
    source: str = "web"
    is_annotated: bool = True


class Finding(NamedTuple):
    """What both stages made of a corpus."""

    measured: Finished
    pairs: Finished
    marks: Finished


@dataclass(frozen=True)
class Day:
    """A corpus in shards, as the stages before would have written it, and what it makes a run."""

    path: Path
    documents: Finished
    measures: Finished

    def indexed(self, found: Finding) -> IndexedRun:
        return IndexedRun(str(self.path), self.documents, self.measures, found.pairs)


def words(rng: random.Random, count: int) -> str:
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(count))


def with_edits(text: str, rng: random.Random, edits: int) -> str:
    copy = text.split()
    for at in rng.sample(range(len(copy)), edits):
        copy[at] = f"edit{rng.randrange(5000)}"
    return " ".join(copy)


def new_id(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def spread(documents: Sequence[Document], num_shards: int, seed: int) -> list[list[Document]]:
    order = list(documents)
    random.Random(seed).shuffle(order)
    return [order[shard::num_shards] for shard in range(num_shards)]


def write_day(
    path: Path, shards: Sequence[Sequence[Document]], config: DeduplicateConfig = CONFIG
) -> Day:
    sketch = Sketch(config.sketch_parameters())
    documents, measures = (StageFolder(str(path / name)) for name in ("ingest", "annotate"))
    schema = annotation_schema([sketch]).append(pa.field("tagger.quality", pa.float32()))
    schema = schema.append(pa.field(IS_ANNOTATED, pa.bool_()))
    entries = {
        DOCUMENTS: [
            write_shard(documents, DOCUMENTS, shard, len(shards), DOCUMENT_SCHEMA, [_texts(rows)])
            for shard, rows in enumerate(shards)
        ],
        MEASURES: [
            write_shard(
                measures, MEASURES, shard, len(shards), schema, [_measures(rows, sketch, schema)]
            )
            for shard, rows in enumerate(shards)
        ],
    }
    num_rows = sum(map(len, shards))
    sketched = json.loads(canonical_json({"annotate": {"sketch": config.sketch_parameters()}}))
    digest = fingerprint([entry.sha256 for entry in entries[MEASURES]])[:12]

    def finish(folder: StageFolder, output: str) -> Finished:
        manifest = Manifest(
            stage=output,
            version=1,
            identity=digest,
            config=sketched,
            inputs={},
            counts=Counts(num_rows, num_rows, 0, 0),
            outputs={output: tuple(entries[output])},
        )
        folder.write_manifest(manifest)
        return Finished(folder, folder.require_manifest())

    return Day(path, finish(documents, DOCUMENTS), finish(measures, MEASURES))


def find_duplicates(
    day: Day,
    config: DeduplicateConfig = CONFIG,
    *,
    run: Path | None = None,
    index: Sequence[IndexedRun] = (),
    rules: Sequence[Rule] = RULES,
    options: Sequence[str] | None = None,
    partition_entries: int | None = None,
    partition_nodes: int | None = None,
    group_rows: int | None = None,
) -> Finding:
    """Run both stages into ``run``, the day's own folder by default.

    Without options no runner carries the tasks: where a test is about what they do, two thirds of
    its time would go into graphs.
    """
    output = str(day.path if run is None else run)
    groups = {} if group_rows is None else {"group_rows": group_rows}
    entries = {} if partition_entries is None else {"partition_entries": partition_entries}
    nodes = {} if partition_nodes is None else {"partition_nodes": partition_nodes}
    compared = compare_with(index, day.documents, day.measures, config)
    with pytest.MonkeyPatch.context() as patch:
        if options is None:
            patch.setattr(stage_module, "_run_graph", call_tasks)
        stage = pairs_stage(compared, config, **entries, **groups)
        pairs = run_stage(stage, output, options or (), max_failed_ratio=0)
        stage = deduplicate_stage(compared.corpus, pairs, config, rules, **nodes, **groups)
        marks = run_stage(stage, output, options or (), max_failed_ratio=0)
    return Finding(day.measures, pairs, marks)


def call_tasks(stage: Stage, folder: StageFolder, options: Sequence[str]) -> None:
    """Everything a graph of steps would do, task by task in this thread."""
    del options
    stage.build(_Calls(), folder)


class _Calls:
    """Stands where a pipeline would."""

    def __or__(self, graph: RunSteps) -> Tally:
        counted: Tally = {}
        for step in graph.steps:
            made = [step.run(task, counted) for task in range(step.num_tasks)]
            counted = merge_tallies([counted, *made])
        return counted


def rows_of(finished: Finished, *outputs: str) -> list[dict[str, Any]]:
    """Every row of some outputs, shard by shard."""
    return [
        row
        for output in outputs
        for entry in finished.manifest.shards(output)
        for row in pq.read_table(finished.folder.locate(entry.name)).to_pylist()
    ]


def marks_of(found: Finding) -> dict[str, dict[str, Any]]:
    """The marks of all documents, those of the index too, by id and without the column prefix."""
    return {
        row["id"]: {name.removeprefix("dedup."): value for name, value in row.items()}
        for row in rows_of(found.marks, MARKS, INDEXED)
    }


def without_older(marks: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: row | {"older_id": None} for name, row in marks.items()}


def written(found: Finding) -> dict[str, bytes]:
    """Every file of both stages that a manifest names, and the manifests."""
    return {
        f"{finished.manifest.stage}/{name}": Path(finished.folder.locate(name)).read_bytes()
        for finished in (found.pairs, found.marks)
        for name in [
            "manifest.json",
            *(entry.name for entries in finished.manifest.outputs.values() for entry in entries),
        ]
    }


def index_of(days: Sequence[tuple[Day, Finding]]) -> list[IndexedRun]:
    return [day.indexed(found) for day, found in days]


def counts_of(found: Finding, kind: str) -> dict[str, int]:
    counts: dict[str, int] = found.pairs.manifest.statistics["pairs"][kind]
    return counts


def _texts(rows: Iterable[Document]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": row.id,
                "text": row.text,
                "source": row.source,
                "url": row.url,
                "media_type": "text/plain",
                "provenance": {"archive": "a.warc", "offset": number},
            }
            for number, row in enumerate(rows)
        ],
        schema=DOCUMENT_SCHEMA,
    )


def _measures(rows: Sequence[Document], sketch: Sketch, schema: pa.Schema) -> pa.RecordBatch:
    """The table that annotation would write; all measures of a row that failed are null."""
    is_annotated = pa.array([row.is_annotated for row in rows], pa.bool_())
    numbers = pa.array([n if row.is_annotated else None for n, row in enumerate(rows)], pa.int64())
    texts = _texts(rows)
    measured = [
        *sketch.annotate(texts).columns,
        pa.array([row.quality for row in rows], pa.float32()),
    ]
    return pa.record_batch(
        [
            texts.column("id"),
            texts.column("source"),
            *(column.take(numbers) for column in measured),
            is_annotated,
        ],
        schema=schema,
    )
