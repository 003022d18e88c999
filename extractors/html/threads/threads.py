"""Finds the thread on a page of a forum, a question-and-answer site or a comment tree.

Turns are repeated parts that each hold an author, a date or both, and text. Any class, identifier
pattern, element name or microdata type that repeats proposes a group of parts; the group whose
parts look most like turns wins, with a say for what its name means
(:mod:`thread_names`). So Stack Exchange, Discourse, phpBB, vBulletin, XenForo,
Reddit, Hacker News, NodeBB, Flarum, Invision, Lemmy and their like need no rule of their own.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from extractors.html.page import Page
from extractors.html.threads import thread_facts, thread_metadata
from extractors.html.threads import thread_names as names
from extractors.html.threads.thread_body import find_written
from extractors.html.threads.thread_groups import Group, Turns, find_groups, own_numbers
from extractors.html.threads.thread_metadata import PREFIX_LETTERS, Described, PageTypes, prefix_of
from extractors.html.threads.thread_opening import Opening, find_opening
from extractors.html.threads.thread_structure import Outline, lay_out, text_of
from extractors.html.threads.thread_verdict import Signs, judge_thread
from extractors.html.tree import HEADINGS, Element

Kind = Literal["question", "answer", "comment", "post"]


@dataclass(frozen=True, kw_only=True)
class Post:
    """One turn of a thread.

    ``element`` holds the whole turn; ``body`` what was written, in order, and never the same text
    twice. ``excluded`` are elements inside ``body`` (or ``element``) that are not part of it:
    signatures, controls, the turns nested below. ``author``, ``published_at`` and ``votes`` are
    None when the page does not say; ``published_at`` is an ISO date if the page gives one, else
    the page's own words. ``depth`` is 0 at the top and grows with each reply.
    """

    element: Element
    body: tuple[Element, ...]
    excluded: tuple[Element, ...]
    kind: Kind
    author: str | None
    published_at: str | None
    votes: int | None
    is_accepted: bool
    depth: int


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A page's turns in the order to be read: a question first, each answer with its comments.

    ``is_comment_section`` says that they are readers' comments below an article, which is the
    page's content: the caller leaves them out or appends them. ``title`` is None without a
    heading.
    """

    title: str | None
    posts: tuple[Post, ...]
    is_comment_section: bool

    def __len__(self) -> int:
        return len(self.posts)


TITLE_SEPARATOR = re.compile(r"\s+[|:\u00b7\u2013\u2014-]\s+")
MAX_TITLE_CHARS = 300
MIN_TITLE_LETTERS = 4
"""A shorter heading is in many a title by chance (ours)."""

MARKUP_FACTOR = 8
"""Characters read for each letter that identifies a text: markup and spaces are many (ours)."""

MAX_DEPTH_ELEMENTS = 12
"""Elements at the start of a turn that may say its depth (ours)."""


def find_thread(body: Element, page: Page) -> Thread | None:
    """The thread on ``page``, whose whole content ``body`` is, or None if it holds none.

    Listings of topics, shops' reviews and articles are no threads; an article's comments are a
    thread with ``is_comment_section``. A single turn is a thread only if schema.org metadata says
    so. Nothing is changed in the tree, and no tree makes it raise.
    """
    outline = lay_out(body)
    declared = thread_metadata.read_json_ld(page.json_ld)
    is_declared = bool(declared.types & thread_metadata.THREAD_TYPES)
    found = find_groups(outline, is_declared=is_declared)
    if not found:
        return None
    turns = Turns(outline)
    for group in found:
        turns.add(group)
    opening = find_opening(outline, turns, declared)
    title = _title_of(outline, page)
    posts = _build_posts(outline, turns, opening, declared)
    posts = tuple(post for post in posts if not _is_title(post, title))
    verdict = judge_thread(outline, turns, _signs_of(posts), declared, page)
    if verdict == "neither":
        return None
    return Thread(title=title, posts=posts, is_comment_section=verdict == "comments")


