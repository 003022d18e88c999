"""Reads who wrote a turn, when, its votes, whether it was accepted, and how deep it stands."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from extractors.html.threads import thread_names as names
from extractors.html.threads.thread_metadata import MAX_AUTHOR_CHARS, clean_author, number_in
from extractors.html.threads.thread_structure import (
    Outline,
    is_author,
    is_date,
    name_in,
    text_of,
)
from extractors.html.tree import Element

AUTHOR_ATTRIBUTES = (
    *("data-author", "data-username", "data-user-name", "data-poster-name", "data-author-name"),
    *("data-poster", "data-comment-author", "author", "data-user", "data-name"),
)
DATE_ATTRIBUTES = ("created-timestamp", "data-created", "data-date", "data-timestamp")
VOTE_ATTRIBUTES = ("score", "data-score", "data-votes", "data-vote-count", "data-points")
COUNT_ATTRIBUTES = ("data-value", "data-score", "data-count", "value")
DEPTH_ATTRIBUTES = ("depth", "data-depth", "data-level", "aria-level", "data-nest-level", "indent")
"""Attributes of turns in XenForo, Reddit, Hacker News and web components, as their names go."""

DEPTH_NAME = re.compile(r"(?:^|[\s_-])(?:depth|level|nested|indent)[-_]?(\d{1,3})(?:\s|$)")
MAX_DEPTH_DIGITS = 3

UNKNOWN = 9
"""Rank of what was not found; lower ranks are believed before higher ones."""

MAX_CARD_ELEMENTS = 60
"""Elements of a user's card that are looked through for the name (ours)."""

MAX_VOTE_CHARS = 40
SECONDS_DIGITS = 10
MILLISECONDS_DIGITS = 13
EDIT_WORDS = frozenset(("edit", "edited", "lastedit", "editinfo", "editor"))
NAME_TAGS = frozenset(("a", "b", "strong", "dt", "h3", "h4", "h5"))
HIDING_NAMES = frozenset((("d", "none"), ("hidden",), ("hide",)))
NO_ACCEPTANCE = frozenset(("accept", "button", "can", "no", "title", "list"))
"""Words that make a name with "accepted" or "solution" a control or a heading."""

MEMBER_SINCE = re.compile(r"\b(?:join|joined|registered|member since|registriert)", re.IGNORECASE)
YEAR = re.compile(r"(?:19|20)\d\d")
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
DATE_LEAD = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s*)?"
    r"(?:\d{1,2}:\d\d\s*(?:[ap]m)?,?\s*(?:on\s*)?)?$",
    re.IGNORECASE,
)
"""What belongs to a date before its day: the name of the day, or the time."""


@dataclass(frozen=True)
class Facts:
    """What is said of one turn, None where nothing is; and the numbers of the elements that do."""

    author: str | None
    published_at: str | None
    votes: int | None
    is_accepted: bool
    elements: tuple[int, ...]


def facts_of(outline: Outline, container: int, own: list[int], body: list[int]) -> Facts:
    """Read the facts of the turn in element ``container``.

    ``own`` are the numbers of its elements without those of turns nested in it; ``body`` those of
    what was written, which is not looked into.
    """
    seen = _outside(outline, own, body)
    attributes = outline.elements[container].attributes
    author, author_at = _author_of(outline, attributes, seen)
    date, date_at = _date_of(outline, attributes, seen)
    return Facts(
        author=author,
        published_at=date,
        votes=_votes_of(outline, attributes, seen),
        is_accepted=_is_accepted(outline, container, seen),
        elements=tuple(number for number in (author_at, date_at) if number is not None),
    )


def _outside(outline: Outline, own: list[int], body: list[int]) -> list[int]:
    """The elements of ``own`` outside ``body`` and outside notes of who edited the turn."""
    skipped = set(body)
    seen: list[int] = []
    skip_until = -1
    for number in own:
        if number < skip_until:
            continue
        label = outline.elements[number].names
        is_edit = names.has_word(label, EDIT_WORDS) and names.is_furniture(label)
        if number in skipped or is_edit:
            skip_until = outline.ends[number]
        else:
            seen.append(number)
    return seen


