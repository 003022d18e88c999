"""Finds the main content of a page: classified blocks, kept whole where a cut would garble them."""

import numpy as np
import numpy.typing as npt

from extractors.html.content import blocks as blocks_module
from extractors.html.content import classifier
from extractors.html.content.blocks import (
    CHARS,
    CODES,
    FORMULAS,
    HIDDEN_CHARS,
    LINK_WORDS,
    WORDS,
    Blocks,
)
from extractors.html.content.tape import TAG_OF_NAME
from extractors.html.mathematics.formulas import Formula
from extractors.html.page import Page

Mask = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]

TABLE, H1 = TAG_OF_NAME["table"], TAG_OF_NAME["h1"]
FURNITURE = tuple(TAG_OF_NAME[name] for name in ("nav", "footer", "menu"))
MIN_TABLE_BLOCKS = 2
MAX_TABLE_BLOCK_WORDS = 60
"""A table with a longer cell is a layout, which may be cut (ours)."""

MAX_HIDDEN_RATIO = 0.5
"""Above this share of a page in hidden elements, a script would have shown them (ours)."""


MAX_TABLE_LINK_RATIO = 0.5
TABLE_BONUS = 2.0
"""Log-odds that a table of short cells, few of them links, is given: like a listing, it is worth
more than what it costs to keep (ours)."""

MIN_PANEL_SCORE = 0.5
MIN_PANEL_WORDS = 30
"""A hidden element of so many words may be a panel that a script shows (a tab, a part that streams
in), and is kept from the log-odds before on; a smaller one is dropped, whatever it says (ours)."""

MIN_FURNITURE_SCORE = 3.0
"""Log-odds from which a block is kept that its page calls navigation or footer (ours)."""

MIN_LEAF_SCORE = -3.0
"""Log-odds from which a block with a formula or a listing is kept: furniture holds neither, and a
proof without a line, or a tutorial without its code, is worth less than a stray example (ours)."""

SMALL_PAGE_BLOCKS = 20
MIN_HEADLINE_SCORE = -1.0
"""Log-odds from which the only h1 of a page that is not small is kept: sets of articles leave
titles out of their truth, sets of documentation keep them, and to a reader it belongs."""

MIN_TURN_SCORE = -1.0
"""Log-odds below which a block inside of what somebody wrote is a control or a signature all the
same. Lower than elsewhere: that it stands in a turn says more than its looks (of -3, -2, -1 and
-0.4, this gave the best F1 on both sets of forums)."""

MAX_DISTANCE_TO_BEST = 1.0


def read_blocks(page: Page) -> Blocks:
    """The blocks of a page, formulas and listings counted with their sources' lengths."""
    sizes = [len(leaf.tex if isinstance(leaf, Formula) else leaf.text) for leaf in page.leaves]
    return blocks_module.read(page.tape, np.array([*sizes, 0], np.int32))


def scores(page: Page, blocks: Blocks, url: str | None) -> Scores:
    """Log-odds that each block is main content, the same for all blocks of a data table, (b,)."""
    if not len(blocks):
        return np.zeros(0)
    return _judge_tables_whole(page, blocks, classifier.score(page, blocks, url))


def choose(page: Page, blocks: Blocks, found: Scores, raw_formulas: npt.NDArray[np.int32]) -> Mask:
    """Which blocks are main content, (b,); ``raw_formulas`` counts delimited TeX by block.

    Never all False where some block may be chosen: the best is, with those about as good. A page's
    one headline belongs to it, wherever it stands.
    """
    least = np.full(len(blocks), classifier.THRESHOLD)
    least[_holds_leaf(blocks, raw_formulas)] = MIN_LEAF_SCORE
    is_furniture = _inside(page, blocks, FURNITURE)
    least[is_furniture] = MIN_FURNITURE_SCORE
    is_hidden, is_panel = _hidden(page, blocks)
    least[is_hidden] = np.inf
    least[is_panel] = MIN_PANEL_SCORE
    is_kept = found >= least
    if not is_kept.any() and np.isfinite(found).any():
        return np.asarray(found >= found.max() - MAX_DISTANCE_TO_BEST)
    if is_kept.any():
        is_headline = _headline(page, blocks) & ~is_hidden & np.isfinite(found)
        if len(blocks) > SMALL_PAGE_BLOCKS:
            is_headline &= found >= MIN_HEADLINE_SCORE
        is_kept |= is_headline
    return is_kept


def choose_in_turns(blocks: Blocks, found: Scores, raw_formulas: npt.NDArray[np.int32]) -> Mask:
    """Which blocks stay where they stand in somebody's turn, (b,)."""
    return np.asarray(
        found >= np.where(_holds_leaf(blocks, raw_formulas), MIN_LEAF_SCORE, MIN_TURN_SCORE)
    )


def _holds_leaf(blocks: Blocks, raw_formulas: npt.NDArray[np.int32]) -> Mask:
    return np.asarray(blocks.counts[:, FORMULAS] + blocks.counts[:, CODES] + raw_formulas > 0)


def _headline(page: Page, blocks: Blocks) -> Mask:
    """The blocks of the page's h1, where it has exactly one."""
    rows = np.flatnonzero(page.tape.tag == H1)
    chosen = np.zeros(len(blocks), np.bool_)
    if len(rows) == 1:
        chosen[blocks.first[rows[0]] : blocks.last[rows[0]]] = True
    return chosen


def _inside(page: Page, blocks: Blocks, tags: tuple[int, ...]) -> Mask:
    chosen = np.zeros(len(blocks), np.bool_)
    for row in np.flatnonzero(np.isin(page.tape.tag, tags)):
        chosen[blocks.first[row] : blocks.last[row]] = True
    return chosen


def _hidden(page: Page, blocks: Blocks) -> tuple[Mask, Mask]:
    """Blocks in hidden elements, and those of them in elements that hold a panel's worth.

    None where most of the page is hidden: then a script would show it.
    """
    is_hidden = np.zeros(len(blocks), np.bool_)
    is_panel = np.zeros(len(blocks), np.bool_)
    rows = np.flatnonzero(page.tape.flags)
    if not len(rows):
        return is_hidden, is_panel
    chars, hidden = blocks.counts[:, CHARS], blocks.counts[:, HIDDEN_CHARS]
    if hidden.sum() > MAX_HIDDEN_RATIO * chars.sum():
        return is_hidden, is_panel
    is_hidden = hidden >= np.maximum(chars, 1)
    for row in rows:
        inside = slice(blocks.first[row], blocks.last[row])
        if blocks.counts[inside, WORDS].sum() >= MIN_PANEL_WORDS:
            is_panel[inside] = True
    return is_hidden & ~is_panel, is_hidden & is_panel


def _judge_tables_whole(page: Page, blocks: Blocks, scores: Scores) -> Scores:
    """One score, the mean by words, for all blocks of a table of short cells."""
    words = np.maximum(blocks.counts[:, WORDS], 1)
    for row in np.flatnonzero(page.tape.tag == TABLE):
        first, last = int(blocks.first[row]), int(blocks.last[row])
        if last - first < MIN_TABLE_BLOCKS or words[first:last].max() > MAX_TABLE_BLOCK_WORDS:
            continue
        scores[first:last] = np.average(scores[first:last], weights=words[first:last])
        if (
            blocks.counts[first:last, LINK_WORDS].sum()
            < MAX_TABLE_LINK_RATIO * words[first:last].sum()
        ):
            scores[first:last] += TABLE_BONUS
    return scores
