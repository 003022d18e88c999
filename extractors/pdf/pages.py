"""Reads a PDF's pages into fragments of text with their place, size and style.

The only module that talks to PyMuPDF: what follows is geometry on plain Python objects.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from extractors.charset import make_sound
from extractors.extraction import NotADocumentError
from pipeline.errors import ExtractionError

TEXT_FLAGS = 2 | 64  # PyMuPDF's TEXT_PRESERVE_WHITESPACE and TEXT_MEDIABOX_CLIP
"""Ligatures are spelled out and images left out: both are flags that are not set."""

MAX_PAGE_CHARS = 200_000
"""A page with more is a bomb or a data dump: a dense newspaper page holds some 20,000."""

MONO_FONT = re.compile(
    r"mono|nimbusmon|courier|typewriter|consol|menlo|inconsolata|cmtt|cmsltt|cmitt|cmtcsc|sftt|ectt|t1xtt|txtt",
    re.IGNORECASE,
)
BOLD_FONT = re.compile(r"bold|black|heavy|semibold|demi|cmbx|cmb1|cmssbx|-medi", re.IGNORECASE)

SUPERSCRIPT_FLAG = 1
MONO_FLAG = 8
BOLD_FLAG = 16

LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-\w{1,8})*")

MIN_UPRIGHT_COSINE = 0.95

CONTROL_GLYPHS = str.maketrans(
    {
        "\x0f": "\u2022",
        "\x15": "\u2013",
        "\x16": "\u2014",
        "\x1b": "ff",
        "\x1c": "fi",
        "\x1d": "fl",
        "\x1e": "ffi",
        "\x1f": "ffl",
        "\x88": "\u2022",
        **dict.fromkeys("\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0e\x7f", "\ufffd"),
    }
)
"""Glyphs of fonts without a Unicode map come with their codes: these are those of TeX's T1 encoding
and of its bullets. Other control codes mean nothing."""

COMBINING = {
    "\u00b4": "\u0301",
    "\u0060": "\u0300",
    "\u00a8": "\u0308",
    "\u02c6": "\u0302",
    "\u02dc": "\u0303",
    "\u02c7": "\u030c",
}
LOOSE_ACCENT = re.compile("([" + "".join(COMBINING) + "])([A-Za-z\u0131])")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of one line of one column. Units are points; y grows downwards.

    ``y0`` and ``y1`` follow from baseline and size: the boxes that fonts state are not reliable
    (TeX's symbol fonts state several lines). ``starts_raised`` marks a footnote's sign.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    is_bold: bool
    is_mono: bool
    starts_raised: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page's fragments in the order of the file; ``number`` starts at 0."""

    number: int
    width: float
    height: float
    fragments: list[Fragment]


@dataclass(frozen=True, slots=True)
class Document:
    """A document's pages with what it says of itself.

    ``outline`` maps each entry's text, in lower case, to its level from 1; ``license_text`` is the
    XMP metadata, where a licence's address stands if anywhere.
    """

    pages: list[Page]
    title: str | None
    language: str | None
    license_text: str
    outline: dict[str, int]


def read(data: bytes, *, max_pages: int) -> Document:
    """Every page of ``data``.

    Raises NotADocumentError for an encrypted document (``pdf.encrypted``) and for one of more
    than ``max_pages`` (``pdf.too_many_pages``), ExtractionError for what is no readable PDF.
    """
    # Imported here, in the sandbox's child: the rest of a run can do without it.
    import pymupdf

    # They go to stderr, where the sandbox would take them for a crash's last words.
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
    except (RuntimeError, ValueError, TypeError, pymupdf.mupdf.FzErrorBase) as error:
        raise ExtractionError(f"not a readable PDF of {len(data)} bytes: {error}") from error
    try:
        return _read_document(document, max_pages)
    except (
        *(RuntimeError, ValueError, TypeError, AttributeError, LookupError, AssertionError),
        pymupdf.mupdf.FzErrorBase,
    ) as error:  # PyMuPDF's Python layer meets broken objects with whatever it stumbles on
        if isinstance(error, ExtractionError):
            raise
        raise ExtractionError(f"broken PDF: {type(error).__name__}: {error}") from error
    finally:
        document.close()


