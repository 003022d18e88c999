"""A thread's turns as nodes to be rendered: who speaks, then what was written."""

import numpy as np
import numpy.typing as npt

from extractors.html import content_tree
from extractors.html.content.blocks import Blocks
from extractors.html.page import Page
from extractors.html.threads.threads import Post, Thread, header_of
from extractors.html.tree import Element, Node

Mask = npt.NDArray[np.bool_]

REPLY_MARK = "\u21b3"
"""Stands before the header of a reply once for each level of nesting."""


def nodes(page: Page, blocks: Blocks, is_kept: Mask, thread: Thread) -> tuple[list[Node], int]:
    """The title, and for each turn who speaks and its body; and how many turns have text left."""
    found: list[Node] = []
    num_kept = 0
    is_said = np.zeros(len(blocks), np.bool_)
    if thread.title:
        found.append(_made("h1", thread.title))
    for post in thread.posts:
        body = body_of(page, blocks, is_kept, is_said, post)
        if not body:
            continue
        header = " ".join(filter(None, (REPLY_MARK * min(post.depth, 8), header_of(post))))
        if header:
            found.append(_made("p", header))
        found.extend(body)
        num_kept += 1
    return found, num_kept


def body_of(page: Page, blocks: Blocks, is_kept: Mask, is_said: Mask, post: Post) -> list[Element]:
    """What was written in a turn; empty when nothing of it is left.

    ``is_said`` is all False, and is again afterwards: with an array of its own for each turn, a
    long thread would cost its square.
    """
    spans = [slice(blocks.first[part.row], blocks.last[part.row]) for part in post.body]
    for span in spans:
        is_said[span] = is_kept[span]
    for element in post.excluded:
        is_said[blocks.first[element.row] : blocks.last[element.row]] = False
    body = [
        content_tree.build(page, blocks, is_said, element.row)
        for element, span in zip(post.body, spans, strict=True)
        if is_said[span].any()
    ]
    for span in spans:
        is_said[span] = False
    return body


def outside_comments(blocks: Blocks, thread: Thread) -> npt.NDArray[np.bool_]:
    """Which blocks stand in no comment, (b,); an article that opens a thread is none."""
    is_outside = np.ones(len(blocks), np.bool_)
    for post in thread.posts:
        if post.kind == "comment":
            is_outside[blocks.first[post.element.row] : blocks.last[post.element.row]] = False
    return is_outside


def _made(tag: str, text: str) -> Element:
    element = Element(tag)
    element.children.append(text)
    return element
