"""The content tree of a page: elements, text, and formulas and code blocks as leaves."""

from dataclasses import dataclass, field

from extractors.html.code_blocks import CodeBlock
from extractors.html.formulas import Formula

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))


class Element:
    """An element that may hold content.

    ``label`` is its class and id, as written. The three counts are sums over the subtree:
    characters of text, characters of it inside links, and formulas and code blocks; ``weight``
    is set by the search for the main content.
    """

    __slots__ = (
        *("attributes", "children", "label", "link_chars", "num_leaves", "tag", "text_chars"),
        "weight",
    )

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.label = (
            f"{attributes.get('class') or ''} {attributes.get('id') or ''}" if attributes else ""
        )
        self.children: list[Node] = []
        self.text_chars = 0
        self.link_chars = 0
        self.num_leaves = 0
        self.weight = 0


Node = Element | Formula | CodeBlock | str


@dataclass
class Page:
    """A parsed page: the body's content, and the elements of interest to its metadata."""

    body: Element
    language: str | None = None
    title: str = ""
    metas: list[dict[str, str | None]] = field(default_factory=list)
    links: list[dict[str, str | None]] = field(default_factory=list)
    json_ld: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    num_formulas: int = 0
    num_code_blocks: int = 0
    num_tables: int = 0
