"""Sampling and checking at once against a batch that is generated and then checked: same work.

    python -m benchmarks.seamless_rollout [--random-weights | --embedded | --transformers MODEL]

The same samples of the same problems by the same model, in three ways:

1. a batch of as many samples as the engine has slots is generated, then checked, then the next;
2. the seamless way (``synth.rollout``), every sample;
3. the seamless way, where one verified sample of a problem is enough.

Without a model, a simulated one answers: each of its slots takes as long as an answer has tokens,
and lengths are log-normal, as those of reasoning models are (sigma 1.0; the longest of 256 is some
sixteen times the median), cut at MAX_TOKENS. ``--random-weights`` (on a GPU) writes answers of
these lengths by the engine ``transformers`` and a model in the shape of Qwen2.5-0.5B. A check then
takes CHECK_SECONDS, about what a comparison in a fork or a sandboxed run takes. A model that was
trained is checked by the real verifier. Answers of both ways are compared: they are the same.

MiMo-7B's report (arXiv 2505.07608, section 3.5) states 2.29 times in training, 1.96 in validation.
"""

import argparse
import heapq
import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from synth.engines.engine import Engine, complete
from synth.item import Item
from synth.judgement import check_sample
from synth.request import Answered, Completion, Request, Sampling
from synth.rollout import Sampled, Window, roll_out
from synth.sample import Asking, Sample, converse, first_request
from synth.strategies.catalogue import all_strategies
from synth.strategies.strategy import Strategy
from synth.verification.finding import Finding
from synth.verification.tools import Tools
from synth.verification.verdict import Verdict

MEDIAN_TOKENS = 200
SIGMA = 1.0
MAX_TOKENS = 2048
TOKEN_SECONDS = 0.0002
CHECK_SECONDS = 0.02
PASS_RATE = 0.5

Check = Callable[[Item, Sample], Finding]


class SimulatedEngine:
    """``slots`` answers at once, each as long as its tokens; a clock thread ends them."""

    def __init__(self, slots: int) -> None:
        self.max_in_flight = slots
        self._ends: list[tuple[float, int, Future[Answered], Request]] = []
        self._changed = threading.Condition()
        self._number = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Future[Answered]:
        """As ``Engine.submit``."""
        future: Future[Answered] = Future()
        end = time.monotonic() + tokens_of(request) * TOKEN_SECONDS
        with self._changed:
            self._number += 1
            heapq.heappush(self._ends, (end, self._number, future, request))
            self._changed.notify()
        return future

    def close(self) -> None:
        """End the clock."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                if not self._ends:
                    self._changed.wait()
                    continue
                left = self._ends[0][0] - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                _, _, future, request = heapq.heappop(self._ends)
            if future.set_running_or_notify_cancel():
                future.set_result(_answer(request))


def tokens_of(request: Request) -> int:
    """Length of the answer to a request: log-normal, decided by its content."""
    draw = random.Random(request.key).gauss(0, SIGMA)  # noqa: S311 - a simulation
    return min(MAX_TOKENS, round(MEDIAN_TOKENS * math.exp(draw)))


def _answer(request: Request) -> Completion:
    return Completion(
        text=f"simulated {request.seed}",
        finish_reason="stop",
        prompt_tokens=100,
        completion_tokens=tokens_of(request),
        model="simulated",
    )


def check_simulated(item: Item, sample: Sample) -> Finding:
    """Takes its time; the verdict is decided by the request."""
    del item
    time.sleep(CHECK_SECONDS)
    draw = random.Random(sample.request.key + "?").random()  # noqa: S311 - a simulation
    is_right = draw < PASS_RATE
    return Finding(verdict=Verdict.CORRECT if is_right else Verdict.INCORRECT)


def batch_then_check(  # noqa: PLR0917 - what both ways need
    items: Iterable[Item],
    strategy: Strategy,
    asking: Asking,
    engine: Engine,
    check: Check,
    checkers: ThreadPoolExecutor,
    slots: int,
) -> dict[tuple[str, int], tuple[str | None, Verdict | None]]:
    """Generate as many samples as there are slots, check them all, and begin again."""
    planned = [(item, number) for item in items for number in range(asking.samples)]
    found: dict[tuple[str, int], tuple[str | None, Verdict | None]] = {}
    for first in range(0, len(planned), slots):
        batch = planned[first : first + slots]
        requests = [first_request(item, number, strategy, asking) for item, number in batch]
        samples = [
            _finish(item, number, strategy, asking, answer)
            for (item, number), answer in zip(batch, complete(engine, requests), strict=True)
        ]
        findings = checkers.map(
            lambda pair: None if pair[1].text is None else check(pair[0][0], pair[1]),
            zip(batch, samples, strict=True),
        )
        for (item, number), sample, finding in zip(batch, samples, findings, strict=True):
            found[item.id, number] = (sample.text, None if finding is None else finding.verdict)
    return found


def _finish(
    item: Item, number: int, strategy: Strategy, asking: Asking, answer: Answered
) -> Sample:
    conversation = converse(item, number, strategy, asking)
    next(conversation)
    try:
        conversation.send(answer)
    except StopIteration as finished:
        sample: Sample = finished.value
        return sample
    raise ValueError(f"strategy {strategy.name!r} has several steps; this benchmark wants one")


def _shown(sampled: Iterable[Sampled]) -> dict[tuple[str, int], tuple[str | None, Verdict | None]]:
    return {
        (one.item.id, sample.number): (
            sample.text,
            None if sample.finding is None else sample.finding.verdict,
        )
        for one in sampled
        for sample in one.samples
    }


def _problems(path: str | None, number: int) -> list[Item]:
    if path is None:
        return [
            Item(id=f"p{n}", seed_id=f"p{n}", problem=f"What is {n} + {n}?", answer=f"{2 * n}")
            for n in range(number)
        ]
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [
        Item(id=row["id"], seed_id=row["id"], problem=row["problem"], answer=str(row["answer"]))
        for row in rows[:number]
    ]


class UnequalEngine:
    """A model that never ends by itself, made to end each answer at a length of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.max_in_flight = engine.max_in_flight

    def submit(self, request: Request) -> Future[Answered]:
        """As ``Engine.submit``; an answer of full length counts as whole."""
        sampling = replace(request.sampling, max_tokens=tokens_of(request))
        behind = self._engine.submit(replace(request, sampling=sampling))
        future: Future[Answered] = Future()

        def arrive(ended: Future[Answered]) -> None:
            if ended.cancelled() or not future.set_running_or_notify_cancel():
                return
            answer = ended.result()
            is_whole = isinstance(answer, Completion)
            future.set_result(replace(answer, finish_reason="stop") if is_whole else answer)

        behind.add_done_callback(arrive)
        future.add_done_callback(lambda ended: ended.cancelled() and behind.cancel())
        return future

    def close(self) -> None:
        """Close the engine behind."""
        self._engine.close()


