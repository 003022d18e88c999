"""The rollout: the same samples whatever arrives first, none too many, the window full."""

import re
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from synth.item import Item
from synth.request import Request
from synth.rollout import Sampled
from synth.sample import Sample
from synth.verification.finding import Finding
from tests.synth.rollout_parts import (
    TimedEngine,
    asking,
    check,
    one_step,
    sample_all,
    two_steps,
)

TEXTS = ("right", "wrong", "cut", "failure", "formless")


def place(request: Request) -> tuple[int, int]:
    """Numbers of the item and of the sample that a request is of."""
    found = re.search(r"problem (\d+)", request.messages[-1].content)
    assert found is not None
    return int(found.group(1)), request.seed


def outcome(sampled: list[Sampled]) -> list[tuple[str, list[str], int]]:
    return [
        (one.item.id, [shown(sample) for sample in one.samples], one.num_spared) for one in sampled
    ]


def shown(sample: Sample) -> str:
    if sample.failure is not None:
        return "failure"
    if sample.fault is not None:
        return {"truncated": "cut", "empty": "formless"}[sample.fault.reason]
    assert sample.finding is not None
    assert sample.text is not None
    return sample.text


def needed(texts: list[str], wanted: int | None) -> list[str]:
    """The shortest run of samples from the first one that decides the item."""
    if wanted is None:
        return texts
    right = 0
    for number, text in enumerate(texts):
        right += text == "right"
        left = len(texts) - number - 1
        if right >= wanted or wanted - right > left:
            return texts[: number + 1]
    return texts


@pytest.fixture
def engines() -> Iterator[list[TimedEngine]]:
    made: list[TimedEngine] = []
    yield made
    for engine in made:
        engine.close()


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(TEXTS), min_size=5, max_size=5), max_size=5),
    wanted=st.none() | st.integers(1, 5),
    window=st.integers(1, 40),
    delays=st.randoms(use_true_random=False),
)
def test_what_comes_out_depends_on_the_answers_alone(
    texts: list[list[str]], wanted: int | None, window: int, delays: object
) -> None:
    seconds = [[delays.random() * 0.004 for _ in row] for row in texts]  # type: ignore[attr-defined]

    def reply(request: Request) -> tuple[float, str]:
        item, sample = place(request)
        return seconds[item][sample], texts[item][sample]

    engine = TimedEngine(reply, window)
    sampled = sample_all(engine, len(texts), asking(5, wanted))
    engine.close()
    assert outcome(sampled) == [
        (f"i{n}", needed(row, wanted), 5 - len(needed(row, wanted))) for n, row in enumerate(texts)
    ]
    assert len(engine.asked) == len({place(request) for request in engine.asked})
    assert engine.peak <= window + engine.num_cancelled


def test_no_sample_is_asked_for_that_may_not_be_needed_while_others_are(
    engines: list[TimedEngine],
) -> None:
    engine = TimedEngine(lambda _: (0.002, "right"), 4)
    engines.append(engine)
    sampled = sample_all(engine, 40, asking(8, wanted=1))
    assert [len(one.samples) for one in sampled] == [1] * 40
    assert len(engine.asked) <= 40 + 3 * engine.max_in_flight  # at the very end, room is left
    assert [place(request) for request in engine.asked[:36]] == [(n, 0) for n in range(36)]


def test_room_that_nothing_else_needs_is_used_to_ask_ahead(engines: list[TimedEngine]) -> None:
    """One problem that is solved by its last sample takes one answer's time, not eight."""
    engine = TimedEngine(lambda request: (0.2, "right" if request.seed == 7 else "wrong"), 8)
    engines.append(engine)
    started = time.monotonic()
    (only,) = sample_all(engine, 1, asking(8, wanted=1))
    assert len(only.samples) == 8
    assert time.monotonic() - started < 0.8


