"""From sketches to edges: which pairs of documents are duplicates of one another.

    sketches --pack--> keys --group--> pairs --compare--> edges

Shuffles carry packed keys and references (24 bytes for each key of a document) and the signatures
of pairs whose documents lie in different shards; texts stay where they are. The results depend
neither on the order in which values arrive nor on the number of partitions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.typehints.decorators import no_annotations

from filters.dedup.candidates import (
    Packed,
    band_entries,
    digest_entries,
    from_bytes,
    group_rows,
    nominate_equal,
    nominate_similar,
    rows_of,
    shards_of,
    split,
    to_bytes,
    unique_rows,
)
from filters.dedup.config import DeduplicateConfig
from filters.dedup.keep import EXACT, KINDS, NEAR, URL
from filters.dedup.minhash import Signatures, estimate_jaccard
from filters.dedup.sketch import pack_signatures, unpack_signatures
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table

_PACK_ROWS = 8192
"""Rows packed at a time: 14 bands make 2.6 MiB, far below the 10 MB that Flink refuses."""

_COMPARE_PAIRS = 4096
"""Pairs compared, or sent, at a time: 1.8 MiB of signatures of 112 permutations."""

_PackedPart = tuple[int, bytes]
_Count = tuple[str, int]


class Edges(NamedTuple):
    """Pairs that are duplicates: elements (kind, packed edges)."""

    edges: beam.PCollection

    counts: beam.PCollection
    """Elements ("<kind>.<measure>", number), to be added up."""


class Nominations(NamedTuple):
    """Pairs that share a key."""

    edges: beam.PCollection
    """Elements (kind, packed edges): equal keys, which need no comparison."""

    candidates: beam.PCollection
    """Elements (shard of the first documents, packed edges) that share a band."""

    counts: beam.PCollection
    """Elements ("<kind>.<measure>", number), to be added up."""


@dataclass(frozen=True)
class SketchShards:
    """The tables that hold the documents' ids, sketches and measures, row for row."""

    folder: StageFolder
    output: str
    num_shards: int

    def read(self, shard: int, columns: Iterable[str]) -> Iterator[pa.RecordBatch]:
        """Batches of the named columns of a shard."""
        path = self.folder.table(self.output, shard, self.num_shards)
        return read_table(path, columns=list(columns), rows=_PACK_ROWS)

    def read_rows(
        self, shard: int, columns: Iterable[str], rows: npt.NDArray[np.int64]
    ) -> pa.RecordBatch:
        """The named columns of some rows of a shard; ``rows`` ascend, and there is at least one."""
        found, first = [], 0
        for batch in self.read(shard, columns):
            begin, end = np.searchsorted(rows, [first, first + batch.num_rows])
            found.append(batch.take(pa.array(rows[begin:end] - first)))
            first += batch.num_rows
        return pa.concat_batches(found)

    def read_signatures(self, shard: int) -> Signatures:
        """Signatures of all rows of a shard; those of null rows are arbitrary."""
        batches = self.read(shard, ["sketch.minhash"])
        return np.concatenate([unpack_signatures(batch.column(0)) for batch in batches])


