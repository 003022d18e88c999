"""The engine: the one thing a strategy needs to know about whatever generates text."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Protocol

from synth.request import Answered, Request


class Engine(Protocol):
    """Answers requests; one that fails never takes another with it.

    May be used from several threads at once.
    """

    @property
    def max_in_flight(self) -> int:
        """Requests worth having in flight: with fewer the engine idles, with more they queue."""
        ...

    def submit(self, request: Request) -> Future[Answered]:
        """Begin to answer ``request``; returns at once.

        A request that fails is a ``RequestFailure``. The future raises ConfigError only when the
        engine cannot work at all (no server, no such model, a refused key). Cancelling the future
        gives the request up, and frees what it holds as soon as the engine can.
        """
        ...

    def close(self) -> None:
        """Release connections, threads and memory; the engine is of no use afterwards."""
        ...


def stream(engine: Engine, requests: Iterable[Request]) -> Iterator[tuple[int, Answered]]:
    """Yield ``(position of the request, its answer)`` as answers arrive, each position once.

    ``requests`` is read only as fast as there is room for more of them in flight.
    """
    done: SimpleQueue[tuple[int, Future[Answered]]] = SimpleQueue()
    in_flight: dict[int, Future[Answered]] = {}
    upcoming = enumerate(requests)
    is_exhausted = False
    try:
        while True:
            while not is_exhausted and len(in_flight) < engine.max_in_flight:
                entry = next(upcoming, None)
                if entry is None:
                    is_exhausted = True
                    break
                position, request = entry
                future = in_flight[position] = engine.submit(request)
                future.add_done_callback(lambda ended, at=position: done.put((at, ended)))  # type: ignore[misc]
            if not in_flight:
                return
            position, future = done.get()
            del in_flight[position]
            yield position, future.result()
    finally:
        for future in in_flight.values():
            future.cancel()


def complete(engine: Engine, requests: Sequence[Request]) -> list[Answered]:
    """Answers to all requests, in their order."""
    answers = dict(stream(engine, requests))
    return [answers[position] for position in range(len(requests))]
