"""Beam's own cost: the CPU of a run through Beam against the same DoFns called in a plain loop.

    python -m benchmarks.beam_overhead [--pages 50000] [--keep]

Both runs (Beam's with two worker threads, the local default on two cores) do the whole recipe on
the demo corpus enlarged to that many documents, each in a process of its own, one after the other;
CPU includes the extractors' child processes. The goals: Beam takes at most 15% of its run's CPU,
and no worker process exceeds 2 GB.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import yaml

from benchmarks.enlarged_corpus import enlarge

WORK = Path("runs/benchmarks/beam_overhead")
RECIPE = Path("recipes/demo.yaml")
WEB = Path("examples/corpus/web")
MAX_OVERHEAD_RATIO = 0.15
MAX_WORKER_BYTES = 2 << 30
POLL_SECONDS = 0.2

FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

RUNNERS = {
    "plain": ["--runner=benchmarks.plain_runner.PlainRunner"],
    "beam": [
        f"--runner={FN_API_RUNNER}",
        "--direct_running_mode=multi_threading",
        "--direct_num_workers=2",
    ],
}


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=50_000)
    parser.add_argument("--one", choices=RUNNERS, help=argparse.SUPPRESS)
    known = parser.parse_args()
    if known.one is not None:
        _run_one(known.one, known.pages)
        return
    enlarge(sorted(WEB.glob("*.warc.gz")), _corpus(known.pages), num_pages=known.pages)
    found = {}
    print(f"{'runner':<18} {'CPU s':>9} {'wall s':>9} {'peak worker MB':>15} {'documents':>10}")
    for name in RUNNERS:
        command = [sys.executable, "-m", "benchmarks.beam_overhead", "--one", name]
        command += ["--pages", str(known.pages)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found[name] = json.loads(output.splitlines()[-1])
        one = found[name]
        print(
            f"{name:<18} {one['cpu_seconds']:9.1f} {one['wall_seconds']:9.1f} "
            f"{one['peak_worker_bytes'] / 1e6:15.0f} {one['documents']:10,}",
            flush=True,
        )
    ratio = 1 - found["plain"]["cpu_seconds"] / found["beam"]["cpu_seconds"]
    peak = max(one["peak_worker_bytes"] for one in found.values())
    is_met = ratio <= MAX_OVERHEAD_RATIO and peak <= MAX_WORKER_BYTES
    print(f"Beam's share of the CPU: {ratio:.1%} (goal: at most 15%)")
    print(f"largest worker: {peak / 1e6:.0f} MB (goal: at most {MAX_WORKER_BYTES / 1e6:.0f})")
    print(json.dumps({"overhead_ratio": ratio, "runs": found, "is_met": is_met}))


def _corpus(pages: int) -> Path:
    return WORK / f"corpus-{pages}"


def _run_one(name: str, pages: int) -> None:
    """Run the recipe in this process and print its cost as JSON."""
    from pipeline.config import parse_recipe
    from pipeline.run import run

    output = WORK / name
    shutil.rmtree(output, ignore_errors=True)
    value = yaml.safe_load(RECIPE.read_text())
    value["output"] = str(output)
    value["split_bytes"] = 8 << 20
    value["sources"]["web"]["paths"] = [f"{_corpus(pages)}/*.warc.gz"]
    for stage in value["mixture"]["stages"]:  # one epoch: the demo's four would only be more of it
        for component in stage["components"]:
            component["max_epochs"] = 1
    recipe = parse_recipe(value, name=str(RECIPE))
    peak = _PeakMemory()
    peak.start()
    started = time.monotonic()
    stages = run(recipe, beam_options=RUNNERS[name])
    wall_seconds = time.monotonic() - started
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "cpu_seconds": sum(usage.ru_utime + usage.ru_stime for usage in usages),
                "wall_seconds": wall_seconds,
                "peak_worker_bytes": peak.bytes,
                "documents": stages[0].manifest.counts.kept,
            }
        )
    )


class _PeakMemory(threading.Thread):
    """Largest resident size of this process and of each of its children, polled."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        this = psutil.Process(os.getpid())
        while True:
            for process in (this, *this.children(recursive=True)):
                try:
                    self.bytes = max(self.bytes, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
