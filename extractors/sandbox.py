"""Runs a function in a child process, so that native code can crash, hang or eat memory alone.

PyMuPDF and HTML parsers are C; one input in a million makes them crash or loop. A child that dies
takes one item with it: that item comes back as :class:`Failed`, and the rest go on in a new child.

Time is CPU time of the child, so that a busy machine does not change which items fail; a wall
limit :data:`WALL_PER_CPU` times as long ends what waits without computing.
"""

import contextlib
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Generic, Self, TypeVar

from extractors.sandbox_child import outcome_of, read_frame, write_frame
from pipeline.errors import ConfigError

T = TypeVar("T")
R = TypeVar("R")

WALL_PER_CPU = 20.0
"""Wall seconds an item may take for each second of CPU time it may use."""

FRAME_BYTES = 1 << 20
"""Items are sent together up to this size; a larger item travels alone. One frame an item costs
64 us more per item than frames of 64 (reference measurement on 20 kB items)."""

LAST_WORDS_CHARS = 2000
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Ok(Generic[R]):
    """The function returned ``value``."""

    value: R


@dataclass(frozen=True)
class Rejected:
    """The function raised NotADocumentError: the item was judged."""

    reason: str
    value: str | None


@dataclass(frozen=True)
class Failed:
    """The function raised, or its process died.

    ``error_type`` is the exception's class name, or one of ``Crashed``, ``CpuTimeLimit`` and
    ``WallTimeLimit``, for which ``traceback`` is None and ``message`` ends in what the child
    last wrote to stderr.
    """

    error_type: str
    message: str
    traceback: str | None


def run_here(function: Callable[[T], R], item: T) -> Ok[R] | Rejected | Failed:
    """What a Sandbox would say of ``item``, without one and without limits.

    For a function that calls no native parser and whose time and memory its input bounds.
    """
    return _decode(outcome_of(function, item))


