"""What a page says of itself and its turns: schema.org in JSON-LD and microdata, and addresses."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extractors.html.page import Page
from extractors.html.tree import Element

POST_TYPES = frozenset(("Question", "Answer", "Comment", "UserComments", "DiscussionForumPosting"))
THREAD_TYPES = frozenset(("QAPage", "DiscussionForumPosting", "Question"))
ARTICLE_TYPES = frozenset(
    (
        *("Article", "NewsArticle", "ReportageNewsArticle", "OpinionNewsArticle", "BlogPosting"),
        *("AnalysisNewsArticle", "TechArticle", "ScholarlyArticle", "LiveBlogPosting"),
        *("Review", "Recipe", "Product", "FAQPage"),
    )
)
"""schema.org's types of pages whose comments are not their content."""

MAX_JSON_CHARS = 4_000_000
MAX_ITEMS = 20_000
MAX_JSON_DEPTH = 60
"""Bounds on JSON-LD: no development page comes near a tenth of them (ours)."""

PREFIX_LETTERS = 40
"""Letters by which a text in JSON-LD and an element are taken for the same (ours)."""

MAX_AUTHOR_CHARS = 60
MAX_NUMBER_CHARS = 40
MAX_NUMBER = 1e12
MAX_TEXT_CHARS = 4000
MAX_ADDRESS_CHARS = 500
"""What is longer or larger than these is no name, no count, or not looked at further (ours)."""

