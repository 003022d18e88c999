"""Each test tries an attack in earnest: it fails, nothing is left, and the next program runs."""

import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from synth.sandbox.execution import Ending, Execution, Limits
from synth.sandbox.sandbox import Sandbox
from synth.sandbox.seccomp import ARCHITECTURES

LIMITS = Limits(cpu_seconds=2, wall_seconds=4.0, memory_bytes=256 << 20)
HIDDEN = "of-the-host-5f1c"

FIRST_ROOT = "/proc/1/root"
"""The first process's view of the file system."""


def open_sandbox(limits: Limits = LIMITS) -> Sandbox:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap (bwrap) is not installed")
    try:
        return Sandbox(limits)
    except ConfigError as error:
        pytest.skip(f"this host cannot run the sandbox: {error}")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    os.environ["SANDBOX_ATTACK_SECRET"] = HIDDEN
    with open_sandbox() as shared:
        yield shared
    del os.environ["SANDBOX_ATTACK_SECRET"]


def processes_with(mark: bytes) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "comm").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(sandbox: Sandbox) -> Iterator[None]:
    before = {path.name for path in Path(tempfile.gettempdir()).iterdir()}
    yield
    assert run(sandbox, "print(sum(range(10)))").stdout == "45\n"
    assert run(sandbox, "import os; print(sorted(os.listdir('/tmp')))").stdout == "['main.py']\n"
    new = {path.name for path in Path(tempfile.gettempdir()).iterdir()} - before
    assert not [name for name in new if "attack" in name]
    assert processes_with(b"attack") == []


def run(sandbox: Sandbox, code: str, stdin: str = "") -> Execution:
    return sandbox.run_python({"main.py": code}, "main.py", stdin=stdin)


NAMED = "open('/proc/self/comm', 'w').write('attack')\n"
"""So that a process left behind is found among those of the host."""


def test_a_fork_bomb_stops_at_the_limit_of_processes(sandbox: Sandbox) -> None:
    code = (
        f"import os, time\n{NAMED}started = 0\ntry:\n  for _ in range(1000):\n"
        "    if os.fork() == 0:\n      time.sleep(60)\n    started += 1\n"
        "except OSError: pass\nprint(started)"
    )
    assert 1 <= int(run(sandbox, code).stdout) <= LIMITS.processes


def test_a_fork_bomb_that_goes_on_is_ended(sandbox: Sandbox) -> None:
    code = f"import os\n{NAMED}while True:\n  try: os.fork()\n  except OSError: pass"
    assert run(sandbox, code).ending in (Ending.CPU, Ending.WALL, Ending.MEMORY)


def test_threads_count_as_processes(sandbox: Sandbox) -> None:
    code = (
        "import threading, time\nstarted = 0\ntry:\n  for _ in range(100):\n"
        "    threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); started += 1\n"
        "except RuntimeError: pass\nprint(started)"
    )
    assert int(run(sandbox, code).stdout) <= LIMITS.processes


def test_zombies_count_as_processes(sandbox: Sandbox) -> None:
    code = (
        "import os\nstarted = 0\ntry:\n  for _ in range(1000):\n"
        "    if os.fork() == 0: os._exit(0)\n    started += 1\nexcept OSError: pass\nprint(started)"
    )
    assert int(run(sandbox, code).stdout) <= LIMITS.processes


def test_memory_of_one_process(sandbox: Sandbox) -> None:
    assert run(sandbox, "x = bytearray(1 << 30)").ending == Ending.MEMORY


def test_memory_of_many_processes_together(sandbox: Sandbox) -> None:
    code = (
        f"import os, time\n{NAMED}for _ in range(10):\n  if os.fork() == 0:\n"
        "    x = bytearray(b'x') * (120 << 20)\n    time.sleep(60)\ntime.sleep(60)"
    )
    found = run(sandbox, code)
    assert found.ending == Ending.MEMORY
    assert found.wall_seconds < LIMITS.wall_seconds


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.memfd_create('x')",
        "import ctypes\nif ctypes.CDLL(None).shmget(0, 1 << 30, 0o1600) < 0: raise PermissionError",
    ],
    ids=["memfd", "shared memory"],
)
def test_memory_that_belongs_to_no_process(sandbox: Sandbox, code: str) -> None:
    assert "PermissionError" in run(sandbox, code).stderr


