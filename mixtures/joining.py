"""Joining: documents of a component that share a value become one training document, a unit.

The files of a repository, say. All members of a unit carry the same 128-bit words into sampling,
so they share bin, copies and order, and meet in one partition whatever token shards they came from.
There they are sorted side by side, and every member's EOD but the last gives way to the separator
token: nothing is added or lost, and the trainer sees one document.

A document that is joined to no other is a unit of one member, so what follows knows units only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.cells import assign_components
from mixtures.columns import column_at
from mixtures.hashing import UInt64Array
from mixtures.spec import JoinSpec, MixtureConfig, StageSpec
from mixtures.windows import Int32Array, Int64Array, TokenTable
from pipeline.compilation import compile_kernel
from pipeline.errors import ConfigError, SchemaError

NO_SEPARATOR = -1
"""Separator of a component that joins nothing; no token has this id."""

_WORDS_BYTES = 16
_NO_LIMIT = np.iinfo(np.int64).max


def unit_words(
    columns: pa.RecordBatch | pa.Table,
    words: UInt64Array,
    components: Int32Array,
    stage: StageSpec,
) -> UInt64Array:
    """The 128-bit words of the unit that each document belongs to, shape (rows, 2).

    ``words`` are the documents' own (``mixtures.hashing.id_words``), ``components`` those of
    ``mixtures.cells.assign_components``; all stand row for row beside ``columns``, which hold
    ``source`` and what the stage's joins name. A document keeps its own words unless its component
    joins and its value is not null; then they are a hash of source and value, so that trees of one
    name in two sources stay apart. Raises SchemaError when a column is missing, or is a list or
    struct, which name nothing.
    """
    units = words.copy()
    for number, component in enumerate(stage.components):
        if component.join is None:
            continue
        values = _flat(column_at(columns, component.join.by))
        if pa.types.is_nested(values.type):
            raise SchemaError(
                f"component {component.name!r}: join by {component.join.by!r}, which is "
                f"{values.type}; name a column of text or numbers"
            )
        is_joined = (components == number) & values.is_valid().to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(is_joined)
        if not len(rows):
            continue
        names = pa.record_batch(
            {
                "source": _flat(column_at(columns, "source")).take(pa.array(rows)),
                "value": values.take(pa.array(rows)).cast(pa.string()),
            }
        )
        units[rows] = _hash_names(names)
    return units


def selection_words(
    columns: pa.RecordBatch | pa.Table, words: UInt64Array, mixture: MixtureConfig
) -> UInt64Array:
    """The words that decide in every stage which documents are drawn, shape (rows, 2).

    A document that any stage joins is drawn with its unit in all of them: a cell remembers over the
    stages what it has given. All joins of a mixture are by one column (``MixtureConfig``), so the
    unit is the same whichever stage joins it.
    """
    for stage in mixture.stages:
        if any(component.join is not None for component in stage.components):
            components = assign_components(columns, stage)
            words = unit_words(columns, words, components, stage)
    return words


def separator_ids(
    stage: StageSpec, added_tokens: Mapping[int, str], *, reserved: tuple[int, ...]
) -> tuple[int, ...]:
    """Id of each component's separator token, ``NO_SEPARATOR`` where nothing is joined.

    ``added_tokens`` are the tokenizer's, which no text can hold; ``reserved`` are the ids of EOD
    and pad. Raises ConfigError on a separator that is no added token, or a reserved one.
    """
    ids = {content: number for number, content in added_tokens.items() if number not in reserved}
    separators = []
    for component in stage.components:
        if component.join is None:
            separators.append(NO_SEPARATOR)
            continue
        token = component.join.separator_token
        if token not in ids:
            raise ConfigError(
                f"stage {stage.name!r}, component {component.name!r}: join.separator_token "
                f"{token!r} is not an added token of the tokenizer besides EOD and pad; it has "
                f"{', '.join(sorted(ids)) or 'none'}"
            )
        separators.append(ids[token])
    return tuple(separators)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Copies in the order in which they are trained on: ``row`` of each, and ``unit`` of each.

    Both stand in that order; units count from 0.
    """

    row: npt.NDArray[np.intp]
    unit: Int64Array


