"""Recognises code listings in the markup of highlighters, editors, forums and documentation.

What a listing's text is, is told by listing_text, and its language by code_languages.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from extractors.html.listings import listing_text
from extractors.html.listings.code_languages import language_of


@dataclass(frozen=True)
class CodeBlock:
    """A listing: its text without the last newline, and its language as the page names it."""

    text: str
    language: str | None


NO_CODE = CodeBlock("", None)
"""A part of a listing that holds none of it: a column of line numbers, a button to copy."""

WHOLE_CLASSES = frozenset(
    (
        "highlighttable", "rouge-table", "hljs-ln", "lntable", "syntaxhighlighter", "CodeMirror",
        "cm-editor", "CodeMirror-code", "ace_editor", "monaco-editor", "js-file-line-container",
        "blob-code-content", "react-code-lines", "dp-highlighter", "dp-c", "crayon-table",
        "crayon-syntax", "urvanov-syntax-highlighter-syntax", "FileContents-lines",
        "codehilitetable", "CodeRay", "linenums"
    )
)  # fmt: skip
"""Classes of highlighters and viewers whose element, line numbers and all, is one listing."""

LOOSE_CLASSES = frozenset(
    (
        "wp_syntax", "codesnip", "code-listing", "sourceCode", "listing", "codeblock", "fragment",
        "prettyprint", "code", "source-code", "bbc_code", "codecontent", "codebox", "geshi",
        "highlight", "hljs"
    )
)  # fmt: skip
"""Classes of elements that are a listing only if lines are marked in them and no ``pre`` or block
of ``code`` is: otherwise they hold one beside its title."""

CODE_CLASSES = LOOSE_CLASSES - {"highlight", "listing", "fragment", "hljs"}
"""Those that pages do not use for anything but code, so that line breaks are lines enough."""

LINES_INSIDE = "div.line, span.line, td.blob-code, li.li1, td.de1, .code-line, ol.linenums > li"
INNER_BLOCKS = "pre, code, p, ul, h1, h2, h3, img, blockquote, table table"
"""What makes an element more than lines of code."""

PRE_GROUP_CLASSES = frozenset(("example", "smallexample", "lisp", "smalllisp", "example-contents"))
"""Texinfo cuts one example into several ``pre``, to keep pages from breaking inside a group."""

BLOCK_TAGS = frozenset(("pre", "xmp", "listing"))
CONTAINER_TAGS = frozenset(
    ("div", "table", "figure", "td", "ol", "span", "p", "article", "section")
)
FONTS = ("monospace", "courier new", "consolas", "menlo", "monaco")
MONOSPACE = re.compile("|".join(FONTS), re.IGNORECASE)
PARENTS_OF_BLOCKS = frozenset(("div", "p", "figure", "section", "article", "center"))
"""Where ``code`` with line breaks, alone, is a block whose style sheet keeps its lines."""

MIN_BREAKS = 2
"""Line breaks that make text in a fixed-width font a listing."""

GUTTER_CELL = re.compile(
    r"(?:^|\s)(?:gutter|linenos?|linenumbers|line-?numbers?|lineno|rouge-gutter|hljs-ln-numbers"
    r"|blob-num|crayon-nums|ln)(?:\s|$)"
)
PROMPT = re.compile(r"(?:^|\s)(?:jp-)?(?:input_?prompt|output_?prompt)(?:\s|$)", re.IGNORECASE)
"""Jupyter's ``In [1]:`` beside a cell."""

COPY_BUTTON = re.compile(
    r"(?:^|\s)(?:copybtn|copy-?(?:btn|button|code|to-clipboard|icon)[\w-]*|(?:btn|button)-copy"
    r"|[\w-]+-copy-(?:btn|button)|(?:code|hljs|clipboard)-?copy[\w-]*|btn-clipboard"
    r"|zeroclipboard-container|code-toolbar__[\w-]+|bd-clipboard)(?:\s|$)",
    re.IGNORECASE,
)
MAX_BUTTON_CHARS = 40

_NAMED = sorted(WHOLE_CLASSES | LOOSE_CLASSES)
SELECTOR = ":is({})".format(
    ", ".join(
        (
            "pre, xmp, listing, :is(code, tt):has(br), code[style*=white-space i], code.block",
            "code.hljs, code[class*=language-]",
            ":is({}) > code:only-child".format(", ".join(sorted(PARENTS_OF_BLOCKS))),
            ":is({}):is({})".format(
                ", ".join(sorted(CONTAINER_TAGS)), ", ".join(f".{name}" for name in _NAMED)
            ),
            "figure[class*=highlight], td[class]:is([class*=gutter i], [class*=lineno i])",
            "td:is([class*=line-num i], [class*=linenum i], [class*=blob-num], .ln, .crayon-nums)",
            "td.hljs-ln-numbers, p:has(> code + br)",
            "div:is({})".format(", ".join(f".{name}" for name in sorted(PRE_GROUP_CLASSES))),
            ":is(div, td, span, p):is({})".format(
                ", ".join(f'[style*="{font}" i]' for font in FONTS)
            ),
            ":is(div, a, span):is([class*=copy i], [class*=clipboard i], [class*=prompt i])",
        )
    )
)
"""Matches every element for which ``recognise`` may give something, and few others."""


