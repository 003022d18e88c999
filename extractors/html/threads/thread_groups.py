"""Finds the repeated parts of a page that are turns: groups of elements with a name in common.

Any class, identifier pattern, element name or microdata type that repeats proposes a group; the
group whose parts look most like turns (an author, a date, text) wins, with a say for what its name
means. Comments inside its parts and turns beside them complete it.
"""

import bisect
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from extractors.html.threads import thread_metadata as metadata
from extractors.html.threads import thread_names as names
from extractors.html.threads.thread_structure import Outline
from extractors.html.tree import Element

MIN_TURN_SHARE = 0.4
MIN_TURN_SHARE_UNNAMED = 0.9
"""Mean evidence for a turn in the parts of a group, if its name says so and if it does not: an
author and a date count 1, an author 0.7, a date 0.5 (ours; reviewed on the development pages)."""

MIN_UNNAMED_PARTS = 3
"""Fewer parts under a name that means nothing are chance (ours)."""

MAX_COUNTED_PROSE = 4000
"""Text of one part beyond this does not make it more of a turn: wrappers hold many (ours)."""

MIN_PROSE_SHARE = 0.08
"""A thread holds at least this share of its page's text outside links (ours: the smallest of the
development pages that are threads holds 0.12)."""

MAX_LISTING_SHARE = 0.7
"""Share of parts with a linked heading from which they are a listing of other pages (ours)."""

MAX_SKIPPED_SHARE = 0.5
"""What is named as a sidebar but holds more of the page's text than this is searched (ours)."""

MAX_GROUPS = 7
MAX_TRIED_GROUPS = 200
"""Groups that make up a thread, at most, and those tried: questions, answers and comments are three
(ours)."""

MAX_IDENTIFIER_CHARS = 80
PAIR = 2
AUTHOR_WEIGHT, DATE_WEIGHT = 0.7, 0.5
"""Evidence for a turn in an author alone and a date alone; both together count 1 (ours)."""

TYPE_FACTOR, NAME_FACTOR, WORD_FACTOR = 2.6, 2.0, 1.6
"""How much more a group counts that is of schema.org's type Answer or Question, whose name ends in
a word for a turn, and whose name has one anywhere (ours)."""

NAMED_PREFERENCE = 2
"""The best group with a name for a turn is taken unless another counts more than so much (ours)."""

MAX_REPLY_SHARE = 0.85
"""Parts inside turns with more of their text than this are the turns once more (ours)."""

SKIPPED_TAGS = frozenset(("nav", "aside", "footer", "noscript", "select", "option"))
ASIDE_WORDS = frozenset(
    ("sidebar", "related", "recommended", "similar", "modal", "cookie", "ot", "consent")
) | {"breadcrumb"}
"""Names of what stands beside the content; "ot" is a consent banner's prefix."""


@dataclass(frozen=True)
class Group:
    """Parts with a name in common, how much they look like turns, and what the name means."""

    name: str
    members: list[int]
    score: float
    is_named: bool


def find_groups(outline: Outline, *, is_declared: bool) -> list[Group]:
    """The best group of turns and the groups that complete it, best first; empty without one.

    A part that does not repeat may be the only turn where the page declares a thread.
    """
    proposals = _propose(outline)
    measured = [
        group
        for name, members in proposals.items()
        if (group := _measure(outline, name, members)) is not None
    ]
    measured.sort(key=lambda group: (-group.score, group.members[0]))
    leading = [
        group
        for group in measured
        if is_declared or len(group.members) >= PAIR or group.name[0] == "="
    ]
    if not leading:
        return []
    named = [group for group in measured if group.is_named]
    best = next((group for group in leading if group.is_named), leading[0])
    if NAMED_PREFERENCE * best.score < leading[0].score:
        best = leading[0]
    if sum(_own_counts(outline, best.members).prose) < MIN_PROSE_SHARE * outline.prose[-1]:
        return []
    found = [best]
    covered = sorted(best.members)
    for group in named[:MAX_TRIED_GROUPS]:
        comments = sorted(
            number
            for other in found
            if not names.COMMENT_WORDS.isdisjoint(names.words_of(other.name))
            for number in other.members
        )
        if group is best or not _completes(outline, covered, comments, group):
            continue
        found.append(group)
        covered = sorted({*covered, *group.members})
        if len(found) == MAX_GROUPS:
            break
    return found


