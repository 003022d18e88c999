"""An event loop that finishes what it has begun before it begins more.

asyncio takes all sockets that are ready in one turn: a thousand answers that come at once are all
read, then all parsed, and only then is the first new request sent, by when the first connection has
been idle for as long as the thousand took. In small turns each is replaced as soon as it is read.
"""

import asyncio
import selectors
import threading
from selectors import SelectorKey

SOCKETS_PER_TURN = 16
"""Few, so that a turn of them takes some milliseconds; more than one, so that polling costs
little beside what is polled."""


class _SmallTurns(selectors.DefaultSelector):
    """Reports a few ready sockets at a time; the others are still ready when it is asked again."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """As every selector's."""
        return super().select(timeout)[:SOCKETS_PER_TURN]


def make_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of small turns."""
    return asyncio.SelectorEventLoop(_SmallTurns())


def start_loop_thread(loop: asyncio.AbstractEventLoop, name: str) -> threading.Thread:
    """Run ``loop`` in a thread of its own until it is stopped, then close it."""
    thread = threading.Thread(target=_run, args=(loop,), name=name, daemon=True)
    thread.start()
    return thread


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()