def _read_document(document: Any, max_pages: int) -> Document:
    if not document.is_pdf:  # the filetype given to open() is not enforced
        raise ExtractionError("not a PDF: it opens as another kind of document")
    if document.needs_pass and not document.authenticate(""):
        raise NotADocumentError("pdf.encrypted")
    num_pages = document.page_count
    if num_pages == 0:
        raise ExtractionError("a PDF without pages: truncated or broken")
    if num_pages > max_pages:
        raise NotADocumentError("pdf.too_many_pages", str(num_pages))
    pages = [_read_page(document, number) for number in range(num_pages)]
    metadata = document.metadata or {}
    language = _catalog_language(document)
    return Document(
        pages=pages,
        title=" ".join(make_sound(metadata.get("title") or "").split()) or None,
        language=language if LANGUAGE_TAG.fullmatch(language) else None,
        license_text=make_sound(document.get_xml_metadata() or ""),
        outline=_outline(document),
    )


def _read_page(document: Any, number: int) -> Page:
    page = document.load_page(number)
    text = page.get_text("dict", flags=TEXT_FLAGS, sort=False)
    fragments: list[Fragment] = []
    num_chars = 0
    for block in text["blocks"]:
        for line in block.get("lines", ()):
            num_chars += sum(len(span["text"]) for span in line["spans"])
            if num_chars > MAX_PAGE_CHARS:
                raise ExtractionError(
                    f"page {number + 1} holds more than {MAX_PAGE_CHARS} characters"
                )
            # Turned text is a stamp, a watermark or a figure's axis.
            if line["dir"][0] >= MIN_UPRIGHT_COSINE:
                fragments.extend(_fragment(line["spans"]))
    return Page(number, text["width"], text["height"], fragments)


def _fragment(spans: list[dict[str, Any]]) -> list[Fragment]:
    """One fragment, or none for a line of blanks."""
    text = (
        make_sound("".join(span["text"] for span in spans))
        .translate(CONTROL_GLYPHS)
        .replace("\xa0", " ")
    )
    bare = text.strip()
    inked = [span for span in spans if span["text"].strip()]
    if not bare or not inked:
        return []
    num_chars = mono = bold = 0
    chars_of_size: dict[float, int] = {}
    for span in inked:
        length = len(span["text"].strip())
        num_chars += length
        mono += length if span["flags"] & MONO_FLAG or MONO_FONT.search(span["font"]) else 0
        bold += length if span["flags"] & BOLD_FLAG or BOLD_FONT.search(span["font"]) else 0
        size = round(span["size"] * 2) / 2
        chars_of_size[size] = chars_of_size.get(size, 0) + length
    size = max(chars_of_size, key=lambda size: (chars_of_size[size], size))
    main = next(span for span in inked if round(span["size"] * 2) / 2 == size)
    baseline = main["origin"][1]
    is_mono = mono > 0.8 * num_chars
    first = inked[0]
    blanks = len(first["text"]) - len(first["text"].lstrip())
    advance = (first["bbox"][2] - first["bbox"][0]) / len(first["text"])
    return [
        Fragment(
            text=bare if is_mono else LOOSE_ACCENT.sub(_composed, bare),
            x0=first["bbox"][0] + blanks * advance,
            y0=baseline - 0.8 * size,
            x1=inked[-1]["bbox"][2],
            y1=baseline + 0.2 * size,
            size=size,
            is_bold=bold > 0.8 * num_chars,
            is_mono=is_mono,
            starts_raised=bool(first["flags"] & SUPERSCRIPT_FLAG)
            or (first["size"] < 0.8 * size and first["origin"][1] < baseline - 0.2 * size),
        )
    ]


def _composed(match: re.Match[str]) -> str:
    """TeX's older fonts draw an accent and then its letter."""
    letter = "i" if match[2] == "\u0131" else match[2]
    whole = unicodedata.normalize("NFC", letter + COMBINING[match[1]])
    return whole if len(whole) == 1 else match[0]


def _outline(document: Any) -> dict[str, int]:
    entries = document.get_toc(simple=True)
    return {
        " ".join(make_sound(text).lower().split()): level for level, text, *_ in reversed(entries)
    }


def _catalog_language(document: Any) -> str:
    kind, value = document.xref_get_key(document.pdf_catalog(), "Lang")
    return str(value).strip() if kind == "string" else ""
