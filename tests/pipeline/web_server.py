"""A real HTTP server on the loopback that serves pages well, badly, slowly or without an end."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SENTENCE = "A sentence that is long enough to count as the running text of a page."
PAGE = f"<html lang=en><title>T</title><body><main><p>{SENTENCE}</p><a href=/b>b</a></main></body>"

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers by path; an answer may watch ``stopping`` to end when the server does."""

    answers: dict[str, Answer]
    stopping: threading.Event
    agents: list[str]

    def do_GET(self) -> None:
        self.agents.append(self.headers.get("User-Agent", ""))
        answer = self.answers.get(self.path)
        if answer is None:
            self.send_error(404)
            return
        answer(self)

    def log_message(self, *_: object) -> None:
        """Say nothing: tests read stderr."""

    def send(self, body: bytes, content_type: str | None, **headers: str) -> None:
        """A whole answer; underscores of header names stand for dashes."""
        self.send_response(200)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def sends(body: bytes, content_type: str | None, **headers: str) -> Answer:
    return lambda handler: handler.send(body, content_type, **headers)


def redirects(location: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hangs(handler: Handler) -> None:
    handler.stopping.wait()


def drips(handler: Handler) -> None:
    """A byte now and then: no single wait is long."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    while not handler.stopping.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def never_ends(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    while not handler.stopping.is_set():
        handler.wfile.write(b"<p>more" * 10_000)


def breaks_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"<p>half")
    handler.close_connection = True


ANSWERS: dict[str, Answer] = {
    "/page": sends(PAGE.encode(), "text/html; charset=utf-8"),
    "/moved": redirects("/page"),
    "/circle": redirects("/circle"),
    "/elsewhere": redirects("file:///etc/hostname"),
    "/latin": sends(
        PAGE.replace("sentence", "phrase fran\u00e7aise d\u00e9j\u00e0").encode("latin-1"),
        "text/html; charset=ISO-8859-1",
    ),
    "/greek": sends(
        PAGE.replace("sentence", "\u03bb\u03cc\u03b3\u03bf\u03c2").encode("cp1253"),
        "Text/HTML; Charset=windows-1253",
    ),
    "/gzip": sends(gzip.compress(PAGE.encode()), "text/html", Content_Encoding="gzip"),
    "/damaged": sends(gzip.compress(PAGE.encode())[:40], "text/html", Content_Encoding="gzip"),
    "/not-gzip": sends(PAGE.encode(), "text/html", Content_Encoding="gzip"),
    "/brotli": sends(PAGE.encode(), "text/html", Content_Encoding="br"),
    "/deflate": sends(zlib.compress(PAGE.encode()), "text/html", Content_Encoding="deflate"),
    "/bomb": sends(gzip.compress(bytes(10_000_000)), "text/html", Content_Encoding="gzip"),
    "/image": sends(b"\x89PNG\r\n\x1a\n", "image/png"),
    "/undeclared": sends(b"<!doctype html>" + PAGE.encode(), None),
    "/notes.txt": sends(b"Plain & simple\n", "text/plain; charset=utf-8"),
    "/sums.py": sends(b"def add(a, b):\n    return a + b\n", "text/x-python"),
    "/book.ipynb": sends(
        b'{"cells": [{"cell_type": "markdown", "source": "# Sums\\n\\nWe add."}], '
        b'"nbformat": 4, "metadata": {}}',
        "text/plain",
    ),
    "/hangs": hangs,
    "/drips": drips,
    "/endless": never_ends,
    "/half": breaks_off,
}


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    """Address of the running server, and the User-Agents that asked, as they come."""
    stopping = threading.Event()
    agents: list[str] = []
    settings = {"answers": ANSWERS, "stopping": stopping, "agents": agents}
    server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), settings))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", agents
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what is tested."""
