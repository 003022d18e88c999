"""Sampling and checking at once: a window of requests that never waits for the slowest answer.

A new request starts as soon as one ends, whatever the others do, and a sample is checked in another
thread as soon as it is there, while the model goes on. (MiMo-7B's report calls this its seamless
rollout engine: continuous rollout, asynchronous reward computation and early termination,
arXiv 2505.07608, section 3.5.)

What comes out depends on the answers alone, never on their order of arrival. The samples of an item
are numbered. Where ``wanted`` verified ones are enough, the item ends with the sample that is the
last it needs, or after which it can no longer reach them; what was asked beyond is given up and
counts as not needed. Samples are asked ahead of that point only where the window would stay empty.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Lock

from synth.engines.engine import Engine
from synth.item import Item
from synth.request import Answered, Request
from synth.sample import Asking, Sample, converse
from synth.strategies.strategy import Strategy
from synth.verification.finding import Consensus, Finding

Check = Callable[[Item, Sample], Finding]
"""Finds out about one sample; called from other threads."""


class Window:
    """The room for requests in front of an engine, shared by all calls that use it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._num_in_flight = 0

    @property
    def size(self) -> int:
        """Requests worth having in flight."""
        return self._engine.max_in_flight

    @property
    def is_full(self) -> bool:
        """Whether one more request would have to wait."""
        return self._num_in_flight >= self.size

    def submit(self, request: Request) -> Future[Answered]:
        """As the engine's, and counted."""
        with self._lock:
            self._num_in_flight += 1
        future = self._engine.submit(request)
        future.add_done_callback(self._leave)
        return future

    def _leave(self, ended: Future[Answered]) -> None:
        del ended
        with self._lock:
            self._num_in_flight -= 1


@dataclass(frozen=True)
class Sampled:
    """An item with the samples it needed, in their order; ``num_spared`` more were not needed."""

    item: Item
    samples: tuple[Sample, ...]
    num_spared: int

    def with_findings(self, consensus: Consensus) -> "Sampled":
        """The same after all samples were looked at together."""
        pairs = zip(self.samples, consensus.findings, strict=True)
        return replace(self, samples=tuple(replace(one, finding=found) for one, found in pairs))


def roll_out(
    items: Iterable[Item],
    strategy: Strategy,
    asking: Asking,
    *,
    window: Window,
    check: Check,
    checkers: Executor,
) -> Iterator[Sampled]:
    """Sample every item; yields them in their order, each as soon as it and those before are done.

    ``items`` is read as far as there is room for requests. Several calls may share a window: it is
    then full as long as one of them has something to ask.
    """
    return _Rollout(items, strategy, asking, window, check, checkers).run()


