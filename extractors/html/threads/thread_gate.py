"""Which pages are worth the search for a thread, which costs as much as all else."""

import re

import numpy as np

from extractors.html.content.page_signals import states_article
from extractors.html.content.tape import hash_of
from extractors.html.page import Page
from extractors.html.threads import thread_metadata

MIN_TURN_WORDS = 2
MIN_TOKENS = 120
"""A page with fewer words in classes and ids names nothing, and is searched in any case (ours)."""

TURN_NOUNS = (
    *("post", "comment", "reply", "answer", "message", "question", "response", "topic", "thread"),
)
AUTHOR_NOUNS = (
    *("author", "user", "username", "poster", "nick", "nickname", "avatar", "creator", "member"),
)
TURN_HASHES, AUTHOR_HASHES = (
    np.array([hash_of(noun + ending) for noun in nouns for ending in ("", "s")], np.uint64)
    for nouns in (TURN_NOUNS, AUTHOR_NOUNS)
)
THREAD_ADDRESS = re.compile(
    "forum|thread|topic|question|/t/|discuss|comments|answers|community|bbs"
)
COMMENT_HASH = np.uint64(hash_of("comment"))
MIN_ARTICLE_COMMENTS = 3
"""An article has a comment section only if its classes speak of comments so often (ours)."""


def may_hold_thread(page: Page, url: str | None) -> bool:
    """Whether ``page`` is worth a search.

    An article is searched for comments if its classes speak of them. On other pages a word of a
    thread must stand anywhere in the source (see :mod:`survey`), and then one in the address, in
    what the page states, or in the classes of some turns and of an author. Of the development
    pages with a thread 113 of 115 pass, of the others one in six.
    """
    if page.may_hold_thread and (_has_thread_address(page, url) or _states_thread(page)):
        return True
    tokens = page.tape.token_hash
    if states_article(page):
        return int((tokens == COMMENT_HASH).sum()) >= MIN_ARTICLE_COMMENTS
    if not page.may_hold_thread or len(tokens) < MIN_TOKENS:
        return page.may_hold_thread
    num_turns = int(np.isin(tokens, TURN_HASHES).sum())
    return num_turns >= MIN_TURN_WORDS and bool(np.isin(tokens, AUTHOR_HASHES).any())


def _has_thread_address(page: Page, url: str | None) -> bool:
    addresses = [url, *(link.get("href") for link in page.links if link.get("rel") == "canonical")]
    return any(address and THREAD_ADDRESS.search(address.lower()) for address in addresses)


def _states_thread(page: Page) -> bool:
    return any(kind in text for text in page.json_ld for kind in thread_metadata.THREAD_TYPES)
