import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from synth.cache import RequestCache
from synth.engines import openai, pool
from synth.engines.cached import CachedEngine
from synth.engines.chat_completion import parse_completion
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import complete, stream
from synth.engines.openai import OpenAIEngine
from synth.request import Completion, Message, Request, RequestFailure, Sampling
from tests.synth.chat_server import MODEL, ChatServer, Fault, free_port, problem_of


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(pool, "READY_POLL_SECONDS", 0.02)


def requests(count: int, *, seed: int = 0) -> list[Request]:
    return [
        Request(
            messages=(Message("user", f"What is {number} + 1?"),),
            model=MODEL,
            sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=100),
            seed=seed,
        )
        for number in range(count)
    ]


def endpoint(url: str, **settings: Any) -> EndpointConfig:
    return EndpointConfig(url=url, model=MODEL, **settings)


def first_operand(body: Mapping[str, Any]) -> int:
    return int(problem_of(body).split()[2])


def is_about(answer: Completion | RequestFailure, number: int) -> bool:
    return isinstance(answer, Completion) and any(
        f"\\boxed{{{number + 1 + error}}}" in answer.text for error in (0, 10)
    )


def test_answers_come_in_the_order_of_the_requests_however_late_they_arrive() -> None:
    def slow_first(body: Mapping[str, Any], _attempt: int) -> Fault:
        return Fault(delay_seconds=0.2 if first_operand(body) == 0 else 0.0)

    with ChatServer(slow_first) as server:
        engine = OpenAIEngine(endpoint(server.url, max_in_flight=4))
        answers = complete(engine, requests(12))
        engine.close()
    assert all(is_about(answer, number) for number, answer in enumerate(answers))
    assert answers[3].model == MODEL
    assert (answers[3].prompt_tokens, answers[3].completion_tokens) == (12, 20)


def test_a_response_schema_is_sent_as_structured_output_and_only_where_there_is_one() -> None:
    schema = '{"type": "object", "properties": {"b": {}, "a": {}}}'
    free, bound = requests(2)
    with ChatServer() as server:
        engine = OpenAIEngine(endpoint(server.url, max_in_flight=1))
        complete(engine, [free, replace(bound, response_schema=schema)])
        engine.close()
    assert "response_format" not in server.asked[0]
    sent = server.asked[1]["response_format"]
    assert (sent["type"], sent["json_schema"]["strict"]) == ("json_schema", True)
    assert list(sent["json_schema"]["schema"]["properties"]) == ["b", "a"]


