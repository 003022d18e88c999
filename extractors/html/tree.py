"""The content tree of a page: elements, text, and formulas and code blocks as leaves."""

import re

from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.mathematics.formulas import Formula

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
ATTRIBUTE = re.compile(r'([^\s="]+)(?:="([^"]*)")?')


class Element:
    """An element that holds content.

    ``row`` is its row on the page's tape, -1 for an element made by hand. Attributes are given as
    a dictionary or in serialised form, and then read when they are first asked for: rendering asks
    for few.
    """

    __slots__ = ("_attributes", "_names", "_serialised", "children", "row", "tag")

    def __init__(
        self,
        tag: str,
        attributes: dict[str, str | None] | None = None,
        *,
        serialised: str = "",
        row: int = -1,
    ) -> None:
        self.tag = tag
        self.children: list[Node] = []
        self.row = row
        self._attributes = attributes
        self._serialised = serialised
        self._names: str | None = None

    @property
    def attributes(self) -> dict[str, str | None]:
        """Attribute values by name; None where an attribute has no value."""
        if self._attributes is None:
            self._attributes = {
                name: unescape(value) for name, value in ATTRIBUTE.findall(self._serialised)
            }
        return self._attributes

    @property
    def names(self) -> str:
        """The class attribute and what scripts know the element by; empty without either."""
        if self._names is None:
            found = self.attributes
            role = found.get("data-role") or found.get("data-testid") if found else None
            label = found.get("class") or "" if found else ""
            self._names = f"{label} {role}" if role else label
        return self._names

    @property
    def label(self) -> str:
        """Class and id, as written, parted by a space; empty without either."""
        if self._attributes is None and not self._serialised:
            return ""
        found = self.attributes
        if "class" not in found and "id" not in found:
            return ""
        return f"{found.get('class') or ''} {found.get('id') or ''}"


Node = Element | Formula | CodeBlock | str


def unescape(text: str) -> str:
    """``text`` as it was before the HTML serialiser escaped it."""
    if "&" not in text:
        return text
    text = text.replace("&nbsp;", "\xa0").replace("&lt;", "<").replace("&gt;", ">")
    return text.replace("&quot;", '"').replace("&amp;", "&")
