"""Draw a stratified sample of a run's documents: what a tagger is to be labelled and trained with.

Only hashes, references and the columns of the strata are looked at before the documents are chosen;
texts are read afterwards, of the chosen ones alone. Through Beam's shuffle goes, for each shard and
stratum, one packed array of at most as many rows as are asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.pvalue import AsIter, AsSingleton

from filters.dedup.packed import group_rows, refer, rows_of, shards_of
from filters.taggers.labels import text_sha256
from filters.taggers.sampling import (
    BIN_SAMPLE_DOCUMENTS,
    Bins,
    Candidates,
    Chosen,
    UInt64Array,
    check_columns,
    choose,
    hash_ids,
    is_number,
    name_strata,
    numbers_of,
    smallest,
)
from pipeline.errors import ConfigError
from pipeline.records.address import Address, stamp
from pipeline.records.manifest import Counts
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_aligned, read_rows
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.decide import join_measures
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import addressed, empty
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Finished, Stage, rows
from pipeline.transforms.write import WriteShards

STAGE = "tag-sample"

SAMPLE = "sample"
"""Output of the stage: the chosen documents, in the order of the shards."""

STRATA = "strata"
"""Output of the stage: every stratum with its documents and how many were chosen; one shard."""

SAMPLE_SCHEMA = pa.schema(
    [
        pa.field("hash", pa.uint64(), nullable=False),  # the sample's order
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("stratum", pa.string(), nullable=False),
    ]
)

STRATA_SCHEMA = pa.schema(
    [
        pa.field("stratum", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("chosen", pa.int64(), nullable=False),
    ]
)

MAX_STRATA = 10_000
"""More of them are no strata but identifiers; each may take as many rows as are asked for."""


@dataclass(frozen=True)
class SampleInput:
    """What is read of a run to divide its documents into strata.

    ``tables`` are (folder, output, columns) with the same rows, documents first; ``numbers`` are
    the columns of ``by`` that are divided into ranges; ``identities`` those of the stages read.
    """

    tables: tuple[tuple[StageFolder, str, tuple[str, ...]], ...]
    num_shards: int
    by: tuple[str, ...]
    numbers: tuple[str, ...]
    identities: Mapping[str, str]

    @classmethod
    def of(cls, stages: Sequence[Finished], by: Sequence[str]) -> "SampleInput":
        """What to read of a run; ConfigError when it holds no documents, or not the columns."""
        # Of natural and synthetic documents the natural ones, which come first.
        found = {
            output: finished
            for output in (DOCUMENTS, MEASURES, MARKS)
            for finished in reversed(stages)
            if output in finished.manifest.outputs
        }
        if DOCUMENTS not in found:
            raise ConfigError("there are no documents in this run yet: run its recipe first")
        schemas = {output: finished.schema(output) for output, finished in found.items()}
        kinds = {f.name: f for schema in reversed(schemas.values()) for f in schema}
        check_columns(by, pa.schema([f for f in kinds.values() if f.name not in ("id", "text")]))
        tables: list[tuple[StageFolder, str, tuple[str, ...]]] = []
        wanted = list(by)
        for output, schema in schemas.items():
            own = [name for name in wanted if name in schema.names]
            wanted = [name for name in wanted if name not in own]
            keys = ("id", "source", "code") if output == DOCUMENTS else ("id",)
            if own or output == DOCUMENTS:
                tables.append((found[output].folder, output, (*keys, *own)))
        return cls(
            tables=tuple(tables),
            num_shards=found[DOCUMENTS].num_shards(DOCUMENTS),
            by=tuple(by),
            numbers=tuple(name for name in by if is_number(kinds[name].type)),
            identities={output: found[output].identity for _, output, _ in tables},
        )

    def path(self, shard: int) -> str:
        """Where a shard of the documents lies."""
        folder, output, _ = self.tables[0]
        return folder.table(output, shard, self.num_shards)

    def read(self, shard: int) -> Iterator[pa.RecordBatch]:
        """Batches of id, source, ``row`` and the columns of ``by``, without source files."""
        paths = [folder.table(name, shard, self.num_shards) for folder, name, _ in self.tables]
        first = 0
        for step in read_aligned(paths, [columns for _, _, columns in self.tables]):
            batch = join_measures(step)
            numbers = pa.array(np.arange(first, first + batch.num_rows))
            first += batch.num_rows
            yield batch.append_column("row", numbers).filter(batch.column("code").is_null())


def sample_stage(read: SampleInput, *, num_documents: int) -> Stage:
    """Choose ``num_documents`` documents, or all there are, in equal shares of the strata.

    Source files are left out: taggers do not judge them.
    """

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        shards = (
            graph
            | "Number of shards" >> beam.Create([read.num_shards])
            | "List shards" >> beam.FlatMap(_numbers).with_output_types(int)
            | "Spread shards" >> beam.Reshuffle()
        )
        bins = (
            shards
            | "Measure values" >> beam.Map(_values, read).with_output_types(bytes)
            | "Sample values"
            >> beam.CombineGlobally(SmallestRows(1 + len(read.numbers), BIN_SAMPLE_DOCUMENTS))
            | "Lay bins" >> beam.Map(_lay_bins, read.numbers).with_output_types(dict[str, Bins])
        )
        candidates = (
            shards
            | "Nominate"
            >> beam.FlatMap(_nominate, read, num_documents, AsSingleton(bins)).with_output_types(
                tuple[str, bytes]
            )
            | "Smallest of a stratum" >> beam.CombinePerKey(SmallestRows(2, num_documents))
        )
        chosen = (
            graph
            | "Number of documents" >> beam.Create([num_documents], reshuffle=False)
            | "Choose" >> beam.Map(_choose, AsIter(candidates), read.by).with_output_types(Chosen)
        )
        _ = (
            graph
            | PendingShards(folder, read.num_shards, (SAMPLE,))
            | "Read chosen"
            >> beam.FlatMap(_read_chosen, read, AsSingleton(chosen)).with_output_types(
                pa.RecordBatch
            )
            | WriteShards(folder, SAMPLE, SAMPLE_SCHEMA)
        )
        _ = (
            chosen
            | "State strata" >> beam.Map(_state_strata).with_output_types(pa.RecordBatch)
            | WriteShards(folder, STRATA, STRATA_SCHEMA)
        )

    return Stage(
        name=STAGE,
        version=1,
        config={"documents": num_documents, "by": read.by},
        inputs=read.identities,
        outputs={SAMPLE: read.num_shards, STRATA: 1},
        build=build,
        count=lambda entries: Counts(rows(entries, SAMPLE), rows(entries, SAMPLE), 0, 0),
    )


@beam.typehints.with_input_types(bytes)
@beam.typehints.with_output_types(bytes)
class SmallestRows(beam.CombineFn):  # type: ignore[misc]
    """Packed rows -> the ``count`` smallest of all, and how many rows they stand for.

    What goes in and comes out is bytes: the number of rows they stand for, then rows of ``width``
    columns, all uint64. The same whatever is added to what in which order.
    """

    def __init__(self, width: int, count: int) -> None:
        self._width = width
        self._count = count

    def create_accumulator(self) -> bytes:
        """No rows."""
        return pack(0, np.empty((0, self._width), np.uint64))

    def add_input(self, accumulator: bytes, element: bytes) -> bytes:
        """The smallest of both."""
        return self.merge_accumulators([accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[bytes]) -> bytes:
        """The smallest of all."""
        parts = [unpack(part, self._width) for part in accumulators]
        merged = np.concatenate([part for _, part in parts])
        return pack(sum(number for number, _ in parts), smallest(merged, self._count))

    def extract_output(self, accumulator: bytes) -> bytes:
        """As it is."""
        return accumulator


def pack(num_rows: int, held: UInt64Array) -> bytes:
    """``held`` as bytes, led by the number of rows they stand for."""
    return np.concatenate([np.array([num_rows], "<u8"), held.astype("<u8").ravel()]).tobytes()


def unpack(packed: bytes, width: int) -> tuple[int, UInt64Array]:
    """The inverse of :func:`pack`."""
    words = np.frombuffer(packed, "<u8")
    return int(words[0]), words[1:].reshape(-1, width).astype(np.uint64)


def _numbers(count: int) -> Iterator[int]:
    yield from range(count)


def _values(shard: int, read: SampleInput) -> bytes:
    """The numbers of the documents with the smallest hashes, as their bits."""
    parts = [np.empty((0, 1 + len(read.numbers)), np.uint64)]
    if read.numbers:
        for batch in read.read(shard):
            values = [numbers_of(batch.column(name)).view(np.uint64) for name in read.numbers]
            parts.append(np.stack([hash_ids(batch.column("id")), *values], axis=1))
    found = np.concatenate(parts)
    return pack(len(found), smallest(found, BIN_SAMPLE_DOCUMENTS))


def _lay_bins(sampled: bytes, numbers: Sequence[str]) -> dict[str, Bins]:
    _, held = unpack(sampled, 1 + len(numbers))
    return {
        name: Bins.of(np.ascontiguousarray(held[:, 1 + place]).view(np.float64))
        for place, name in enumerate(numbers)
    }


def _nominate(
    shard: int, read: SampleInput, count: int, bins: Mapping[str, Bins]
) -> Iterator[tuple[str, bytes]]:
    """Of each stratum in a shard, the documents with the smallest hashes."""
    found = [np.empty((0, 2), np.uint64)]
    names = [pa.array([], pa.string())]
    for batch in read.read(shard):
        references = refer(shard, batch.column("row").to_numpy())
        found.append(np.stack([hash_ids(batch.column("id")), references], axis=1))
        names.append(name_strata(batch, read.by, bins))
    held, strata = np.concatenate(found), pa.concat_arrays(names).dictionary_encode()
    _refuse_too_many(len(strata.dictionary), read.by)
    for place, members in group_rows(strata.indices.to_numpy().astype(np.int64)):
        of_stratum = held[members]
        yield (
            strata.dictionary[place].as_py(),
            pack(len(of_stratum), smallest(of_stratum, count)),
        )


def _refuse_too_many(num_strata: int, by: Sequence[str]) -> None:
    if num_strata > MAX_STRATA:
        raise ConfigError(
            f"--by {' '.join(by)}: more than {MAX_STRATA:,} strata; leave out the column that "
            "tells nearly every document apart"
        )


def _choose(num_documents: int, strata: Iterable[tuple[str, bytes]], by: Sequence[str]) -> Chosen:
    candidates = {name: Candidates(*unpack(held, 2)) for name, held in strata}
    _refuse_too_many(len(candidates), by)
    return choose(candidates, num_documents)


def _read_chosen(shard: int, read: SampleInput, chosen: Chosen) -> Iterator[pa.RecordBatch]:
    mine = np.flatnonzero(shards_of(chosen.reference) == shard)
    mine = mine[np.argsort(chosen.reference[mine])]
    yield from addressed(
        _with_texts(shard, read, chosen, mine),
        shard=shard,
        num_shards=read.num_shards,
        empty=empty(SAMPLE_SCHEMA),
    )


def _with_texts(
    shard: int, read: SampleInput, chosen: Chosen, mine: npt.NDArray[np.int64]
) -> Iterator[pa.RecordBatch]:
    wanted = rows_of(chosen.reference[mine])
    first = 0
    for batch in read_rows(read.path(shard), wanted, columns=("id", "source", "url", "text")):
        places = mine[first : first + batch.num_rows]
        first += batch.num_rows
        columns = {name: batch.column(name) for name in batch.schema.names} | {
            "hash": pa.array(chosen.hash[places]),
            "sha256": pa.array([text_sha256(text) for text in batch.column("text").to_pylist()]),
            "stratum": pa.array([chosen.strata[at] for at in chosen.stratum[places]]),
        }
        yield pa.record_batch([columns[f.name] for f in SAMPLE_SCHEMA], schema=SAMPLE_SCHEMA)


def _state_strata(chosen: Chosen) -> pa.RecordBatch:
    stated = pa.record_batch(
        [
            pa.array(chosen.strata, pa.string()),
            pa.array(chosen.num_documents),
            pa.array(chosen.num_chosen),
        ],
        schema=STRATA_SCHEMA,
    )
    return stamp(stated, Address(0, 1, 0, is_last=True))
