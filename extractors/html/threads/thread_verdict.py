"""Decides whether a page's turns are a thread, an article's comments, or no turns at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from extractors.html.page import Page
from extractors.html.threads import thread_metadata as metadata
from extractors.html.threads import thread_names as names
from extractors.html.threads.thread_groups import Turns
from extractors.html.threads.thread_structure import Outline
from extractors.html.tree import Element

MIN_ARTICLE_CHARS = 800
"""Prose outside the turns from which comments may be those of an article (ours)."""

PAIR = 2
MAX_TURNS_READ = 3
"""Turns whose classes are read for the words that name turns (ours)."""

MIN_VOTED_SHARE = 1 / 3
"""Share of comments with votes from which they are the page's content (ours)."""

MIN_SIGNED_SHARE = 0.6
"""Share of turns with author and date that makes parts named as posts a thread where the page says
nothing else of being one: cards of a blog rarely name both (ours)."""


@dataclass(frozen=True)
class Signs:
    """Counts over the posts: all, with votes, with author and date; and whether one asks."""

    num_posts: int
    num_voted: int
    num_signed: int
    is_asked: bool


def judge_thread(
    outline: Outline,
    turns: Turns,
    signs: Signs,
    declared: metadata.PageTypes,
    page: Page,
) -> Literal["thread", "comments", "neither"]:
    """Whether the turns are a thread, readers' comments below an article, or no turns at all."""
    microdata = {
        metadata.last_part(element.attributes.get("itemtype") or "")
        for element in outline.elements
        if element.attributes and "itemtype" in element.attributes
    }
    is_faq = "FAQPage" in declared.types | microdata
    if not is_faq and (declared.types | microdata) & metadata.THREAD_TYPES:
        return "thread" if signs.num_posts else "neither"
    if signs.num_posts < PAIR:
        return "neither"
    is_forum = metadata.has_forum_address(page) or _stands_in_forum(outline, turns)
    is_declared_article = bool((declared.types | microdata) & metadata.ARTICLE_TYPES)
    is_article = is_declared_article or metadata.is_of_type(page, "article")
    words = _words_of_turns(outline, turns)
    is_comments = not words.isdisjoint(names.COMMENT_WORDS) and words.isdisjoint(
        ("post", "message", "answer")
    )
    if is_comments:
        is_thread = (
            is_forum
            or signs.is_asked
            or (signs.num_voted >= MIN_VOTED_SHARE * signs.num_posts and not is_article)
            or (not is_declared_article and _are_most_of_page(outline, turns))
        )
        return "thread" if is_thread else "comments"
    is_named = any(group.is_named for group in turns.groups.values())
    is_turn = not words.isdisjoint(names.FORUM_WORDS) and words.isdisjoint(names.BLOG_WORDS)
    is_signed = signs.num_signed >= MIN_SIGNED_SHARE * signs.num_posts
    is_thread = not words.isdisjoint(("answer", "question")) or (
        is_named and (is_forum or (is_signed and is_turn and not is_article))
    )
    return "thread" if is_thread else "neither"


def _are_most_of_page(outline: Outline, turns: Turns) -> bool:
    """Whether next to the turns the page holds no article."""
    inside = sum(outline.prose_of(number) for number, around in turns.outer().items() if around < 0)
    return outline.prose[-1] - inside < MIN_ARTICLE_CHARS and names.PAGE_WORDS.isdisjoint(
        _words_around(outline, turns)
    )


def _words_of_turns(outline: Outline, turns: Turns) -> set[str]:
    """The words of the names of the groups, and of the classes of first turns and their parts."""
    words: set[str] = set()
    for group in turns.groups.values():
        words.update(names.words_of(group.name))
    for number in turns.numbers[:MAX_TURNS_READ]:
        for child in outline.elements[number].children:
            if isinstance(child, Element):
                words.update(*names.names_in(child.names))
        for name in names.names_in(outline.elements[number].names):
            words.update(name)
    return words


def _words_around(outline: Outline, turns: Turns) -> set[str]:
    """The words of names before the first turn, where an article would stand."""
    return {
        word
        for number in range(turns.numbers[0])
        for name in names.names_in(outline.elements[number].names)
        for word in name
    }


def _stands_in_forum(outline: Outline, turns: Turns) -> bool:
    """Whether an element around the first turn is named as a thread, a topic or a forum."""
    return any(
        not names.THREAD_WORDS.isdisjoint(words) and names.COMMENT_WORDS.isdisjoint(words)
        for number in _ancestors(outline, outline.parents[turns.numbers[0]])
        for words in names.names_in(outline.elements[number].label)
    )


def _ancestors(outline: Outline, number: int) -> Iterable[int]:
    while number >= 0:
        yield number
        number = outline.parents[number]
