"""Web pages to Markdown: main text, with mathematics as TeX and code as it was written.

The way: bytes -> charset -> tree (formulas and listings set aside) -> tape and blocks -> what is
main content, or who said what in a thread -> Markdown.
"""

from dataclasses import replace
from functools import cache
from typing import Literal, get_args

import numpy as np

from extractors import charset
from extractors.extraction import Extraction, NotADocumentError, Structure
from extractors.html import content_tree, engines, metadata, structures
from extractors.html.content import main_content
from extractors.html.page import Page, parse
from extractors.html.threads import thread_gate, threads, turns
from extractors.html.writing import markdown

Engine = Literal["reasonmill", "trafilatura", "resiliparse"]

NAME = "html"
MEDIA_TYPE = "text/html"
VERSION = 2
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
    page = parse(source)
    described = metadata.read(page, url)
    structure = Structure()
    if engine == "reasonmill":
        text, structure = _markdown(page, url)
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


def _markdown(page: Page, url: str | None) -> tuple[str, Structure]:
    """Of a thread the turns; of any other page the main content, without readers' comments."""
    blocks = main_content.read_blocks(page)
    raw_formulas = structures.raw_formulas_of(page, blocks)
    structures.count(page, blocks, raw_formulas)
    scores = main_content.scores(page, blocks, url)
    thread = None
    if thread_gate.may_hold_thread(page, url):
        whole = content_tree.build(page, blocks, np.ones(len(blocks), np.bool_))
        thread = threads.find_thread(whole, page)
    if thread is not None and not thread.is_comment_section:
        is_kept = main_content.choose_in_turns(blocks, scores, raw_formulas)
        elements, num_posts = turns.nodes(page, blocks, is_kept, thread)
        text, kept = markdown.render_elements(elements, page)
        return text, replace(kept, posts_found=len(thread), posts_kept=num_posts)
    num_posts = num_comments = 0
    if thread is not None:
        num_posts = len(thread)
        num_comments = sum(post.kind == "comment" for post in thread.posts)
        scores = np.where(turns.outside_comments(blocks, thread), scores, -np.inf)
    is_kept = main_content.choose(page, blocks, scores, raw_formulas)
    text, kept = markdown.render(content_tree.build(page, blocks, is_kept), page)
    return text, replace(kept, posts_found=num_posts, posts_kept=num_posts - num_comments)


@cache
def prepare() -> None:
    """Load the model and compile every kernel, once a process."""
    extract_text(b"<title>A page</title><p>A paragraph of it, with <a href='x'>a link</a>.", None)


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
