"""Tells what was written in a turn from what its software puts around it."""

from dataclasses import dataclass

from extractors.html.threads import thread_names as names
from extractors.html.threads.thread_structure import Outline, text_of
from extractors.html.tree import HEADINGS

MIN_BODY_SHARE = 0.5
"""A part named as the body that holds less of the turn's text (furniture aside) is not all of it:
then the whole turn is taken, furniture left out (ours)."""

MAX_FURNITURE_SHARE = 0.5
"""A part named as furniture with more of the turn's text than this is kept: text is never lost to
a name alone (ours). Signatures are left out at any length."""

MIN_SECOND_BODY_CHARS = 20
MAX_FORM_CHARS = 40
"""Text of a form that is a control; a larger one is what holds the turn (ours)."""

PAIR = 2
TIGHT_SHARE = 0.85
CERTAIN_SHARE = 0.4
"""A part named as the body inside another stands for it if it holds this share of its text; the
second if its name leaves no doubt: a short post is less than its heading (ours)."""

FURNITURE_TAGS = frozenset(("nav", "menu", "time", "relative-time", "footer", "form"))
CONTROL_TAGS = frozenset(("a", "button", "li", "label"))
EDIT_HEADS = frozenset(("edit", "edited"))
QUOTE_TAGS = frozenset(("blockquote", "q", "pre"))
BODY_ITEMS = frozenset(("text", "articleBody", "commentText", "reviewBody"))
QUOTE_WORDS = frozenset(("quote", "quoted", "spoiler", "onebox", "citation"))
"""Words of parts whose text is another's or is folded: no body of their own."""

SIGNATURE_WORDS = frozenset(("signature", "signatures", "postsignature"))
STRONG_WORDS = (
    names.FURNITURE_ANYWHERE
    | SIGNATURE_WORDS
    | frozenset(("edited", "lastedit", "lastmod", "lastmodified", "editinfo", "editedby"))
    | frozenset(("postactions", "expandlink"))
)
"""Names left out even inside a part that is named as the body, which is the writer's own."""


@dataclass(frozen=True)
class Written:
    """The numbers of the elements that hold what was written, and of those inside left out.

    ``is_loose`` when no part is named as the body, so that the whole turn stands for it.
    """

    body: list[int]
    excluded: list[int]
    is_loose: bool


def find_written(outline: Outline, container: int, own: list[int], nested: list[int]) -> Written:
    """What was written in the turn ``container``; ``own`` are its elements, ``nested`` its replies.

    The body is empty if the turn holds neither text nor an image.
    """
    furniture = _furniture_in(outline, own, MAX_FURNITURE_SHARE * outline.prose_of(container))
    bodies = _named_bodies(outline, own, furniture, nested)
    whole = _chars_without(outline, container, nested)
    own_chars = whole - sum(outline.prose_of(number) for number in furniture)
    if bodies:
        chars = sum(_chars_without(outline, number, nested) for number in bodies)
        around = [n for n in _furniture_in(outline, own, whole) if n not in bodies]
        is_certain = any(_is_certain(outline, number) for number in bodies)
        if is_certain or chars >= MIN_BODY_SHARE * (
            whole - sum(outline.prose_of(n) for n in around)
        ):
            excluded = furniture_inside(outline, own, bodies) + [
                n for n in nested if any(outline.is_inside(n, body) for body in bodies)
            ]
            return Written(bodies, sorted(excluded), is_loose=False)
    if own_chars <= 0 and not _has_image(outline, own):
        return Written([], [], is_loose=True)
    return Written([container], sorted(furniture + nested), is_loose=True)


def _chars_without(outline: Outline, number: int, nested: list[int]) -> int:
    return (
        outline.prose_of(number)
        + outline.count(outline.links, number) // 2
        - sum(
            outline.prose_of(inner) + outline.count(outline.links, inner) // 2
            for inner in nested
            if outline.is_inside(inner, number)
        )
    )


def _furniture_in(outline: Outline, own: list[int], max_chars: float) -> list[int]:
    """The outermost elements of ``own`` named as furniture, of at most ``max_chars`` of text."""
    found: list[int] = []
    skip_until = own[0] + 1 if own else 0
    for number in own:
        if number < skip_until:
            continue
        element = outline.elements[number]
        label = element.names
        is_named = bool(label) and names.is_furniture(label)
        if not is_named and _is_control(outline, number):
            found.append(number)
            skip_until = outline.ends[number]
            continue
        if not is_named and element.tag not in FURNITURE_TAGS:
            continue
        if element.tag == "form" and (
            outline.prose_of(number) > MAX_FORM_CHARS
            or any(_is_body(outline, below) for below in outline.below(number))
        ):
            continue
        if outline.prose_of(number) > max_chars and not names.has_word(label, SIGNATURE_WORDS):
            continue
        found.append(number)
        skip_until = outline.ends[number]
    return found


