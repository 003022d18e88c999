"""Continuous batching: a fixed number of slots, each with a request of its own.

A slot whose request ends takes the next one at once, while the others go on (Yu et al., "Orca",
OSDI 2022). The batch thus always has the same shape, which is what CUDA graphs need and what
makes a row's arithmetic the same whatever the other rows hold.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np
import numpy.typing as npt

from synth.engines import sampling
from synth.request import Answered, Completion, Message, Request, RequestFailure

Ids = npt.NDArray[np.int64]
MAX_MESSAGE_CHARS = 500
"""How much of an error's text a failure keeps, as for endpoints."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """A request that enters ``slot``. ``uniforms`` holds the noise of each token it may draw."""

    slot: int
    prompt_ids: Ids
    temperature: float
    top_p: float
    uniforms: sampling.Floats


class SlotModel(Protocol):
    """A model with slots; used by one thread."""

    @property
    def num_slots(self) -> int:
        """Answers that are written at a time."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together that a slot has room for."""
        ...

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        ...

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt of a chat."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of tokens, without special ones and otherwise exact."""
        ...

    def admit(self, admissions: Sequence[Admission]) -> None:
        """Read prompts into their slots, which are free."""
        ...

    def release(self, slots: Sequence[int]) -> None:
        """Stop generating in these slots."""
        ...

    def launch(self) -> None:
        """Begin one or more steps in all slots; may return before they end."""
        ...

    def collect(self) -> Ids:
        """Tokens of the steps that were launched, (slots, steps); what free slots hold is noise."""
        ...


class SlotEngine:
    """An ``Engine`` over a model in this process; a thread of its own owns the model.

    The model is loaded at the first request. ``response_schema`` is refused, request by request:
    nothing here constrains the grammar of an answer.
    """

    def __init__(
        self,
        load: Callable[[], SlotModel],
        *,
        model: str,
        max_in_flight: int,
        max_prompt_tokens: int | None = None,
    ) -> None:
        self._max_in_flight = max_in_flight
        self._inbox: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        # The thread knows its loop, not the engine: an engine that is dropped stops its thread.
        loop = _Loop(load, model, max_prompt_tokens, self._inbox)
        self._thread = threading.Thread(target=loop.run, name="slot-engine", daemon=True)
        self._thread.start()
        self._finalizer = weakref.finalize(self, self._inbox.put, None)

    @property
    def max_in_flight(self) -> int:
        """Somewhat more than there are slots, so that a freed slot finds its next request."""
        return self._max_in_flight

    def submit(self, request: Request) -> Future[Answered]:
        """As :meth:`Engine.submit`; RuntimeError once the engine is closed."""
        task = _Task(request)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the engine is closed")
            self._inbox.put(task)
        return task.future

    def close(self) -> None:
        """Give up what is unanswered, end the thread and drop the model."""
        with self._lock:
            self._is_closed = True
        self._finalizer()
        self._thread.join()


class TooLongError(Exception):
    """A prompt leaves no room for an answer."""


@dataclass(eq=False)
class _Task:
    """One request on its way through the engine."""

    request: Request
    future: Future[Answered] = field(default_factory=Future)
    prompt_ids: list[int] = field(default_factory=list)
    max_tokens: int = 0
    ids: list[int] = field(default_factory=list)
    finish_reason: str = ""
    text: str | None = None
    """Text of the answer, where looking for stop strings already gave it."""


