"""Supply: how many documents and tokens each cell of the mixture holds.

Counted in bins of the selection hash (``mixtures.hashing``), so that the driver can choose exactly
which part of a cell to take without ever holding a list of documents: the state is at most
``NUM_BINS`` numbers a cell, however large the corpus.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.hashing import UInt64Array, id_words, keyed_hashes
from mixtures.joining import selection_words
from mixtures.spec import MixtureConfig
from pipeline.errors import SchemaError

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

BIN_BITS = 14
NUM_BINS = 1 << BIN_BITS
"""Bins of the selection hash. A cell of up to about this many documents has one to a bin, so that a
choice of bins is a choice of documents; a larger one has 1/16,384 of its tokens in a bin."""

SUPPLY_SCHEMA = pa.schema(
    [
        pa.field("cell", pa.string(), nullable=False),  # a key of mixtures.cells
        pa.field("bin", pa.int32(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Count:
    """Documents and their tokens, ends of documents included."""

    documents: int
    tokens: int

    def __add__(self, other: "Count") -> "Count":
        return Count(self.documents + other.documents, self.tokens + other.tokens)


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of a cell that are not empty, ascending, with what each holds."""

    bins: Int32Array
    tokens: Int64Array
    documents: Int64Array

    @property
    def count(self) -> Count:
        """All bins together."""
        return Count(int(self.documents.sum()), int(self.tokens.sum()))


@dataclass(frozen=True, eq=False)
class Supply:
    """``SUPPLY_SCHEMA``, a row for each (cell, bin) that is not empty, sorted by both.

    Merging is exact in any order.
    """

    table: pa.Table

    @classmethod
    def merge(cls, supplies: Iterable["Supply"]) -> Self:
        """Add supplies of one mixture; without any there is nothing of everything."""
        return cls._summed(
            pa.concat_tables([SUPPLY_SCHEMA.empty_table(), *(one.table for one in supplies)])
        )

    @classmethod
    def read(cls, table: pa.Table) -> Self:
        """A supply written before; raises SchemaError on any other table."""
        if not table.schema.equals(SUPPLY_SCHEMA):
            raise SchemaError(f"not a supply table:\n{table.schema}")
        return cls._summed(table)

    def cells(self) -> Mapping[str, Bins]:
        """The bins of each cell, by key, keys ascending."""
        keys = self.table["cell"].combine_chunks().dictionary_encode()
        numbers = keys.indices.to_numpy()
        first = np.flatnonzero(np.diff(numbers, prepend=-1))
        bins, tokens, documents = (self.table[n].to_numpy() for n in SUPPLY_SCHEMA.names[1:])
        bounds = itertools.pairwise([*first.tolist(), len(numbers)])
        return {
            str(key): Bins(bins[low:high], tokens[low:high], documents[low:high])
            for key, (low, high) in zip(keys.dictionary.to_pylist(), bounds, strict=True)
        }

    @classmethod
    def _summed(cls, table: pa.Table) -> Self:
        sums = table.group_by(["cell", "bin"], use_threads=False).aggregate(
            [("tokens", "sum"), ("documents", "sum")]
        )
        renamed = sums.rename_columns(SUPPLY_SCHEMA.names).cast(SUPPLY_SCHEMA)
        return cls(renamed.sort_by([("cell", "ascending"), ("bin", "ascending")]))


def selection_bins(words: UInt64Array, *, seed: int) -> Int32Array:
    """Bin of every document in the order in which cells are drawn upon, 0 first.

    One order for all stages: what an earlier stage has used is known by its bins.
    """
    hashes = keyed_hashes(words, "select", seed)
    return (hashes >> np.uint64(64 - BIN_BITS)).astype(np.int32)


def measure_supply(
    columns: pa.RecordBatch,
    cells: pa.DictionaryArray,
    mixture: MixtureConfig,
    *,
    ids: pa.Array,
    num_tokens: pa.Array,
) -> Supply:
    """Count a batch of documents.

    ``cells`` (``mixtures.cells.assign_cells``), ``ids`` and ``num_tokens``, ends of documents
    included, stand beside ``columns``, which hold what the mixture's joins name.
    """
    words = selection_words(columns, id_words(ids), mixture)
    table = pa.table(
        [
            cells.dictionary_decode(),
            pa.array(selection_bins(words, seed=mixture.seed)),
            num_tokens.cast(pa.int64()),
            pa.array(np.ones(len(ids), np.int64)),
        ],
        schema=SUPPLY_SCHEMA,
    )
    return Supply.merge([Supply(table)])
