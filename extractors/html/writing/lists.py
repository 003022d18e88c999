"""The parts of a list: what its items are numbered with, and how they are indented."""

import re

from extractors.html.tree import Element

LINE_WITH_TEXT = re.compile(r"^(?=.)", re.MULTILINE)
BULLETS = "\u2022\u2023\u25e6\u2043\u2219\u25aa\u25cf\u25cb\u25a0\xb7\u2013\u2014"
NO_NUMBERS = re.compile(r"list-style(?:-type)?\s*:[^;]*\bnone\b", re.IGNORECASE)
MAX_NUMBER = 10**9
ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
MAX_ROMAN = 4000
NUM_LETTERS = 26


class Numbering:
    """Gives each item of a list its marker: bullets, numbers, letters or Roman numerals."""

    def __init__(self, element: Element) -> None:
        attributes = element.attributes
        style = attributes.get("style") or ""
        self._is_ordered = element.tag == "ol" and not NO_NUMBERS.search(style)
        self._kind = (attributes.get("type") or "1").strip()
        self._step = 1
        self._next = 1
        if not self._is_ordered:
            return
        if "reversed" in attributes:
            self._step = -1
            self._next = sum(_is_item(child) for child in element.children)
        self._next = _integer(attributes.get("start"), self._next)

    @property
    def is_ordered(self) -> bool:
        """Whether the list counts its items."""
        return self._is_ordered

    def marker(self, item: Element) -> str:
        """The marker of ``item``, with the space after it; call ``advance`` if it is used."""
        if not self._is_ordered:
            return "- "
        self._next = _integer(item.attributes.get("value"), self._next)
        return f"{_numeral(self._next, self._kind)}. "

    def advance(self) -> None:
        """Count one item."""
        self._next += self._step


def item(marker: str, body: str) -> str:
    """``body`` under its marker; a marker that the text brings along is not written twice."""
    if marker == "- ":
        if body[0] in BULLETS and body[1:2] in (" ", "\t"):
            body = body[1:].lstrip() or body
    elif body.startswith(marker):
        marker_chars = len(marker)
        return body[:marker_chars] + indented(body, marker_chars)[2 * marker_chars :]
    return marker + indented(body, len(marker))[len(marker) :]


def indented(text: str, num_spaces: int) -> str:
    """``text`` with spaces before each line that is not empty."""
    if "\n" not in text:
        return " " * num_spaces + text
    return LINE_WITH_TEXT.sub(" " * num_spaces, text)


def quoted(text: str) -> str:
    """``text`` as a Markdown quotation."""
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def _is_item(node: object) -> bool:
    return isinstance(node, Element) and node.tag == "li"


def _integer(value: str | None, default: int) -> int:
    """``value`` as browsers read it; ``default`` if it is missing or not sensible."""
    text = (value or "").strip()
    digits = text.lstrip("+-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(MAX_NUMBER)):
        return default
    return -int(digits) if text.startswith("-") else int(digits)


def _numeral(number: int, kind: str) -> str:
    if kind in ("a", "A") and 1 <= number <= NUM_LETTERS:
        return chr(ord(kind) + number - 1)
    if kind in ("i", "I") and 1 <= number < MAX_ROMAN:
        numeral = ""
        for value, letters in ROMAN:
            count, number = divmod(number, value)
            numeral += letters * count
        return numeral.upper() if kind == "I" else numeral
    return str(number)