def test_one_large_file(sandbox: Sandbox) -> None:
    code = "with open('big', 'wb') as f:\n  while True: f.write(b'x' * (1 << 20))"
    assert "File too large" in run(sandbox, code).stderr


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])  # noqa: S108
def test_many_files_fill_no_disk(sandbox: Sandbox, folder: str) -> None:
    code = (
        f"for n in range(1000):\n  with open(f'{folder}/{{n}}', 'wb') as f:"
        " f.write(b'x' * (8 << 20))"
    )
    assert "No space left" in run(sandbox, code).stderr


def test_inodes(sandbox: Sandbox) -> None:
    found = run(sandbox, "for n in range(100_000): open(f'{n}', 'w').close(); print(n)")
    assert "No space left" in found.stderr
    assert len(found.stdout.split()) <= LIMITS.tmp_files


def test_no_connection_to_the_host(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert "PermissionError" in run(sandbox, code).stderr
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0abstract')",
        "import socket; socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    ],
)
def test_no_sockets(sandbox: Sandbox, code: str) -> None:
    found = run(sandbox, code)
    assert found.exit_code == 1
    assert "PermissionError" in found.stderr or "gaierror" in found.stderr


def test_nothing_of_the_host_can_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "attack").write_text(HIDDEN)
    places = ["/etc/passwd", "/etc/shadow", "/root", "/home", "/sys", "/var", "/run", "/mnt"]
    places += [str(tmp_path / "attack"), str(Path.cwd()), "/proc/kcore", "/proc/kallsyms"]
    places += ["/proc/1/environ", f"{FIRST_ROOT}/etc", "/proc/1/cwd", "/proc/1/fd", "/proc/1/mem"]
    places += [*(f"/proc/{pid}/root" + "/etc/passwd" for pid in ("2", "self")), "/proc/sys/kernel"]
    shown = sandbox.interpreter.prefix
    places = [p for p in places if shown is None or not shown.is_relative_to(p)]
    code = (
        f"import os\nfor place in {places!r}:\n  try:\n"
        "    os.listdir(place) if os.path.isdir(place) else open(place, 'rb').read(1)\n"
        "    print(place)\n  except OSError: pass"
    )
    assert run(sandbox, code).stdout == ""


def test_the_environment_of_the_host_is_nowhere(sandbox: Sandbox) -> None:
    code = (
        "import os, glob\nfound = str(os.environ)\nfor file in glob.glob('/proc/[0-9]*/environ'):\n"
        "  try: found += open(file).read()\n  except OSError: pass\nprint(found)"
    )
    found = run(sandbox, code)
    assert "PATH" in found.stdout
    assert HIDDEN not in found.stdout


@pytest.mark.parametrize("link", ["/etc/passwd", f"{FIRST_ROOT}/etc/passwd", "../../../etc/passwd"])
def test_a_link_leads_nowhere(sandbox: Sandbox, link: str) -> None:
    found = run(sandbox, f"import os\nos.symlink({link!r}, 'l')\nprint(open('l').read())")
    assert found.exit_code == 1
    assert found.stdout == ""


def test_open_descriptors_are_the_three(sandbox: Sandbox) -> None:
    code = "import os\nprint([os.readlink(f'/proc/self/fd/{n}')[:5] for n in range(3)])\n"
    code += "for n in range(3, 64):\n  try: os.fstat(n); print(n)\n  except OSError: pass"
    assert run(sandbox, code).stdout == "['/memf', 'pipe:', 'pipe:']\n"


