import os
import platform
import shutil
import signal
import struct
import threading
from collections.abc import Iterator

import pytest

from pipeline.errors import ConfigError
from synth.sandbox import bubblewrap
from synth.sandbox.execution import Ending, Limits
from synth.sandbox.sandbox import Sandbox
from synth.sandbox.seccomp import ARCHITECTURES, filter_program


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap (bwrap) is not installed")
    with Sandbox() as shared:
        yield shared


@pytest.mark.parametrize(
    ("code", "exit_code", "stdout", "last"),
    [
        ("print(input()[::-1])", 0, "olleh\n", ""),
        ("import sys; sys.exit(3)", 3, "", ""),
        ("import sys; sys.exit('bad')", 1, "", "bad"),
        ("print(1); 1 / 0", 1, "1\n", "ZeroDivisionError: division by zero"),
        ("def f(:", 1, "", "SyntaxError: invalid syntax"),
        ("import atexit; atexit.register(print, 'bye')", 0, "bye\n", ""),
        ("import threading as t; t.Thread(target=print, args=('t',)).start()", 0, "t\n", ""),
        ("print(__name__, __file__); import sys; print(sys.argv)", 0, None, ""),
        ("import asyncio; asyncio.run(asyncio.sleep(0)); print('a')", 0, "a\n", ""),
        ("import subprocess as s; print(s.run(['echo', 'x'], check=True).returncode)", 0, None, ""),
        (
            "from multiprocessing import Pool\nwith Pool(2) as p: print(p.map(abs, [-1]))",
            0,
            None,
            "",
        ),
        ("print(open('/dev/stdin').read())", 0, "hello\n\n", ""),
        ("import helper; print(helper.X)", 0, "5\n", ""),
    ],
)
def test_programs_run_as_scripts_do(
    sandbox: Sandbox, code: str, exit_code: int, stdout: str | None, last: str
) -> None:
    files = {"main.py": code, "helper.py": "X = 5"}
    found = sandbox.run_python(files, "main.py", stdin="hello\n")
    assert (found.ending, found.exit_code) == (Ending.EXITED, exit_code), found
    assert stdout is None or found.stdout == stdout
    assert found.stderr.rstrip().rpartition("\n")[2] == last


def test_a_traceback_shows_the_program_and_nothing_of_the_sandbox(sandbox: Sandbox) -> None:
    found = sandbox.run_python({"a/main.py": "def f():\n    1 / 0\nf()\n"}, "a/main.py")
    assert found.stderr.count("File ") == found.stderr.count('File "/tmp/a/main.py"') == 2


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
def test_files_outside_of_the_folder_are_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        sandbox.run_python({name: "", "main.py": ""}, "main.py")


def test_threads_run_programs_at_once(sandbox: Sandbox) -> None:
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        for step in range(3):
            code = f"print({number} * 10 + {step})"
            found[number * 10 + step] = sandbox.run_python({"m.py": code}, "m.py").stdout

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n * 10 + s: f"{n * 10 + s}\n" for n in range(4) for s in range(3)}


def test_a_sandbox_killed_from_outside_is_replaced(sandbox: Sandbox) -> None:
    sandbox.run_python({"m.py": ""}, "m.py")
    for zygote in sandbox._idle:
        os.kill(zygote._process.pid, signal.SIGKILL)
        zygote._process.wait()
    assert sandbox.run_python({"m.py": "print(1)"}, "m.py").stdout == "1\n"


def test_a_closed_sandbox_runs_nothing() -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap (bwrap) is not installed")
    sandbox = Sandbox()
    sandbox.close()
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.run_python({"m.py": ""}, "m.py")


def test_without_bubblewrap_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="bubblewrap"):
        Sandbox()


def test_where_namespaces_are_refused_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    false = shutil.which("false")
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda _: false)
    with pytest.raises(ConfigError, match="user namespaces"):
        Sandbox()


@pytest.mark.parametrize("name", ["cpu_seconds", "wall_seconds", "memory_bytes", "output_bytes"])
def test_limits_are_above_zero(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def evaluate(program: bytes, number: int, audit: int, arguments: tuple[int, ...] = ()) -> int:
    """What the kernel would return: the classic BPF machine, as far as filters here use it."""
    words = struct.pack("<IIQ6Q", number, audit, 0, *(arguments + (0,) * 6)[:6])
    code = list(struct.iter_unpack("=HBBI", program))
    place = value = 0
    while True:
        kind, yes, no, operand = code[place]
        place += 1
        if kind == 0x20:
            value = struct.unpack_from("<I", words, operand)[0]
        elif kind == 0x06:
            return operand
        else:
            test = {
                0x15: value == operand,
                0x25: value > operand,
                0x35: value >= operand,
                0x45: bool(value & operand),
            }[kind]
            place += yes if test else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_each_architecture(machine: str) -> None:
    own, program = ARCHITECTURES[machine], filter_program(machine)
    allow, refuse, absent, kill = 0x7FFF0000, 0x50001, 0x50026, 0x80000000
    for name, number in own.refused.items():
        assert evaluate(program, number, own.audit) == refuse, name
    assert evaluate(program, 435, own.audit) == absent
    assert evaluate(program, 500, own.audit) == absent
    assert evaluate(program, own.clone, own.audit, (17,)) == allow
    assert evaluate(program, own.clone, own.audit, (0x10000011,)) == refuse
    assert evaluate(program, own.ioctl, own.audit, (0, 0x5401)) == allow
    assert evaluate(program, own.ioctl, own.audit, (0, 0x5412)) == refuse
    assert evaluate(program, own.ioctl, own.audit, (0, (1 << 32) | 0x5412)) == refuse
    assert evaluate(program, 0, 0x40000003) == kill
    if machine == "x86_64":
        assert evaluate(program, 0x40000000 + 101, own.audit) == kill


def test_an_unknown_architecture_is_refused() -> None:
    assert filter_program() == filter_program(platform.machine())
    with pytest.raises(ConfigError, match="riscv64"):
        filter_program("riscv64")
