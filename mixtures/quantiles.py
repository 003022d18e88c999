"""Quantiles: where the bands of a mixture's percentile curves begin in the measured supply."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.cells import assign_components
from mixtures.conditions import numbers_at
from mixtures.spec import MixtureConfig
from mixtures.upsampling import (
    MAX_GROUPS,
    Curve,
    Cuts,
    Float32Array,
    GroupCuts,
    UpsamplingSpec,
    coarsen,
    groups_at,
    percentile_cuts,
    value_cuts,
)
from pipeline.errors import ConfigError

HISTOGRAM_SCHEMA = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("component", pa.string(), nullable=False),
        pa.field("curve", pa.int32(), nullable=False),  # number in the component
        pa.field("group", pa.string()),  # value of the curve's within
        pa.field("value", pa.float32(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
    ]
)
"""Tokens by group and value of a curve's column; documents without a value are left out."""


def has_percentiles(mixture: MixtureConfig) -> bool:
    """Whether any curve needs the supply's quantiles."""
    return any(curve.scale == "percentile" for _, curve in _curves(mixture))


def count_values(
    columns: pa.RecordBatch, mixture: MixtureConfig, *, num_tokens: pa.Array
) -> pa.Table:
    """Histograms of a batch for all percentile curves: ``HISTOGRAM_SCHEMA``.

    Raises ConfigError when a curve's ``within`` has more than ``MAX_GROUPS`` values.
    """
    tokens = num_tokens.to_numpy(zero_copy_only=False).astype(np.int64)
    parts = [HISTOGRAM_SCHEMA.empty_table()]
    for stage in mixture.stages:
        components = assign_components(columns, stage)
        for place, component in enumerate(stage.components):
            rows = np.flatnonzero(components == place)
            for number, curve in enumerate(component.upsample):
                if curve.scale == "percentile":
                    groups = groups_at(columns, curve).take(pa.array(rows))
                    values = coarsen(numbers_at(columns, curve.column)[rows])
                    key = (stage.name, component.name, number)
                    found = _histogram(key, groups, values, tokens[rows])
                    _check_groups(found, key, curve)
                    parts.append(found)
    return merge_values(parts)


def merge_values(tables: Iterable[pa.Table]) -> pa.Table:
    """Add tables of ``HISTOGRAM_SCHEMA``; exact in any order."""
    keys = HISTOGRAM_SCHEMA.names[:-1]
    table = pa.concat_tables([HISTOGRAM_SCHEMA.empty_table(), *tables])
    sums = table.group_by(keys, use_threads=False).aggregate([("tokens", "sum")])
    merged = sums.rename_columns(HISTOGRAM_SCHEMA.names).cast(HISTOGRAM_SCHEMA)
    return merged.sort_by([(key, "ascending") for key in keys])


def mixture_cuts(mixture: MixtureConfig, values: pa.Table) -> Cuts:
    """Where the bands of every curve begin, given all of the supply's ``HISTOGRAM_SCHEMA``.

    Raises ConfigError when a curve's ``within`` has more than ``MAX_GROUPS`` values.
    """
    cuts: dict[Curve, GroupCuts] = {}
    for key, curve in _curves(mixture):
        if curve.scale == "value":
            cuts[key] = {None: value_cuts(curve)}
            continue
        stage, component, number = key
        is_curve = pc.and_(
            pc.and_(pc.equal(values["stage"], stage), pc.equal(values["component"], component)),
            pc.equal(values["curve"], number),
        )
        of_curve = values.filter(is_curve)
        _check_groups(of_curve, key, curve)
        cuts[key] = _cuts_by_group(of_curve, curve)
    return cuts


def _histogram(
    key: Curve, groups: pa.Array, values: Float32Array, tokens: npt.NDArray[np.int64]
) -> pa.Table:
    """Tokens of rows by group and value; rows without a value are left out."""
    rows = pa.table({"group": groups, "value": values, "tokens": tokens})
    with_value = rows.filter(pa.array(~np.isnan(values)))
    counted = with_value.group_by(["group", "value"], use_threads=False)
    sums = counted.aggregate([("tokens", "sum")])
    stage, component, number = key
    return pa.table(
        [
            pa.array([stage] * len(sums), pa.string()),
            pa.array([component] * len(sums), pa.string()),
            pa.array([number] * len(sums), pa.int32()),
            *sums.columns,
        ],
        schema=HISTOGRAM_SCHEMA,
    )


def _check_groups(histograms: pa.Table, key: Curve, curve: UpsamplingSpec) -> None:
    if pc.count_distinct(histograms["group"], mode="only_valid").as_py() > MAX_GROUPS:
        stage, component, _ = key
        raise ConfigError(
            f"stage {stage!r}: component {component!r}: upsample by {curve.column!r}: within "
            f"{curve.within!r} has more than {MAX_GROUPS:,} values; name a column of few, such as "
            "quality.domain"
        )


def _cuts_by_group(histograms: pa.Table, curve: UpsamplingSpec) -> GroupCuts:
    ordered = histograms.sort_by([("group", "ascending"), ("value", "ascending")])
    values, tokens = ordered["value"].to_numpy(), ordered["tokens"].to_numpy()
    runs = pc.run_end_encode(ordered["group"].combine_chunks())
    bounds = itertools.pairwise([0, *runs.run_ends.to_pylist()])
    return {
        group: percentile_cuts(curve, values[first:end], tokens[first:end])
        for group, (first, end) in zip(runs.values.to_pylist(), bounds, strict=True)
    }


def _curves(mixture: MixtureConfig) -> Iterator[tuple[Curve, UpsamplingSpec]]:
    for stage in mixture.stages:
        for component in stage.components:
            for number, curve in enumerate(component.upsample):
                yield (stage.name, component.name, number), curve