def test_other_processes_cannot_be_killed(sandbox: Sandbox) -> None:
    code = (
        "import os, signal\nfor pid in [1, os.getppid(), *range(3, 3000)]:\n"
        "  try: os.kill(pid, signal.SIGKILL)\n  except OSError: pass\nprint('alive')"
    )
    assert run(sandbox, code).stdout == "alive\n"
    found = run(sandbox, "import os; os.kill(-1, 9)")
    assert "ProcessLookupError" in found.stderr  # there is nobody else


REFUSED = ARCHITECTURES[platform.machine()].refused

SYSCALL = (
    "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(name, *a):\n  if getattr(libc, name)(*a) == -1:\n"
    "    raise OSError(ctypes.get_errno(), name)\n"
)


@pytest.mark.parametrize(
    "attempt",
    [
        "call('ptrace', 16, 1, 0, 0)",
        "call('process_vm_readv', 1, 0, 0, 0, 0, 0)",
        "call('unshare', 0x10000000)",
        "call('unshare', 0x00020000)",
        f"call('syscall', {ARCHITECTURES[platform.machine()].clone}, 0x10000011, 0, 0, 0, 0)",
        "call('syscall', 435, 0, 0)",
        "call('mount', b'x', b'/tmp', b'tmpfs', 0, None)",
        "call('umount2', b'/tmp', 2)",
        "call('chroot', b'/tmp')",
        "call('setns', 0, 0)",
        f"call('syscall', {REFUSED['bpf']}, 0, 0, 0)",
        "call('syscall', 425, 1, 0)",
        f"call('syscall', {REFUSED['userfaultfd']}, 0)",
        f"call('syscall', {REFUSED['keyctl']}, 0, 0, 0)",
        f"call('syscall', {REFUSED['perf_event_open']}, 0, 0, 0, 0, 0)",
        "call('syscall', 438, 0, 0, 0)",
        "call('open_by_handle_at', 0, 0, 0)",
        "call('init_module', 0, 0, b'')",
        "call('swapon', b'/tmp/x', 0)",
        "call('reboot', 0)",
        "call('sethostname', b'x', 1)",
        "call('setuid', 0)",
        "call('setgid', 0)",
        "os.mknod('/tmp/null', 0o020666, os.makedev(1, 3))",
        "os.mknod('/tmp/disk', 0o060666, os.makedev(8, 0))",
        "import fcntl; fcntl.ioctl(0, 0x5412, b'x')",
        "os.chown('/usr/bin', os.getuid(), 0)",
        "open('/usr/attack', 'w')",
        "open('/attack', 'w')",
        "open('/dev/attack', 'w')",
        "open('/dev/sda', 'rb')",
        "open('/dev/kmsg', 'w')",
        "open('/dev/mem', 'rb')",
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/proc/sysrq-trigger', 'w')",
        "open('/proc/1/oom_score_adj', 'w')",
        "open('/proc/1/mem', 'r+b')",
    ],
)
def test_powers_of_a_system_are_refused(sandbox: Sandbox, attempt: str) -> None:
    found = run(sandbox, f"{SYSCALL}{attempt}\nprint('done')")
    assert found.stdout == ""
    assert found.exit_code == 1
    assert "Error" in found.stderr


def test_setuid_programs_give_nothing(sandbox: Sandbox) -> None:
    code = (
        "import subprocess\nfor c in (['/usr/bin/su', '-c', 'id'], ['/usr/bin/mount'],"
        " ['/usr/bin/passwd', '-d', 'root']):\n  try:\n"
        "    p = subprocess.run(c, capture_output=True, stdin=subprocess.DEVNULL)\n"
        "    if b'uid=0' in p.stdout: print(c)\n  except OSError: pass\n"
        "print([l for l in open('/proc/self/status') if l.startswith(('CapEff', 'NoNew'))])"
    )
    text = run(sandbox, code).stdout
    assert text == "['CapEff:\\t0000000000000000\\n', 'NoNewPrivs:\\t1\\n']\n"


@pytest.mark.parametrize("descriptor", [1, 2])
def test_endless_output_is_cut(sandbox: Sandbox, descriptor: int) -> None:
    found = run(sandbox, f"import os\nwhile True: os.write({descriptor}, b'x' * 5000)")
    assert found.ending == Ending.OUTPUT
    assert len(found.stdout) + len(found.stderr) == LIMITS.output_bytes