def _propose(outline: Outline) -> dict[str, list[int]]:
    """Numbers of the elements by each name that may repeat, outside navigation."""
    proposals: dict[str, list[int]] = defaultdict(list)
    skip_until = 0
    for number, element in enumerate(outline.elements):
        if number < skip_until:
            continue
        if (element.tag in SKIPPED_TAGS or is_aside(element.names)) and outline.prose_of(
            number
        ) < MAX_SKIPPED_SHARE * outline.prose[-1]:
            skip_until = outline.ends[number]
            continue
        for name in _names_of(element):
            proposals[name].append(number)
    return proposals


def is_aside(label: str) -> bool:
    """Whether a class attribute names a sidebar, a banner or a list of related pages."""
    return bool(label) and any(
        words[0] in ASIDE_WORDS or words[-1] in ASIDE_WORDS for words in names.names_in(label)
    )


def _names_of(element: Element) -> Iterable[str]:
    tag = element.tag
    if "-" in tag or tag == "article":
        yield f"<{tag}"
    attributes = element.attributes
    if not attributes:
        return
    kind = metadata.type_of(element)
    if kind is not None:
        yield f"={kind}"
    identifier = attributes.get("id")
    if identifier and len(identifier) <= MAX_IDENTIFIER_CHARS:
        pattern = names.DIGITS.sub("", identifier)
        if pattern != identifier:
            yield "#" + pattern
    for name in set(element.names[: names.MAX_LABEL_CHARS].split()):
        yield "." + names.DIGITS.sub("#", name)


def _measure(outline: Outline, name: str, members: list[int]) -> Group | None:
    """The group of ``members`` if they look like turns."""
    words = names.words_of(name)
    is_type = name[0] == "="
    if not is_type and _names_no_turn(name, words):
        return None
    is_body = names.is_body(name[1:])
    is_part = bool(words) and words[-1] in names.PART_WORDS and not is_body
    is_named = is_type or (not is_part and not names.POST_WORDS.isdisjoint(words))
    if len(members) < (1 if is_named else MIN_UNNAMED_PARTS):
        return None
    if is_body and not is_type:
        members = _climb(outline, members)
    counts = _own_counts(outline, members)
    weights = [
        1.0
        if num_authors and num_dates
        else AUTHOR_WEIGHT
        if num_authors
        else DATE_WEIGHT
        if num_dates
        else 0.0
        for num_authors, num_dates in zip(counts.authors, counts.dates, strict=True)
    ]
    score = sum(
        weight * math.sqrt(min(max(0, num_chars), MAX_COUNTED_PROSE))
        for weight, num_chars in zip(weights, counts.prose, strict=True)
    )
    least = MIN_TURN_SHARE if is_named else MIN_TURN_SHARE_UNNAMED
    num_titles = sum(1 for count in counts.titles if count)
    is_listing = not is_type and num_titles > max(1, MAX_LISTING_SHARE * len(members))
    if sum(weights) < least * len(members) or score <= 0 or is_listing:
        return None
    return Group(name, members, _factor(name, words, is_named=is_named) * score, is_named)


def _names_no_turn(name: str, words: tuple[str, ...]) -> bool:
    """Whether a name is that of listings, quotations, cards or controls."""
    is_topic = not (names.TOPIC_WORDS.isdisjoint(words) or names.ROW_WORDS.isdisjoint(words))
    return is_topic or not names.LISTING_WORDS.isdisjoint(words) or names.is_furniture(name[1:])


def _factor(name: str, words: tuple[str, ...], *, is_named: bool) -> float:
    if name in ("=Answer", "=Question"):
        return TYPE_FACTOR
    if name[0] == "=" or (words and words[-1] in names.POST_WORDS):
        return NAME_FACTOR
    return WORD_FACTOR if is_named else 1.0


@dataclass(frozen=True)
class _Counts:
    """For each member of a group what is its own, without the members nested in it."""

    authors: list[int]
    dates: list[int]
    prose: list[int]
    titles: list[int]


def _own_counts(outline: Outline, members: list[int]) -> _Counts:
    sums = (outline.authors, outline.dates, outline.prose, outline.heading_links)
    whole = [[outline.count(running, number) for number in members] for running in sums]
    own = [list(column) for column in whole]
    open_places: list[int] = []
    for place, number in enumerate(members):
        while open_places and outline.ends[members[open_places[-1]]] <= number:
            open_places.pop()
        if open_places:
            for column, all_of in zip(own, whole, strict=True):
                column[open_places[-1]] -= all_of[place]
        open_places.append(place)
    return _Counts(*own)