def _open_random_weights(slots: int) -> Engine:
    import torch

    from benchmarks import synth_throughput as throughput

    scale = replace(throughput.FULL, context_tokens=MAX_TOKENS + 256)
    model = throughput.build(scale, scale.small, torch.bfloat16)
    throughput.torch_slots.register_attention()
    model.set_attn_implementation(throughput.torch_slots.ATTENTION)
    tokenizer = throughput.load_tokenizer()
    engine, _ = throughput.start_engine(scale, model, tokenizer, slots, is_compiled=True)
    return UnequalEngine(engine)


def _open(arguments: argparse.Namespace) -> tuple[Engine, str]:
    if arguments.random_weights:
        return _open_random_weights(arguments.slots), "random weights, 0.5 B"
    if arguments.transformers:
        from synth.engines.transformers import TransformersConfig, TransformersEngine

        config = TransformersConfig(model=arguments.transformers, slots=arguments.slots)
        return TransformersEngine(config), arguments.transformers
    if arguments.embedded:
        from synth.engines.embedded import EmbeddedConfig, EmbeddedEngine

        embedded = EmbeddedConfig(slots=arguments.slots)
        return EmbeddedEngine(embedded), embedded.model
    return SimulatedEngine(arguments.slots), "simulated"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--random-weights", action="store_true", help="a 0.5 B model on a GPU")
    parser.add_argument("--transformers", help="folder of a model")
    parser.add_argument("--embedded", action="store_true", help="the solver that ships")
    parser.add_argument("--problem-file", help="JSONL with id, problem and answer")
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=480)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--checkers", type=int, default=2)
    arguments = parser.parse_args()

    engine, model = _open(arguments)
    strategy = next(one for one in all_strategies() if one.name == "mathematics")
    items = _problems(arguments.problem_file, arguments.problems)
    tools = Tools()
    is_simulated = not (arguments.transformers or arguments.embedded)
    check: Check = (
        check_simulated if is_simulated else partial(check_sample, strategy=strategy, tools=tools)
    )
    asking = Asking(
        model=model,
        sampling=Sampling(
            temperature=arguments.temperature,
            top_p=strategy.defaults.top_p,
            max_tokens=arguments.max_tokens,
        ),
        seed=0,
        samples=arguments.samples,
    )
    with ThreadPoolExecutor(arguments.checkers) as checkers:
        complete(engine, [first_request(items[0], 0, strategy, asking)])  # loads the model
        times: dict[str, float] = {}

        def timed(name: str, run: Callable[[], object]) -> object:
            started = time.monotonic()
            result = run()
            times[name] = time.monotonic() - started
            return result

        def seamless(plan: Asking) -> dict[tuple[str, int], tuple[str | None, Verdict | None]]:
            return _shown(
                roll_out(
                    items, strategy, plan, window=Window(engine), check=check, checkers=checkers
                )
            )

        batched = timed(
            "batch, then check",
            lambda: batch_then_check(
                items, strategy, asking, engine, check, checkers, arguments.slots
            ),
        )
        flowing = timed("seamless", lambda: seamless(asking))
        one = replace(asking, wanted=1)
        early = timed("seamless, one wanted", lambda: seamless(one))
    engine.close()
    tools.close()
    same = sum(batched[key] == flowing[key] for key in batched)  # type: ignore[index, attr-defined]
    print(f"{model}: {len(items)} problems, {asking.samples} samples each, {arguments.slots} slots")
    print(f"samples the same in both ways: {same} of {len(batched)}")  # type: ignore[arg-type]
    print(f"samples needed where one is wanted: {len(early)} of {len(batched)}")  # type: ignore[arg-type]
    base = times["batch, then check"]
    for name, seconds in times.items():
        print(f"{name:<22} {seconds:8.2f} s  {base / seconds:5.2f} times")


if __name__ == "__main__":
    main()
