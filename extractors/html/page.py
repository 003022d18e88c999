"""HTML text to a page: its markup on tape, its formulas and listings aside, what its head says.

lexbor parses and repairs the page as a browser does. Formulas and code are recognised in its tree
and replaced by numbered leaves, so that nothing after this sees (or damages) their inside: not
whitespace collapsing, not the search for the main content, not Markdown.
"""

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from extractors.html.content import tape
from extractors.html.listings import code_blocks
from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.mathematics import formula_images, formulas
from extractors.html.mathematics.formulas import Formula
from extractors.html.nesting import limit_nesting
from extractors.html.survey import survey

MAX_STEPS = 64
"""Ancestors looked through one by one; beyond, another query tells (development pages: 45)."""

LEAF_OPEN, LEAF_CLOSE = "\ufdd1", "\ufdd2"
"""Noncharacters around a leaf's letter and number in the serialised markup."""

NONCHARACTER_REFERENCE = re.compile(
    r"&#(?:[xX]0*[fF][dD][dDeE][0-9a-fA-F](?![0-9a-fA-F])"
    r"|0*(?:6497[6-9]|649[89][0-9]|6500[0-7])(?![0-9]));?"
)
"""U+FDD0 to U+FDEF, which no page may smuggle in: they mark leaves here and breaks in Markdown."""

SELECTORS = {
    (False, False): formula_images.SELECTOR,
    (True, False): formulas.SELECTOR,
    (False, True): f":is({formula_images.SELECTOR}, {code_blocks.SELECTOR})",
    (True, True): f":is({formulas.SELECTOR}, {code_blocks.SELECTOR})",
}
"""What is set aside, by whether the source may hold formulas, and listings."""

HEAD = (
    'meta, link[rel], head > title, h1, script[type*="ld+json"], time[datetime], a[rel~="license"]'
)


@dataclass
class Page:
    """A parsed page. ``leaves`` are in the order of the page; metadata elements too."""

    tape: tape.Tape
    leaves: list[Formula | CodeBlock] = field(default_factory=list)
    language: str | None = None
    title: str = ""
    heading: str = ""
    metas: list[dict[str, str | None]] = field(default_factory=list)
    links: list[dict[str, str | None]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    may_hold_thread: bool = False
    num_formulas: int = 0
    num_code_blocks: int = 0
    num_tables: int = 0


def parse(html: str) -> Page:
    """The page of ``html``; any string is accepted.

    Raises NotADocumentError (``html.too_many_tags``): see :func:`limit_nesting`.
    """
    seen = survey(html)
    html = limit_nesting(html, num_tags=seen.num_tags, longest_tag_bytes=seen.longest_tag_bytes)
    html = NONCHARACTER_REFERENCE.sub("", html)
    if LEAF_OPEN in html or LEAF_CLOSE in html:
        html = html.replace(LEAF_OPEN, "").replace(LEAF_CLOSE, "")
    tree = LexborHTMLParser(html)
    page = Page(tape=tape.read(b"<body></body>"), may_hold_thread=seen.may_hold_thread)
    root, body = tree.root, tree.body
    if root is None or body is None:
        return page
    language = root.attributes
    page.language = language.get("lang") or language.get("xml:lang")
    _read_metadata(tree, page)
    _set_aside(body, page, SELECTORS[seen.may_hold_formula, seen.may_hold_code])
    page.tape = tape.read((body.html or "<body></body>").encode("utf-8", "replace"))
    return page


def _read_metadata(tree: LexborHTMLParser, page: Page) -> None:
    for node in tree.css(HEAD):
        tag = node.tag
        if tag == "meta":
            page.metas.append(node.attributes)
        elif tag == "script":
            page.json_ld.append(node.text())
        elif tag == "title":
            page.title = page.title or node.text()
        elif tag == "h1":
            page.heading = page.heading or node.text()
        elif tag == "time":
            page.times.append(node.attributes.get("datetime") or "")
        else:
            page.links.append(node.attributes)


def _set_aside(body: LexborNode, page: Page, selector: str) -> None:
    """Replace formulas and listings by leaves, the outermost first."""
    replaced: LexborNode | None = None
    num_inside = 0
    for node in body.css(selector):
        if num_inside:
            num_inside -= 1
            continue
        if replaced is not None:
            is_inside = _is_inside(node, replaced)
            if is_inside is None:
                inside = [found.mem_id for found in replaced.css(selector)]
                is_inside = node.mem_id in inside
                num_inside = len(inside) - 1 - inside.index(node.mem_id) if is_inside else 0
                replaced = None  # those inside follow at once, so that none is left
            if is_inside:
                continue
        tag, attributes = node.tag or "", node.attributes
        leaf: Formula | CodeBlock | None
        formula = formulas.recognise(node, tag, attributes)
        if isinstance(formula, Formula):
            leaf = formula
        elif formula is not None:
            leaf = None
        else:
            leaf = code_blocks.recognise(node, tag, attributes)
            if leaf is None:
                continue
        replaced = node
        if leaf is None or (isinstance(leaf, CodeBlock) and not leaf.text):
            node.replace_with("")
            continue
        letter = "F" if isinstance(leaf, Formula) else "C"
        node.replace_with(f"{LEAF_OPEN}{letter}{len(page.leaves)}{LEAF_CLOSE}")
        page.leaves.append(leaf)


def _is_inside(node: LexborNode, replaced: LexborNode) -> bool | None:
    """Whether ``node`` is below the node replaced last; None when that is too far up to tell."""
    above = node.parent
    for _ in range(MAX_STEPS):
        if above is None:
            return False
        if above.mem_id == replaced.mem_id:
            return True
        above = above.parent
    return None