def _climb(outline: Outline, bodies: list[int]) -> list[int]:
    """For bodies the largest elements around each that hold no other body, as far as for most."""
    outermost: list[int] = []
    for number in bodies:
        if not outermost or number >= outline.ends[outermost[-1]]:
            outermost.append(number)
    if len(outermost) < PAIR:
        return outermost
    heights: list[int] = []
    for place, number in enumerate(outermost):
        before = outermost[place - 1] if place else -1
        after = outermost[place + 1] if place + 1 < len(outermost) else len(outline.elements)
        height = 0
        parent = outline.parents[number]
        while parent > before and parent >= 0 and outline.ends[parent] <= after:
            if parent == 0:
                break
            height += 1
            parent = outline.parents[parent]
        heights.append(height)
    inner = heights[1:-1] or [min(heights)]
    limit = max(inner)
    climbed: list[int] = []
    for number, height in zip(outermost, heights, strict=True):
        above = number
        for _ in range(min(height, limit)):
            above = outline.parents[above]
        climbed.append(above)
    return climbed


def _completes(outline: Outline, covered: list[int], comments: list[int], group: Group) -> bool:
    """Whether a group adds turns to those found: beside them, or as comments inside them."""
    taken = set(covered)
    if not taken.isdisjoint(group.members):
        return False
    inside = places_inside(outline, covered, group.members)
    words = names.words_of(group.name)
    last = words[-1] if words else ""
    is_comment = group.name in ("=Comment", "=Answer") or last in names.STRICT_COMMENT_WORDS
    if all(inside):
        return is_comment and not _repeats(outline, covered, group)
    if any(inside) and not is_comment:
        return False
    is_of_comment = set(comments)
    others = [number for number in covered if number not in is_of_comment]
    if holds_any(outline, group.members, others) or (
        last not in ("answer", "question") and holds_any(outline, group.members, comments)
    ):
        return False
    is_turn = last in names.POST_WORDS or group.name[0] == "="
    return is_turn and (
        len(group.members) > 1 or group.name[0] in "=<" or last in ("answer", "question")
    )


def _repeats(outline: Outline, covered: list[int], group: Group) -> bool:
    """Whether the parts of a group hold nearly all text of the turns around them: no replies."""
    members = sorted(group.members)
    holders = [number for number in covered if holds_any(outline, [number], members)]
    held = sum(map(outline.prose_of, members))
    return held > MAX_REPLY_SHARE * sum(map(outline.prose_of, holders))


def places_inside(outline: Outline, covered: list[int], members: list[int]) -> list[bool]:
    """For each member whether it is a descendant of a covered element; both in order."""
    inside: list[bool] = []
    place = 0
    reach = 0
    for number in members:
        while place < len(covered) and covered[place] < number:
            reach = max(reach, outline.ends[covered[place]])
            place += 1
        inside.append(number < reach)
    return inside


def holds_any(outline: Outline, members: list[int], covered: list[int]) -> bool:
    """Whether any of ``members`` has a descendant in ``covered``, which is in order."""
    return any(
        (place := bisect.bisect_right(covered, number)) < len(covered)
        and covered[place] < outline.ends[number]
        for number in members
    )


class Turns:
    """The numbers of all turns in document order, each with its group and the turn around it."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.numbers: list[int] = []
        self.groups: dict[int, Group] = {}

    def add(self, group: Group) -> None:
        """Take in the members of ``group``."""
        for number in group.members:
            self.groups.setdefault(number, group)
        self.numbers = sorted(self.groups)

    def outer(self) -> dict[int, int]:
        """For each turn the one it is nested in, or -1."""
        outers: dict[int, int] = {}
        open_turns: list[int] = []
        for number in self.numbers:
            while open_turns and self.outline.ends[open_turns[-1]] <= number:
                open_turns.pop()
            outers[number] = open_turns[-1] if open_turns else -1
            open_turns.append(number)
        return outers


def own_numbers(outline: Outline, container: int, nested: list[int]) -> list[int]:
    """The elements of ``container`` without those in the turns ``nested`` in it, in order."""
    own: list[int] = []
    start = container
    for number in nested:
        if number >= start:
            own.extend(range(start, number))
            start = outline.ends[number]
    own.extend(range(start, outline.ends[container]))
    return own