def header_of(post: Post, *, has_date: bool = False) -> str:
    """The line of Markdown above a turn: ``**ann**``, its votes, "accepted answer".

    What is not known is left out, and so is a count of no votes; the empty string if nothing is
    known. With ``has_date`` the date follows the author. Middle dots stand between the parts.
    """
    parts = [f"**{post.author}**"] if post.author else []
    if has_date and post.published_at:
        parts.append(thread_facts.short_date(post.published_at))
    if post.votes:
        parts.append(f"{post.votes} vote" + ("s" if abs(post.votes) != 1 else ""))
    if post.is_accepted:
        parts.append("accepted answer")
    return " \xb7 ".join(parts)


def _build_posts(
    outline: Outline,
    turns: Turns,
    opening: Opening | None,
    declared: PageTypes,
) -> tuple[Post, ...]:
    outers = turns.outer()
    nested: dict[int, list[int]] = defaultdict(list)
    for number in turns.numbers:
        if outers[number] >= 0:
            nested[outers[number]].append(number)
    by_prefix = {turn.prefix: turn for turn in declared.turns if turn.prefix}
    levels = _levels_by_group(outline, turns, outers)
    posts: list[Post] = []
    depths: dict[int, int] = {}
    if opening is not None:
        kind: Kind = "question" if _has_answers(turns, declared) else "post"
        posts.append(_with_description(_post(outline, opening, kind, 0), by_prefix))
    for place, number in enumerate(turns.numbers):
        own = own_numbers(outline, number, nested[number])
        written = find_written(outline, number, own, nested[number])
        around = outers[number]
        depth = depths[around] + 1 if around >= 0 else 0
        depths[number] = depth
        holds_all = place == 0 and len(nested[number]) == len(turns.numbers) - 1 > 1
        if not written.body or (holds_all and written.is_loose):  # a wrapper, named like a turn
            depths[number] = -1
            continue
        if around < 0 or turns.groups[around] is turns.groups[number]:
            said = thread_facts.depth_in(
                [outline.elements[own_number] for own_number in own[:MAX_DEPTH_ELEMENTS]]
            )
            depth = max(depth, levels.get(number, 0)) if said is None else max(depth, said)
        is_nested = around >= 0 and turns.groups[around] is not turns.groups[number]
        is_asked = place == 0 and opening is None and "QAPage" in declared.types
        kind = _kind_of(
            outline, number, turns.groups[number], is_asked=is_asked, is_nested=is_nested
        )
        posts.append(
            _with_description(_post(outline, Opening(number, written, own), kind, depth), by_prefix)
        )
    return _in_order(_settled(posts))


def _levels_by_group(outline: Outline, turns: Turns, outers: dict[int, int]) -> dict[int, int]:
    """Nesting by position in the tree, for groups of comments none of which holds another."""
    levels: dict[int, int] = {}
    by_group: dict[int, list[int]] = defaultdict(list)
    for number in turns.numbers:
        by_group[id(turns.groups[number])].append(number)
    for members in by_group.values():
        group = turns.groups[members[0]]
        if names.COMMENT_WORDS.isdisjoint(names.words_of(group.name)) or any(
            outers[number] >= 0 for number in members
        ):
            continue
        ranks = {
            level: rank for rank, level in enumerate(sorted({outline.levels[n] for n in members}))
        }
        levels.update({number: ranks[outline.levels[number]] for number in members})
    return levels


def _post(outline: Outline, part: Opening, kind: Kind, depth: int) -> Post:
    written = part.written
    facts = thread_facts.facts_of(
        outline, part.container, part.own, [] if written.is_loose else written.body
    )
    excluded = [*written.excluded, *(facts.elements if written.is_loose else ())]
    return Post(
        element=outline.elements[part.container],
        body=tuple(outline.elements[number] for number in written.body),
        excluded=tuple(outline.elements[number] for number in excluded),
        kind=kind,
        author=facts.author,
        published_at=facts.published_at,
        votes=facts.votes,
        is_accepted=facts.is_accepted,
        depth=depth,
    )


