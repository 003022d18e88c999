r"""Find passages that places of the kept documents share, and say what is cut of which text.

    kept texts -> entries -> windows at several places -> cuts, aligned with the documents

Arrows are exchanges (``exchange.py``) of packed numbers: texts stay where they are, and nothing
rewrites them. Who wants a text as it goes on asks ``without_cuts`` for it. The stage comes after
the rules, so that the place which keeps a passage is in a document that is kept; the documents of
earlier runs (``deduplicate.index``) and synthetic ones take no part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup.config import PassageConfig
from filters.dedup.ids import id_keys
from filters.dedup.packed import Int64Array, rows_of, uniform_bounds
from filters.dedup.passage_cuts import PASSAGE_FIELDS, cut_batch
from filters.dedup.passages import ENTRY_COLUMNS, FOUND_COLUMNS, find_repeats, passage_entries
from pipeline.records.manifest import Counts, Statistics
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.corpus import GROUP_ROWS, Corpus, Groups, Part, Rows
from pipeline.transforms.decide import kept_rows
from pipeline.transforms.exchange import Exchange, count_partitions
from pipeline.transforms.stage import Finished, Stage, rows
from pipeline.transforms.tasks import WORK, RunSteps, Step, Tally, merge_tallies, remove_work
from pipeline.transforms.write import write_shard

STAGE = "cut-passages"

PASSAGES = "passages"
"""Output of the stage, a sidecar of the documents: every row has its cuts, mostly none."""

SOURCES = "sources"

PASSAGES_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        *PASSAGE_FIELDS,
    ]
)

SOURCE_COUNTS = ("documents", "chars", "windows", "cut_documents", "cuts", "cut_chars")
"""Documents that were kept, the characters of their texts, and the windows of them that were
compared; documents that lose something, how many pieces, and their characters."""

SOURCES_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in SOURCE_COUNTS),
    ]
)

PARTITION_DOCUMENTS = 1 << 17
"""Documents whose entries one partition takes, about: 10 million of 40 bytes, where a document has
80 windows as in the demo."""

_LOCATED = ("id", "source")


@dataclass(frozen=True, kw_only=True)
class PassageSearch:
    """What is read, and the exchanges the steps hand each other."""

    config: PassageConfig
    corpus: Corpus
    kept: StageFolder
    folder: StageFolder
    partition_documents: int
    group_rows: int

    @property
    def work(self) -> str:
        """Folder of all that is deleted when the stage is done."""
        return self.folder.locate(WORK)

    @cached_property
    def groups(self) -> Groups:
        """The shards that each task of the first and the last step takes."""
        return self.corpus.groups(group_rows=self.group_rows)

    @property
    def partitions(self) -> int:
        """Partitions of the entries."""
        return count_partitions(sum(self.corpus.rows), partition_rows=self.partition_documents)

    @property
    def entries(self) -> Exchange:
        """Every window of every text, by key."""
        bounds = uniform_bounds(self.partitions)
        return Exchange(
            self.work, "entries", ENTRY_COLUMNS, ENTRY_COLUMNS, len(self.groups), bounds
        )

    @property
    def found(self) -> Exchange:
        """Windows that occur more than once, by the group of the document."""
        return Exchange(
            self.work, "found", FOUND_COLUMNS, FOUND_COLUMNS, self.partitions, self.groups.bounds
        )


def passages_stage(
    documents: Finished,
    measures: Finished,
    kept: Finished,
    config: PassageConfig,
    *,
    partition_documents: int = PARTITION_DOCUMENTS,
    group_rows: int = GROUP_ROWS,
) -> Stage:
    """Say what is cut of every document that ``kept``, the outcome of the rules, keeps.

    Neither ``partition_documents`` nor ``group_rows`` changes a byte.
    """
    corpus = Corpus((Part.of(documents, measures),))

    def search(folder: StageFolder) -> PassageSearch:
        return PassageSearch(
            config=config,
            corpus=corpus,
            kept=kept.folder,
            folder=folder,
            partition_documents=partition_documents,
            group_rows=group_rows,
        )

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        _ = graph | RunSteps(tuple(_steps(search(folder))))

    return Stage(
        name=STAGE,
        version=1,
        config=config,
        inputs={"documents": documents.identity, "kept": kept.identity},
        outputs={PASSAGES: corpus.num_shards, SOURCES: 1},
        build=build,
        count=lambda entries: Counts(
            rows_in=sum(corpus.rows), kept=rows(entries, PASSAGES), rejected=0, failed=0
        ),
        finish=remove_work,
    )


def _steps(search: PassageSearch) -> Iterator[Step]:
    """All that is done, in order."""
    groups = len(search.groups)

    def step(name: str, tasks: int, work: Any) -> Step:
        return Step(name, tasks, work, search.work)

    yield step("write-entries", groups, partial(write_entries, search))
    yield step("find-repeats", search.partitions, partial(join_entries, search))
    yield step("write-cuts", groups, partial(write_cuts, search))
    yield step("write-sources", 1, partial(write_sources, search))


def write_entries(search: PassageSearch, group: int, before: Tally) -> Tally:
    """Entries of the kept texts of a group's shards; a source file has none."""
    del before
    counted: list[Tally] = []
    with search.entries.write(group) as out:
        for shard in search.groups.shards(group):
            for documents, places in _kept_documents(search, shard):
                sources, texts = documents.column("source"), documents.column("text")
                is_prose = documents.column("code").is_null()
                entries = passage_entries(
                    id_keys(documents.column("id").filter(is_prose)),
                    texts.filter(is_prose),
                    min_words=search.config.min_words,
                    shard=shard,
                    rows=places[is_prose.to_numpy(zero_copy_only=False)],
                )
                out.write(entries)
                windows = np.searchsorted(places, rows_of(entries[:, 3]))
                counted += [
                    _add_up("documents", sources, np.ones(len(places), np.int64)),
                    _add_up("chars", sources, pc.utf8_length(texts).cast(pa.int64())),
                    _add_up("windows", sources, np.bincount(windows, minlength=len(places))),
                ]
    return merge_tallies(counted)


