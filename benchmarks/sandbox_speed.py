"""Programs a second and core that the sandbox runs, each completely isolated from all others.

    python -m benchmarks.sandbox_speed [--runs 300] [--threads 1]

The program is ``print(2)``. CPU seconds are those of the whole machine (``/proc/stat``), as much of
the work is the kernel's and is charged to no process that could be asked; what else runs counts as
well, so measure on a quiet machine. JSON last. Goal: 50 a second and core.

Ways that were tried, one thread, on two cores that others used as well, so the figures are low and
vary; ``/proc/stat`` counts the others' work too:

* ``bare``, 31 to 39 a second (15 to 20 a CPU second): bubblewrap and ``python3 -I -S`` for every
  program, without limits, filter and files yet;
* ``exec``, 56 to 65 (28 to 33): a waiting interpreter inside bubblewrap clones itself into new
  process, mount and IPC namespaces, takes all limits and the filter, and executes a new one;
* ``zygote``, 94 to 160 (47 to 80), two threads 174 (98): the same, but the clone runs the program.
  What the package does.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from synth.sandbox.bubblewrap import NOBODY, command, find_bubblewrap, is_dropping_rights
from synth.sandbox.sandbox import Sandbox

GOAL = 50
PROGRAM = "print(2)"
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print what each way gives and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=300, metavar="N")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    stated = parser.parse_args()
    with Sandbox() as sandbox:
        interpreter = sandbox.interpreter
        bare = [*command(find_bubblewrap(), interpreter)[:-1], PROGRAM]

        def run_in_sandbox() -> str:
            return sandbox.run_python({"main.py": PROGRAM}, "main.py").stdout

        def run_bare() -> str:
            user = NOBODY if is_dropping_rights() else None
            done = subprocess.run(bare, capture_output=True, check=True, env={}, user=user)
            return done.stdout.decode()

        found = {
            "bare": measure(run_bare, stated.runs // 3, stated.threads),
            "zygote": measure(run_in_sandbox, stated.runs, stated.threads),
        }
        sandbox._command[-1] = executing(sandbox._command[-1])  # noqa: SLF001
        for zygote in sandbox._idle:  # noqa: SLF001
            zygote.close()
        sandbox._idle.clear()  # noqa: SLF001 - the next is started by the changed command
        found["exec"] = measure(run_in_sandbox, stated.runs, stated.threads)
    for name, (by_wall, by_cpu) in found.items():
        print(f"{name}: {by_wall:.0f} a second by the clock, {by_cpu:.0f} a CPU second")
    print(json.dumps({**found, "goal_per_core": GOAL, "threads": stated.threads}))


def executing(zygote: str) -> str:
    """The zygote's source, changed to execute a new interpreter for each program."""
    forking = 'os._exit(execute(request["main"]))'
    if forking not in zygote:
        raise RuntimeError(f"the zygote has no {forking!r} to change")
    arguments = '[sys.executable, "-I", "-S", os.path.join(WORK, request["main"])]'
    return zygote.replace(forking, f"os.execv(sys.executable, {arguments})")


def measure(run: Callable[[], str], runs: int, threads: int) -> tuple[float, float]:
    """Runs a second by wall time, and by CPU time of the machine."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: run(), range(threads)))
        cpu, wall = busy_seconds(), time.monotonic()
        outputs = set(pool.map(lambda _: run(), range(runs)))
        wall, cpu = time.monotonic() - wall, busy_seconds() - cpu
    if outputs != {"2\n"}:
        raise RuntimeError(f"programs wrote {outputs}")
    return round(runs / wall, 1), round(runs / cpu, 1)


def busy_seconds() -> float:
    """CPU seconds of all cores so far, without those spent idle or waiting for disks."""
    first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _idle, _wait, interrupts, soft = map(int, first.split()[1:8])
    return (user + nice + system + interrupts + soft) / _TICKS


if __name__ == "__main__":
    main()
