"""``reasonmill extract``: one input of any kind from anywhere, or one line that says why not."""

import io
import json
import subprocess
import sys
import time
import typing
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from extractors.html import Engine
from pipeline import extraction
from pipeline.cli import EXIT_FAILED, EXIT_REFUSED, build_parser, main
from pipeline.config import Recipe
from tests.pipeline.web_server import PAGE, SENTENCE, serving

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "examples" / "corpus"

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    with serving() as found:
        yield found


@pytest.fixture
def site(server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return server[0]


@pytest.fixture
def page(tmp_path: Path) -> str:
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    return str(path)


def refusal(arguments: list[str], status: int, capsys: Captured) -> str:
    """The one line on stderr of a command that ends with ``status`` and prints nothing."""
    assert main(["extract", *arguments]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("reasonmill: ")
    assert said.err.count("\n") == 1
    return said.err


def printed(arguments: list[str], capsys: Captured) -> str:
    assert main(["extract", *arguments]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def type_in(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(payload)))


def test_a_local_page_is_printed_as_markdown(page: str, capsys: Captured) -> None:
    out = printed([page], capsys)
    assert out.startswith(SENTENCE)
    assert out.endswith("\n")
    assert not out.endswith("\n\n")


@pytest.mark.parametrize("engine", typing.get_args(Engine))
def test_every_engine_reads_pages(engine: str, page: str, capsys: Captured) -> None:
    found = json.loads(printed([page, "--engine", engine, "--json"], capsys))
    assert SENTENCE in found["text"]
    assert found["extractor"] == ("html" if engine == "reasonmill" else f"html.{engine}")


def test_the_engines_offered_are_those_there_are() -> None:
    [verbs] = [a.choices for a in build_parser()._actions if isinstance(a.choices, dict)]
    [option] = [a for a in verbs["extract"]._actions if a.dest == "engine"]
    assert tuple(option.choices) == typing.get_args(Engine)


def test_json_holds_the_text_and_all_that_the_page_says_of_itself(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        "<html lang=de><head><title>Summen</title><meta name=date content=2021-03-04>"
        "<link rel=canonical href=https://example.org/s>"
        "<link rel=license href=https://creativecommons.org/licenses/by/4.0/></head>"
        f"<body><main><p>{SENTENCE} \u00e4 \\(x^2\\)</p></main></body></html>",
        encoding="utf-8",
    )
    found = json.loads(printed([str(path), "--json"], capsys))
    assert "\u00e4" in found["text"]
    assert (found["title"], found["declared_language"]) == ("Summen", "de")
    assert (found["published_at"], found["license"]) == ("2021-03-04", "CC-BY-4.0")
    assert found["canonical_url"] == "https://example.org/s"
    assert found["structure"]["formulas_kept"] == 1


def test_a_pdf_is_read(capsys: Captured) -> None:
    path = min((CORPUS / "pdf").rglob("*.pdf"), key=lambda one: one.stat().st_size)
    found = json.loads(printed([str(path), "--json"], capsys))
    assert (found["extractor"], found["media_type"]) == ("pdf", "application/pdf")


def test_source_files_text_files_and_notebooks_are_read(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "notes.md").write_text("# Notes\n\nPlain & simple.\n")
    (tmp_path / "book.ipynb").write_text(
        '{"cells": [{"cell_type": "markdown", "source": "We add."}], "nbformat": 4}'
    )
    assert "    return a + b\n" in printed([str(tmp_path / "sums.py")], capsys)
    assert printed([str(tmp_path / "notes.md")], capsys) == "# Notes\n\nPlain & simple.\n"
    assert printed([str(tmp_path / "book.ipynb")], capsys) == "We add.\n"


def test_an_fsspec_path_is_read(memory_folder: str, capsys: Captured) -> None:
    with fsspec.open(f"{memory_folder}/page.html", "wb") as file:
        file.write(PAGE.encode())
    assert SENTENCE in printed([f"{memory_folder}/page.html"], capsys)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (PAGE.encode(), SENTENCE),
        (b"\xef\xbb\xbf\n<!-- saved --><p>" + SENTENCE.encode(), SENTENCE),
        (b"Plain & simple", "Plain & simple"),
        (b'{"cells": [{"cell_type": "markdown", "source": "Sums"}], "nbformat": 4}', "Sums"),
        (b'{"a": 1}', '{"a": 1}'),
    ],
)
def test_standard_input_is_known_by_its_first_bytes(
    payload: bytes, said: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    type_in(payload, monkeypatch)
    assert said in printed(["-"], capsys)


def run_in_shell(command: str) -> subprocess.CompletedProcess[str]:
    command = command.replace("reasonmill", f"{sys.executable} -m pipeline.cli")
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_pipes_are_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "page").write_text(f"<p>{SENTENCE}</p>" * 20_000)
    done = run_in_shell(f"reasonmill extract <(cat {tmp_path}/page) | head -1")
    assert (done.stdout, done.stderr) == (f"{SENTENCE}\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_said_in_a_line(page: str) -> None:
    done = run_in_shell(f"reasonmill extract {page} > /dev/full")
    assert done.returncode == EXIT_FAILED
    assert done.stderr.startswith("reasonmill: StorageError: standard output cannot be written: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "payload", "reason"),
    [
        ("page.html", b"<script>x</script>", "rejected: text.empty: "),
        ("page.html", b"\x89PNG" + bytes(range(32)) * 99, "rejected: text.binary: "),
        ("page.html", b"", "rejected: text.empty: 0 bytes"),
        ("table.csv", b"a,b\n1,2\n", "rejected: code.data_file: CSV"),
        ("page.html", b"x" * 32_000_001, "rejected: html.too_large: 32000001 bytes"),
    ],
)
def test_what_holds_no_document_is_rejected_with_its_reason(
    name: str, payload: bytes, reason: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / name
    path.write_bytes(payload)
    assert f"{path}: {reason}" in refusal([str(path)], EXIT_FAILED, capsys)


def test_what_fails_says_what_went_wrong(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing of the kind")
    assert f"ExtractionError: {path}: " in refusal([str(path)], EXIT_FAILED, capsys)


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path, capsys: Captured) -> None:
    missing = str(tmp_path / "page.html")
    assert f"no file at {missing!r}" in refusal([missing], EXIT_REFUSED, capsys)
    assert "no file at 'memory://no/such" in refusal(["memory://no/such"], EXIT_REFUSED, capsys)
    assert "is a folder; name one file" in refusal([str(tmp_path)], EXIT_REFUSED, capsys)
    assert "Protocol not known: gopher" in refusal(["gopher://host/x"], EXIT_REFUSED, capsys)


def test_an_input_larger_than_a_record_may_be_is_refused(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert Recipe.model_fields["max_record_bytes"].default == extraction.MAX_BYTES
    monkeypatch.setattr(extraction, "MAX_BYTES", 50)
    assert "larger than 50 bytes" in refusal([page], EXIT_FAILED, capsys)
    type_in(PAGE.encode(), monkeypatch)
    assert "larger than 50 bytes" in refusal(["-"], EXIT_FAILED, capsys)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/page", SENTENCE),
        ("/moved", SENTENCE),
        ("/gzip", SENTENCE),
        ("/deflate", SENTENCE),
        ("/undeclared", SENTENCE),
        ("/latin", "phrase fran\u00e7aise d\u00e9j\u00e0"),
        ("/greek", "\u03bb\u03cc\u03b3\u03bf\u03c2"),
        ("/notes.txt", "Plain & simple"),
        ("/sums.py", "# sums.py\ndef add(a, b):\n    return a + b"),
        ("/book.ipynb", "# Sums\n\nWe add."),
    ],
)
def test_a_web_address_is_read(path: str, said: str, site: str, capsys: Captured) -> None:
    assert said in printed([site + path], capsys)


def test_links_are_made_absolute_against_where_a_redirect_led(site: str) -> None:
    found = extraction.read_input(f"{site}/moved")
    assert found.url == f"{site}/page"


def test_the_server_is_told_who_asks(server: tuple[str, list[str]], site: str) -> None:
    extraction.read_input(f"{site}/page")
    assert server[1][-1].startswith("reasonmill ")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/none", "/none: HTTP 404 Not Found"),
        ("/circle", "/circle: more than 10 redirects"),
        ("/elsewhere", "which is no web address"),
        ("/damaged", "/damaged: could not be fetched: the gzip body ends too soon"),
        ("/not-gzip", "/not-gzip: could not be fetched: the gzip body is damaged"),
        ("/brotli", "sent as Content-Encoding 'br'; asked was gzip, deflate"),
        ("/half", "/half: could not be fetched: "),
        ("/image", "/image: rejected: media_type.unsupported: image/png"),
    ],
)
def test_what_a_server_does_wrong_is_said_in_a_line(
    path: str, said: str, site: str, capsys: Captured
) -> None:
    assert said in refusal([site + path], EXIT_FAILED, capsys)


@pytest.mark.parametrize("path", ["/hangs", "/drips"])
def test_a_server_that_takes_for_ever_is_left(
    path: str, site: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(extraction, "FETCH_SECONDS", 0.4)
    started = time.monotonic()
    assert f"{path}: not read in 0.4 s" in refusal([site + path], EXIT_FAILED, capsys)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("path", ["/endless", "/bomb"])
def test_a_body_without_an_end_is_cut_off(
    path: str, site: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(extraction, "MAX_BYTES", 1_000_000)
    assert f"{path}: larger than 1,000,000 bytes" in refusal([site + path], EXIT_FAILED, capsys)


@pytest.mark.parametrize(
    "address", ["http://", "http://[bad", "http://host.invalid/", "http://127.0.0.1:1/"]
)
def test_an_address_where_nobody_answers_is_said_in_a_line(address: str, capsys: Captured) -> None:
    assert f"StorageError: {address}: " in refusal([address], EXIT_FAILED, capsys)
