"""A page's whole content tree, nothing left out, for tests of what comes after the parser."""

import numpy as np

from extractors.html import content_tree
from extractors.html.content import main_content
from extractors.html.content.tape import read
from extractors.html.page import Page, parse
from extractors.html.tree import Element


def whole_page(html: str) -> tuple[Element, Page]:
    """The body of ``html`` with every block in it, and its page."""
    page = parse(html)
    blocks = main_content.read_blocks(page)
    return content_tree.build(page, blocks, np.ones(len(blocks), np.bool_)), page


def empty_page() -> Page:
    """A page for trees that are made by hand."""
    return Page(tape=read(b"<body></body>"))
