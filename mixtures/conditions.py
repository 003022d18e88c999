"""Conditions: what must hold of a document's columns, in a recipe and on a batch."""

import math
from collections.abc import Iterable
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixtures.columns import column_at
from pipeline.errors import SchemaError

Scalar = str | bool | int | float
BoolArray = npt.NDArray[np.bool_]


class ConditionSpec(BaseModel):
    """What must hold of one column. A null satisfies nothing but ``is_null: true``.

    ``column`` is a column's name, or a path into a struct column such as ``lineage.strategy``. A
    column whose name holds the dots itself, as annotators' columns do, wins over a path.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: str = Field(description="Column name, or a path into a struct column.", min_length=1)
    allowed: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)] | None = Field(
        default=None, description="The value must be one of these."
    )
    excluded: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)] | None = Field(
        default=None, description="The value must be there and none of these."
    )
    min: float | None = Field(default=None, description="The value must be at least this.")
    max: float | None = Field(default=None, description="The value must be at most this.")
    is_null: bool | None = Field(default=None, description="Whether the value must be null.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        has_bounds = self.min is not None or self.max is not None
        kinds = [
            self.allowed is not None,
            self.excluded is not None,
            has_bounds,
            self.is_null is not None,
        ]
        if sum(kinds) != 1:
            raise ValueError(
                f"condition on {self.column!r} must give exactly one of: allowed, excluded, min "
                f"and/or max, is_null; it gives {sum(kinds)}"
            )
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"condition on {self.column!r}: {name} is {bound}, not a number")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"condition on {self.column!r}: min {self.min} is above max {self.max}, so no "
                "document can satisfy it"
            )
        return self


def satisfy_all(columns: pa.RecordBatch, conditions: Iterable[ConditionSpec]) -> BoolArray:
    """Whether each row meets every condition; all rows do when there is none.

    Raises SchemaError when a condition names a column that the batch lacks, or compares it with a
    value of another type.
    """
    holds = np.ones(columns.num_rows, np.bool_)
    for condition in conditions:
        holds &= _satisfy(columns, condition)
    return holds


def numbers_at(columns: pa.RecordBatch, path: str) -> npt.NDArray[np.float64]:
    """The numeric column at ``path``, NaN for null; SchemaError when it holds no numbers."""
    values = column_at(columns, path)
    if not _is_number(values.type):
        raise SchemaError(f"column {path!r} is {values.type}; a number is needed")
    numbers: npt.NDArray[np.float64] = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def texts_at(columns: pa.RecordBatch, path: str) -> pa.Array:
    """The text column at ``path``, null for null; SchemaError when it holds no text."""
    values = column_at(columns, path)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise SchemaError(f"column {path!r} is {values.type}; text is needed")
    return values.cast(pa.string())


def _satisfy(columns: pa.RecordBatch, condition: ConditionSpec) -> BoolArray:
    values = column_at(columns, condition.column)
    if condition.is_null is not None:
        return _as_bools(pc.equal(pc.is_null(values), condition.is_null))
    if condition.allowed is not None:
        return _as_bools(_is_in(values, condition.column, condition.allowed))
    if condition.excluded is not None:
        is_one = _is_in(values, condition.column, condition.excluded)
        return _as_bools(pc.and_(pc.is_valid(values), pc.invert(is_one)))
    if not _is_number(values.type):
        raise SchemaError(
            f"column {condition.column!r} is {values.type}; min and max need a number"
        )
    holds = np.ones(len(values), np.bool_)
    if condition.min is not None:
        holds &= _as_bools(pc.greater_equal(values, condition.min))
    if condition.max is not None:
        holds &= _as_bools(pc.less_equal(values, condition.max))
    return holds


def _is_in(values: pa.Array, column: str, scalars: tuple[Scalar, ...]) -> pa.Array:
    try:
        return pc.is_in(values, value_set=pa.array(scalars, type=values.type))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SchemaError(
            f"column {column!r} is {values.type} and cannot be compared with {list(scalars)}: "
            f"{error}"
        ) from error


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _as_bools(values: pa.Array) -> BoolArray:
    bools: BoolArray = pc.fill_null(values, fill_value=False).to_numpy(zero_copy_only=False)
    return bools.astype(np.bool_)
