"""Rules decide: a table of measures in, which rows to keep and why not the others out.

A rule names one column and its bounds; what a null means is part of the rule. The reason of a
rejection is made from the rule: ``<column>.too_low``, ``.too_high``, ``.not_allowed``,
``.forbidden`` or ``.missing``. Every rule that a row breaks is recorded; the first, in the order
of the recipe, is the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.errors import ConfigError, SchemaError
from pipeline.records.rejection import BROKEN_RULE_TYPE

WhenNull = Literal["raise", "keep", "reject"]


class Rule(BaseModel):
    """One condition on one column; a row that breaks it is rejected.

    Bounds are inclusive and compared in the column's own type, so that a float32 measure of 0.3
    meets a bound of 0.3. NaN counts as null.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: str = Field(min_length=1, description='The measure to judge, e.g. "prose.words"')
    min: float | None = Field(
        default=None, allow_inf_nan=False, description="Reject values below this"
    )
    max: float | None = Field(
        default=None, allow_inf_nan=False, description="Reject values above this"
    )
    allowed: list[str] | None = Field(
        default=None, min_length=1, description="Reject any other value (text columns)"
    )
    forbidden: list[str] | None = Field(
        default=None, min_length=1, description="Reject these values (text columns)"
    )
    when_null: WhenNull = Field(
        default="raise",
        description="What a missing value means: an error, a kept row or a rejected one",
    )
    sources: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Judge only rows of these sources; without it, all rows",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        has_bounds = self.min is not None or self.max is not None
        has_values = self.allowed is not None or self.forbidden is not None
        if has_bounds == has_values:
            raise ValueError(
                f"a rule on {self.column!r} needs either min/max (numbers) or allowed/forbidden "
                f"(text), and not both"
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no value could pass")
        both = set(self.allowed or ()) & set(self.forbidden or ())
        if both:
            raise ValueError(f"{sorted(both)} are both allowed and forbidden")
        return self

    def __str__(self) -> str:
        """The rule as it stands in a recipe, without what was left out."""
        stated = self.model_dump(exclude_none=True, exclude={"when_null"})
        return ", ".join(f"{key}: {value}" for key, value in stated.items())


SYNTHETIC_RULES = (
    Rule(column="verification.verdict", allowed=["correct"], when_null="keep"),
    Rule(column="verification.selection", allowed=["selected", "resampled"], when_null="keep"),
    Rule(column="verification.num_faults", max=0),
)
"""What synthetic documents must be, unless the recipe says otherwise: right where it can be told,
and without the faults that their strategy looks for."""


class DecideConfig(BaseModel):
    """Which documents to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rules: list[Rule] = Field(
        default_factory=list, description="Every rule must hold; the first one broken is the reason"
    )
    synthetic: list[Rule] = Field(
        default_factory=lambda: list(SYNTHETIC_RULES),
        description="Rules for synthetic documents alone, on the measures of their verification; "
        "those of rules on duplicates and benchmark items judge them too",
    )


@dataclass(frozen=True)
class Decision:
    """What the rules say of each row of a table; all three have the table's length.

    ``broken_rules`` is an empty list, and ``reason`` null, for a row that is kept.
    """

    keep: pa.BooleanArray
    broken_rules: pa.ListArray
    reason: pa.StringArray


@dataclass(frozen=True)
class _Breach:
    """The rows that broke one side of one rule."""

    rows: pa.UInt64Array  # row numbers, ascending
    reason: str
    column: str
    values: pa.StringArray  # what each of those rows holds


def check_rules(rules: Sequence[Rule], schema: pa.Schema, *, name: str = "rules") -> None:
    """Raise ConfigError if a rule cannot be applied to tables of ``schema``.

    ``name`` is what the recipe calls the list.

    Meant to be called before anything is read: an unknown column, bounds on text, or values on
    numbers.
    """
    for index, rule in enumerate(rules):
        if rule.column not in schema.names:
            known = ", ".join(n for n in schema.names if n not in ("id", "source"))
            raise ConfigError(
                f"{name}[{index}].column: there is no {rule.column!r}; the columns are: {known}"
            )
        column_type = schema.field(rule.column).type
        wants_number = rule.allowed is None and rule.forbidden is None
        if not (_is_number(column_type) if wants_number else _is_text(column_type)):
            needed, has = ("a number", "min/max") if wants_number else ("text", "allowed/forbidden")
            raise ConfigError(
                f"{name}[{index}]: {has} judges {needed}, and {rule.column!r} is {column_type}"
            )


def decide(measures: pa.RecordBatch, rules: Sequence[Rule]) -> Decision:
    """Apply ``rules`` to ``measures``: columns ``id``, ``source`` and those that the rules name.

    Raises ConfigError where a rule does not fit the table (:func:`check_rules`), and SchemaError
    where ``id`` or ``source`` is missing, or a value is null and its rule says ``raise``.
    """
    for name in ("id", "source"):
        if name not in measures.schema.names:
            raise SchemaError(
                f"measures lack the column {name!r}; they have {measures.schema.names}"
            )
    check_rules(rules, measures.schema)
    return _collect(
        [breach for rule in rules for breach in _breaches(measures, rule)], len(measures)
    )


def _breaches(measures: pa.RecordBatch, rule: Rule) -> list[_Breach]:
    """One breach for each way in which some row breaks ``rule``."""
    values = measures.column(rule.column)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    is_judged = (
        pa.repeat(True, len(measures))
        if rule.sources is None
        else pc.is_in(measures.column("source"), pa.array(rule.sources))
    )
    is_missing = pc.and_(is_judged, pc.is_null(values))
    if rule.when_null == "raise" and pc.any(is_missing).as_py():
        missing = measures.column("id").filter(is_missing)
        raise SchemaError(
            f"{rule.column} is null for {len(missing)} rows, the first being {missing[0]}, and the "
            f"rule ({rule}) does not say what that means: set when_null to keep or reject"
        )
    conditions: list[tuple[str, pa.BooleanArray]] = []
    if rule.min is not None:
        conditions.append(("too_low", pc.less(values, _bound(rule.min, values.type))))
    if rule.max is not None:
        conditions.append(("too_high", pc.greater(values, _bound(rule.max, values.type))))
    if rule.allowed is not None:
        is_allowed = pc.is_in(values, pa.array(rule.allowed, values.type))
        conditions.append(("not_allowed", pc.and_(pc.invert(is_allowed), pc.is_valid(values))))
    if rule.forbidden is not None:
        conditions.append(("forbidden", pc.is_in(values, pa.array(rule.forbidden, values.type))))
    if rule.when_null == "reject":
        conditions.append(("missing", is_missing))
    breaches: list[_Breach] = []
    for name, is_broken in conditions:
        rows = pc.indices_nonzero(pc.and_(is_judged, pc.fill_null(is_broken, False)))
        if len(rows):
            shown = values.take(rows).cast(pa.string())
            breaches.append(_Breach(rows, f"{rule.column}.{name}", rule.column, shown))
    return breaches


def _collect(breaches: list[_Breach], num_rows: int) -> Decision:
    """Turn breaches, in the order of the rules, into one list of broken rules for each row."""
    rows = _concat([breach.rows for breach in breaches], pa.uint64())
    broken_rules = pa.StructArray.from_arrays(
        [
            _concat(
                [pa.repeat(breach.reason, len(breach.rows)) for breach in breaches], pa.string()
            ),
            _concat(
                [pa.repeat(breach.column, len(breach.rows)) for breach in breaches], pa.string()
            ),
            _concat([breach.values for breach in breaches], pa.string()),
        ],
        fields=list(BROKEN_RULE_TYPE),
    )
    # The sort is stable: within a row, the rules stay in their order.
    broken_rules = broken_rules.take(pc.array_sort_indices(rows))
    counts = np.bincount(rows.to_numpy().astype(np.int64), minlength=num_rows)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    keep = pa.array(counts == 0)
    first = pa.array(offsets[:-1], mask=counts == 0)
    return Decision(
        keep=keep,
        broken_rules=pa.ListArray.from_arrays(pa.array(offsets), broken_rules),
        reason=broken_rules.field("rule").take(first),
    )


def _bound(value: float, column_type: pa.DataType) -> pa.Scalar:
    """``value`` in a float column's own precision; whole numbers are compared as float64."""
    return pa.scalar(value, column_type if pa.types.is_floating(column_type) else pa.float64())


def _is_number(column_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(column_type) or pa.types.is_floating(column_type))


def _is_text(column_type: pa.DataType) -> bool:
    return bool(pa.types.is_string(column_type) or pa.types.is_large_string(column_type))


def _concat(arrays: list[pa.Array], array_type: pa.DataType) -> pa.Array:
    return pa.concat_arrays(arrays) if arrays else pa.array([], array_type)
