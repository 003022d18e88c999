"""Scanned pages: drawn, asked for over a real connection, and each judged alone."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

import pymupdf
import pytest
from pydantic import ValidationError

from extractors.pdf import ocr
from extractors.pdf.ocr import OcrConfig, PageFailure, read_pages, render
from pipeline.errors import ConfigError, ExtractionError
from tests.synth.chat_server import ChatServer, Fault, free_port

LETTER_POINTS = (612, 792)
LOOP = "and so on, and "


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "FIRST_DELAY_SECONDS", 0.01)


def config(endpoint: str, **settings: Any) -> OcrConfig:
    return OcrConfig(endpoint=endpoint, model="reader", **settings)


def images(count: int) -> list[bytes]:
    """The server does not look at them, so they are their page's number."""
    return [str(number).encode() for number in range(count)]


def page_of(body: Mapping[str, Any]) -> int:
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64"
    return int(base64.b64decode(data))


def completion(text: Any, finish_reason: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"message": message, "finish_reason": finish_reason}]}


def transcribe(body: Mapping[str, Any]) -> dict[str, Any]:
    return completion(f"Page {page_of(body)}.")


def with_page_1(answer: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return lambda body: answer if page_of(body) == 1 else transcribe(body)


def on_page_1(fault: Fault) -> Callable[[Mapping[str, Any], int], Fault | None]:
    return lambda body, _attempt: fault if page_of(body) == 1 else None


def attempts_of(server: ChatServer, page: int) -> int:
    return sum(page_of(body) == page for body in server.asked)


def test_pages_come_in_order_and_no_more_are_in_flight_than_allowed() -> None:
    def slow_first(body: Mapping[str, Any], _attempt: int) -> Fault:
        return Fault(delay_seconds=0.2 if page_of(body) == 0 else 0.05)

    with ChatServer(slow_first, transcribe) as server:
        read = read_pages(images(16), config(server.url, max_in_flight=4))
    assert read == [f"Page {number}." for number in range(16)]
    assert server.peak_in_flight == 4


def test_a_page_is_sent_as_a_data_url_after_the_prompt() -> None:
    with ChatServer(answer_of=transcribe) as server:
        read_pages([b"7"], config(server.url, prompt="Read.", max_output_tokens=99))
    image = {"url": "data:image/png;base64,Nw=="}
    content = [{"type": "text", "text": "Read."}, {"type": "image_url", "image_url": image}]
    assert server.asked == [
        {
            "model": "reader",
            "messages": [{"role": "user", "content": content}],
            "max_tokens": 99,
            "temperature": 0.0,
        }
    ]


def test_no_pages_need_no_server() -> None:
    assert read_pages([], config(f"http://127.0.0.1:{free_port()}/v1")) == []


def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    def busy_once(_body: Mapping[str, Any], attempt: int) -> Fault | None:
        return Fault(status=429, retry_after_seconds=0.3) if attempt == 1 else None

    with ChatServer(busy_once, transcribe) as server:
        started = time.monotonic()
        assert read_pages(images(1), config(server.url)) == ["Page 0."]
    assert time.monotonic() - started >= 0.3
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("86400", ocr.MAX_DELAY_SECONDS),
        (formatdate(time.time() + 3600, usegmt=True), ocr.MAX_DELAY_SECONDS),
        (formatdate(time.time() - 3600, usegmt=True), 0.0),
        ("-1", 0.0),
        ("nan", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_within_bounds(value: str, seconds: float) -> None:
    assert ocr._retry_after({"Retry-After": value}) == seconds


@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(status=503), Fault(status=408), Fault(is_dropped=True)]
)
def test_what_may_pass_is_tried_again(fault: Fault) -> None:
    def failing_twice(_body: Mapping[str, Any], attempt: int) -> Fault | None:
        return fault if attempt < 3 else None

    with ChatServer(failing_twice, transcribe) as server:
        assert read_pages(images(1), config(server.url, max_attempts=3)) == ["Page 0."]
    assert len(server.asked) == 3


def test_a_server_that_keeps_failing_is_given_up_after_the_last_attempt() -> None:
    with ChatServer(on_page_1(Fault(status=500)), transcribe) as server:
        first, failed, last = read_pages(images(3), config(server.url, max_attempts=3))
    assert (first, last) == ("Page 0.", "Page 2.")
    assert isinstance(failed, PageFailure)
    assert failed.reason == "unavailable"
    assert failed.detail.startswith("HTTP 500: ")
    assert failed.detail.endswith("after 3 attempts")
    assert attempts_of(server, 1) == 3


