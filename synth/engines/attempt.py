"""One attempt at one request over HTTP, and what it came to."""

import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus

import aiohttp

from synth.engines.chat_completion import encode_request, parse_completion
from synth.request import Completion, Request, RequestFailure

RETRIED_STATUSES = frozenset({408, 409, 425, 500, 502, 503, 504, 529})
"""Answers that may differ next time; every other status above 399 but 429 is final at once."""

MAX_RETRY_AFTER_SECONDS = 60.0
"""The most of a server's Retry-After that is heeded."""

MAX_MESSAGE_CHARS = 500
"""How much of a server's error text a failure keeps."""


class Fate(Enum):
    """What an attempt came to."""

    ANSWERED = auto()
    FAULT = auto()
    REFUSED = auto()
    UNREACHABLE = auto()


@dataclass(frozen=True)
class Outcome:
    """``retry_after_seconds`` is the least wait the server asked for; 0 when it did not."""

    fate: Fate
    answer: Completion | RequestFailure
    retry_after_seconds: float = 0.0


async def ask(
    session: aiohttp.ClientSession, url: str, request: Request, api_key: str | None
) -> Outcome:
    """Post ``request``; ``api_key`` is struck out of what a server says."""

    def failure(error_type: str, text: str) -> RequestFailure:
        text = text.replace(api_key, "***") if api_key else text
        return RequestFailure(error_type=error_type, message=text[:MAX_MESSAGE_CHARS] or error_type)

    try:
        async with session.post(url, data=encode_request(request), headers=_JSON) as response:
            if response.status >= HTTPStatus.BAD_REQUEST:
                failed = failure(f"HTTP {response.status}", await response.text(errors="replace"))
                return Outcome(_fate_of(response.status), failed, _retry_after_seconds(response))
            body = await response.read()
        return Outcome(Fate.ANSWERED, parse_completion(json.loads(body)))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Outcome(Fate.UNREACHABLE, failure(type(error).__name__, str(error)))
    except (TimeoutError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        return Outcome(Fate.FAULT, failure(type(error).__name__, str(error)))
    except (aiohttp.ClientError, ValueError) as error:
        return Outcome(Fate.ANSWERED, failure(type(error).__name__, str(error)))


_JSON = {"Content-Type": "application/json"}


def _fate_of(status: int) -> Fate:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Fate.REFUSED
    return Fate.FAULT if status in RETRIED_STATUSES else Fate.ANSWERED


def _retry_after_seconds(response: aiohttp.ClientResponse) -> float:
    """The Retry-After, seconds or a date, at most MAX_RETRY_AFTER_SECONDS; 0 without one."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            return 0.0
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
