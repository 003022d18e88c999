"""Any server that speaks OpenAI's ``/v1/chat/completions``: vLLM, SGLang, llama.cpp, a cloud.

An event loop in a thread of its own keeps a sliding window of requests in flight: a new one starts
as soon as one ends, whatever the others do. Measured against batches of the same size on a server
of mixed latency: 20 requests a second against 12, of at most 25.
"""

import asyncio
import random
import resource
import weakref
from collections import deque
from concurrent.futures import Future
from dataclasses import replace

import aiohttp

from pipeline.errors import ConfigError
from synth.engines.attempt import Fate, Outcome, ask
from synth.engines.endpoint import EndpointConfig
from synth.engines.event_loop import make_event_loop, start_loop_thread
from synth.engines.pool import FAULTS_TO_LEAVE, Asked, Pool, Server
from synth.engines.rate_limit import RateLimit
from synth.request import Answered, Completion, Request, RequestFailure

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 60.0

CONNECT_TIMEOUT_SECONDS = 30.0
"""Longest wait for a connection: a server whose queue of them is full answers within seconds."""

KEPT_OPEN_SECONDS = 4.0
"""How long a connection may idle and be used again: less than the 5 s after which uvicorn, under
vLLM and SGLang, closes it, so that no request is sent into a connection that is being closed."""

MAX_UNSENT = 20
"""Connections refused to one request that are no attempts: more than a pool has servers, and an
end to it where a server is well and refuses all the same."""

STARTS_PER_TURN = 16
"""Requests begun in one turn of the loop, so that the first are sent before the last are begun."""

SPARE_FILES = 256
"""Open files that a worker process needs besides its connections."""


class OpenAIEngine:
    """One endpoint of one or several servers, shared by all threads of a process.

    Waits for a server at the first request, not before. The API key is read from the environment
    then, goes into one header, and is struck out of every message a server sends back.

    A request whose server fails is asked of another at once. While no server is well requests wait,
    for ``ready_timeout_seconds``; then they raise ConfigError.
    """

    def __init__(self, endpoint: EndpointConfig) -> None:
        _allow_connections(endpoint.window)
        self._max_in_flight = endpoint.window
        self._loop = make_event_loop()
        self._client = _Client(endpoint, self._loop)
        self._thread = start_loop_thread(self._loop, "openai-engine")
        # The thread knows the loop, not the engine: an engine that is dropped stops its thread.
        self._finalizer = weakref.finalize(self, _stop_loop, self._loop, self._client)

    @property
    def max_in_flight(self) -> int:
        """Requests that are asked at once; more of them wait their turn."""
        return self._max_in_flight

    def submit(self, request: Request) -> Future[Answered]:
        """As :meth:`Engine.submit`; cancelling drops the connection, so that the server stops."""
        return self._client.submit(request)

    def fail(self, error: ConfigError) -> None:
        """Raise ``error`` for all requests that have no answer yet, and for all to come."""
        self._loop.call_soon_threadsafe(self._client.fail, error, True)

    def close(self) -> None:
        """Close the connections, cancel what has no answer, and end the thread."""
        self._finalizer()
        self._thread.join()


