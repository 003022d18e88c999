"""vLLM cannot be installed where tests run, so a small stand-in has its name.

The stand-in is a package called ``vllm`` on PYTHONPATH whose server speaks the real protocol with
the answers of ``tests.synth.chat_server``, loads plugins by the same entry points as vLLM, and
starts a child process, as vLLM's engine is one. What is proved is the wiring: command line, port,
readiness, imports, end and failure; nothing about vLLM itself.
"""

import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from synth.engines import pool
from synth.engines.engine import complete
from synth.engines.vllm import VllmConfig, VllmEngine
from synth.request import Completion, Message, Request, Sampling
from tests.synth.chat_server import MODEL

API_SERVER = """
import argparse, importlib.metadata, os, subprocess, sys, time
from pathlib import Path

for plugin in importlib.metadata.entry_points(group="vllm.general_plugins"):
    plugin.load()()

from tests.synth.chat_server import ChatServer, Fault

parser = argparse.ArgumentParser()
for name in ("model", "host", "port", "notes", "crash-at", "speculative-config"):
    parser.add_argument(f"--{name}")
parser.add_argument("--enforce-eager", action="store_true")
parser.add_argument("--no-enable-prefix-caching", action="store_true")
known = parser.parse_args()
notes = Path(known.notes)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(notes / "pids").write_text(f"{os.getpid()} {child.pid}")
(notes / "arguments").write_text(" ".join(sys.argv[1:]))
(notes / "modules").write_text(" ".join(sys.modules))
if known.crash_at == "start":
    raise MemoryError("no room for the weights")

def crash(body, attempt):
    if known.crash_at == "request":
        print("CUDA error: an illegal memory access", flush=True)
        os._exit(3)

time.sleep(0.2)
with ChatServer(crash, models=(known.model,), port=int(known.port)):
    time.sleep(600)
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in is on PYTHONPATH; what it notes lies here."""
    pytest.importorskip("openai", reason="Beam's handler of vLLM needs openai")
    package = tmp_path / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "api_server.py").write_text(textwrap.dedent(API_SERVER))
    (tmp_path / "register_my_model.py").write_text("")
    root = Path(__file__).parents[3]
    paths = [str(tmp_path), str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setattr(pool, "READY_POLL_SECONDS", 0.05)
    monkeypatch.setattr(pool, "MAX_POLL_SECONDS", 0.1)
    return tmp_path


def start(notes: Path, *, import_modules: tuple[str, ...] = (), **arguments: Any) -> VllmEngine:
    config = VllmConfig(
        model=MODEL,
        arguments={"notes": str(notes), **arguments},
        import_modules=[*import_modules],
        ready_timeout_seconds=60.0,
    )
    return VllmEngine(config)


def requests(count: int) -> list[Request]:
    return [
        Request(
            messages=(Message("user", f"What is {number} + 1?"),),
            model=MODEL,
            sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=100),
            seed=0,
        )
        for number in range(count)
    ]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends_soon(pid: int) -> bool:
    """What is killed takes a moment to be gone; the child would sleep for minutes."""
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def test_requests_are_answered_by_the_server_that_the_first_one_starts(notes: Path) -> None:
    engine = start(
        notes,
        enforce_eager=True,
        enable_prefix_caching=False,
        speculative_config={"method": "mtp", "num_speculative_tokens": 1},
        import_modules=("register_my_model",),
    )
    assert not (notes / "pids").exists()
    answers = complete(engine, requests(20))
    assert all(isinstance(answer, Completion) for answer in answers)
    arguments = (notes / "arguments").read_text()
    assert f"--model {MODEL} --host 127.0.0.1 --port " in arguments
    assert "--enforce-eager --no-enable-prefix-caching --speculative-config" in arguments
    assert '{"method": "mtp", "num_speculative_tokens": 1}' in arguments
    assert "register_my_model" in (notes / "modules").read_text().split()
    pids = [int(pid) for pid in (notes / "pids").read_text().split()]
    assert all(map(is_alive, pids))
    engine.close()
    assert all(map(ends_soon, pids))


@pytest.mark.parametrize(
    ("crash_at", "said"),
    [("start", "MemoryError: no room for the weights"), ("request", "CUDA error")],
)
def test_a_server_that_ends_is_named_with_its_last_lines_and_started_anew(
    notes: Path, crash_at: str, said: str
) -> None:
    engine = start(notes, crash_at=crash_at)
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(ConfigError, match="the server ended with status") as caught:
            complete(engine, requests(3))
        assert said in str(caught.value)
        assert "-m vllm.entrypoints.openai.api_server" in str(caught.value)
    assert time.monotonic() - started < 45  # not the readiness timeout
    engine.close()
    _, child = (notes / "pids").read_text().split()
    assert ends_soon(int(child))


def test_arguments_that_are_set_here_are_refused() -> None:
    with pytest.raises(ValueError, match="port: set here already"):
        VllmConfig(model=MODEL, arguments={"port": 8000})


def test_without_openai_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "synth.engines.vllm_server", raising=False)
    monkeypatch.delitem(sys.modules, "apache_beam.ml.inference.vllm_inference", raising=False)
    engine = VllmEngine(VllmConfig(model=MODEL))
    with pytest.raises(ConfigError, match="openai is not installed"):
        engine.submit(requests(1)[0])
    engine.close()
