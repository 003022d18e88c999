"""The sandbox: runs Python programs that nobody has read, each in namespaces of its own.

What holds, and what a program finds there:

* **Files**: ``/usr`` and the interpreter, read-only; its own files in ``/tmp``, empty otherwise and
  gone afterwards. No file of the host beside: no home, ``/etc``, ``/sys`` or repository.
* **Network**: none, and no sockets beside ``socketpair``.
* **Processes**: its own alone. All are dead when :meth:`Sandbox.run_python` returns.
* **Environment**: a home, a path, a hash seed of 0. ``random`` starts from the seed 0.
* **Python**: that of :class:`~synth.sandbox.interpreter.Interpreter`, with the standard library
  and no installed packages. It was forked from one that has imported common modules.
* **Memory**: the address space of each process is bounded by the kernel. That of all together is
  looked at every 20 ms, as a control group is not to be had without rights: it can be exceeded by
  what is written in that time, and never by more than ``processes`` times the limit.

Not covered: the kernel's own faults, beyond what the system call filter keeps away (where they
matter use a machine of its own), and what a program learns by measuring time.
"""

import concurrent.futures
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from pipeline.errors import ConfigError
from synth.sandbox.bubblewrap import (
    Zygote,
    ZygoteDiedError,
    command,
    find_bubblewrap,
    is_dropping_rights,
    is_in_own_folder,
)
from synth.sandbox.execution import Execution, Limits
from synth.sandbox.interpreter import choose_interpreter
from synth.sandbox.seccomp import filter_program

ATTEMPTS = 3
"""A zygote can be killed from outside (the kernel out of memory); a program is then run again."""


class Sandbox:
    """Runs programs, as many at once as threads ask; use it as a context manager.

    Fails closed: raises ConfigError where bubblewrap is missing or the host allows no user
    namespaces, and never runs anything without them.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.interpreter = choose_interpreter(has_owner_rights=not is_dropping_rights())
        self._command = command(find_bubblewrap(), self.interpreter)
        self._filter = filter_program()
        self._lock = threading.Lock()
        self._idle: list[Zygote] = []
        self._is_closed = False
        # Zygotes die with the thread that started them, so it is one that stays.
        self._starter = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        try:
            self._probe()
        except BaseException:
            self.close()
            raise

    def run_python(
        self,
        files: Mapping[str, str],
        main: str,
        *,
        stdin: str = "",
        limits: Limits | None = None,
    ) -> Execution:
        """Run the file ``main`` of ``files`` as a script in a folder that holds nothing else.

        ``files`` are texts by relative path, ``limits`` those of this run, the sandbox's if None.
        Raises ValueError for a path that leaves the folder
        or a ``main`` that is not there, RuntimeError when the sandbox is closed or dies again and
        again.
        """
        for name in files:
            if not is_in_own_folder(name):
                raise ValueError(f"file {name!r}: a relative path without '..' is needed")
        if main not in files:
            raise ValueError(f"main {main!r} is none of the files {sorted(files)}")
        message = ""
        for attempt in range(ATTEMPTS):
            zygote = self._take() if attempt == 0 else self._start()
            try:
                execution = zygote.run(files, main, stdin, limits or self.limits)
            except ZygoteDiedError as error:
                message = str(error)
                zygote.close()
                continue
            except BaseException:
                zygote.close()
                raise
            self._give_back(zygote)
            return execution
        raise RuntimeError(f"the sandbox died {ATTEMPTS} times running one program: {message}")

    def close(self) -> None:
        """End all zygotes; those that run a program end after it."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for zygote in idle:
            zygote.close()
        self._starter.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self) -> Zygote:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the sandbox is closed")
            if self._idle:
                return self._idle.pop()
        return self._start()

    def _start(self) -> Zygote:
        return self._starter.submit(Zygote, self._command, self._filter).result()

    def _give_back(self, zygote: Zygote) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(zygote)
                return
        zygote.close()

    def _probe(self) -> None:
        try:
            found = self.run_python({"main.py": "print(6 * 7)"}, "main.py")
        except (ZygoteDiedError, RuntimeError, OSError) as error:
            raise ConfigError(_cannot(str(error))) from error
        if not found.is_success or found.stdout != "42\n":
            raise ConfigError(_cannot(f"{found.ending}: {found.stderr}".strip()))


def _cannot(reason: str) -> str:
    return (
        f"code cannot be run safely here: bubblewrap did not start ({reason}). It needs user "
        "namespaces: set kernel.unprivileged_userns_clone and user.max_user_namespaces, on Ubuntu "
        "kernel.apparmor_restrict_unprivileged_userns=0 or a profile for bwrap, and in a container "
        "a seccomp profile that allows them. Nothing is ever run outside of the sandbox"
    )
