"""Upsampling: how much oftener some documents of a component are drawn than others.

A curve is a step function of one column. Over percentiles it says what OLMo 3 does with quality
(arXiv 2512.13961: the bottom 40% dropped, the top 5% used seven times); over values it says what
FineWeb2 and TxT360 do with the number of duplicates that a document had. The curves of a component
multiply. Percentiles are of tokens, inside the component, and a value is never split: documents of
one value share a band.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixtures.conditions import numbers_at

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]

VALUE_BITS = 20
"""Leading bits of a float32 that values are told apart by: sign, exponent and 11 bits of mantissa,
so to one part in 4,096. It bounds the histograms; scores of taggers are not meant any finer."""

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
        if not any(band.factor for band in self.bands):
            raise ValueError(f"upsample by {self.column!r}: every band has factor 0")
        return self

    @property
    def factors(self) -> tuple[float, ...]:
        """Factor of each band, and last that of documents without a value."""
        return (*(band.factor for band in self.bands), self.null_factor)


Curve = tuple[str, str, int]
"""A curve by its stage, its component and its number in the component."""

Cuts = Mapping[Curve, tuple[float, ...]]
"""Where each curve's bands after the first begin, as values of its column; infinite where no value
is high enough."""


def band_numbers(
    columns: pa.RecordBatch, curve: UpsamplingSpec, cuts: Iterable[float]
) -> Int32Array:
    """Band of every row; rows without a value, or with NaN, have the number after the last."""
    values = _coarse(numbers_at(columns, curve.column))
    bands = np.searchsorted(np.array([*cuts], np.float32), values, side="right")
    bands[np.isnan(values)] = len(curve.bands)
    return bands.astype(np.int32)


def value_cuts(curve: UpsamplingSpec) -> tuple[float, ...]:
    """Cuts of a curve over values: its own bounds, as fine as values are told apart."""
    bounds = np.array([band.min for band in curve.bands[1:]], np.float64)
    return tuple(_coarse(bounds).astype(float).tolist())


@dataclass(frozen=True, eq=False)
class Histogram:
    """Tokens by value, values ascending and told apart to ``VALUE_BITS``; nulls are left out."""

    values: Float32Array
    tokens: npt.NDArray[np.int64]

    @classmethod
    def of(cls, numbers: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64]) -> Self:
        """Count a batch; ``numbers`` and ``tokens`` are row for row, NaN is no value."""
        coarse = _coarse(numbers)
        has_value = ~np.isnan(coarse)
        values, position = np.unique(coarse[has_value], return_inverse=True)
        sums = np.zeros(len(values), np.int64)
        np.add.at(sums, position, tokens[has_value])
        return cls(values, sums)

    def cuts(self, curve: UpsamplingSpec) -> tuple[float, ...]:
        """Where the bands of ``curve`` begin.

        A value's percentile is that of the middle of its tokens, so that documents which all have
        one value are the fiftieth, and not the lowest.
        """
        doubled_middles = 2 * np.cumsum(self.tokens) - self.tokens
        total = int(self.tokens.sum())
        cuts = []
        for band in curve.bands[1:]:
            # In integers of a ten-thousandth percent: exact for any count of tokens.
            wanted = 2 * round((band.min or 0.0) * 10_000) * total
            first = int(np.searchsorted(doubled_middles, -(-wanted // 1_000_000)))
            cuts.append(float(self.values[first]) if first < len(self.values) else math.inf)
        return tuple(cuts)


def _coarse(numbers: npt.NDArray[np.float64]) -> Float32Array:
    """The numbers as float32 with all but the leading ``VALUE_BITS`` cleared; NaN stays NaN."""
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    coarse = (values.view(np.uint32) & _MASK).view(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), coarse + np.float32(0)).astype(np.float32)
