"""What a model was asked and what the cache spared: for progress, cost and speed."""

import threading
import time
from dataclasses import dataclass, fields

from synth.request import Completion


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Counts of answers and of tokens; tokens are 0 where the server gives none.

    ``seconds`` is the time during which at least one request was open.
    """

    hits: int = 0
    asked: int = 0
    failed: int = 0
    prompt_tokens_asked: int = 0
    completion_tokens_asked: int = 0
    prompt_tokens_saved: int = 0
    completion_tokens_saved: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )


class UsageMeter:
    """Counts from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._usage = Usage()
        self._num_open = 0
        self._opened_at = 0.0

    def begin(self) -> None:
        """A request is open from now on."""
        with self._lock:
            if not self._num_open:
                self._opened_at = time.monotonic()
            self._num_open += 1

    def end(self) -> None:
        """One is open no longer."""
        with self._lock:
            self._num_open -= 1
            if not self._num_open:
                self._usage += Usage(seconds=time.monotonic() - self._opened_at)

    def add(self, usage: Usage) -> None:
        """Count what one request came to."""
        with self._lock:
            self._usage += usage

    @property
    def usage(self) -> Usage:
        """Up to now."""
        with self._lock:
            if not self._num_open:
                return self._usage
            return self._usage + Usage(seconds=time.monotonic() - self._opened_at)


def usage_of_hit(completion: Completion) -> Usage:
    """An answer from the cache."""
    return Usage(
        hits=1,
        prompt_tokens_saved=completion.prompt_tokens,
        completion_tokens_saved=completion.completion_tokens,
    )


def usage_of_answer(completion: Completion) -> Usage:
    """An answer of the model."""
    return Usage(
        asked=1,
        prompt_tokens_asked=completion.prompt_tokens,
        completion_tokens_asked=completion.completion_tokens,
    )
