"""Writes the content tree as Markdown: headings, lists, tables, quotations, code and formulas.

Text is not escaped, links and images are reduced to their text, and emphasis is dropped: the
product is text to learn from, not a document to render.
"""

import re
from collections.abc import Sequence

from extractors.extraction import Structure
from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.page import Page
from extractors.html.tree import HEADINGS, Element, Node
from extractors.html.writing import callouts, lists, notes, tables
from extractors.html.writing.inline import BREAK, ITEM, Kept, fence_of, one_line
from extractors.html.writing.notes import Notes
from extractors.html.writing.phrasing import PhraseWriter
from extractors.html.writing.scripts import clean

PIPE_OUTSIDE_FORMULA = re.compile(r"(\$[^$\n]*\$)|\|")
MAX_NESTING = 10
"""Lists and quotations nested deeper are not indented further: indentation costs depth x lines."""

MAX_HEADING_CHARS = 300
"""A heading with more text, or with blocks in it, is one that was never closed: only its first
line is the heading (the longest on the development pages has 190 characters)."""

PLAIN_BLOCK_TAGS = frozenset(
    [
        *("address", "article", "body", "caption", "center", "dialog", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "header", "hgroup", "legend", "main", "nav"),
        *("noscript", "p", "search", "summary", "tbody", "td", "tfoot", "th", "thead", "tr"),
    ]
)
BLOCK_TAGS_IN_HEADINGS = HEADINGS | frozenset(
    ("p", "table", "ul", "ol", "dl", "blockquote", "article", "section", "form", "li")
)

TEXT, HEADING, CODE, LIST, DETAIL, NOTE, RULE = range(7)
"""What a block is: it decides whether a blank line stands before it."""


def render(main: Element, page: Page) -> tuple[str, Structure]:
    """The Markdown of ``main``, and how much of the page's structure is in it."""
    return render_elements((main,), page)


def render_elements(elements: Sequence[Node], page: Page) -> tuple[str, Structure]:
    """The Markdown of several parts of a page, one after the other; see ``render``.

    A footnote may be in another part than the references to it.
    """
    kept = Kept()
    noted = Notes()
    writer = _Writer(kept, noted, depth=0)
    writer.write_nodes(elements)
    text = noted.resolve(writer.markdown())
    structure = Structure(
        formulas_found=max(page.num_formulas, kept.num_formulas),
        formulas_kept=kept.num_formulas,
        code_blocks_found=page.num_code_blocks,
        code_blocks_kept=kept.num_code_blocks,
        tables_found=max(page.num_tables, kept.num_tables),
        tables_kept=kept.num_tables,
    )
    return text, structure


