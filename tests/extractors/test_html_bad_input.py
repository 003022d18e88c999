"""Pages that are broken, hostile or no pages: text or a judgement, in bounded time and memory."""

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.extraction import Extraction
from extractors.html import Engine, extract
from extractors.routing import ExtractConfig, Input, SandboxConfig
from extractors.routing import extract as extract_any
from extractors.sandbox import Ok, Rejected, Sandbox
from tests.support.html_soup import ENGINES, LABELS, TOKENS, URLS, check, read, soup_of, soups

WORDS = b"Words enough to be the text of a page, and then some more of them. "
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj <</Type/Catalog>> endobj\n" + bytes(range(256)) * 40


# ------------------------------------------------------------------ any page is read or judged


@settings(max_examples=150)
@given(soups(), st.sampled_from([None, *URLS]), st.sampled_from([None, *LABELS]))
def test_any_soup_becomes_sound_text_or_a_judgement(
    page: bytes, url: str | None, charset: str | None
) -> None:
    check(page, url, charset)


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "reasonmill"])
@given(page=soups())
def test_the_other_engines_keep_to_the_same_contract(engine: Engine, page: bytes) -> None:
    check(page, URLS[0], None, engine)


@given(soups(), st.sampled_from(["utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"]))
def test_any_encoding_is_read_or_judged(page: bytes, encoding: str) -> None:
    check(page.decode("utf-8", "replace").encode(encoding, "replace"))


@given(st.binary(max_size=2000).map(lambda numbers: soup_of(numbers[:400])), st.integers(0, 400))
def test_a_page_cut_anywhere_is_read_or_judged(page: bytes, end: int) -> None:
    check(WORDS + page[:end])


@pytest.mark.parametrize("token", TOKENS, ids=ascii)
def test_each_token_alone_and_many_times_over(token: bytes) -> None:
    check(WORDS + token + WORDS)
    check(token * 500 + WORDS)


DIGEST_OF_SOUPS = """
import hashlib, random
from tests.support.html_soup import read, soup_of
found = [read(soup_of(random.Random(n).randbytes(200))) for n in range(200)]
print(hashlib.sha256(ascii(found).encode()).hexdigest())
"""


def test_the_text_does_not_depend_on_the_hash_seed_of_a_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST_OF_SOUPS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


# ------------------------------------------------------------------ hostile pages

TEXT = "text"