LETTERS = re.compile(r"[\W_]+")
TAGS = re.compile(r"<[^<>]*>")
NUMBER = re.compile(
    r"\(?\s*([+\u2212-]?\d[\d,. ]*?)\s*([km])?\s*\)?\s*"
    r"(?:points?|votes?|upvotes?|likes?|people|stars?|score|\u8d5e)?\s*\)?",
    re.IGNORECASE,
)
BY = re.compile(
    r"^(?:(?:posted|written|submitted|started|answered|asked)\s+)?by:?\s+|^@(?=\w)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Described:
    """One turn as JSON-LD describes it; ``prefix`` identifies its text, empty if it gives none."""

    kind: str
    prefix: str
    author: str | None
    published_at: str | None
    votes: int | None
    is_accepted: bool


@dataclass(frozen=True)
class PageTypes:
    """The schema.org types a page declares in JSON-LD, and the turns described there."""

    types: frozenset[str]
    turns: tuple[Described, ...]


def read_json_ld(sources: list[str]) -> PageTypes:
    """What ``sources`` declare; what is no JSON is passed over."""
    types: set[str] = set()
    turns: list[Described] = []
    for source in sources:
        if len(source) > MAX_JSON_CHARS:
            continue
        try:
            decoded = json.loads(source, strict=False)
        except (ValueError, RecursionError):
            continue
        for item, is_accepted in _items(decoded):
            kinds = _types_of(item)
            types.update(kinds)
            kind = next((kind for kind in kinds if kind in POST_TYPES), None)
            if kind is not None:
                turns.append(_described(item, kind, is_accepted=is_accepted))
    if "FAQPage" in types:  # its questions are the site's own
        return PageTypes(frozenset(types - THREAD_TYPES), ())
    return PageTypes(frozenset(types), tuple(turns))


def _items(decoded: Any) -> Iterator[tuple[dict[str, Any], bool]]:
    stack: list[tuple[Any, bool, int]] = [(decoded, False, 0)]
    num_items = 0
    while stack and num_items < MAX_ITEMS:
        node, is_accepted, depth = stack.pop()
        if depth > MAX_JSON_DEPTH:
            continue
        if isinstance(node, list):
            stack.extend((child, is_accepted, depth + 1) for child in reversed(node))
        elif isinstance(node, dict):
            num_items += 1
            yield node, is_accepted
            stack.extend(
                (child, key == "acceptedAnswer", depth + 1)
                for key, child in reversed(node.items())
                if isinstance(child, dict | list)
            )


def _types_of(item: dict[str, Any]) -> list[str]:
    declared = item.get("@type")
    kinds = declared if isinstance(declared, list) else [declared]
    return [kind.rsplit("/", 1)[-1] for kind in kinds if isinstance(kind, str)]


def _described(item: dict[str, Any], kind: str, *, is_accepted: bool) -> Described:
    author = item.get("author")
    if isinstance(author, list):
        author = author[0] if author else None
    if isinstance(author, dict):
        author = author.get("name")
    date = item.get("datePublished") or item.get("dateCreated")
    written = item.get("text") or item.get("articleBody")
    votes = item.get("upvoteCount")
    return Described(
        kind=kind,
        prefix=prefix_of(TAGS.sub(" ", written[:MAX_TEXT_CHARS]))
        if isinstance(written, str)
        else "",
        author=clean_author(author) if isinstance(author, str) else None,
        published_at=date.strip() if isinstance(date, str) and date.strip() else None,
        votes=number_in(str(votes)) if isinstance(votes, int | str) else None,
        is_accepted=is_accepted,
    )


def prefix_of(text: str) -> str:
    """The first PREFIX_LETTERS letters and digits, in lower case: what markup cannot change."""
    return LETTERS.sub("", text[: 20 * PREFIX_LETTERS]).lower()[:PREFIX_LETTERS]


def number_in(text: str) -> int | None:
    """The count a short text is, such as "12 points" or "1.2k"; None if it is anything else."""
    match = NUMBER.fullmatch(text.strip()) if len(text) < MAX_NUMBER_CHARS else None
    if match is None:
        return None
    digits = match.group(1).replace("\u2212", "-").replace(" ", "")
    unit = {"k": 1000, "m": 1_000_000}.get((match.group(2) or "").lower(), 1)
    if unit == 1:
        digits = re.sub(r"[,.](?=\d{3})", "", digits)
    try:
        number = float(digits.replace(",", "."))
    except ValueError:
        return None
    return round(number * unit) if abs(number) < MAX_NUMBER else None


def clean_author(text: str) -> str | None:
    """A name in one line without "by" and "@"; None for what is too long or empty."""
    name = BY.sub("", " ".join(text.split())).strip(" :,|\u00b7")
    return name if 0 < len(name) <= MAX_AUTHOR_CHARS and not name.isspace() else None


def type_of(element: Element) -> str | None:
    """The schema.org type of a turn in the element's microdata."""
    declared = element.attributes.get("itemtype") if element.attributes else None
    if not declared:
        return None
    kind = last_part(declared)
    return kind if kind in POST_TYPES else None


FORUM_ADDRESS = re.compile(
    r"//(?:[\w-]+\.)*(?:[\w-]*forums?|boards?|bbs|discuss|discourse|talk)\.|"
    r"forum|/threads?[/-]|/topics?[/-]|/discussions?/|/questions?/|viewtopic|showthread|viewthread|"
    r"/comments/\w+/|/post/\d+$|/t/[^/]+/\d+|/d/\d+|/issues/\d+|/bbs/|item\?id=\d",
    re.IGNORECASE,
)
"""Addresses of threads, as the forum software of the development pages and its kin make them."""


def has_forum_address(page: Page) -> bool:
    """Whether the page's canonical address or og:url is one of forum software."""
    addresses = [link.get("href") for link in page.links if link.get("rel") == "canonical"]
    addresses += [meta.get("content") for meta in page.metas if meta.get("property") == "og:url"]
    return any(
        FORUM_ADDRESS.search(address[:MAX_ADDRESS_CHARS]) for address in addresses if address
    )


def is_of_type(page: Page, kind: str) -> bool:
    """Whether og:type is ``kind``."""
    return any(
        (meta.get("property") or meta.get("name")) == "og:type" and meta.get("content") == kind
        for meta in page.metas
    )


def last_part(address: str) -> str:
    """The name at the end of a schema.org address."""
    return address.strip().rsplit("/", 1)[-1]
