"""Rows of fixed length for training: whole examples side by side, made by child processes.

A row holds several examples, each of which may look only at itself; so no example is cut, and
every batch has one shape, for which the training step is compiled once.
"""

import multiprocessing
import os
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from synth.solver.curriculum import read_template, training_problems, training_prompt
from synth.solver.vocabulary import TURN_END, render_prompt

ROW_TOKENS = 512
IGNORED = -100
"""The target of a position that has no loss, as torch's cross entropy wants it."""

POOL_EXAMPLES = 512
"""Examples waiting for a row with room. With so many, less than 2 % of the positions stay empty."""

QUEUED_BATCHES = 64

Rows = NDArray[np.int16]


class Example(NamedTuple):
    """Tokens of a prompt and its solution; the first ``prompt_tokens`` carry no loss."""

    tokens: list[int]
    prompt_tokens: int


def examples(tokenizer: Any, rng: random.Random) -> Iterator[Example]:
    """Endless training examples that fit a row."""
    template = read_template()
    problems = training_problems(rng)
    while True:
        chunk = list(islice(problems, 256))
        prompts = [render_prompt(training_prompt(problem.text, template, rng)) for problem in chunk]
        encoded_prompts = tokenizer.encode_batch(prompts)
        solutions = tokenizer.encode_batch([problem.solution + TURN_END for problem in chunk])
        for prompt, solution in zip(encoded_prompts, solutions, strict=True):
            tokens = prompt.ids + solution.ids
            if len(tokens) <= ROW_TOKENS:
                yield Example(tokens, len(prompt.ids))


def pack(stream: Iterator[Example], row_count: int, pool: list[Example]) -> Rows:
    """Inputs, targets and documents as (3, rows, positions); the document 0 is padding.

    ``pool`` is kept between calls and refilled from ``stream``.
    """
    rows = np.zeros((3, row_count, ROW_TOKENS), np.int16)
    rows[1] = IGNORED
    for row in range(row_count):
        pool.extend(islice(stream, POOL_EXAMPLES - len(pool)))
        used = document = 0
        position = 0
        while position < len(pool):
            size = len(pool[position].tokens)
            if used + size > ROW_TOKENS:
                position += 1
                continue
            example = pool.pop(position)
            document += 1
            end = used + size
            rows[0, row, used:end] = example.tokens
            first = used + example.prompt_tokens - 1
            rows[1, row, first : end - 1] = example.tokens[example.prompt_tokens :]
            rows[2, row, used:end] = document
            used = end
            if ROW_TOKENS - used < _SHORTEST:
                break
    return rows


_SHORTEST = 24
"""No example is shorter, so a row with less room is full."""


def _produce(queue: Any, tokenizer_json: str, row_count: int, seed: str) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one process a core already
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json)
    stream = examples(tokenizer, random.Random(seed))  # noqa: S311
    pool: list[Example] = []
    while True:
        queue.put(pack(stream, row_count, pool))


class BatchSource:
    """Batches of packed rows from child processes; use it as a context manager."""

    def __init__(self, tokenizer: Any, *, row_count: int, workers: int, seed: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads
        self._queue: Any = context.Queue(QUEUED_BATCHES)
        self._processes = [
            context.Process(
                target=_produce,
                args=(self._queue, tokenizer.to_str(), row_count, f"{seed} {worker}"),
                daemon=True,
            )
            for worker in range(workers)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    def next(self) -> Rows:
        """The next batch; raises RuntimeError when none comes within two minutes."""
        import queue

        try:
            rows: Rows = self._queue.get(timeout=120)
        except queue.Empty:
            raise RuntimeError(
                "no training batch within 120 s; see the children's errors"
            ) from None
        return rows

    def ready_batches(self) -> int:
        """Batches that wait; 0 means that training waits for them."""
        return int(self._queue.qsize())
