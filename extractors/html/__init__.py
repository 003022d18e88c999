"""Web pages to Markdown: main text, with mathematics as TeX and code as it was written.

The way: bytes -> charset -> tree (formulas and code set aside) -> boilerplate -> markdown.
"""

from typing import Literal, get_args

from extractors import charset
from extractors.extraction import Extraction, NotADocumentError, Structure
from extractors.html import boilerplate, engines, markdown, metadata, parsing

Engine = Literal["reasonmill", "trafilatura", "resiliparse"]

NAME = "html"
MEDIA_TYPE = "text/html"
VERSION = 1
"""Bumped whenever the text of any page can change."""

MAX_BYTES = 32_000_000
"""A larger page is rejected before it is parsed. Common Crawl cuts its pages at 5 MB."""


def extract(
    html: bytes, url: str | None, *, charset: str | None = None, engine: Engine = "reasonmill"
) -> Extraction:
    """The main content of a page, in Markdown, with what the page says of itself.

    ``url`` makes addresses absolute and may be None; ``charset`` is the transport's word. Raises
    NotADocumentError for a page that is too large, is not text, or holds no text in the end.
    """
    if engine not in get_args(Engine):
        raise ValueError(f"engine must be one of {', '.join(get_args(Engine))}, got {engine!r}")
    source = _decode(html, charset)
    page = parsing.parse(source)
    described = metadata.read(page, url)
    structure = Structure()
    if engine == "reasonmill":
        main = boilerplate.find_main(page)
        text, structure = markdown.render(main, page)
    elif engine == "trafilatura":
        text = engines.trafilatura_text(source, url)
    else:
        text = engines.resiliparse_text(source)
    if not text.strip():
        raise NotADocumentError("text.empty", f"{len(html)} bytes of HTML")
    return Extraction(
        text=text,
        extractor=NAME if engine == "reasonmill" else f"{NAME}.{engine}",
        media_type=MEDIA_TYPE,
        extractor_version=VERSION,
        title=described.title,
        declared_language=described.declared_language,
        published_at=described.published_at,
        canonical_url=described.canonical_url,
        license=described.license,
        structure=structure,
    )


def extract_text(html: bytes, url: str | None) -> str:
    """The Markdown of :func:`extract`; empty for a page without content."""
    try:
        return extract(html, url).text
    except NotADocumentError:
        return ""


def _decode(html: bytes, declared: str | None) -> str:
    if len(html) > MAX_BYTES:
        raise NotADocumentError("html.too_large", f"{len(html)} bytes")
    if charset.is_binary(html, declared=declared):
        raise NotADocumentError("text.binary", f"{len(html)} bytes")
    return charset.decode(html, declared=declared, is_html=True)
