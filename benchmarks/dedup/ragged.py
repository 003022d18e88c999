"""Rows of unequal length in one array, gathered and edited without a loop over rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Row ``i`` is ``values[ends[i - 1]:ends[i]]``, from 0 for the first."""

    values: npt.NDArray[np.int32]
    ends: Numbers

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def lengths(self) -> Numbers:
        """Values of each row."""
        return np.diff(self.ends, prepend=0)

    @property
    def begins(self) -> Numbers:
        """Where each row begins in ``values``."""
        return self.ends - self.lengths

    def take(self, rows: Numbers) -> Self:
        """The named rows, in that order, copied."""
        lengths = self.lengths[rows]
        return self._gather(self.begins[rows], lengths)

    def slice(self, first: int, last: int) -> Self:
        """Rows ``first`` to ``last - 1``."""
        begin = int(self.ends[first - 1]) if first else 0
        ends = self.ends[first:last] - begin
        size = int(ends[-1]) if len(ends) else 0
        return type(self)(self.values[begin : begin + size], ends)

    def crop(self, starts: Numbers, lengths: Numbers) -> Self:
        """``lengths[i]`` values of row ``i`` from its ``starts[i]`` on."""
        return self._gather(self.begins + starts, lengths)

    def _gather(self, begins: Numbers, lengths: Numbers) -> Self:
        ends = np.cumsum(lengths)
        index = np.repeat(begins - (ends - lengths), lengths)
        index += np.arange(len(index))
        return type(self)(self.values[index], ends)


def stack(parts: Sequence[Ragged]) -> Ragged:
    """All rows, part after part."""
    bases = np.cumsum([0, *(len(part.values) for part in parts)])
    return Ragged(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.ends + base for part, base in zip(parts, bases, strict=False)]),
    )


def join(parts: Sequence[Ragged]) -> Ragged:
    """Row ``i`` is row ``i`` of every part, one after the other; all have as many rows."""
    count, width = len(parts[0]), len(parts)
    order = np.arange(count * width).reshape(width, count).T.ravel()
    pieces = stack(parts).take(order)
    return Ragged(pieces.values, pieces.ends[width - 1 :: width])