HOSTILE: dict[str, tuple[Callable[[], bytes], str, float]] = {
    "divs": (lambda: b"<div>" * 100_000 + WORDS, TEXT, 1.0),
    "closed divs": (lambda: b"<div>" * 100_000 + WORDS + b"</div>" * 100_000, TEXT, 1.0),
    "attributes": (
        lambda: b"<p " + b" ".join(b"a%d=b" % n for n in range(100_000)) + b">" + WORDS,
        TEXT,
        1.0,
    ),
    "equal attributes": (lambda: b"<p " + b"a=b " * 100_000 + b">" + WORDS, TEXT, 1.0),
    "less-than signs": (lambda: b"<" * 1_000_000 + WORDS, TEXT, 1.0),
    "more tags than allowed": (lambda: b"<p>" * 1_000_001, "html.too_many_tags", 1.0),
    "end tags": (lambda: WORDS + b"</p>" * 300_000, TEXT, 5.0),
    "options": (lambda: WORDS + b"<select>" + b"<option>x" * 40_000, TEXT, 1.0),
    "option groups": (lambda: WORDS + b"<optgroup>" * 60_000, TEXT, 1.0),
    "listings in listings": (lambda: WORDS + b"<pre>" * 19_000, TEXT, 5.0),
    "turns": (
        lambda: (
            b"<a>Reply</a>"
            + (b"<div class=post><b class=author>a</b><p>" + WORDS + b"</div>") * 5_000
        ),
        TEXT,
        5.0,
    ),
    "dollars": (lambda: WORDS + b"$" * 200_000, TEXT, 1.0),
    "dollars apart": (lambda: WORDS + b"$ " * 200_000, TEXT, 1.0),
    "formulas never closed": (lambda: WORDS + b"\\begin{align} \\( \\[ $$ x " * 50_000, TEXT, 2.0),
    "backslashes": (lambda: WORDS + b"\\" * 500_000, TEXT, 1.0),
    "backticks": (lambda: WORDS + b"<code>" + b"` " * 200_000 + b"</code>", TEXT, 1.0),
    "wide cells": (
        lambda: WORDS + b"<table>" + (b"<td colspan=1000>x" * 100 + b"<tr>") * 1000,
        TEXT,
        6.0,
    ),
    "a wide row": (lambda: WORDS + b"<table><tr>" + b"<td colspan=1000>x" * 100_000, TEXT, 4.0),
    "tall cells": (
        lambda: WORDS + b"<table>" + b"<tr><td rowspan=65534>x<td>y" * 20_000,
        TEXT,
        4.0,
    ),
    "tables in tables": (lambda: WORDS + b"<table><tr><td>" * 50_000, TEXT, 1.0),
    "lists in lists": (lambda: WORDS + b"<ul><li>item" * 50_000, TEXT, 2.0),
    "links in links": (lambda: WORDS + b"<a href=x>l" * 50_000, TEXT, 1.0),
    "formatting in formatting": (lambda: WORDS + b"<font><a><i><b><p>" * 20_000, TEXT, 1.0),
    "paragraphs in 300 b": (lambda: b"<b>" * 300 + WORDS + b"<p>x" * 20_000, TEXT, 1.0),
    "superscripts": (lambda: WORDS + b"x<sup>2</sup>" * 100_000, TEXT, 4.0),
    "formulas in formulas": (lambda: WORDS + b"<math>" + b"<mfrac>" * 50_000, TEXT, 1.0),
    "a wide formula": (lambda: WORDS + b"<math>" + b"<mi>x</mi>" * 200_000, TEXT, 3.0),
    "spans of code": (lambda: WORDS + b"<pre>" + b"<span class=line>x\n" * 100_000, TEXT, 2.0),
    "foreign content": (lambda: WORDS + b"<svg><foreignObject><div>" * 30_000, TEXT, 1.0),
    "templates": (lambda: WORDS + b"<template>" * 50_000, TEXT, 1.0),
    "framesets": (lambda: b"<frameset>" * 50_000 + WORDS, "text.empty", 1.0),
    "scripts in comments": (lambda: WORDS + b"<script>" + b"<!--<script>" * 300_000, TEXT, 2.0),
    "JSON in JSON": (
        lambda: b"<script type=application/ld+json>" + b"[" * 500_000 + b"</script>" + WORDS,
        TEXT,
        1.0,
    ),
    "posts": (lambda: (b"<div class=post><b>A</b><p>" + WORDS + b"</div>") * 20_000, TEXT, 4.0),
    "posts in posts": (lambda: (b"<div class=comment><p>" + WORDS + b"</p>") * 5_000, TEXT, 1.0),
    "an image of 22 MB": (
        lambda: WORDS + b"<img src='data:image/png;base64," + b"iVBORw0KGgo" * 2_000_000 + b"'>",
        TEXT,
        2.0,
    ),
    "one line of 30 MB": (lambda: b"<p>" + b"word " * 6_000_000, TEXT, 8.0),
    "one word of 30 MB": (lambda: b"<p>" + b"w" * 30_000_000, TEXT, 4.0),
    "30 MB of code": (lambda: WORDS + b"<pre>" + b"    x = 1;\n" * 2_700_000, TEXT, 5.0),
    "30 MB of spaces": (lambda: WORDS + b" " * 30_000_000, TEXT, 2.0),
    "entities": (lambda: WORDS + b"&nbsp;&bad;&" * 2_000_000, TEXT, 4.0),
    "100 MB": (lambda: b"<p>" + b"word " * 20_000_000, "html.too_large", 0.2),
    "gzip": (lambda: gzip.compress(WORDS * 1000, mtime=0), "text.binary", 0.2),
    "a PDF": (lambda: PDF, "text.binary", 0.2),
    "UTF-16 that says nothing": (
        lambda: ("<p>" + "word " * 999).encode("utf-16-le"),
        "text.binary",
        0.2,
    ),
}
"""Page, what becomes of it, and the CPU seconds it may take: five times what it took."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_bounded_time(name: str) -> None:
    make, expected, max_seconds = HOSTILE[name]
    page = make()
    started = time.process_time()
    found = read(page)
    seconds = time.process_time() - started
    assert (TEXT if isinstance(found, Extraction) else found[0]) == expected
    assert seconds <= max_seconds


LARGE = (
    "wide cells",
    "tall cells",
    "one line of 30 MB",
    "30 MB of code",
    "end tags",
    "closed divs",
)


def test_hostile_pages_keep_within_the_memory_of_a_sandbox() -> None:
    config = ExtractConfig(sandbox=SandboxConfig(time_limit_seconds=60.0))
    with Sandbox(
        partial(extract_any, config=config),
        time_limit_seconds=config.sandbox.time_limit_seconds,
        memory_limit_bytes=config.sandbox.memory_limit_bytes,
    ) as sandbox:
        for name in LARGE:
            item = Input(
                payload=HOSTILE[name][0](),
                media_type="text/html",
                charset=None,
                url=None,
                path=None,
            )
            [outcome] = sandbox.map([item])
            assert isinstance(outcome, Ok | Rejected), (name, outcome)


# ------------------------------------------------------------------ what is declared, and is not so


@pytest.mark.parametrize(
    "lie", ["utf-8", "utf-16", "latin-1", "gbk", "shift_jis", "big5", "nothing"]
)
@pytest.mark.parametrize("is_in_meta", [False, True])
def test_text_in_utf8_is_read_whatever_its_charset_is_said_to_be(
    lie: str, *, is_in_meta: bool
) -> None:
    text = "Le caf\u00e9 \u00e9tait ferm\u00e9, \u0441\u043b\u043e\u0432\u043e, \u4e2d\u6587. " * 4
    meta = f"<meta charset={lie}>" if is_in_meta else ""
    page = f"<html><head>{meta}</head><body><p>{text}</p></body></html>".encode()
    assert extract(page, None, charset=None if is_in_meta else lie).text == text.strip()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read_by_its_byte_order_mark_or_by_its_declaration(encoding: str) -> None:
    text = "Le caf\u00e9 \u00e9tait ferm\u00e9."
    assert extract(f"\ufeff<p>{text}".encode(encoding), None).text == text
    assert extract(f"<p>{text}".encode(encoding), None, charset=encoding).text == text


def test_half_a_page_in_another_encoding_keeps_the_half_that_is_right() -> None:
    page = f"<p>{'Text of a page. ' * 20}".encode() + "<p>caf\u00e9".encode("latin-1") * 3
    assert extract(page, None).text.startswith("Text of a page.")
