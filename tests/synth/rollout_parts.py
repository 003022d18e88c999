"""An engine, a strategy and a check for tests of the rollout, without any text worth reading."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from synth.item import Item
from synth.request import Answered, Completion, Request, RequestFailure, Sampling
from synth.rollout import Sampled, Window, roll_out
from synth.sample import Asking, Sample
from synth.strategies.strategy import AnswerFault, Step, Strategy
from synth.verification.finding import Finding
from synth.verification.verdict import Verdict

Reply = Callable[[Request], tuple[float, str]]
"""Seconds that an answer takes, and its text: ``right``, ``wrong``, ``cut`` or ``failure``."""


class TimedEngine:
    """Answers after the time that ``reply`` says; keeps what was asked, and how many at once."""

    def __init__(self, reply: Reply, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self.asked: list[Request] = []
        self.num_cancelled = 0
        self.peak = 0
        self._reply = reply
        self._now = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_in_flight + 64)

    def submit(self, request: Request) -> Future[Answered]:
        with self._lock:
            self.asked.append(request)
            self._now += 1
            self.peak = max(self.peak, self._now)
        future: Future[Answered] = Future()
        self._pool.submit(self._answer, request, future)
        return future

    def _answer(self, request: Request, future: Future[Answered]) -> None:
        seconds, text = self._reply(request)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not future.cancelled():
            time.sleep(min(0.001, seconds))
        with self._lock:
            self._now -= 1
        if not future.set_running_or_notify_cancel():
            with self._lock:
                self.num_cancelled += 1
            return
        if text == "failure":
            future.set_result(RequestFailure(error_type="HTTP 400", message="no"))
            return
        reason = "length" if text == "cut" else "stop"
        future.set_result(
            Completion(
                text=text,
                finish_reason=reason,
                prompt_tokens=3,
                completion_tokens=5,
                model="timed",
            )
        )

    def close(self) -> None:
        self._pool.shutdown()


def parse(completion: str) -> Mapping[str, str]:
    if completion == "formless":
        raise AnswerFault("empty")
    return {"solution": completion}


def one_step() -> Strategy:
    return Strategy(
        name="timed",
        version=1,
        summary="",
        reads="problem",
        steps=(Step(template="mathematics", parse=parse),),
        write=lambda fields: fields["solution"],
        measured_field="solution",
    )


def two_steps() -> Strategy:
    step = Step(template="mathematics", parse=lambda text: {"question": text}, is_shared=True)
    return Strategy(
        name="twice",
        version=1,
        summary="",
        reads="problem",
        steps=(step, Step(template="mathematics", parse=parse)),
        write=lambda fields: f"{fields['question']}/{fields['solution']}",
        measured_field="solution",
    )


def items(number: int) -> list[Item]:
    return [Item(id=f"i{n}", seed_id=f"s{n}", problem=f"problem {n}") for n in range(number)]


def asking(samples: int, wanted: int | None = None) -> Asking:
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=8)
    return Asking(model="timed", sampling=sampling, seed=0, samples=samples, wanted=wanted)


def check(item: Item, sample: Sample) -> Finding:
    del item
    is_right = sample.text is not None and sample.text.endswith("right")
    return Finding(verdict=Verdict.CORRECT if is_right else Verdict.INCORRECT)


def sample_all(
    engine: TimedEngine,
    number: int,
    plan: Asking,
    *,
    strategy: Strategy | None = None,
    check: Callable[[Item, Sample], Finding] = check,
) -> list[Sampled]:
    with ThreadPoolExecutor(4) as checkers:
        return list(
            roll_out(
                items(number),
                strategy or one_step(),
                plan,
                window=Window(engine),
                check=check,
                checkers=checkers,
            )
        )
