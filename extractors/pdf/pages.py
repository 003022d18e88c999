"""Reads a PDF's pages into spans of text and drawn rules, with their place, size and style.

The only module that talks to PyMuPDF, but for drawing pages: what follows is geometry on plain
Python objects.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from extractors.charset import make_sound
from extractors.extraction import NotADocumentError
from extractors.pdf.monospaced import find_mono_fonts
from extractors.pdf.ocr import render
from extractors.pdf.spans import MIN_UPRIGHT_COSINE, Fragment, fragments_of
from pipeline.errors import ExtractionError

TEXT_FLAGS = 2 | 64 | 128 | 512 | 1024
"""PyMuPDF's TEXT_PRESERVE_WHITESPACE, TEXT_MEDIABOX_CLIP, TEXT_CID_FOR_UNKNOWN_UNICODE (a glyph
without a Unicode value comes with its code, which tells what it is in TeX's fonts) and
TEXT_COLLECT_VECTORS (drawn lines). Ligatures are spelled out and images left out: both are flags
that are not set."""

MAX_PAGE_CHARS = 200_000
"""A page with more is a bomb or a data dump: a dense newspaper page holds some 20,000."""

MIN_PAGE_CHARS = 200
"""Only pages with fewer characters are asked for pictures, which takes time."""

CODES_OF_UNKNOWN = 128
"""PyMuPDF's TEXT_CID_FOR_UNKNOWN_UNICODE."""

MAX_PAGE_RULES = 2000
"""Rules beyond this many belong to a drawing: no page's tables and formulas have as many."""

MAX_RULE_POINTS = 1.6
"""The thickest line that counts as a rule; booktabs' heaviest is 0.8, a table's frame 1 to 1.5."""

MIN_RULE_POINTS = 2.0
"""The shortest line that counts as a rule: the bar of 1/i in a script of a script."""

LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-\w{1,8})*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A drawn straight line, from left to right or from top to bottom."""

    x0: float
    x1: float
    y0: float
    y1: float

    @property
    def y(self) -> float:
        """Its height on the page, of a horizontal one."""
        return (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class Page:
    """A page's fragments in the order of the file; ``number`` starts at 0."""

    number: int
    width: float
    height: float
    fragments: list[Fragment]
    rules: list[Rule] = field(default_factory=list)
    uprights: list[Rule] = field(default_factory=list)
    fault: str | None = None
    """Why the page could not be read, if it could not."""

    has_picture: bool = False
    """Whether a page with hardly any text holds a picture; not looked up for other pages."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document's pages with what it says of itself.

    ``outline`` maps each entry's text to its level from 1; ``license_text`` is the
    XMP metadata, where a licence's address stands if anywhere.
    """

    pages: list[Page]
    title: str | None
    language: str | None
    license_text: str
    outline: dict[str, int]


def read(
    data: bytes,
    *,
    max_pages: int,
    num_sound: int | None = None,
    on_page: Callable[[], object] | None = None,
) -> Document:
    """Every page of ``data``; one that cannot be read is empty and says why in ``fault``.

    With ``num_sound``, pages from that number on are not touched: one of them is known to kill
    its reader. ``on_page`` is called after each page.

    Raises NotADocumentError for an encrypted document (``pdf.encrypted``) and for one of more
    than ``max_pages`` (``pdf.too_many_pages``), ExtractionError for what is no readable PDF.
    """
    with _opened(data) as (document, broken):
        return _read_document(document, max_pages, broken, (num_sound, on_page))