class _Writer(PhraseWriter):
    """Collects the blocks of one container; list items, cells and quotations get their own."""

    def __init__(self, kept: Kept, noted: Notes, *, depth: int) -> None:
        super().__init__(kept, noted)
        self.depth = depth
        self.prefix = ""  # the marks of a heading whose text has not been met yet
        self.is_numbered_note = self.is_in_callout = False

    def markdown(self, *, is_item: bool = False) -> str:
        """The blocks, parted by blank lines where Markdown or the eye needs them.

        In a list item a nested list follows the line it belongs to.
        """
        self.end_block()
        blocks = self.blocks
        while blocks and blocks[-1][1] == RULE:
            blocks.pop()
        if len(blocks) == 1:
            return blocks[0][0]
        pieces: list[str] = []
        previous = RULE
        for text, kind in blocks:
            if pieces:
                is_tight = (
                    kind == DETAIL or (kind == LIST and is_item) or (kind == previous == NOTE)
                )
                pieces.append("\n" if is_tight else "\n\n")
            pieces.append(text)
            previous = kind
        return "".join(pieces)

    def child(self) -> "_Writer":
        child = _Writer(self.kept, self.notes, depth=self.depth + 1)
        child.is_in_callout = self.is_in_callout
        child.note, self.note = self.note, None
        return child

    # Blocks

    def end_block(self) -> None:
        """Close the running text and make it a block; a heading stays open."""
        if self.is_one_line:
            self.line.add_mark(BREAK)
            return
        if not (text := self.line.take()):
            return
        if self.note is not None:
            text = notes.without_lead(text, self.note, is_numbered=self.is_numbered_note)
            if not text:
                return
            self.blocks.append((f"{self.prefix}[^{self.note}]: {text}", NOTE))
            self.notes.settle(self.note)
            self.note = None
        elif self.prefix:
            self.blocks.append((self.prefix + one_line(text), HEADING))
        else:
            self.blocks.append((text, TEXT))
        self.prefix = ""

    def write_block(self, element: Element) -> None:
        self.end_block()
        self.write_nodes(element.children)
        self.end_block()

    def write_heading(self, element: Element) -> None:
        self.end_block()
        if self.is_one_line or (self.notes.label_of and self.is_note_heading(element)):
            self.write_nodes(element.children)
            self.end_block()
            return
        self.prefix = "#" * int(element.tag[1]) + " "
        self.is_one_line = _is_short_heading(element)
        self.write_nodes(element.children)
        self.is_one_line = False
        self.end_block()
        self.prefix = ""

    def write_code_block(self, code: CodeBlock) -> None:
        self.kept.num_code_blocks += 1
        if self.is_one_line:
            self.line.add_code(" ".join(code.text.split()))
            return
        self.end_block()
        text = clean(code.text)
        fence = fence_of(text, min_ticks=3)
        self.blocks.append((f"{fence}{clean(code.language or '')}\n{text}\n{fence}", CODE))

    def write_rule(self, _: Element) -> None:
        self.end_block()
        if self.blocks and self.blocks[-1][1] not in (RULE, HEADING) and not self.is_one_line:
            self.blocks.append(("---", RULE))

    def write_quotation(self, element: Element) -> None:
        self.end_block()
        if self.depth >= MAX_NESTING or self.is_one_line or _is_indentation(element):
            self.write_nodes(element.children)
            self.end_block()
            return
        child = self.child()
        child.write_nodes(element.children)
        if body := child.markdown():
            self.blocks.append((lists.quoted(body), TEXT))

    def write_division(self, element: Element) -> None:
        """Write a container; an admonition becomes a quotation unless it holds a listing.

        A listing would have quotation marks before each of its lines.
        """
        kind = None
        if element.attributes and not (self.is_in_callout or self.is_one_line):
            kind = callouts.kind_of(element)
        self.end_block()
        if kind is None or self.depth >= MAX_NESTING:
            self.write_nodes(element.children)
            self.end_block()
            return
        child = self.child()
        child.is_in_callout = True
        child.write_nodes(element.children)
        title = self.title_of(element, kind, child)
        is_listing = any(block_kind == CODE for _, block_kind in child.blocks)
        if is_listing or (not title and callouts.is_colour(element, kind)):
            self.blocks.extend(child.blocks)
            return
        del child.blocks[: bool(title)]
        body = child.markdown()
        if title or body:
            quotation = lists.quoted(f"{callouts.first_line(kind, title)}\n{body}".rstrip())
            self.blocks.append((quotation, TEXT))

    def title_of(self, element: Element, kind: str, inside: "_Writer") -> str:
        """The title of an admonition if its first block is one."""
        inside.end_block()
        if not inside.blocks:
            return ""
        first, block_kind = inside.blocks[0]
        title = first.lstrip("# ") if block_kind == HEADING else first
        is_title = (
            block_kind == HEADING
            or callouts.has_title(element)
            or title.strip(" :.").upper() == kind
        )
        is_line = "\n" not in title and len(title) <= callouts.MAX_TITLE_CHARS
        return title if is_title and is_line and block_kind in (TEXT, HEADING) else ""

    # Lists

    def write_list(self, element: Element) -> None:
        self.end_block()
        if self.depth >= MAX_NESTING or self.is_one_line:
            self.write_nodes(element.children)
            self.end_block()
            return
        numbering = lists.Numbering(element)
        items: list[str] = []
        for node in element.children:
            if isinstance(node, str) and node.isspace():
                continue
            if isinstance(node, Element) and node.tag == "li":
                self.write_item(node, numbering, items)
                continue
            child = self.child()
            child.write_nodes((node,))
            body = child.markdown(is_item=True)
            if items and body and all(kind == LIST for _, kind in child.blocks):
                items[-1] += "\n" + lists.indented(body, 2)
            elif body:
                self.end_list(items)
                self.blocks.extend(child.blocks)
        self.end_list(items)

    def write_item(self, item: Element, numbering: lists.Numbering, items: list[str]) -> None:
        label = self.note_of(item)
        child = self.child()
        child.note = label or child.note
        child.is_numbered_note = numbering.is_ordered
        child.write_nodes(item.children)
        body = child.markdown(is_item=True)
        if not body:
            return
        marker = numbering.marker(item)
        numbering.advance()
        kinds = [kind for _, kind in child.blocks]
        if HEADING in kinds:  # an item with headings is a section that a list was made of
            self.end_list(items)
            self.blocks.extend(child.blocks)
        elif kinds[0] == NOTE:
            self.end_list(items)
            self.blocks.append((lists.indented(body, 4).lstrip(" "), NOTE))
        else:
            items.append(lists.item(marker, body))

    def end_list(self, items: list[str]) -> None:
        if items:
            self.blocks.append(("\n".join(items), LIST))
            items.clear()

    def write_detail(self, element: Element) -> None:
        """Write the definition below its term; one of several paragraphs stands by itself."""
        self.end_block()
        if self.depth >= MAX_NESTING or not self.blocks or self.is_one_line or self.note:
            self.write_nodes(element.children)
            self.end_block()
            return
        child = self.child()
        child.write_nodes(element.children)
        child.end_block()
        if len(child.blocks) == 1 and child.blocks[0][1] == TEXT:
            self.blocks.append((f": {lists.indented(child.blocks[0][0], 2)[2:]}", DETAIL))
        else:
            self.blocks.extend(child.blocks)

    def write_stray_item(self, element: Element) -> None:
        self.end_block()
        if self.is_one_line:
            self.line.add_mark(ITEM)
        self.write_nodes(element.children)
        self.end_block()

    # Tables

    def write_table(self, element: Element) -> None:
        self.end_block()
        rows = tables.rows_of(element)
        if self.is_one_line or not tables.is_data_table(element, rows):
            self.write_nodes(element.children)
            self.end_block()
            return
        for child in element.children:
            if isinstance(child, Element) and child.tag == "caption":
                self.write_block(child)
        cells = [
            [
                (self.cell_text(cell), tables.span(cell, "colspan"), tables.span(cell, "rowspan"))
                for cell in row
            ]
            for row in rows
        ]
        grid = tables.grid_of(cells)
        if len(grid) >= tables.MIN_SIDE and len(grid[0]) >= tables.MIN_SIDE:
            self.blocks.append((tables.to_markdown(grid), TEXT))
            self.kept.num_tables += 1
            return
        self.blocks.extend((text, TEXT) for line in grid for text in line if text)

    def cell_text(self, cell: Element) -> str:
        children = cell.children
        if len(children) == 1 and isinstance(children[0], str):
            self.line.add_text(children[0])
            text = self.line.take()
        else:
            child = self.child()
            child.is_one_line = True
            child.write_nodes(children)
            text = one_line(child.line.take())
        if "|" not in text:
            return text
        return PIPE_OUTSIDE_FORMULA.sub(lambda match: match.group(1) or r"\|", text)


