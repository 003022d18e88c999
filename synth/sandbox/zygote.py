"""An interpreter that waits inside the sandbox and forks itself into a fresh one for every program.

Runs alone, as ``python -I -S -c SOURCE`` below bubblewrap, and imports nothing of ours. What starts
it gave it a user namespace without the host's files and network. For each request it clones a child
into new process, mount and IPC namespaces: the child is the first process there and dies last, so
nothing outlives a program. The child mounts empty file systems, forks the program's process, and
that one gives up its capabilities, takes its limits and the system call filter, and executes.

Nothing that a program does reaches a later one: the zygote executes none itself, all that it can
write to is the program's own, and programs may not read or write its memory.

A request on standard input is a length and JSON; the reply is ``REPLY`` and the two outputs.
"""

# Starts fast and stays small, so without pathlib; isolates whatever a program raises; ends a
# program as the interpreter does, by functions that have no public name.
# ruff: noqa: BLE001, PTH102, PTH103, PTH118, PTH120, PTH123, PTH208, S108, SLF001

import atexit

# Loaded once for all programs; what they most often import.
import bisect  # noqa: F401
import builtins
import collections  # noqa: F401
import contextlib
import copy  # noqa: F401
import ctypes
import dataclasses  # noqa: F401
import decimal  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import gc
import heapq  # noqa: F401
import itertools  # noqa: F401
import json
import linecache
import math  # noqa: F401
import operator  # noqa: F401
import os
import platform
import random
import re  # noqa: F401
import resource
import select
import signal
import statistics  # noqa: F401
import string  # noqa: F401
import struct
import sys
import threading
import time
import traceback
import types
from typing import Any

Limits = dict[str, Any]

LENGTH = struct.Struct("<I")
REPLY = struct.Struct("<BiddII")
"""Index of the ending, exit code (or minus the signal), CPU and wall seconds, bytes of outputs."""

ENDINGS = ("exited", "cpu", "wall", "memory", "output", "killed")

POLL_SECONDS = 0.02
"""How often processes are looked at. Memory can grow by what a core writes in this time, some
50 MB, before all are killed."""

MAX_STACK_BYTES = 64 << 20
"""For the recursion that judges allow; below what the kernel keeps free under a stack (128 MB)."""

MAX_OPEN_FILES = 64
TMPFS_RESERVE_FILES = 4
PAGE_BYTES = resource.getpagesize()
NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x20000000  # CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID
CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
LAST_CAPABILITY = 63
CAPABILITY_VERSION = 0x20080522
WORK = "/tmp"

# Keeps the interpreter lock over a call: no thread may run between clone and the child's start.
LIBC = ctypes.PyDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def check(result: int) -> int:
    """The result of a C function; raises OSError when it failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None
) -> None:
    """The system call of this name."""
    texts = (text and text.encode() for text in (source, target, kind))
    check(LIBC.mount(*texts, ctypes.c_ulong(flags), options and options.encode()))


def prctl(option: int, *values: Any) -> int:
    """The system call of this name."""
    padded = (*values, 0, 0, 0, 0)[:4]
    words = [v if isinstance(v, ctypes.c_void_p) else ctypes.c_ulong(v) for v in padded]
    return int(LIBC.prctl(option, *words))


def mount_files(limits: Limits) -> None:
    """Fresh ``/tmp`` and ``/dev/shm`` that share one bound, and a ``/proc`` of this namespace."""
    flags = MS_NOSUID | MS_NODEV
    files = limits["tmp_files"] + TMPFS_RESERVE_FILES
    mount(None, "/", None, MS_REC | MS_PRIVATE, None)
    mount("tmpfs", WORK, "tmpfs", flags, f"size={limits['tmp_bytes']},nr_inodes={files},mode=700")
    for folder, place in (("/tmp/shm", "/dev/shm"), ("/tmp/work", WORK)):
        os.mkdir(folder, 0o700)
        mount(folder, place, None, MS_BIND, None)
    os.chdir(WORK)
    try:
        mount("proc", "/proc", "proc", flags | MS_NOEXEC, "subset=pid,hidepid=2")
    except OSError:  # before Linux 5.8
        mount("proc", "/proc", "proc", flags | MS_NOEXEC, "hidepid=2")


def write_files(files: dict[str, str]) -> None:
    """The program's files into the current folder."""
    for name, text in files.items():
        folder = os.path.dirname(name)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(name, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)


