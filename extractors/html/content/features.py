"""What a block is judged by: itself, its neighbours, the elements around it, its likes, the page.

Every feature is a count, a ratio of counts or a sum of table entries, so that the same page gives
the same numbers on every processor. Legend of shapes: n nodes, b blocks, f features, w words.
"""

import numpy as np
import numpy.typing as npt

from extractors.html.content.blocks import Blocks
from extractors.html.content.feature_kernel import fill
from extractors.html.content.page_signals import NUM_SIGNALS
from extractors.html.content.tape import TAG_OF_NAME, Tape, hash_of

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]

NUM_LEVELS = 5
"""Ancestors described, counting only those that hold more blocks than the one below."""

NEIGHBOURS = (-2, -1, 1, 2)
FLAG_NAMES = (
    *("nav", "header", "footer", "aside", "main", "article", "form", "table", "ul", "ol", "dl"),
    *("figure", "blockquote", "section", "button", "details", "noscript", "label", "menu"),
)
"""Elements of which it counts whether the block stands inside."""

GROUPS = {
    **dict.fromkeys(("p",), 1), **dict.fromkeys(("li",), 2), **dict.fromkeys(("td",), 3),
    **dict.fromkeys(("th", "caption"), 4), **dict.fromkeys(("dt", "dd"), 5), "div": 6,
    **dict.fromkeys(("section", "article", "main", "body", "center"), 7),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), 8), "figcaption": 9, "blockquote": 10,
    "pre": 11, **dict.fromkeys(("button", "form", "legend", "fieldset", "summary"), 12),
    **dict.fromkeys(("nav", "footer", "header", "aside", "menu"), 13),
}  # fmt: skip
TAG_GROUP = np.zeros(256, np.int64)
for _name, _group in GROUPS.items():
    TAG_GROUP[TAG_OF_NAME[_name]] = _group
HEADING_LEVEL = np.zeros(256, np.int64)
for _level in range(1, 7):
    HEADING_LEVEL[TAG_OF_NAME[f"h{_level}"]] = _level
FLAG_OF_TAG = np.full(256, -1, np.int64)
for _index, _name in enumerate(FLAG_NAMES):
    FLAG_OF_TAG[TAG_OF_NAME[_name]] = _index

KNOWN_WORDS = (
    (
        *("nav", "navbar", "navigation", "menu", "menubar", "sidebar", "breadcrumb", "breadcrumbs"),
        *("crumb", "crumbs", "footer", "cookie", "cookies", "consent", "gdpr", "banner", "share"),
        *("sharing", "social", "sharebar", "newsletter", "subscribe", "subscription", "promo"),
        *("promotion", "advert", "advertisement", "ads", "ad", "adsbygoogle", "sponsor"),
        *("sponsored", "popup", "modal", "overlay", "pagination", "pager", "paging", "widget"),
        *("widgets", "login", "signin", "signup", "search", "skip", "copyright", "masthead"),
        *("toolbar", "trending", "popular", "topbar", "toc", "tooltip", "dropdown", "aside"),
    ),
    (
        *("related", "recommend", "recommended", "recommendation", "recommendations", "suggested"),
        *("similar", "more", "upnext", "readmore", "recirculation", "recirc", "teaser", "promoted"),
    ),
    ("comment", "comments", "respond", "replies", "reply", "disqus", "discussion", "reviews"),
    (
        *("content", "article", "post", "entry", "story", "body", "text", "main", "markdown"),
        *("prose", "richtext", "description", "message", "answer", "question", "articlebody"),
    ),
)
"""Words in classes and ids: furniture, pointers to other pages, comments, content (in the line of
Readability's and jusText's lists). They add to what training finds in classes of its own pages."""
NUM_KNOWN = len(KNOWN_WORDS)


def open_table(values: dict[int, float], slots: int) -> tuple[Hashes, Floats]:
    """An open-addressed table of ``slots`` (a power of two) places; empty ones hold hash 0."""
    hashes, found = np.zeros(slots, np.uint64), np.zeros(slots)
    for hashed in sorted(values):
        slot = hashed & (slots - 1)
        while hashes[slot]:
            slot = (slot + 1) & (slots - 1)
        hashes[slot], found[slot] = hashed, values[hashed]
    return hashes, found


