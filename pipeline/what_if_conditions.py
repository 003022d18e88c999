"""Conditions of a what-if: what may be typed, and which rules of a recipe they replace."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.rule import Rule, check_rules
from pipeline.errors import ConfigError
from pipeline.report.quantities import plural

Operator = Literal[">=", ">", "<=", "<", "==", "!=", "in"]
BoolArray = npt.NDArray[np.bool_]

_CONDITION = re.compile(r"\s*([\w.-]+)\s*(>=|<=|==|!=|>|<|\sin\s)\s*(.+?)\s*", re.DOTALL)
_SIDES = {">=": "min", ">": "min", "<=": "max", "<": "max"}
_COMPARE = {">=": pc.greater_equal, ">": pc.greater, "<=": pc.less_equal, "<": pc.less}


@dataclass(frozen=True)
class Condition:
    """``quality.reasoning_depth>=3``: a column, an operator and a value; of ``in``, several."""

    text: str
    column: str
    operator: Operator
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition as it is typed; ConfigError that says how to write one."""
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ConfigError(
                f"--what-if {text!r}: write COLUMN>=NUMBER (or >, <=, <, ==, !=), COLUMN==TEXT, "
                "COLUMN!=TEXT or 'COLUMN in A|B'"
            )
        column, operator, value = found.group(1), found.group(2).strip(), found.group(3)
        values = tuple(value.split("|")) if operator == "in" else (value,)
        return cls(text.strip(), column, cast("Operator", operator), values)

    def check(self, schema: pa.Schema) -> None:
        """Raise ConfigError unless the condition can be applied to tables of ``schema``."""
        is_ordered = self.operator in _SIDES
        is_text = self.column in schema.names and _is_text(schema.field(self.column).type)
        wants_text = is_text and not is_ordered
        bound = Rule(column=self.column, allowed=[*self.values]) if wants_text else None
        try:
            check_rules([bound or Rule(column=self.column, min=0.0)], schema)
            if not wants_text:
                self._numbers()
        except ConfigError as error:
            message = re.sub(r"^rules\[0\](\.column)?: ", "", str(error))
            raise ConfigError(f"--what-if {self.text!r}: {message}") from error

    def is_met(self, values: pa.Array) -> BoolArray:
        """Whether each value meets the condition; a null or NaN does not."""
        if _is_text(values.type):
            is_listed = pc.is_in(values, pa.array(self.values, values.type))
            met = pc.invert(is_listed) if self.operator == "!=" else is_listed
        else:
            # As rules do: compared in a float column's own precision, whole numbers as float64.
            kind = values.type if pa.types.is_floating(values.type) else pa.float64()
            numbers = values.cast(kind)
            compared = pa.array(self._numbers(), kind)
            if self.operator in _COMPARE:
                met = _COMPARE[self.operator](numbers, compared[0])
            else:
                is_listed = pc.is_in(numbers, compared)
                met = pc.invert(is_listed) if self.operator == "!=" else is_listed
        met = pc.and_(pc.fill_null(met, False), pc.invert(is_missing(values)))
        found: BoolArray = met.to_numpy(zero_copy_only=False)
        return found

    def without(self, rule: Rule) -> Rule | None:
        """What is left of ``rule`` where the condition takes its place; None if nothing is."""
        side = _SIDES.get(self.operator)
        if side is None or rule.min is None or rule.max is None:
            return None
        return rule.model_copy(update={side: None})

    def replaces(self, rule: Rule) -> bool:
        """Whether ``rule`` bounds the same column in the same way."""
        if rule.column != self.column:
            return False
        side = _SIDES.get(self.operator)
        return side is None or getattr(rule, side) is not None

    def _numbers(self) -> list[float]:
        try:
            return [float(value) for value in self.values]
        except ValueError as error:
            raise ConfigError(
                f"{self.column!r} is a number, and {'|'.join(self.values)!r} is none"
            ) from error


@dataclass(frozen=True)
class Replacement:
    """Rules with a condition in place of, or beside, one of them.

    ``replaced`` is the recipe's rule, None where the condition is new; ``sources`` None judges all.
    """

    condition: Condition
    replaced: Rule | None
    sources: tuple[str, ...] | None
    keeps_nulls: bool

    def __str__(self) -> str:
        """What is done, as a sentence."""
        if self.replaced is None:
            return f"{self.condition.text}: added to the recipe's rules"
        rule = self.replaced.model_copy(update={"sources": None})
        of = "" if self.sources is None else f" of {plural(len(self.sources), 'source')}"
        return f"{self.condition.text}: replaces the recipe's rule ({rule}){of}"


def replace_rules(
    rules: Sequence[Rule], conditions: Sequence[Condition]
) -> tuple[list[Rule], tuple[Replacement, ...]]:
    """The rules that stay, and where each condition is applied: at least once."""
    left = list(rules)
    replacements: list[Replacement] = []
    for condition in conditions:
        stays: list[Rule] = []
        made: list[Replacement] = []
        for rule in left:
            if not condition.replaces(rule):
                stays.append(rule)
                continue
            rest = condition.without(rule)
            stays += [] if rest is None else [rest]
            sources = None if rule.sources is None else tuple(rule.sources)
            made.append(Replacement(condition, rule, sources, rule.when_null == "keep"))
        left = stays
        replacements += made or [Replacement(condition, None, None, keeps_nulls=False)]
    return left, tuple(replacements)


def is_missing(values: pa.Array) -> pa.BooleanArray:
    """Null or, as in rules, NaN."""
    return pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