def _is_indentation(quotation: Element) -> bool:
    """Whether a quotation is what docutils makes of indented text: one bare ``div`` and no more."""
    inner = [child for child in quotation.children if not _is_blank(child)]
    return (
        len(inner) == 1
        and isinstance(inner[0], Element)
        and inner[0].tag == "div"
        and not inner[0].attributes
        and not quotation.attributes
    )


def _is_blank(node: Node) -> bool:
    return isinstance(node, str) and not node.strip()


def _is_short_heading(element: Element) -> bool:
    """Whether a heading holds a line of text and nothing else."""
    num_chars = 0
    pending: list[Node] = list(element.children)
    while pending:
        node = pending.pop()
        if isinstance(node, Element):
            if node.tag in BLOCK_TAGS_IN_HEADINGS:
                return False
            pending.extend(node.children)
        elif isinstance(node, str):
            num_chars += len(node) if not node.isspace() else 1
            if num_chars > MAX_HEADING_CHARS:
                return False
    return True


_Writer.writers = {
    **PhraseWriter.writers,
    **dict.fromkeys(PLAIN_BLOCK_TAGS, _Writer.write_block),
    **dict.fromkeys(HEADINGS, _Writer.write_heading),
    **dict.fromkeys(("ul", "ol", "menu", "dir"), _Writer.write_list),
    **dict.fromkeys(("div", "aside", "section", "details"), _Writer.write_division),
    "blockquote": _Writer.write_quotation,
    "dd": _Writer.write_detail,
    "hr": _Writer.write_rule,
    "li": _Writer.write_stray_item,
    "table": _Writer.write_table,
}
