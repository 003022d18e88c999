"""HTML text to a small tree of Python objects, with formulas and code already set aside.

lexbor parses and repairs the page as a browser does; one walk copies what can hold content. A
formula or a code block becomes a leaf the moment it is met, so that nothing after this sees (or
damages) its inside: not whitespace collapsing, not boilerplate removal, not Markdown.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from extractors.extraction import NotADocumentError
from extractors.html import code_blocks, formulas
from extractors.html.formulas import Formula
from extractors.html.tables import is_data_table, rows_of
from extractors.html.tree import HEADINGS, Element, Page

MAX_DEPTH = 200
"""Elements deeper than this are merged into their ancestor. Chromium caps its tree at 512; every
development page stays under 80."""

MAX_TAGS = 1_000_000
"""Pages with more are rejected: a page of 1 MB has 10,000 to 30,000 (development set)."""

SAFE_TAGS = 20_000
"""lexbor's scope checks walk the open elements, so nesting costs depth x tags; below this many
tags the worst case found is a second, and the nesting need not be looked at before parsing."""

MAX_TAG_CHARS = 1 << 13
MAX_TAG_WORDS = 500
"""A tag longer than the first with more words than the second is cut to its name: lexbor compares
each attribute with those before it, and 200,000 of them take 95 s."""

DROPPED_TAGS = frozenset(
    [
        "applet",
        "area",
        "audio",
        "base",
        "canvas",
        "col",
        "colgroup",
        "datalist",
        "dialog",
        "embed",
        "frame",
        "frameset",
        "iframe",
        "input",
        "link",
        "map",
        "meta",
        "noembed",
        "noframes",
        "object",
        "optgroup",
        "option",
        "param",
        "picture",
        "progress",
        "select",
        "source",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "track",
        "video",
    ]
)
PLAIN_TAGS = frozenset(
    [
        "p",
        "li",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "b",
        "strong",
        "i",
        "em",
        "u",
        "small",
        "sup",
        "sub",
        "span",
        "div",
        "section",
        "br",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "article",
        "main",
        "header",
    ]
)
"""Tags that mean nothing more than their element unless an attribute says so."""

VOID_TAGS = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "frame",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
IMPLIED_END_TAGS = frozenset(
    ["p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "optgroup"]
)
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)[^<>]*+>")


def parse(html: str) -> Page:
    """The content of ``html``; any string is accepted.

    Raises NotADocumentError (``html.too_many_tags``) above MAX_TAGS.
    """
    tree = LexborHTMLParser(_limit_nesting(html))
    root = tree.root
    body = tree.body
    page = Page(body=Element("body", {}))
    if root is None:
        return page
    language = root.attributes
    page.language = language.get("lang") or language.get("xml:lang")
    if tree.head is not None:
        _read_head(tree.head, page)
    if body is not None:
        page.body = Element("body", body.attributes)
        _copy_children(body, page)
    return page


def _read_head(head: LexborNode, page: Page) -> None:
    for node in head.iter():
        tag = node.tag
        if tag == "meta":
            page.metas.append(node.attributes)
        elif tag == "link":
            page.links.append(node.attributes)
        elif tag == "title" and not page.title:
            page.title = node.text()
        elif tag == "script" and "ld+json" in (node.attributes.get("type") or ""):
            page.json_ld.append(node.text())


def _copy_children(body: LexborNode, page: Page) -> None:
    """Fill ``page.body`` from ``body`` without recursion, and sum the counts on the way up."""
    parent = page.body
    path: list[tuple[LexborNode, Element]] = []
    node = body.first_child
    while True:
        if node is None:
            if not path:
                return
            node, finished = path.pop()
            parent = path[-1][1] if path else page.body
            if finished is not parent:
                _close(finished, parent, page)
            node = node.next
            continue
        below = None
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            parent.children.append(text)
            parent.text_chars += len(text) if not text.isspace() else 0
            if "\\" in text or "$" in text:
                page.num_formulas += sum(1 for _ in formulas.RAW_FORMULA.finditer(text))
        elif tag is not None and tag[0] not in "-_!":
            below = _copy_element(node, tag, parent, page)
        if below is None:
            node = node.next
            continue
        child = node.first_child
        path.append((node, below if len(path) < MAX_DEPTH else parent))
        parent = path[-1][1]
        node = child


def _copy_element(node: LexborNode, tag: str, parent: Element, page: Page) -> Element | None:
    """Add ``node`` to ``parent``; the new element if its children are wanted too."""
    attributes = node.attributes
    if not attributes and tag in PLAIN_TAGS:
        return Element(tag, attributes)
    formula = formulas.recognise(node, tag, attributes)
    if formula is not None:
        if isinstance(formula, Formula):
            page.num_formulas += 1
            parent.children.append(formula)
            parent.num_leaves += 1
        return None
    if tag in DROPPED_TAGS or tag == "script":
        _note_metadata(node, tag, attributes, page)
        return None
    if _is_hidden(attributes) or (tag == "button" and parent.tag not in HEADINGS):
        return None
    code = code_blocks.recognise(node, tag, attributes)
    if code is not None:
        if code.text:
            page.num_code_blocks += 1
            parent.children.append(code)
            parent.num_leaves += 1
        return None
    if tag in ("time", "a", "link"):
        _note_metadata(node, tag, attributes, page)
    return Element(tag, attributes)


def _close(element: Element, parent: Element, page: Page) -> None:
    if element.tag == "table" and is_data_table(element, rows_of(element)):
        page.num_tables += 1
    parent.children.append(element)
    parent.text_chars += element.text_chars
    parent.link_chars += element.text_chars if element.tag == "a" else element.link_chars
    parent.num_leaves += element.num_leaves


def _note_metadata(
    node: LexborNode, tag: str, attributes: dict[str, str | None], page: Page
) -> None:
    if tag == "meta":  # microdata puts them into the body
        page.metas.append(attributes)
    elif tag in ("a", "link"):
        if "license" in (attributes.get("rel") or ""):
            page.links.append(attributes)
    elif tag == "time":
        if stamp := attributes.get("datetime"):
            page.times.append(stamp)
    elif tag == "script" and "ld+json" in (attributes.get("type") or ""):
        page.json_ld.append(node.text())


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    return bool(style) and HIDDEN_STYLE.search(style or "") is not None


def _limit_nesting(html: str) -> str:
    """``html`` without what makes lexbor quadratic: see SAFE_TAGS and MAX_TAG_CHARS."""
    num_tags = html.count("<")
    if num_tags > MAX_TAGS:
        raise NotADocumentError("html.too_many_tags", str(num_tags))
    if len(html) > MAX_TAG_CHARS:
        pieces = html.split("<")
        if any(len(piece) > MAX_TAG_CHARS for piece in pieces):
            html = "<".join(map(_cut_tag, pieces))
    return html if num_tags <= SAFE_TAGS else _drop_deep_tags(html)


def _cut_tag(piece: str) -> str:
    if len(piece) <= MAX_TAG_CHARS:
        return piece
    tag, closing, text = piece.partition(">")
    words = tag.split(None, MAX_TAG_WORDS)
    if len(words) <= MAX_TAG_WORDS or not piece[0].isalpha():
        return piece
    return words[0] + closing + text


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
