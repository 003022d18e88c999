import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.engines.endpoint import EndpointConfig
from synth.engines.rate_limit import (
    BURST_SECONDS,
    AdaptiveWindow,
    RateLimit,
    TokenBucket,
    TokenEstimate,
)
from synth.request import Completion, Message, Request, Sampling


def request(chars: int, max_tokens: int = 100) -> Request:
    return Request(
        messages=(Message("user", "x" * chars),),
        model="m",
        sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=max_tokens),
        seed=0,
    )


def completion(prompt_tokens: int, completion_tokens: int) -> Completion:
    return Completion(
        text="",
        finish_reason="stop",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        model="m",
    )


@given(
    per_minute=st.floats(1, 1e6),
    asked=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5e4)), min_size=1, max_size=40),
)
def test_no_span_of_time_takes_more_than_its_share_and_a_burst(
    per_minute: float, asked: list[tuple[float, float]]
) -> None:
    bucket, now = TokenBucket(per_minute, 0.0), 0.0
    taken: list[tuple[float, float]] = []
    for pause, amount in asked:
        now += pause
        now += bucket.seconds_until(amount, now)
        assert bucket.seconds_until(amount, now) <= 1e-6 * max(1.0, now)
        bucket.take(amount, now)
        taken.append((now, amount))
    for first, last in itertools.combinations_with_replacement(range(len(taken)), 2):
        span = taken[last][0] - taken[first][0]
        amounts = [amount for _, amount in taken[first : last + 1]]
        limit = per_minute / 60 * (span + BURST_SECONDS) + max(amounts)
        assert sum(amounts) <= limit * (1 + 1e-6) + 1e-6


def test_a_bucket_is_used_to_the_full_by_who_always_asks() -> None:
    bucket, now = TokenBucket(600.0, 0.0), 0.0
    for _ in range(1000):
        now += bucket.seconds_until(7.0, now)
        bucket.take(7.0, now)
    assert 7000 / now == pytest.approx(10.0, rel=0.01)


def test_tokens_are_estimated_by_characters_then_by_usage() -> None:
    estimate = TokenEstimate()
    assert estimate.tokens(request(400)) == 100 + 100
    estimate.learn(request(400), completion(200, 10))
    assert estimate.tokens(request(400)) == 200 + 10
    assert estimate.tokens(request(400, max_tokens=5)) == 200 + 5
    estimate.learn(request(1000), completion(0, 0))  # a server that gives no usage
    assert estimate.tokens(request(400)) == 200 + 10


def test_what_a_request_used_replaces_what_was_counted_for_it() -> None:
    limit = RateLimit(EndpointConfig(url="http://h/v1", model="m", tokens_per_minute=600), 0.0)
    counted = limit.take(request(0), 0.0)
    assert counted == 100
    assert limit.seconds_until(request(0), 0.0) == pytest.approx(10.0)  # the debt, and a full one
    limit.settle(request(0), counted, completion(0, 10), 0.0)
    assert limit.seconds_until(request(0), 0.0) == pytest.approx(1.0)


def test_without_limits_nothing_waits() -> None:
    limit = RateLimit(EndpointConfig(url="http://h/v1", model="m"), 0.0)
    for _ in range(100):
        assert limit.seconds_until(request(10**6, 10**6), 0.0) == 0
        limit.take(request(10**6, 10**6), 0.0)


def test_a_window_halves_once_a_round_and_grows_back() -> None:
    window = AdaptiveWindow(1000)
    assert window.refuse(sent_at=0.0, now=1.0)
    assert not any(window.refuse(sent_at=0.5, now=1.1) for _ in range(500))
    assert window.size == 500
    assert window.refuse(sent_at=1.2, now=2.0)
    assert window.size == 250
    num_answers = 0
    while window.size < 1000:
        window.accept()
        num_answers += 1
    assert num_answers < 32 * 1000
    window.accept()
    assert window.size == 1000


@given(st.integers(1, 10_000), st.lists(st.booleans(), max_size=200))
def test_a_window_is_never_empty_and_never_wider_than_it_may_be(
    most: int, answers: list[bool]
) -> None:
    window = AdaptiveWindow(most)
    for now, is_refused in enumerate(answers):
        if is_refused:
            window.refuse(float(now), float(now))
        else:
            window.accept()
        assert 1 <= window.size <= most
