"""Finds the main content: prunes page furniture, then narrows to what holds the text.

Rules on tags, roles, class names and link density, in the line of Readability and jusText; every
rule that goes by a name is overruled when the named part holds most of the page. A later model of
blocks replaces this module alone.
"""

import re
from dataclasses import dataclass, field

from extractors.html.tree import HEADINGS, Element, Node, Page

FURNITURE_TAGS = frozenset(("nav", "footer", "aside", "menu", "noscript"))
FURNITURE_ROLES = frozenset(
    [
        "navigation",
        "banner",
        "contentinfo",
        "complementary",
        "search",
        "dialog",
        "alertdialog",
        "menu",
        "menubar",
        "toolbar",
        "tablist",
        "tooltip",
    ]
)
FURNITURE_NAME = re.compile(
    r"(?:^|[\s_-])(?:"
    r"nav\w*|\w*navbar|\w*navigation|menu\w*|\w*menu|sidebar\w*|side-?bar|\w*breadcrumbs?|crumbs?|"
    r"footer\w*|\w*cookies?\w*|consent|gdpr|banner|share\w*|sharing|social\w*|\w*sharebar|"
    r"related\w*|recommend\w*|recommended|more-?(?:stories|news|from)|newsletter\w*|subscri\w*|"
    r"promo\w*|advert\w*|ads?|adsbygoogle|sponsor\w*|popup\w*|modal\w*|overlay|pagination|pager|"
    r"paging|widgets?|login|log-?in|signup|sign-?up|search\w*|searchform|skip\w*|copyright|masthead|"
    r"toolbar|editsection|headerlink|noprint|printfooter|catlinks|tags?|tag-?(?:list|links|cloud)|"
    r"trending|popular|most-?(?:read|popular)|author-?bio|bio|sr-only|visually-?hidden|"
    r"screen-reader-text|offscreen|prev-?next|post-?nav\w*|toc|table-of-contents|tooltip|viewcode-\w+|dropdown\w*|rating|feedback|metadata"
    r")(?:$|[\s_-])",
    re.IGNORECASE,
)
COMMENT_NAME = re.compile(
    r"(?:^|[\s_-])(?:comments?|comment-?(?:list|form|area|thread)|respond|replies|disqus\w*)(?:$|[\s_-])",
    re.IGNORECASE,
)
ARTICLE_TYPE = re.compile(r'"@type"\s*:\s*\[?\s*"(?:News|Reportage)?(?:Article|BlogPosting)"')
"""Comments are furniture of an article and the content of a forum: see ``_comment_chars``."""

MAJORITY = 0.5
"""Share of a page's text above which a part is content whatever its name says (ours)."""

COMMENT_MAJORITY = 0.5
"""Share of a page's text in comments above which they are its content (ours)."""

MAX_LINK_RATIO = 0.6
"""Share of a block's text in links above which it is navigation; running prose stays below 0.3
on the development pages."""

MAX_LINK_BLOCK_CHARS = 3000
MIN_LINKS = 3
MAX_MARK_CHARS = 2
CONTAINER_RATIO = 0.85
"""The main element is the smallest that holds this share of the page's content (ours)."""

MIN_BLOCK_CHARS = 80
"""A run of text outside links counts as content from this length: a sentence, not a label."""

LEAF_CHARS = 120
"""What a formula or a listing counts for: it is content wherever it stands."""

LINK_BLOCKS = frozenset(
    [
        "ul",
        "ol",
        "dl",
        "div",
        "section",
        "table",
        "tr",
        "td",
        "p",
        "span",
        "center",
        "form",
        "fieldset",
        "header",
    ]
)


def find_main(page: Page) -> Element:
    """The element that holds the page's main content, with furniture below it removed.

    Changes the tree of ``page``. Returns the body itself when nothing smaller holds the content.
    The page's headline is put back in front when it stood outside.
    """
    body = page.body
    total_chars = max(1, _content_chars(body))
    is_forum = not any(ARTICLE_TYPE.search(text) for text in page.json_ld) and (
        _comment_chars(body) > COMMENT_MAJORITY * total_chars
    )
    _Pruning(total_chars, is_forum).prune(body, is_inside_article=False)
    main = _narrow(body)
    if main is not body and _first_headline(main) is None:
        headline = _first_headline(body)
        if headline is not None:
            main.children.insert(0, headline)
    return main


def _first_headline(element: Element) -> Element | None:
    for child in element.children:
        if isinstance(child, Element):
            found = child if child.tag == "h1" else _first_headline(child)
            if found is not None:
                return found
    return None


def _comment_chars(element: Element) -> int:
    """Content of the outermost elements that are named as comments."""
    chars = 0
    for child in element.children:
        if isinstance(child, Element):
            is_comment = len(child.label) > 1 and COMMENT_NAME.search(child.label) is not None
            chars += _content_chars(child) if is_comment else _comment_chars(child)
    return chars


