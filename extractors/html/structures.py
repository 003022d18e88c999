"""How many formulas, listings and tables a page holds, whether or not they are kept."""

import numpy as np
import numpy.typing as npt

from extractors.html import content_tree
from extractors.html.content.blocks import Blocks
from extractors.html.content.tape import TAG_OF_NAME, TEXT
from extractors.html.mathematics.formulas import RAW_FORMULA, Formula
from extractors.html.page import Page
from extractors.html.tree import Element, unescape
from extractors.html.writing import tables

TABLE = TAG_OF_NAME["table"]
FORMULA_STARTS = (b"$", b"\\(", b"\\[", b"\\begin", b"tex]", b"math]")
Counts = npt.NDArray[np.int32]

DOLLAR, BACKSLASH, BRACKET = b"$\\]"


def count(page: Page, blocks: Blocks, raw_formulas: Counts) -> None:
    """Set the page's numbers of formulas, code blocks and data tables, hidden ones included."""
    num_formulas = sum(isinstance(leaf, Formula) for leaf in page.leaves)
    page.num_code_blocks = len(page.leaves) - num_formulas
    page.num_formulas = num_formulas + int(raw_formulas.sum())
    page.num_tables = _count_tables(page, blocks)


def raw_formulas_of(page: Page, blocks: Blocks) -> Counts:
    """The number of formulas that stand as delimited TeX in the text of each block, (b,)."""
    counts = np.zeros(len(blocks), np.int32)
    tape = page.tape
    if not any(start in tape.markup for start in FORMULA_STARTS):
        return counts
    data = np.frombuffer(tape.markup, np.uint8)
    rows = np.flatnonzero((tape.tag == TEXT) & (blocks.of_node >= 0))
    starts, stops = tape.start[rows], tape.stop[rows]
    marks = np.flatnonzero((data == DOLLAR) | (data == BACKSLASH) | (data == BRACKET))
    for place in np.unique(np.searchsorted(starts, marks, "right") - 1):
        text = tape.markup[starts[place] : stops[place]] if place >= 0 else b""
        if any(start in text for start in FORMULA_STARTS):
            found = sum(1 for _ in RAW_FORMULA.finditer(unescape(text.decode())))
            counts[blocks.of_node[rows[place]]] += found
    return counts


def _count_tables(page: Page, blocks: Blocks) -> int:
    everything = np.ones(len(blocks), np.bool_)
    count = end = 0
    for row in np.flatnonzero(page.tape.tag == TABLE).tolist():
        if row >= end:  # the outermost: those inside are met in its tree
            end = int(page.tape.end[row])
            count += _data_tables(content_tree.build(page, blocks, everything, row))
    return count


def _data_tables(element: Element) -> int:
    is_data = element.tag == "table" and tables.is_data_table(element, tables.rows_of(element))
    return is_data + sum(
        _data_tables(child) for child in element.children if isinstance(child, Element)
    )
