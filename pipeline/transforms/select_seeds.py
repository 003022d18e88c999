"""Choose the documents that synthetic ones are made of: by rules on their measures, by domain.

Of each named set, the documents that a run keeps and that break none of the set's rules; where
there are more than asked for, equal shares of every domain, those with the smallest hashes of their
ids.
Through Beam's shuffle goes, for each shard, set and domain, one packed array of hashes and
references; texts are read afterwards, of the chosen documents alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import AsIter
from pydantic import BaseModel, ConfigDict, Field

from filters.dedup.packed import group_rows, refer, rows_of, shards_of
from filters.rule import Rule, decide
from filters.taggers.sampling import (
    Candidates,
    UInt64Array,
    allocate,
    hash_ids,
    name_strata,
    smallest,
)
from pipeline.errors import ConfigError
from pipeline.records.manifest import Counts
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_aligned, read_rows
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.decide import join_measures, kept_rows
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import addressed, count_by, empty
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Finished, Stage, rows
from pipeline.transforms.tag_sample import SmallestRows, pack, unpack
from pipeline.transforms.write import WriteShards

STAGE = "seeds"

SEEDS = "seeds"
"""Output of the stage: a row for each set that a document was chosen for."""

SEEDS_SCHEMA = pa.schema(
    [
        pa.field("set", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("archive", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("text", pa.large_string(), nullable=False),
    ]
)

MAX_DOMAINS = 10_000
"""More of them are no domains but identifiers."""

_DOCUMENT_COLUMNS = ("id", "source", "url", "provenance")

OF_CODE = tuple(pa.field(f"code.{name}", pa.string()) for name in ("language", "license_class"))
"""Columns that rules on seeds may name beside the measures; null unless it is a source file."""


class SeedsConfig(BaseModel):
    """One named set of documents to make synthetic ones of."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    where: list[Rule] = Field(
        default_factory=list,
        description="Rules that a document must keep, beside those it was kept by: reasoning depth,"
        " topic, source...",
    )
    by: list[str] = Field(
        default_factory=list,
        description="Columns of text or whole numbers whose values divide the set into domains, "
        "which get equal shares; sources are always told apart.",
    )
    max_documents: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Documents of the set; null takes all."
    )


