"""A small model on the CPU with numpy alone: nothing to install, serve or download.

Runs the solver that ships with this package, or any Qwen2 model of some million parameters in a
folder with config.json, model.safetensors and tokenizer.json. A model of 100 million parameters or
more is faster with ``synth.engines.transformers``, or behind a server.
"""

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

from pipeline.errors import ConfigError
from synth.engines import sampling
from synth.engines.chatml import TURN_END, chatml_prompt
from synth.engines.embedded_model import EmbeddedModel
from synth.engines.embedded_weights import Weights, read_weights
from synth.engines.slot_state import SlotState
from synth.engines.slots import Admission, Ids, SlotEngine
from synth.request import Message

SOLVER_FOLDER = Path(__file__).parents[1] / "models" / "solver"
"""The model that ships: see its CARD.md."""


class EmbeddedConfig(BaseModel):
    """Which model, and how many requests at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    folder: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Folder of a Qwen2 model where the worker runs; null is the one that ships.",
    )
    slots: Annotated[int, Field(ge=1, le=1024)] = Field(
        64, description="Answers written at a time, in one thread."
    )
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Prompts longer than this fail; null lets them fill the context."
    )

    @property
    def path(self) -> Path:
        """Where the model lies."""
        return SOLVER_FOLDER if self.folder is None else Path(self.folder)

    @property
    def model(self) -> str:
        """Name of the model: its folder's, and a digest of the weights, where they are here."""
        return f"{self.path.name}{_weights_digest(self.path / 'model.safetensors')}"

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers; not how many at a time."""
        return {"model": self.model, "max_prompt_tokens": self.max_prompt_tokens}


@cache
def _weights_digest(path: Path) -> str:
    """``-`` and eight hex characters: other weights of the same name have other answers."""
    try:
        return f"-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
    except OSError:
        return ""


class EmbeddedEngine(SlotEngine):
    """Answers in this process; reads the model at the first request.

    The same request gives the same answer, to the bit, whatever else is in flight.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        super().__init__(
            partial(load_slots, config.path, config.slots),
            model=config.model,
            max_in_flight=config.slots + max(1, config.slots // 4),
            max_prompt_tokens=config.max_prompt_tokens,
        )


class EmbeddedSlots:
    """A ``SlotModel`` over an :class:`EmbeddedModel`; the messages are rendered in ChatML."""

    def __init__(self, weights: Weights, tokenizer: Tokenizer, *, num_slots: int) -> None:
        context_tokens = weights.shape.context_tokens
        self._model = EmbeddedModel(weights, num_slots=num_slots, context_tokens=context_tokens)
        self._tokenizer = tokenizer
        self._state = SlotState(num_slots, context_tokens)
        self._slots = np.arange(num_slots)
        # Products of this size gain nothing from a second thread, and its waiting takes a core.
        self._blas = ThreadpoolController()
        end = tokenizer.token_to_id(TURN_END)
        self._stop_ids = weights.shape.stop_ids | ({end} if end is not None else set())

    @property
    def num_slots(self) -> int:
        """Answers written at a time."""
        return self._state.num_slots

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together: what the model was trained for."""
        return self._state.context_tokens

    @property
    def stop_ids(self) -> frozenset[int]:
        """The ends that config.json names, and the end of a turn."""
        return self._stop_ids

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of the messages in ChatML."""
        prompt = chatml_prompt(messages)
        return list(self._tokenizer.encode(prompt, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Exact, but for special tokens."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def admit(self, admissions: Sequence[Admission]) -> None:
        """Read prompts, as many tokens at a time as there are slots: one shape for all products."""
        rows = self._state.admit(admissions)
        with self._blas.limit(limits=1, user_api="blas"):
            for tokens, slots, positions in self._state.fixed_rows(rows, self.num_slots):
                self._model.read(tokens, slots, positions)

    def release(self, slots: Sequence[int]) -> None:
        """As :meth:`SlotState.release`."""
        self._state.release(slots)

    def launch(self) -> None:
        """Nothing runs besides this thread."""

    def collect(self) -> Ids:
        """One step of all slots."""
        state = self._state
        with self._blas.limit(limits=1, user_api="blas"):
            states = self._model.read(state.tokens, self._slots, state.positions)
            logits = self._model.logits(states)
        drawn = sampling.draw(logits, state.row_sampling)[:, None]
        state.advance(drawn)
        return drawn


def load_slots(folder: Path, num_slots: int) -> EmbeddedSlots:
    """The model in ``folder``; ConfigError, which names it, when it cannot be read or run."""
    try:
        weights = read_weights(folder)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises Exception itself
        raise ConfigError(
            f"embedded.folder: {folder} cannot be run ({type(error).__name__}: {error}); give a "
            "folder with config.json, model.safetensors and tokenizer.json of a Qwen2 model"
        ) from error
    return EmbeddedSlots(weights, tokenizer, num_slots=num_slots)
