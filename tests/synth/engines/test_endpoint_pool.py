import resource
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import ConfigError
from synth.engines import openai, pool
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import complete
from synth.engines.openai import OpenAIEngine
from synth.request import Completion, Message, Request, RequestFailure, Sampling
from tests.synth.chat_server import MODEL, ChatServer, Fault, free_port


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(pool, "READY_POLL_SECONDS", 0.02)
    monkeypatch.setattr(pool, "MAX_POLL_SECONDS", 0.05)


def requests(count: int, first: int = 0) -> list[Request]:
    return [
        Request(
            messages=(Message("user", f"What is {number} + 1?"),),
            model=MODEL,
            sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=100),
            seed=0,
        )
        for number in range(first, first + count)
    ]


def slow(_body: Mapping[str, Any], _attempt: int) -> Fault:
    return Fault(delay_seconds=0.02)


def pooled(*urls: str, **settings: Any) -> OpenAIEngine:
    return OpenAIEngine(EndpointConfig(urls=[*urls], model=MODEL, **settings))


def all_answered(answers: list[Completion | RequestFailure]) -> bool:
    return all(isinstance(answer, Completion) for answer in answers)


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_servers_share_the_requests_and_each_has_a_window_of_its_own() -> None:
    with ChatServer(slow) as one, ChatServer(slow) as other:
        engine = pooled(one.url, other.url, max_in_flight=4)
        assert engine.max_in_flight == 8
        complete(engine, requests(4))  # until both have been found ready
        time.sleep(0.1)
        assert all_answered(complete(engine, requests(80)))
        engine.close()
        assert (one.peak_in_flight, other.peak_in_flight) == (4, 4)
        assert min(len(one.asked), len(other.asked)) >= 30


def test_one_that_is_down_is_left_out_and_joins_when_it_comes_up() -> None:
    port = free_port()
    with ChatServer(slow) as one:
        engine = pooled(one.url, f"http://127.0.0.1:{port}/v1", max_in_flight=4)
        assert all_answered(complete(engine, requests(20)))
        with ChatServer(slow, port=port) as late:
            wait_for(lambda: bool(late.asked) or not complete(engine, requests(8)))
            assert late.asked
        engine.close()


def test_what_is_in_flight_at_a_server_that_dies_is_asked_of_another_without_an_attempt() -> None:
    with ExitStack() as stack:
        one = stack.enter_context(ChatServer(slow))
        with ChatServer(slow) as dying:
            engine = pooled(one.url, dying.url, max_in_flight=4, max_attempts=2)
            complete(engine, requests(8))
            answers: list[Completion | RequestFailure] = []
            asking = threading.Thread(
                target=lambda: answers.extend(complete(engine, requests(200)))
            )
            asking.start()
            wait_for(lambda: len(dying.asked) > 20)
        asking.join()
        engine.close()
        assert len(answers) == 200
        assert all_answered(answers)


def test_a_server_that_only_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "READY_POLL_SECONDS", 30.0)
    with ChatServer() as one, ChatServer(lambda _b, _a: Fault(status=500)) as failing:
        engine = pooled(one.url, failing.url, max_in_flight=2)
        assert all_answered(complete(engine, requests(60)))
        engine.close()
        # It is probed once when left out, is well by that, and then fails five more in a row.
        assert len(failing.asked) < 60


def test_a_server_that_restarts_is_waited_for_in_the_middle() -> None:
    port = free_port()
    engine = OpenAIEngine(
        EndpointConfig(url=f"http://127.0.0.1:{port}/v1", model=MODEL, max_attempts=2)
    )
    with ChatServer(port=port):
        assert all_answered(complete(engine, requests(3)))
    answers: list[Completion | RequestFailure] = []
    asking = threading.Thread(target=lambda: answers.extend(complete(engine, requests(3, 10))))
    asking.start()
    time.sleep(0.3)
    with ChatServer(port=port):
        asking.join()
    engine.close()
    assert len(answers) == 3
    assert all_answered(answers)


def test_when_all_stay_down_each_is_named() -> None:
    urls = [f"http://127.0.0.1:{free_port()}/v1" for _ in range(2)]
    engine = pooled(*urls, ready_timeout_seconds=0.2)
    for _ in range(2):
        with pytest.raises(ConfigError, match="raise ready_timeout_seconds") as caught:
            complete(engine, requests(3))
        assert all(url in str(caught.value) for url in urls)
    engine.close()


def test_a_server_of_another_model_is_refused_even_beside_good_ones() -> None:
    with ChatServer(slow) as one, ChatServer(models=("other",)) as wrong:
        engine = pooled(one.url, wrong.url)
        with pytest.raises(ConfigError, match=f"{wrong.url} serves no"):
            complete(engine, requests(2000))
        engine.close()