def _content_chars(element: Element) -> int:
    return element.text_chars - element.link_chars + LEAF_CHARS * element.num_leaves


@dataclass(frozen=True)
class _Pruning:
    """One page's pruning: ``total_chars`` of content in all, and whether comments belong to it."""

    total_chars: int
    is_forum: bool
    judged_labels: dict[str, bool] = field(default_factory=dict)

    def prune(self, element: Element, *, is_inside_article: bool) -> None:
        """Remove furniture below ``element`` and bring its counts up to date."""
        kept: list[Node] = []
        is_inside_article = is_inside_article or element.tag in ("article", "main")
        text_chars = link_chars = num_leaves = num_direct_leaves = run_chars = weight = 0
        for child in element.children:
            if isinstance(child, str):
                if not child.isspace():
                    text_chars += len(child)
                    run_chars += len(child)
            elif isinstance(child, Element):
                if self._is_furniture(child, is_inside_article=is_inside_article):
                    continue
                self.prune(child, is_inside_article=is_inside_article)
                if _is_link_block(child):
                    continue
                inside_links = child.text_chars if child.tag == "a" else child.link_chars
                text_chars += child.text_chars
                link_chars += inside_links
                num_leaves += child.num_leaves
                if child.tag in INLINE_TAGS:
                    run_chars += child.text_chars - inside_links
                    num_direct_leaves += child.num_leaves
                else:
                    weight += child.weight
            else:
                num_leaves += 1
                num_direct_leaves += 1
            kept.append(child)
        element.children[:] = kept
        element.text_chars, element.link_chars, element.num_leaves = (
            text_chars,
            link_chars,
            num_leaves,
        )
        run_chars += LEAF_CHARS * num_direct_leaves
        element.weight = weight + (run_chars if run_chars >= MIN_BLOCK_CHARS else 0)

    def _is_furniture(self, element: Element, *, is_inside_article: bool) -> bool:
        tag = element.tag
        if tag in HEADINGS or tag in ("html", "main", "code", "a"):
            return tag == "a" and _is_anchor_mark(element)
        is_named = (
            tag in FURNITURE_TAGS
            or (element.attributes.get("role") or "") in FURNITURE_ROLES
            or (tag == "header" and not is_inside_article and _first_headline(element) is None)
            or (
                len(element.label) > 1
                and not element.num_leaves  # "code-toolbar"; furniture holds no formulas
                and self._has_furniture_name(element.label)
            )
        )
        if not is_named:
            return False
        return _content_chars(element) < MAJORITY * self.total_chars

    def _has_furniture_name(self, label: str) -> bool:
        judged = self.judged_labels.get(label)
        if judged is None:
            judged = FURNITURE_NAME.search(label) is not None or (
                not self.is_forum and COMMENT_NAME.search(label) is not None
            )
            self.judged_labels[label] = judged
        return judged


def _is_anchor_mark(link: Element) -> bool:
    """Whether a link is the pilcrow or hash beside a heading."""
    return link.text_chars <= MAX_MARK_CHARS and all(
        isinstance(child, str) and child.strip() in ("\xb6", "#", "\u00a7", "")
        for child in link.children
    )


def _is_link_block(element: Element) -> bool:
    """Whether a pruned block is a list of links rather than text with links in it."""
    if element.tag not in LINK_BLOCKS or element.num_leaves:
        return False
    if element.text_chars == 0 or element.text_chars > MAX_LINK_BLOCK_CHARS:
        return False
    return (
        element.link_chars > MAX_LINK_RATIO * element.text_chars
        and _num_links(element) >= MIN_LINKS
    )


def _num_links(element: Element) -> int:
    return sum(
        1 if child.tag == "a" else _num_links(child)
        for child in element.children
        if isinstance(child, Element)
    )


def _narrow(body: Element) -> Element:
    """Descend while one child holds CONTAINER_RATIO of the content."""
    main = body
    while True:
        children = [child for child in main.children if isinstance(child, Element)]
        heaviest = max(children, key=lambda child: child.weight, default=None)
        if heaviest is None or heaviest.weight < max(1.0, CONTAINER_RATIO * body.weight):
            return main
        if (
            heaviest.tag in ("p", "table", "ul", "ol", "dl", "blockquote")
            or heaviest.tag in HEADINGS
        ):
            return main
        main = heaviest


INLINE_TAGS = frozenset(
    [
        "a",
        "b",
        "i",
        "em",
        "strong",
        "code",
        "span",
        "font",
        "u",
        "sub",
        "sup",
        "small",
        "tt",
        "kbd",
        "mark",
        "abbr",
        "cite",
        "q",
    ]
)