def _is_control(outline: Outline, number: int) -> bool:
    """Whether a link or button is a control by its text, such as "Reply"."""
    element = outline.elements[number]
    if element.tag not in CONTROL_TAGS:
        return False
    num_chars = outline.prose_of(number) + outline.count(outline.links, number)
    if not 0 < num_chars <= names.MAX_CONTROL_CHARS:
        return False
    return text_of(element, 2 * names.MAX_CONTROL_CHARS).lower() in names.CONTROL_TEXTS


def furniture_inside(outline: Outline, own: list[int], bodies: list[int]) -> list[int]:
    """The outermost elements inside ``bodies`` that are furniture even there."""
    found: list[int] = []
    skip_until = 0
    for number in own:
        if number < skip_until:
            continue
        label = outline.elements[number].names
        is_named = bool(label) and (
            names.has_word(label, STRONG_WORDS)
            or any(
                name == names.SIGNATURE or name[-1] in EDIT_HEADS for name in names.names_in(label)
            )
        )
        if (is_named or _is_control(outline, number)) and any(
            outline.is_inside(number, body) and number != body for body in bodies
        ):
            found.append(number)
            skip_until = outline.ends[number]
    return found


def _named_bodies(
    outline: Outline, own: list[int], furniture: list[int], nested: list[int]
) -> list[int]:
    """The elements named as what was written: the tightest around the main text, and its peers."""
    skipped = dict.fromkeys(furniture)
    around_nested = _ancestors_of(outline, nested, own[0] if own else 0)
    outermost: list[int] = []
    skip_until = 0
    for number in own:
        if number < skip_until or number in around_nested:
            continue
        if number in skipped:
            skip_until = outline.ends[number]
            continue
        if number == own[0]:
            continue
        if _is_body(outline, number):
            outermost.append(number)
            skip_until = outline.ends[number]
    if not outermost and own and not nested and _is_body(outline, own[0]):
        outermost = [own[0]]
    tight = [_tighten(outline, number) for number in outermost]
    tight = [
        number
        for number in tight
        if outline.prose_of(number) + outline.count(outline.links, number) > 0
    ]
    if len(tight) < PAIR:
        return tight
    main = max(tight, key=outline.prose_of)
    label = outline.elements[main].names
    return [
        number
        for number in tight
        if number == main
        or outline.elements[number].names == label
        or (
            outline.prose_of(number) >= MIN_SECOND_BODY_CHARS
            and not outline.count(outline.authors, number)
            and not outline.count(outline.dates, number)
        )
    ]


def _ancestors_of(outline: Outline, nested: list[int], top: int) -> set[int]:
    """The elements between ``top`` and the turns nested in it."""
    found: set[int] = set()
    for number in nested:
        parent = outline.parents[number]
        while parent > top and parent not in found:
            found.add(parent)
            parent = outline.parents[parent]
    return found


def _is_body(outline: Outline, number: int) -> bool:
    element = outline.elements[number]
    if not element.attributes or element.tag in HEADINGS or element.tag in QUOTE_TAGS:
        return False
    item = element.attributes.get("itemprop")
    if item in BODY_ITEMS:
        return True
    slot = element.attributes.get("slot")
    if slot in ("comment", "text-body") or names.is_body(element.names):
        return True
    identifier = element.attributes.get("id")
    return identifier is not None and names.is_body(identifier)


def _is_certain(outline: Outline, number: int) -> bool:
    """Whether an element is the body of a turn whatever else the turn holds."""
    element = outline.elements[number]
    if (element.attributes.get("itemprop") or "") in BODY_ITEMS:
        return True
    identifier = element.attributes.get("id") or ""
    return names.is_certain_body(element.names) or names.is_certain_body(identifier)


def _tighten(outline: Outline, number: int) -> int:
    """The innermost part named as a body that still holds nearly all of ``number``'s own text."""
    while outline.count(outline.furniture, number) or outline.count(outline.dates, number):
        furniture = 0
        skip_until = 0
        inner = -1
        for below in outline.below(number):
            if below < skip_until:
                continue
            label = outline.elements[below].names
            if outline.elements[below].tag in QUOTE_TAGS or names.has_word(label, QUOTE_WORDS):
                skip_until = outline.ends[below]
            elif label and names.is_furniture(label):
                furniture += outline.prose_of(below)
                skip_until = outline.ends[below]
            elif _is_body(outline, below):
                if inner < 0 or outline.prose_of(below) > outline.prose_of(inner):
                    inner = below
                skip_until = outline.ends[below]
        if inner < 0:
            return number
        share = CERTAIN_SHARE if _is_certain(outline, inner) else TIGHT_SHARE
        if outline.prose_of(inner) < share * (outline.prose_of(number) - furniture):
            return number
        number = inner
    return number


def _has_image(outline: Outline, own: list[int]) -> bool:
    return any(outline.elements[number].tag == "img" for number in own)
