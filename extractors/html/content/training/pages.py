"""The pages of a development set with their blocks, labels and weights."""

import gzip
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from extractors import charset
from extractors.html.content import main_content, page_signals
from extractors.html.content.blocks import WORDS, Blocks
from extractors.html.content.tape import TEXT, Tape
from extractors.html.content.training import labels
from extractors.html.mathematics.formulas import Formula
from extractors.html.page import Page, parse
from extractors.html.tree import unescape

Floats = npt.NDArray[np.float64]

IS_CONTENT_SHARE = 0.5
WEIGHT_EXPONENT = 0.7
"""A block weighs its words to this power: errors count by words, but not a long block's alone
(0.5 and 1 were tried)."""

PAGE_WEIGHTS = {
    **dict.fromkeys(("web", "article", "forum"), 1.0),
    **dict.fromkeys(("docs",), 0.4),
    **dict.fromkeys(("snip",), 0.3),
    **dict.fromkeys(("fixture",), 0.25),
    **dict.fromkeys(("math", "code"), 0.12),
}
"""By group of kinds: what is templated or generated says less than pages as they are."""


@dataclass(frozen=True, kw_only=True)
class LabelledPage:
    """A page's arrays, its truth, and for each block a label (0 or 1) and a weight, (b,)."""

    id: str
    kind: str
    site: str
    truth: dict[str, Any]
    tape: Tape
    blocks: Blocks
    texts: list[str]
    signals: Floats
    title: npt.NDArray[np.uint64]
    summary: npt.NDArray[np.uint64]
    is_content: Floats
    weight: Floats

    @property
    def main(self) -> str | None:
        """The true main text, where the set has it whole."""
        text: str | None = self.truth.get("main_markdown") or self.truth.get("main_text")
        return text or None


def load(dataset: Path) -> list[LabelledPage]:
    """All pages of the set that have a truth for main content, in its order."""
    with gzip.open(dataset / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        truths = [json.loads(line) for line in lines]
    with tarfile.open(dataset / "pages.tar.xz", "r:xz") as archive:
        bodies = {
            Path(member.name).stem: source.read()
            for member in archive
            if (source := archive.extractfile(member)) is not None
        }
    pages = [label(truth, bodies[truth["id"]]) for truth in truths]
    return [page for page in pages if len(page.blocks)]


def label(truth: dict[str, Any], body: bytes) -> LabelledPage:
    """One page with its labels; blocks that the truth says nothing of weigh nothing."""
    page = parse(charset.decode(body, is_html=True))
    blocks = main_content.read_blocks(page)
    texts = block_texts(page, blocks)
    words = np.maximum(blocks.counts[:, WORDS], 1) ** WEIGHT_EXPONENT
    main = truth.get("main_markdown") or truth.get("main_text")
    if main:
        is_content = (labels.shares(texts, main) >= IS_CONTENT_SHARE).astype(np.float64)
        weight = words
    else:
        wanted = [snippet for snippet in truth.get("snippets") or () if snippet.strip()]
        unwanted = [snippet for snippet in truth.get("boilerplate") or () if snippet.strip()]
        is_content = np.array([float(any(s in text for s in wanted)) for text in texts])
        is_judged = is_content + [float(any(s in text for s in unwanted)) for text in texts] > 0
        weight = np.where(is_judged, words, 0.0)
    total = float(weight.sum())
    group = truth["kind"].partition("/")[0]
    return LabelledPage(
        id=truth["id"],
        kind=truth["kind"],
        site=_site(truth.get("url")),
        truth=truth,
        tape=page.tape,
        blocks=blocks,
        texts=texts,
        signals=page_signals.signals(page, truth.get("url")),
        title=page_signals.title_words(page),
        summary=page_signals.summary_words(page),
        is_content=is_content,
        weight=weight / max(total, 1e-9) * PAGE_WEIGHTS.get(group, 0.0),
    )


def block_texts(page: Page, blocks: Blocks) -> list[str]:
    """The text of each block, formulas and listings as their sources."""
    pieces: list[list[str]] = [[] for _ in range(len(blocks))]
    tape = page.tape
    for row in np.flatnonzero(blocks.of_node >= 0):
        source = tape.markup[tape.start[row] : tape.stop[row]].decode()
        if tape.tag[row] == TEXT:
            text = unescape(source)
        else:
            leaf = page.leaves[int(source)]
            text = f" {leaf.tex} " if isinstance(leaf, Formula) else leaf.text
        pieces[blocks.of_node[row]].append(text)
    return ["".join(found) for found in pieces]


def _site(url: str | None) -> str:
    """The last two labels of a host: what folds are cut by, so that no site is on both sides."""
    host = urlsplit(url or "").hostname or ""
    return ".".join(host.split(".")[-2:])
