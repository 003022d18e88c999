"""Several servers of one model: who is asked next, who is left out, and when it comes back.

All of it runs on one event loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any

import aiohttp

from pipeline.errors import ConfigError
from synth.engines.endpoint import EndpointConfig
from synth.engines.rate_limit import AdaptiveWindow
from synth.request import Answered, Request

READY_POLL_SECONDS = 0.5
MAX_POLL_SECONDS = 8.0
"""The delay between two probes of a server doubles from the first to the second of these."""

PROBE_TIMEOUT_SECONDS = 10.0

FAULTS_TO_LEAVE = 5
"""Attempts in a row that a server must fail to be left out: more than one bad request makes alone
while others get through, fewer than would cost a request all its attempts."""


class Asked:
    """One request, from its submission to its answer."""

    __slots__ = (
        "avoided",
        "future",
        "is_moved",
        "num_answered_before",
        "num_attempts",
        "num_unsent",
        "request",
        "task",
    )

    def __init__(self, request: Request) -> None:
        self.request = request
        self.future: Future[Answered] = Future()
        self.task: asyncio.Task[None] | None = None
        self.num_attempts = 0
        self.num_unsent = 0
        self.num_answered_before = 0
        self.avoided: Server | None = None
        self.is_moved = False


class Server:
    """One server and what is known of it."""

    def __init__(self, url: str, max_in_flight: int) -> None:
        self.url = url
        self.window = AdaptiveWindow(max_in_flight)
        self.in_flight: set[Asked] = set()
        self.is_ready = False
        self.is_watched = False
        self.paused_until = float("-inf")
        self.faults_in_row = 0
        self.refusals_in_row = 0
        self.reason: str | None = None

    def has_room(self, now: float) -> bool:
        """Whether it may be asked one more."""
        is_open = self.is_ready and now >= self.paused_until
        return is_open and len(self.in_flight) < self.window.size

    def succeed(self) -> None:
        """It answered well."""
        self.faults_in_row = self.refusals_in_row = 0
        self.window.accept()


class Pool:
    """The servers of an endpoint, each with a window of its own."""

    def __init__(
        self,
        endpoint: EndpointConfig,
        session: aiohttp.ClientSession,
        *,
        on_ready: Callable[[], None],
        on_unreachable: Callable[[Server], None],
        on_failure: Callable[[ConfigError, bool], None],
    ) -> None:
        """Begin to probe every server.

        ``on_ready`` is called when one may be asked, ``on_unreachable`` when what is in flight at
        one is lost, ``on_failure`` with an error and whether it is final: no server in time, which
        may pass, or a wrong model or key, which does not.
        """
        self.servers = [Server(url, endpoint.max_in_flight) for url in endpoint.servers]
        self._endpoint = endpoint
        self._session = session
        self._on_ready = on_ready
        self._on_unreachable = on_unreachable
        self._on_failure = on_failure
        self._deadline: float | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        for server in self.servers:
            self._watch(server)

    def pick(self, now: float, avoided: Server | None) -> Server | None:
        """The server with the fewest requests in flight that has room; None when there is none.

        ``avoided`` has just failed the request: it is asked again only where no other is ready.
        """
        open_servers = [server for server in self.servers if server.has_room(now)]
        if avoided is not None and self.has_other(avoided):
            open_servers = [server for server in open_servers if server is not avoided]
        return min(open_servers, key=lambda server: len(server.in_flight), default=None)

    def has_other(self, server: Server) -> bool:
        """Whether another one is ready."""
        return any(other.is_ready for other in self.servers if other is not server)

    def seconds_paused(self, now: float) -> float | None:
        """How long until the first of the paused servers may be asked; None when none is paused."""
        waits = [s.paused_until - now for s in self.servers if s.is_ready and s.paused_until > now]
        return min(waits, default=None)

    def expect(self, now: float) -> None:
        """Requests wait: from now on a server must come up within ``ready_timeout_seconds``."""
        if self._deadline is None and not any(server.is_ready for server in self.servers):
            self._deadline = now + self._endpoint.ready_timeout_seconds

    def take_out(self, server: Server, reason: str) -> None:
        """Ask ``server`` nothing more until a probe finds it well."""
        server.is_ready = False
        server.reason = reason
        self._watch(server)

    async def close(self) -> None:
        """Probe no more."""
        watchers = [*self._watchers]
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    def _watch(self, server: Server) -> None:
        if server.is_watched:
            return
        server.is_watched = True
        watcher = asyncio.get_running_loop().create_task(self._probe_until_ready(server))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _probe_until_ready(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        delay = READY_POLL_SECONDS
        while True:
            try:
                server.reason = await self._probe(server)
            except ConfigError as error:
                self._on_failure(error, True)
                return
            if server.reason is None:
                break
            self._on_unreachable(server)
            now = loop.time()
            if self._deadline is not None and now >= self._deadline:
                self._give_up()
            until_deadline = delay if self._deadline is None else max(self._deadline - now, 0.0)
            await asyncio.sleep(min(delay, until_deadline))
            delay = min(2 * delay, MAX_POLL_SECONDS)
        server.is_ready, server.is_watched = True, False
        server.faults_in_row = 0
        self._deadline = None
        self._on_ready()

    def _give_up(self) -> None:
        if any(server.is_ready or server.reason is None for server in self.servers):
            return  # or some have not been heard of yet
        self._deadline = None
        endpoint = self._endpoint
        states = "; ".join(f"{server.url}: {server.reason}" for server in self.servers)
        self._on_failure(
            ConfigError(
                f"endpoint: no server is ready to serve {endpoint.model!r} after "
                f"{endpoint.ready_timeout_seconds:g} s ({states}); start the server, correct "
                f"{'urls' if endpoint.urls else 'url'}, or raise ready_timeout_seconds"
            ),
            False,
        )

    async def _probe(self, server: Server) -> str | None:
        """None when ``server`` is well and has the model, else what is wrong with it.

        ConfigError for what waiting does not mend: a refused key, another model.
        """
        try:
            health, _ = await self._get(f"{server.url.rpartition('/')[0]}/health")
            if health >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return f"HTTP {health} for its health"  # vLLM, when its engine has died
            status, body = await self._get(f"{server.url}/models")
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            return str(error) or type(error).__name__
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ConfigError(
                f"endpoint: {server.url} refused the key (HTTP {status}); "
                f"api_key_env is {self._endpoint.api_key_env!r}"
            )
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            return None  # serves no list of models, but serves
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and health == HTTPStatus.OK:
            return None  # transformers serve, where it has no folder of downloads to list
        if status >= HTTPStatus.BAD_REQUEST:
            return f"HTTP {status}"
        _check_model(self._endpoint, server.url, body)
        return None

    async def _get(self, url: str) -> tuple[int, Any]:
        """Status and, where the answer is JSON, its body."""
        timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_SECONDS)
        async with self._session.get(url, timeout=timeout) as response:
            if response.status >= HTTPStatus.BAD_REQUEST or not url.endswith("/models"):
                return response.status, None
            return response.status, await response.json(content_type=None)


def _check_model(endpoint: EndpointConfig, url: str, body: Any) -> None:
    entries = body.get("data") if isinstance(body, dict) else None
    names = [entry["id"] for entry in entries or () if isinstance(entry, dict) and "id" in entry]
    if names and endpoint.model not in names:
        raise ConfigError(
            f"endpoint.model: {url} serves no {endpoint.model!r}; "
            f"it serves {', '.join(sorted(map(str, names))[:10])}"
        )
