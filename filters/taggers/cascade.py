"""A cascade: cheap taggers first, the costly one only where they are unsure.

A tagger is sure of a text when the most probable value of each *deciding* head is at least as
probable as its ``min_confidence``. The first sure one answers all heads; the last is asked when
none before it was. Where the answer is unsure all the same, there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.taggers.backend import Backend, HeadSpec, Probabilities
from pipeline.errors import ConfigError

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Screen:
    """A tagger that is asked before a costlier one; ``name`` is how errors and columns call it."""

    name: str
    backend: Backend
    min_confidence: float


@dataclass(frozen=True)
class Answers:
    """Probabilities of each head, and which tagger gave them: its place, from 0, [texts]."""

    probabilities: dict[str, Probabilities]
    step: Int8Array


class Cascade:
    """A tagger made of several with the same heads; cuts and levels are those of the last."""

    def __init__(
        self,
        screens: Sequence[Screen],
        last: Backend,
        *,
        deciding: Sequence[str],
        abstain_below: float,
    ) -> None:
        """ConfigError for a deciding head that there is not, or screens of other heads."""
        self.heads: tuple[HeadSpec, ...] = last.heads
        named = {head.name: head.values for head in last.heads}
        for name in deciding:
            if name not in named:
                raise ConfigError(f"cascade.heads: there is no {name!r}; they are {sorted(named)}")
        for screen in screens:
            if {head.name: head.values for head in screen.backend.heads} != named:
                raise ConfigError(
                    f"cascade: the screen {screen.name!r} has other heads, or other values of "
                    "them, than the model; train both with one rubric"
                )
        self._screens, self._last = tuple(screens), last
        self._deciding, self._abstain_below = tuple(deciding), abstain_below

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        """As :meth:`Backend.probabilities`."""
        return self.ask(texts, urls).probabilities

    def ask(self, texts: Sequence[str], urls: Sequence[str | None]) -> Answers:
        """Ask the taggers in turn, each for what those before it were unsure of.

        A head's row is NaN where its most probable value is less so than ``abstain_below``.
        """
        found = {
            head.name: np.full((len(texts), len(head.values)), np.nan, np.float32)
            for head in self.heads
        }
        step = np.full(len(texts), len(self._screens), np.int8)
        left: npt.NDArray[np.int64] = np.arange(len(texts))
        for place, (backend, wanted) in enumerate(
            [*((one.backend, one.min_confidence) for one in self._screens), (self._last, 0.0)]
        ):
            if not len(left):
                break
            rows_left = left.tolist()
            said = backend.probabilities(
                [texts[row] for row in rows_left], [urls[row] for row in rows_left]
            )
            is_last = place == len(self._screens)
            is_sure = np.full(len(left), is_last) | self._are_sure(said, wanted)
            for name, rows in found.items():
                rows[left[is_sure]] = said[name][is_sure]
            step[left[is_sure]] = place
            left = left[~is_sure]
        for rows in found.values():
            rows[rows.max(axis=1, initial=0.0) < self._abstain_below] = np.nan
        return Answers(found, step)

    def _are_sure(self, said: dict[str, Probabilities], wanted: float) -> npt.NDArray[np.bool_]:
        """Whether every deciding head is; one that abstains is not."""
        tops = np.stack([said[name].max(axis=1) for name in self._deciding])
        return np.asarray((tops >= wanted).all(axis=0))
