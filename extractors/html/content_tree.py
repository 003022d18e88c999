"""Rows of a tape back to a tree of Python objects, for the part of a page that is kept."""

import re

import numpy as np
import numpy.typing as npt

from extractors.html.content.blocks import Blocks
from extractors.html.content.tape import FIRST_NAME, NAMES, OTHER, TEXT
from extractors.html.page import Page
from extractors.html.tree import Element, unescape

TAG_NAMES = (*("", "", "", "x-element"), *NAMES)
HEADING_ROLE = 'role="heading"'
HEADING_LEVEL = re.compile(r'aria-level="([1-6])"')


def build(page: Page, blocks: Blocks, is_kept: npt.NDArray[np.bool_], root: int = 0) -> Element:
    """The subtree at row ``root`` with the blocks that are kept and the elements around them.

    White space and void elements between kept content stay: they part words.
    """
    tape = page.tape
    markup = tape.markup
    stop_row = int(tape.end[root])
    low, high = int(blocks.first[root]), int(blocks.last[root])  # only these lie in the subtree
    kept_before = np.concatenate(([0], np.cumsum(is_kept[low:high])))
    of_node = blocks.of_node[root:stop_row]
    first, last = blocks.first[root:stop_row] - low, blocks.last[root:stop_row] - low
    holds = kept_before[last] > kept_before[first]
    tag_of = tape.tag[root:stop_row]
    is_text = tag_of < OTHER
    is_leafless = tape.end[root:stop_row] == np.arange(root + 1, stop_row + 1)
    if len(is_kept):
        wanted = np.where(
            is_text,
            np.where(of_node >= 0, is_kept[np.maximum(of_node, 0)], True),
            holds | is_leafless,
        )
    else:
        wanted = is_text & (of_node < 0)
    tags, ends = tag_of.tolist(), tape.end[root:stop_row].tolist()
    starts, stops = tape.start[root:stop_row].tolist(), tape.stop[root:stop_row].tolist()
    keep = wanted.tolist()
    top = Element(
        TAG_NAMES[tags[0]], serialised=_attributes(markup, tags[0], starts[0], stops[0]), row=root
    )
    stack = [(top.children, stop_row)]
    children, end = stack[-1]
    row, size = 1, stop_row - root
    while row < size:
        while row + root >= end:
            stack.pop()
            children, end = stack[-1]
        if not keep[row]:
            row = ends[row] - root
            continue
        tag = tags[row]
        if tag == TEXT:
            text = markup[starts[row] : stops[row]].decode()
            children.append(unescape(text) if "&" in text else text)
        elif tag < OTHER:
            children.append(page.leaves[int(markup[starts[row] : stops[row]])])
        else:
            attributes = _attributes(markup, tag, starts[row], stops[row])
            name = TAG_NAMES[tag]
            if HEADING_ROLE in attributes:
                level = HEADING_LEVEL.search(attributes)
                name = f"h{level.group(1)}" if level else "h2"
            element = Element(name, serialised=attributes, row=row + root)
            children.append(element)
            if ends[row] > row + root + 1:
                children, end = element.children, ends[row]
                stack.append((children, end))
        row += 1
    return top


def _attributes(markup: bytes, tag: int, start: int, stop: int) -> str:
    if stop <= start:
        return ""
    text = markup[start:stop].decode()
    # Of an element that has no number of its own, the name stands in front.
    return text.partition(" ")[2] if tag < FIRST_NAME else text