class _Rollout:
    def __init__(  # noqa: PLR0917 - as roll_out()
        self,
        items: Iterable[Item],
        strategy: Strategy,
        asking: Asking,
        window: Window,
        check: Check,
        checkers: Executor,
    ) -> None:
        self._upcoming = iter(items)
        self._strategy = strategy
        self._asking = asking
        self._window = window
        self._check = check
        self._checkers = checkers
        self._open: deque[_OpenItem] = deque()  # in the order of the items
        self._needed: deque[_OpenItem] = deque()  # once for each sample that is surely needed
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._requests: dict[tuple[int, int], Future[Answered]] = {}
        self._num_items = 0
        self._is_exhausted = False

    def run(self) -> Iterator[Sampled]:
        try:
            while True:
                self._fill()
                while self._open and self._open[0].is_decided:
                    yield self._open.popleft().result()
                if not self._open and self._is_exhausted:
                    return
                self._events.get()()
        finally:
            for future in self._requests.values():
                future.cancel()

    def _fill(self) -> None:
        while len(self._requests) < self._window.size:
            opened = self._next_needed() or self._next_ahead()
            if opened is None:
                return
            self._start(opened)

    def _next_needed(self) -> "_OpenItem | None":
        while True:
            while self._needed:
                opened = self._needed.popleft()
                if opened.can_start:
                    return opened
            if self._is_exhausted:
                return None
            item = next(self._upcoming, None)
            if item is None:
                self._is_exhausted = True
                return None
            self._open.append(_OpenItem(self._num_items, item, self._asking))
            self._num_items += 1
            self._needed.extend([self._open[-1]] * self._open[-1].num_needed)

    def _next_ahead(self) -> "_OpenItem | None":
        """An item whose next sample may turn out to be needed: the one with the fewest started."""
        if self._window.is_full:
            return None
        waiting = [opened for opened in self._open if opened.can_start]
        return min(waiting, key=lambda opened: opened.num_started, default=None)

    def _start(self, opened: "_OpenItem") -> None:
        number = opened.start()
        conversation = converse(opened.item, number, self._strategy, self._asking)
        self._ask(opened, number, conversation, next(conversation))

    def _ask(
        self,
        opened: "_OpenItem",
        number: int,
        conversation: Generator[Request, Answered, Sample],
        request: Request,
    ) -> None:
        place = (opened.position, number)
        future = self._requests[place] = self._window.submit(request)

        def arrive(ended: Future[Answered]) -> None:
            self._events.put(lambda: self._answer(opened, number, conversation, ended))

        future.add_done_callback(arrive)

    def _answer(
        self,
        opened: "_OpenItem",
        number: int,
        conversation: Generator[Request, Answered, Sample],
        ended: Future[Answered],
    ) -> None:
        del self._requests[opened.position, number]
        if ended.cancelled():
            return
        try:
            request = conversation.send(ended.result())
        except StopIteration as finished:
            self._finish(opened, finished.value)
        else:
            if not opened.is_decided:
                self._ask(opened, number, conversation, request)

    def _finish(self, opened: "_OpenItem", sample: Sample) -> None:
        if sample.text is None or opened.is_decided:
            self._settle(opened, sample)
            return
        future = self._checkers.submit(self._check, opened.item, sample)

        def arrive(ended: Future[Finding]) -> None:
            self._events.put(lambda: self._settle(opened, replace(sample, finding=ended.result())))

        future.add_done_callback(arrive)

    def _settle(self, opened: "_OpenItem", sample: Sample) -> None:
        is_more_needed = opened.settle(sample)
        if opened.is_decided:
            for number in opened.given_up:
                future = self._requests.get((opened.position, number))
                if future is not None:
                    future.cancel()
        elif is_more_needed:
            self._needed.append(opened)


class _OpenItem:
    """An item while it is sampled."""

    def __init__(self, position: int, item: Item, asking: Asking) -> None:
        self.position = position
        self.item = item
        self.num_started = 0
        self._num_samples = asking.samples
        self._wanted = asking.wanted
        self._samples: dict[int, Sample] = {}
        self._num_settled = 0  # samples 0 to here are all known
        self._num_correct = 0  # among those
        self.is_decided = False

    @property
    def num_needed(self) -> int:
        """Samples that are needed whatever they say."""
        return self._num_samples if self._wanted is None else min(self._wanted, self._num_samples)

    @property
    def can_start(self) -> bool:
        return not self.is_decided and self.num_started < self._num_samples

    @property
    def given_up(self) -> range:
        """Numbers of the samples that were started and are not needed."""
        return range(self._num_settled, self.num_started)

    def start(self) -> int:
        self.num_started += 1
        return self.num_started - 1

    def settle(self, sample: Sample) -> bool:
        """Take in a sample; whether one more than those started before is surely needed now."""
        if self.is_decided:
            return False
        self._samples[sample.number] = sample
        while not self.is_decided and self._num_settled in self._samples:
            self._num_correct += _is_correct(self._samples[self._num_settled])
            self._num_settled += 1
            self.is_decided = self._is_end()
        return self._wanted is not None and not _is_correct(sample)

    def _is_end(self) -> bool:
        left = self._num_samples - self._num_settled
        if self._wanted is None or not left:
            return not left
        missing = self._wanted - self._num_correct
        return missing <= 0 or missing > left

    def result(self) -> Sampled:
        samples = tuple(self._samples[number] for number in range(self._num_settled))
        return Sampled(self.item, samples, self._num_samples - self._num_settled)


def _is_correct(sample: Sample) -> bool:
    return sample.finding is not None and sample.finding.is_correct
