"""Pages without a text layer, read by a vision model behind OpenAI's ``/chat/completions``.

page -> PNG -> a server such as vLLM or SGLang -> Markdown, or a PageFailure for that page alone

An event loop and no threads: sixteen threads' stacks and heaps would use up the address space that
a sandbox grants to one input.
"""

import asyncio
import base64
import json
import math
import os
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from extractors.charset import make_sound
from pipeline.errors import ConfigError, ExtractionError

if TYPE_CHECKING:
    import aiohttp

Reason = Literal["unavailable", "refused", "malformed", "empty", "cut_off", "repetitive"]

PROMPT = """\
Transcribe this page of a document into Markdown, as a person would read it.
- Write what is on the page, in its language and its words, and nothing else: no translation, no \
correction, no summary, no comment of yours.
- Read columns one after the other. Keep a sentence that begins on the page before or goes on on \
the next one as it stands.
- Formulas in TeX: between $ in a line of text, between $$ when they stand alone.
- Code in fences, with its indentation. Tables as Markdown tables. Headings after #.
- Keep footnotes and references. Leave out running headers and footers and page numbers. Of a \
figure, write the caption.
- For a page without text, answer nothing."""

POINTS_PER_INCH = 72

MAX_PIXELS = 16384 * 28 * 28
"""12.8 million, 39 MB of RGB: Qwen2-VL's and Qwen2.5-VL's processors scale down what has more. A
letter page has as many at 370 dots per inch."""

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 60.0

MAX_DETAIL_CHARS = 500
"""How much of a server's words a failure keeps."""

FRONT_MATTER = re.compile(
    r"---[ \t]*\n"
    r"(?:(?:primary_language|is_rotation_valid|rotation_correction|is_table|is_diagram):.*\n)+"
    r"---[ \t]*(?:\n|\Z)"
)
"""What olmOCR's models write above a page's text, with the keys that its prompt names; any other
front matter is on the page."""

WRAPPER = re.compile(r"```[ \t]*(?:markdown|md)[ \t]*\n(.*\n)?```", re.DOTALL | re.IGNORECASE)

MIN_REPEATS = 10
MIN_REPEATED_CHARS = 300
MAX_PERIOD_CHARS = 1000
"""See :func:`is_repetitive`. Of 3078 text layers of pages of manuals and papers none ends so."""


