"""Pages go by their text layer: read, sent to a vision model, or left out and counted."""

from collections.abc import Iterator, Mapping
from typing import Any

import pymupdf
import pytest

from extractors.extraction import NotADocumentError
from extractors.pdf import extract
from extractors.pdf.config import PdfConfig
from extractors.pdf.ocr import OcrConfig
from extractors.sandbox import Ok, Sandbox
from tests.extractors import sandboxed_functions
from tests.synth.chat_server import ChatServer, Fault

PROSE = [
    "The harbour authority abandoned the footbridge before the winter",
    "storms arrived, because the original drawings were missing and an",
    "inexpensive alternative had been found by the neighbours.",
]


def document_of(*kinds: str) -> bytes:
    """A document with a page of each kind: text, scan, blank, shuffled, bomb."""
    document = pymupdf.open()
    for number, kind in enumerate(kinds):
        page = document.new_page(width=400, height=300)
        if kind == "text":
            for index, line in enumerate(PROSE):
                page.insert_text((40, 60 + 14 * index), f"{line}", fontsize=10)
            page.insert_text((40, 120), f"This is page {number} of it.", fontsize=10)
        elif kind == "scan":
            picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 60, 40), False)
            picture.clear_with(200)
            page.insert_image(pymupdf.Rect(20, 20, 380, 280), pixmap=picture)
        elif kind == "shuffled":
            for index in range(20):
                page.insert_text(
                    (40, 40 + 12 * index), "Wkl glph txt brkn mpng shft " * 2, fontsize=8
                )
        elif kind == "bomb":
            page.insert_text((40, 60), "x", fontsize=10)
            content = (
                b"BT /helv 1 Tf 1 1 Td " + b"(aaaaaaaaaaaaaaaaaaaaaaaa) Tj " * 3_000_000 + b"ET"
            )
            document.update_stream(page.get_contents()[0], content, compress=True)
    return bytes(document.tobytes(deflate=True))


def transcribe(_: Mapping[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "A line that was scanned."}
    return {"model": "reader", "choices": [{"message": message, "finish_reason": "stop"}]}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(answer_of=transcribe) as running:
        yield running


def ocr(server: ChatServer) -> OcrConfig:
    return OcrConfig(endpoint=server.url, model="reader", max_attempts=1)


def test_scanned_pages_of_a_document_are_left_out_and_counted() -> None:
    extraction = extract(document_of("text", "scan", "text", "blank"))
    assert extraction.text.count("harbour authority") == 2
    assert (extraction.structure.pages_found, extraction.structure.pages_kept) == (3, 2)


def test_a_document_of_scans_is_rejected_by_that_reason() -> None:
    with pytest.raises(NotADocumentError, match=r"^pdf\.no_text_layer: 2 pages$"):
        extract(document_of("scan", "scan"))


def test_a_text_layer_without_vowels_is_a_bad_one() -> None:
    with pytest.raises(NotADocumentError, match=r"^pdf\.bad_text_layer: 1 pages$"):
        extract(document_of("shuffled"))


def test_a_vision_model_reads_what_has_no_text_layer_in_its_place(server: ChatServer) -> None:
    extraction = extract(document_of("text", "scan", "text"), PdfConfig(ocr=ocr(server)))
    first, scanned, last = (
        extraction.text.index(part) for part in ("page 0", "A line that was scanned.", "page 2")
    )
    assert first < scanned < last
    assert (extraction.structure.pages_found, extraction.structure.pages_kept) == (3, 3)


def test_a_page_that_the_model_fails_on_is_lost_alone(server: ChatServer) -> None:
    server.fault_of = lambda _body, _attempt: Fault(status=500)
    extraction = extract(document_of("text", "scan"), PdfConfig(ocr=ocr(server)))
    assert "harbour authority" in extraction.text
    assert (extraction.structure.pages_found, extraction.structure.pages_kept) == (2, 1)


def test_references_are_cut_when_the_recipe_says_so() -> None:
    document = pymupdf.open()
    page = document.new_page(width=400, height=400)
    for index, line in enumerate([*PROSE, "And so it ends."]):
        page.insert_text((40, 60 + 14 * index), line, fontsize=10)
    page.insert_text((40, 150), "References", fontsize=14, fontname="tibo")
    page.insert_text((40, 180), "[1] A. Thornbury, Gardens without plants, 1950.", fontsize=10)
    data = bytes(document.tobytes())
    assert "Thornbury" in extract(data).text
    cut = extract(data, PdfConfig(references="cut")).text
    assert "Thornbury" not in cut
    assert "References" not in cut
    assert "And so it ends." in cut


def test_the_pages_before_one_that_kills_its_reader_are_kept() -> None:
    data = document_of("text", "text", "bomb", "text")
    with Sandbox(
        sandboxed_functions.extract_pdf,
        time_limit_seconds=2.0,
        memory_limit_bytes=1 << 30,
    ) as sandbox:
        [outcome] = sandbox.map_twice([(data, False)], lambda item: (item[0], True))
    assert isinstance(outcome, Ok)
    assert "page 1" in outcome.value.text
    assert "page 3" not in outcome.value.text
    assert (outcome.value.structure.pages_found, outcome.value.structure.pages_kept) == (4, 2)
