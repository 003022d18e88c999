"""`python -m benchmarks.mtp_training RUN`: the experiments, a table last, and JSON."""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.mtp_training.experiments import (
    Bench,
    check_attention,
    feed,
    learn,
    mask,
    measure_step,
    resume,
)
from benchmarks.mtp_training.report import render
from mixtures.stage_files import find_stages

SHARES = {"resume": 0.25, "feed": 0.2, "learn": 0.35, "mask": 0.2}
"""The experiments, in order, and their shares of the minutes.

Steps are cut to fit; a fast GPU takes all windows once and needs less. `resume` is never cut: it
takes two passes through the second stage and five starts of a process.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small MTP decoder from a run's windows.")
    parser.add_argument("run", type=Path, help="folder of a finished run, for example runs/demo")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all experiments together")
    parser.add_argument(
        "--only", nargs="+", choices=SHARES, default=list(SHARES), help="experiments to run"
    )
    parser.add_argument("--output", type=Path, help="file for all numbers, JSON")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bench = Bench(run=arguments.run, stages=find_stages(arguments.run), device=device)
    log = Log(arguments.output)
    log.results["machine"] = _describe(device)
    log.measure("check", lambda: check_attention(bench))
    speed = log.measure("speed", lambda: measure_step(bench))
    chosen = {name: share for name, share in SHARES.items() if name in arguments.only}
    for name, share in chosen.items():
        seconds = 60 * arguments.minutes * share / sum(chosen.values())
        steps = int(seconds / speed["seconds_per_step"])
        log.measure(name, partial(_EXPERIMENTS[name], bench, steps))
    print()
    print(render(log.results))
    if log.failed:
        sys.exit(f"failed: {', '.join(log.failed)}")


class Log:
    """Results as they come: a command stopped at its limit leaves what it has measured."""

    def __init__(self, output: Path | None) -> None:
        self.results: dict[str, Any] = {}
        self.failed: list[str] = []
        self._output = output

    def measure(self, name: str, run: Callable[[], Any]) -> Any:
        """Run one experiment, show and write its result; a failure does not cost the others."""
        started = time.perf_counter()
        try:
            self.results[name] = run()
        except Exception:  # noqa: BLE001 - shown here, and main exits with 1
            traceback.print_exc()
            self.failed.append(name)
            return None
        print(f"[{name}: {time.perf_counter() - started:.0f} s]", flush=True)
        print(render({name: self.results[name]}), flush=True)
        if self._output is not None:
            self._output.write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
        return self.results[name]


def _resume(bench: Bench, steps: int) -> dict[str, Any]:
    del steps
    return resume(bench, lead_steps=8)


def _feed(bench: Bench, steps: int) -> list[dict[str, Any]]:
    # Two lengths of windows, each batch twice, in 8 rounds.
    return feed(bench, rounds=8, steps_per_round=max(2, min(20, steps // 32)))


def _learn(bench: Bench, steps: int) -> dict[str, Any]:
    is_enough = bench.batches().num_batches <= steps
    return learn(bench, steps_per_stage=None if is_enough else steps // len(bench.stages))


def _mask(bench: Bench, steps: int) -> list[dict[str, Any]]:
    return mask(bench, steps=max(2, min(250, steps // 3)))


_EXPERIMENTS: dict[str, Callable[[Bench, int], Any]] = {
    "resume": _resume,
    "feed": _feed,
    "learn": _learn,
    "mask": _mask,
}


def _describe(device: torch.device) -> dict[str, str]:
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    return {"device": name, "torch": torch.__version__}


if __name__ == "__main__":
    main()
