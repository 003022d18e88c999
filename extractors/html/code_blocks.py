"""Recognises code listings and reads them as they look: lines, indentation and blank lines.

Highlighters wrap tokens in spans, lines in spans, divs, list items or table rows, and put line
numbers into cells and gutters of their own. All of that is undone here.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode


@dataclass(frozen=True)
class CodeBlock:
    """A listing: its text without the last newline, and its language as the page names it."""

    text: str
    language: str | None


CONTAINER_CLASSES = frozenset(
    [
        "highlighttable",
        "rouge-table",
        "hljs-ln",
        "syntaxhighlighter",
        "CodeMirror",
        "cm-editor",
        "CodeMirror-code",
        "js-file-line-container",
        "blob-code-content",
        "dp-highlighter",
        "wp_syntax",
        "codesnip",
        "code-listing",
        "crayon-table",
        "sourceCode",
        "listing",
        "codeblock",
    ]
)
"""Classes of highlighters whose outermost element need not be, or hold, a ``pre``."""

GUTTER = re.compile(
    r"(?:^|\s)(?:lineno|linenos|line_?numbers?|line-numbers-rows|linenumber|lnt?|lno|gutter|gl"
    r"|rouge-gutter|blob-num|hljs-ln-numbers|hljs-ln-n|CodeMirror-linenumber|CodeMirror-gutter"
    r"|CodeMirror-gutters|cm-gutters|crayon-nums|copy|copybtn|btn|clipboard|toolbar)(?:\s|$)"
)
LINE = re.compile(
    r"(?:^|\s)(?:line|code-line|cm-line|CodeMirror-line|crayon-line|token-line|view-line)(?:\s|$)"
)
LINE_TAGS = frozenset(("div", "li", "tr", "p"))
SKIPPED_TAGS = frozenset(("script", "style", "button", "template", "select", "textarea", "svg"))

LANGUAGE_CLASS = re.compile(
    r"(?:^|\s)(?:(?:language|lang|highlight-source|highlight|type)-|brush:\s*)([\w+#.-]{1,24})"
)
NOT_LANGUAGES = frozenset(
    [
        "none",
        "text",
        "txt",
        "plain",
        "plaintext",
        "nohighlight",
        "default",
        "notranslate",
        "highlighter-rouge",
        "auto",
        "code",
        "unknown",
        "console-output",
        "output",
        "source",
        "wrapper",
        "block",
    ]
)
PLAIN_CLASSES = frozenset(
    [
        "bash",
        "c",
        "cpp",
        "csharp",
        "css",
        "diff",
        "go",
        "haskell",
        "html",
        "http",
        "ini",
        "java",
        "javascript",
        "js",
        "json",
        "julia",
        "kotlin",
        "latex",
        "lua",
        "makefile",
        "matlab",
        "mysql",
        "objc",
        "ocaml",
        "octave",
        "perl",
        "php",
        "powershell",
        "python",
        "r",
        "ruby",
        "rust",
        "scala",
        "shell",
        "sql",
        "swift",
        "tex",
        "ts",
        "typescript",
        "xml",
        "yaml",
    ]
)
"""Languages that are classes by themselves (highlight.js, Pandoc, SyntaxHighlighter)."""

MAX_DEPTH = 100
"""Markup inside a listing that nests deeper is read as its text."""

MAX_LANGUAGE_LEVELS = 4
"""How far above the listing its language may be named (Jekyll: div.language-x > div > pre)."""


NO_CODE = CodeBlock("", None)
"""A part of a listing that holds none of it: a column of line numbers."""


def recognise(node: LexborNode, tag: str, attributes: dict[str, str | None]) -> CodeBlock | None:  # noqa: PLR0911
    """The listing that ``node`` is, or None. Inline code is left to the renderer.

    A listing without text (see NO_CODE) is to be left out.
    """
    if tag == "pre":
        return _block(node)
    if tag == "code":
        return _block(node) if node.css_first("br") is not None else None
    if tag not in ("div", "table", "figure", "td", "ol", "span"):
        return None
    label = attributes.get("class")
    if label and tag == "td" and GUTTER.search(label):
        return NO_CODE
    if label and not CONTAINER_CLASSES.isdisjoint(label.split()):
        return _block(node)
    if label and tag == "figure" and "highlight" in label:
        return _block(node)
    style = attributes.get("style")
    if style and "monospace" in style and len(node.css("br")) > 1:
        return _block(node)
    return None


def _block(node: LexborNode) -> CodeBlock:
    text = _Listing().read(node)
    return CodeBlock(text, _language(node)) if text else NO_CODE


class _Listing:
    """Collects the lines of one listing."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._is_line_due = False

    def read(self, node: LexborNode) -> str:
        self._read_children(node, is_verbatim=node.tag in ("pre", "code"), depth=0)
        text = (
            "".join(self._pieces).replace("\xa0", " ").replace("\r\n", "\n").replace("\u200b", "")
        )
        lines = [line.rstrip() for line in text.split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        first = next((index for index, line in enumerate(lines) if line), len(lines))
        return "\n".join(lines[first:])

    def _read_children(self, node: LexborNode, *, is_verbatim: bool, depth: int) -> None:
        child = node.first_child
        while child is not None:
            tag = child.tag or ""
            if tag == "-text":
                self._add_text(child.text_content or "", is_verbatim=is_verbatim)
            elif tag == "br":
                self._add_break(child, node)
            elif tag[:1] not in "-_!" and tag not in SKIPPED_TAGS:
                self._read_element(child, tag, is_verbatim=is_verbatim, depth=depth)
            child = child.next

    def _read_element(self, node: LexborNode, tag: str, *, is_verbatim: bool, depth: int) -> None:
        label = node.attributes.get("class") or ""
        if label and GUTTER.search(label):
            return
        if depth > MAX_DEPTH:
            self._add_text(node.text(), is_verbatim=True)
            return
        # Spaces between rows are the page's; inside a line they are the code's.
        is_verbatim = is_verbatim or tag in ("pre", "code", "td", "span")
        is_line = (tag == "tr" and _has_sibling_row(node)) or (
            tag != "tr" and (tag == "li" or LINE.search(label) is not None)
        )
        if is_line:
            self._start_line()
        self._read_children(node, is_verbatim=is_verbatim or is_line, depth=depth + 1)
        if is_line:
            self._is_line_due = True

    def _start_line(self) -> None:
        if self._is_line_due or (self._pieces and not self._pieces[-1].endswith("\n")):
            self._pieces.append("\n")
        self._is_line_due = False

    def _add_text(self, text: str, *, is_verbatim: bool) -> None:
        if not is_verbatim:
            text = text.replace("\n", "").replace("\r", "") if text.strip() else ""
        if not text:
            return
        if self._is_line_due:
            if not text.strip(" \t\r\n") and "\n" not in text:
                return
            if not text.lstrip(" \t\r").startswith("\n"):
                self._pieces.append("\n")
            self._is_line_due = False
        self._pieces.append(text)

    def _add_break(self, node: LexborNode, parent: LexborNode) -> None:
        if parent.tag in LINE_TAGS and node.next is None and node.prev is None:
            return  # the filler that keeps an empty line element open
        self._pieces.append("\n")
        self._is_line_due = False


def _has_sibling_row(row: LexborNode) -> bool:
    body = row.parent
    return body is not None and sum(child.tag == "tr" for child in body.iter()) > 1


def _language(node: LexborNode) -> str | None:
    """The language named on the listing, inside it, or on the elements around it."""
    inner = node.css_first("code[class], pre[class]")
    carriers = [node] if inner is None else [inner, node]
    num_own = len(carriers)
    above = node.parent
    while above is not None and len(carriers) <= MAX_LANGUAGE_LEVELS and above.tag != "body":
        carriers.append(above)
        above = above.parent
    for level, carrier in enumerate(carriers):
        attributes = carrier.attributes
        for name in ("data-lang", "data-language"):
            if (language := attributes.get(name)) and language.lower() not in NOT_LANGUAGES:
                return language.strip().lower()[:24] or None
        label = (attributes.get("class") or "").lower()
        for match in LANGUAGE_CLASS.finditer(label):
            if match.group(1) not in NOT_LANGUAGES:
                return match.group(1)
        if level <= num_own and (named := PLAIN_CLASSES.intersection(label.split())):
            return min(named)
    return None