@pytest.mark.parametrize("status", [302, 400, 404, 413])
def test_a_refusal_is_final(status: int) -> None:
    with ChatServer(on_page_1(Fault(status=status)), transcribe) as server:
        first, failed = read_pages(images(2), config(server.url))
    assert first == "Page 0."
    assert isinstance(failed, PageFailure)
    assert failed.reason == "refused"
    assert failed.detail.startswith(f"HTTP {status}: ")
    assert attempts_of(server, 1) == 1


def test_a_page_that_takes_too_long_fails_alone() -> None:
    slow = on_page_1(Fault(delay_seconds=1.0))
    with ChatServer(slow, transcribe) as server:
        settings = config(server.url, timeout_seconds=0.4, max_attempts=2)
        first, failed = read_pages(images(2), settings)
    assert first == "Page 0."
    limit = "no answer in 0.4 s (timeout_seconds), after 2 attempts"
    assert failed == PageFailure("unavailable", limit)


def test_where_no_server_listens_every_page_fails() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    read = read_pages(images(2), config(nowhere, max_attempts=2))
    assert [page.reason for page in read if isinstance(page, PageFailure)] == ["unavailable"] * 2


def test_a_page_that_is_cut_off_fails_alone() -> None:
    with ChatServer(answer_of=with_page_1(completion("The begin", "length"))) as server:
        first, failed = read_pages(images(2), config(server.url, max_output_tokens=2))
    assert first == "Page 0."
    assert isinstance(failed, PageFailure)
    assert failed.reason == "cut_off"
    assert "2 tokens" in failed.detail
    assert attempts_of(server, 1) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (completion("Once. " + LOOP * 40 + "and", "length"), "repetitive"),
        (completion("Once. " + LOOP * 40), "repetitive"),
        (completion(""), "empty"),
        (completion(None), "empty"),
        (completion("```markdown\n```"), "empty"),
        (completion("---\nprimary_language: null\nis_table: False\n---\n"), "empty"),
        (completion("", "content_filter"), "refused"),
        (completion(["a", "list"]), "malformed"),
        ({"choices": []}, "malformed"),
        ({"error": "no such model"}, "malformed"),
    ],
)
def test_an_answer_that_is_no_page_fails_it_alone(answer: Any, reason: str) -> None:
    with ChatServer(answer_of=with_page_1(answer)) as server:
        first, failed = read_pages(images(2), config(server.url))
    assert first == "Page 0."
    assert isinstance(failed, PageFailure)
    assert failed.reason == reason


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_malformed(body: bytes) -> None:
    failed = ocr.text_of(body, config("http://localhost/v1"))
    assert isinstance(failed, PageFailure)
    assert failed.reason == "malformed"


def test_text_that_arrow_cannot_hold_is_made_sound() -> None:
    body = json.dumps(completion("a\x00b\ud800c")).encode()
    assert ocr.text_of(body, config("http://localhost/v1")) == "ab\ufffdc"


@pytest.mark.parametrize(
    "text",
    [
        "Once. " + LOOP * 40,
        "| 1 | 2 |\n" + "|   |   |\n" * 100,
        "A fill-in: " + "_" * 400,
        "\n".join(["The same long line of a page over and over again."] * 12),
        "x" + "".join(f"{number} apples. " for number in range(60)) * 11,
        "\u4e00\u4e8c\u4e09" * 120,
    ],
)
def test_an_endless_loop_is_found(text: str) -> None:
    assert ocr.is_repetitive(text)
    assert ocr.is_repetitive(text[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "Dotted leaders " + "." * 150,
        LOOP * 40 + "and then the page goes on with other words.",
        "".join(f"| {number} | {number * number} |\n" for number in range(200)),
        "A line of an exam, to be filled in: ______\n" * 9,
    ],
)
def test_a_page_that_repeats_a_little_is_kept(text: str) -> None:
    assert not ocr.is_repetitive(text)


FRONT_MATTER = """\
---
primary_language: en
is_rotation_valid: True
rotation_correction: 0
is_table: False
is_diagram: False
---
"""
LISTING = "```python\nprint(1)\n```"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("  As it stands.\n", "As it stands."),
        ("```markdown\n# Title\n\nText.\n```", "# Title\n\nText."),
        ("```MD\r\nText.\r\n```\r\n", "Text."),
        (f"```markdown\nText.\n\n{LISTING}\n```", f"Text.\n\n{LISTING}"),
        (LISTING, LISTING),
        (f"{LISTING}\n\n{LISTING}", f"{LISTING}\n\n{LISTING}"),
        (f"```markdown\n# A\n```\n\nText.\n\n{LISTING}",) * 2,
        (f"{FRONT_MATTER}Text.\n\n---\n\nMore.", "Text.\n\n---\n\nMore."),
        ("```markdown\n---\nprimary_language: en\n---\nText.\n```", "Text."),
        ("---\nprimary_language: en\n---\n```markdown\nText.\n```", "Text."),
        ("---\ntitle: On the page\n---\nText.",) * 2,
    ],
)
def test_what_models_put_around_a_page_is_taken_off(answer: str, text: str) -> None:
    assert ocr.unwrapped(answer) == text


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READER_KEY", "s3cret\n")
    with ChatServer(answer_of=transcribe, api_key="s3cret") as server:
        assert read_pages(images(1), config(server.url, api_key_env="READER_KEY")) == ["Page 0."]
        (failed,) = read_pages(images(1), config(server.url))
    assert failed == PageFailure("refused", "HTTP 401: who are you?")


