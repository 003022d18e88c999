"""An engine that asks another only what is not in the cache."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from synth.cache import RequestCache
from synth.engines.engine import Engine
from synth.request import Answered, Completion, Request

LOOKUP_REQUESTS = 64
"""Requests looked up at a time, ahead of those that can be sent."""

PARALLEL_WRITES = 8


class CachedEngine:
    """Every answer is stored as it arrives, so a run that is killed loses only what was in flight.

    Equal requests of one call are asked once. The engine behind is not touched while the cache
    answers, so a finished run repeats with no server up.
    """

    def __init__(self, engine: Engine, cache: RequestCache) -> None:
        self._engine = engine
        self._cache = cache

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[int, Answered]]:
        """As :meth:`Engine.stream`; ends only when every new answer is stored."""
        call = _Call(self._cache, requests)
        with ThreadPoolExecutor(PARALLEL_WRITES) as writers:
            writes: list[Future[None]] = []
            for sent_position, answer in self._engine.stream(call.unanswered()):
                request = call.sent[sent_position]
                if isinstance(answer, Completion):
                    writes.append(writers.submit(self._cache.put, request, answer))
                call.answer(request, answer)
                yield from call.take_ready()
            yield from call.take_ready()
            for write in writes:
                write.result()

    def close(self) -> None:
        """Close the engine behind; the cache holds nothing open."""
        self._engine.close()


class _Call:
    """The state of one call: what waits, what is known, what may be handed out."""

    def __init__(self, cache: RequestCache, requests: Iterable[Request]) -> None:
        self._cache = cache
        self._requests = enumerate(requests)
        self._known: dict[str, Answered] = {}
        self._waiting: dict[str, list[int]] = {}
        self._ready: list[tuple[int, Answered]] = []
        self.sent: list[Request] = []

    def unanswered(self) -> Iterator[Request]:
        """Requests that must be asked, each content once; the others become ready."""
        while block := list(islice(self._requests, LOOKUP_REQUESTS)):
            new_keys = {request.key for _, request in block} - self._known.keys()
            self._known.update(self._cache.get_many(new_keys - self._waiting.keys()))
            for position, request in block:
                if request.key in self._known:
                    self._ready.append((position, self._known[request.key]))
                elif request.key in self._waiting:
                    self._waiting[request.key].append(position)
                else:
                    self._waiting[request.key] = [position]
                    self.sent.append(request)
                    yield request

    def answer(self, request: Request, answer: Answered) -> None:
        self._known[request.key] = answer
        positions = self._waiting.pop(request.key)
        self._ready.extend((position, answer) for position in positions)

    def take_ready(self) -> list[tuple[int, Answered]]:
        ready, self._ready = self._ready, []
        return ready