class Sandbox(Generic[T, R]):
    """One child process that applies ``function`` to items, under limits for each item.

    ``function`` must be picklable by reference (importable, or a ``functools.partial`` of such)
    and is imported by the child once. ``memory_limit_bytes`` is address space beyond what the
    child held before the item. ``prepare`` is called with each item before its limits start, for
    what a process does once (compiling, loading); what it raises is passed over. The child starts
    with the first ``map`` and lives until ``close`` or the end of this process. Not thread-safe:
    one Sandbox for each thread.

    The child runs with a fixed hash seed, so that an extractor that iterates over a set gives
    the same text everywhere.
    """

    def __init__(
        self,
        function: Callable[[T], R],
        *,
        time_limit_seconds: float,
        memory_limit_bytes: int,
        prepare: Callable[[T], None] | None = None,
    ) -> None:
        wall_limit_seconds = time_limit_seconds * WALL_PER_CPU
        self._function = function
        self._time_limit_seconds = time_limit_seconds
        self._wall_limit_seconds = wall_limit_seconds
        self._setup = pickle.dumps(
            (function, time_limit_seconds, wall_limit_seconds, memory_limit_bytes, prepare)
        )
        self._child: _Child | None = None

    def map(self, items: Sequence[T]) -> list[Ok[R] | Rejected | Failed]:
        """Apply the function to every item; outcomes come in the order of ``items``.

        Raises ConfigError when the child cannot import the function.
        """
        pickled = [pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL) for item in items]
        outcomes: list[Ok[R] | Rejected | Failed] = []
        try:
            while len(outcomes) < len(pickled):
                if self._child is None:
                    self._child = self._start()
                self._run_frame(self._child, _frame(pickled, len(outcomes)), outcomes)
        except BaseException:
            # Interrupted between a request and its answer: the child's next answer would be
            # taken for another item's.
            self.close()
            raise
        return outcomes

    def map_twice(
        self, items: Sequence[T], retried: Callable[[T], T | None]
    ) -> list[Ok[R] | Rejected | Failed]:
        """As ``map``, but an item whose process died is tried again as ``retried`` gives it.

        The first outcome stands where ``retried`` gives None or the second try fails too.
        """
        outcomes = self.map(items)
        for index, (item, outcome) in enumerate(zip(items, outcomes, strict=True)):
            if isinstance(outcome, Failed) and outcome.traceback is None:
                again = retried(item)
                second = outcome if again is None else self.map([again])[0]
                outcomes[index] = outcome if isinstance(second, Failed) else second
        return outcomes

    def close(self) -> None:
        """End the child; the next ``map`` starts another."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> "_Child":
        child = _Child()
        child.send(self._setup)
        answer = child.receive()
        if answer is None or answer[0][0] != "loaded":
            detail = child.obituary() if answer is None else answer[0][1][2]
            child.close()
            raise ConfigError(f"the sandbox could not load {self._function!r}: {detail}")
        return child

    def _run_frame(
        self, child: "_Child", frame: list[bytes], outcomes: list[Ok[R] | Rejected | Failed]
    ) -> None:
        """Append the outcomes of ``frame``'s items, up to the one that ended the child.

        A child that served other items before may have died of what they left behind, so its last
        item is left out, and gets its verdict from a fresh child.
        """
        child.send(pickle.dumps(frame))
        is_spent = False
        for _ in frame:
            answer = child.receive()
            if answer is None:
                failed = self._failure(child)
                if child.items_served == 0 or failed.error_type != "Crashed":
                    outcomes.append(failed)
                is_spent = True
                break
            child.items_served += 1
            outcome, is_spent = answer
            outcomes.append(_decode(outcome))
        if is_spent:
            self.close()

    def _failure(self, child: "_Child") -> Failed:
        status = child.wait()
        if status == -signal.SIGPROF:
            limit = f"used more than {self._time_limit_seconds:g} s of CPU time"
            return Failed("CpuTimeLimit", limit, None)
        if status == -signal.SIGALRM:
            limit = f"did not finish in {self._wall_limit_seconds:g} s"
            return Failed("WallTimeLimit", limit, None)
        return Failed("Crashed", child.obituary(), None)


class _Child:
    """A running ``extractors.sandbox_child``: its process, its pipes and its stderr."""

    def __init__(self) -> None:
        self.items_served = 0
        # A file and not a pipe: nobody has to drain it while the child works.
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the child
        child_requests, requests = os.pipe()
        results, child_results = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "extractors.sandbox_child"),
                    *(str(child_requests), str(child_results)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=(child_requests, child_results),
                env=_child_environment(),
            )
        except BaseException:
            os.close(requests)
            os.close(results)
            self._stderr.close()
            raise
        finally:
            os.close(child_requests)
            os.close(child_results)
        self._requests = os.fdopen(requests, "wb")
        self._results = os.fdopen(results, "rb")

    def send(self, frame: bytes) -> None:
        # A dead child is noticed by whoever reads its answer.
        with contextlib.suppress(BrokenPipeError):
            write_frame(self._requests, frame)

    def receive(self) -> tuple[tuple[str, Any], bool] | None:
        """The next answer; None when the child died."""
        frame = read_frame(self._results)
        if frame is None:
            return None
        answer: tuple[tuple[str, Any], bool] = pickle.loads(frame)
        return answer

    def wait(self) -> int:
        """The exit status of a child that closed its side; one that lives on is killed."""
        try:
            return self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def obituary(self) -> str:
        """How the child ended, with the last lines of its stderr."""
        status = self.wait()
        if status < 0:
            ending = f"the process died of {signal.Signals(-status).name}"
        else:
            ending = f"the process ended with status {status}"
        size = os.fstat(self._stderr.fileno()).st_size
        tail_bytes = 8 * LAST_WORDS_CHARS
        tail = os.pread(self._stderr.fileno(), tail_bytes, max(0, size - tail_bytes))
        text = _last_words(tail.decode(errors="replace"))
        return f"{ending}; its last words: {text}" if text else ending

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        self.wait()
        self._results.close()
        self._stderr.close()


def _frame(pickled: Sequence[bytes], start: int) -> list[bytes]:
    """The items from ``start`` that travel together: at least one, at most FRAME_BYTES."""
    end, size = start + 1, len(pickled[start])
    while end < len(pickled) and size + len(pickled[end]) <= FRAME_BYTES:
        size += len(pickled[end])
        end += 1
    return list(pickled[start:end])


def _last_words(stderr: str) -> str:
    """The end of ``stderr`` without what differs between runs and machines or fills the page."""
    lines = [line for line in stderr.splitlines() if not line.startswith("Extension modules:")]
    text = re.sub(r"0x[0-9a-f]+", "0x...", "\n".join(lines))
    return re.sub(r'File "[^"\n]*/', 'File "', text).strip()[-LAST_WORDS_CHARS:]


def _decode(outcome: tuple[str, Any]) -> Ok[Any] | Rejected | Failed:
    kind, value = outcome
    if kind == "ok":
        return Ok(value)
    return Rejected(*value) if kind == "rejected" else Failed(*value)


def _child_environment() -> dict[str, str]:
    # The child must import what this process can, also where a runner extended sys.path.
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"}