def rendered(data: bytes, numbers: Sequence[int], dots_per_inch: int) -> dict[int, bytes]:
    """PNG images of pages, by their numbers; pages that cannot be drawn are missing."""
    images: dict[int, bytes] = {}
    with _opened(data) as (document, broken):
        for number in numbers:
            with contextlib.suppress(ExtractionError, *broken):
                images[number] = render(document.load_page(number), dots_per_inch)
    return images


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[tuple[Any, tuple[type[BaseException], ...]]]:
    """The document, and what PyMuPDF raises for broken ones.

    Raises ExtractionError for what cannot be opened or breaks while it is read.
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
    # PyMuPDF's Python layer meets broken objects with whatever it stumbles on.
    broken = (
        *(RuntimeError, ValueError, TypeError, AttributeError, LookupError, AssertionError),
        *(ExtractionError, SystemError, MemoryError, pymupdf.mupdf.FzErrorBase),
    )
    try:
        yield document, broken
    except ExtractionError:
        raise
    except broken as error:
        raise ExtractionError(f"broken PDF: {type(error).__name__}: {error}") from error
    finally:
        document.close()


def _read_document(
    document: Any,
    max_pages: int,
    broken: tuple[type[BaseException], ...],
    guard: tuple[int | None, Callable[[], object] | None],
) -> Document:
    num_sound, on_page = guard
    if not document.is_pdf:  # the filetype given to open() is not enforced
        raise ExtractionError("not a PDF: it opens as another kind of document")
    if document.needs_pass and not document.authenticate(""):
        raise NotADocumentError("pdf.encrypted")
    num_pages = document.page_count
    if num_pages == 0:
        raise ExtractionError("a PDF without pages: truncated or broken")
    if num_pages > max_pages:
        raise NotADocumentError("pdf.too_many_pages", str(num_pages))
    pages = []
    for number in range(num_pages):
        if num_sound is not None and number >= num_sound:
            pages.append(Page(number, 0.0, 0.0, [], fault="its reader died of it or before it"))
            continue
        try:
            pages.append(_read_page(document, number))
        except broken as error:
            fault = str(error) or type(error).__name__
            pages.append(Page(number, 0.0, 0.0, [], fault=fault))
        if on_page is not None:
            on_page()
    if all(page.fault is not None for page in pages):
        raise ExtractionError(f"no page of {num_pages} can be read; the first: {pages[0].fault}")
    find_mono_fonts([fragment for page in pages for fragment in page.fragments])
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
    flags = TEXT_FLAGS
    if _has_unmapped_font(document, page):
        flags &= ~CODES_OF_UNKNOWN
    text = page.get_text("rawdict", flags=flags, sort=False)
    fragments: list[Fragment] = []
    rules: list[Rule] = []
    uprights: list[Rule] = []
    num_chars = 0
    for block in text["blocks"]:
        lines = block.get("lines")
        if lines is None:
            if block["type"] == 3 and len(rules) + len(uprights) < MAX_PAGE_RULES:  # noqa: PLR2004
                _add_rule(block["bbox"], rules, uprights)
            continue
        for line in lines:
            for span in line["spans"]:
                num_chars += len(span["chars"])
            if num_chars > MAX_PAGE_CHARS:
                raise ExtractionError(
                    f"page {number + 1} holds more than {MAX_PAGE_CHARS} characters"
                )
            if line["dir"][0] >= MIN_UPRIGHT_COSINE:  # others: a stamp, a watermark, a figure axis
                fragments.extend(fragments_of(line))
    has_picture = num_chars < MIN_PAGE_CHARS and bool(page.get_images())
    return Page(
        number, text["width"], text["height"], fragments, rules, uprights, has_picture=has_picture
    )


def _has_unmapped_font(document: Any, page: Any) -> bool:
    """Whether a font of the page numbers its glyphs as it likes and has no Unicode map.

    The codes of such a font would pass for letters, which they are not.
    """
    for xref, _, kind, _, _, encoding, *_ in page.get_fonts():
        is_numbered = kind == "Type0" and encoding.startswith("Identity")
        if is_numbered and document.xref_get_key(xref, "ToUnicode")[0] == "null":
            return True
    return False


def _add_rule(
    box: tuple[float, float, float, float], rules: list[Rule], uprights: list[Rule]
) -> None:
    x0, y0, x1, y1 = box
    if y1 - y0 <= MAX_RULE_POINTS and x1 - x0 >= MIN_RULE_POINTS:
        rules.append(Rule(x0, x1, y0, y1))
    elif x1 - x0 <= MAX_RULE_POINTS and y1 - y0 >= MIN_RULE_POINTS:
        uprights.append(Rule(x0, x1, y0, y1))


def _outline(document: Any) -> dict[str, int]:
    entries = document.get_toc(simple=True)
    return {make_sound(text): level for level, text, *_ in reversed(entries)}


def _catalog_language(document: Any) -> str:
    kind, value = document.xref_get_key(document.pdf_catalog(), "Lang")
    return str(value).strip() if kind == "string" else ""
