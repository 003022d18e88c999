"""PDFs to Markdown: reading order, paragraphs, headings and code, from the text layer.

bytes -> pages of fragments -> furniture dropped -> lines in reading order -> blocks -> Markdown
"""

from extractors.extraction import Extraction, NotADocumentError, Structure
from extractors.pdf import blocks, furniture, layout, markdown, pages
from extractors.pdf.blocks import Kind
from extractors.pdf.config import PdfConfig
from pipeline.storage.licenses import find_creative_commons

NAME = "pdf"
MEDIA_TYPE = "application/pdf"
VERSION = 1
"""Bumped whenever the text of any document can change."""

MIN_CHARS_PER_PAGE = 25
"""Letters and digits on an average page, below which a document has no text layer: a scanner's
stamp or a page number is all there is."""

MAX_UNKNOWN_RATIO = 0.2
"""Share of characters without a meaning (U+FFFD, private use), above which the fonts' maps are
broken and the text is not what a reader sees."""


def extract(data: bytes, *, max_pages: int = PdfConfig().max_pages) -> Extraction:
    """The text of a PDF as Markdown.

    Raises NotADocumentError for a document that is encrypted, has more than ``max_pages``, has no
    text layer (scans) or a broken one, and ExtractionError for a file that cannot be read.
    """
    document = pages.read(data, max_pages=max_pages)
    _check_text_layer(document)
    body_pages = furniture.without_furniture(document.pages)
    gutters = layout.gutters_of(body_pages)
    runs = [run for page in body_pages for run in layout.reading_order(page.fragments, gutters)]
    lines = [line for run in runs for line in run]
    body = blocks.body_size(lines)
    words = blocks.vocabulary(lines)
    found = blocks.join_runs([blocks.blocks_of(run, body, words) for run in runs], words)
    text = "\n\n".join(markdown.written(found, body, document.outline))
    if not text.strip():
        raise NotADocumentError("text.empty", f"{len(document.pages)} pages")
    title = markdown.title_of(found, body)
    num_code = sum(block.kind is Kind.CODE for block in found)
    num_tables = sum(block.kind is Kind.TABLE for block in found)
    return Extraction(
        text=text,
        extractor=NAME,
        extractor_version=VERSION,
        media_type=MEDIA_TYPE,
        title=document.title or (title.text if title else None),
        declared_language=document.language,
        license=find_creative_commons(document.license_text),
        structure=Structure(
            code_blocks_found=num_code,
            code_blocks_kept=num_code,
            tables_found=num_tables,
            tables_kept=num_tables,
        ),
    )


def extract_text(data: bytes) -> str:
    """The Markdown of :func:`extract`; raises what it raises."""
    return extract(data).text


def _check_text_layer(document: pages.Document) -> None:
    text = "".join(fragment.text for page in document.pages for fragment in page.fragments)
    num_chars = sum(char.isalnum() for char in text)
    if num_chars < MIN_CHARS_PER_PAGE * len(document.pages):
        raise NotADocumentError("pdf.no_text_layer", f"{num_chars} characters")
    num_unknown = sum(char == "\ufffd" or "\ue000" <= char <= "\uf8ff" for char in text)
    if num_unknown > MAX_UNKNOWN_RATIO * (num_chars + num_unknown):
        raise NotADocumentError("pdf.bad_text_layer", f"{num_unknown} unknown characters")
