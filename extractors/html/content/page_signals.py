"""What a page's head and address say of its kind: article, product, thread, listing, manual.

These are features for the block classifier, never decisions: a page that says nothing, or lies, is
judged by its blocks.
"""

import re
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from extractors.html.content.tape import hash_of
from extractors.html.page import Page

NUM_SIGNALS = 16

STATED_TYPES = tuple(
    re.compile(rf'"@type"\s*:\s*\[?\s*"(?:{names})"')
    for names in (
        r"\w*Article|BlogPosting",
        "Product",
        "QAPage|DiscussionForumPosting|Question",
        "ItemList|CollectionPage|SearchResultsPage",
    )
)
"""Types of schema.org in JSON-LD: article, product, thread, listing."""

ADDRESS_WORDS = tuple(
    re.compile(words)
    for words in (
        "forum|thread|topic|question|/t/|discuss|comments|viewtopic|showthread|answers|community",
        r"product|shop|store|/p/|/dp/|item|collections?|categor",
        r"blog|news|article|story|/20\d\d/|post",
        r"docs?[./]|wiki|reference|manual|guide|tutorial|help|learn|api",
    )
)
"""Words of addresses: thread, shop, article, manual."""

WORD = re.compile(r"[^\W\d_]+")
SUMMARY_NAMES = frozenset(("description", "og:description"))


def signals(page: Page, url: str | None) -> npt.NDArray[np.float64]:
    """NUM_SIGNALS numbers, most of them 0 or 1; the address's are 0 without ``url``."""
    stated = _stated_type(page)
    scripts = "\n".join(page.json_ld)
    address = (url or "").lower()
    try:
        parts = urlsplit(address)
        steps = [step for step in parts.path.split("/") if step]
        has_query = bool(parts.query)
    except ValueError:
        steps, has_query = [], False
    last = steps[-1] if steps else ""
    values = [
        "article" in stated,
        "product" in stated,
        *(pattern.search(scripts) is not None for pattern in STATED_TYPES),
        len(steps),
        bool(address) and not steps,
        has_query,
        *(pattern.search(address) is not None for pattern in ADDRESS_WORDS),
        len(page.metas),
        len(last),
        last.count("-"),
    ]
    return np.array(values, np.float64)


def states_article(page: Page) -> bool:
    """Whether the page calls itself an article, to OpenGraph or to schema.org."""
    return "article" in _stated_type(page) or any(
        STATED_TYPES[0].search(text) is not None for text in page.json_ld
    )


def _stated_type(page: Page) -> str:
    for meta in page.metas:
        if (meta.get("property") or meta.get("name")) == "og:type":
            return meta.get("content") or ""
    return ""


def title_words(page: Page) -> npt.NDArray[np.uint64]:
    """Sorted hashes of the words of the page's title."""
    return _hashes(page.title)


def summary_words(page: Page) -> npt.NDArray[np.uint64]:
    """Sorted hashes of the words of the page's own descriptions."""
    return _hashes(
        " ".join(
            meta.get("content") or ""
            for meta in page.metas
            if (meta.get("name") or meta.get("property") or "").lower() in SUMMARY_NAMES
        )
    )


def _hashes(text: str) -> npt.NDArray[np.uint64]:
    return np.array(sorted({hash_of(word) for word in WORD.findall(text.lower())}), np.uint64)
