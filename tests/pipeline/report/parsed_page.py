"""Reads a page back: its tables by caption, its addresses and links, its text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "wbr"}


@dataclass
class ParsedTable:
    """Cells are their texts, without markup."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)

    def row(self, name: str) -> dict[str, str]:
        """The row with this heading, by the titles of the columns."""
        [found] = [row for row in self.rows[1:] if row[0] == name]
        return dict(zip(self.rows[0], found, strict=True))

    def names(self) -> list[str]:
        """Headings of the rows."""
        return [row[0] for row in self.rows[1:]]


class ParsedPage(HTMLParser):
    """Fails on a tag that is not closed, or closed twice."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, ParsedTable] = {}
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.values: list[str] = []
        self._open: list[str] = []
        self._table = ParsedTable()
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "table":
            self._table = ParsedTable()
        elif tag == "tr":
            self._table.rows.append([])
        elif tag in ("td", "th"):
            self._table.rows[-1].append("")
        elif tag == "data":
            self.values.append(dict(attrs)["value"] or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        opened = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        if tag == "table":
            assert self._table.caption not in self.tables, "a caption stands twice"
            self.tables[self._table.caption] = self._table

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if "caption" in self._open:
            self._table.caption += data
        elif "td" in self._open or "th" in self._open:
            self._table.rows[-1][-1] += data

    def ids(self) -> list[str]:
        """Addresses of the page's elements."""
        return [value or "" for _, name, value in self.attributes if name == "id"]

    def links(self) -> list[str]:
        """Every address that the page refers to."""
        names = ("href", "src", "srcset", "action", "data", "poster", "background")
        return [value or "" for _, name, value in self.attributes if name in names]
