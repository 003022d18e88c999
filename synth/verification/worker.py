"""A child process that compares answers: what it is asked may never hurt the one that asks.

math-verify sets its limits by SIGALRM, which only a main thread may use, and no signal handler
runs while a large power is being multiplied out. So algebra runs in a process whose own children
have limits that the kernel enforces (see ``worker_process``).
"""

import contextlib
import json
import subprocess
import sys
import threading

READY = b"ready\n"
"""First line of the child: it is up and can import the algebra."""

_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from synth.verification.worker_process import main
main()
"""
"""Starts the child with the modules of this process, wherever they were found; an environment
variable would change what the interpreter itself finds while it starts."""


class ComparisonWorker:
    """One child, started when first needed, again if it dies. Thread-safe, one pair at a time.

    ``memory_limit_bytes`` bounds the address space of a comparison.
    """

    def __init__(
        self,
        *,
        cpu_limit_seconds: int,
        wall_limit_seconds: float,
        memory_limit_bytes: int = 2 << 30,
    ) -> None:
        self._limits = (cpu_limit_seconds, wall_limit_seconds, memory_limit_bytes)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def is_equivalent(self, gold: str, answer: str) -> bool | None:
        """Whether two answers say the same; None where a limit was hit or the algebra raised.

        Raises RuntimeError when the child does not start at all.
        """
        with self._lock:
            for _ in range(2):
                reply = self._ask(json.dumps([gold, answer]).encode() + b"\n")
                if reply:
                    return {b"1": True, b"0": False}.get(reply.strip())
                self._stop()  # killed from outside: once more with a new one
            return None

    def close(self) -> None:
        """End the child; the next comparison would start another."""
        with self._lock:
            self._stop()

    def _ask(self, line: bytes) -> bytes:
        process = self._start()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the comparison process has no pipes")
        try:
            process.stdin.write(line)
            process.stdin.flush()
            return process.stdout.readline()
        except BrokenPipeError:
            return b""

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            arguments = [json.dumps(sys.path), *map(str, self._limits)]
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            if self._process.stdout is None or self._process.stdout.readline() != READY:
                self._stop()
                raise RuntimeError(
                    "the comparison process did not start; what stopped it is on standard error"
                )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()  # its end of file
        try:
            process.wait(timeout=self._limits[1] + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
