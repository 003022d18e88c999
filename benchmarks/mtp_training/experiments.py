"""The four experiments, and the two checks before them; each returns plain numbers.

`learn`: the losses of both heads over all stages. `resume`: pieces in processes of their own
against one run. `mask`: the shipped targets against two ways that leak. `feed`: the reader against
batches that lie on the device already.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch

from benchmarks.mtp_training.attention import compare_with_dense
from benchmarks.mtp_training.batches import Batch, RunBatches
from benchmarks.mtp_training.masking import Masking, crossing_targets, remask
from benchmarks.mtp_training.model import ModelConfig
from benchmarks.mtp_training.train import BLOCK_STEPS, Step, Trainer, Training
from mixtures.stage_files import WINDOWS, StageFiles

EARLY_TOKENS = 64
"""Positions of a document in which a neighbour's text would show most."""

HELD_OUT_BATCHES = 8


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all experiments share."""

    run: Path
    stages: tuple[StageFiles, ...]
    device: torch.device
    model: ModelConfig = field(default_factory=ModelConfig)
    training: Training = field(default_factory=Training)

    def trainer(self) -> Trainer:
        """A new one, the same every time."""
        return Trainer(self.model, self.training, self.device)

    def batches(self, stage: StageFiles | None = None) -> RunBatches:
        """The batches of one stage, or of all."""
        place = self.run if stage is None else self.run / f"{WINDOWS}-{stage.name}" / stage.identity
        return RunBatches(
            place,
            batch_tokens=self.training.batch_tokens,
            num_workers=self.training.num_workers,
            device=self.device,
        )

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def check_attention(bench: Bench) -> dict[str, Any]:
    """The device's attention on the bounds of a real window of 8,192 against a dense mask."""
    batch = next(iter(bench.batches(bench.stages[0])))
    size = bench.stages[0].layout.sequence_tokens
    starts = batch.bounds.starts[batch.bounds.starts <= size].contiguous()
    dtype = torch.bfloat16 if bench.device.type == "cuda" else torch.float32
    channels = bench.model.width // bench.model.heads
    error = compare_with_dense(starts, heads=2, channels=channels, dtype=dtype)
    return {"documents": len(starts) - 1, "relative_error": error}


def measure_step(bench: Bench) -> dict[str, Any]:
    """Seconds of a step in the first stage and the memory at its peak, to plan the rest by."""
    trainer = bench.trainer()
    batches = list(islice(bench.batches(bench.stages[0]), 8))
    for batch in batches[:3]:
        trainer.step(batch)
    bench.wait()
    started = time.perf_counter()
    for batch in batches[3:]:
        trainer.step(batch)
    bench.wait()
    seconds = (time.perf_counter() - started) / len(batches[3:])
    peak = torch.cuda.max_memory_allocated() if bench.device.type == "cuda" else 0
    return {
        "seconds_per_step": seconds,
        "tokens_per_second": bench.training.batch_tokens / seconds,
        "peak_bytes": peak,
        "parameters": sum(one.numel() for one in trainer.model.parameters()),
    }


def learn(bench: Bench, *, steps_per_stage: int | None) -> dict[str, Any]:
    """Train through all stages; the mean losses of the first and last steps of each.

    ``steps_per_stage`` cuts every stage short, for a slow device.
    """
    trainer = bench.trainer()
    batches: Iterable[Batch] = bench.batches()
    if steps_per_stage is not None:
        batches = chain.from_iterable(
            islice(bench.batches(stage), steps_per_stage) for stage in bench.stages
        )
    steps = list(trainer.train(batches))
    rows = []
    for stage in bench.stages:
        of_stage = [step for step in steps if step.stage == stage.name]
        rows.append(
            {
                "stage": stage.name,
                "sequence_tokens": stage.layout.sequence_tokens,
                "steps": len(of_stage),
                "first_main": of_stage[0].main_loss,
                "first_mtp": of_stage[0].mtp_loss,
                "start": _mean_losses(of_stage[:BLOCK_STEPS]),
                "end": _mean_losses(of_stage[-BLOCK_STEPS:]),
                "tokens_per_second": median(step.tokens_per_second for step in of_stage),
            }
        )
    return {"stages": rows, "steps": [asdict(step) for step in steps]}


