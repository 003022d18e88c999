"""A real HTTP server on the loopback that solves sums, sometimes wrongly, and fails on demand."""

import hashlib
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MODEL = "little-adder"
SUM = re.compile(r"What is (\d+) \+ (\d+)\?")


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: a status, a dropped connection, or a slow answer."""

    status: int | None = None
    retry_after_seconds: float | None = None
    is_dropped: bool = False
    delay_seconds: float = 0.0
    body: bytes | None = None


FaultOf = Callable[[Mapping[str, Any], int], Fault | None]
"""The fault for a request body at its attempt (from 1); None answers well."""

AnswerOf = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The chat completion for a request body."""


def problem_of(body: Mapping[str, Any]) -> str:
    match = SUM.search(body["messages"][-1]["content"])
    return match.group() if match else ""


def is_right(problem: str, seed: int) -> bool:
    """About two samples in three, decided by the problem and the seed alone."""
    return hashlib.sha256(f"{problem}/{seed}".encode()).digest()[0] % 3 != 0


def solve(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the model says: reasoning, then the sum, off by ten when it is wrong."""
    problem, seed = problem_of(body), body["seed"]
    match = SUM.search(problem)
    assert match is not None, body
    total = int(match.group(1)) + int(match.group(2)) + (0 if is_right(problem, seed) else 10)
    text = f"<think>\nI add them, sample {seed}.\n</think>\n\nThe sum is $\\boxed{{{total}}}$."
    return {
        "model": MODEL,
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 20},
    }


@dataclass
class ChatServer:
    """Serves ``/v1`` while the block runs; every chat request is kept in ``asked``."""

    fault_of: FaultOf = lambda _body, _attempt: None
    answer_of: AnswerOf = solve
    models: tuple[str, ...] = (MODEL,)
    models_status: int = 200
    health_status: int = 200
    api_key: str | None = None
    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    peak_in_flight: int = 0

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._connections = threading.local()
        self._in_flight = 0
        self._attempts: Counter[str] = Counter()
        owner = self

        class Handler(_Handler):
            server_of_test = owner

        self._server = _Server(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def enter(self, body: dict[str, Any], connection: socket.socket) -> int:
        self._connections.socket = connection
        with self._lock:
            self.asked.append(body)
            self._in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
            key = json.dumps(body, sort_keys=True)
            self._attempts[key] += 1
            return self._attempts[key]

    def wait_until_hung_up(self, seconds: float) -> None:
        """To be called by ``fault_of``: return once the client has closed the connection."""
        connection = self._connections.socket
        connection.settimeout(seconds)
        assert connection.recv(1, socket.MSG_PEEK) == b""

    def leave(self) -> None:
        with self._lock:
            self._in_flight -= 1


def free_port() -> int:
    """A port of the loopback where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server_of_test: ChatServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self._is_refused():
            return
        if self.path == "/health":
            self._reply(self.server_of_test.health_status, b"")
            return
        data = [{"id": name} for name in self.server_of_test.models]
        self._reply(self.server_of_test.models_status, json.dumps({"data": data}).encode())

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        if self._is_refused():
            return
        attempt = self.server_of_test.enter(body, self.connection)
        try:
            fault = self.server_of_test.fault_of(body, attempt)
            if fault is not None:
                time.sleep(fault.delay_seconds)
                if fault.is_dropped:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if fault.body is not None:
                    self._reply(fault.status or 200, fault.body, fault.retry_after_seconds)
                    return
                if fault.status is not None:
                    message = f"fault {fault.status}, {self.headers.get('Authorization')}".encode()
                    self._reply(fault.status, message, fault.retry_after_seconds)
                    return
            self._reply(200, json.dumps(self.server_of_test.answer_of(body)).encode())
        finally:
            self.server_of_test.leave()

    def _is_refused(self) -> bool:
        key = self.server_of_test.api_key
        if key is not None and self.headers.get("Authorization") != f"Bearer {key}":
            self._reply(401, b"who are you?")
            return True
        return False

    def _reply(self, status: int, body: bytes, retry_after_seconds: float | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if retry_after_seconds is not None:
            self.send_header("Retry-After", str(retry_after_seconds))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""
