"""Starting a zygote below bubblewrap, and talking with it: the host's side of the sandbox.

What is made here once holds for all programs of a zygote: no network (a namespace without devices),
an empty environment, ``/usr`` and the interpreter read-only, nothing else of the host, an
unprivileged user in a user namespace of its own. Bubblewrap itself starts with the empty
environment: what ``--clearenv`` clears stays readable in the memory of its first process.
Root becomes a user without rights first, as the kernel does not count the processes of root.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from pipeline.errors import ConfigError
from synth.sandbox.execution import Ending, Execution, Limits
from synth.sandbox.interpreter import Interpreter
from synth.sandbox.zygote import ENDINGS, LENGTH, REPLY

NOBODY = 65534
"""The overflow user: it owns nothing, on any host."""

START_SECONDS = 60.0
"""For a machine so busy that starting an interpreter takes that long."""

GRACE_SECONDS = 30.0
"""How much later than the wall limit a zygote may answer before it is taken for dead."""

_SYSTEM_LINKS = ("/bin", "/lib", "/lib64")
_ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/bin", "PYTHONHASHSEED": "0"}  # noqa: S108
_CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETPCAP", "CAP_KILL")


class ZygoteDiedError(Exception):
    """The zygote ended or did not answer; ``message`` is what it wrote on standard error."""


def find_bubblewrap() -> str:
    """Path of ``bwrap``; raises ConfigError where it is missing."""
    found = shutil.which("bwrap")
    if found is None:
        raise ConfigError(
            "code cannot be run safely here: bubblewrap (the command bwrap) is missing; install it "
            "with the system's package manager. Nothing is ever run outside of the sandbox"
        )
    return found


def is_dropping_rights() -> bool:
    """Whether programs run as another user than this process: as nobody when it is root."""
    return os.geteuid() == 0


def command(bubblewrap: str, interpreter: Interpreter) -> list[str]:
    """The command line that starts a zygote; standard input is what it talks over."""
    arguments = [bubblewrap, "--unshare-all", "--unshare-user", "--disable-userns"]
    arguments += ["--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]
    for place in map(Path, _SYSTEM_LINKS):
        if place.is_symlink():
            arguments += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            arguments += ["--ro-bind", str(place), str(place)]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--dir", "/tmp"]  # noqa: S108
    if interpreter.prefix is not None:
        arguments += ["--ro-bind", str(interpreter.prefix), str(interpreter.prefix)]
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]
    arguments += ["--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "sandbox"]
    for capability in _CAPABILITIES:  # of its own user namespace; given up before a program runs
        arguments += ["--cap-add", capability]
    source = files("synth.sandbox").joinpath("zygote.py").read_text(encoding="utf-8")
    return [*arguments, "--", str(interpreter.executable), "-I", "-S", "-B", "-c", source]


class Zygote:
    """One zygote; one request at a time. Raises ZygoteDiedError when it does not come up."""

    def __init__(self, arguments: list[str], filter_program: bytes) -> None:
        self._socket, theirs = socket.socketpair()
        no_groups: list[int] = []
        user, groups = (NOBODY, no_groups) if is_dropping_rights() else (None, None)
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                arguments,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
                user=user,
                group=user,
                extra_groups=groups,
            )
        self._socket.settimeout(START_SECONDS)
        self._replies = self._socket.makefile("rb")
        try:
            self._send(filter_program)
            self._receive(len(b"ready\n"))
        except ZygoteDiedError:
            self.close()
            raise

    def run(self, sources: Mapping[str, str], main: str, stdin: str, limits: Limits) -> Execution:
        """Run the file ``main`` of ``sources``."""
        request = {"files": dict(sources), "main": main, "stdin": stdin, "limits": vars(limits)}
        self._socket.settimeout(limits.wall_seconds + GRACE_SECONDS)
        self._send(json.dumps(request).encode())
        reply = REPLY.unpack(self._receive(REPLY.size))
        ending, code, cpu_seconds, wall_seconds, out_bytes, err_bytes = reply
        stdout = self._receive(out_bytes).decode("utf-8", "replace")
        stderr = self._receive(err_bytes).decode("utf-8", "replace")
        found = Ending(ENDINGS[ending])
        last = stderr.rstrip().rpartition("\n")[2]
        if found == Ending.EXITED and code and last.startswith("MemoryError"):
            found = Ending.MEMORY
        return Execution(
            ending=found,
            exit_code=code if found == Ending.EXITED else None,
            stdout=stdout,
            stderr=stderr,
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
        )

    def close(self) -> None:
        """End it and all that runs in it."""
        with contextlib.suppress(OSError):
            self._replies.close()
        self._socket.close()
        self._process.kill()  # what it started dies with it
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _send(self, body: bytes) -> None:
        try:
            self._socket.sendall(LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise ZygoteDiedError(self._last_words()) from error

    def _receive(self, size: int) -> bytes:
        try:
            found = self._replies.read(size)
        except OSError as error:
            raise ZygoteDiedError(self._last_words()) from error
        if len(found) < size:
            raise ZygoteDiedError(self._last_words())
        return found

    def _last_words(self) -> str:
        self._process.kill()
        if self._process.stderr is None:
            return ""
        return self._process.stderr.read(4096).decode("utf-8", "replace").strip()


def is_in_own_folder(name: str) -> bool:
    """Whether a file's name is a relative path that stays below the folder of a program."""
    path = Path(name)
    return (
        bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    )
