"""The child process of ``extractors.sandbox``: one function, one item after another, under limits.

Started as ``python -m extractors.sandbox_child REQUESTS RESULTS`` with two inherited pipe ends.
Frames are an 8-byte length and that many bytes. The first frame is the pickled set-up
``(function, time_limit_seconds, wall_limit_seconds, memory_limit_bytes, prepare)``; it is answered
by one result. Each later frame is a pickled list of pickled items, answered by one result an item.
A result is the pickled pair ``(outcome, is_spent)``; see :func:`outcome_of` for the outcomes.

The kernel enforces the limits, whatever native code is doing and whether or not the parent still
lives: both timers keep their default action, which ends the process.
"""

import contextlib
import faulthandler
import os
import pickle
import resource
import select
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from extractors.extraction import NotADocumentError
from pipeline.errors import trace

HEADER = struct.Struct(">Q")
PARENT_POLL_SECONDS = 10.0
"""How often an idle child looks whether its parent died without closing the pipe (a forked copy
of the parent can hold the other end open)."""

Outcome = tuple[str, Any]


def write_frame(pipe: BinaryIO, body: bytes) -> None:
    """Send ``body``; raises BrokenPipeError when nobody reads."""
    pipe.write(HEADER.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def read_frame(pipe: BinaryIO) -> bytes | None:
    """The next frame, or None when the other side is gone, also in the middle of a frame."""
    header = pipe.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = pipe.read(length)
    return body if len(body) == length else None


def main(requests_fd: int, results_fd: int) -> None:
    """Serve until the request pipe closes or the parent dies."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The parent's thread may have had these ignored or blocked, and both are inherited.
    for limit in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(limit, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGPROF, signal.SIGALRM))
    # Ctrl-C reaches the whole process group; the parent decides, and closing the pipe ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    parent = os.getppid()
    with open(requests_fd, "rb") as requests, open(results_fd, "wb") as results:
        setup = read_frame(requests)
        if setup is None:
            return
        outcome = outcome_of(pickle.loads, setup)
        is_loaded = outcome[0] == "ok"
        write_frame(results, pickle.dumps((("loaded", None) if is_loaded else outcome, False)))
        if not is_loaded:
            return
        function, time_limit_seconds, wall_limit_seconds, memory_limit_bytes, prepare = outcome[1]
        idle_bytes = _address_space_bytes()
        while _wait_for_request(requests, parent) and (frame := read_frame(requests)) is not None:
            for item in pickle.loads(frame):
                argument = pickle.loads(item)
                if prepare is not None:
                    held_bytes = _address_space_bytes()
                    with contextlib.suppress(Exception):
                        prepare(argument)
                    idle_bytes += _address_space_bytes() - held_bytes
                with _limits(time_limit_seconds, wall_limit_seconds, memory_limit_bytes):
                    outcome = outcome_of(function, argument)
                is_spent = _address_space_bytes() - idle_bytes > memory_limit_bytes
                write_frame(results, _pickled(outcome, is_spent=is_spent))


def outcome_of(function: Callable[[Any], Any], argument: object) -> Outcome:
    """One of ``("ok", value)``, ``("rejected", (reason, value))``, ``("failed", (type, ...))``."""
    try:
        return "ok", function(argument)
    except NotADocumentError as judged:
        return "rejected", (judged.reason, judged.value)
    except Exception as error:  # noqa: BLE001 -- whatever an item raises is its own failure
        return "failed", (type(error).__name__, str(error), trace(error))


def _pickled(outcome: Outcome, *, is_spent: bool) -> bytes:
    try:
        return pickle.dumps((outcome, is_spent), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 -- a value that cannot travel fails its item
        failed = ("failed", (type(error).__name__, str(error), trace(error)))
        return pickle.dumps((failed, is_spent))


@contextlib.contextmanager
def _limits(
    time_limit_seconds: float, wall_limit_seconds: float, memory_limit_bytes: int
) -> Iterator[None]:
    """CPU time, wall time and address space that one item may use, measured from here.

    The address space counts from what the child holds now, so that an item is not charged for
    what earlier ones left behind.
    """
    before, ceiling = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space_bytes() + memory_limit_bytes
    if ceiling != resource.RLIM_INFINITY:
        limit = min(limit, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (limit, ceiling))
    signal.setitimer(signal.ITIMER_REAL, wall_limit_seconds)
    signal.setitimer(signal.ITIMER_PROF, time_limit_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (before, ceiling))


def _address_space_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    except FileNotFoundError:  # not Linux: the limit then counts from zero
        return 0


def _wait_for_request(requests: BinaryIO, parent: int) -> bool:
    # The parent sends one frame and waits for its results, so nothing can lie in the read buffer.
    while not select.select([requests], [], [], PARENT_POLL_SECONDS)[0]:
        if os.getppid() != parent:
            return False
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
