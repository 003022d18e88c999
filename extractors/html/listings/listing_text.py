"""Reads a listing as it looks: its lines, their indentation and blank lines, and nothing else.

Highlighters wrap tokens in spans, lines in spans, divs, list items or table rows, and put line
numbers into cells, gutters and elements of their own. All of that is undone here.
"""

import re

from selectolax.lexbor import LexborNode

NUMBERS = re.compile(
    r"(?:^|[\s_-])(?:(?:line|code|ln|row)s?[-_]?(?:no|num|number)(?:s|div)?(?:-rows)?|linenodiv"
    r"|lnt?|lnr|lno|gl|line[-_]?Numbers?|lineNums?|blob-num|crayon-nums?|gutters?|gutter-?cell"
    r"|gutterElement|hljs-ln-n|lines-num)(?:[\s_-]|$)",
    re.IGNORECASE,
)
"""Classes of line numbers. Some highlighters put them on the whole listing too (Prism's
``line-numbers``), so that only what holds nothing but numbers is dropped."""

NUMBER_CELL = re.compile(r"(?:^|\s)number(?:\s|$)")
"""As NUMBERS, of a table cell (SyntaxHighlighter 2); of a span it is a token of the code."""

ONLY_NUMBERS = re.compile(r"[\d\s.:|]*")
TOKEN_NUMBER = re.compile(
    r"(?:^|[\s-])(?:m[bfhio]?|il|nu\d|token|hljs-number|cm-number|literal|num)(?:\s|$)"
)
"""Classes of numbers that are code: Pygments, GeSHi, Prism, highlight.js, CodeMirror."""

FURNITURE = re.compile(
    r"(?:^|\s)(?:toolbar|tools|bar|(?:crayon|urvanov-syntax-highlighter)-(?:toolbar|info)|gist-meta"
    r"|cm-(?:panels|layer|cursorLayer|announced)|sr-only|visually-hidden|hover-info"
    r"|CodeMirror-(?:cursors|measure|scrollbar-filler|gutter-filler|[hv]scrollbar))(?:\s|$)"
)
"""Classes of what stands in a listing to be clicked or to help typing."""

COPY = re.compile(r"(?:^|[\s_-])(?:copy|copybtn|copied|clipboard|btn)(?:[\s_-]|$)", re.IGNORECASE)
LANGUAGE_LABEL = re.compile(
    r"(?:^|\s)(?:lang(?:uage)?-(?:id|label|name|tag)|code-?(?:block-?)?lang(?:uage)?(?:-label)?)(?:\s|$)"
)
MAX_LABEL_CHARS = 40
"""A button to copy or the name of a language says no more than this; a longer element of such a
class is the code."""

LINE = re.compile(
    r"(?:^|\s)(?:line|code-?line|codeLine|cm-line|CodeMirror-line|crayon-line|token-line|view-line"
    r"|ace_line|react-code-text|urvanov-syntax-highlighter-line|cline|ec-line|LineContent)(?:\s|$)"
)
"""Classes of elements that are one line, though they may be spans."""

BLOCK_TAGS = frozenset(("div", "li", "tr", "p", "ol", "ul", "table", "pre", "section", "dd", "dt"))
"""Elements that begin on a line of their own."""

VERBATIM_TAGS = frozenset(("pre", "code", "td", "span", "li", "p", "xmp", "listing", "tt"))
"""Elements whose spaces are the code's. Elsewhere, spaces between elements are the page's."""

SKIPPED_TAGS = frozenset(
    ("script", "style", "button", "template", "select", "textarea", "svg", "figcaption", "input")
)

MAX_DEPTH = 100
"""Markup inside a listing that nests deeper is read as its text."""


def read(node: LexborNode, *, is_verbatim: bool, are_newlines_space: bool = False) -> str:
    """The text of the listing ``node`` without blank lines at its ends; empty if it holds none.

    ``is_verbatim`` says whether spaces right below ``node`` are code; ``are_newlines_space`` that
    elements alone make its lines, as outside ``pre``.
    """
    reader = _Reader(are_newlines_space=are_newlines_space)
    reader.read_children(node, is_verbatim=is_verbatim, depth=0)
    return reader.text()


