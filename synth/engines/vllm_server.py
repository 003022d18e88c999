"""The process of vLLM's server, started as Beam's handler does, and ended with all it started.

Imports Beam's vLLM handler, which needs the openai package (vLLM itself depends on it).
"""

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from pathlib import Path

from apache_beam.ml.inference.vllm_inference import (
    VLLMChatModelHandler,
    _append_kwargs,
    _VLLMModelServer,
)
from apache_beam.utils.subprocess_server import pick_port

logger = logging.getLogger(__name__)

TAIL_LINES = 40
"""Lines of output kept for the message when the server ends: a traceback and what led to it."""

GRACE_SECONDS = 10.0
"""Between asking the process group to end and killing it; as in Beam's handler."""

PLUGIN = "reasonmill_imports"


def start_server(
    model: str, flags: dict[str, str | None], import_modules: tuple[str, ...]
) -> "VllmServer":
    """Start vLLM's server; returns at once, before it has loaded the model."""
    return _Handler(model, flags, import_modules).load_model()


class _Handler(VLLMChatModelHandler):  # type: ignore[misc]
    def __init__(
        self, model: str, flags: dict[str, str | None], import_modules: tuple[str, ...]
    ) -> None:
        super().__init__(model, vllm_server_kwargs=flags)
        self._import_modules = import_modules

    def load_model(self) -> "VllmServer":
        return VllmServer(self._model_name, self._vllm_server_kwargs, self._import_modules)


class VllmServer(_VLLMModelServer):  # type: ignore[misc]
    """Beam's server process, but in a process group of its own, and not waited for.

    Beam's own waits until the server lists its models, starts it up to four times, and stops the
    first process alone.
    """

    def __init__(
        self, model: str, flags: dict[str, str | None], import_modules: tuple[str, ...]
    ) -> None:
        self._plugin_folder = tempfile.TemporaryDirectory(prefix="vllm-plugin-")
        self._import_modules = import_modules
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self.command = ""
        super().__init__(model, flags)

    @property
    def tail(self) -> str:
        """The last lines that the server wrote."""
        return "\n".join(self._lines)

    def start_server(self, retries: int = 0) -> None:
        """Start the process once; whoever uses the server finds out whether it is ready."""
        del retries
        (self._server_port,) = pick_port(None)
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", self._model_name]
        command += ["--host", "127.0.0.1", "--port", str(self._server_port)]
        _append_kwargs(command, self._vllm_server_kwargs)
        self.command = shlex.join(command)
        logger.info("starting %s", self.command)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(Path(self._plugin_folder.name), self._import_modules),
            start_new_session=True,
        )
        self._server_process = process
        self._server_started = True
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()
        self._finalizer = weakref.finalize(self, _end_group, process)

    def wait(self) -> int:
        """Block until the server's first process has ended, and end the others; its status."""
        status: int = self._server_process.wait()
        self._finalizer()  # the others hold its output open
        self._reader.join(GRACE_SECONDS)
        return status

    def stop(self) -> None:
        """End the process group."""
        self._finalizer()
        self._plugin_folder.cleanup()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout as output:
            for line in output:
                text = line.decode(errors="backslashreplace").rstrip()
                self._lines.append(text)
                logger.info("%s", text)


def _environment(folder: Path, import_modules: tuple[str, ...]) -> dict[str, str]:
    """The server's environment, with a plugin of vLLM's that imports the modules.

    vLLM calls the plugins of the group ``vllm.general_plugins`` in each of its processes before it
    looks for the model's class: a module imported in the first alone is unknown to the engine's.
    """
    environment = dict(os.environ)
    if not import_modules:
        return environment
    lines = "".join(f"    import_module({name!r})\n" for name in import_modules)
    code = f"from importlib import import_module\n\n\ndef load():\n{lines}"
    (folder / f"{PLUGIN}.py").write_text(code)
    info = folder / f"{PLUGIN}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PLUGIN}\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[vllm.general_plugins]\n{PLUGIN} = {PLUGIN}:load\n")
    paths = [str(folder), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    if "VLLM_PLUGINS" in environment:  # a list of those that are allowed
        environment["VLLM_PLUGINS"] += f",{PLUGIN}"
    return environment


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, then kill what is left of it."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)  # its leader's id is the group's
