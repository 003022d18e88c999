"""The trained judgement of which blocks of a page are its main content.

The model is a file in this package, trained by ``content.training``; its card says on what.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from extractors.html.content import context, features, page_signals
from extractors.html.content.blocks import Blocks
from extractors.html.content.forest import Forest
from extractors.html.page import Page

MODEL_FILE = Path(__file__).parent / "models" / "main_content.npz"
THRESHOLD = -0.4
"""Log-odds from which a block is kept. Below zero: a page's F1 is best when blocks are kept from
about half of the F1 that can be reached (cross-validated on the development set)."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Evidence of class tokens and words, and the two forests."""

    class_odds: tuple[npt.NDArray[np.uint64], Floats]
    word_odds: tuple[npt.NDArray[np.uint64], Floats]
    first: Forest
    second: Forest


@cache
def load() -> Model:
    """The model of the package. Raises FileNotFoundError where the package lacks it."""
    with np.load(MODEL_FILE) as arrays:
        return Model(
            (arrays["class_hashes"], arrays["class_odds"].astype(np.float64)),
            (arrays["word_hashes"], arrays["word_odds"].astype(np.float64)),
            *(
                Forest(
                    arrays[f"{name}_feature"].astype(np.uint16),
                    arrays[f"{name}_threshold"],
                    arrays[f"{name}_value"],
                )
                for name in ("first", "second")
            ),
        )


def score(page: Page, blocks: Blocks, url: str | None) -> Floats:
    """Log-odds that each block belongs to the main content, (b,)."""
    model = load()
    own = features.describe(
        page.tape,
        blocks,
        class_odds=model.class_odds,
        word_odds=model.word_odds,
        title=page_signals.title_words(page),
        description=page_signals.summary_words(page),
        page_flags=page_signals.signals(page, url),
    )
    first = model.first.score(own)
    around = context.describe(page.tape, blocks, first)
    return model.second.score(np.concatenate((own, around), axis=1))