def test_the_window_is_filled_and_never_exceeded_by_two_threads_together() -> None:
    with ChatServer(lambda _body, _attempt: Fault(delay_seconds=0.05)) as server:
        engine = OpenAIEngine(endpoint(server.url, max_in_flight=5))
        threads = [
            threading.Thread(target=complete, args=(engine, requests(15, seed=seed)))
            for seed in (0, 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.close()
        assert server.peak_in_flight == 5
        assert len(server.asked) == 30


def test_a_slow_request_does_not_hold_up_the_window() -> None:
    def one_slow(body: Mapping[str, Any], _attempt: int) -> Fault:
        return Fault(delay_seconds=0.6 if first_operand(body) == 0 else 0.01)

    with ChatServer(one_slow) as server:
        engine = OpenAIEngine(endpoint(server.url, max_in_flight=2))
        arrived = [position for position, _ in stream(engine, requests(10))]
        engine.close()
    assert arrived == [*range(1, 10), 0]


def test_requests_are_read_only_as_fast_as_they_can_be_sent() -> None:
    read: list[int] = []

    def lazily() -> Iterator[Request]:
        for number, request in enumerate(requests(10)):
            read.append(number)
            yield request

    with ChatServer() as server:
        engine = OpenAIEngine(endpoint(server.url, max_in_flight=2))
        answers = stream(engine, lazily())
        next(answers)
        assert len(read) == 2
        answers.close()  # type: ignore[attr-defined]
        engine.close()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=429, retry_after_seconds=0.05),
        Fault(status=500),
        Fault(status=503),
        Fault(is_dropped=True),
        Fault(delay_seconds=1.0),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(fault: Fault) -> None:
    with ChatServer(lambda _body, attempt: fault if attempt == 1 else None) as server:
        engine = OpenAIEngine(endpoint(server.url, attempt_timeout_seconds=0.3))
        answers = complete(engine, requests(3))
        engine.close()
        assert all(is_about(answer, number) for number, answer in enumerate(answers))
        assert len(server.asked) == 6


def test_retry_after_is_respected() -> None:
    refused = Fault(status=429, retry_after_seconds=0.4)
    with ChatServer(lambda _body, attempt: refused if attempt == 1 else None) as server:
        engine = OpenAIEngine(endpoint(server.url))
        started = time.monotonic()
        complete(engine, requests(1))
        engine.close()
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize(
    ("fault", "error_type", "attempts"),
    [
        (Fault(status=400), "HTTP 400", 1),
        (Fault(status=503), "HTTP 503", 3),
        (Fault(is_dropped=True), "ServerDisconnectedError", 3),
        (Fault(delay_seconds=1.0), "TimeoutError", 3),
        (Fault(body=b"<html>"), "JSONDecodeError", 1),
        (Fault(body=b'{"choices": []}'), "ValueError", 1),
    ],
    ids=str,
)
def test_one_request_that_fails_takes_no_other_with_it(
    fault: Fault, error_type: str, attempts: int
) -> None:
    with ChatServer(lambda body, _attempt: fault if first_operand(body) == 2 else None) as server:
        engine = OpenAIEngine(endpoint(server.url, max_attempts=3, attempt_timeout_seconds=0.3))
        answers = complete(engine, requests(5))
        engine.close()
    failure = answers.pop(2)
    assert isinstance(failure, RequestFailure)
    assert (failure.error_type, failure.attempts) == (error_type, attempts)
    assert failure.message
    assert all(isinstance(answer, Completion) for answer in answers)


def test_a_server_that_comes_up_late_is_waited_for() -> None:
    port = free_port()
    engine = OpenAIEngine(endpoint(f"http://127.0.0.1:{port}/v1", ready_timeout_seconds=30.0))
    answers: list[Completion | RequestFailure] = []
    asking = threading.Thread(target=lambda: answers.extend(complete(engine, requests(2))))
    asking.start()
    time.sleep(0.1)
    with ChatServer(port=port):
        asking.join()
        engine.close()
    assert [is_about(answer, number) for number, answer in enumerate(answers)] == [True, True]


def test_a_server_that_does_not_come_up_is_named_with_the_model() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    engine = OpenAIEngine(endpoint(url, ready_timeout_seconds=0.1))
    with pytest.raises(ConfigError) as caught:
        complete(engine, requests(1))
    engine.close()
    assert url in str(caught.value)
    assert MODEL in str(caught.value)
    assert "ready_timeout_seconds" in str(caught.value)


def test_a_model_the_server_does_not_have_is_named_with_those_it_has() -> None:
    with ChatServer(models=("other-model",)) as server:
        engine = OpenAIEngine(endpoint(server.url))
        with pytest.raises(ConfigError, match="serves no 'little-adder'; it serves other-model"):
            complete(engine, requests(1))
        engine.close()


def test_the_key_is_sent_and_is_in_no_message_and_no_stored_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-very-secret"
    monkeypatch.setenv("MY_KEY", key)
    with ChatServer(
        lambda body, _attempt: Fault(status=400) if first_operand(body) == 0 else None, api_key=key
    ) as server:
        engine = OpenAIEngine(endpoint(server.url, api_key_env="MY_KEY"))
        answers = complete(CachedEngine(engine, RequestCache(str(tmp_path))), requests(2))
        engine.close()
    assert isinstance(answers[0], RequestFailure)
    assert "***" in answers[0].message
    assert key not in answers[0].message
    (stored,) = tmp_path.rglob("*.json")
    assert key not in stored.read_text()


def test_a_refused_key_and_a_missing_variable_name_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with ChatServer(api_key="right") as server:
        engine = OpenAIEngine(endpoint(server.url, api_key_env="MY_KEY"))
        with pytest.raises(ConfigError, match="MY_KEY is not set"):
            complete(engine, requests(1))
        engine.close()
        monkeypatch.setenv("MY_KEY", "wrong")
        engine = OpenAIEngine(endpoint(server.url, api_key_env="MY_KEY"))
        with pytest.raises(ConfigError, match=r"refused the key .*'MY_KEY'") as caught:
            complete(engine, requests(1))
        engine.close()
        assert "wrong" not in str(caught.value)
        assert server.asked == []


def test_an_engine_that_is_dropped_stops_its_thread() -> None:
    with ChatServer() as server:
        engine = OpenAIEngine(endpoint(server.url))
        complete(engine, requests(1))
        thread = engine._thread
        del engine
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_reasoning_that_a_server_keeps_apart_is_put_back_in_front() -> None:
    message = {"content": "3", "reasoning_content": "1 + 2"}
    body = {"model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}
    assert parse_completion(body).text == "<think>\n1 + 2\n</think>\n\n3"


class TestCached:
    def test_a_second_run_asks_nothing_even_with_no_server_up(self, tmp_path: Path) -> None:
        cache = RequestCache(str(tmp_path))
        with ChatServer() as server:
            engine = CachedEngine(OpenAIEngine(endpoint(server.url)), cache)
            first = complete(engine, requests(10))
            engine.close()
            assert len(server.asked) == 10
        engine = CachedEngine(OpenAIEngine(endpoint(f"http://127.0.0.1:{free_port()}/v1")), cache)
        assert complete(engine, requests(10)) == first
        engine.close()

    def test_equal_requests_of_one_call_are_asked_once(self, tmp_path: Path) -> None:
        with ChatServer() as server:
            engine = CachedEngine(
                OpenAIEngine(endpoint(server.url, max_in_flight=2)), RequestCache(str(tmp_path))
            )
            answers = complete(engine, requests(3) * 50)
            engine.close()
            assert len(server.asked) == 3
        assert all(is_about(answer, at % 3) for at, answer in enumerate(answers))

    def test_a_failure_is_not_stored(self, tmp_path: Path) -> None:
        with ChatServer(
            lambda _body, attempt: Fault(status=400) if attempt == 1 else None
        ) as server:
            engine = CachedEngine(OpenAIEngine(endpoint(server.url)), RequestCache(str(tmp_path)))
            assert isinstance(complete(engine, requests(1))[0], RequestFailure)
            assert isinstance(complete(engine, requests(1))[0], Completion)
            engine.close()

    def test_a_run_cut_off_in_the_middle_asks_only_for_the_rest(self, tmp_path: Path) -> None:
        cache = RequestCache(str(tmp_path))
        with ChatServer() as server:
            engine = CachedEngine(OpenAIEngine(endpoint(server.url, max_in_flight=1)), cache)
            answers = stream(engine, requests(20))
            got = [next(answers) for _ in range(7)]
            answers.close()  # type: ignore[attr-defined]
            engine.close()
            assert len(got) == 7
            stored = len(cache.get_many(request.key for request in requests(20)))
            assert stored >= 7
            del server.asked[:]
            engine = CachedEngine(OpenAIEngine(endpoint(server.url)), cache)
            assert len(complete(engine, requests(20))) == 20
            engine.close()
            assert len(server.asked) == 20 - stored