@dataclass(eq=False)
class PackKeys(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> elements ((kind, partition), packed entries)."""

    config: DeduplicateConfig
    tables: SketchShards
    partitions: int

    def __post_init__(self) -> None:
        super().__init__(label="Pack keys")

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """One element for each partition and some thousands of documents."""
        return shards | "Pack" >> beam.FlatMap(self._pack).with_output_types(
            tuple[tuple[int, int], bytes]
        )

    def _pack(self, shard: int) -> Iterator[tuple[tuple[int, int], bytes]]:
        kinds = [kind for kind, on in ((URL, self.config.url), (EXACT, self.config.exact)) if on]
        shape = None if self.config.near is None else self.config.near.band_shape()
        columns = [_key_column(kind) for kind in kinds]
        if shape is not None:
            columns += ["id", "sketch.minhash"]
        first_row = 0
        for batch in self.tables.read(shard, columns) if columns else ():
            for kind in kinds:
                keys = batch.column(_key_column(kind))
                yield from self._spread(
                    kind, digest_entries(keys, shard=shard, first_row=first_row)
                )
            if shape is not None:
                signatures, ids = batch.column("sketch.minhash"), batch.column("id")
                yield from self._spread(
                    NEAR,
                    band_entries(signatures, ids, shape=shape, shard=shard, first_row=first_row),
                )
            first_row += batch.num_rows

    def _spread(self, kind: int, entries: Packed) -> Iterator[tuple[tuple[int, int], bytes]]:
        for partition, part in split(entries, partitions=self.partitions):
            yield (kind, partition), to_bytes(part)


def _key_column(kind: int) -> str:
    return f"sketch.{KINDS[kind]}_key"


class NominatePairs(beam.PTransform):  # type: ignore[misc]
    """Elements ((kind, partition), packed entries) -> ``Nominations``."""

    def __init__(self) -> None:
        super().__init__(label="Nominate pairs")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, entries: beam.PCollection) -> Nominations:
        """Each partition on its own."""
        nominated = (
            entries
            | "Group keys" >> beam.GroupByKey()
            | "Nominate"
            >> beam.ParDo(_nominate)
            .with_output_types(_PackedPart, candidates=_PackedPart, counts=_Count)
            .with_outputs("candidates", "counts", main="edges")
        )
        return Nominations(nominated.edges, nominated.candidates, nominated.counts)


def _nominate(group: tuple[tuple[int, int], Iterable[bytes]]) -> Iterator[object]:
    (kind, _), parts = group
    entries = from_bytes(parts, columns=3)
    yield _count(kind, "keys", len(entries))
    yield from _nominate_near(entries) if kind == NEAR else _nominate_equal(kind, entries)


def _nominate_equal(kind: int, entries: Packed) -> Iterator[object]:
    edges = nominate_equal(entries)
    yield kind, to_bytes(edges)
    yield _count(kind, "pairs", len(edges))
    yield _count(kind, "merged_pairs", len(edges))


def _nominate_near(entries: Packed) -> Iterator[object]:
    nomination = nominate_similar(entries)
    yield _count(NEAR, "hot_buckets", nomination.num_hot_buckets)
    yield _count(NEAR, "hot_documents", nomination.num_hot_documents)
    for shard, rows in group_rows(shards_of(nomination.edges[:, 0])):
        yield beam.pvalue.TaggedOutput("candidates", (shard, to_bytes(nomination.edges[rows])))


@dataclass(eq=False)
class ComparePairs(beam.PTransform):  # type: ignore[misc]
    """Candidates by the shard of their first document -> ``Edges`` of the similar ones.

    No shard's signatures are read more than twice: a pair whose second document lies in another
    shard takes the first one's signature there.
    """

    tables: SketchShards
    threshold: float

    def __post_init__(self) -> None:
        super().__init__(label="Compare pairs")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, candidates: beam.PCollection) -> Edges:
        """Compare what lies together at once, send the rest on."""
        first = (
            candidates
            | "Group by first shard" >> beam.GroupByKey()
            | "Compare inside shard"
            >> beam.ParDo(self._compare_inside)
            .with_output_types(_PackedPart, sent=tuple[int, pa.RecordBatch], counts=_Count)
            .with_outputs("sent", "counts", main="edges")
        )
        second = (
            first.sent
            | "Group by second shard" >> beam.GroupByKey()
            | "Compare across shards"
            >> beam.ParDo(self._compare_across)
            .with_output_types(_PackedPart, counts=_Count)
            .with_outputs("counts", main="edges")
        )
        return Edges(
            (first.edges, second.edges) | "Flatten edges" >> beam.Flatten(),
            (first.counts, second.counts) | "Flatten counts" >> beam.Flatten(),
        )

    def _compare_inside(self, group: tuple[int, Iterable[bytes]]) -> Iterator[object]:
        shard, parts = group
        pairs = unique_rows(from_bytes(parts, columns=2))
        signatures = self.tables.read_signatures(shard)
        for other, rows in group_rows(shards_of(pairs[:, 1])):
            for begin in range(0, len(rows), _COMPARE_PAIRS):
                piece = pairs[rows[begin : begin + _COMPARE_PAIRS]]
                first = signatures[rows_of(piece[:, 0])]
                if other == shard:
                    yield from self._decide(piece, first, signatures[rows_of(piece[:, 1])])
                else:
                    yield beam.pvalue.TaggedOutput("sent", (other, _pack_pairs(piece, first)))

    def _compare_across(self, group: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[object]:
        shard, batches = group
        signatures = self.tables.read_signatures(shard)
        for batch in batches:
            pairs, first = _unpack_pairs(batch)
            yield from self._decide(pairs, first, signatures[rows_of(pairs[:, 1])])

    def _decide(self, pairs: Packed, first: Signatures, second: Signatures) -> Iterator[object]:
        edges = pairs[estimate_jaccard(first, second) >= self.threshold]
        yield NEAR, to_bytes(edges)
        yield _count(NEAR, "pairs", len(pairs))
        yield _count(NEAR, "merged_pairs", len(edges))


def _pack_pairs(pairs: Packed, first: Signatures) -> pa.RecordBatch:
    signatures = pack_signatures(first, is_null=np.zeros(len(first), bool))
    return pa.record_batch({"first": pairs[:, 0], "second": pairs[:, 1], "signature": signatures})


def _unpack_pairs(batch: pa.RecordBatch) -> tuple[Packed, Signatures]:
    pairs = np.column_stack([batch.column("first"), batch.column("second")])
    return pairs, unpack_signatures(batch.column("signature"))


def _count(kind: int, measure: str, number: int) -> beam.pvalue.TaggedOutput:
    return beam.pvalue.TaggedOutput("counts", (f"{KINDS[kind]}.{measure}", number))
