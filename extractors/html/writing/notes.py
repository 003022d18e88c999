"""Footnotes: finds the references to them, and the places they point to.

Every markup of footnotes (MediaWiki, GitHub, Pandoc, Sphinx, Substack, Word, texinfo) is a link to
a fragment whose text is a mark, and an element of that name that begins the note. Nothing else is
relied on. References come before their notes, so one pass is enough: a reference leaves a place
holder, which becomes ``[^1]`` in the end if its note was met, and its own text again if not.
"""

import re
from urllib.parse import unquote

from extractors.html.tree import Element

OPEN, CLOSE = "\ufdd3", "\ufdd4"
"""Noncharacters around the number of a reference that stands in the text."""

PLACE = re.compile(rf"(\[)?{OPEN}(\d+){CLOSE}(?(1)(\]|))")
MARK = re.compile(
    r"\d{1,3}[a-z]?|[a-z]|[ivxlc]{1,5}|[*\u2020\u2021\xa7\xb6]{1,3}"
    r"|(?:note|nb|fn|lower-alpha) ?\d+",
    re.IGNORECASE,
)
AROUND_MARK = "[](){}.:^\u2191\u21a9\ufe0e\ufe0f \xa0"
HINT = re.compile(r"foot|fn|note|cite|cit_|ref\d|bib", re.IGNORECASE)
BACK_HINT = re.compile(r"ref|back|src|source", re.IGNORECASE)
BACK_MARKS = frozenset("\u21a9\u2191^\u23ce\u2934\u2b06\u21b5\u21d1\u2912\u21b2\u25b2\u2190")
"""The arrows that lead from a note to its reference, one character each."""

ANCHOR_MARKS = frozenset("\xb6#\xa7\U0001f517\u2693\uf0c1")
"""Texts of the links that headings carry to themselves; U+F0C1 is Font Awesome's chain."""

MAX_MARK_CHARS = 12
MAX_BACK_CHARS = 24
LEAD = r"[\s^\u2191\u21a9]*(?:[\[(]\s*{0}\s*[\])][.:]?|{0}[.:)](?=\s|$)|{0}(?=\s){1})?\s*"


class Notes:
    """The references met so far, by the fragment they point to."""

    def __init__(self) -> None:
        self.label_of: dict[str, str] = {}
        self.sources: set[str] = set()
        self._references: list[tuple[str, str]] = []  # fragment, the text that stood there
        self._num_labelled: dict[str, int] = {}
        self._found: set[str] = set()
        self._num_loose = 0

    def fragment_of(self, link: Element) -> str:
        """What a link within the page points to; empty for any other link."""
        address = link.attributes.get("href")
        if not address or "#" not in address:
            return ""
        fragment = address.rpartition("#")[2]
        return unquote(fragment) if "%" in fragment else fragment

    def is_back_link(self, link: Element, fragment: str, text: str) -> bool:
        """Whether a link leads from a note to its reference, or from a heading to itself."""
        if not fragment and link.attributes.get("href") != "#":
            return False
        bare = text.strip("\ufe0e\ufe0f ")
        return not bare or bare in BACK_MARKS or bare in ANCHOR_MARKS or fragment in self.sources

    def refer(self, fragment: str, text: str, *sources: str | None) -> str:
        """Note a reference with the mark ``text``; the place holder for it.

        ``sources`` are the names that the note may link back to.
        """
        label = text.strip(AROUND_MARK).replace(" ", "-")
        self.sources.update(name for name in sources if name)
        if fragment not in self.label_of:
            number = self._num_labelled.get(label, 0) + 1
            self._num_labelled[label] = number
            self.label_of[fragment] = label if number == 1 else f"{label}-{number}"
        return self._place(fragment, text)

    def refer_loosely(self, number: str, text: str) -> str:
        """As ``refer``, for a number that is no link; ``text`` is how it is written otherwise."""
        if number in self._num_labelled:
            return text
        self.label_of[f" {number}"] = number
        return self._place(f" {number}", text)

    def _place(self, fragment: str, text: str) -> str:
        self._references.append((fragment, text))
        return f"{OPEN}{len(self._references) - 1}{CLOSE}"

    def has_label(self, label: str) -> bool:
        """Whether a reference has this label."""
        return label in self._num_labelled

    def find(self, name: str) -> str | None:
        """The label of the note that begins at the element called ``name``, until it is written."""
        label = self.label_of.get(name)
        return None if label in self._found else label

    def find_back(self, fragment: str, text: str) -> str | None:
        """The label of the note that begins with a link back to its reference.

        Word's notes are known by that alone once their names are lost.
        """
        if fragment in self.label_of or not BACK_HINT.search(fragment):
            return None
        label = text.strip(AROUND_MARK)
        is_known = self._num_labelled.get(label) and label not in self._found
        return label if is_known else None

    def settle(self, label: str) -> None:
        """Say that the note with this label has been written."""
        self._found.add(label)

    def find_loose(self, number: str) -> str | None:
        """As ``find``, for a number at the start of a paragraph; they must count from 1."""
        if number != str(self._num_loose + 1):
            return None
        label = self.find(f" {number}")
        self._num_loose += label is not None
        return label

    def resolve(self, markdown: str) -> str:
        """``markdown`` with every place holder replaced."""
        return PLACE.sub(self._resolve, markdown) if self._references else markdown

    def _resolve(self, match: re.Match[str]) -> str:
        fragment, text = self._references[int(match.group(2))]
        label = self.label_of[fragment]
        if label in self._found:
            text = f"[^{label}]"
        if match.group(3) and text.startswith("["):
            return text
        return (match.group(1) or "") + text + (match.group(3) or "")


def is_mark(link: Element, fragment: str, text: str, *, is_raised: bool) -> bool:
    """Whether a link to ``fragment`` with this text is the mark of a note."""
    if not MARK.fullmatch(text.strip(AROUND_MARK)):
        return False
    if is_raised or text.startswith("[") or link.attributes.get("role") == "doc-noteref":
        return True
    if text.strip(AROUND_MARK).isalpha():
        return False
    if HINT.search(fragment) or HINT.search(link.label):
        return True
    return any(isinstance(child, Element) and child.tag == "sup" for child in link.children)


def without_lead(text: str, label: str, *, is_numbered: bool) -> str:
    """A note's text without the mark it begins with.

    ``is_numbered`` says that a list numbers the notes: then a bare number belongs to the text.
    """
    lead = LEAD.format(re.escape(label.partition("-")[0]), "(?!)" if is_numbered else "")
    match = re.match(lead, text, re.IGNORECASE)
    return text[match.end() :] if match else text