def _author_of(
    outline: Outline, attributes: dict[str, str | None], seen: list[int]
) -> tuple[str | None, int | None]:
    told = _first_of(attributes, AUTHOR_ATTRIBUTES)
    if told is not None and not told.isdigit() and told[0] not in "{[<" and clean_author(told):
        return clean_author(told), None
    best: tuple[int, str | None, int | None] = (UNKNOWN, None, None)
    for number in seen:
        element = outline.elements[number]
        if is_author(element):
            rank = _author_rank(element)
            if rank < best[0]:
                name = clean_author(_name_on(outline, number))
                if name and not names.DATE_TEXT.fullmatch(name):
                    best = (rank, name, number)
        elif best[1] is None and names.is_user_card(element.names):
            name, at = _name_on_card(outline, number)
            best = (UNKNOWN - 1, name, at) if name else best
    return best[1], best[2]


def _author_rank(element: Element) -> int:
    """Microdata before names of classes before links to profiles."""
    if (element.attributes.get("itemprop") or "") in ("author", "creator"):
        return 1
    if "author" in (element.attributes.get("rel") or ""):
        return 2
    return 2 if names.has_head(element.names, "author") else 3


def _name_on(outline: Outline, number: int) -> str:
    """A name: microdata's, else a link's in a larger card, else the element's own text."""
    element = outline.elements[number]
    inner = [outline.elements[below] for below in outline.below(number)[:MAX_CARD_ELEMENTS]]
    for below in inner:
        if below.attributes and "name" in (below.attributes.get("itemprop") or "").split():
            return below.attributes.get("content") or text_of(below, MAX_AUTHOR_CHARS)
    if element.tag != "a":
        for below in inner:
            if is_author(below) and (name := name_in(below, 2 * MAX_AUTHOR_CHARS)):
                return name
    return name_in(element, 4 * MAX_AUTHOR_CHARS)


def _name_on_card(outline: Outline, number: int) -> tuple[str | None, int | None]:
    """The first short text in a user's card that is marked up as a name may be."""
    for below in outline.below(number)[:MAX_CARD_ELEMENTS]:
        element = outline.elements[below]
        if element.tag in NAME_TAGS:
            name = clean_author(name_in(element, 2 * MAX_AUTHOR_CHARS))
            if name and not names.DATE_TEXT.search(name):
                return name, below
    return None, None


def _date_of(
    outline: Outline, attributes: dict[str, str | None], seen: list[int]
) -> tuple[str | None, int | None]:
    told = _day_of(_first_of(attributes, DATE_ATTRIBUTES))
    if told:
        return told, None
    best: tuple[int, str | None, int | None] = (UNKNOWN, None, None)
    on_cards = _on_cards(outline, seen)
    for number in seen:
        element = outline.elements[number]
        if best[0] > 1 and is_date(element) and number not in on_cards:
            rank, found = _date_in(element)
            if found and rank < best[0]:
                best = (rank, found, number)
    return best[1], best[2]


def _on_cards(outline: Outline, seen: list[int]) -> set[int]:
    """The elements that tell since when the writer is a member, not when the turn was written."""
    found: set[int] = set()
    until = -1
    for number in seen:
        label = outline.elements[number].names
        if number >= until and names.has_word(label, names.MEMBERSHIP_WORDS):
            until = outline.ends[number]
        if number < until:
            found.add(number)
    return found


