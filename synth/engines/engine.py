"""The engine: the one thing a strategy needs to know about whatever generates text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from synth.request import Answered, Request


class Engine(Protocol):
    """Answers requests; one that fails never takes another with it.

    May be used from several threads at once.
    """

    def stream(self, requests: Iterable[Request]) -> Iterator[tuple[int, Answered]]:
        """Yield ``(position of the request, its answer)`` as answers arrive, each position once.

        ``requests`` is read only as fast as requests can be sent, so a generator may decide what
        to ask next by what has come back. Raises ConfigError when the engine cannot work at all
        (no server, no such model, a refused key).
        """
        ...

    def close(self) -> None:
        """Release connections and threads; the engine is of no use afterwards."""
        ...


def complete(engine: Engine, requests: Sequence[Request]) -> list[Answered]:
    """Answers to all requests, in their order."""
    answers = dict(engine.stream(requests))
    return [answers[position] for position in range(len(requests))]
