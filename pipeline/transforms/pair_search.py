"""The search for duplicate pairs: what it reads, and the exchanges its steps hand each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from filters.dedup.config import DeduplicateConfig, NearDuplicateConfig
from filters.dedup.keep import EXACT, KINDS, NEAR, URL
from filters.dedup.packed import Packed, uniform_bounds
from filters.dedup.verification import EDGE_COLUMNS, SET_COLUMNS
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.corpus import GROUP_ROWS, Batch, Columns, Corpus, Groups, walk
from pipeline.transforms.exchange import Exchange, count_partitions
from pipeline.transforms.tasks import WORK

PARTITION_ENTRIES = 1 << 22
"""Entries of a partition of keys, about: 100 MB."""

DIGEST_COLUMNS = 4
BAND_COLUMNS = 3


@dataclass(frozen=True, kw_only=True)
class PairSearch:
    """Which pairs are looked for, and where.

    ``known`` is the folder of the pairs stage of the newest run in the index.
    """

    config: DeduplicateConfig
    corpus: Corpus
    known: StageFolder | None
    folder: StageFolder
    partition_entries: int = PARTITION_ENTRIES
    group_rows: int = GROUP_ROWS

    @property
    def work(self) -> str:
        """Folder of all that is deleted when the stage is done."""
        return self.folder.locate(WORK)

    @cached_property
    def groups(self) -> Groups:
        """The shards that each task of most steps takes."""
        return self.corpus.groups(group_rows=self.group_rows)

    @property
    def equal_kinds(self) -> list[int]:
        """Kinds of equal keys that are looked for."""
        return [kind for kind, on in ((URL, self.config.url), (EXACT, self.config.exact)) if on]

    @property
    def near(self) -> NearDuplicateConfig:
        """The recipe's near duplicates; no step that asks may run where there are none."""
        if self.config.near is None:
            raise ValueError("deduplicate.near is null: no step for near duplicates may run")
        return self.config.near

    @property
    def new_from(self) -> np.uint64:
        """The least reference of a document of this run."""
        return np.uint64(self.corpus.first_new << 32)

    def partitions(self, kind: int) -> int:
        """Partitions of the keys of a kind."""
        of_document = self.near.band_shape().bands if kind == NEAR else 1
        entries = sum(self.corpus.rows) * of_document
        return count_partitions(entries, partition_rows=self.partition_entries)

    def keys(self, kind: int) -> Exchange:
        """Entries of a kind, spread by key."""
        columns = BAND_COLUMNS if kind == NEAR else DIGEST_COLUMNS
        bounds = uniform_bounds(self.partitions(kind))
        name = f"{KINDS[kind]}-keys"
        return Exchange(self.work, name, columns, columns, len(self.groups), bounds)

    @property
    def copies(self) -> Exchange:
        """References of the documents that another one of the same text stands for."""
        return self._by_group("copies", 1, writers=self.partitions(EXACT))

    @property
    def candidates(self) -> Exchange:
        """Pairs that share a band, by their first document."""
        return self._by_group("candidates", 2, writers=self.partitions(NEAR))

    @property
    def signed(self) -> Exchange:
        """Candidates by their second document, each with the signature of the first."""
        return self._by_group("signed", 2 + -(-self.near.permutations // 2), keys=2)

    @property
    def doubtful(self) -> Exchange:
        """A document and the pair in doubt that it is in, by the document."""
        return self._by_group("doubtful", 3)

    @property
    def shingles(self) -> Exchange:
        """Pairs by their first document, with the shingle set of each side in pieces."""
        return self._by_group("shingles", SET_COLUMNS, keys=4)

    def joined(self, kind: int) -> Exchange:
        """Edges between documents of equal keys."""
        return self._by_group(f"{KINDS[kind]}-edges", EDGE_COLUMNS, writers=self.partitions(kind))

    @property
    def nominated(self) -> Exchange:
        """Pairs of old documents that share a band, as edges that say no more."""
        return self._by_group("nominated", EDGE_COLUMNS, writers=self.partitions(NEAR))

    @property
    def known_edges(self) -> Exchange:
        """Edges between old documents, which an earlier run found."""
        return self._by_group("known-edges", EDGE_COLUMNS)

    @property
    def estimated(self) -> Exchange:
        """Edges that the signatures decided."""
        return self._by_group("estimated-edges", EDGE_COLUMNS)

    @property
    def counted(self) -> Exchange:
        """Edges that counting shingles decided."""
        return self._by_group("counted-edges", EDGE_COLUMNS)

    def edges(self) -> list[Exchange]:
        """All exchanges of edges that this search fills."""
        found = [self.known_edges, *map(self.joined, self.equal_kinds)]
        if self.config.near is not None:
            found += [self.nominated, self.estimated]
            found += [self.counted] if self.near.verify == "exact" else []
        return found

    def walk(
        self, group: int, columns: Columns, rows: Iterator[Packed], **batches: int
    ) -> Iterator[Batch]:
        """``corpus.walk`` over the shards of a group."""
        return walk(self.corpus, self.groups.shards(group), columns, rows, **batches)

    def _by_group(self, name: str, columns: int, *, keys: int = 0, writers: int = 0) -> Exchange:
        """Rows led by a reference; its group is their partition. Groups write it by default."""
        writers = writers or len(self.groups)
        return Exchange(self.work, name, columns, keys or columns, writers, self.groups.bounds)
