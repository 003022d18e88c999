"""The blocks of a Markdown document and where they stand, as far as finding questions needs them.

Code fences and display formulas stay whole. A line of a paragraph or list may be a block of its own
(``lines_of``), since labels such as "Answer:" begin lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "code", "formula", "quote", "table", "item", "rule", "text"]

_FENCE = re.compile(r" *(?:[-*+] +)?(`{3,}|~{3,})")
_HEADING = re.compile(r"(#{1,6}) +(?=\S)")
_ITEM = re.compile(r" *(?:[-*+] +|\(?\d{1,3}[.)] +)(?=\S)")
_RULE = re.compile(r" *(?:-{3,}|\*{3,}|_{3,}) *$")
_LINE = re.compile(r"[^\n]*\n|[^\n]+$")


@dataclass(frozen=True, slots=True)
class Block:
    """``text`` without spaces around is ``document[start:end]``; ``level`` of a heading, else 0."""

    kind: BlockKind
    start: int
    end: int
    text: str
    level: int = 0


def split_blocks(document: str) -> list[Block]:
    """All blocks in order; what is between them is white space."""
    return list(_blocks(document))


def lines_of(document: str) -> list[Block]:
    """As ``split_blocks``, but each line of paragraphs, lists and quotes is a block."""
    found: list[Block] = []
    for block in split_blocks(document):
        if block.kind not in ("text", "item", "quote") or "\n" not in block.text:
            found.append(block)
            continue
        for line in _LINE.finditer(block.text):
            if line.group().strip():
                kind = _kind_of(line.group()) if block.kind != "quote" else "quote"
                found.append(_made(kind, document, block.start + line.start(), line.group()))
    return found


def _blocks(document: str) -> Iterator[Block]:
    lines = list(_LINE.finditer(document))
    place = 0
    while place < len(lines):
        line = lines[place].group()
        if not line.strip():
            place += 1
            continue
        last = place
        kind = _kind_of(line)
        if kind == "code":
            last = _fence_end(lines, place)
        elif kind == "formula":
            last = _formula_end(lines, place)
        elif kind not in ("heading", "rule"):
            while last + 1 < len(lines) and _continues(lines[last + 1].group(), kind):
                last += 1
        start = lines[place].start()
        yield _made(kind, document, start, document[start : lines[last].end()])
        place = last + 1


def _kind_of(line: str) -> BlockKind:  # noqa: PLR0911 - a line a kind
    bare = line.lstrip()
    if _FENCE.match(line):
        return "code"
    if _HEADING.match(line):
        return "heading"
    if bare.startswith("$$"):
        return "formula"
    if bare.startswith(">"):
        return "quote"
    if bare.startswith("|"):
        return "table"
    if _RULE.match(line):
        return "rule"
    return "item" if _ITEM.match(line) else "text"


def _continues(line: str, kind: BlockKind) -> bool:
    """Whether ``line`` goes on with a block of ``kind``."""
    if not line.strip():
        return False
    found = _kind_of(line)
    if kind in ("quote", "table"):
        return found == kind
    return found in ("text", "item")


def _fence_end(lines: list[re.Match[str]], place: int) -> int:
    """The line that closes the fence opened at ``place``; the last line where none does."""
    opening = _FENCE.match(lines[place].group())
    mark = opening.group(1) if opening else "```"
    for number in range(place + 1, len(lines)):
        bare = lines[number].group().strip()
        if len(bare) >= len(mark) and set(bare) == {mark[0]}:
            return number
    return len(lines) - 1


def _formula_end(lines: list[re.Match[str]], place: int) -> int:
    """The line that closes the display formula; its own where it never does."""
    marks = 0
    for number in range(place, len(lines)):
        marks += lines[number].group().count("$$")
        if marks % 2 == 0:
            return number
        if not lines[number].group().strip():
            break
    return place


def _made(kind: BlockKind, document: str, start: int, raw: str) -> Block:
    start += len(raw) - len(raw.lstrip())
    text = raw.strip()
    heading = _HEADING.match(text)
    level = len(heading.group(1)) if kind == "heading" and heading else 0
    return Block(kind, start, start + len(text), document[start : start + len(text)], level)