def recognise(node: LexborNode, tag: str, attributes: dict[str, str | None]) -> CodeBlock | None:
    """The listing that ``node`` is, or None. Inline code is left to the renderer.

    A listing without text (see NO_CODE) is to be left out.
    """
    if tag in BLOCK_TAGS:
        return _block(node)
    if tag in ("code", "tt"):
        return _block(node) if _is_block_of_code(node, attributes) else None
    if not attributes:
        return _block(node) if tag == "p" and _is_all_code(node) else None
    if tag in CONTAINER_TAGS or tag == "a":
        return _of_container(node, tag, attributes)
    return None


def _block(node: LexborNode) -> CodeBlock:
    is_broken = node.tag not in BLOCK_TAGS and _is_broken_by_elements(node)
    text = listing_text.read(
        node,
        is_verbatim=node.tag in listing_text.VERBATIM_TAGS,
        are_newlines_space=is_broken,
    )
    if node.tag == "code" and text[:1] == " ":
        text = _without_source_indentation(text)
    return CodeBlock(text, language_of(node)) if text else NO_CODE


def _is_broken_by_elements(node: LexborNode) -> bool:
    return node.css_first("br") is not None and node.css_first("pre, td, .line") is None


def _without_source_indentation(text: str) -> str:
    """``text`` without the indentation of the page's own source before its first line."""
    first, _, rest = text.partition("\n")
    indents = [len(line) - len(line.lstrip()) for line in rest.split("\n") if line]
    if not indents or min(indents) < len(first) - len(first.lstrip()):
        return f"{first.lstrip()}\n{rest}" if rest else first.lstrip()
    return text


def _of_container(  # noqa: PLR0911 -- one line a kind of markup
    node: LexborNode, tag: str, attributes: dict[str, str | None]
) -> CodeBlock | None:
    label = attributes.get("class")
    if label:
        if tag == "td" and GUTTER_CELL.search(label):
            return NO_CODE
        if _is_button(node, label):
            return NO_CODE
        if tag == "a":
            return None
        classes = label.split()
        if not WHOLE_CLASSES.isdisjoint(classes) or (tag == "figure" and "highlight" in label):
            return _block(node)
        if tag == "div" and not PRE_GROUP_CLASSES.isdisjoint(classes) and _is_all_pre(node):
            return _block(node)
        if not LOOSE_CLASSES.isdisjoint(classes) and _has_lines(node, classes):
            return _block(node)
    style = attributes.get("style")
    if style and MONOSPACE.search(style) and _has_breaks(node) and not _holds_blocks(node):
        return _block(node)
    return _block(node) if tag == "p" and _is_all_code(node) else None


def _is_block_of_code(node: LexborNode, attributes: dict[str, str | None]) -> bool:
    """Whether a ``code`` outside a ``pre`` is a block: it has lines, or a style to keep them."""
    if node.css_first("br") is not None:
        return True
    text = node.text()
    if "\n" not in text.strip():
        return "block" in (attributes.get("class") or "").split() and bool(text.strip())
    if "white-space" in (attributes.get("style") or ""):
        return True
    label = attributes.get("class") or ""
    if "block" in label.split() or "hljs" in label or "language-" in label:
        return True
    # Empty lines in a row are a template's, which no style keeps.
    return "\n\n\n" not in text and _is_alone(node)


def _is_alone(node: LexborNode) -> bool:
    """Whether nothing but space stands beside ``node`` in a parent that can hold blocks."""
    if node.parent is None or node.parent.tag not in PARENTS_OF_BLOCKS:
        return False
    before, after = node.prev, node.next
    if before is not None and _is_space(before):
        before = before.prev
    if after is not None and _is_space(after):
        after = after.next
    return before is None and after is None


def _is_space(node: LexborNode) -> bool:
    return node.tag == "-text" and not (node.text_content or "").strip()


def _is_all_pre(node: LexborNode) -> bool:
    tags = [child.tag for child in node.iter(include_text=False)]
    return len(tags) > 1 and set(tags) == {"pre"}


def _is_all_code(node: LexborNode) -> bool:
    """Whether a paragraph is lines of ``code`` parted by line breaks, as old editors made them."""
    num_lines = num_breaks = 0
    child = node.first_child
    while child is not None:
        tag = child.tag
        num_lines += tag == "code"
        num_breaks += tag == "br"
        if tag not in ("code", "br") and not _is_space(child):
            return False
        child = child.next
    return 1 < num_lines <= num_breaks + 1


def _has_lines(node: LexborNode, classes: list[str]) -> bool:
    if _holds_blocks(node):
        return False
    if node.css_first(LINES_INSIDE) is not None:
        return True
    return not CODE_CLASSES.isdisjoint(classes) and _has_breaks(node)


def _holds_blocks(node: LexborNode) -> bool:
    return node.css_first(INNER_BLOCKS) is not None


def _has_breaks(node: LexborNode) -> bool:
    return len(node.css("br")) >= MIN_BREAKS


def _is_button(node: LexborNode, label: str) -> bool:
    if PROMPT.search(label):
        return True
    return COPY_BUTTON.search(label) is not None and len(node.text()) <= MAX_BUTTON_CHARS
