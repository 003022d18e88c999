"""Supply: which component takes each document, and how many tokens each component holds.

Counted in bins of the selection hash (``mixtures.hashing``), so that the driver can choose exactly
which part of a component to take without ever holding a list of documents: the state is at most
``NUM_BINS`` numbers a component, however large the corpus.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.hashing import UInt64Array, id_words, keyed_hashes
from mixtures.spec import ConditionSpec, MixtureConfig, StageSpec
from pipeline.errors import InvariantError, SchemaError

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

BIN_BITS = 16
NUM_BINS = 1 << BIN_BITS
"""Bins of the selection hash. A component of up to about this many documents has one to a bin, so
that a choice of bins is a choice of documents; a larger one has 1/65,536 of its tokens in a bin."""

UNASSIGNED = -1
"""Component number of a document that no component of the stage takes."""

_UNASSIGNED_NAME = ""

_SUPPLY_SCHEMA = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("component", pa.string(), nullable=False),  # empty: taken by none
        pa.field("bin", pa.int32(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
    ]
)
_CELLS_KEY = b"mixture.cells"


def assign(columns: pa.RecordBatch, stage: StageSpec) -> Int32Array:
    """Number of the first component of ``stage`` whose conditions hold, for every row.

    ``UNASSIGNED`` where none does. Raises SchemaError when a condition names a column that the
    batch lacks, or compares it with a value of another type.
    """
    components = np.full(columns.num_rows, UNASSIGNED, np.int32)
    for number in reversed(range(len(stage.components))):
        holds = np.ones(columns.num_rows, np.bool_)
        for condition in stage.components[number].where:
            holds &= _satisfies(columns, condition)
        components[holds] = number
    return components


def selection_bins(words: UInt64Array, *, seed: int, stage: str, component: str) -> Int32Array:
    """Bin of every document in the order in which a component is drawn upon, 0 first.

    The key holds names, not numbers: a component added to a stage re-draws no other.
    """
    hashes = keyed_hashes(words, "select", seed, stage, component)
    return (hashes >> np.uint64(64 - BIN_BITS)).astype(np.int32)


@dataclass(frozen=True)
class Count:
    """Documents and their tokens, ends of documents included."""

    documents: int
    tokens: int


@dataclass(frozen=True, eq=False)
class Supply:
    """Documents and tokens in each (stage, component, bin); merging is exact in any order.

    ``cells`` are the (stage, component) pairs in the mixture's order, each stage ending with the
    pair of the empty name, which holds the documents no component took. ``codes`` is
    ``cell * NUM_BINS + bin``, ascending, without empty bins; ``tokens`` and ``documents`` stand
    beside it.
    """

    cells: tuple[tuple[str, str], ...]
    codes: Int64Array
    tokens: Int64Array
    documents: Int64Array

    @classmethod
    def empty(cls, mixture: MixtureConfig) -> Self:
        """Nothing of everything: the neutral element of :meth:`merge`."""
        nothing = np.empty(0, np.int64)
        return cls(_cells(mixture), nothing, nothing, nothing)

    @classmethod
    def merge(cls, supplies: Iterable["Supply"]) -> Self:
        """Add supplies of one mixture; raises InvariantError on supplies of two, or on none."""
        parts = list(supplies)
        if len({part.cells for part in parts}) != 1:
            raise InvariantError("supplies of two mixtures, or none at all, cannot be merged")
        codes, positions = np.unique(
            np.concatenate([part.codes for part in parts]), return_inverse=True
        )
        tokens, documents = np.zeros_like(codes), np.zeros_like(codes)
        np.add.at(tokens, positions, np.concatenate([part.tokens for part in parts]))
        np.add.at(documents, positions, np.concatenate([part.documents for part in parts]))
        return cls(parts[0].cells, codes, tokens, documents)

    def counts(self) -> Mapping[tuple[str, str], Count]:
        """Totals by (stage, component), unassigned documents left out."""
        cell_of = self.codes // NUM_BINS
        return {
            cell: Count(
                documents=int(self.documents[cell_of == number].sum()),
                tokens=int(self.tokens[cell_of == number].sum()),
            )
            for number, cell in enumerate(self.cells)
            if cell[1] != _UNASSIGNED_NAME
        }

    def unassigned(self, stage: str) -> Count:
        """What no component of ``stage`` takes."""
        tokens, documents = self._bins((stage, _UNASSIGNED_NAME))
        return Count(documents=int(documents.sum()), tokens=int(tokens.sum()))

    def bin_tokens(self, stage: str, component: str) -> Int64Array:
        """Tokens in each of the ``NUM_BINS`` bins of a component."""
        return self._bins((stage, component))[0]

    def to_table(self) -> pa.Table:
        """The bins as an Arrow table, to be written as a small file."""
        cell_of = self.codes // NUM_BINS
        stages, components = (
            pa.array([cell[side] for cell in self.cells], pa.string()).take(pa.array(cell_of))
            for side in (0, 1)
        )
        schema = _SUPPLY_SCHEMA.with_metadata({_CELLS_KEY: json.dumps(self.cells)})
        bins = pa.array((self.codes % NUM_BINS).astype(np.int32))
        arrays = [stages, components, bins, pa.array(self.tokens), pa.array(self.documents)]
        return pa.Table.from_arrays(arrays, schema=schema)

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """Read :meth:`to_table`; raises SchemaError on any other table."""
        metadata = table.schema.metadata or {}
        if not table.schema.equals(_SUPPLY_SCHEMA) or _CELLS_KEY not in metadata:
            raise SchemaError(f"not a supply table:\n{table.schema}")
        cells = tuple((stage, component) for stage, component in json.loads(metadata[_CELLS_KEY]))
        numbers = {cell: number for number, cell in enumerate(cells)}
        pairs = zip(table["stage"].to_pylist(), table["component"].to_pylist(), strict=True)
        cell_of = np.array([numbers[pair] for pair in pairs], np.int64)
        return cls(
            cells,
            cell_of * NUM_BINS + table["bin"].to_numpy(),
            table["tokens"].to_numpy(),
            table["documents"].to_numpy(),
        )

    def _bins(self, cell: tuple[str, str]) -> tuple[Int64Array, Int64Array]:
        first = self.cells.index(cell) * NUM_BINS
        low, high = np.searchsorted(self.codes, [first, first + NUM_BINS])
        tokens, documents = np.zeros(NUM_BINS, np.int64), np.zeros(NUM_BINS, np.int64)
        tokens[self.codes[low:high] - first] = self.tokens[low:high]
        documents[self.codes[low:high] - first] = self.documents[low:high]
        return tokens, documents


def measure_supply(
    columns: pa.RecordBatch, mixture: MixtureConfig, *, ids: pa.Array, num_tokens: pa.Array
) -> Supply:
    """Count a batch of documents into every stage.

    ``columns`` holds what the conditions name; ``ids`` and ``num_tokens`` (ends of documents
    included) stand beside it, row for row.
    """
    words = id_words(ids)
    tokens = num_tokens.to_numpy(zero_copy_only=False).astype(np.int64)
    cells = _cells(mixture)
    codes = []
    for stage in mixture.stages:
        components = assign(columns, stage)
        stage_codes = np.full(len(words), cells.index((stage.name, _UNASSIGNED_NAME)), np.int64)
        stage_codes *= NUM_BINS
        for number, component in enumerate(stage.components):
            rows = np.flatnonzero(components == number)
            first = cells.index((stage.name, component.name)) * NUM_BINS
            stage_codes[rows] = first + selection_bins(
                words[rows], seed=mixture.seed, stage=stage.name, component=component.name
            )
        codes.append(stage_codes)
    rows_of_all_stages = Supply(
        cells,
        np.concatenate(codes),
        np.tile(tokens, len(codes)),
        np.ones(len(words) * len(codes), np.int64),
    )
    return Supply.merge([rows_of_all_stages])


def _cells(mixture: MixtureConfig) -> tuple[tuple[str, str], ...]:
    return tuple(
        (stage.name, name)
        for stage in mixture.stages
        for name in (*(component.name for component in stage.components), _UNASSIGNED_NAME)
    )


def _satisfies(columns: pa.RecordBatch, condition: ConditionSpec) -> npt.NDArray[np.bool_]:
    values = _column(columns, condition.column)
    if condition.is_null is not None:
        return _as_bools(pc.equal(pc.is_null(values), condition.is_null))
    try:
        if condition.allowed is not None:
            allowed = pa.array(condition.allowed, type=values.type)
            return _as_bools(pc.is_in(values, value_set=allowed))
        if not _is_number(values.type):
            raise SchemaError(
                f"column {condition.column!r} is {values.type}; min and max need a number"
            )
        holds = np.ones(len(values), np.bool_)
        if condition.min is not None:
            holds &= _as_bools(pc.greater_equal(values, condition.min))
        if condition.max is not None:
            holds &= _as_bools(pc.less_equal(values, condition.max))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SchemaError(
            f"column {condition.column!r} is {values.type} and cannot be compared with "
            f"{list(condition.allowed or ())}: {error}"
        ) from error
    return holds


def _column(columns: pa.RecordBatch, path: str) -> pa.Array:
    """The column called ``path``, or the field of a struct column at that path."""
    parts = path.split(".")
    for used in range(len(parts), 0, -1):
        name = ".".join(parts[:used])
        if name not in columns.schema.names:
            continue
        values = columns.column(name)
        for part in parts[used:]:
            if not pa.types.is_struct(values.type) or values.type.get_field_index(part) < 0:
                raise SchemaError(
                    f"column {path!r}: {name!r} is {values.type}, without field {part!r}"
                )
            values = pc.struct_field(values, part)
        return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    raise SchemaError(f"no column {path!r}; there are {', '.join(columns.schema.names)}")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _as_bools(values: pa.Array) -> npt.NDArray[np.bool_]:
    bools: npt.NDArray[np.bool_] = pc.fill_null(values, fill_value=False).to_numpy(
        zero_copy_only=False
    )
    return bools.astype(np.bool_)
