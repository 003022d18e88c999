"""The order in which the documents of a cluster compete, as numbers: the lesser one is better."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup.config import KeepPreference
from filters.dedup.dates import parse_dates
from pipeline.errors import ConfigError, SchemaError
from pipeline.records.document import DOCUMENT_SCHEMA

NULL_KEY = np.uint64(2**64 - 1)
"""Of a null: behind every value."""

NAN_KEY = np.uint64(2**64 - 2)
"""Of a number that is none: behind every number, before a null."""

DATE_COLUMNS = ("published_at",)
"""Text columns that hold dates; see ``filters.dedup.dates``."""

_SIGN = np.uint64(2**63)

_Keys = npt.NDArray[np.uint64]


class Columns(NamedTuple):
    """Columns to read for some preferences, each once: of the measures and of the documents.

    A struct's field is read with its whole struct; :func:`column_of` finds it there.
    """

    measures: tuple[str, ...]
    document: tuple[str, ...]


def preference_columns(preferences: Sequence[KeepPreference]) -> Columns:
    """What to read: a name belongs to the document when its first part is one of its fields."""
    names = [preference.column for preference in preferences]
    return Columns(
        measures=tuple(dict.fromkeys(name for name in names if not _is_of_document(name))),
        document=tuple(dict.fromkeys(_top(name) for name in names if _is_of_document(name))),
    )


def column_of(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The column ``name``, or the field of a struct column that ``name`` means.

    A field is null where its struct is. Raises SchemaError when the batch has neither.
    """
    if name in batch.schema.names:
        return batch.column(name)
    top, _, leaf = name.partition(".")
    if top in batch.schema.names:
        column = batch.column(top)
        if pa.types.is_struct(column.type) and column.type.get_field_index(leaf) >= 0:
            return pc.struct_field(column, leaf)
    raise SchemaError(f"no column {name!r} in {', '.join(batch.schema.names)}")


def preference_keys(
    columns: Mapping[str, pa.Array], preferences: Sequence[KeepPreference], *, num_rows: int
) -> _Keys:
    """A key for each row and preference, shape (num_rows, preferences): the lesser is better.

    ``columns`` holds a column of ``num_rows`` values under each preference's name. The keys of one
    row compare lexicographically, first preference first; those of one column's type compare
    between batches, runs and machines.

    Nulls come last, with 2**64 - 1. Numbers, booleans and timestamps come in their order or its
    reverse; NaN is behind all numbers, -0.0 equals 0.0. As 2**64 numbers and a null do not fit
    64 bits, the two worst 64-bit integers are equal. ``prefer`` over a text takes it for a date;
    what is none counts as null. Text by ``order`` comes as listed, then all that is not listed.

    Raises SchemaError when a column cannot be compared so; see :func:`check_preferences`.
    """
    keys = np.empty((num_rows, len(preferences)), np.uint64)
    for step, preference in enumerate(preferences):
        keys[:, step] = _keys(columns[preference.column], preference)
    return keys


def check_preferences(preferences: Sequence[KeepPreference], measures: pa.Schema) -> None:
    """Raise ConfigError, naming the field, for a preference that cannot be followed.

    ``measures`` is the schema of the annotation tables. Refused are a column that neither they
    nor the document has, ``prefer`` of a text that is no date, ``order`` of what is no text, and
    a column that has no order at all (a list, a struct, bytes).
    """
    known = dict(_comparable_fields(pa.schema([f for f in measures if "." in f.name])))
    of_document = dict(_comparable_fields(DOCUMENT_SCHEMA))
    for step, preference in enumerate(preferences):
        where = f"deduplicate.keep.{step}.column: {preference.column!r}"
        found = (of_document if _is_of_document(preference.column) else known).get(
            preference.column
        )
        if found is None:
            raise ConfigError(
                f"{where} is nothing that can be compared; there are the measures "
                f"{', '.join(known)} and of the document {', '.join(of_document)}"
            )
        if preference.order is not None and not _is_text(found):
            raise ConfigError(
                f"{where} is {found}, and order lists values of a text: give prefer "
                "(highest, lowest)"
            )
        is_date = preference.column in DATE_COLUMNS
        if preference.prefer is not None and _is_text(found) and not is_date:
            raise ConfigError(
                f"{where} is a text, which has no {preference.prefer} value: give order "
                "(values, best first)"
            )


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_of_document(name: str) -> bool:
    return _top(name) in DOCUMENT_SCHEMA.names


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    """Whether the type's values are numbers to compare, in the widest sense."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_timestamp(kind)
    )


def _comparable_fields(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Names and types of the columns, and of the fields of struct columns, that have an order."""
    for field in schema:
        if pa.types.is_struct(field.type):
            leaves = [(f"{field.name}.{leaf.name}", leaf.type) for leaf in field.type]
        else:
            leaves = [(field.name, field.type)]
        yield from ((name, kind) for name, kind in leaves if _is_text(kind) or _is_number(kind))


def _keys(column: pa.Array, preference: KeepPreference) -> _Keys:
    if preference.order is not None:
        return _listed_keys(column, preference)
    if _is_text(column.type):
        column = parse_dates(column)
    if not _is_number(column.type):
        raise _unordered(column, preference)
    if pa.types.is_floating(column.type):
        numbers = column.cast(pa.float64()).fill_null(0).to_numpy() + 0.0  # makes -0.0 into 0.0
        keys, is_nan = _float_keys(numbers), np.isnan(numbers)
    else:
        keys, is_nan = _integer_keys(column), np.zeros(len(column), np.bool_)
    if preference.prefer == "highest":
        keys = ~keys
    keys = np.where(is_nan, NAN_KEY, np.minimum(keys, NAN_KEY))
    return np.where(_is_null(column), NULL_KEY, keys)


def _listed_keys(column: pa.Array, preference: KeepPreference) -> _Keys:
    order = preference.order or ()
    if not _is_text(column.type):
        raise _unordered(column, preference)
    places = pc.index_in(column, pa.array(order, column.type)).fill_null(len(order))
    return np.where(_is_null(column), NULL_KEY, places.to_numpy().astype(np.uint64))


def _integer_keys(column: pa.Array) -> _Keys:
    """Ascending keys; a null has an arbitrary one."""
    if pa.types.is_uint64(column.type):
        unsigned: _Keys = column.fill_null(0).to_numpy()
        return unsigned
    signed: npt.NDArray[np.int64] = column.cast(pa.int64()).fill_null(0).to_numpy()
    return signed.view(np.uint64) ^ _SIGN


def _float_keys(numbers: npt.NDArray[np.float64]) -> _Keys:
    """Ascending keys; NaN has an arbitrary one.

    IEEE 754 numbers compare as their bits do once the sign bit is flipped, or, below zero, all
    bits are. The infinities become 2**52 - 1 and 2**64 - 2**52: either order leaves room beyond.
    """
    bits = numbers.view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _is_null(column: pa.Array) -> npt.NDArray[np.bool_]:
    nulls: npt.NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return nulls


def _unordered(column: pa.Array, preference: KeepPreference) -> SchemaError:
    how = "order" if preference.order else f"prefer: {preference.prefer}"
    return SchemaError(f"column {preference.column!r} is {column.type}: {how} cannot compare it")
