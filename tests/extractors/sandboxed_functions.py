"""Functions for ``test_sandbox``: importable, because a child process imports them by name."""

import ctypes
import os
import signal
import sys
import time

from extractors import pdf
from extractors.extraction import Extraction, NotADocumentError

SERVED: list[str] = []
"""What this process was given so far: shows whether a child is new."""


def behave(order: str) -> str:  # noqa: C901, PLR0912 -- one branch a misbehaviour
    """Do what ``order`` says; anything unknown is answered in capitals."""
    SERVED.append(order)
    if order == "segfault":
        print("about to read address 0", file=sys.stderr, flush=True)
        ctypes.string_at(0)
    if order == "segfault unless fresh" and len(SERVED) > 1:
        ctypes.string_at(0)
    if order == "burn cpu":
        while True:
            pass
    if order == "burn cpu with signals ignored in python":
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        while True:
            pass
    if order == "sleep":
        time.sleep(3600)
    if order == "eat memory":
        return str(len(bytearray(1 << 31)))
    if order == "raise":
        raise ValueError("no such thing")
    if order == "raise recursion":
        return behave(order)
    if order == "reject":
        raise NotADocumentError("text.empty", "0")
    if order == "exit":
        os._exit(3)
    if order == "print":
        print("to stdout, which must not be taken for an answer", flush=True)
    if order == "unpicklable":
        return lambda: ""  # type: ignore[return-value]
    if order == "served":
        return ",".join(SERVED)
    return order.upper()


def hash_of(text: str) -> int:
    """The salted hash of ``text``: equal in two processes only with a fixed seed."""
    return hash(text)


def process_id(_: object) -> int:
    """The pid of the child."""
    return os.getpid()


def busy_once(_: object) -> None:
    """Burn more CPU time than an item may, the first time."""
    if not SERVED:
        deadline = time.process_time() + 1
        while time.process_time() < deadline:
            pass


def fail_to_prepare(_: object) -> None:
    """Fail as a preparation may."""
    raise ValueError("nothing to prepare")


def extract_pdf(item: tuple[bytes, bool]) -> Extraction:
    """A PDF's text; the second of ``item`` says whether a process died of it before."""
    data, is_retry = item
    return pdf.extract(data, guard_seconds=1.0 if is_retry else None)
