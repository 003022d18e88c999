"""An engine that asks another only what is not in the cache."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from synth.cache import RequestCache
from synth.engines.engine import Engine
from synth.engines.usage import Usage, UsageMeter, usage_of_answer, usage_of_hit
from synth.request import Answered, Completion, Request

PARALLEL_FILES = 16
"""Answers read or written at once: object stores take tens of milliseconds for each."""


class CachedEngine:
    """An answer is handed out when it is stored, so a run that is killed loses none that was used.

    Equal requests that are in flight are asked once. The engine behind is not touched while the
    cache answers, so a finished run repeats with no server up. Failures are not stored. A file
    system that refuses a read or a write raises its error for the request concerned.
    """

    def __init__(self, engine: Engine, cache: RequestCache) -> None:
        self._engine = engine
        self._cache = cache
        self._lock = threading.Lock()
        self._asked: dict[str, _Asked] = {}
        self._meter = UsageMeter()
        self._readers = ThreadPoolExecutor(PARALLEL_FILES, "cache-read")
        self._writers = ThreadPoolExecutor(PARALLEL_FILES, "cache-write")

    @property
    def max_in_flight(self) -> int:
        """As of the engine behind."""
        return self._engine.max_in_flight

    @property
    def usage(self) -> Usage:
        """What was asked and what was spared, up to now; equal requests in flight count once."""
        return self._meter.usage

    def submit(self, request: Request) -> Future[Answered]:
        """As :meth:`Engine.submit`. A request is given up when all who wait for it have done so."""
        future: Future[Answered] = Future()
        with self._lock:
            asked = self._asked.get(request.key)
            is_new = asked is None
            if asked is None:
                asked = self._asked[request.key] = _Asked(request)
            asked.waiting.append(future)
        future.add_done_callback(lambda ended: self._give_up(asked, ended))
        if is_new:
            self._meter.begin()
            self._readers.submit(self._look_up, asked)
        return future

    def close(self) -> None:
        """Finish what is being stored, cancel what has no answer, and close the engine behind."""
        self._readers.shutdown()
        self._engine.close()
        self._writers.shutdown()

    def _look_up(self, asked: "_Asked") -> None:
        try:
            known = self._cache.get(asked.request.key)
            if known is not None:
                self._hand_out(asked, known, usage_of_hit(known))
                return
            with self._lock:
                if asked.is_given_up:
                    return
                asked.behind = self._engine.submit(asked.request)
        except BaseException as error:  # noqa: BLE001 - belongs to whoever waits for the answer
            self._fail(asked, error)
            return
        asked.behind.add_done_callback(lambda ended: self._arrive(asked, ended))

    def _arrive(self, asked: "_Asked", ended: Future[Answered]) -> None:
        if ended.cancelled():
            for future in self._take(asked):  # the engine was closed
                future.cancel()
            return
        error = ended.exception()
        if error is not None:
            self._fail(asked, error)
            return
        answer = ended.result()
        if isinstance(answer, Completion):
            self._writers.submit(self._store, asked, answer)
        else:
            self._hand_out(asked, answer, Usage(failed=1))

    def _store(self, asked: "_Asked", completion: Completion) -> None:
        try:
            self._cache.put(asked.request, completion)
        except BaseException as error:  # noqa: BLE001 - belongs to whoever waits for the answer
            self._fail(asked, error)
        else:
            self._hand_out(asked, completion, usage_of_answer(completion))

    def _hand_out(self, asked: "_Asked", answer: Answered, usage: Usage) -> None:
        self._meter.add(usage)
        for future in self._take(asked):
            if future.set_running_or_notify_cancel():
                future.set_result(answer)

    def _fail(self, asked: "_Asked", error: BaseException) -> None:
        for future in self._take(asked):
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _take(self, asked: "_Asked") -> "list[Future[Answered]]":
        with self._lock:
            self._forget(asked)
            waiting, asked.waiting = asked.waiting, []
            return waiting

    def _give_up(self, asked: "_Asked", ended: Future[Answered]) -> None:
        if not ended.cancelled():
            return
        with self._lock:
            if any(not future.cancelled() for future in asked.waiting) or not asked.waiting:
                return
            asked.is_given_up = True
            self._forget(asked)
            behind = asked.behind
        if behind is not None:
            behind.cancel()

    def _forget(self, asked: "_Asked") -> None:
        """Let an equal request be a new one; the lock is held."""
        if self._asked.get(asked.request.key) is asked:
            del self._asked[asked.request.key]
            self._meter.end()


class _Asked:
    """One request that is being answered, and all who wait for it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.waiting: list[Future[Answered]] = []
        self.behind: Future[Answered] | None = None
        self.is_given_up = False
