"""Quantiles: where the bands of a mixture's percentile curves begin in the measured supply."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.cells import assign_components
from mixtures.conditions import numbers_at
from mixtures.spec import MixtureConfig
from mixtures.upsampling import Curve, Cuts, Histogram, UpsamplingSpec, value_cuts

HISTOGRAM_SCHEMA = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("component", pa.string(), nullable=False),
        pa.field("curve", pa.int32(), nullable=False),  # number in the component
        pa.field("value", pa.float32(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
    ]
)
"""Tokens by value of a curve's column; documents without a value are left out."""


def has_percentiles(mixture: MixtureConfig) -> bool:
    """Whether any curve needs the supply's quantiles."""
    return any(curve.scale == "percentile" for _, curve in _curves(mixture))


def count_values(
    columns: pa.RecordBatch, mixture: MixtureConfig, *, num_tokens: pa.Array
) -> pa.Table:
    """Histograms of a batch for all percentile curves: ``HISTOGRAM_SCHEMA``."""
    tokens = num_tokens.to_numpy(zero_copy_only=False).astype(np.int64)
    parts = [HISTOGRAM_SCHEMA.empty_table()]
    for stage in mixture.stages:
        components = assign_components(columns, stage)
        for place, component in enumerate(stage.components):
            rows = np.flatnonzero(components == place)
            for number, curve in enumerate(component.upsample):
                if curve.scale == "percentile":
                    values = numbers_at(columns, curve.column)[rows]
                    found = Histogram.of(values, tokens[rows])
                    parts.append(_table((stage.name, component.name, number), found))
    return merge_values(parts)


def merge_values(tables: Iterable[pa.Table]) -> pa.Table:
    """Add tables of ``HISTOGRAM_SCHEMA``; exact in any order."""
    keys = HISTOGRAM_SCHEMA.names[:-1]
    table = pa.concat_tables([HISTOGRAM_SCHEMA.empty_table(), *tables])
    sums = table.group_by(keys, use_threads=False).aggregate([("tokens", "sum")])
    merged = sums.rename_columns(HISTOGRAM_SCHEMA.names).cast(HISTOGRAM_SCHEMA)
    return merged.sort_by([(key, "ascending") for key in keys])


def mixture_cuts(mixture: MixtureConfig, values: pa.Table) -> Cuts:
    """Where the bands of every curve begin, given all of the supply's ``HISTOGRAM_SCHEMA``."""
    cuts = {}
    for key, curve in _curves(mixture):
        if curve.scale == "value":
            cuts[key] = value_cuts(curve)
            continue
        stage, component, number = key
        is_curve = pc.and_(
            pc.and_(pc.equal(values["stage"], stage), pc.equal(values["component"], component)),
            pc.equal(values["curve"], number),
        )
        of_curve = values.filter(is_curve).sort_by("value")
        histogram = Histogram(of_curve["value"].to_numpy(), of_curve["tokens"].to_numpy())
        cuts[key] = histogram.cuts(curve)
    return cuts


def _table(curve: Curve, histogram: Histogram) -> pa.Table:
    count = len(histogram.values)
    stage, component, number = curve
    return pa.table(
        [
            pa.array([stage] * count, pa.string()),
            pa.array([component] * count, pa.string()),
            pa.array([number] * count, pa.int32()),
            pa.array(histogram.values),
            pa.array(histogram.tokens),
        ],
        schema=HISTOGRAM_SCHEMA,
    )


def _curves(mixture: MixtureConfig) -> Iterator[tuple[Curve, UpsamplingSpec]]:
    for stage in mixture.stages:
        for component in stage.components:
            for number, curve in enumerate(component.upsample):
                yield (stage.name, component.name, number), curve