def test_a_key_that_is_not_set_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("READER_KEY", raising=False)
    with (
        ChatServer(answer_of=transcribe) as server,
        pytest.raises(ConfigError, match="READER_KEY"),
    ):
        read_pages(images(1), config(server.url, api_key_env="READER_KEY"))
    assert server.asked == []


def test_a_key_that_the_server_repeats_is_struck_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READER_KEY", "s3cret")
    with ChatServer(on_page_1(Fault(status=400)), transcribe) as server:
        (failed,) = read_pages([b"1"], config(server.url, api_key_env="READER_KEY"))
    assert failed == PageFailure("refused", "HTTP 400: fault 400, Bearer ***")


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "localhost:8000/v1"},
        {"endpoint": "ftp://localhost/v1"},
        {"endpoint": "http://user:password@localhost/v1"},
        {"endpoint": "http://localhost/v1?key=1"},
        {"max_in_flight": 0},
        {"api_key_env": "sk-123"},
        {"resolution": 300},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OcrConfig(**{"endpoint": "http://localhost:8000/v1", "model": "reader"} | settings)


def blank_page(width: float, height: float) -> pymupdf.Page:
    return pymupdf.open().new_page(width=width, height=height)


def scanned_page() -> pymupdf.Page:
    """A letter page that is one grey image, with a black bar a quarter from its top."""
    scan = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 85, 110), False)
    scan.clear_with(200)
    scan.set_rect(pymupdf.IRect(0, 25, 85, 30), (0,))
    page = blank_page(*LETTER_POINTS)
    page.insert_image(page.rect, pixmap=scan)
    return page


def test_a_scanned_page_is_drawn_as_large_as_olmocr_was_trained_on() -> None:
    page = scanned_page()
    assert not page.get_text().strip()
    png = render(page, OcrConfig(endpoint="http://localhost/v1", model="reader").dots_per_inch)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    drawn = pymupdf.Pixmap(png)
    assert (drawn.width, drawn.height, drawn.n, drawn.alpha) == (995, 1287, 3, 0)
    assert drawn.pixel(500, 600) == (200, 200, 200)
    assert drawn.pixel(500, int(1287 * 27 / 110)) == (0, 0, 0)


def test_a_turned_page_is_drawn_upright() -> None:
    page = scanned_page()
    page.set_rotation(90)
    drawn = pymupdf.Pixmap(render(page, 72))
    assert (drawn.width, drawn.height) == (792, 612)


@pytest.mark.parametrize("inches", [(200, 200), (200, 2)])
def test_a_huge_page_gets_a_lower_resolution(
    inches: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "MAX_PIXELS", 1_000_000)
    width, height = inches
    drawn = pymupdf.Pixmap(render(blank_page(width * 72, height * 72), 300))
    assert 990_000 < drawn.width * drawn.height < 1_020_000
    assert drawn.width / drawn.height == pytest.approx(width / height, rel=0.02)


def test_a_sliver_of_a_page_is_drawn() -> None:
    drawn = pymupdf.Pixmap(render(blank_page(1000, 1), 36))
    assert (drawn.width, drawn.height) == (500, 1)


def test_a_page_that_cannot_be_drawn_is_named() -> None:
    class Broken:
        number = 4
        rect = pymupdf.Rect(0, 0, *LETTER_POINTS)

        def get_pixmap(self, **_: Any) -> None:
            raise RuntimeError("code=7: cannot find object")

    with pytest.raises(ExtractionError, match="page 5 cannot be drawn: code=7"):
        render(Broken(), 72)


def test_a_drawn_page_is_read() -> None:
    png = render(scanned_page(), 72)
    with ChatServer(answer_of=lambda _body: completion("A black bar.")) as server:
        assert read_pages([png], config(server.url)) == ["A black bar."]
    url = server.asked[0]["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == png


def test_a_process_that_reads_no_scans_loads_neither_renderer_nor_client() -> None:
    code = "import extractors.pdf.ocr, sys; print({'pymupdf', 'aiohttp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
