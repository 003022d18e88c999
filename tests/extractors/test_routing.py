"""Which extractor reads an input, and that all of them work inside the sandbox."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from extractors.extraction import NotADocumentError
from extractors.routing import ExtractConfig, Input, extract, is_harmless, kind_of
from extractors.sandbox import Failed, Ok, Rejected, Sandbox, run_here
from pipeline.errors import ExtractionError

NOTEBOOK = b'{"cells": [{"cell_type": "markdown", "source": "# Title"}]}'


def given_input(payload: bytes, *, media_type: str | None = None, path: str | None = None) -> Input:
    return Input(payload=payload, media_type=media_type, charset=None, url=None, path=path)


@pytest.mark.parametrize(
    ("payload", "media_type", "path", "kind"),
    [
        (b"x", "text/html; charset=utf-8", None, "html"),
        (b"x", "Application/XHTML+XML", None, "html"),
        (b"x", "text/plain", "a.py", "plain"),
        (b"%PDF-1.7", "text/html", None, "pdf"),
        (b"x", None, "docs/index.html", "html"),
        (NOTEBOOK, None, "a.ipynb", "notebook"),
        (b"x", None, "src/a.py", "code"),
        (b"x", "application/octet-stream", "src/a.py", "code"),
        (b" <!DOCTYPE html><p>x", None, None, "html"),
    ],
)
def test_a_declaration_goes_before_the_name_and_the_name_before_the_bytes(
    payload: bytes, media_type: str | None, path: str | None, kind: str
) -> None:
    assert kind_of(given_input(payload, media_type=media_type, path=path)) == kind


def test_a_media_type_that_nothing_reads_is_rejected_by_name() -> None:
    with pytest.raises(NotADocumentError) as judged:
        kind_of(given_input(b"x", media_type="video/mp4"))
    assert (judged.value.reason, judged.value.value) == ("media_type.unsupported", "video/mp4")


def test_settings_reach_their_extractor() -> None:
    source = given_input(b"x = 1\n" * 100, path="a.py")
    assert extract(source, ExtractConfig()).code is not None
    with pytest.raises(NotADocumentError, match="too_large"):
        extract(source, ExtractConfig.model_validate({"code": {"max_bytes": 10}}))
    page = given_input(b"<main><p>A page of text.</p></main>", media_type="text/html")
    config = ExtractConfig.model_validate({"html": {"engine": "resiliparse"}})
    assert extract(page, config).extractor == "html.resiliparse"


@pytest.mark.parametrize(
    "config",
    [
        {"html": {"engine": "lynx"}},
        {"pdf": {"max_pages": 0}},
        {"sandbox": {"time_limit_seconds": 0}},
        {"sandbox": {"memory_limit_bytes": "1 GB"}},
        {"htlm": {}},
    ],
)
def test_impossible_settings_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ExtractConfig.model_validate(config)


def test_every_kind_is_read_in_the_sandbox() -> None:
    items = [
        given_input(b"<main><p>A page of text.</p></main>", media_type="text/html"),
        given_input(b"x = 1\n", path="src/a.py"),
        given_input(NOTEBOOK, path="a.ipynb"),
        given_input(b"text", media_type="text/plain"),
        given_input(b"", media_type="text/plain"),
        given_input(b"%PDF-1.7 and no more"),
    ]
    function = partial(extract, config=ExtractConfig())
    with Sandbox(function, time_limit_seconds=20, memory_limit_bytes=1 << 30) as sandbox:
        outcomes = sandbox.map(items)
    read = [outcome.value.extractor for outcome in outcomes if isinstance(outcome, Ok)]
    assert read == ["html", "code", "notebook", "plain"]
    assert isinstance(outcomes[4], Rejected)
    assert isinstance(outcomes[5], Failed)
    assert outcomes[5].error_type == "ExtractionError"


@given(
    st.binary(max_size=200),
    st.sampled_from([None, "text/html", "text/plain", "application/pdf", "image/png"]),
    st.sampled_from([None, "a.py", "b.ipynb", "c.html", "d.md", "e", "f.json"]),
)
def test_any_input_is_read_judged_or_failed(
    payload: bytes, media_type: str | None, path: str | None
) -> None:
    try:
        found = extract(given_input(payload, media_type=media_type, path=path), ExtractConfig())
    except (NotADocumentError, ExtractionError):
        return
    assert found.text.strip()
    found.text.encode()


@pytest.mark.parametrize(
    ("payload", "media_type", "path", "is_plain"),
    [
        (b"x", "text/plain", None, True),
        (b"", "text/html", None, True),
        (b"x", "image/png", None, True),
        (b"%PDF-1.7", "text/plain", None, False),
        (b"<p>x", "text/html", None, False),
        (NOTEBOOK, None, "a.ipynb", False),
    ],
)
def test_what_no_parser_reads_is_harmless(
    payload: bytes, media_type: str | None, path: str | None, is_plain: bool
) -> None:
    item = given_input(payload, media_type=media_type, path=path)
    assert is_harmless(item) == is_plain


@pytest.mark.parametrize("payload", [b"", b"x\r\ny", b" \n", b"\xff\xfe", b"\0" * 40, b"caf\xe9"])
def test_harmless_inputs_give_the_same_here_as_in_the_sandbox(payload: bytes) -> None:
    item = given_input(payload, media_type="text/plain")
    function = partial(extract, config=ExtractConfig())
    with Sandbox(function, time_limit_seconds=5, memory_limit_bytes=1 << 28) as sandbox:
        assert [run_here(function, item)] == sandbox.map([item])
