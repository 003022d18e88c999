"""Writes blocks as Markdown, with heading levels from the outline, numbers or sizes."""

import re
from collections.abc import Iterator, Sequence

from extractors.pdf.blocks import Block
from extractors.pdf.kinds import BULLET_SIGN, HEADING_SIZE_RATIO, Kind, key_of

MAX_LEVEL = 6
NUMBER = re.compile(r"^(?:\d{1,2}|[A-Z])((?:\.\d{1,2})*)\.?\s+(?=\S)")
RUNNING_TEXT_CHARS = 200
BIGGER_THAN_SECTION_RATIO = 1.05


def written(blocks: Sequence[Block], body: float, outline: dict[str, int]) -> Iterator[str]:
    """Each block as Markdown. ``outline`` gives levels, from 1, by ``key_of`` a heading."""
    title = title_of(blocks, body)
    names = _author_lines(blocks, title, outline)
    sizes = sorted(
        {
            block.size
            for block in blocks
            if block.kind is Kind.HEADING and block is not title and id(block) not in names
        },
        reverse=True,
    )
    for block in blocks:
        if id(block) in names:
            yield block.text
        elif block.kind is Kind.HEADING:
            level = (
                1 if block is title else _level(block, sizes, outline, has_title=title is not None)
            )
            yield "#" * level + " " + block.text
        elif block.kind is Kind.CODE:
            fence = "```"
            while fence in block.text:
                fence += "`"
            yield f"{fence}\n{block.text}\n{fence}"
        elif block.kind is Kind.TABLE:
            yield _table(block.rows)
        elif block.kind is Kind.PAGE:
            yield block.text
        elif block.text:
            yield BULLET_SIGN.sub("- ", block.text)


def title_of(blocks: Sequence[Block], body: float) -> Block | None:
    """The document's title: the biggest heading, when it stands before any running text."""
    headings = [block for block in blocks if block.kind is Kind.HEADING]
    opening = _opening_headings(blocks)
    if not opening:
        return None
    title = max(opening, key=lambda block: block.size)
    others = [block.size for block in headings if block is not title]
    is_biggest = title.size >= BIGGER_THAN_SECTION_RATIO * max(others, default=0)
    return title if is_biggest and title.size >= HEADING_SIZE_RATIO * body else None


def _opening_headings(blocks: Sequence[Block]) -> list[Block]:
    """The headings that stand before any running text."""
    opening: list[Block] = []
    for block in blocks:
        if block.kind is Kind.PARAGRAPH and len(block.text) > RUNNING_TEXT_CHARS:
            break
        if block.kind is Kind.HEADING:
            opening.append(block)
    return opening


def _author_lines(
    blocks: Sequence[Block], title: Block | None, outline: dict[str, int]
) -> set[int]:
    """Ids of the lines below a title that are set large and are no headings: authors, dates."""
    if title is None:
        return set()
    return {
        id(block)
        for block in _opening_headings(blocks)
        if block is not title
        and not block.is_bold
        and not block.text[:1].isdigit()
        and key_of(block.text) not in outline
        and block.text.strip(".: ").lower()
        not in ("abstract", "contents", "summary", "introduction")
    }


def _level(block: Block, sizes: list[float], outline: dict[str, int], *, has_title: bool) -> int:
    number = NUMBER.match(block.text)
    level = outline.get(key_of(block.text))
    if level is None and number:
        level = outline.get(key_of(block.text[number.end() :])) or 1 + number.group(1).count(".")
    if level is None:
        level = 1 + sizes.index(block.size)
    return min(MAX_LEVEL, level + has_title)


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)
