"""Trains the small solver: ``python -m synth.solver.train --seconds 420 --out FOLDER``.

Needs torch, transformers, tokenizers, safetensors and numpy. One GPU of the H100's class is meant;
without a GPU a network of a tiny shape is trained, to see that everything runs.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SEED = 1
MAX_TOKENS = 640
"""Of a prompt with its answer when evaluating; what takes longer counts as wrong."""
ROUNDS = 8
BATCH_PROMPTS = 6144
"""Answered at a time; the whole evaluation set, with its keys and values in 80 GB."""
EXAMPLE_STRIDE = 8
"""``samples.jsonl`` has one of so many problems with its answers."""
TEMPERATURE = 0.7
EXTRA_SECONDS = 70
"""No round of sampling is begun this long after the training, so that a run ends in time."""


@dataclass(frozen=True)
class Answers:
    """Greedy answers to the evaluation set, and its answers of each round of sampling."""

    greedy: list[str]
    sampled: list[list[str]]


def main() -> None:
    """Train, write the model and evaluate it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--seconds", type=float, default=420, help="wall time until the training ends"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the model and its figures"
    )
    arguments = parser.parse_args()
    run(arguments.seconds, arguments.out)


def run(seconds: float, out: Path) -> dict[str, Any]:
    """The whole of it; returns the figures that ``metrics.json`` holds."""
    begun = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", flush=True)

    import torch

    from synth.solver import evaluation, training
    from synth.solver.model_folder import largest_difference, rounded, write_model
    from synth.solver.network import Network, Shape, parameter_count
    from synth.solver.packing import ROW_TOKENS, BatchSource
    from synth.solver.vocabulary import (
        TEXTS_TO_LEARN_FROM,
        VOCABULARY_SIZE,
        curriculum_texts,
        train_tokenizer,
    )

    device = _prepare_device()
    is_cuda = device.type == "cuda"
    device_name = torch.cuda.get_device_name() if is_cuda else "CPU"
    cores = os.cpu_count() or 1
    report(f"torch {torch.__version__} on {device_name}, {cores} cores")

    tokenizer = train_tokenizer(curriculum_texts(TEXTS_TO_LEARN_FROM, seed=SEED))
    report(f"tokenizer with {tokenizer.get_vocab_size()} tokens")
    vocabulary = max(VOCABULARY_SIZE, tokenizer.get_vocab_size())
    shape = Shape(vocabulary) if is_cuda else Shape(vocabulary, 64, 2, 4, 2, 128)
    network = Network(shape).to(device)
    report(f"{parameter_count(network) / 1e6:.2f} M parameters")

    rows = 128 if is_cuda else 8
    workers = max(1, cores - 2)
    with BatchSource(tokenizer, row_count=rows, workers=workers, seed=SEED) as source:
        left = seconds - (time.monotonic() - begun)
        trained = training.train(network, source, seconds=left, device=device, report=report)
    report(
        f"{trained.steps} steps of {rows} rows of {ROW_TOKENS} tokens in {trained.seconds:.0f} s, "
        f"{trained.tokens / trained.seconds / 1e3:.0f}k tokens/s, loss {trained.loss:.4f}"
    )
    write_model(network, tokenizer, out)
    size = sum(file.stat().st_size for file in out.iterdir())
    report(f"saved in {out}: {size / 2**20:.2f} MiB")

    network = rounded(network, device)
    chosen = evaluation.evaluation_set(32 if is_cuda else 1, seed=SEED)
    prompts = evaluation.encode_prompts(tokenizer, chosen.problems)
    difference, agreement = largest_difference(network, out, prompts[:16])
    report(
        f"transformers' logits differ by up to {difference:.4f}, {agreement:.2%} of choices agree"
    )
    answers = _answer(
        network, tokenizer, prompts, latest=begun + seconds + EXTRA_SECONDS, report=report
    )
    greedy = evaluation.judge(chosen.problems, answers.greedy)
    sampled = [evaluation.judge(chosen.problems, texts) for texts in answers.sampled]
    summary = evaluation.summarize(chosen, greedy, sampled)
    metrics = {
        "device": device_name,
        "torch": torch.__version__,
        "parameters": parameter_count(network),
        "bytes": size,
        "training": asdict(trained),
        "temperature": TEMPERATURE,
        "largest_logit_difference": difference,
        "evaluation": summary,
    }
    (out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    _write_examples(out / "samples.jsonl", chosen, answers)
    print(evaluation.to_table(summary), flush=True)
    report("done")
    return metrics


def _prepare_device() -> Any:
    import torch

    torch.manual_seed(SEED)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.set_float32_matmul_precision("high")
    # Masks go to the memory-efficient kernel.
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    return torch.device("cuda")


def _answer(
    network: Any,
    tokenizer: Any,
    prompts: list[list[int]],
    *,
    latest: float,
    report: Callable[[str], None],
) -> Answers:
    """Greedy answers, then rounds of samples; none but the first begins after ``latest``."""
    import torch

    from synth.solver.sampling import sample
    from synth.solver.vocabulary import TURN_END

    generator = torch.Generator(network.embed_tokens.weight.device).manual_seed(SEED)
    end_id = tokenizer.token_to_id(TURN_END)

    def answer(temperature: float) -> list[str]:
        completions: list[str] = []
        for start in range(0, len(prompts), BATCH_PROMPTS):
            continued = sample(
                network,
                prompts[start : start + BATCH_PROMPTS],
                end_id=end_id,
                max_tokens=MAX_TOKENS,
                temperature=temperature,
                generator=generator,
            )
            completions += tokenizer.decode_batch(continued)
        return completions

    greedy = answer(0.0)
    report(f"{len(prompts)} problems answered at temperature 0")
    sampled: list[list[str]] = []
    while len(sampled) < ROUNDS and (not sampled or time.monotonic() < latest):
        sampled.append(answer(TEMPERATURE))
        report(f"round {len(sampled)} of sampling")
    return Answers(greedy, sampled)


def _write_examples(path: Path, chosen: Any, answers: Answers) -> None:
    with path.open("w", encoding="utf-8") as file:
        for position in range(0, len(chosen.problems), EXAMPLE_STRIDE):
            problem = chosen.problems[position]
            line = {
                "family": problem.family,
                "kind": chosen.kinds[position],
                "problem": problem.text,
                "answer": problem.answer,
                "greedy": answers.greedy[position],
                "sample": answers.sampled[-1][position],
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
