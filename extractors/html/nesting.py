"""Limits what makes a page cost more than its size: nesting, tags, attributes, options."""

import re

from extractors.extraction import NotADocumentError
from extractors.html.content.tape import MAX_DEPTH

MAX_TAGS = 1_000_000
"""Pages with more are rejected: a page of 1 MB has 10,000 to 30,000 (development set)."""

SAFE_TAGS = 20_000
"""lexbor's scope checks walk the open elements, so nesting costs depth x tags; below this many
tags the worst case found is a second, and the nesting need not be looked at before parsing."""

MAX_TAG_CHARS = 1 << 13
MAX_TAG_WORDS = 500
"""A tag longer than the first with more words than the second is cut to its name: lexbor compares
each attribute with those before it, and 200,000 of them take 95 s."""

MANY_TAGS = 4_000
MAX_OPTIONS = 2_000
"""Pages with more options lose them before parsing, which would drop them anyway: lexbor looks
through all options of a select for each new one, and 40,000 take 11 s. Pages with fewer than
MANY_TAGS tags are not searched for them."""

VOID_TAGS = frozenset(
    (
        *("area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta"),
        *("param", "source", "track", "wbr"),
    )
)
IMPLIED_END_TAGS = frozenset(
    ("p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option")
)
OPTION = re.compile(r"</?option\b[^<>]*+>", re.IGNORECASE)
TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)[^<>]*+>")


def limit_nesting(html: str, *, num_tags: int, longest_tag_bytes: int) -> str:
    """``html`` without what makes lexbor quadratic: see SAFE_TAGS and MAX_TAG_CHARS.

    ``num_tags`` is the number of ``<`` in it, ``longest_tag_bytes`` the most bytes from one to the
    next. Raises NotADocumentError (``html.too_many_tags``) above MAX_TAGS.
    """
    if num_tags > MAX_TAGS:
        raise NotADocumentError("html.too_many_tags", str(num_tags))
    if longest_tag_bytes > MAX_TAG_CHARS:
        pieces = html.split("<")
        if any(len(piece) > MAX_TAG_CHARS and _is_long_tag(piece) for piece in pieces):
            html = "<".join(_cut_tag(piece) if _is_long_tag(piece) else piece for piece in pieces)
    if num_tags > MANY_TAGS and sum(1 for _ in OPTION.finditer(html)) > MAX_OPTIONS:
        html = OPTION.sub(" ", html)
    return html if num_tags <= SAFE_TAGS else _drop_deep_tags(html)


def _is_long_tag(piece: str) -> bool:
    """Whether a piece of source behind a ``<`` is a tag with more than MAX_TAG_WORDS words."""
    if len(piece) <= MAX_TAG_CHARS or not piece[0].isalpha():
        return False
    return len(piece.partition(">")[0].split(None, MAX_TAG_WORDS)) > MAX_TAG_WORDS


def _cut_tag(piece: str) -> str:
    tag, closing, text = piece.partition(">")
    return tag.split(None, 1)[0] + closing + text


def _drop_deep_tags(html: str) -> str:
    """``html`` without the start and end tags of elements below 2 * MAX_DEPTH."""
    open_tags: list[str] = []
    dropped: dict[str, int] = {}
    kept: list[str] = []
    position = 0
    for match in TAG.finditer(html):
        name = match.group(2).lower()
        if name in VOID_TAGS or name in IMPLIED_END_TAGS:
            continue
        if match.group(1):
            if dropped.get(name):
                dropped[name] -= 1
            else:
                if open_tags and open_tags[-1] == name:
                    open_tags.pop()
                continue
        elif len(open_tags) < 2 * MAX_DEPTH:
            open_tags.append(name)
            continue
        else:
            dropped[name] = dropped.get(name, 0) + 1
        kept.append(html[position : match.start()])
        position = match.end()
    kept.append(html[position:])
    return "".join(kept)