def resume(bench: Bench, *, lead_steps: int) -> dict[str, Any]:
    """One deterministic run, and the same in three processes; losses compared to the bit.

    From ``lead_steps`` before the end of the first stage, through all of the second, to as many
    in the third. The second piece goes on from inside the first stage and switches to the second;
    the third goes on from inside that, with another number of workers, and switches to the third.
    """
    first, second = bench.stages[:2]
    batch_tokens = bench.training.batch_tokens
    window = first.num_windows - lead_steps * batch_tokens // first.layout.sequence_tokens
    start = {"stage": first.name, "identity": first.identity, "window": window}
    of_second = bench.batches(second).num_batches
    cuts = [lead_steps // 2, lead_steps + of_second // 2, 2 * lead_steps + of_second]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        whole = _run_piece(bench, scratch, start=json.dumps(start), steps=cuts[2])
        one, two = scratch / "one", scratch / "two"
        joined = [
            *_run_piece(bench, scratch, start=json.dumps(start), steps=cuts[0], save=one),
            *_run_piece(bench, scratch, resume=one, steps=cuts[1] - cuts[0], save=two),
            *_run_piece(bench, scratch, resume=two, steps=cuts[2] - cuts[1], workers=3),
        ]
    equal = [_losses(one) == _losses(two) for one, two in zip(whole, joined, strict=False)]
    return {
        "steps": len(whole),
        "steps_joined": len(joined),
        "resumed_after_steps": cuts[:2],
        "stages": list(dict.fromkeys(step.stage for step in whole)),
        "equal_steps": sum(equal),
        "first_unequal_step": equal.index(False) + 1 if False in equal else None,
        "last_main_whole": whole[-1].main_loss.hex(),
        "last_main_joined": joined[-1].main_loss.hex(),
        "is_exact": len(whole) == len(joined) == cuts[2] and all(equal),
    }


def mask(bench: Bench, *, steps: int) -> list[dict[str, Any]]:
    """Train from one start with each masking; judge all by the shipped one on windows held out.

    Windows held out are the last of the first stage. A document comes once in it, so they repeat
    no text; a long document may have other parts in windows trained on, for all maskings alike.
    """
    stage = bench.stages[0]
    everything = list(bench.batches(stage))
    training, held_out = everything[:-HELD_OUT_BATCHES][:steps], everything[-HELD_OUT_BATCHES:]
    rows = []
    for masking in Masking:
        trainer = bench.trainer()
        for _ in trainer.train(remask(batch, masking, stage.layout) for batch in training):
            pass
        rows.append(
            {
                "masking": masking.value,
                "steps": trainer.steps,
                **_count_targets(training, masking, stage),
                **_judge(trainer, held_out, masking, stage),
            }
        )
    return rows


def feed(bench: Bench, *, rounds: int, steps_per_round: int) -> list[dict[str, Any]]:
    """Blocks of steps from the reader and on the same batches kept on the device, in turns.

    A block holds more steps than the workers read ahead, so the reader has to keep up. One stage
    for each length of windows.
    """
    by_length = {stage.layout.sequence_tokens: stage for stage in reversed(bench.stages)}
    return [
        _feed_stage(bench, stage, rounds=rounds, steps_per_round=steps_per_round)
        for _, stage in sorted(by_length.items())
    ]


def _feed_stage(
    bench: Bench, stage: StageFiles, *, rounds: int, steps_per_round: int
) -> dict[str, Any]:
    trainer = bench.trainer()
    total = min(rounds * steps_per_round, bench.batches(stage).num_batches)
    started = time.perf_counter()
    kept = list(islice(bench.batches(stage), total))
    bench.wait()
    alone = time.perf_counter() - started
    from_reader = iter(bench.batches(stage))
    for batch in kept[:3]:
        trainer.step(batch)
    seconds: dict[str, list[float]] = {"reader": [], "device": []}
    for low in range(0, total - steps_per_round + 1, steps_per_round):
        sources = [
            ("reader", islice(from_reader, steps_per_round)),
            ("device", iter(kept[low : low + steps_per_round])),
        ]
        # The order alternates: a card's clock drifts over seconds.
        for name, batches in sources if (low // steps_per_round) % 2 else reversed(sources):
            bench.wait()
            begun = time.perf_counter()
            for batch in batches:
                trainer.step(batch)
            bench.wait()
            seconds[name].append(time.perf_counter() - begun)
    ratios = [
        device / reader for device, reader in zip(seconds["device"], seconds["reader"], strict=True)
    ]
    tokens = bench.training.batch_tokens
    return {
        "stage": stage.name,
        "sequence_tokens": stage.layout.sequence_tokens,
        "workers": bench.training.num_workers,
        "rounds": len(ratios),
        "steps_per_round": steps_per_round,
        "reader_tokens_per_second": tokens * steps_per_round / median(seconds["reader"]),
        "device_tokens_per_second": tokens * steps_per_round / median(seconds["device"]),
        "ratio": sum(seconds["device"]) / sum(seconds["reader"]),
        "ratio_median": median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "reader_alone_tokens_per_second": total * tokens / alone,
    }


def _run_piece(
    bench: Bench, scratch: Path, *, workers: int | None = None, **flags: Any
) -> list[Step]:
    training = replace(bench.training, num_workers=workers or bench.training.num_workers)
    losses = scratch / "losses.json"
    command = [sys.executable, "-m", "benchmarks.mtp_training.train", str(bench.run)]
    flags |= {"model": json.dumps(asdict(bench.model)), "training": json.dumps(asdict(training))}
    for flag, value in {**flags, "losses": losses}.items():
        command += [f"--{flag}", str(value)]
    subprocess.run(command, check=True)
    return [Step(**step) for step in json.loads(losses.read_text(encoding="utf-8"))]


def _count_targets(batches: list[Batch], masking: Masking, stage: StageFiles) -> dict[str, Any]:
    live = torch.zeros(2, dtype=torch.int64)
    crossing = torch.zeros(2, dtype=torch.int64)
    for shipped in batches:
        batch = remask(shipped, masking, stage.layout)
        live += batch.is_live.sum(dim=1).cpu()
        crossing += crossing_targets(shipped, batch, stage.layout).sum(dim=1).cpu()
    return {"live_targets": live.tolist(), "crossing_targets": crossing.tolist()}


def _judge(
    trainer: Trainer, held_out: list[Batch], masking: Masking, stage: StageFiles
) -> dict[str, Any]:
    """Mean losses on windows held out: by shipped masks, and as this masking trains on them."""
    means = {name: _Means() for name in ("held_out", "early", "own", "crossing")}
    for shipped in held_out:
        losses = trainer.token_losses(shipped)
        means["held_out"].add(losses, shipped.is_live)
        means["early"].add(losses, shipped.is_live & (shipped.position_ids < EARLY_TOKENS))
        batch = remask(shipped, masking, stage.layout)
        if batch is not shipped:
            losses = trainer.token_losses(batch)
        crossing = crossing_targets(shipped, batch, stage.layout)
        means["own"].add(losses, batch.is_live & ~crossing)
        means["crossing"].add(losses, crossing)
    return {name: mean.result() for name, mean in means.items()}


class _Means:
    """Means by depth over masked positions, None where there are none."""

    def __init__(self) -> None:
        self._total = torch.zeros(2, dtype=torch.float64)
        self._count = torch.zeros(2, dtype=torch.int64)

    def add(self, losses: torch.Tensor, mask: torch.Tensor) -> None:
        self._total += torch.where(mask, losses, 0.0).double().sum(dim=1).cpu()
        self._count += mask.sum(dim=1).cpu()

    def result(self) -> list[float | None]:
        return [
            total / count if count else None
            for total, count in zip(self._total.tolist(), self._count.tolist(), strict=True)
        ]


def _losses(step: Step) -> tuple[str, int, float, float]:
    return step.stage, step.step, step.main_loss, step.mtp_loss


def _mean_losses(steps: list[Step]) -> list[float]:
    return [fmean(step.main_loss for step in steps), fmean(step.mtp_loss for step in steps)]
