import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from synth.cache import RequestCache
from synth.engines.cached import CachedEngine
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import complete
from synth.engines.openai import OpenAIEngine
from synth.request import Answered, Completion, Message, Request, RequestFailure, Sampling
from tests.synth.chat_server import MODEL, ChatServer, Fault


class HeldEngine:
    """Answers when told to; counts what it is asked."""

    max_in_flight = 8

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.futures: list[Future[Answered]] = []
        self.has_closed = False

    def submit(self, request: Request) -> Future[Answered]:
        self.asked.append(request)
        self.futures.append(Future())
        return self.futures[-1]

    def close(self) -> None:
        self.has_closed = True
        for future in self.futures:
            future.cancel()


def request(number: int = 0) -> Request:
    return Request(
        messages=(Message("user", f"What is {number} + 1?"),),
        model=MODEL,
        sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=100),
        seed=0,
    )


ANSWER = Completion(
    text="1", finish_reason="stop", prompt_tokens=12, completion_tokens=20, model="m"
)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()


@pytest.fixture
def behind() -> HeldEngine:
    return HeldEngine()


@pytest.fixture
def engine(behind: HeldEngine, tmp_path: Path) -> CachedEngine:
    return CachedEngine(behind, RequestCache(str(tmp_path)))


def test_an_answer_is_stored_before_it_is_handed_out(
    engine: CachedEngine, behind: HeldEngine, tmp_path: Path
) -> None:
    stored: list[Completion | None] = []
    cache = RequestCache(str(tmp_path))
    future = engine.submit(request())
    future.add_done_callback(lambda _: stored.append(cache.get(request().key)))
    wait_for(lambda: behind.futures)
    behind.futures[0].set_result(ANSWER)
    assert future.result(10) == ANSWER
    wait_for(lambda: stored)
    assert stored == [ANSWER]
    engine.close()


STREAMING = """
import sys
from synth.cache import RequestCache
from synth.engines.cached import CachedEngine
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import stream
from synth.engines.openai import OpenAIEngine
from tests.synth.chat_server import MODEL
from tests.synth.engines.test_cached_engine import request

_, url, folder = sys.argv
engine = CachedEngine(
    OpenAIEngine(EndpointConfig(url=url, model=MODEL, max_in_flight=4)), RequestCache(folder)
)
for position, _ in stream(engine, map(request, range(1000))):
    print(position, flush=True)
"""


def test_after_a_kill_every_answer_that_was_handed_out_is_there_and_none_is_asked_again(
    tmp_path: Path,
) -> None:
    cache = RequestCache(str(tmp_path))
    with ChatServer(lambda _body, _attempt: Fault(delay_seconds=0.01)) as server:
        with subprocess.Popen(
            [sys.executable, "-c", STREAMING, server.url, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        ) as process:
            assert process.stdout is not None
            used = [int(process.stdout.readline()) for _ in range(30)]
            process.kill()
            used += map(int, process.stdout.read().split())
        assert len(used) < 1000
        assert all(cache.get(request(position).key) for position in used)
        stored = len(cache.get_many(request(number).key for number in range(1000)))
        del server.asked[:]
        engine = CachedEngine(OpenAIEngine(EndpointConfig(url=server.url, model=MODEL)), cache)
        complete(engine, [request(number) for number in range(200)])
        engine.close()
        assert len(server.asked) == 200 - stored


def test_cancelling_one_of_two_equal_requests_leaves_the_other(
    engine: CachedEngine, behind: HeldEngine
) -> None:
    one, other = engine.submit(request()), engine.submit(request())
    wait_for(lambda: behind.futures)
    assert one.cancel()
    assert not behind.futures[0].cancelled()
    behind.futures[0].set_result(ANSWER)
    assert other.result(10) == ANSWER
    assert len(behind.asked) == 1
    engine.close()


def test_when_all_cancel_the_request_behind_is_given_up_and_may_be_asked_anew(
    engine: CachedEngine, behind: HeldEngine
) -> None:
    futures = [engine.submit(request()) for _ in range(2)]
    wait_for(lambda: behind.futures)
    for future in futures:
        future.cancel()
    assert behind.futures[0].cancelled()
    again = engine.submit(request())
    wait_for(lambda: len(behind.futures) == 2)
    behind.futures[1].set_result(ANSWER)
    assert again.result(10) == ANSWER
    engine.close()


def test_an_answer_that_cannot_be_stored_is_not_handed_out(behind: HeldEngine) -> None:
    class FullDisk(RequestCache):
        def put(self, _request: Request, _completion: Completion) -> None:
            raise OSError(28, "No space left on device")

    engine = CachedEngine(behind, FullDisk("memory://full"))
    future = engine.submit(request())
    wait_for(lambda: behind.futures)
    behind.futures[0].set_result(ANSWER)
    with pytest.raises(OSError, match="No space left"):
        future.result(10)
    engine.close()


def test_closing_leaves_no_future_open(engine: CachedEngine, behind: HeldEngine) -> None:
    futures = [engine.submit(request(number)) for number in range(5)]
    engine.close()
    assert behind.has_closed
    assert all(future.cancelled() for future in futures)


def test_usage_tells_what_was_asked_from_what_was_spared(
    engine: CachedEngine, behind: HeldEngine
) -> None:
    def answer() -> None:
        wait_for(lambda: len(behind.futures) == 2)
        time.sleep(0.05)
        first = next(n for n, asked in enumerate(behind.asked) if asked == request(0))
        behind.futures[first].set_result(ANSWER)
        behind.futures[1 - first].set_result(RequestFailure(error_type="HTTP 400", message="no"))

    answering = threading.Thread(target=answer)
    answering.start()
    complete(engine, [request(0), request(1), request(0)])
    answering.join()
    complete(engine, [request(0)])
    usage = engine.usage
    assert (usage.asked, usage.hits, usage.failed) == (1, 1, 1)
    assert (usage.prompt_tokens_asked, usage.completion_tokens_asked) == (12, 20)
    assert (usage.prompt_tokens_saved, usage.completion_tokens_saved) == (12, 20)
    assert 0.05 <= usage.seconds < 10
    time.sleep(0.05)
    assert engine.usage.seconds == usage.seconds
    engine.close()
