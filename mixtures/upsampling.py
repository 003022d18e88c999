"""Upsampling: how much oftener some documents of a component are drawn than others.

A curve is a step function of one column. Over percentiles it says what OLMo 3 does with quality
(arXiv 2512.13961: the bottom 40% dropped, the top 5% used seven times); over values it says what
FineWeb2 and TxT360 do with the number of duplicates that a document had. The curves of a component
multiply. Percentiles are of tokens, inside the component, and a value is never split: documents of
one value share a band.

A curve ``within`` a text column takes percentiles apart in each group of documents that share a
value of it, as OLMo 3 crosses 24 topics with 20 bins of quality. A score over all of them would
prefer the topics whose words it likes; this way each gives its own best.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixtures.conditions import numbers_at, texts_at
from pipeline.errors import InvariantError

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]

VALUE_BITS = 20
"""Leading bits of a float32 that values are told apart by: sign, exponent and 11 bits of mantissa,
so to one part in 4,096. It bounds the histograms; scores of taggers are not meant any finer."""

MAX_GROUPS = 1_000
"""Values of ``within``, beside null. Ours: forty times the 24 topics of WebOrganizer (arXiv
2502.10341), and far from what a column of free text would do to histograms and solution."""

_MASK = np.uint32(0xFFFFFFFF << (32 - VALUE_BITS) & 0xFFFFFFFF)


class BandSpec(BaseModel):
    """One step of a curve: from ``min`` up to the next band's ``min``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    min: float | None = Field(
        default=None, description="Where the band begins; left out in the first band only."
    )
    factor: float = Field(ge=0, le=1000, description="Copies relative to factor 1; 0 drops.")


class UpsamplingSpec(BaseModel):
    """A curve: the factor of a document by one of its numeric columns."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: str = Field(min_length=1, description="Numeric column, or path into a struct column.")
    scale: Literal["percentile", "value"] = Field(
        default="percentile",
        description="What min counts: percent of the component's tokens with a lower value, or "
        "the column's value itself.",
    )
    within: str | None = Field(
        default=None,
        min_length=1,
        description="Text column, or path into a struct column, such as quality.domain: "
        "percentiles are of those of the component's tokens that share its value; documents "
        f"without one are a group too. At most {MAX_GROUPS:,} values.",
    )
    bands: Annotated[tuple[BandSpec, ...], Field(strict=False, min_length=2)] = Field(
        description="From the lowest values to the highest."
    )
    null_factor: float = Field(
        default=1.0, ge=0, le=1000, description="Factor of documents without a value."
    )

    @model_validator(mode="after")
    def _bands_ascend(self) -> Self:
        first, *others = [band.min for band in self.bands]
        bounds = [bound for bound in others if bound is not None]
        if first is not None or len(bounds) < len(others):
            raise ValueError(
                f"upsample by {self.column!r}: the first band, and only the first, has no min"
            )
        is_ascending = all(low < high for low, high in itertools.pairwise(bounds))
        if not is_ascending or not all(map(math.isfinite, bounds)):
            raise ValueError(f"upsample by {self.column!r}: min must ascend; they are {bounds}")
        if self.scale == "percentile" and not (bounds[0] > 0 and bounds[-1] < 100):  # noqa: PLR2004
            raise ValueError(
                f"upsample by {self.column!r}: percentiles lie between 0 and 100; they are {bounds}"
            )
        if self.scale == "value" and self.within is not None:
            raise ValueError(
                f"upsample by {self.column!r}: within {self.within!r} takes percentiles apart, and "
                "scale is value; leave within out, or set scale: percentile"
            )
        if not any(band.factor for band in self.bands):
            raise ValueError(f"upsample by {self.column!r}: every band has factor 0")
        return self

    @property
    def factors(self) -> tuple[float, ...]:
        """Factor of each band, and last that of documents without a value."""
        return (*(band.factor for band in self.bands), self.null_factor)


Curve = tuple[str, str, int]
"""A curve by its stage, its component and its number in the component."""

Group = str | None
"""Documents by their value of a curve's ``within``. None holds those without one, and so all
documents of a curve without ``within``."""

GroupCuts = Mapping[Group, tuple[float, ...]]
"""Where the bands after the first begin in each group, as values of the curve's column; infinite
where no value is high enough. Groups in which no document has a value are left out."""

Cuts = Mapping[Curve, GroupCuts]


def groups_at(columns: pa.RecordBatch, curve: UpsamplingSpec) -> pa.Array:
    """Group of every row, as strings and nulls; SchemaError when ``within`` is no text column."""
    if curve.within is None:
        return pa.nulls(columns.num_rows, pa.string())
    return texts_at(columns, curve.within)


def band_numbers(columns: pa.RecordBatch, curve: UpsamplingSpec, cuts: GroupCuts) -> Int32Array:
    """Band of every row; rows without a value, or with NaN, have the number after the last.

    Raises SchemaError when a column is missing or of another type, and InvariantError when a row
    that has a value is of a group that ``cuts``, taken from the same supply, do not know.
    """
    values = coarsen(numbers_at(columns, curve.column))
    has_value = ~np.isnan(values)
    groups = groups_at(columns, curve).filter(pa.array(has_value))
    encoded = groups.dictionary_encode(null_encoding="encode")
    group_of = encoded.indices.to_numpy()
    known = encoded.dictionary.to_pylist()
    for group in known:
        if group not in cuts:
            raise InvariantError(
                f"upsample by {curve.column!r}: the group {group!r} of within {curve.within!r} is "
                "not in the supply that was measured; measure and solve again"
            )
    found = np.zeros(len(group_of), np.int32)
    for place in range(len(curve.bands) - 1):
        begins = np.array([cuts[group][place] for group in known], np.float32)
        found += values[has_value] >= begins[group_of]
    bands = np.full(columns.num_rows, len(curve.bands), np.int32)
    bands[has_value] = found
    return bands


def value_cuts(curve: UpsamplingSpec) -> tuple[float, ...]:
    """Cuts of a curve over values: its own bounds, as fine as values are told apart."""
    bounds = np.array([band.min for band in curve.bands[1:]], np.float64)
    return tuple(coarsen(bounds).astype(float).tolist())


def percentile_cuts(
    curve: UpsamplingSpec, values: Float32Array, tokens: npt.NDArray[np.int64]
) -> tuple[float, ...]:
    """Cuts of a curve over percentiles, given the tokens of each of the ascending ``values``.

    A value's percentile is that of the middle of its tokens, so that documents which all have one
    value are the fiftieth, and not the lowest.
    """
    doubled_middles = 2 * np.cumsum(tokens) - tokens
    total = int(tokens.sum())
    cuts = []
    for band in curve.bands[1:]:
        # In integers of a ten-thousandth percent: exact for any count of tokens.
        wanted = 2 * round((band.min or 0.0) * 10_000) * total
        first = int(np.searchsorted(doubled_middles, -(-wanted // 1_000_000)))
        cuts.append(float(values[first]) if first < len(values) else math.inf)
    return tuple(cuts)


def coarsen(numbers: npt.NDArray[np.float64]) -> Float32Array:
    """Numbers as float32 with all but the leading ``VALUE_BITS`` cleared; NaN stays NaN."""
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    coarse = (values.view(np.uint32) & _MASK).view(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), coarse + np.float32(0)).astype(np.float32)