class _Reader:
    """Collects the pieces of one listing."""

    def __init__(self, *, are_newlines_space: bool) -> None:
        self._are_newlines_space = are_newlines_space
        self._pieces: list[str] = []
        self._is_line_due = False
        self._numbers: list[int] = []

    def text(self) -> str:
        text = "".join(self._pieces)
        num_lines = text.strip("\n").count("\n") + 1
        if len(self._numbers) > 1 and len(self._numbers) == num_lines:
            for index in self._numbers:
                self._pieces[index] = ""
            text = "".join(self._pieces)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.isascii():
            text = text.replace("\xa0", " ").replace("\u200b", "").replace("\ufeff", "")
        lines = [line.rstrip() for line in text.split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        first = next((index for index, line in enumerate(lines) if line), len(lines))
        return "\n".join(lines[first:])

    def read_children(self, node: LexborNode, *, is_verbatim: bool, depth: int) -> None:
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
        attributes = node.attributes
        label = attributes.get("class") or ""
        if label and _is_beside_code(node, tag, label):
            return
        if depth > MAX_DEPTH:
            self._add_text(node.text(), is_verbatim=True)
            return
        if "user-select" in (attributes.get("style") or "") and ONLY_NUMBERS.fullmatch(node.text()):
            return
        is_line = tag != "td" and (
            "data-line" in attributes or (bool(label) and LINE.search(label) is not None)
        )
        is_block = is_line or tag in BLOCK_TAGS
        if is_block:
            self._start_line()
        else:
            self._note_number(node, label)
        start = len(self._pieces)
        is_verbatim = is_verbatim or is_line or tag in VERBATIM_TAGS
        self.read_children(node, is_verbatim=is_verbatim, depth=depth + 1)
        if is_block:
            has_break = len(self._pieces) > start and self._pieces[-1].endswith("\n")
            self._is_line_due = not has_break

    def _note_number(self, node: LexborNode, label: str) -> None:
        """Remember a number alone in an element at a line's start: it may be the line's."""
        is_at_start = self._is_line_due or not self._pieces or self._pieces[-1].endswith("\n")
        if not is_at_start or TOKEN_NUMBER.search(label):
            return
        first = node.first_child
        if first is None or first.next is not None or first.tag != "-text":
            return
        text = (first.text_content or "").strip()
        if text.isdigit() and int(text[:9]) == len(self._numbers) + 1:
            self._numbers.append(len(self._pieces) + self._is_line_due)

    def _start_line(self) -> None:
        if self._numbers and self._numbers[-1] == len(self._pieces) - 1:
            return  # the block beside a line's number
        if self._is_line_due or (self._pieces and not self._pieces[-1].endswith("\n")):
            self._pieces.append("\n")
        self._is_line_due = False

    def _add_text(self, text: str, *, is_verbatim: bool) -> None:
        if not is_verbatim:
            text = text.replace("\n", "").replace("\r", "") if text.strip() else ""
        if self._are_newlines_space and "\n" in text:
            first, *others = text.split("\n")
            text = " ".join((first.rstrip(" \t\r"), *(other.strip(" \t\r") for other in others)))
            if not self._pieces or self._pieces[-1].endswith("\n"):
                text = text.lstrip(" ")
        if not text:
            return
        if self._is_line_due:
            if not text.strip(" \t\r\n"):
                # What parts two lines in the page's source ends the first; its indentation is
                # the page's.
                if breaks := text.count("\n"):
                    self._pieces.append("\n" * breaks)
                    self._is_line_due = False
                return
            if not text.lstrip(" \t\r").startswith("\n"):
                self._pieces.append("\n")
            self._is_line_due = False
        self._pieces.append(text)

    def _add_break(self, node: LexborNode, parent: LexborNode) -> None:
        if parent.tag in BLOCK_TAGS and node.next is None and node.prev is None:
            return  # the filler that keeps an empty line element open
        self._pieces.append("\n")
        self._is_line_due = False  # a line's end and the break after it are one


def _is_beside_code(node: LexborNode, tag: str, label: str) -> bool:
    """Whether ``node``, by its class, is line numbers or furniture."""
    if FURNITURE.search(label):
        return True
    if COPY.search(label) or LANGUAGE_LABEL.search(label):
        return len(node.text().strip()) <= MAX_LABEL_CHARS
    is_numbers = NUMBERS.search(label) is not None and TOKEN_NUMBER.search(label) is None
    if is_numbers or (tag == "td" and NUMBER_CELL.search(label)):
        return ONLY_NUMBERS.fullmatch(node.text()) is not None
    return False