def test_a_server_that_lists_no_models_but_is_well_is_used() -> None:
    for status in (404, 500):
        with ChatServer(models_status=status) as server:
            engine = pooled(server.url)
            assert all_answered(complete(engine, requests(3)))
            engine.close()


def test_a_server_whose_engine_has_died_is_left_out_though_it_lists_its_models() -> None:
    with ChatServer() as one, ChatServer(health_status=503) as dead:
        engine = pooled(one.url, dead.url)
        assert all_answered(complete(engine, requests(20)))
        engine.close()
        assert not dead.asked


def test_refusals_slow_the_window_down_cost_no_attempts_and_pass() -> None:
    lock, in_flight = threading.Lock(), 0

    def refuse_beyond_four(_body: Mapping[str, Any], _attempt: int) -> Fault:
        nonlocal in_flight
        with lock:
            in_flight += 1
            is_refused = in_flight > 4
        time.sleep(0.005)
        with lock:
            in_flight -= 1
        return Fault(status=429) if is_refused else Fault()

    with ChatServer(refuse_beyond_four) as server:
        engine = OpenAIEngine(
            EndpointConfig(url=server.url, model=MODEL, max_in_flight=64, max_attempts=3)
        )
        assert all_answered(complete(engine, requests(300)))
        engine.close()
        assert len(server.asked) < 900


def test_a_quota_that_is_spent_ends_each_request_after_its_attempts() -> None:
    with ChatServer(lambda _body, _attempt: Fault(status=429)) as server:
        engine = OpenAIEngine(EndpointConfig(url=server.url, model=MODEL, max_attempts=3))
        answers = complete(engine, requests(3))
        engine.close()
    assert [(a.error_type, a.attempts) for a in answers if isinstance(a, RequestFailure)] == [
        ("HTTP 429", 3)
    ] * 3


def test_requests_per_minute_are_kept() -> None:
    with ChatServer() as server:
        engine = OpenAIEngine(
            EndpointConfig(url=server.url, model=MODEL, requests_per_minute=1200.0)
        )
        start = time.monotonic()
        assert all_answered(complete(engine, requests(40)))
        seconds = time.monotonic() - start
        engine.close()
    assert seconds >= 0.95  # 20 a second, of which a second's worth at once


def test_tokens_per_minute_are_kept() -> None:
    with ChatServer() as server:  # 32 tokens a request by its usage
        engine = OpenAIEngine(
            EndpointConfig(
                url=server.url, model=MODEL, tokens_per_minute=60 * 320.0, max_in_flight=2
            )
        )
        start = time.monotonic()
        assert all_answered(complete(engine, requests(30)))
        seconds = time.monotonic() - start
        engine.close()
    assert 1.5 <= seconds < 6  # 10 a second, of which the first at once; by max_tokens 3 a second


def test_cancelling_drops_the_connection_and_frees_the_window() -> None:
    gone = threading.Event()

    def notice(body: Mapping[str, Any], _attempt: int) -> Fault | None:
        if "What is 0 " in body["messages"][-1]["content"]:
            server.wait_until_hung_up(30.0)
            gone.set()
        return None

    with ChatServer(notice) as server:
        engine = OpenAIEngine(EndpointConfig(url=server.url, model=MODEL, max_in_flight=1))
        first, second = (engine.submit(request) for request in requests(2))
        wait_for(lambda: bool(server.asked))
        assert not second.done()
        assert first.cancel()
        assert isinstance(second.result(10), Completion)
        assert gone.wait(10)
        engine.close()


def test_closing_cancels_what_has_no_answer() -> None:
    with ChatServer(lambda _body, _attempt: Fault(delay_seconds=0.5)) as server:
        engine = OpenAIEngine(EndpointConfig(url=server.url, model=MODEL, max_in_flight=1))
        futures = [engine.submit(request) for request in requests(3)]
        wait_for(lambda: bool(server.asked))
        engine.close()
    assert all(future.cancelled() for future in futures)


@pytest.fixture
def _few_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("_few_files")
def test_a_wide_window_raises_the_limit_of_open_files() -> None:
    OpenAIEngine(EndpointConfig(url="http://h/v1", model=MODEL, max_in_flight=600)).close()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 600


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either url or urls"),
        ({"url": "http://a/v1", "urls": ["http://b/v1"]}, "either url or urls"),
        ({"urls": ["http://a/v1", "http://a/v1/"]}, "twice"),
        ({"urls": ["a:8000"]}, "no http"),
    ],
    ids=str,
)
def test_addresses_are_checked(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EndpointConfig(model=MODEL, **given)
