"""All documents that are compared: those of this run, behind those of earlier runs, its index.

Shards are numbered through, the index's first and in the order the recipe names its runs, so that
a reference means the same document in this run and in every later one that has it in its index.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.packed import Packed, rows_of
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import columns_of, read_aligned
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.stage import Finished

BATCH_ROWS = 4096
"""Rows of measures read at a time: 2 MiB of signatures of 112 values."""

GROUP_ROWS = 1 << 18
"""Documents of the shards that one task takes, about: 120 MB of band keys."""

MIN_GROUPS = 16
"""Tasks a corpus of some size is spread over, where it has as many shards."""

MIN_GROUP_ROWS = 1 << 13
"""Documents that are worth a task: with its files it takes some milliseconds in each step."""


@dataclass(frozen=True)
class Part:
    """The documents of one run, as its stages wrote them, with the rows of each shard."""

    documents: StageFolder
    measures: StageFolder
    rows: tuple[int, ...]

    @classmethod
    def of(cls, documents: Finished, measures: Finished) -> "Part":
        """What two finished stages wrote of the same documents."""
        shards = measures.manifest.shards(MEASURES)
        return cls(documents.folder, measures.folder, tuple(entry.rows for entry in shards))


@dataclass(frozen=True)
class Corpus:
    """The parts in order; the last one is this run's own."""

    parts: tuple[Part, ...]

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """Documents of every shard."""
        return tuple(rows for part in self.parts for rows in part.rows)

    @cached_property
    def num_shards(self) -> int:
        """Shards of all parts."""
        return len(self.rows)

    @cached_property
    def first_new(self) -> int:
        """The first shard of this run's own."""
        return self.num_shards - len(self.parts[-1].rows)

    def measures(self, shard: int) -> str:
        """Path of a shard's measures."""
        part, number = self._locate(shard)
        return part.measures.table(MEASURES, number, len(part.rows))

    def documents(self, shard: int) -> str:
        """Path of a shard's documents."""
        part, number = self._locate(shard)
        return part.documents.table(DOCUMENTS, number, len(part.rows))

    def _locate(self, shard: int) -> tuple[Part, int]:
        for part in self.parts:
            if shard < len(part.rows):
                return part, shard
            shard -= len(part.rows)
        raise IndexError(f"shard {shard} beyond the corpus")

    def groups(self, *, group_rows: int = GROUP_ROWS) -> "Groups":
        """Runs of neighbouring shards of about ``group_rows`` documents, a task's share each."""
        rows = self.rows
        most = min(group_rows, max(MIN_GROUP_ROWS, -(-sum(rows) // MIN_GROUPS)))
        begins, held = [0], 0
        for shard, number in enumerate(rows):
            if held and held + number > most:
                begins.append(shard)
                held = 0
            held += number
        return Groups(tuple(begins), len(rows))


@dataclass(frozen=True)
class Groups:
    """Ranges of shards, by the first shard of each."""

    begins: tuple[int, ...]
    num_shards: int

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def bounds(self) -> Packed:
        """Bounds of an exchange whose partitions are the groups, rows led by a reference."""
        return np.array([begin << 32 for begin in self.begins[1:]], np.uint64)

    def shards(self, group: int) -> range:
        """The shards of a group."""
        ends = (*self.begins[1:], self.num_shards)
        return range(self.begins[group], ends[group])


class Rows:
    """A stream of sorted blocks of packed rows, taken by ranges of their first column."""

    def __init__(self, blocks: Iterator[Packed]) -> None:
        self._blocks = blocks
        self._held: Packed | None = next(blocks, None)

    def up_to(self, last: np.uint64) -> Iterator[Packed]:
        """All rows not taken yet that are led by ``last`` or less, in parts."""
        while self._held is not None:
            cut = int(np.searchsorted(self._held[:, 0], last, side="right"))
            part, rest = self._held[:cut], self._held[cut:]
            self._held = rest if len(rest) else next(self._blocks, None)
            if cut:
                yield part
            if len(rest):
                return

    def before(self, shard: int, end_row: int) -> Iterator[Packed]:
        """All rows not taken yet whose reference lies before ``end_row`` of ``shard``, in parts."""
        return self.up_to(_last_before(shard, end_row))

    def leads_before(self, shard: int, end_row: int) -> bool:
        """Whether :meth:`before` would yield anything."""
        return self._held is not None and self._held[0, 0] <= _last_before(shard, end_row)


def _last_before(shard: int, row: int) -> np.uint64:
    """The reference before that of ``row`` of ``shard``, which is not the very first."""
    return np.uint64((shard << 32 | row) - 1)


@dataclass(frozen=True)
class Batch:
    """Some neighbouring rows of a shard, and the packed rows that belong to them, in parts.

    All parts must be taken before the next batch is.
    """

    shard: int
    first_row: int
    columns: dict[str, pa.Array]
    rows: Iterator[Packed]

    def places(self, references: Packed) -> npt.NDArray[np.int64]:
        """Row of the batch of each reference."""
        return rows_of(references) - self.first_row


@dataclass(frozen=True)
class Columns:
    """What is read of each shard: columns of its measures and of its documents, row by row.

    ``optional`` ones are of the measures, where a shard has them: only synthetic documents have
    measures of their verification.
    """

    measures: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def walk(
    corpus: Corpus,
    shards: Iterable[int],
    columns: Columns,
    packed: Iterator[Packed],
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Batch]:
    """Batches of ``shards``, each beside the packed rows that lead to it.

    ``packed`` are sorted blocks led by references to these shards. A shard to which none leads is
    not opened; batches to which none leads are left out.
    """
    rows = Rows(packed)
    for shard in shards:
        if not rows.leads_before(shard + 1, 0):
            continue
        first_row = 0
        for found in _read(corpus, shard, columns, batch_rows):
            num_rows = len(next(iter(found.values())))
            if rows.leads_before(shard, first_row + num_rows):
                led = rows.before(shard, first_row + num_rows)
                yield Batch(shard, first_row, found, led)
            first_row += num_rows
            if not rows.leads_before(shard + 1, 0):
                break


def _read(
    corpus: Corpus, shard: int, columns: Columns, batch_rows: int
) -> Iterator[dict[str, pa.Array]]:
    wanted: list[tuple[str, Sequence[str]]] = [
        (corpus.measures(shard), columns.measures),
        (corpus.documents(shard), columns.documents),
    ]
    if columns.optional:
        known = columns_of(corpus.measures(shard))
        optional = [name for name in columns.optional if name in known]
        wanted[0] = (wanted[0][0], [*columns.measures, *optional])
    wanted = [(path, names) for path, names in wanted if names]
    tables = [path for path, _ in wanted], [names for _, names in wanted]
    for step in read_aligned(*tables, rows=batch_rows):
        yield {
            name: column
            for batch in step
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
