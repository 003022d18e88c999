"""The training loop: AdamW over the batches of a run, stopped and resumed to the bit.

    python -m benchmarks.mtp_training.train RUN --losses FILE [--resume FILE] [--save FILE]

trains one piece of a run in a process of its own; ``benchmarks.mtp_training.experiments`` joins
pieces and compares.
"""

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from benchmarks.mtp_training.batches import Batch, RunBatches
from benchmarks.mtp_training.model import ModelConfig, MtpDecoder

BLOCK_STEPS = 10
"""Steps between two looks at the device; looking waits for it."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How to train.

    The loss weight is MiMo's and DeepSeek-V3's of the main phase; betas, decay and clipping are
    MiMo's (report, section 2.2). The learning rate is usual for this width.
    """

    batch_tokens: int = 32_768
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    mtp_weight: float = 0.3
    seed: int = 0
    num_workers: int = 2


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step's mean losses over live targets, and the rate of the block of steps it was in."""

    stage: str
    step: int
    main_loss: float
    mtp_loss: float
    tokens_per_second: float


class Trainer:
    """Model, optimizer and the number of steps taken."""

    def __init__(self, model: ModelConfig, training: Training, device: torch.device) -> None:
        torch.manual_seed(training.seed)
        self.training = training
        self.device = device
        self.model = MtpDecoder(model).to(device)
        self.steps = 0
        parameters = list(self.model.parameters())
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [one for one in parameters if one.ndim > 1], "weight_decay": 0.1},
                {"params": [one for one in parameters if one.ndim == 1], "weight_decay": 0.0},
            ],
            lr=training.learning_rate,
            betas=(0.9, 0.95),
            fused=device.type == "cuda",
        )

    def step(self, batch: Batch) -> torch.Tensor:
        """Train on a batch; its losses at depths 0 and 1 before that, still on the device."""
        with self.autocast():
            main, mtp = self.model.mean_losses(batch)
        # DeepSeek-V3 divides the weight by the number of depths, which is 1.
        loss = main + self.training.mtp_weight * mtp
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.steps += 1
        warm = min(1.0, self.steps / self.training.warmup_steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self.training.learning_rate * warm
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return torch.stack((main, mtp)).detach()

    def token_losses(self, batch: Batch) -> torch.Tensor:
        """Loss of every position at depths 0 and 1, (2, T)."""
        with self.autocast():
            return self.model.token_losses(batch)

    def autocast(self) -> Any:
        """Products in bfloat16 on a GPU."""
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def train(self, batches: Iterable[Batch]) -> Iterator[Step]:
        """Train on batches; the steps come in blocks of ``BLOCK_STEPS``, in order."""
        waiting: list[tuple[str, torch.Tensor]] = []
        started = time.perf_counter()
        for batch in batches:
            if waiting and (len(waiting) == BLOCK_STEPS or waiting[-1][0] != batch.stage):
                yield from self._look(waiting, started)
                waiting, started = [], time.perf_counter()
            waiting.append((batch.stage, self.step(batch)))
        if waiting:
            yield from self._look(waiting, started)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, but the batches."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def _look(self, waiting: list[tuple[str, torch.Tensor]], started: float) -> Iterator[Step]:
        losses = torch.stack([losses for _, losses in waiting]).tolist()
        rate = len(waiting) * self.training.batch_tokens / (time.perf_counter() - started)
        first = self.steps - len(waiting) + 1
        for number, ((stage, _), (main, mtp)) in enumerate(zip(waiting, losses, strict=True)):
            yield Step(
                stage=stage,
                step=first + number,
                main_loss=main,
                mtp_loss=mtp,
                tokens_per_second=rate,
            )


def be_deterministic() -> None:
    """Have torch refuse kernels whose result depends on timing. Before the first use of CUDA."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)
    # Filling 5 GB of logits with NaN before they are written helps debugging, not determinism.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def train_piece(
    trainer: Trainer,
    run: Path,
    *,
    start: dict[str, Any] | None = None,
    resume: Path | None = None,
    steps: int | None = None,
    save: Path | None = None,
) -> list[Step]:
    """Train ``steps`` steps of ``run``, or to its end, and leave a checkpoint in ``save``.

    Begins at the reader's position ``start``, at the checkpoint ``resume``, or at the beginning.
    With as many workers as the checkpoint was made with the loader's state is used, with another
    number the reader's position.
    """
    state = None
    if resume is not None:
        state = torch.load(resume, map_location=trainer.device, weights_only=True)
        trainer.load_state_dict(state["trainer"])
    workers = trainer.training.num_workers
    has_as_many = state is not None and state["num_workers"] == workers
    batches = RunBatches(
        run,
        batch_tokens=trainer.training.batch_tokens,
        num_workers=workers,
        device=trainer.device,
        position=start if state is None or has_as_many else state["position"],
    )
    if state is not None and has_as_many:
        batches.load_state_dict(state["loader"])
    taken = list(trainer.train(islice(batches, steps)))
    if save is not None:
        left = {"loader": batches.state_dict(), "position": batches.position}
        torch.save({"trainer": trainer.state_dict(), "num_workers": workers, **left}, save)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one piece of a run, deterministically.")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--losses", type=Path, required=True, help="file for the steps, JSON")
    parser.add_argument("--start", type=json.loads, help="position of the reader, JSON")
    parser.add_argument("--resume", type=Path, help="checkpoint to go on from")
    parser.add_argument("--steps", type=int, help="steps to take; else to the end")
    parser.add_argument("--save", type=Path, help="checkpoint to write at the end")
    parser.add_argument("--model", type=json.loads, default={}, help="sizes of the model, JSON")
    parser.add_argument("--training", type=json.loads, default={}, help="how to train, JSON")
    arguments = parser.parse_args()
    be_deterministic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    steps = train_piece(
        Trainer(ModelConfig(**arguments.model), Training(**arguments.training), device),
        arguments.run,
        start=arguments.start,
        resume=arguments.resume,
        steps=arguments.steps,
        save=arguments.save,
    )
    arguments.losses.write_text(json.dumps([asdict(step) for step in steps]), encoding="utf-8")


if __name__ == "__main__":
    main()
