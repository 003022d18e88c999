"""Laws for damaged PDFs: an Extraction, a judgement or a clean failure, nothing else."""

import pymupdf
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.extraction import Extraction, NotADocumentError
from extractors.pdf import extract
from extractors.pdf.config import PdfConfig
from pipeline.errors import ExtractionError


def _sound() -> bytes:
    document = pymupdf.open()
    for number in range(2):
        page = document.new_page(width=300, height=300)
        for index in range(8):
            page.insert_text(
                (40, 60 + 12 * index), f"line {index} of the page {number}", fontsize=9
            )
    document.set_toc([[1, "line 0", 1], [2, "line 3", 2]])
    document.set_metadata({"title": "A document"})
    # Not compressed: most edits then hit objects and text, not a stream's checksum.
    return bytes(document.tobytes(deflate=False, garbage=0))


SOUND = _sound()

edits = st.lists(
    st.tuples(
        st.integers(0, len(SOUND) - 1),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [b"null", b"-1", b"999999999", b"<<", b">>", b"endobj", b"1 0 R", b"()"]
            ),
        ),
    ),
    min_size=1,
    max_size=6,
)


def _outcome(data: bytes) -> Extraction | NotADocumentError | ExtractionError:
    try:
        return extract(data, PdfConfig(max_pages=50))
    except (NotADocumentError, ExtractionError) as outcome:
        return outcome


def test_the_sound_document_is_read() -> None:
    assert isinstance(_outcome(SOUND), Extraction)


@settings(max_examples=150, deadline=None)
@given(edits)
def test_edited_bytes_give_an_outcome(found: list[tuple[int, int, bytes]]) -> None:
    data = SOUND
    for start, length, replacement in found:
        data = data[:start] + replacement + data[start + length :]
    outcome = _outcome(data)
    if isinstance(outcome, Extraction):
        outcome.text.encode()  # no lone surrogates
    else:
        assert str(outcome)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SOUND)))
def test_truncation_gives_an_outcome(length: int) -> None:
    outcome = _outcome(SOUND[:length])
    assert isinstance(outcome, Extraction) or str(outcome)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_after_the_signature_give_an_outcome(tail: bytes) -> None:
    outcome = _outcome(b"%PDF-1.7\n" + tail)
    assert isinstance(outcome, Extraction) or str(outcome)