def join_entries(search: PassageSearch, partition: int, before: Tally) -> Tally:
    """Windows of a partition's keys that occur more than once, to their documents."""
    del before
    with search.found.write(partition) as out:
        for found in find_repeats(search.entries.read(partition)):
            out.write(found)
    return {}


def write_cuts(search: PassageSearch, group: int, before: Tally) -> Tally:
    """The cuts of a group's shards. Texts are read where something is cut."""
    del before
    counted: list[Tally] = []
    found = Rows(search.found.read(group))
    for shard in search.groups.shards(group):
        write_shard(
            search.folder,
            PASSAGES,
            shard,
            search.corpus.num_shards,
            PASSAGES_SCHEMA,
            _cut_rows(search.corpus.documents(shard), found, counted, shard=shard),
        )
    return merge_tallies(counted)


def write_sources(search: PassageSearch, task: int, before: Tally) -> Tally:
    """What is cut of each source."""
    found: dict[str, dict[str, int]] = {}
    for name, number in before.items():
        measure, _, source = name.partition(".")
        found.setdefault(source, dict.fromkeys(SOURCE_COUNTS, 0))[measure] = number
    table = [{"source": source, **found[source]} for source in sorted(found)]
    batch = pa.RecordBatch.from_pylist(table, schema=SOURCES_SCHEMA)
    write_shard(search.folder, SOURCES, task, 1, SOURCES_SCHEMA, [batch], summarize_sources)
    return {}


def summarize_sources(sources: pa.RecordBatch) -> Statistics:
    """The table as ``{source: {count: number}}``."""
    return {row.pop("source"): row for row in sources.to_pylist()}


def _kept_documents(
    search: PassageSearch, shard: int
) -> Iterator[tuple[pa.RecordBatch, Int64Array]]:
    """The kept documents of a shard, and their rows."""
    kept = kept_rows(search.kept, shard, search.corpus.num_shards)
    first_row = 0
    for batch in read_table(search.corpus.documents(shard), columns=[*_LOCATED, "text", "code"]):
        numbers = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
        is_kept = np.isin(numbers, kept, assume_unique=True)
        yield batch.filter(pa.array(is_kept)), numbers[is_kept]
        first_row += batch.num_rows


def _cut_rows(
    path: str, found: Rows, counted: list[Tally], *, shard: int
) -> Iterator[pa.RecordBatch]:
    """Rows of the sidecar, and into ``counted`` what is cut."""
    has_cuts = found.leads_before(shard + 1, 0)
    first_row = 0
    for batch in read_table(path, columns=[*_LOCATED, *(["text"] if has_cuts else [])]):
        located = [batch.column(name) for name in _LOCATED]
        # A text that nothing is cut of need not be known.
        texts = batch.column("text") if has_cuts else pa.array([""] * len(batch), pa.large_string())
        parts = [*found.before(shard, first_row + len(batch))] if has_cuts else []
        windows = np.concatenate([np.empty((0, FOUND_COLUMNS), np.uint64), *parts])
        columns = cut_batch(texts, windows, first=shard << 32 | first_row)
        yield pa.record_batch([*located, *columns], schema=PASSAGES_SCHEMA)
        first_row += len(batch)
        lengths = pc.list_value_length(columns[0]).cast(pa.int64())
        counted += [
            _add_up("cut_documents", located[1], pc.greater(lengths, 0).cast(pa.int64())),
            _add_up("cuts", located[1], lengths),
            _add_up("cut_chars", located[1], columns[1]),
        ]


def _add_up(measure: str, sources: pa.Array, numbers: pa.Array | Int64Array) -> Tally:
    """``{measure.source: sum}``."""
    table = pa.table({"source": sources, "number": numbers})
    summed = table.group_by("source", use_threads=False).aggregate([("number", "sum")])
    return {f"{measure}.{row['source']}": row["number_sum"] for row in summed.to_pylist()}
