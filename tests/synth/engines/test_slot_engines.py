"""What every in-process engine does, whatever computes the model."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from pipeline.errors import ConfigError
from synth.engines.embedded import EmbeddedConfig, EmbeddedEngine, EmbeddedSlots
from synth.engines.embedded_weights import read_weights
from synth.engines.engine import complete
from synth.engines.slots import Ids, SlotEngine
from synth.engines.transformers import TransformersConfig, TransformersEngine
from synth.request import Answered, Completion, Message, Request, RequestFailure, Sampling
from tests.synth.engines.tiny_models import write_model

SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=16)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    names = ("qwen2", "llama")
    return {name: write_model(tmp_path_factory.mktemp(name), name) for name in names}


@pytest.fixture(scope="module", params=["transformers qwen2", "transformers llama", "embedded"])
def start(request, folders) -> Callable[[int], SlotEngine]:
    """Starts the engine under test, with a number of slots."""
    if request.param == "embedded":
        folder = str(folders["qwen2"])
        return lambda slots: EmbeddedEngine(EmbeddedConfig(folder=folder, slots=slots))
    folder = str(folders[request.param.split()[1]])
    return lambda slots: TransformersEngine(
        TransformersConfig(model=folder, device="cpu", slots=slots)
    )


@pytest.fixture(scope="module")
def engine(start) -> Iterator[SlotEngine]:
    engine = start(4)
    yield engine
    engine.close()


def ask(text: str = "What is 12 times 3?", *, seed: int = 0, **sampling) -> Request:
    return Request(
        messages=(Message("user", text),),
        model="tiny",
        sampling=replace(SAMPLING, **sampling),
        seed=seed,
    )


def answer(engine: SlotEngine, request: Request) -> Completion:
    answered = engine.submit(request).result(timeout=60)
    assert isinstance(answered, Completion), answered
    return answered


def test_answers_are_the_same_alone_and_in_any_batch(start, engine):
    requests = [
        ask("12 times 3? " * (1 + seed % 4), seed=seed, max_tokens=4 + seed % 13)
        for seed in range(24)
    ]
    alone = [answer(engine, request) for request in requests]
    assert complete(engine, requests) == alone
    other = start(7)
    assert complete(other, requests[::-1]) == alone[::-1]
    other.close()


def test_seeds_give_samples_of_their_own_and_a_seed_always_the_same(engine):
    texts = [answer(engine, ask(seed=seed)).text for seed in range(10)]
    assert len(set(texts)) == 10
    assert [answer(engine, ask(seed=seed)).text for seed in range(10)] == texts
    assert len({answer(engine, ask(seed=seed, temperature=0.0)).text for seed in range(5)}) == 1


def test_an_answer_has_at_most_max_tokens(engine):
    long = answer(engine, ask(temperature=0.0, max_tokens=40))
    short = answer(engine, ask(temperature=0.0, max_tokens=3))
    assert (short.finish_reason, short.completion_tokens) == ("length", 3)
    assert long.completion_tokens > 3
    assert short.prompt_tokens == long.prompt_tokens > 5


def test_an_answer_ends_where_the_context_does(engine):
    filled = answer(engine, ask("x" * 100, max_tokens=10_000, seed=5))
    assert filled.finish_reason == "length"
    assert filled.prompt_tokens + filled.completion_tokens == 128


def test_an_answer_is_cut_before_the_first_stop_string(engine):
    whole = answer(engine, ask(seed=1, max_tokens=30)).text
    stop, later = whole[6:8], whole[12:14]
    cut = answer(engine, ask(seed=1, max_tokens=30, stop=(later, stop, "never there")))
    assert cut.text == whole[: whole.index(stop)]
    assert cut.finish_reason == "stop"
    assert cut.completion_tokens <= 30


def test_the_end_of_a_turn_ends_the_answer_and_is_not_in_the_text(engine):
    answers = complete(
        engine, [ask(seed=seed, temperature=3.0, max_tokens=90) for seed in range(40)]
    )
    stopped = [one for one in answers if one.finish_reason == "stop"]
    assert stopped
    assert min(one.completion_tokens for one in stopped) < 90
    assert not any("<|im_end|>" in one.text for one in answers)


def test_a_prompt_without_room_fails_alone(engine):
    requests = [ask(seed=1), ask("x" * 500), ask(seed=2)]
    first, failed, last = complete(engine, requests)
    assert isinstance(first, Completion)
    assert isinstance(last, Completion)
    assert isinstance(failed, RequestFailure)
    assert failed.error_type == "TooLongError"
    assert "127" in failed.message


def test_a_schema_is_refused(engine):
    failed = engine.submit(replace(ask(), response_schema="{}")).result(timeout=60)
    assert isinstance(failed, RequestFailure)
    assert "response_schema" in failed.message


def test_cancelled_requests_leave_their_slots_to_others(start):
    engine = start(2)
    answer(engine, ask(max_tokens=1))
    given_up = [engine.submit(ask(seed=seed, max_tokens=100)) for seed in range(6)]
    assert all(future.cancel() for future in given_up)
    assert answer(engine, ask(seed=1)).text
    assert all(future.cancelled() for future in given_up)
    engine.close()


def test_many_threads_may_ask_at_once(engine):
    expected = [answer(engine, ask(seed=seed)) for seed in range(16)]
    found: dict[int, Answered] = {}

    def submit(seed: int) -> None:
        found[seed] = engine.submit(ask(seed=seed)).result(timeout=60)

    threads = [threading.Thread(target=submit, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(16)] == expected


def test_closing_gives_up_what_is_unanswered(start):
    engine = start(1)
    answer(engine, ask(max_tokens=1))
    futures: list[Future[Answered]] = [
        engine.submit(ask(seed=seed, max_tokens=100)) for seed in range(20)
    ]
    engine.close()
    assert not wait(futures, timeout=10).not_done
    with pytest.raises(CancelledError):
        futures[-1].result(timeout=0)
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit(ask())


class FailsOnce(EmbeddedSlots):
    """Runs out of memory in its second step."""

    num_steps = 0

    def collect(self) -> Ids:
        self.num_steps += 1
        if self.num_steps == 2:
            raise MemoryError("no room for the batch")
        return super().collect()


def test_a_step_that_fails_takes_its_batch_and_no_more(folders):
    weights = read_weights(folders["qwen2"])
    tokenizer = Tokenizer.from_file(str(folders["qwen2"] / "tokenizer.json"))
    slots = FailsOnce(weights, tokenizer, num_slots=1)
    engine = SlotEngine(lambda: slots, model="tiny", max_in_flight=2)
    first, second = complete(engine, [ask(seed=1), ask(seed=2)])
    engine.close()
    assert first == RequestFailure(error_type="MemoryError", message="no room for the batch")
    assert isinstance(second, Completion)


@pytest.mark.parametrize(
    "engine_of",
    [
        lambda folder: TransformersEngine(TransformersConfig(model=str(folder))),
        lambda folder: EmbeddedEngine(EmbeddedConfig(folder=str(folder))),
    ],
)
def test_a_model_that_is_not_there_fails_every_request_by_name(engine_of, tmp_path):
    engine = engine_of(tmp_path / "no-such-model")
    for _ in range(2):
        with pytest.raises(ConfigError, match="no-such-model"):
            engine.submit(ask()).result(timeout=60)
    engine.close()
