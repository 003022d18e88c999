"""The training loop: as many steps as a time allows, the learning rate following the clock."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from synth.solver.network import Network
from synth.solver.packing import IGNORED, BatchSource

PEAK_RATE = 2e-3
"""Of a network this narrow; the usual rates of large ones are too low for it."""
FINAL_RATIO = 0.01
WARMUP_STEPS = 200
WEIGHT_DECAY = 0.1
BETAS = (0.9, 0.95)
MAX_GRADIENT_NORM = 1.0
REPORT_SECONDS = 10


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    steps: int
    tokens: int
    seconds: float
    loss: float


def learning_rate(progress: float, step: int) -> float:
    """A linear warm-up by steps, then a cosine by the share of the time that has passed."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return (
        PEAK_RATE * (FINAL_RATIO + (1 - FINAL_RATIO) * cosine) * min(1.0, (step + 1) / WARMUP_STEPS)
    )


def loss_of(network: Network, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy over tokens of solutions; ``batch`` is as ``packing.pack`` makes it."""
    tokens, targets, documents = batch.long()
    logits = network(tokens, documents)
    return F.cross_entropy(
        logits.view(-1, logits.shape[-1]).float(), targets.reshape(-1), ignore_index=IGNORED
    )


def train(
    network: Network,
    source: BatchSource,
    *,
    seconds: float,
    device: torch.device,
    report: Callable[[str], None] = print,
) -> Trained:
    """Train for ``seconds`` of wall time, in which the step is compiled too."""
    is_cuda = device.type == "cuda"

    def find_loss(batch: torch.Tensor) -> torch.Tensor:
        return loss_of(network, batch)

    step_loss: Any = torch.compile(find_loss, dynamic=False) if is_cuda else find_loss
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=BETAS, fused=is_cuda)
    parameters = matrices + vectors
    network.train()
    start = reported = time.monotonic()
    steps = tokens = reported_tokens = 0
    loss_value = float("nan")
    while steps < 1 or time.monotonic() - start < seconds:
        rate = learning_rate((time.monotonic() - start) / seconds, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = torch.from_numpy(source.next())
        if is_cuda:
            batch = batch.pin_memory().to(device, non_blocking=True)
        with torch.autocast("cuda", torch.bfloat16) if is_cuda else nullcontext():
            loss = step_loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if steps == 0:
            loss_value = loss.item()
            reported = time.monotonic()
            report(f"first step, with compiling: {reported - start:.1f} s")
        steps += 1
        tokens += batch[0].numel()
        reported_tokens = tokens if steps == 1 else reported_tokens
        if time.monotonic() - reported > REPORT_SECONDS:
            loss_value = loss.item()
            now = time.monotonic()
            speed = (tokens - reported_tokens) / (now - reported)
            report(
                f"{now - start:6.0f} s  step {steps}  loss {loss_value:.4f}  rate {rate:.2e}  "
                f"{speed / 1e3:.0f}k tokens/s  {source.ready_batches()} batches ready"
            )
            reported, reported_tokens = now, tokens
    loss_value = loss.item()
    return Trained(steps, tokens, time.monotonic() - start, loss_value)