@dataclass(frozen=True)
class SeedsInput:
    """What is read of a run: documents, measures and marks, side by side, and the kept rows."""

    documents: StageFolder
    measures: StageFolder
    marks: StageFolder
    kept: StageFolder
    num_shards: int
    sets: Mapping[str, SeedsConfig]

    def table(self, shard: int) -> str:
        """Where a shard of the documents lies."""
        return self.documents.table(DOCUMENTS, shard, self.num_shards)

    def nominated(self, shard: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Set by set, batches of the kept documents that break none of its rules, with ``row``."""
        paths = [
            self.table(shard),
            self.measures.table(MEASURES, shard, self.num_shards),
            self.marks.table(MARKS, shard, self.num_shards),
        ]
        columns = [[*_DOCUMENT_COLUMNS, "code"], None, None]
        kept = kept_rows(self.kept, shard, self.num_shards)
        first = 0
        for step in read_aligned(paths, columns):
            joined = join_measures(step)
            for field in OF_CODE:
                values = pc.struct_field(joined.column("code"), field.name.partition(".")[2])
                joined = joined.append_column(field, values)
            end = first + joined.num_rows
            mine = kept[(kept >= first) & (kept < end)]
            joined = joined.append_column("row", pa.array(np.arange(first, end)))
            held = joined.take(pa.array(mine - first))
            first = end
            for name, config in self.sets.items():
                if held.num_rows:
                    yield name, held.filter(decide(held, config.where).keep)


def seeds_stage(
    documents: Finished,
    measures: Finished,
    marks: Finished,
    kept: Finished,
    sets: Mapping[str, SeedsConfig],
) -> Stage:
    """Choose the seeds of every set among the documents that ``kept`` kept."""
    num_shards = documents.num_shards(DOCUMENTS)
    read = SeedsInput(
        documents.folder,
        measures.folder,
        marks.folder,
        kept.folder,
        num_shards,
        dict(sorted(sets.items())),
    )

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        candidates = (
            graph
            | "Number of shards" >> beam.Create([num_shards])
            | "List shards" >> beam.FlatMap(_numbers).with_output_types(int)
            | "Spread shards" >> beam.Reshuffle()
            | "Nominate" >> beam.FlatMap(_nominate, read).with_output_types(tuple[str, bytes])
            | "Smallest of a domain" >> beam.CombinePerKey(SmallestRows(2, _most(sets)))
        )
        _ = (
            graph
            | PendingShards(folder, num_shards, (SEEDS,))
            | "Read chosen"
            >> beam.FlatMap(_read_chosen, read, AsIter(candidates)).with_output_types(
                pa.RecordBatch
            )
            | WriteShards(folder, SEEDS, SEEDS_SCHEMA, count_by("set", "domain"))
        )

    return Stage(
        name=STAGE,
        version=1,
        config=read.sets,
        inputs={
            "documents": documents.identity,
            "measures": measures.identity,
            "duplicates": marks.identity,
            "kept": kept.identity,
        },
        outputs={SEEDS: num_shards},
        build=build,
        count=lambda entries: Counts(rows(entries, SEEDS), rows(entries, SEEDS), 0, 0),
    )


def _most(sets: Mapping[str, SeedsConfig]) -> int:
    """Rows that any domain may have to give; packed rows of 16 bytes bound what is held."""
    asked = [config.max_documents for config in sets.values()]
    return _ALL if None in asked else max(number or 0 for number in asked)


_ALL = 1 << 62


def _numbers(count: int) -> Iterator[int]:
    yield from range(count)


def _key(name: str, domain: str) -> str:
    return f"{name}\0{domain}"


def _nominate(shard: int, read: SeedsInput) -> Iterator[tuple[str, bytes]]:
    """Of each set and domain in a shard, the documents with the smallest hashes."""
    found: dict[str, list[UInt64Array]] = {}
    for name, batch in read.nominated(shard):
        references = refer(shard, batch.column("row").to_numpy())
        held = np.stack([hash_ids(batch.column("id")), references], axis=1)
        domains = name_strata(batch, read.sets[name].by, {}).dictionary_encode()
        for place, members in group_rows(domains.indices.to_numpy().astype(np.int64)):
            key = _key(name, domains.dictionary[place].as_py())
            found.setdefault(key, []).append(held[members])
    for key, parts in found.items():
        rows_held = np.concatenate(parts)
        limit = read.sets[key.partition("\0")[0]].max_documents or _ALL
        yield key, pack(len(rows_held), smallest(rows_held, min(limit, len(rows_held))))


def _choose(
    read: SeedsInput, candidates: Iterable[tuple[str, bytes]]
) -> dict[str, dict[str, UInt64Array]]:
    """References of the chosen documents, by set and domain."""
    held: dict[str, dict[str, Candidates]] = {name: {} for name in read.sets}
    for key, packed in candidates:
        name, _, domain = key.partition("\0")
        held[name][domain] = Candidates(*unpack(packed, 2))
    chosen: dict[str, dict[str, UInt64Array]] = {}
    for name, config in read.sets.items():
        # What cannot be shared equally goes to the domains with the smallest first hash.
        domains = sorted(held[name], key=lambda domain: int(held[name][domain].rows[0, 0]))
        if len(domains) > MAX_DOMAINS:
            raise ConfigError(
                f"seeds.{name}.by: more than {MAX_DOMAINS:,} domains; leave out the column that "
                "tells nearly every document apart"
            )
        sizes = [held[name][domain].num_documents for domain in domains]
        shares = allocate(sizes, config.max_documents or sum(sizes))
        chosen[name] = {
            domain: held[name][domain].rows[:share, 1]
            for domain, share in zip(domains, shares, strict=True)
        }
    return chosen


def _read_chosen(
    shard: int, read: SeedsInput, candidates: Iterable[tuple[str, bytes]]
) -> Iterator[pa.RecordBatch]:
    yield from addressed(
        _with_texts(shard, read, _choose(read, candidates)),
        shard=shard,
        num_shards=read.num_shards,
        empty=empty(SEEDS_SCHEMA),
    )


def _with_texts(
    shard: int, read: SeedsInput, chosen: Mapping[str, Mapping[str, UInt64Array]]
) -> Iterator[pa.RecordBatch]:
    for name, domains in chosen.items():
        mine: list[tuple[int, str]] = sorted(
            (int(row), domain)
            for domain, references in domains.items()
            for row in rows_of(references[shards_of(references) == shard])
        )
        wanted = np.array([row for row, _ in mine], np.int64)
        first = 0
        for batch in read_rows(read.table(shard), wanted, columns=(*_DOCUMENT_COLUMNS, "text")):
            named = [domain for _, domain in mine[first : first + batch.num_rows]]
            first += batch.num_rows
            yield _seed_rows(batch, name, named)


def _seed_rows(batch: pa.RecordBatch, name: str, domains: Sequence[str]) -> pa.RecordBatch:
    provenance = batch.column("provenance")
    columns: dict[str, Any] = {field: batch.column(field) for field in ("id", "url", "text")}
    columns |= {
        field: pc.struct_field(provenance, field) for field in ("archive", "member", "offset")
    }
    columns |= {"set": pa.array([name] * batch.num_rows), "domain": pa.array(domains, pa.string())}
    return pa.record_batch([columns[f.name] for f in SEEDS_SCHEMA], schema=SEEDS_SCHEMA)
