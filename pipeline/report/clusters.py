"""Clusters of duplicates by size, and the largest with samples of their texts, from a run's tables.

Texts lie where the documents were first written. Of each shard only the row groups that hold a
sample are read, one at a time, and nothing is kept of them but the beginnings shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import InvariantError
from pipeline.records.manifest import Manifest
from pipeline.storage.filesystem import exists, open_input
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table

SAMPLE_CHARS = 300
"""Of the beginning of each sample's text."""

SAMPLES = 3
"""Documents of a large cluster that are shown: its keeper and two others."""

OF_EARLIER_RUN = "its text is in the earlier run that it comes from"
TEXT_IS_GONE = "the file that held its text is not there any more"

_COLUMNS = ("id", "source", "url", "text")


@dataclass(frozen=True, kw_only=True)
class SizeClass:
    """Clusters of ``min_documents`` to ``max_documents``, and the documents in them."""

    min_documents: int
    max_documents: int
    clusters: int
    documents: int

    @property
    def label(self) -> str:
        """The sizes in words."""
        if self.min_documents == self.max_documents:
            return f"{self.min_documents:,}"
        return f"{self.min_documents:,} to {self.max_documents:,}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A document of a cluster. ``absence`` says why there is no text, source or address."""

    id: str
    source: str | None = None
    url: str | None = None
    text: str | None = None
    absence: str | None = None


@dataclass(frozen=True, kw_only=True)
class LargeCluster:
    """One of the largest clusters; the keeper is the first of the samples."""

    cluster_id: str
    documents: int
    samples: tuple[Sample, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the samples, in their order."""
        return tuple(dict.fromkeys(one.source for one in self.samples if one.source is not None))


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Size classes from small to large, and the largest clusters, largest first."""

    sizes: tuple[SizeClass, ...] = ()
    largest: tuple[LargeCluster, ...] = ()


def read_clusters(stages: Iterable[tuple[StageFolder, Manifest]]) -> Clusters:
    """The clusters of a run; empty where duplicates have not been marked.

    A text that is not there is no error, its sample says so. Raises InvariantError when a row of
    the documents is not the one that the cluster names.
    """
    found = {manifest.stage: (folder, manifest) for folder, manifest in stages}
    if "deduplicate" not in found:
        return Clusters()
    sizes = tuple(SizeClass(**row) for row in _rows(*found["deduplicate"], "clusters"))
    rows = list(_rows(*found["deduplicate"], "largest"))
    shown = [_shown(row["members"]) for row in rows]
    texts: dict[tuple[int, int], Sample] = {}
    if "ingest" in found:
        texts = _read_samples(*found["ingest"], (one for members in shown for one in members))
    return Clusters(
        sizes=sizes,
        largest=tuple(
            LargeCluster(
                cluster_id=row["cluster_id"],
                documents=row["documents"],
                samples=tuple(_sample(member, texts) for member in members),
            )
            for row, members in zip(rows, shown, strict=True)
        ),
    )


def _rows(folder: StageFolder, manifest: Manifest, output: str) -> Iterator[dict[str, Any]]:
    for entry in manifest.outputs.get(output, ()):
        for batch in read_table(folder.locate(entry.name)):
            yield from batch.to_pylist()


def _shown(members: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The keeper, then others; those of this run first, because their texts can be shown."""
    others = sorted(members[1:], key=lambda member: member["shard"] is None)
    return [*members[:1], *others][:SAMPLES]


def _sample(member: Mapping[str, Any], texts: Mapping[tuple[int, int], Sample]) -> Sample:
    if member["shard"] is None:
        return Sample(id=member["id"], absence=OF_EARLIER_RUN)
    found = texts.get((member["shard"], member["row"]))
    if found is None:
        return Sample(id=member["id"], absence=TEXT_IS_GONE)
    if found.id != member["id"]:
        raise InvariantError(
            f"row {member['row']} of shard {member['shard']} of the documents is {found.id}, the "
            f"table of the largest clusters says {member['id']}: they are of different runs"
        )
    return found


def _read_samples(
    folder: StageFolder, manifest: Manifest, members: Iterable[Mapping[str, Any]]
) -> dict[tuple[int, int], Sample]:
    """Samples by (shard, row); those whose shard is gone are left out."""
    wanted: dict[int, set[int]] = {}
    for member in members:
        if member["shard"] is not None:
            wanted.setdefault(member["shard"], set()).add(member["row"])
    samples = {}
    for entry in manifest.outputs.get("documents", ()):
        path = folder.locate(entry.name)
        if entry.shard in wanted and exists(path):
            for row, sample in _read_rows(path, sorted(wanted[entry.shard])):
                samples[entry.shard, row] = sample
    return samples


def _read_rows(path: str, rows: Sequence[int]) -> Iterator[tuple[int, Sample]]:
    with open_input(path) as file, pq.ParquetFile(file) as parquet:
        first = 0
        for group in range(parquet.num_row_groups):
            end = first + parquet.metadata.row_group(group).num_rows
            inside = [row for row in rows if first <= row < end]
            if inside:
                table = parquet.read_row_group(group, columns=list(_COLUMNS))
                taken = table.take(pa.array([row - first for row in inside], pa.int64()))
                yield from zip(inside, _excerpts(taken), strict=True)
            first = end


def _excerpts(documents: pa.Table) -> Iterator[Sample]:
    """Rows with the beginnings of their texts; one that goes on ends in an ellipsis."""
    begun = pc.utf8_slice_codeunits(documents["text"], 0, SAMPLE_CHARS + 1)
    place = documents.schema.get_field_index("text")
    for row in documents.set_column(place, "text", begun).to_pylist():
        if len(row["text"]) > SAMPLE_CHARS:
            row["text"] = row["text"][:SAMPLE_CHARS] + "\N{HORIZONTAL ELLIPSIS}"
        yield Sample(**row)