class OcrConfig(BaseModel):
    """Which model reads scanned pages, and how patiently it is asked.

    What a page says is decided by model, prompt, dots_per_inch, max_output_tokens and temperature.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    endpoint: str = Field(
        description="Base of an OpenAI-compatible API up to and with its version, e.g. "
        "http://localhost:8000/v1."
    )
    model: str = Field(min_length=1, description="Name of a vision model that the server knows.")
    prompt: str = Field(
        PROMPT,
        min_length=1,
        description="What the model is asked with each page. A model tuned for one prompt, such as "
        "olmOCR's, reads best with that one.",
    )
    api_key_env: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the API key; null sends none.",
    )
    max_in_flight: int = Field(
        16, ge=1, le=10_000, description="Pages of one document that are asked for at a time."
    )
    timeout_seconds: float = Field(
        300.0, gt=0, description="Longest wait for one attempt, generation included."
    )
    max_attempts: int = Field(
        5, ge=1, le=100, description="Attempts for each page before it counts as failed."
    )
    dots_per_inch: int = Field(
        117,
        ge=36,
        le=1200,
        description="Resolution of the images. 117 makes the longest side of a letter page 1287 "
        "pixels, of an A4 page 1368; olmOCR's models were trained on 1288. A larger page than "
        "12.8 million pixels gets fewer.",
    )
    max_output_tokens: int = Field(
        8000,
        ge=1,
        description="Tokens of one page's text; a longer one is cut off and so failed. olmOCR "
        "allows 8000.",
    )
    temperature: float = Field(
        0.0, ge=0, le=2, description="Temperature of sampling; 0 takes the likeliest token."
    )

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{endpoint!r} is no http(s) URL such as http://localhost:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("give no user, password or query in the URL: use api_key_env")
        return endpoint.rstrip("/")


@dataclass(frozen=True)
class PageFailure:
    """A page that could not be read; the others of its document are none the worse.

    ``reason`` is one of: ``unavailable``, no answer in ``max_attempts``; ``refused``, an answer
    that would not change; ``malformed``, no chat completion; ``empty``; ``cut_off`` at
    ``max_output_tokens``; ``repetitive``, as :func:`is_repetitive`. ``detail`` is for a person.
    """

    reason: Reason
    detail: str


def render(page: Any, dots_per_inch: int) -> bytes:
    """A PyMuPDF page as an RGB image in PNG, turned as a viewer would show it.

    A page of more than MAX_PIXELS gets a lower resolution. Raises ExtractionError for a page that
    MuPDF cannot draw.
    """
    import pymupdf

    try:
        scale = _scale(page.rect.width, page.rect.height, dots_per_inch)
        pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
        return bytes(pixmap.tobytes("png"))
    except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase) as error:
        raise ExtractionError(f"page {page.number + 1} cannot be drawn: {error}") from error


def _scale(width: float, height: float, dots_per_inch: int) -> float:
    """Pixels a point for a page of so many points, at most MAX_PIXELS of them in all."""
    return min(dots_per_inch / POINTS_PER_INCH, math.sqrt(MAX_PIXELS / max(width * height, 1.0)))


def read_pages(images: Sequence[bytes], config: OcrConfig) -> list[str | PageFailure]:
    """The Markdown of each PNG, or why there is none, in the order of ``images``.

    Keeps ``max_in_flight`` requests in flight, and asks again after a lost connection, a timeout
    and the statuses 408, 429 and 5xx. Call it from a thread that runs no event loop. Raises
    ConfigError when the environment variable of the API key is not set.
    """
    api_key = _api_key(config)
    return asyncio.run(_read_all(images, config, api_key)) if images else []


async def _read_all(
    images: Sequence[bytes], config: OcrConfig, api_key: str | None
) -> list[str | PageFailure]:
    # Imported by those who have pages to ask for: it takes 0.15 s.
    import aiohttp

    window = asyncio.Semaphore(config.max_in_flight)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=config.max_in_flight),
        timeout=aiohttp.ClientTimeout(total=config.timeout_seconds),
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
    ) as session:
        client = _Client(session, config, api_key)

        async def read(image: bytes) -> str | PageFailure:
            async with window:
                return await client.read(image)

        return await asyncio.gather(*map(read, images))


@dataclass(frozen=True)
class _Client:
    session: "aiohttp.ClientSession"
    config: OcrConfig
    api_key: str | None

    async def read(self, image: bytes) -> str | PageFailure:
        body = _request_body(image, self.config)
        attempt = 1
        while True:
            outcome, wait_seconds = await self._attempt(body)
            if wait_seconds is None or not isinstance(outcome, PageFailure):
                return outcome
            if attempt == self.config.max_attempts:
                return PageFailure(outcome.reason, f"{outcome.detail}, after {attempt} attempts")
            await asyncio.sleep(max(wait_seconds, _delay_seconds(attempt)))
            attempt += 1

    async def _attempt(self, body: bytes) -> tuple[str | PageFailure, float | None]:
        """One attempt; with a failure that may pass, the least seconds to wait, else None."""
        import aiohttp

        try:
            async with self.session.post(
                f"{self.config.endpoint}/chat/completions",
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,  # the recipe says who is sent the page and the key
            ) as response:
                answer = await response.read()
                if response.status == HTTPStatus.OK:
                    return text_of(answer, self.config), None
                text = answer.decode(errors="replace")
                detail = f"HTTP {response.status}: {text}"
                if _may_pass(response.status):
                    return self._failure("unavailable", detail), _retry_after(response.headers)
                return self._failure("refused", detail), None
        except TimeoutError:
            limit = f"no answer in {self.config.timeout_seconds:g} s (timeout_seconds)"
            return self._failure("unavailable", limit), 0.0
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            return self._failure("unavailable", f"{type(error).__name__}: {error}"), 0.0
        except (aiohttp.ClientError, ValueError) as error:
            return self._failure("malformed", f"{type(error).__name__}: {error}"), None

    def _failure(self, reason: Reason, detail: str) -> PageFailure:
        """A failure in a server's words, which may repeat the key."""
        if self.api_key:
            detail = detail.replace(self.api_key, "***")
        return PageFailure(reason, make_sound(detail)[:MAX_DETAIL_CHARS])


