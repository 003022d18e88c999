"""Finds the post that a thread answers, where its markup differs from that of the answers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from extractors.html.threads import thread_metadata as metadata
from extractors.html.threads import thread_names as names
from extractors.html.threads.thread_body import Written, find_written
from extractors.html.threads.thread_groups import (
    SKIPPED_TAGS,
    Turns,
    holds_any,
    is_aside,
    own_numbers,
    places_inside,
)
from extractors.html.threads.thread_structure import Outline, text_of
from extractors.html.tree import HEADINGS

MIN_OPENING_CHARS = 20
MIN_UNNAMED_OPENING_CHARS = 80
"""Text of an opening post that its name gives away, and of one found by position only (ours)."""

MAX_TRIED = 20
"""Elements of type Question looked into; a page of a thread has one (ours)."""


@dataclass(frozen=True)
class Opening:
    """The opening post where it stands apart: around it, and what was written."""

    container: int
    written: Written
    own: list[int]


def find_opening(outline: Outline, turns: Turns, declared: metadata.PageTypes) -> Opening | None:
    """The post the turns answer, if it is not one of them."""
    first = next((n for n in turns.numbers if outline.prose_of(n) > 0), turns.numbers[0])
    group = turns.groups[first]
    words = {
        *names.words_of(group.name),
        *(name[0] for name in names.names_in(outline.elements[first].names) if not name[1:]),
    }
    if metadata.type_of(outline.elements[first]) in ("Question", "DiscussionForumPosting"):
        return None
    is_reply = group.name in ("=Answer", "=Comment") or not words.isdisjoint(
        names.COMMENT_WORDS | {"answer"}
    )
    if any("question" in names.words_of(group.name) for group in turns.groups.values()):
        return None
    tops = [number for number, around in turns.outer().items() if around < 0]
    declared_here = _opening_by_type(outline, turns, tops)
    if declared_here is not None:
        container = outline.elements[declared_here.container]
        is_question = is_reply and metadata.type_of(container) == "Question"
        if is_question or not declared_here.written.is_loose:
            return declared_here
    if not is_reply:
        return None
    return (
        _opening_by_text(outline, declared, tops)
        or _opening_by_name(outline, first)
        or _opening_by_place(outline, first)
    )


def _opening_by_type(outline: Outline, turns: Turns, tops: list[int]) -> Opening | None:
    """The element of schema.org's type Question or DiscussionForumPosting, turns left out."""
    typed = [
        number
        for number, element in enumerate(outline.elements)
        if metadata.type_of(element) in ("Question", "DiscussionForumPosting")
    ][:MAX_TRIED]
    inside = places_inside(outline, tops, typed)
    for number, is_inside in zip(typed, inside, strict=True):
        if is_inside or number in turns.groups:
            continue
        nested = [top for top in tops if outline.is_inside(top, number)]
        own = own_numbers(outline, number, nested)
        written = find_written(outline, number, own, nested)
        if written.body:
            return Opening(number, written, own)
    return None


def _opening_by_name(outline: Outline, first: int) -> Opening | None:
    """The largest element before the turns that is named as what was written."""
    best = -1
    skip_until = 0
    for number in range(first):
        element = outline.elements[number]
        if number < skip_until:
            continue
        if element.tag in SKIPPED_TAGS or is_aside(element.names):
            skip_until = max(skip_until, min(outline.ends[number], first))
            continue
        if outline.ends[number] > first:
            continue
        item = element.attributes.get("itemprop") if element.attributes else None
        if item in ("text", "articleBody") or names.is_body(element.names):
            chars = outline.prose_of(number)
            if chars >= MIN_OPENING_CHARS and (best < 0 or chars > outline.prose_of(best)):
                best = number
    if best < 0:
        return None
    container = best
    while outline.parents[container] > 0 and outline.ends[outline.parents[container]] <= first:
        container = outline.parents[container]
    own = list(range(container, outline.ends[container]))
    written = find_written(outline, best, list(range(best, outline.ends[best])), [])
    return Opening(container, written, own) if written.body else None


def _opening_by_place(outline: Outline, first: int) -> Opening | None:
    """Text before the first turn, beside it or beside what holds all turns; the nearest."""
    inner = first
    while (parent := outline.parents[inner]) >= 0:
        before = [
            number
            for number in _children(outline, parent)
            if number < inner and outline.elements[number].tag not in SKIPPED_TAGS
        ]
        heading = max((n for n in before if outline.elements[n].tag in HEADINGS), default=-1)
        prose = [
            number
            for number in before
            if number > heading
            and outline.prose_of(number) > outline.count(outline.links, number)
            and not names.is_furniture(outline.elements[number].names)
        ]
        if sum(outline.prose_of(number) for number in prose) >= MIN_UNNAMED_OPENING_CHARS:
            own = [n for number in before for n in range(number, outline.ends[number])]
            if len(prose) == 1:
                return Opening(
                    prose[0],
                    find_written(
                        outline, prose[0], list(range(prose[0], outline.ends[prose[0]])), []
                    ),
                    own,
                )
            return Opening(prose[0], Written(prose, [], is_loose=True), own)
        inner = parent
    return None


def _opening_by_text(
    outline: Outline, declared: metadata.PageTypes, tops: list[int]
) -> Opening | None:
    """The element whose text JSON-LD gives as the question's or first post's."""
    wanted = [
        turn.prefix
        for turn in declared.turns
        if turn.kind in metadata.THREAD_TYPES and len(turn.prefix) >= MIN_OPENING_CHARS
    ]
    if not wanted:
        return None
    inside = places_inside(outline, tops, list(range(len(outline.elements))))
    for number in range(len(outline.elements)):
        if inside[number] or outline.prose_of(number) < MIN_OPENING_CHARS:
            continue
        element = outline.elements[number]
        if element.tag in HEADINGS or any(outline.is_inside(top, number) for top in tops[:1]):
            continue
        prefix = metadata.prefix_of(text_of(element, 8 * metadata.PREFIX_LETTERS))
        if prefix in wanted:
            own = list(range(number, outline.ends[number]))
            container = _room_of(outline, number, tops)
            around = list(range(container, outline.ends[container]))
            return Opening(
                container, replace(find_written(outline, number, own, []), is_loose=False), around
            )
    return None


def _room_of(outline: Outline, number: int, tops: list[int]) -> int:
    """The largest element around ``number`` that holds none of the turns ``tops``."""
    while (parent := outline.parents[number]) > 0 and not holds_any(outline, [parent], tops):
        number = parent
    return number


def _children(outline: Outline, parent: int) -> Iterable[int]:
    number = parent + 1
    while number < outline.ends[parent]:
        yield number
        number = outline.ends[number]
