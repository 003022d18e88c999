"""`python -m benchmarks.mtp_training RUN`: the experiments, a table last, and JSON."""

import argparse
import json
import time
from collections.abc import Callable
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

EXPERIMENTS = ("resume", "feed", "learn", "mask")
SHARES = {"resume": 0.25, "feed": 0.2, "learn": 0.35, "mask": 0.2}
"""Of the minutes. Steps are cut to fit; a fast GPU takes all windows once and needs less."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small MTP decoder from a run's windows.")
    parser.add_argument("run", type=Path, help="folder of a finished run, for example runs/demo")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all experiments together")
    parser.add_argument(
        "--only", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS, help="experiments to run"
    )
    parser.add_argument("--output", type=Path, help="file for all numbers, JSON")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bench = Bench(run=arguments.run, stages=find_stages(arguments.run), device=device)
    results: dict[str, Any] = {"machine": _describe(device)}

    def note(name: str, measure: Callable[[], Any]) -> None:
        started = time.perf_counter()
        results[name] = measure()
        seconds = time.perf_counter() - started
        print(f"[{name}: {seconds:.0f} s]", flush=True)
        # After every one, so that a command stopped at its limit leaves what it measured.
        print(render({name: results[name]}), flush=True)
        if arguments.output is not None:
            arguments.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    note("check", lambda: check_attention(bench))
    note("speed", lambda: measure_step(bench))
    seconds = {name: 60 * arguments.minutes * share for name, share in SHARES.items()}
    steps = {
        name: max(2, int(seconds[name] / results["speed"]["seconds_per_step"])) for name in SHARES
    }
    whole = bench.batches().num_batches
    experiments: dict[str, Callable[[], Any]] = {
        "resume": lambda: resume(bench, lead_steps=8),
        # Two lengths of windows, each batch twice, in 8 rounds.
        "feed": lambda: feed(bench, rounds=8, steps_per_round=max(2, min(20, steps["feed"] // 32))),
        "learn": lambda: learn(
            bench,
            steps_per_stage=None if whole <= steps["learn"] else steps["learn"] // 3,
        ),
        "mask": lambda: mask(bench, steps=max(2, min(250, steps["mask"] // 3))),
    }
    for name in EXPERIMENTS:
        if name in arguments.only:
            note(name, experiments[name])
    print()
    print(render(results))


def _describe(device: torch.device) -> dict[str, str]:
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    return {"device": name, "torch": torch.__version__}


if __name__ == "__main__":
    main()