def _request_body(image: bytes, config: OcrConfig) -> bytes:
    """The text before the image: in the order of olmOCR's training, whose models mind it."""
    url = "data:image/png;base64," + base64.b64encode(image).decode("ascii")
    content = [
        {"type": "text", "text": config.prompt},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    body = {
        "model": config.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": config.max_output_tokens,
        "temperature": config.temperature,
    }
    return json.dumps(body).encode()


def text_of(answer: bytes, config: OcrConfig) -> str | PageFailure:
    """The page's text from a chat completion in JSON, or why it must not be used."""
    try:
        choice = json.loads(answer)["choices"][0]
        content = choice["message"].get("content") or ""
        finish_reason = choice.get("finish_reason")
        text = unwrapped(make_sound(content))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        start = make_sound(answer[:MAX_DETAIL_CHARS].decode(errors="replace"))
        return PageFailure("malformed", f"no chat completion: {start}")
    if finish_reason == "content_filter":
        return PageFailure("refused", "the server's content filter withheld the text")
    if is_repetitive(text):
        return PageFailure("repetitive", f"{len(text)} characters end in a loop: {text[-100:]!r}")
    if finish_reason == "length":
        limit = f"the model was not done after {config.max_output_tokens} tokens"
        return PageFailure("cut_off", f"{limit}: raise max_output_tokens or the server's context")
    if not text:
        return PageFailure("empty", "the model answered nothing: the page is blank or unreadable")
    return text


def unwrapped(answer: str) -> str:
    """``answer`` without what models put around a page: a Markdown fence, olmOCR's front matter."""
    text = _without_fence(answer.replace("\r\n", "\n").strip())
    if front_matter := FRONT_MATTER.match(text):
        text = text[front_matter.end() :].strip()
    return _without_fence(text)


def _without_fence(text: str) -> str:
    """The inside of a Markdown fence that holds all of ``text``.

    One that ends before the last line, so that another begins after it, stays.
    """
    wrapper = WRAPPER.fullmatch(text)
    if wrapper is None:
        return text
    inside = wrapper[1] or ""
    is_open = False
    for line in inside.split("\n"):
        if line.startswith("```"):
            is_open = not is_open or line.strip("` \t") != ""
    return text if is_open else inside.strip()


def is_repetitive(text: str) -> bool:
    """Whether the model went round in circles until it was stopped, or lost its thread.

    True when ``text``, blanks aside, ends in at least MIN_REPEATS copies of the same at most
    MAX_PERIOD_CHARS characters that fill MIN_REPEATED_CHARS or more; the last copy may be a part.
    """
    flat = " ".join(text.split())
    for period in range(1, MAX_PERIOD_CHARS + 1):
        num_chars = max(MIN_REPEATED_CHARS, MIN_REPEATS * period)
        if num_chars > len(flat):
            return False
        tail = flat[-num_chars:]
        if tail[period:] == tail[:-period]:
            return True
    return False


def _api_key(config: OcrConfig) -> str | None:
    if config.api_key_env is None:
        return None
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise ConfigError(
            f"api_key_env: the environment variable {config.api_key_env} is not set where pages "
            "are read; set it to the key, or api_key_env to null for a server that asks for none"
        )
    return key


def _may_pass(status: int) -> bool:
    return (
        status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _delay_seconds(attempt: int) -> float:
    """Exponential back-off with full jitter (Brooker, "Exponential backoff and jitter", 2015)."""
    ceiling = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** (attempt - 1))
    return random.uniform(0, ceiling)  # noqa: S311 -- spreads retries, decides no output


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds of Retry-After, a number or a date, at most MAX_DELAY_SECONDS; 0 without one."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (OverflowError, TypeError, ValueError):
            return 0.0
    return min(max(0.0, seconds), MAX_DELAY_SECONDS)  # in this order, NaN is 0