def test_one_huge_line_is_cut(sandbox: Sandbox) -> None:
    found = run(sandbox, "print('x' * (50 << 20))")
    assert found.ending == Ending.OUTPUT
    assert len(found.stdout) == LIMITS.output_bytes


def test_output_closed_early_is_no_end(sandbox: Sandbox) -> None:
    found = run(sandbox, "import os\nos.close(1)\nos.close(2)\nos._exit(7)")
    assert (found.ending, found.exit_code) == (Ending.EXITED, 7)


def test_standard_input_ends(sandbox: Sandbox) -> None:
    found = run(sandbox, "import sys\nn = 0\nfor line in sys.stdin: n += 1\nprint(n)", "a\n" * 9)
    assert found.stdout == "9\n"


def test_a_daemon_ends_with_its_program(sandbox: Sandbox) -> None:
    code = (
        f"import os, time\n{NAMED}if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
        "    for n in range(3): os.close(n)\n    time.sleep(60)\n  os._exit(0)\n"
        "os.wait(); print('gone')"
    )
    found = run(sandbox, code)
    assert found.stdout == "gone\n"
    assert found.wall_seconds < LIMITS.wall_seconds
    assert processes_with(b"attack") == []


@pytest.mark.parametrize("ignored", ["", "signal.signal(signal.SIGXCPU, signal.SIG_IGN)"])
def test_a_loop_ends_at_the_cpu_limit(sandbox: Sandbox, ignored: str) -> None:
    code = f"import signal\n{ignored}\nwhile True: pass"
    limits = Limits(cpu_seconds=1, wall_seconds=20.0)
    found = sandbox.run_python({"main.py": code}, "main.py", limits=limits)
    assert found.ending == Ending.CPU
    assert found.cpu_seconds < limits.cpu_seconds + 1.5


def test_waiting_ends_at_the_wall_limit_whatever_is_ignored(sandbox: Sandbox) -> None:
    code = (
        f"import signal, time\n{NAMED}for n in range(1, 65):\n  try: signal.signal(n, "
        "signal.SIG_IGN)\n  except (OSError, ValueError): pass\nwhile True: time.sleep(9)"
    )
    started = time.monotonic()
    assert run(sandbox, code).ending == Ending.WALL
    assert time.monotonic() - started < LIMITS.wall_seconds + 5


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return [*map(lambda _: f(), [0])]\nf()",
        "import ctypes; ctypes.string_at(0)",
        "import os; os.abort()",
    ],
)
def test_a_crash_ends_one_program_and_dumps_nothing(sandbox: Sandbox, code: str) -> None:
    assert run(sandbox, code).ending in (Ending.KILLED, Ending.MEMORY, Ending.CPU)


def test_nothing_reaches_a_later_program(sandbox: Sandbox) -> None:
    code = (
        "import builtins, math, os, sys\nbuiltins.len = lambda _: 7\nmath.pi = 3\n"
        "os.environ['LEFT'] = '1'\nsys.modules['json'] = None\nopen('/dev/shm/left', 'w').close()\n"
        "random = __import__('random'); random.seed(5)\nopen('left', 'w').close()"
    )
    ask = (
        "import json, math, os, random\n"
        "print(len([]), math.pi, 'LEFT' in os.environ, os.listdir('/dev/shm'), os.listdir(),"
        " random.random())"
    )
    before = run(sandbox, ask).stdout
    assert run(sandbox, code).is_success
    assert run(sandbox, ask).stdout == before


def test_the_host_survives_the_end_of_the_sandbox_in_the_middle() -> None:
    before = processes_with(b"bwrap")
    sandbox = open_sandbox()
    run(sandbox, "print(1)")
    sandbox.close()
    deadline = time.monotonic() + 5
    while set(processes_with(b"bwrap")) - set(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(processes_with(b"bwrap")) <= set(before)