class _Client:
    """What happens on the event loop; every method but ``submit`` runs there."""

    def __init__(self, endpoint: EndpointConfig, loop: asyncio.AbstractEventLoop) -> None:
        self._endpoint = endpoint
        self._loop = loop
        self._limit = RateLimit(endpoint, loop.time())
        self._api_key: str | None = None
        self._session: aiohttp.ClientSession | None = None
        self._pool: Pool | None = None
        self._error: ConfigError | None = None
        self._arrived: deque[Asked] = deque()
        self._is_woken = False
        self._waiting: deque[Asked] = deque()
        self._open: set[Asked] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._num_answered = 0

    def submit(self, request: Request) -> Future[Answered]:
        """Take in a request, from any thread."""
        asked = Asked(request)
        asked.future.add_done_callback(lambda ended: self._notice(asked, ended))
        self._arrived.append(asked)
        # One wake-up for all that arrive before the loop runs: it costs a system call.
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._take_in)
        return asked.future

    def fail(self, error: ConfigError, is_final: bool) -> None:  # noqa: FBT001 - as Pool calls it
        """Raise ``error`` for all that is open; when final, for all that comes, too."""
        if is_final:
            self._error = error
        opened, self._open = self._open, set()
        self._waiting.clear()
        for asked in opened:
            if asked.task is not None:
                asked.task.cancel()
            if asked.future.set_running_or_notify_cancel():
                asked.future.set_exception(error)

    async def close(self) -> None:
        """Cancel all that is open, then close the connections."""
        self._receive()
        opened, self._open = self._open, set()
        tasks = [asked.task for asked in opened if asked.task is not None]
        for task in tasks:
            task.cancel()
        for asked in opened:
            asked.future.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        if self._session is not None:
            await self._session.close()

    def _notice(self, asked: Asked, ended: Future[Answered]) -> None:
        if ended.cancelled() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._give_up, asked)

    def _give_up(self, asked: Asked) -> None:
        self._open.discard(asked)
        if asked.task is not None:
            asked.task.cancel()

    def _take_in(self) -> None:
        self._is_woken = False
        self._start_waiting()

    def _receive(self) -> None:
        while self._arrived:
            asked = self._arrived.popleft()
            self._open.add(asked)
            self._waiting.append(asked)

    def _start_waiting(self) -> None:
        """Start as many requests as there is room for, a few in one turn of the loop."""
        self._receive()
        num_started = 0
        while self._waiting:
            if num_started == STARTS_PER_TURN:
                self._loop.call_soon(self._start_waiting)
                return
            asked = self._waiting[0]
            if asked not in self._open:
                self._waiting.popleft()
                continue
            try:
                pool = self._open_pool()
            except ConfigError as error:
                self.fail(error, True)
                return
            now = self._loop.time()
            server = pool.pick(now, asked.avoided)
            if server is None:
                pool.expect(now)
                self._wake_in(pool.seconds_paused(now))
                return
            wait = self._limit.seconds_until(asked.request, now)
            if wait > 0:
                self._wake_in(wait)
                return
            self._start(self._waiting.popleft(), server, now)
            num_started += 1

    def _wake_in(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self._start_waiting)

    def _start(self, asked: Asked, server: Server, now: float) -> None:
        asked.num_answered_before = self._num_answered
        asked.avoided = None
        server.in_flight.add(asked)
        counted = self._limit.take(asked.request, now)
        asked.task = self._loop.create_task(self._attempt(asked, server, counted))
        # Not in the task itself: one that is cancelled before its first step runs none of it.
        asked.task.add_done_callback(lambda task: self._leave(asked, server, task))

    def _leave(self, asked: Asked, server: Server, task: asyncio.Task[None]) -> None:
        server.in_flight.discard(asked)
        asked.task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._open.discard(asked)
            if asked.future.set_running_or_notify_cancel():
                asked.future.set_exception(error)
        elif asked.is_moved:
            asked.is_moved = False
            asked.num_unsent += 1
            asked.avoided = server
            self._retry(asked)
        self._start_waiting()

    async def _attempt(self, asked: Asked, server: Server, counted: float) -> None:
        sent_at = self._loop.time()
        url = f"{server.url}/chat/completions"
        outcome = await ask(self._open_session(), url, asked.request, self._api_key)
        now = self._loop.time()
        match outcome.fate:
            case Fate.ANSWERED:
                server.succeed()
                self._num_answered += 1
                if isinstance(outcome.answer, Completion):
                    self._limit.settle(asked.request, counted, outcome.answer, now)
                self._resolve(asked, outcome.answer)
                return
            case Fate.REFUSED:
                self._slow_down(server, sent_at, now, outcome.retry_after_seconds)
                # While others get through, the limit is one of speed and this one's turn comes;
                # where nobody does, a quota is spent and trying has to end.
                asked.num_attempts += self._num_answered == asked.num_answered_before
            case Fate.FAULT:
                asked.num_attempts += 1
                server.faults_in_row += 1
                if server.faults_in_row >= FAULTS_TO_LEAVE:
                    self._take_out(server, outcome)
            case Fate.UNREACHABLE:
                asked.num_unsent += 1
                asked.num_attempts += asked.num_unsent > MAX_UNSENT
                self._take_out(server, outcome)
                self._move(server)
        self._try_again(asked, server, outcome)

    def _try_again(self, asked: Asked, server: Server, outcome: Outcome) -> None:
        """Ask once more, now or later, or hand out the failure."""
        if asked.num_attempts >= self._endpoint.max_attempts:
            failure = outcome.answer
            if isinstance(failure, RequestFailure):
                failure = replace(failure, attempts=asked.num_attempts)
            self._resolve(asked, failure)
            return
        asked.avoided = server
        is_elsewhere = self._pool is not None and self._pool.has_other(server)
        if outcome.fate is Fate.UNREACHABLE or (outcome.fate is Fate.FAULT and is_elsewhere):
            self._retry(asked)
            return
        delay = max(outcome.retry_after_seconds, _delay_seconds(max(asked.num_attempts, 1)))
        self._loop.call_later(delay, self._retry, asked)

    def _retry(self, asked: Asked) -> None:
        self._waiting.appendleft(asked)
        self._loop.call_soon(self._start_waiting)

    def _slow_down(
        self, server: Server, sent_at: float, now: float, retry_after_seconds: float
    ) -> None:
        if server.window.refuse(sent_at, now):
            server.refusals_in_row += 1
            pause = max(retry_after_seconds, _delay_seconds(server.refusals_in_row))
            server.paused_until = max(server.paused_until, now + pause)

    def _take_out(self, server: Server, outcome: Outcome) -> None:
        if self._pool is not None and isinstance(outcome.answer, RequestFailure):
            self._pool.take_out(server, outcome.answer.message)

    def _move(self, server: Server) -> None:
        """Ask elsewhere what is in flight at a server that cannot be reached."""
        current = asyncio.current_task()
        for asked in server.in_flight:
            if asked.task is not None and asked.task is not current and asked in self._open:
                asked.is_moved = True
                asked.task.cancel()

    def _resolve(self, asked: Asked, answer: Answered) -> None:
        self._open.discard(asked)
        if asked.future.set_running_or_notify_cancel():
            asked.future.set_result(answer)

    def _open_pool(self) -> Pool:
        if self._error is not None:
            raise self._error
        if self._pool is None:
            self._pool = Pool(
                self._endpoint,
                self._open_session(),
                on_ready=self._start_waiting,
                on_unreachable=self._move,
                on_failure=self.fail,
            )
        return self._pool

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._api_key = self._endpoint.read_api_key()
            headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_OPEN_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    total=self._endpoint.attempt_timeout_seconds,
                    sock_connect=CONNECT_TIMEOUT_SECONDS,
                ),
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _delay_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential backoff and jitter", 2015)."""
    ceiling = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** (attempt - 1))
    return random.uniform(0, ceiling)  # noqa: S311 - spreads retries, decides no output


def _allow_connections(number: int) -> None:
    """Raise this process's limit of open files to ``number`` connections and the rest.

    ConfigError when the system's limit is lower.
    """
    wanted = number + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ConfigError(
            f"endpoint.max_in_flight: {number} connections need {wanted} open files, and this "
            f"process may have {hard}; lower it, or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop_loop(loop: asyncio.AbstractEventLoop, client: _Client) -> None:
    """Close the client on its loop and end the loop; returns at once, from any thread."""

    async def shut_down() -> None:
        await client.close()
        loop.stop()

    loop.call_soon_threadsafe(lambda: loop.create_task(shut_down()))
