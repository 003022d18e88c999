"""A stratified sample: which documents to label, chosen by a hash within each stratum.

A stratum is a source and, for each column asked for, a value (of text, booleans, numbers that take
few values) or a range of values between quantiles. What is chosen depends on the documents' ids and
measures alone: not on their order, and not on how many workers looked at them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.errors import ConfigError

SEED = 1
"""Keeps the order of a sample apart from other uses of a hash of the id."""

QUANTILE_BINS = 5
"""Ranges of a number with many values, each with about as many documents."""

MAX_VALUES = 10
"""A number with no more values than this has a stratum for each: the levels of a tagger's head."""

BIN_SAMPLE_DOCUMENTS = 1 << 16
"""Documents, those of the smallest hashes, by which ranges are laid: a quantile is then off by 0.2%
of the documents (one standard deviation), and exact in a smaller run."""

NO_VALUE = "null"

UInt64Array = npt.NDArray[np.uint64]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Of one stratum: how many documents it has, and rows of some, those of the smallest hashes.

    ``rows`` is [candidates, 2]: hash and reference, ascending.
    """

    num_documents: int
    rows: UInt64Array


@dataclass(frozen=True)
class Chosen:
    """The sample in order of the hashes: its first documents are a sample too.

    The arrays are [documents]; ``stratum`` is a place in ``strata``. ``num_documents`` and
    ``num_chosen`` are [strata].
    """

    strata: tuple[str, ...]
    num_documents: Int64Array
    num_chosen: Int64Array
    hash: UInt64Array
    reference: UInt64Array
    stratum: Int64Array


def check_columns(by: Sequence[str], schema: pa.Schema) -> None:
    """Raise ConfigError unless every column of ``by`` is in ``schema`` and may divide a sample."""
    for name in by:
        if name not in schema.names:
            raise ConfigError(f"--by {name}: there is no such column; there are: {schema.names}")
        kind = schema.field(name).type
        if not (is_number(kind) or _is_category(kind)):
            raise ConfigError(
                f"--by {name}: {kind} has no strata; give a column of text or numbers"
            )
    if len(set(by)) < len(by) or "source" in by:
        raise ConfigError(
            f"--by {' '.join(by)}: each column once, and source is always one of them"
        )


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type is divided by ranges."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_category(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
    )


def hash_ids(ids: pa.Array) -> UInt64Array:
    """A hash of each id (xxh64)."""
    return np.array(
        [xxhash.xxh64_intdigest(name.encode(), seed=SEED) for name in ids.to_pylist()], np.uint64
    )


def numbers_of(column: pa.Array) -> Float64Array:
    """A column of numbers as float64, NaN where null."""
    values: Float64Array = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    return values


@dataclass(frozen=True)
class Bins:
    """The ranges of a column of numbers: their lower bounds, ascending, and their names."""

    bounds: Float64Array
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Float64Array) -> "Bins":
        """Ranges of about equally many of ``values``; one for each value where they are few.

        NaN is left out; without any number there is no range.
        """
        known = np.sort(values[~np.isnan(values)])
        distinct = np.unique(known)
        if len(distinct) <= MAX_VALUES:
            return cls(distinct, tuple(f"{value:g}" for value in distinct))
        bounds = np.unique(known[len(known) * np.arange(QUANTILE_BINS) // QUANTILE_BINS])
        middle = [f"{low:g}..{high:g}" for low, high in pairwise(bounds[1:])]
        ends = (f"<{bounds[1]:g}", f">={bounds[-1]:g}") if len(bounds) > 1 else ("any",)
        return cls(bounds, (ends[0], *middle, *ends[1:]))

    def name(self, values: Float64Array) -> pa.Array:
        """The range of each value: the last one whose bound it reaches, else the first."""
        # A value below all bounds was not among those that laid them.
        places = np.maximum(np.searchsorted(self.bounds, values, side="right") - 1, 0)
        places = np.where(np.isnan(values), len(self.names), places)
        return pa.array([*self.names, NO_VALUE]).take(pa.array(places))


def name_strata(columns: pa.RecordBatch, by: Sequence[str], bins: Mapping[str, Bins]) -> pa.Array:
    """The stratum of each row, as text: ``web, language.code: en, prose.words: 120..340``.

    ``columns`` has ``source`` and all of ``by``; ``bins`` those of its numbers.
    """
    parts = [columns.column("source").cast(pa.string())]
    for name in by:
        column = columns.column(name)
        if name in bins:
            shown = bins[name].name(numbers_of(column))
        else:
            shown = pc.fill_null(column.cast(pa.string()), NO_VALUE)
        parts.append(pc.binary_join_element_wise(pa.scalar(name), shown, ": "))
    return pc.binary_join_element_wise(*parts, ", ")


def smallest(rows: UInt64Array, count: int) -> UInt64Array:
    """The ``count`` smallest of the rows [any, width], compared column by column, ascending."""
    order = np.lexsort(rows.T[::-1])
    return rows[order[:count]]


def allocate(num_documents: Sequence[int], total: int) -> list[int]:
    """How many documents to take of each stratum: equal shares, or all where there are fewer.

    What small strata leave is shared by the others in the same way; what cannot be shared equally
    goes, one each, to the first that have more. The sum is ``total``, or all there are.
    """
    taken = [0] * len(num_documents)
    left = min(total, sum(num_documents))
    while left:
        open_strata = [at for at, number in enumerate(num_documents) if taken[at] < number]
        share = max(1, left // len(open_strata))
        for at in open_strata[:left]:
            more = min(share, num_documents[at] - taken[at], left)
            taken[at] += more
            left -= more
    return taken


def choose(candidates: Mapping[str, Candidates], total: int) -> Chosen:
    """Choose ``total`` documents of all strata; each has as many candidates, or all it holds.

    What cannot be shared equally goes to the strata whose first candidate has the smallest hash.
    """
    strata = tuple(sorted(candidates, key=lambda name: int(candidates[name].rows[0, 0])))
    sizes = [candidates[name].num_documents for name in strata]
    taken = allocate(sizes, total)
    nothing = np.empty((0, 2), np.uint64)
    rows = np.concatenate(
        [nothing, *(candidates[name].rows[:n] for name, n in zip(strata, taken, strict=True))]
    )
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    return Chosen(
        strata=strata,
        num_documents=np.array(sizes, np.int64),
        num_chosen=np.array(taken, np.int64),
        hash=rows[order, 0],
        reference=rows[order, 1],
        stratum=np.repeat(np.arange(len(strata)), taken)[order],
    )
