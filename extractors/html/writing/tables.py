"""Tells data tables from layout and lays data tables out as rectangles of cells."""

from dataclasses import dataclass

from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.mathematics.formulas import Formula
from extractors.html.tree import HEADINGS, Element, Node

MAX_SPAN = 100
MAX_SPAN_DIGITS = 9
MIN_SIDE = 2
MAX_COLUMNS = 100
MAX_CELL_CHARS = 500
"""A cell with more text is a column of a layout, where nothing marks the table as data (ours)."""

MAX_MARKED_CELL_CHARS = 2000
"""The same for a table with header cells or a caption: their longest cells on the development
pages hold a few hundred characters, a forum's post or an article several thousand."""

MAX_BLOCKS = 1
MAX_MARKED_BLOCKS = 24
"""Paragraphs and lists in one cell, likewise."""

MAX_SPARSENESS = 8
MIN_SPARSE_CELLS = 1000
"""A rectangle with this many places to a cell is no table but an attempt to fill memory."""

LAYOUT_TAGS = HEADINGS | frozenset(
    ("table", "article", "section", "form", "blockquote", "fieldset", "main", "nav")
)
LIST_TAGS = frozenset(("ul", "ol", "dl"))
Cell = tuple[str, int, int]
"""The text of a cell, the columns and the rows it spans."""


def rows_of(table: Element) -> list[list[Element]]:
    """The cells of each row, in order; a nested table's rows are not taken for this one's."""
    rows: list[list[Element]] = []
    pending: list[Node] = list(reversed(table.children))
    while pending:
        node = pending.pop()
        if not isinstance(node, Element):
            continue
        if node.tag == "tr":
            cells = [
                cell
                for cell in node.children
                if isinstance(cell, Element) and cell.tag in ("td", "th")
            ]
            if cells:
                rows.append(cells)
        elif node.tag in ("thead", "tbody", "tfoot"):
            pending.extend(reversed(node.children))
    return rows


def is_data_table(table: Element, rows: list[list[Element]]) -> bool:
    """Whether Markdown can show ``table``: two rows and columns or more, short plain cells.

    Header cells or a caption make it data unless the cells hold what cannot be one line: headings,
    listings, quotations, forms, other tables.
    """
    if (table.attributes.get("role") or "") in ("presentation", "none"):
        return False
    if len(rows) < MIN_SIDE:
        return False
    width = max(sum(span(cell, "colspan") for cell in row[:-1]) + 1 for row in rows)
    num_cells = sum(map(len, rows))
    if not max(map(len, rows)) >= MIN_SIDE or width > MAX_COLUMNS:
        return False
    if width * len(rows) > MAX_SPARSENESS * num_cells + MIN_SPARSE_CELLS:
        return False
    is_marked = _is_marked(table, rows)
    max_chars = MAX_MARKED_CELL_CHARS if is_marked else MAX_CELL_CHARS
    max_blocks = MAX_MARKED_BLOCKS if is_marked else MAX_BLOCKS
    return all(_is_line(cell, max_chars, max_blocks) for row in rows for cell in row)


def _is_marked(table: Element, rows: list[list[Element]]) -> bool:
    """Whether a table says that it is data: by header cells, a caption or a first row in bold."""
    if any(cell.tag == "th" for row in rows for cell in row) or all(map(_is_bold, rows[0])):
        return True
    return any(
        isinstance(child, Element) and child.tag in ("caption", "thead") for child in table.children
    )


def _is_bold(cell: Element) -> bool:
    """Whether all text of a cell is set in bold."""
    while True:
        inside = [c for c in cell.children if not (isinstance(c, str) and c.isspace())]
        if len(inside) != 1 or not isinstance(inside[0], Element):
            return False
        cell = inside[0]
        if cell.tag in ("b", "strong"):
            return True


def _is_line(cell: Element, max_chars: int, max_blocks: int) -> bool:
    """Whether a cell's content can stand on one line."""
    num_chars = num_blocks = 0
    pending: list[Node] = list(cell.children)
    while pending:
        node = pending.pop()
        if isinstance(node, Element):
            if node.tag in LAYOUT_TAGS or (node.tag in LIST_TAGS and max_blocks == MAX_BLOCKS):
                return False
            num_blocks += node.tag == "p" or node.tag in LIST_TAGS
            pending.extend(node.children)
        else:
            num_chars += _num_chars(node, too_many=max_chars + 1)
        if num_chars > max_chars or num_blocks > max_blocks:
            return False
    return True


def _num_chars(leaf: str | Formula | CodeBlock, *, too_many: int) -> int:
    """The characters of a cell's leaf; ``too_many`` for a listing of several lines."""
    if isinstance(leaf, str):
        return 0 if leaf.isspace() else len(leaf)
    if isinstance(leaf, CodeBlock):
        return too_many if "\n" in leaf.text else len(leaf.text)
    return 1


def span(cell: Element, name: str) -> int:
    """``colspan`` or ``rowspan`` of a cell, 1 when absent or not a sensible number."""
    value = cell.attributes.get(name)
    if not value:
        return 1
    value = value.strip()
    if not (value.isascii() and value.isdigit()):
        return 1
    return min(MAX_SPAN, max(1, int(value[:MAX_SPAN_DIGITS])))


@dataclass
class _Spanning:
    """The columns that cells of earlier rows still fill: rows left, by column."""

    rows_left: dict[int, int]

    def take(self, column: int) -> bool:
        """Whether ``column`` is filled in this row; counts the row."""
        left = self.rows_left.get(column, 0)
        if left:
            self.rows_left[column] = left - 1
        return left > 0


def grid_of(rows: list[list[Cell]]) -> list[list[str]]:
    """Rows of cells as a rectangle, without rows and columns that are empty throughout.

    A spanning cell's text stands once, in its first place, with empty cells for the rest.
    """
    spanning = _Spanning({})
    grid: list[list[str]] = []
    for row in rows:
        line: list[str] = []
        for index, (text, columns, height) in enumerate(row):
            while spanning.take(len(line)):
                line.append("")
            # What the last cell spans is empty to the right of it.
            for offset in range(columns if index < len(row) - 1 else 1):
                if height > 1 and len(line) < MAX_COLUMNS:
                    spanning.rows_left[len(line)] = height - 1
                line.append(text if offset == 0 else "")
        grid.append(line)
        for column in [c for c, left in spanning.rows_left.items() if left and c >= len(line)]:
            spanning.rows_left[column] -= 1
    grid = [line for line in grid if any(line)]
    width = max(map(len, grid), default=0)
    filled = {column for line in grid for column, text in enumerate(line) if text}
    kept = [column for column in range(width) if column in filled]
    return [[line[c] if c < len(line) else "" for c in kept] for line in grid]


def to_markdown(grid: list[list[str]]) -> str:
    """A rectangle of texts as a Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in grid]
    lines.insert(1, "|" + " --- |" * len(grid[0]))
    return "\n".join(lines)