def _date_in(element: Element) -> tuple[int, str | None]:
    """The rank of a date and the date: the first publication before others, stamps before text."""
    attributes = element.attributes
    stamp = _first_of(attributes, ("datetime", "content"))
    item = attributes.get("itemprop") or ""
    if stamp and stamp[:4].isdigit():
        is_first = item in ("datePublished", "dateCreated", "commentTime")
        return (1 if is_first else 4 if item == "dateModified" else 2), stamp
    text = text_of(element, 2 * names.MAX_DATE_CHARS)
    match = names.DATE_TEXT.search(text) if len(text) <= names.MAX_DATE_CHARS else None
    if match is not None and MEMBER_SINCE.search(text):
        return UNKNOWN, None
    if match is not None and YEAR.search(text):
        return 3, _trim_date(text, match.start())
    title = attributes.get("title") or ""
    if len(title) <= names.MAX_DATE_CHARS and names.DATE_TEXT.search(title):
        return 2, title.strip()
    return (UNKNOWN, None) if match is None else (4, _trim_date(text, match.start()))


def _trim_date(text: str, start: int) -> str:
    """The date without the words before it ("Posted:", "on")."""
    lead = DATE_LEAD.search(text[:start])
    return text[lead.start() if lead else start :].strip(" ,|\u00b7\u00bb\u2022")


def _day_of(stamp: str | None) -> str | None:
    """``stamp``, with seconds or milliseconds since 1970 turned into an ISO date."""
    if stamp is None or not (stamp.isascii() and stamp.isdigit()):
        return stamp
    if len(stamp) not in (SECONDS_DIGITS, MILLISECONDS_DIGITS):
        return None
    moment = datetime.fromtimestamp(int(stamp[:SECONDS_DIGITS]), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _votes_of(outline: Outline, attributes: dict[str, str | None], seen: list[int]) -> int | None:
    votes = number_in(_first_of(attributes, VOTE_ATTRIBUTES) or "")
    for number in seen:
        if votes is not None:
            break
        element = outline.elements[number]
        if _is_vote(element):
            told = _first_of(element.attributes, COUNT_ATTRIBUTES)
            votes = number_in(told or text_of(element, MAX_VOTE_CHARS))
    return votes


def _is_vote(element: Element) -> bool:
    if not element.attributes:
        return False
    if (element.attributes.get("itemprop") or "") in ("upvoteCount", "voteCount"):
        return True
    label = element.names
    return names.has_head(label, "vote") and any(
        not names.VOTE_MARKS.isdisjoint(words) and names.REPUTATION_WORDS.isdisjoint(words)
        for words in names.names_in(label)
    )


def _is_accepted(outline: Outline, container: int, seen: list[int]) -> bool:
    attributes = outline.elements[container].attributes
    if attributes and attributes.get("itemprop") == "acceptedAnswer":
        return True
    return any(_says_accepted(outline.elements[number].names) for number in (container, *seen))


def _says_accepted(label: str) -> bool:
    """Whether a class says so itself ("accepted-answer"), and is not hidden as a template."""
    all_words = names.names_in(label) if label else ()
    if any(words in HIDING_NAMES or "not" in words for words in all_words):
        return False
    return any(
        (not names.ACCEPTED_WORDS.isdisjoint(words) or words == ("best", "answer"))
        and NO_ACCEPTANCE.isdisjoint(words)
        for words in all_words
    )


def depth_in(elements: Iterable[Element]) -> int | None:
    """The nesting that attributes or classes of any of ``elements`` give, first come first."""
    for element in elements:
        if not element.attributes:
            continue
        value = _first_of(element.attributes, DEPTH_ATTRIBUTES)
        if value is not None and value.isascii() and value.isdigit():
            return int(value[:MAX_DEPTH_DIGITS])
        match = DEPTH_NAME.search(element.names)
        if match is not None:
            return int(match.group(1))
    return None


def short_date(published_at: str) -> str:
    """The day of an ISO date, anything else as it is."""
    return published_at[:10] if ISO_DATE.match(published_at) else published_at


def _first_of(attributes: dict[str, str | None], keys: tuple[str, ...]) -> str | None:
    if not attributes:
        return None
    found = (value.strip() for key in keys if (value := attributes.get(key)))
    return next((value for value in found if value), None)
