"""The comparison process: reads pairs, answers ``1``, ``0`` or ``?``, and survives each of them.

It imports the algebra once and compares in a fork of itself, one for each pair: the fork has its
own limits on CPU time and memory, and whatever it did to sympy's caches is gone with it, so a
verdict never depends on the pairs before. Started by ``worker.ComparisonWorker``, which it tells
when it is ready; one pair a line: ``["gold", "answer"]``.
"""

import json
import logging
import os
import resource
import select
import signal
import sys
from typing import IO

from synth.verification.worker import READY


def serve(pairs: IO[bytes], replies: int, limits: tuple[int, float, int]) -> None:
    """Answer every line of ``pairs`` on the file descriptor ``replies``, until the end of file."""
    # Not at the top: the asking side imports this package's modules without paying for sympy.
    from synth.verification.comparison import is_equivalent

    logging.disable(logging.WARNING)  # math-verify warns that its own time limit is off
    is_equivalent("x+\\frac{1}{2}", "0.5+x")  # builds parser tables that all forks then share
    os.write(replies, READY)
    for line in pairs:
        gold, answer = json.loads(line)
        os.write(replies, _compare(gold, answer, limits) + b"\n")


def _compare(gold: str, answer: str, limits: tuple[int, float, int]) -> bytes:
    cpu_seconds, wall_seconds, memory_bytes = limits
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _limit(cpu_seconds, memory_bytes)
        os.write(writer, _verdict(gold, answer))
        os._exit(0)
    os.close(writer)
    try:
        is_ready, _, _ = select.select([reader], [], [], wall_seconds)
        verdict = os.read(reader, 1) if is_ready else b""
        if not is_ready:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    finally:
        os.close(reader)
    return verdict or b"?"


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _verdict(gold: str, answer: str) -> bytes:
    from synth.verification.comparison import is_equivalent

    try:
        return b"1" if is_equivalent(gold, answer) else b"0"
    except Exception:  # noqa: BLE001 - isolates one pair: sympy raises whatever its code meets
        return b"?"


def main() -> None:
    """Serve standard input; whatever a library prints goes to standard error."""
    replies = os.dup(1)
    os.dup2(2, 1)
    cpu_seconds, wall_seconds, memory_bytes = sys.argv[1:]
    serve(sys.stdin.buffer, replies, (int(cpu_seconds), float(wall_seconds), int(memory_bytes)))
