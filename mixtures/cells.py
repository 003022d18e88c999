"""Cells: documents that every stage of the mixture treats alike.

A cell is a component and a combination of upsampling bands in each stage, and a rule of repetition.
Within a cell documents are exchangeable, so that a number of copies is all there is to decide; and
a cell spans the stages, so that it is known how often the whole run has used a document.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.conditions import satisfy_all
from mixtures.spec import ComponentSpec, MixtureConfig, RepetitionSpec, StageSpec
from mixtures.upsampling import Cuts, band_numbers
from pipeline.errors import SchemaError

Int32Array = npt.NDArray[np.int32]

UNASSIGNED = -1
"""Component number of a document that no component of the stage takes."""


@dataclass(frozen=True)
class Slot:
    """What one stage makes of a cell: the component, and the factor its curves come to."""

    component: int
    factor: float


@dataclass(frozen=True)
class Cell:
    """A slot for each stage, None where the stage has no use for the cell; and the cap.

    ``key`` is the cell's name in files, of the slots' numbers; ``rule`` is a number in
    ``MixtureConfig.repetition``.
    """

    key: str
    slots: tuple[Slot | None, ...]
    rule: int

    def is_joined(self, mixture: MixtureConfig) -> bool:
        """Whether any stage joins the cell's documents with others."""
        return any(
            slot is not None and stage.components[slot.component].join is not None
            for slot, stage in zip(self.slots, mixture.stages, strict=True)
        )


def assign_components(columns: pa.RecordBatch, stage: StageSpec) -> Int32Array:
    """Number of the first component of ``stage`` whose conditions hold, for every row.

    ``UNASSIGNED`` where none does. Raises SchemaError when a condition names a column that the
    batch lacks, or compares it with a value of another type.
    """
    return _first_match(columns, stage.components)


def assign_cells(columns: pa.RecordBatch, mixture: MixtureConfig, cuts: Cuts) -> pa.DictionaryArray:
    """Cell of every row: its key, the dictionary holding those that occur.

    ``columns`` holds what conditions and curves name. Raises SchemaError as
    :func:`assign_components` does.
    """
    numbers = [_slot_numbers(columns, stage, cuts) for stage in mixture.stages]
    numbers.append(_first_match(columns, mixture.repetition))
    rows = np.stack(numbers, axis=1)
    found, cell_of = np.unique(rows, axis=0, return_inverse=True)
    keys = [".".join(map(str, cell)) for cell in found.tolist()]
    return pa.DictionaryArray.from_arrays(
        pa.array(cell_of.reshape(-1).astype(np.int32)), pa.array(keys, pa.string())
    )


def parse_cells(keys: Iterable[str], mixture: MixtureConfig) -> list[Cell]:
    """The cells of keys that :func:`assign_cells` gave under the same mixture."""
    slots = [{UNASSIGNED: None, **dict(enumerate(stage_slots(s)))} for s in mixture.stages]
    cells = []
    for key in keys:
        *numbers, rule = map(int, key.split("."))
        of_stage = tuple(by_number[n] for by_number, n in zip(slots, numbers, strict=True))
        cells.append(Cell(key, of_stage, rule))
    return cells


def stage_slots(stage: StageSpec) -> list[Slot]:
    """Every slot of a stage, by number: components in order, each by the bands of its curves."""
    return [
        Slot(number, math.prod(factors))
        for number, component in enumerate(stage.components)
        for factors in itertools.product(*(curve.factors for curve in component.upsample))
    ]


def check_columns(schema: pa.Schema, mixture: MixtureConfig) -> None:
    """Raise SchemaError naming the stage or rule that asks for what ``schema`` lacks."""
    empty = pa.RecordBatch.from_pylist([], schema=schema)
    for stage in mixture.stages:
        try:
            assign_components(empty, stage)
            for component in stage.components:
                _check_curves(empty, component)
        except SchemaError as error:
            raise SchemaError(f"stage {stage.name!r}: {error}") from error
    try:
        _first_match(empty, mixture.repetition)
    except SchemaError as error:
        raise SchemaError(f"repetition: {error}") from error


def _check_curves(empty: pa.RecordBatch, component: ComponentSpec) -> None:
    try:
        for curve in component.upsample:
            band_numbers(empty, curve, {})
    except SchemaError as error:
        raise SchemaError(f"component {component.name!r}: upsample: {error}") from error


def _slot_numbers(columns: pa.RecordBatch, stage: StageSpec, cuts: Cuts) -> Int32Array:
    components = assign_components(columns, stage)
    slots = np.full(columns.num_rows, UNASSIGNED, np.int32)
    first = 0
    for number, component in enumerate(stage.components):
        rows = np.flatnonzero(components == number)
        offsets = np.zeros(len(rows), np.int32)
        if component.upsample and len(rows):
            of_component = columns.take(pa.array(rows))
            for place, curve in enumerate(component.upsample):
                bands = band_numbers(of_component, curve, cuts[stage.name, component.name, place])
                offsets = offsets * len(curve.factors) + bands
        slots[rows] = first + offsets
        first += math.prod(len(curve.factors) for curve in component.upsample)
    return slots


def _first_match(
    columns: pa.RecordBatch, specs: tuple[ComponentSpec | RepetitionSpec, ...]
) -> Int32Array:
    numbers = np.full(columns.num_rows, UNASSIGNED, np.int32)
    for number in reversed(range(len(specs))):
        numbers[satisfy_all(columns, specs[number].where)] = number
    return numbers
