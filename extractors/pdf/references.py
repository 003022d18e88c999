"""Finds a document's list of references, so that a recipe can keep it or cut it."""

import re
from collections.abc import Sequence

from extractors.pdf.blocks import Block
from extractors.pdf.kinds import SECTION_NUMBER, Kind

HEADINGS = re.compile(
    r"(?:references(?: and notes)?|bibliography|literature(?: cited)?|works cited|literatur"
    r"|literaturverzeichnis|bibliographie|r\u00e9f\u00e9rences|referencias|bibliograf\u00eda)",
    re.IGNORECASE,
)
MIN_START_RATIO = 0.3
"""References stand in the last part of a text; a chapter of that name may open one."""


def without_references(blocks: Sequence[Block]) -> list[Block]:
    """The blocks without each list of references: its heading, and all up to the next heading."""
    kept: list[Block] = []
    is_inside = False
    for index, block in enumerate(blocks):
        if block.kind is Kind.HEADING:
            name = SECTION_NUMBER.sub("", block.text).strip(" .:")
            is_late = index >= MIN_START_RATIO * len(blocks)
            is_inside = is_late and HEADINGS.fullmatch(name) is not None
        if not is_inside or block.kind is Kind.NOTE:
            kept.append(block)
    return kept
