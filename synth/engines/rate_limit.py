"""How fast and how much may be asked: budgets a minute, and a window that gives way when refused.

Values and arithmetic only: times are seconds of any clock that never goes back, given by the
caller, so that the same code is tested without waiting.
"""

from synth.engines.endpoint import EndpointConfig
from synth.request import Completion, Request

SECONDS_PER_MINUTE = 60.0

BURST_SECONDS = 1.0
"""What a bucket holds. A minute's worth would let twice the limit pass in its first minute, and
providers enforce theirs over shorter spans too (60 a minute as 1 a second)."""

CHARS_PER_TOKEN = 4.0
"""Of prompts, until usage is known: OpenAI's rule of thumb for English text."""


class TokenBucket:
    """A budget that refills evenly, and may go into debt.

    In any span of T seconds at most ``per_minute`` / 60 * (T + ``BURST_SECONDS``) is taken, and one
    amount more: an amount may be larger than the bucket, and waits for a full one.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._per_second = per_minute / SECONDS_PER_MINUTE
        self._capacity = self._per_second * BURST_SECONDS
        self._level = self._capacity
        self._at = now

    def seconds_until(self, amount: float, now: float) -> float:
        """How long until ``amount`` may be taken; 0 when it may be now."""
        self._refill(now)
        lacking = min(amount, self._capacity) - self._level
        # A rounding error of the refill must not make a wait of nothing, over and over.
        return lacking / self._per_second if lacking > self._capacity * 1e-9 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take ``amount``, or give back a negative one."""
        self._refill(now)
        self._level = min(self._level - amount, self._capacity)

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * self._per_second)
        self._at = now


class TokenEstimate:
    """Tokens a request will cost, by the usage seen so far.

    A completion counts ``max_tokens`` until the first is known, then the mean of all.
    """

    def __init__(self) -> None:
        self._prompt_chars = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0
        self._num_completions = 0

    def tokens(self, request: Request) -> float:
        """Of the prompt and the completion together."""
        chars = sum(len(message.content) for message in request.messages)
        per_char = 1 / CHARS_PER_TOKEN
        if self._prompt_tokens:
            per_char = self._prompt_tokens / self._prompt_chars
        completion: float = request.sampling.max_tokens
        if self._num_completions:
            completion = min(completion, self._completion_tokens / self._num_completions)
        return chars * per_char + completion

    def learn(self, request: Request, completion: Completion) -> None:
        """Take in what a request did cost; a server that gives no usage teaches nothing."""
        if completion.prompt_tokens:
            self._prompt_chars += sum(len(message.content) for message in request.messages)
            self._prompt_tokens += completion.prompt_tokens
        if completion.completion_tokens:
            self._completion_tokens += completion.completion_tokens
            self._num_completions += 1


class RateLimit:
    """The limits of an endpoint a minute; without any, everything may go at once."""

    def __init__(self, endpoint: EndpointConfig, now: float) -> None:
        self._requests = _bucket(endpoint.requests_per_minute, now)
        self._tokens = _bucket(endpoint.tokens_per_minute, now)
        self._estimate = TokenEstimate()

    def seconds_until(self, request: Request, now: float) -> float:
        """How long until ``request`` may be asked."""
        wait = 0.0
        if self._requests is not None:
            wait = self._requests.seconds_until(1, now)
        if self._tokens is not None:
            wait = max(wait, self._tokens.seconds_until(self._estimate.tokens(request), now))
        return wait

    def take(self, request: Request, now: float) -> float:
        """Count ``request`` as asked; returns the tokens that were counted for it."""
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is None:
            return 0.0
        tokens = self._estimate.tokens(request)
        self._tokens.take(tokens, now)
        return tokens

    def settle(self, request: Request, counted: float, completion: Completion, now: float) -> None:
        """Put the tokens that were used in place of those ``counted``."""
        if self._tokens is None:
            return
        self._estimate.learn(request, completion)
        used = completion.prompt_tokens + completion.completion_tokens
        if used:
            self._tokens.take(used - counted, now)


def _bucket(per_minute: float | None, now: float) -> TokenBucket | None:
    return None if per_minute is None else TokenBucket(per_minute, now)


DECREASE_RATIO = 0.5
"""A refusal halves the window, as in TCP: additive increase with multiplicative decrease settles
on a fair share of what there is (Chiu and Jain, 1989)."""

ROUNDS_TO_RECOVER = 32
"""Answers of so many full windows bring an empty window back: fast enough for windows of thousands,
slow enough to find the limit instead of running into it at once."""


class AdaptiveWindow:
    """How many requests may be in flight: at most ``most``, fewer after refusals, never none."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._size = float(most)
        self._decreased_at = float("-inf")

    @property
    def size(self) -> int:
        """Requests that may be in flight now."""
        return int(self._size)

    def refuse(self, sent_at: float, now: float) -> bool:
        """Give way to a refusal; False for one of a request sent before the last, part of that."""
        if sent_at < self._decreased_at:
            return False
        self._size = max(1.0, self._size * DECREASE_RATIO)
        self._decreased_at = now
        return True

    def accept(self) -> None:
        """Grow by the share of one answer."""
        step = max(1.0, self.most / ROUNDS_TO_RECOVER)
        self._size = min(float(self.most), self._size + step / self._size)