KNOWN_TABLE = open_table(
    {hash_of(word): float(kind) for kind, words in enumerate(KNOWN_WORDS) for word in words}, 1024
)

OWN = (
    *("words", "chars", "link_ratio", "links", "digit_ratio", "upper_ratio", "stops", "commas"),
    *("bars", "long_word_ratio", "chars_per_word", "stops_per_word", "formulas", "codes"),
    *("bold_ratio", "breaks", "ends_in_stop", "starts_upper", "inputs", "images", "wide_ratio"),
    *("hidden_ratio", "button_ratio", "times", "capitalized_ratio", "starts_digit"),
    *("tag_group", "heading_level", "depth"),
)
CHAIN = ("own", "parent", "min", "max", "sum", "near_sum")
LEXICAL = ("sum", "mean", "min", "max")
LEVEL = ("words", "link_ratio", "blocks", "prose_ratio", "words_before_ratio", "odds")
PLACE = (
    *("index_ratio", "words_before_ratio", "blocks_before", "blocks_after", "in_main50"),
    *("in_main85", "main85_words_ratio", "is_title", "blocks_since_title", "words_since_title"),
    *("has_title", "title_overlap", "description_overlap", "words_since_heading"),
    *("last_heading_level", "window_words", "window_link_ratio", "window_odds"),
    *("last_heading_odds", "prose_before_ratio", "prose_after_ratio", "is_wrapped_in_link"),
    "meeting_words_ratio",
)
NEIGHBOUR = ("words", "link_ratio", "tag_group", "odds", "stops", "is_sibling")
LIKE = ("blocks", "words_ratio", "mean_words", "link_ratio", "odds", "index_ratio")
WHOLE = ("words", "blocks", "link_ratio", "words_per_block", "prose_ratio", "headings", "inputs")

FEATURE_NAMES = (
    *OWN,
    *(f"inside_{name}" for name in FLAG_NAMES),
    *(f"class_{name}" for name in CHAIN),
    *(f"known{kind}_{name}" for kind in range(NUM_KNOWN) for name in ("distance", "count")),
    *(f"word_{name}" for name in LEXICAL),
    *(f"level{level}_{name}" for level in range(NUM_LEVELS) for name in LEVEL),
    *PLACE,
    *(f"at{distance:+}_{name}" for distance in NEIGHBOURS for name in NEIGHBOUR),
    *(f"like{kind}_{name}" for kind in (1, 3) for name in LIKE),
    "same_text_blocks",
    *(f"page_{name}" for name in WHOLE),
    *(f"page_flag{number}" for number in range(NUM_SIGNALS)),
)
NUM_FEATURES = len(FEATURE_NAMES)


def describe(
    tape: Tape,
    blocks: Blocks,
    *,
    class_odds: tuple[Hashes, Floats],
    word_odds: tuple[Hashes, Floats],
    title: Hashes,
    description: Hashes,
    page_flags: Floats,
) -> Floats:
    """The features of every block, (b, f).

    ``class_odds`` and ``word_odds`` are open-addressed tables of evidence for content; ``title``
    and ``description`` are sorted hashes of the words of the page's title and summary.
    """
    return fill(
        tape.tag,
        tape.parent,
        tape.own_hash,
        tape.token_node,
        tape.token_hash,
        blocks.home,
        blocks.first,
        blocks.last,
        blocks.counts,
        blocks.text_hash,
        blocks.word_block,
        blocks.word_hash,
        class_odds[0],
        class_odds[1],
        word_odds[0],
        word_odds[1],
        title,
        description,
        page_flags,
        KNOWN_TABLE[0],
        KNOWN_TABLE[1],
        TAG_GROUP,
        HEADING_LEVEL,
        FLAG_OF_TAG,
        NUM_FEATURES,
    )