def arrange(
    copies: pa.RecordBatch | pa.Table,
    *,
    units: UInt64Array,
    ids: UInt64Array,
    components: Int32Array,
    order: UInt64Array,
    stage: StageSpec,
) -> Arrangement:
    """Sort copies by order and put those of one unit together.

    Ties of the order are broken by unit, copy, the join's ``order_by`` and id: a total order, so
    it does not matter how the copies came. ``copies`` holds ``copy``, ``num_tokens`` and what the
    joins name; the arrays stand beside it row for row. Neighbours of equal order, unit, component
    and copy form one unit as far as ``max_tokens`` reaches.
    """
    copy = copies.column("copy").to_numpy(zero_copy_only=False)
    row = np.argsort(order, kind="stable")
    ordered = order[row]
    is_tied = np.zeros(len(row), np.bool_)
    is_tied[1:] = ordered[1:] == ordered[:-1]
    is_tied[:-1] |= is_tied[1:]
    if not is_tied.any():
        return Arrangement(row, np.arange(len(row), dtype=np.int64))
    tied = np.sort(row[is_tied])
    ranks = _ranks(copies, components, tied, stage)
    keys = (ids[tied, 1], ids[tied, 0], ranks, copy[tied], units[tied, 1], units[tied, 0])
    row[is_tied] = tied[np.lexsort((*keys, order[tied]))]
    # The same copy of the same unit goes on.
    goes_on = np.zeros(len(row), np.bool_)
    before, after = row[:-1], row[1:]
    goes_on[1:] = (
        (order[before] == order[after])
        & (units[before] == units[after]).all(axis=1)
        & (components[before] == components[after])
        & (copy[before] == copy[after])
        & _joins(stage)[components[after]]
    )
    num_tokens = copies.column("num_tokens").to_numpy(zero_copy_only=False).astype(np.int64)
    unit = _number_units(goes_on, num_tokens[row], _limits(stage)[components[row]])
    return Arrangement(row, unit)


def join_tokens(
    members: TokenTable, unit: Int64Array, components: Int32Array, separators: tuple[int, ...]
) -> TokenTable:
    """The table of units: the members' tokens in place, inner EODs replaced by separators.

    ``unit`` and ``components`` stand beside the members; ``members.values`` is written to.
    """
    is_last = np.append(unit[1:] != unit[:-1], True)[: len(unit)]
    inner_ends = members.offsets[1:][~is_last] - 1
    members.values[inner_ends] = np.array(separators, np.int32)[components[~is_last]]
    ends = members.offsets[1:][is_last]
    return TokenTable(members.values, np.concatenate([[0], ends]).astype(np.int64))


def _hash_names(names: pa.RecordBatch) -> UInt64Array:
    """Words of each (source, value); a hash is taken once for each that differs."""
    codes = names.column("value").dictionary_encode()
    sources = names.column("source").dictionary_encode()
    values, labels = codes.dictionary.to_pylist(), sources.dictionary.to_pylist()
    pair = sources.indices.to_numpy().astype(np.int64) * len(values) + codes.indices.to_numpy()
    distinct, place = np.unique(pair, return_inverse=True)
    digests = b"".join(
        hashlib.blake2b(
            # A document's id hashes four parts (pipeline.storage.record_row), a unit three.
            "\0".join(("unit", labels[code // len(values)], values[code % len(values)])).encode(),
            digest_size=_WORDS_BYTES,
        ).digest()
        for code in distinct.tolist()
    )
    words = np.frombuffer(digests, ">u8").reshape(-1, 2).astype(np.uint64)
    return words[place]


def _ranks(
    copies: pa.RecordBatch | pa.Table,
    components: Int32Array,
    rows: npt.NDArray[np.intp],
    stage: StageSpec,
) -> Int64Array:
    """Place of each of ``rows`` by its component's ``order_by``: equal values tie, nulls last."""
    ranks = np.zeros(len(rows), np.int64)
    for number, component in enumerate(stage.components):
        if component.join is None or component.join.order_by is None:
            continue
        places = np.flatnonzero(components[rows] == number)
        values = _flat(column_at(copies, component.join.order_by)).take(pa.array(rows[places]))
        if pa.types.is_nested(values.type):
            raise SchemaError(
                f"component {component.name!r}: join.order_by {component.join.order_by!r} is "
                f"{values.type}, which has no order"
            )
        ranks[places] = pc.rank(values, tiebreaker="dense").to_numpy()
    return ranks


@compile_kernel
def _number_units(
    goes_on: npt.NDArray[np.bool_], num_tokens: Int64Array, limits: Int64Array
) -> Int64Array:
    """Number of each copy's unit; one that would grow beyond its limit ends there."""
    unit = np.empty(len(goes_on), np.int64)
    number = np.int64(-1)
    tokens = np.int64(0)
    for place in range(len(goes_on)):
        if goes_on[place] and tokens + num_tokens[place] <= limits[place]:
            tokens += num_tokens[place]
        else:
            number += 1
            tokens = num_tokens[place]
        unit[place] = number
    return unit


def _joins(stage: StageSpec) -> npt.NDArray[np.bool_]:
    return np.array([component.join is not None for component in stage.components], np.bool_)


def _limits(stage: StageSpec) -> Int64Array:
    return np.array([_limit(component.join) for component in stage.components], np.int64)


def _limit(join: JoinSpec | None) -> int:
    return _NO_LIMIT if join is None or join.max_tokens is None else join.max_tokens


def _flat(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