class _Loop:
    """What happens on the engine's thread."""

    def __init__(
        self,
        load: Callable[[], SlotModel],
        name: str,
        max_prompt_tokens: int | None,
        inbox: "SimpleQueue[_Task | None]",
    ) -> None:
        self._load = load
        self._name = name
        self._max_prompt_tokens = max_prompt_tokens
        self._inbox = inbox
        self._waiting: deque[_Task] = deque()
        self._active: dict[int, _Task] = {}
        self._free: list[int] = []
        self._ended: list[_Task] = []
        self._is_stopped = False

    def run(self) -> None:
        first = self._inbox.get()
        if first is None:
            return
        try:
            model = self._load()
        except Exception as error:  # noqa: BLE001 - told to every request
            self._refuse_all(first, error)
            return
        self._free = list(range(model.num_slots))[::-1]
        self._accept(model, first)
        while not self._is_stopped:
            self._take_inbox(model)
            self._turn(model)
        self._answer(model)
        for task in (*self._waiting, *self._active.values()):
            _give_up(task)

    def _refuse_all(self, task: "_Task | None", error: Exception) -> None:
        while task is not None:
            try:
                task.future.set_exception(error)
            except InvalidStateError:  # it was cancelled meanwhile
                _give_up(task)
            task = self._inbox.get()

    def _take_inbox(self, model: SlotModel) -> None:
        """Prepare the requests that have come; waits for one where there is nothing else to do."""
        while not self._is_stopped:
            is_idle = not (self._active or self._waiting or self._ended)
            try:
                task = self._inbox.get(block=is_idle)
            except Empty:
                return
            if task is None:
                self._is_stopped = True
            else:
                self._accept(model, task)

    def _accept(self, model: SlotModel, task: _Task) -> None:
        if task.future.cancelled():
            _give_up(task)
            return
        try:
            self._prepare(model, task)
        except Exception as error:  # noqa: BLE001 - of this request alone
            _fail(task, error)
        else:
            self._waiting.append(task)

    def _prepare(self, model: SlotModel, task: _Task) -> None:
        if task.request.response_schema is not None:
            raise NotImplementedError(
                f"response_schema: the in-process model {self._name!r} cannot follow a schema; "
                "ask an endpoint instead"
            )
        if task.request.sampling.extra:
            names = ", ".join(name for name, _ in task.request.sampling.extra)
            raise NotImplementedError(
                f"extra: the in-process model {self._name!r} knows no {names}; ask an endpoint "
                "instead"
            )
        task.prompt_ids = model.encode(task.request.messages)
        num_tokens = len(task.prompt_ids)
        limit = model.context_tokens - 1
        if self._max_prompt_tokens is not None:
            limit = min(limit, self._max_prompt_tokens)
        if not 0 < num_tokens <= limit:
            raise TooLongError(f"prompt of {num_tokens} tokens; {self._name!r} takes 1 to {limit}")
        room = model.context_tokens - num_tokens
        task.max_tokens = min(task.request.sampling.max_tokens, room)

    def _turn(self, model: SlotModel) -> None:
        """One round of steps; texts are made and requests prepared while the device works."""
        self._reap(model)
        self._admit(model)
        try:
            if self._active:
                model.launch()
            self._answer(model)
            if not self._active:
                return
            self._take_inbox(model)
            tokens = model.collect()
        except Exception as error:  # noqa: BLE001 - of the requests in the batch
            for task in self._active.values():
                _fail(task, error)
            self._leave(model, list(self._active))
            return
        ended = []
        for slot, task in self._active.items():
            _extend(model, task, tokens[slot].tolist())
            if task.finish_reason:
                self._ended.append(task)
                ended.append(slot)
        self._leave(model, ended)

    def _reap(self, model: SlotModel) -> None:
        self._leave(model, [slot for slot, task in self._active.items() if task.future.cancelled()])

    def _admit(self, model: SlotModel) -> None:
        admissions = []
        while self._waiting and self._free:
            task = self._waiting.popleft()
            if task.future.cancelled():
                _give_up(task)
                continue
            slot = self._free.pop()
            self._active[slot] = task
            admissions.append(
                Admission(
                    slot=slot,
                    prompt_ids=np.array(task.prompt_ids, np.int64),
                    temperature=task.request.sampling.temperature,
                    top_p=task.request.sampling.top_p,
                    uniforms=sampling.uniforms(task.request.seed, task.max_tokens),
                )
            )
        if not admissions:
            return
        try:
            model.admit(admissions)
        except Exception as error:  # noqa: BLE001 - of these requests alone
            for admission in admissions:
                _fail(self._active[admission.slot], error)
            self._leave(model, [admission.slot for admission in admissions])

    def _leave(self, model: SlotModel, slots: list[int]) -> None:
        if not slots:
            return
        for slot in slots:
            del self._active[slot]
            self._free.append(slot)
        model.release(slots)

    def _answer(self, model: SlotModel) -> None:
        for task in self._ended:
            ids = task.ids
            if task.text is None:
                task.text = model.decode(ids)
            completion = Completion(
                text=task.text,
                finish_reason=task.finish_reason,
                prompt_tokens=len(task.prompt_ids),
                completion_tokens=len(ids),
                model=self._name,
            )
            _resolve(task, completion)
        self._ended.clear()


def _extend(model: SlotModel, task: _Task, tokens: list[int]) -> None:
    """Append a round's tokens, up to where the answer ends; the ending token is counted."""
    tokens = tokens[: task.max_tokens - len(task.ids)]
    num_before = len(task.ids)
    ending = next((at for at, token in enumerate(tokens) if token in model.stop_ids), None)
    if ending is None:
        task.ids += tokens
        if len(task.ids) == task.max_tokens:
            task.finish_reason = "length"
    else:
        task.ids += tokens[: ending + 1]
        task.finish_reason = "stop"
    if task.request.sampling.stop:
        _cut_at_stop(model, task, num_before)


def _cut_at_stop(model: SlotModel, task: _Task, num_before: int) -> None:
    """End the answer before its first stop string, if the last round completed one."""
    stops = task.request.sampling.stop
    # A token is at least one byte, so this many tokens before the new ones hold any beginning.
    num_overlap = max(len(stop.encode()) for stop in stops)
    window = model.decode(task.ids[max(0, num_before - num_overlap) :])
    if not any(stop in window for stop in stops):
        return
    for num_tokens in range(num_before + 1, len(task.ids) + 1):
        text = model.decode(task.ids[:num_tokens])
        found = [at for at in map(text.find, stops) if at >= 0]
        if found:
            task.ids = task.ids[:num_tokens]
            task.text = text[: min(found)]
            task.finish_reason = "stop"
            return


def _give_up(task: _Task) -> None:
    """Cancel, and tell those who wait: a future that is cancelled does not do so by itself."""
    if task.future.cancel():
        task.future.set_running_or_notify_cancel()


def _fail(task: _Task, error: Exception) -> None:
    message = str(error)[:MAX_MESSAGE_CHARS] or type(error).__name__
    _resolve(task, RequestFailure(error_type=type(error).__name__, message=message))


def _resolve(task: _Task, answered: Answered) -> None:
    try:
        task.future.set_result(answered)
    except InvalidStateError:  # it was cancelled meanwhile
        _give_up(task)
