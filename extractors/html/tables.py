"""Tells data tables from layout and lays data tables out as rectangles of cells."""

from extractors.html.tree import HEADINGS, Element

MAX_SPAN = 50
MIN_SIDE = 2
MAX_COLUMNS = 100
MAX_CELL_CHARS = 500
"""A cell with more text is a column of a layout (ours)."""

BLOCK_TAGS = HEADINGS | frozenset(
    ["table", "ul", "ol", "dl", "pre", "blockquote", "article", "section", "form", "p"]
)


def rows_of(table: Element) -> list[list[Element]]:
    """The cells of each row, in order; a nested table's rows are not taken for this one's."""
    rows: list[list[Element]] = []
    for child in table.children:
        if not isinstance(child, Element):
            continue
        if child.tag == "tr":
            rows.append([cell for cell in child.children if _is_cell(cell)])  # type: ignore[misc]
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows.extend(rows_of(child))
    return [row for row in rows if row]


def _is_cell(node: object) -> bool:
    return isinstance(node, Element) and node.tag in ("td", "th")


def is_data_table(table: Element, rows: list[list[Element]]) -> bool:
    """Whether Markdown can show ``table``: two rows and columns or more, short plain cells."""
    if (table.attributes.get("role") or "") in ("presentation", "none"):
        return False
    if len(rows) < MIN_SIDE or not MIN_SIDE <= max(map(len, rows)) <= MAX_COLUMNS:
        return False
    return all(
        cell.text_chars <= MAX_CELL_CHARS and not _has_blocks(cell) for row in rows for cell in row
    )


def _has_blocks(cell: Element) -> bool:
    """Whether a cell holds more than one paragraph or anything that is not a line of text."""
    blocks = [c for c in cell.children if isinstance(c, Element) and c.tag in BLOCK_TAGS]
    if len(blocks) > 1 or any(block.tag != "p" for block in blocks):
        return True
    return any(
        _has_blocks(child)
        for child in cell.children
        if isinstance(child, Element) and child.tag != "p"
    )


def span(cell: Element, name: str) -> int:
    """``colspan`` or ``rowspan`` of a cell, 1 when absent or not a sensible number."""
    value = (cell.attributes.get(name) or "1").strip()
    return min(MAX_SPAN, max(1, int(value))) if value.isascii() and value.isdigit() else 1


def to_markdown(rows: list[list[tuple[str, int, int]]]) -> str:
    """Rows of ``(text, colspan, rowspan)`` as a Markdown table; the first row is its head.

    A spanning cell's text stands once, in its first place, with empty cells for the rest.
    """
    grid: list[list[str]] = []
    occupied: dict[int, int] = {}
    for row in rows:
        line: list[str] = []
        pending = list(row)
        while pending or any(column >= len(line) for column in occupied):
            column = len(line)
            if column in occupied:
                occupied[column] -= 1
                if not occupied[column]:
                    del occupied[column]
                line.append("")
            elif pending:
                text, columns, height = pending.pop(0)
                for offset in range(columns):
                    line.append(text if offset == 0 else "")
                    if height > 1:
                        occupied[column + offset] = height - 1
            else:
                line.append("")
        grid.append(line)
    width = max(map(len, grid))
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in grid]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)
