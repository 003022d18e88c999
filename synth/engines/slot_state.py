"""What each slot of a model does next, as arrays: the same for every kind of model."""

from collections.abc import Iterator, Sequence

import numpy as np

from synth.engines.sampling import RowSampling
from synth.engines.slots import Admission, Ids


class SlotState:
    """One entry a slot. ``positions`` is where ``tokens`` go next; free slots stay at position 0.

    ``uniforms`` (slots, context) holds the noise of the token drawn at each position.
    """

    def __init__(self, num_slots: int, context_tokens: int) -> None:
        self.num_slots = num_slots
        self.context_tokens = context_tokens
        self.tokens = np.zeros(num_slots, np.int64)
        self.positions = np.zeros(num_slots, np.int64)
        self.is_active = np.zeros(num_slots, np.int64)
        self.temperatures = np.zeros(num_slots, np.float32)
        self.top_ps = np.ones(num_slots, np.float32)
        self.uniforms = np.zeros((num_slots, context_tokens), np.float32)

    def admit(self, admissions: Sequence[Admission]) -> Ids:
        """Take requests in; returns what is to be read at once: tokens, slots and positions.

        That is all but the last token of each prompt, in three rows. The first step of writing
        reads the last one, so that every token is drawn by the same step.
        """
        rows = []
        for admission in admissions:
            slot, ids = admission.slot, admission.prompt_ids
            last = len(ids) - 1
            rows.append(np.stack([ids[:last], np.full(last, slot), np.arange(last)]))
            self.tokens[slot] = ids[last]
            self.positions[slot] = last
            self.is_active[slot] = 1
            self.temperatures[slot] = admission.temperature
            self.top_ps[slot] = admission.top_p
            self.uniforms[slot, last : last + len(admission.uniforms)] = admission.uniforms
        return np.concatenate(rows, axis=1)

    def release(self, slots: Sequence[int]) -> None:
        """Free slots; they go on as rows that nobody reads."""
        at = np.asarray(slots)
        self.is_active[at] = 0
        self.positions[at] = 0
        self.temperatures[at] = 0

    def advance(self, drawn: Ids) -> None:
        """Move on by the tokens drawn, (slots, steps)."""
        self.tokens = drawn[:, -1].copy()
        moved = self.positions + drawn.shape[1] * self.is_active
        self.positions = np.minimum(moved, self.context_tokens - 1)

    @property
    def row_sampling(self) -> RowSampling:
        """How the next token of each slot is drawn."""
        uniforms = self.uniforms[np.arange(self.num_slots), self.positions]
        return RowSampling(self.temperatures, self.top_ps, uniforms)

    def fixed_rows(self, rows: Ids, num_rows: int) -> Iterator[Ids]:
        """Prompt tokens ``num_rows`` at a time; padding goes to slot ``num_slots``, position 0."""
        for start in range(0, rows.shape[1], num_rows):
            chunk = rows[:, start : start + num_rows]
            padding = np.tile([[0], [self.num_slots], [0]], num_rows - chunk.shape[1])
            yield np.concatenate([chunk, padding], axis=1)
