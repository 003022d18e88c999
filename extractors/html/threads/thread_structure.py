"""A page's content tree laid out flat, so that any part of it is measured in constant time.

Elements get numbers in document order; the descendants of one are the numbers up to its end. What
is counted (text, authors, dates, ...) is kept as running sums, so that the count over a part is a
difference of two of them, and the search for a thread's turns stays linear in the page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.mathematics.formulas import Formula
from extractors.html.threads import thread_names as names
from extractors.html.tree import Element, Node

LEAF_CHARS = 30
"""What a formula or a listing counts for, at least: it is content however short (ours)."""

DATE_HINT = re.compile("[0-9]|day|ago", re.IGNORECASE)
"""A cheap test that every date passes (see names.DATE_TEXT)."""

NEW_LINE_TAGS = frozenset(("br", "div", "p", "li", "tr", "td", "dd", "dt", "h3", "h4", "h5"))


@dataclass
class Outline:
    """The elements of a tree in document order; all lists run parallel to ``elements``.

    ``ends[i]`` is the number after the last descendant of ``i``. ``prose`` and ``marks`` are
    running sums of what stands before element ``i`` starts; they are one longer than the rest.
    """

    elements: list[Element] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    prose: list[int] = field(default_factory=lambda: [0])
    links: list[int] = field(default_factory=lambda: [0])
    authors: list[int] = field(default_factory=lambda: [0])
    dates: list[int] = field(default_factory=lambda: [0])
    furniture: list[int] = field(default_factory=lambda: [0])
    heading_links: list[int] = field(default_factory=lambda: [0])

    def prose_of(self, number: int) -> int:
        """Characters of text outside links below element ``number``."""
        return self.prose[self.ends[number]] - self.prose[number]

    def count(self, sums: list[int], number: int) -> int:
        """How much of a running sum falls on element ``number`` and its descendants."""
        return sums[self.ends[number]] - sums[number]

    def below(self, number: int) -> range:
        """The numbers of the descendants."""
        return range(number + 1, self.ends[number])

    def is_inside(self, number: int, outer: int) -> bool:
        """Whether ``number`` is ``outer`` or a descendant of it."""
        return outer <= number < self.ends[outer]


def lay_out(body: Element) -> Outline:
    """The outline of the tree below ``body``, which is element 0."""
    outline = Outline()
    stack: list[tuple[Element, int, int, bool, bool]] = [(body, -1, 0, False, False)]
    open_numbers: list[int] = []
    elements, ends = outline.elements, outline.ends
    prose = links = authors = dates = furniture = heading_links = 0
    while stack:
        element, parent, level, is_link, is_heading = stack.pop()
        while open_numbers and open_numbers[-1] != parent:
            ends[open_numbers.pop()] = len(elements)
        number = len(elements)
        open_numbers.append(number)
        tag = element.tag
        is_link = is_link or tag == "a"
        is_heading = is_heading or tag in ("h2", "h3", "h4")
        num_chars = 0
        below: list[tuple[Element, int, int, bool, bool]] = []
        for child in element.children:
            if isinstance(child, str):
                num_chars += len(child.strip())
            elif isinstance(child, Element):
                below.append((child, number, level + 1, is_link, is_heading))
            else:
                prose += LEAF_CHARS
        if is_link:
            links += num_chars
        else:
            prose += num_chars
        dates += is_date(element)
        if element.attributes:
            names_author = is_author(element)
            authors += names_author
            furniture += names.is_furniture(element.names)
            if is_heading and tag == "a" and not names_author:
                href = element.attributes.get("href") or ""
                heading_links += bool(href) and "#" not in href
        below.reverse()
        stack.extend(below)
        elements.append(element)
        ends.append(0)
        outline.parents.append(parent)
        outline.levels.append(level)
        outline.prose.append(prose)
        outline.links.append(links)
        outline.authors.append(authors)
        outline.dates.append(dates)
        outline.furniture.append(furniture)
        outline.heading_links.append(heading_links)
    while open_numbers:
        ends[open_numbers.pop()] = len(elements)
    return outline


def is_author(element: Element) -> bool:
    """Whether the element names who wrote something, by microdata, link or class."""
    attributes = element.attributes
    if not attributes:
        return False
    if element.tag == "a":
        href = attributes.get("href") or ""
        if "author" in (attributes.get("rel") or "") or names.AUTHOR_HREF.search(href):
            return True
    item = attributes.get("itemprop") or ""
    return item in ("author", "creator") or names.has_head(element.names, "author")


def is_date(element: Element) -> bool:
    """Whether the element says when, by tag, microdata, class, or a short text that is a date."""
    if element.tag == "time" or element.tag.endswith(("-time", "-ago")):
        return True
    attributes = element.attributes
    if attributes:
        item = attributes.get("itemprop") or ""
        if "datetime" in attributes or item.startswith("date"):
            return True
        if names.has_head(element.names, "date"):
            return True
    for child in element.children:
        if (
            isinstance(child, str)
            and names.MIN_DATE_CHARS <= len(child) <= 2 * names.MAX_DATE_CHARS
            and DATE_HINT.search(child) is not None
            and len(child.strip()) <= names.MAX_DATE_CHARS
            and names.DATE_TEXT.search(child) is not None
        ):
            return True
    return False


def name_in(element: Element, max_chars: int) -> str:
    """The first line of text, without dates, badges and ranks that stand beside a name."""
    pieces: list[str] = []
    stack: list[Node] = [element]
    while stack and len(pieces) < max_chars:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append(node[: 4 * max_chars])
        elif isinstance(node, Element) and (
            node is element
            or not (is_date(node) or names.has_word(node.names, names.BESIDE_NAME_WORDS))
        ):
            pieces.append("\n" if node.tag in NEW_LINE_TAGS else " ")
            stack.extend(reversed(node.children))
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return next((line for line in lines if line), "")


def text_of(element: Element, max_chars: int) -> str:
    """The first ``max_chars`` or so characters of text, formulas and code included, in one line."""
    pieces: list[str] = []
    num_chars = 0
    for piece in _pieces(element):
        pieces.append(piece)
        num_chars += len(piece)
        if num_chars > max_chars:
            break
    return " ".join("".join(pieces).split())


def _pieces(element: Element) -> Iterator[str]:
    stack: list[Node] = [element]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, CodeBlock):
            yield node.text
        elif isinstance(node, Formula):
            yield node.tex
        else:
            yield " " if node.tag not in ("b", "i", "em", "strong", "span", "a", "font") else ""
            stack.extend(reversed(node.children))
