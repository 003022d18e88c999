"""Admonitions: boxes named note, tip or warning, which are written as quotations with a title.

The first line is GitHub's and Obsidian's ``[!NOTE]``, followed by the box's own title if it says
more than its kind.
"""

import re
from functools import lru_cache

from extractors.html.tree import Element

BOX = re.compile(
    r"(?:^|[\s_-])(?:admonition|admonitionblock|callout|markdown-alert|custom-block"
    r"|starlight-aside|hint-container|theme-admonition|alert)(?:$|[\s_-])",
    re.IGNORECASE,
)
KIND = re.compile(
    r"(?:^|[\s_-])(note|info|tip|hint|important|warning|caution|danger|error|attention|success"
    r"|example|question|faq|abstract|summary|todo|bug|failure)(?:$|[\s_-])",
    re.IGNORECASE,
)
"""The kinds of docutils, GitHub, Obsidian, MkDocs, Docusaurus, VuePress, Asciidoctor, Bootstrap."""

TITLE = re.compile(r"title|heading|header|summary|label", re.IGNORECASE)
TITLED_KINDS = frozenset(("INFO", "SUCCESS", "DANGER", "ERROR"))
"""Bootstrap's alerts of these kinds are boxes of any content in the colour of that name, unless
they have a title."""

MAX_TITLE_CHARS = 120
MAX_TITLE_DEPTH = 4


def kind_of(element: Element) -> str | None:
    """The kind of admonition that ``element`` is, in capitals; None if it is none."""
    if kind := element.attributes.get("data-callout"):
        return kind.strip().upper() if kind.strip().isalpha() else None
    return _kind_of_label(element.label) if len(element.label) > 1 else None


@lru_cache(maxsize=4096)
def _kind_of_label(label: str) -> str | None:
    """As ``kind_of``; a page's boxes share a few labels."""
    if BOX.search(label) is None:
        return None
    found = KIND.search(label)
    return found.group(1).upper() if found else None


def is_colour(element: Element, kind: str) -> bool:
    """Whether the kind of an admonition without a title is no more than the colour of a box."""
    return kind in TITLED_KINDS and "alert" in element.label.lower().split()


def has_title(element: Element) -> bool:
    """Whether an admonition begins with a title."""
    for _ in range(MAX_TITLE_DEPTH):
        first = next((child for child in element.children if isinstance(child, Element)), None)
        if first is None:
            return False
        if TITLE.search(first.label) or first.tag in ("summary", "legend"):
            return True
        element = first
    return False


def first_line(kind: str, title: str) -> str:
    """How the quotation begins; a title that only repeats the kind is left out."""
    words = title.strip(" :.!").replace(" ", "").upper()
    return f"[!{kind}]" if words in ("", kind) else f"[!{kind}] {title}"