def confine(limits: Limits, program: bytes) -> None:
    """Give up what is left of power; what follows is the program's."""
    for capability in range(LAST_CAPABILITY + 1):
        if prctl(PR_CAPBSET_DROP, capability) < 0:
            break
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    check(LIBC.capset(header, (ctypes.c_uint32 * 6)()))
    check(prctl(PR_SET_NO_NEW_PRIVS, 1))
    check(prctl(PR_SET_DUMPABLE, 1))
    stack = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = MAX_STACK_BYTES if stack == resource.RLIM_INFINITY else min(stack, MAX_STACK_BYTES)
    cpu, memory = limits["cpu_seconds"], limits["memory_bytes"]
    for kind, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_STACK, stack, stack),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, limits["file_bytes"], limits["file_bytes"]),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_AS, memory, memory),
        (
            resource.RLIMIT_NPROC,
            limits["processes"] + OWN_PROCESSES,
            limits["processes"] + OWN_PROCESSES,
        ),
    ):
        resource.setrlimit(kind, (soft, hard))
    filter_ = Filter(len(program) // 8, program)
    check(prctl(PR_SET_SECCOMP, 2, ctypes.cast(ctypes.pointer(filter_), ctypes.c_void_p)))


OWN_PROCESSES = 4
"""Those of the sandbox that count as the program's user: bubblewrap's two, the zygote, and the
first process of the namespace."""


def execute(main: str) -> int:
    """Run the file ``main`` as a script does; its exit code."""
    for name, mode, descriptor in (("stdin", "r", 0), ("stdout", "w", 1), ("stderr", "w", 2)):
        errors = "backslashreplace" if name == "stderr" else "surrogateescape"
        stream = open(  # noqa: SIM115 - open until the program ends
            descriptor, mode, encoding="utf-8", errors=errors, closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    random.seed(0)
    path = os.path.join(WORK, main)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=builtins)
    sys.modules["__main__"] = module
    sys.argv[:] = [path]
    sys.path.insert(0, os.path.dirname(path))
    code = 0
    try:
        with open(path, "rb") as file:
            source = file.read()
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except SystemExit as error:
        code = exit_code(error.code)
    except BaseException as error:
        code = 1
        show(error)
    join_threads = threading._shutdown  # type: ignore[attr-defined]
    for finish in (join_threads, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
        try:
            finish()
        except BaseException as error:
            code = code or 1
            show(error)
    return code


def show(error: BaseException) -> None:
    """As the interpreter does: by the hook, without the frames of this file."""
    own = error.__traceback__ and error.__traceback__.tb_next
    with contextlib.suppress(BaseException):
        sys.excepthook(type(error), error.with_traceback(own), own)
        sys.stderr.flush()


def exit_code(value: Any) -> int:
    """What the interpreter makes of the argument of ``sys.exit``."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    print(value, file=sys.stderr)
    return 1


def start_program(request: dict[str, Any], program: bytes, pipes: tuple[int, ...]) -> None:
    """The first process of the namespace: starts the program's, reaps, and reports its end."""
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    limits = request["limits"]
    mount_files(limits)
    write_files(request["files"])
    child = os.fork()
    if child == 0:
        for descriptor, pipe in enumerate(pipes[:3]):
            os.dup2(pipe, descriptor)
        os.closerange(3, 1024)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        confine(limits, program)
        os._exit(execute(request["main"]))
    for descriptor in pipes[:3]:
        os.close(descriptor)
    while True:
        ended, status = os.wait()
        if ended == child:
            os.write(pipes[3], LENGTH.pack(status))
            return


def run(request: dict[str, Any], program: bytes) -> bytes:
    """One program from start to end; the reply's bytes."""
    limits = request["limits"]
    stdin = os.memfd_create("stdin")
    os.truncate(stdin, 0)
    write_all(stdin, request["stdin"].encode("utf-8", "surrogatepass"))
    os.lseek(stdin, 0, os.SEEK_SET)
    (out, out_end), (err, err_end), (status, status_end) = os.pipe(), os.pipe(), os.pipe()
    pipes = (stdin, out_end, err_end, status_end)
    started = time.monotonic()
    first = check(LIBC.syscall(CLONE, ctypes.c_ulong(NEW_NAMESPACES | signal.SIGCHLD), 0, 0, 0, 0))
    if first == 0:
        try:
            for descriptor in (0, out, err, status):
                os.close(descriptor)
            start_program(request, program, pipes)
        except BaseException:
            os.write(err_end, traceback.format_exc().encode())
        finally:
            os._exit(0)
    for descriptor in pipes:
        os.close(descriptor)
    outputs = {out: bytearray(), err: bytearray()}
    verdict = watch(first, outputs, limits, started)
    if verdict is not None:
        os.kill(first, signal.SIGKILL)
    _, _, usage = os.wait4(first, 0)
    wall = time.monotonic() - started
    for descriptor, found in outputs.items():  # no writer is left
        room = limits["output_bytes"] - sum(map(len, outputs.values()))
        rest = read_up_to(descriptor, room + 1)
        if len(rest) > room:
            verdict = verdict or "output"
        found.extend(rest[: max(room, 0)])
    reported = os.read(status, LENGTH.size)
    for descriptor in (*outputs, status):
        os.close(descriptor)
    cpu = usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(LENGTH.unpack(reported)[0]) if reported else -signal.SIGKILL
    if verdict is None and code < 0:
        is_slow = -code == signal.SIGXCPU or (
            -code == signal.SIGKILL and cpu >= limits["cpu_seconds"]
        )
        verdict = "cpu" if is_slow else "killed"
    ending = ENDINGS.index(verdict or "exited")
    texts = [bytes(found) for found in outputs.values()]
    return REPLY.pack(ending, code, cpu, wall, *map(len, texts)) + b"".join(texts)


def watch(first: int, outputs: dict[int, bytearray], limits: Limits, started: float) -> str | None:
    """Collect outputs until the first process ends; what limit was broken, or None."""
    poll = select.poll()
    ended = os.pidfd_open(first)
    try:
        for descriptor in (*outputs, ended):
            poll.register(descriptor, select.POLLIN)
        looked = started
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(POLL_SECONDS * 1000)]
            for descriptor in ready:
                if descriptor == ended:
                    continue
                room = limits["output_bytes"] - sum(map(len, outputs.values()))
                piece = os.read(descriptor, 1 << 16)
                outputs[descriptor] += piece[:room]
                if len(piece) > room:
                    return "output"
                if not piece:
                    poll.unregister(descriptor)
            if ended in ready:
                return None
            if time.monotonic() - looked >= POLL_SECONDS:
                looked = time.monotonic()
                if broken := broken_limit(limits, looked - started):
                    return broken
    finally:
        os.close(ended)


def broken_limit(limits: Limits, wall_seconds: float) -> str | None:
    """The limit that all processes of the program together are beyond now, or None."""
    if wall_seconds > limits["wall_seconds"]:
        return "wall"
    cpu_seconds, memory_bytes = measure()
    if cpu_seconds > limits["cpu_seconds"] + 1:
        return "cpu"
    return "memory" if memory_bytes > limits["memory_bytes"] else None


def measure() -> tuple[float, int]:
    """CPU seconds and bytes that all processes of the program use now."""
    ticks, memory = 0, 0
    processes = [name for name in os.listdir("/proc") if name.isdigit() and name not in OWN]
    for process in processes:
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))
            memory += int(fields[21]) * PAGE_BYTES
        except (OSError, IndexError):
            continue
    return ticks / os.sysconf("SC_CLK_TCK"), memory


OWN = {"1", str(os.getpid())}


def read_up_to(descriptor: int, size: int) -> bytearray:
    """Fewer bytes only at the end of the file."""
    found = bytearray()
    while len(found) < size and (piece := os.read(descriptor, size - len(found))):
        found += piece
    return found


def write_all(descriptor: int, data: bytes) -> None:
    """All of ``data``."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def serve() -> None:
    """Answer requests until standard input ends; the first message is the filter program."""
    control = 0
    prctl(PR_SET_DUMPABLE, 0)
    program = b""
    linecache.clearcache()
    gc.collect()
    gc.freeze()
    while len(size := read_up_to(control, LENGTH.size)) == LENGTH.size:
        body = bytes(read_up_to(control, LENGTH.unpack(size)[0]))
        if not program:
            program = body
            write_all(control, b"ready\n")
            continue
        write_all(control, run(json.loads(body), program))


if __name__ == "__main__":
    serve()