def _with_description(post: Post, by_prefix: dict[str, Described]) -> Post:
    """The post with what JSON-LD says of the turn that begins with the same text."""
    if not by_prefix:
        return post
    prefix = prefix_of(text_of(post.body[0], MARKUP_FACTOR * PREFIX_LETTERS))
    described = by_prefix.get(prefix)
    if described is None:
        return post
    return replace(
        post,
        author=described.author or post.author,
        published_at=described.published_at or post.published_at,
        votes=described.votes if described.votes is not None else post.votes,
        is_accepted=described.is_accepted or post.is_accepted,
    )


def _kind_of(
    outline: Outline, number: int, group: Group, *, is_asked: bool, is_nested: bool
) -> Kind:
    element = outline.elements[number]
    classes = names.names_in(element.names)
    words = {*names.words_of(group.name), *(word for name in classes for word in name)}
    declared = thread_metadata.type_of(element)
    if declared == "Question" or is_asked or ("question",) in classes:
        return "question"
    if declared == "Answer" or "answer" in words:
        return "answer"
    last = names.words_of(group.name)[-1:]
    is_named = any(len(name) == 1 and name[0] in names.COMMENT_WORDS for name in classes)
    is_typed = group.name[0] == "="  # forums give replies the type Comment
    is_comment = is_named or is_nested or not (is_typed or names.COMMENT_WORDS.isdisjoint(last))
    is_post = not is_named and not is_nested and not words.isdisjoint(("post", "message", "topic"))
    return "comment" if is_comment and not is_post else "post"


def _has_answers(turns: Turns, declared: PageTypes) -> bool:
    return "QAPage" in declared.types or any(
        group.name == "=Answer" or "answer" in names.words_of(group.name)
        for group in turns.groups.values()
    )


def _is_title(post: Post, title: str | None) -> bool:
    """Whether an unsigned post says nothing but the thread's title: a link's row, not a turn."""
    if post.author is not None or post.published_at is not None or not title:
        return False
    letters = thread_metadata.LETTERS.sub("", title)
    said = text_of(post.element, 2 * MAX_TITLE_CHARS)
    return thread_metadata.LETTERS.sub("", said) == letters


def _signs_of(posts: tuple[Post, ...]) -> Signs:
    return Signs(
        num_posts=len(posts),
        num_voted=sum(post.votes is not None for post in posts),
        num_signed=sum(post.author is not None and post.published_at is not None for post in posts),
        is_asked=bool(posts) and posts[0].kind == "question",
    )


def _settled(posts: list[Post]) -> list[Post]:
    """Without acceptance marks that stand on most answers: they are templates, not marks."""
    num_accepted = sum(post.is_accepted for post in posts)
    if num_accepted > 1 and num_accepted * 3 > len(posts):
        return [replace(post, is_accepted=False) for post in posts]
    return posts


def _in_order(posts: list[Post]) -> tuple[Post, ...]:
    first = next((place for place, post in enumerate(posts) if post.kind == "question"), 0)
    if first:
        return (posts[first], *posts[:first], *posts[first + 1 :])
    return tuple(posts)


def _title_of(outline: Outline, page: Page) -> str | None:
    """The heading that the page's title repeats, else the first h1, else the title."""
    title = thread_metadata.LETTERS.sub("", page.title).lower()
    longest = " ".join(max(TITLE_SEPARATOR.split(page.title), key=len).split())
    wanted = thread_metadata.LETTERS.sub("", longest).lower()
    first: str | None = None
    for element in outline.elements:
        if element.tag not in HEADINGS:
            continue
        text = text_of(element, MAX_TITLE_CHARS)
        letters = thread_metadata.LETTERS.sub("", text).lower()
        if element.tag == "h1" and first is None and text:
            first = text
        is_most = 2 * len(letters) > len(wanted)
        if len(letters) >= MIN_TITLE_LETTERS and letters in title and is_most:
            return text
    if first is None:
        return longest or None
    letters = thread_metadata.LETTERS.sub("", first).lower()
    is_site = title.endswith(letters) and letters not in wanted  # old Reddit: the forum's name
    return longest if is_site and longest else first