def test_what_is_not_needed_any_more_is_given_up(engines: list[TimedEngine]) -> None:
    engine = TimedEngine(lambda request: (0.01 if request.seed == 0 else 30.0, "right"), 8)
    engines.append(engine)
    started = time.monotonic()
    (only,) = sample_all(engine, 1, asking(8, wanted=1))
    assert (len(only.samples), only.num_spared) == (1, 7)
    engine.close()
    assert engine.num_cancelled == len(engine.asked) - 1 > 0
    assert time.monotonic() - started < 5


def test_an_item_that_cannot_reach_what_is_wanted_is_given_up(engines: list[TimedEngine]) -> None:
    engine = TimedEngine(lambda _: (0.001, "wrong"), 1)
    engines.append(engine)
    (only,) = sample_all(engine, 1, asking(6, wanted=3))
    assert (len(only.samples), only.num_spared) == (4, 2)


def test_the_window_does_not_wait_for_the_slowest_answer_or_for_checks(
    engines: list[TimedEngine],
) -> None:
    """Ten slow answers among two hundred, and slow checks: the time is that of the work."""
    engine = TimedEngine(lambda request: (0.3 if request.seed == 0 else 0.01, "right"), 20)
    engines.append(engine)

    def slow(item: Item, sample: Sample) -> Finding:
        time.sleep(0.005)
        return check(item, sample)

    started = time.monotonic()
    sampled = sample_all(engine, 10, asking(20), check=slow)
    # Slow answers take 0.3 s side by side; the others 190 * 0.01 / 10; checks 200 * 0.005 / 4.
    assert time.monotonic() - started < 1.0
    assert sum(len(one.samples) for one in sampled) == 200


def test_a_check_runs_beside_the_generation_of_others(engines: list[TimedEngine]) -> None:
    is_checking = threading.Event()
    overlapped: list[bool] = []

    def reply(request: Request) -> tuple[float, str]:
        if place(request)[0] == 1:
            overlapped.append(is_checking.wait(5))
        return 0.0, "right"

    def watched(item: Item, sample: Sample) -> Finding:
        is_checking.set()
        return check(item, sample)

    engine = TimedEngine(reply, 2)
    engines.append(engine)
    sample_all(engine, 2, asking(1), check=watched)
    assert overlapped == [True]


def test_steps_follow_one_another_and_a_shared_one_is_asked_alike_for_all_samples(
    engines: list[TimedEngine],
) -> None:
    engine = TimedEngine(lambda request: (0.0, f"{request.seed}"), 3)
    engines.append(engine)
    (only,) = sample_all(engine, 1, asking(3), strategy=two_steps())
    questions, solutions = zip(
        *(str(sample.text).split("/") for sample in only.samples), strict=True
    )
    assert set(questions) == {"0"}
    assert len(set(solutions)) == 3
    assert {request.key for request in engine.asked if request.seed == 0} == {
        only.samples[0].request.key
    }


def test_an_engine_that_cannot_work_stops_the_rollout(engines: list[TimedEngine]) -> None:
    def reply(request: Request) -> tuple[float, str]:
        del request
        return 0.0, "right"

    engine = TimedEngine(reply, 2)
    engines.append(engine)

    def broken(request: Request) -> object:
        future = submit(request)
        future.cancel()
        raise ConfigError("endpoint: no server")

    submit = engine.submit
    engine.submit = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(ConfigError, match="no server"):
        sample_all(engine, 3, asking(1))


def test_usage_is_summed_over_the_steps_of_a_sample(engines: list[TimedEngine]) -> None:
    engine = TimedEngine(lambda _: (0.0, "right"), 3)
    engines.append(engine)
    (one,) = sample_all(engine, 1, asking(1), strategy=one_step())
    (two,) = sample_all(engine, 1, asking(1), strategy=two_steps())
    assert (one.samples[0].usage.completion_tokens, two.samples[0].usage.completion_tokens) == (
        5,
        10,
    )
