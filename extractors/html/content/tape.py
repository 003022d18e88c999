"""A page's markup as flat arrays: one row a node, in document order.

The parser's tree is serialised once more, which leaves well-formed markup that one compiled pass
can read; everything about a page that is counted is then counted over arrays, and Python objects
are made only for what is kept. Legend of shapes: n nodes, t tokens of class names and the like.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

Bytes = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
"""FNV-1a, 64 bits: the hash of names and words here."""

TEXT, FORMULA, CODE, OTHER = 0, 1, 2, 3
"""Kinds of nodes that are no known element. OTHER is an element of any other name."""

NAMES = (
    *("a", "abbr", "address", "article", "aside", "b", "blockquote", "body", "br", "button"),
    *("caption", "center", "cite", "code", "dd", "del", "details", "dfn", "div", "dl", "dt"),
    *("em", "fieldset", "figcaption", "figure", "font", "footer", "form", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "header", "hgroup", "hr", "i", "img", "ins", "kbd", "label", "legend"),
    *("li", "main", "mark", "menu", "nav", "noscript", "ol", "p", "pre", "q", "rp", "rt", "ruby"),
    *("s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr"),
    *("big", "bdi", "bdo", "data", "nobr", "acronym", "input", "search", "dir"),
)
FIRST_NAME = 4
TAG_OF_NAME = {name: FIRST_NAME + index for index, name in enumerate(NAMES)}
"""Tag numbers of known elements."""

DROPPED_NAMES = (
    *("applet", "area", "audio", "base", "canvas", "col", "colgroup", "datalist", "embed"),
    *("frame", "frameset", "iframe", "link", "map", "meta", "noembed", "noframes", "object"),
    *("optgroup", "option", "param", "progress", "script", "select", "source", "style"),
    *("svg", "template", "textarea", "title", "track", "video", "math", "xmp", "plaintext"),
)
"""Elements that hold nothing to read: controls, media, scripts. (Formulas are set aside before.)"""

VOID_NAMES = (
    *("area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta"),
    *("param", "source", "track", "wbr"),
)
RAW_NAMES = ("script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext")
"""Elements whose text may be serialised unescaped, so that a ``<`` inside starts no tag."""

MAX_DEPTH = 200
"""Elements deeper than this are merged into their ancestor. Chromium caps its tree at 512; every
development page stays under 80."""

HIDDEN, ARIA_HIDDEN = 1, 2
"""Flags of a node: by style or attribute; only to assistive technology."""

TOKENS_OF_NODE = 24
"""Class, id, role and itemprop tokens read of one element; real ones stay below (utility-first
style sheets go up to 40 of which none says anything)."""


def hash_of(name: str) -> int:
    """FNV-1a of the UTF-8 bytes of ``name``, which the kernels reckon in the same way."""
    value = FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


TABLE_SLOTS = 1024


def _table(values: dict[str, int]) -> tuple[Hashes, npt.NDArray[np.int16]]:
    """An open-addressed hash table; empty slots hold -1."""
    hashes = np.zeros(TABLE_SLOTS, np.uint64)
    found = np.full(TABLE_SLOTS, -1, np.int16)
    for name in sorted(values):
        slot = hash_of(name) % TABLE_SLOTS
        while found[slot] >= 0:
            slot = (slot + 1) % TABLE_SLOTS
        hashes[slot], found[slot] = hash_of(name), values[name]
    return hashes, found


VOID, DROPPED, RAW = 1 << 10, 1 << 11, 1 << 12
NAME_HASHES, NAME_TAGS = _table(
    {
        name: TAG_OF_NAME.get(name, OTHER)
        | (VOID if name in VOID_NAMES else 0)
        | (DROPPED if name in DROPPED_NAMES else 0)
        | (RAW if name in RAW_NAMES else 0)
        for name in {*NAMES, *DROPPED_NAMES, *VOID_NAMES, *RAW_NAMES}
    }
)
"""What the scanner knows of element names."""

CLASS, ID, ROLE, ITEMPROP, ITEMTYPE, STYLE, HIDDEN_ATTRIBUTE, ARIA = range(1, 9)
ATTRIBUTE_HASHES, ATTRIBUTE_KINDS = _table(
    {
        "class": CLASS,
        "id": ID,
        "role": ROLE,
        "itemprop": ITEMPROP,
        "itemtype": ITEMTYPE,
        "style": STYLE,
        "hidden": HIDDEN_ATTRIBUTE,
        "aria-hidden": ARIA,
    }
)


@dataclass(frozen=True)
class Tape:
    """The nodes of a body: row 0 is the body itself.

    ``end[n]`` is the row after the last descendant; ``start`` and ``stop`` bound a text's bytes,
    an element's attributes, or a leaf's number, in ``markup``. ``token_node`` and ``token_hash``
    hold the lower-cased tokens of class, id, role and itemprop in order of nodes; ``own_hash`` is
    of an element's tag and the words of its class.
    """

    markup: bytes
    tag: npt.NDArray[np.int16]
    parent: Int32
    end: Int32
    start: Int32
    stop: Int32
    flags: npt.NDArray[np.uint8]
    own_hash: Hashes
    token_node: Int32
    token_hash: Hashes

    def __len__(self) -> int:
        return len(self.tag)


def read(markup: bytes) -> Tape:
    """The tape of serialised markup that starts with the body's tag.

    Formulas and code stand in it as leaves: U+FDD1, ``F`` or ``C``, a number, U+FDD2.
    """
    data = np.frombuffer(markup, np.uint8)
    return Tape(
        markup,
        *scan(data, NAME_HASHES, NAME_TAGS, ATTRIBUTE_HASHES, ATTRIBUTE_KINDS),
    )


@compile_kernel
def scan(
    data: Bytes,
    name_hashes: Hashes,
    name_tags: npt.NDArray[np.int16],
    attribute_hashes: Hashes,
    attribute_kinds: npt.NDArray[np.int16],
) -> tuple[
    npt.NDArray[np.int16],
    Int32,
    Int32,
    Int32,
    Int32,
    npt.NDArray[np.uint8],
    Hashes,
    Int32,
    Hashes,
]:
    """The arrays of a :class:`Tape`."""
    offset, prime = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
    size = data.size
    num_marks = 2
    for position in range(size):
        if data[position] == 60 or data[position] == 0xEF:  # '<', and what a leaf starts with
            num_marks += 1
    capacity = 2 * num_marks + 2
    tag = np.zeros(capacity, np.int16)
    parent = np.zeros(capacity, np.int32)
    end = np.zeros(capacity, np.int32)
    start = np.zeros(capacity, np.int32)
    stop = np.zeros(capacity, np.int32)
    flags = np.zeros(capacity, np.uint8)
    own_hash = np.zeros(capacity, np.uint64)
    # Not set to zero: most of it is never touched.
    token_node = np.empty(TOKENS_OF_NODE * num_marks, np.int32)
    token_hash = np.empty(TOKENS_OF_NODE * num_marks, np.uint64)
    num_tokens = 0
    stack = np.zeros(MAX_DEPTH + 2, np.int32)
    depth = 0
    too_deep = 0  # open elements beyond the stack
    dropped = 0  # open elements from the dropped one on
    node = 0
    position = 0
    while position < size:
        if data[position] != 60:  # text, up to the next tag
            text_end = position
            while text_end < size and data[text_end] != 60:
                text_end += 1
            if dropped == 0 and node > 0:
                piece = position
                while piece < text_end:
                    # A leaf is EF B7 91 ('F' or 'C') digits EF B7 92.
                    stop_at = piece
                    while stop_at < text_end and not (
                        data[stop_at] == 0xEF
                        and stop_at + 4 < text_end
                        and data[stop_at + 1] == 0xB7
                        and data[stop_at + 2] == 0x91
                    ):
                        stop_at += 1
                    if stop_at > piece:
                        tag[node] = 0
                        parent[node] = stack[depth - 1]
                        start[node] = piece
                        stop[node] = stop_at
                        end[node] = node + 1
                        node += 1
                    if stop_at < text_end:
                        tag[node] = 1 if data[stop_at + 3] == 70 else 2
                        parent[node] = stack[depth - 1]
                        start[node] = stop_at + 4
                        number_end = stop_at + 4
                        while number_end < text_end and data[number_end] != 0xEF:
                            number_end += 1
                        stop[node] = number_end
                        end[node] = node + 1
                        node += 1
                        stop_at = number_end + 3
                    piece = stop_at
            position = text_end
            continue
        if position + 3 < size and data[position + 1] == 33:  # <!-- or <!doctype
            if data[position + 2] == 45 and data[position + 3] == 45:
                position += 4
                while position < size and not (
                    data[position] == 62 and data[position - 1] == 45 and data[position - 2] == 45
                ):
                    position += 1
            else:
                while position < size and data[position] != 62:
                    position += 1
            position += 1
            continue
        is_closing = position + 1 < size and data[position + 1] == 47
        cursor = position + (2 if is_closing else 1)
        name_start = cursor
        hashed = offset
        while cursor < size and data[cursor] != 62 and data[cursor] != 32 and data[cursor] != 47:
            hashed = (hashed ^ np.uint64(data[cursor])) * prime
            cursor += 1
        name_stop = cursor
        if is_closing:
            while cursor < size and data[cursor] != 62:
                cursor += 1
            position = cursor + 1
            if dropped > 0:
                dropped -= 1
            elif too_deep > 0:
                too_deep -= 1
            elif depth > 0:
                depth -= 1
                end[stack[depth]] = node
            continue
        known = np.int64(3)
        slot = np.int64(hashed & np.uint64(1023))
        while name_tags[slot] >= 0:
            if name_hashes[slot] == hashed:
                known = np.int64(name_tags[slot])
                break
            slot = (slot + 1) & 1023
        is_void = known & VOID != 0
        is_kept = dropped == 0 and known & DROPPED == 0
        number = known & 1023
        flag = 0
        own = hashed
        attributes_start = cursor
        # Attributes: name="value", values quoted, quotes inside them escaped.
        node_tokens = 0
        while cursor < size and data[cursor] != 62:
            if data[cursor] == 32 or data[cursor] == 47:
                cursor += 1
                continue
            hashed = offset
            while (
                cursor < size and data[cursor] != 61 and data[cursor] != 62 and data[cursor] != 32
            ):
                hashed = (hashed ^ np.uint64(data[cursor])) * prime
                cursor += 1
            value_start = cursor
            value_stop = cursor
            if cursor + 1 < size and data[cursor] == 61 and data[cursor + 1] == 34:
                value_start = cursor + 2
                value_stop = value_start
                while value_stop < size and data[value_stop] != 34:
                    value_stop += 1
                cursor = value_stop + 1
            elif cursor < size and data[cursor] == 61:
                cursor += 1
            if not is_kept:
                continue
            kind = 0
            slot = np.int64(hashed & np.uint64(1023))
            while attribute_kinds[slot] >= 0:
                if attribute_hashes[slot] == hashed:
                    kind = attribute_kinds[slot]
                    break
                slot = (slot + 1) & 1023
            if kind == 0:
                continue
            if kind <= 5:
                word = offset
                length = 0
                previous_lower = False
                for at in range(value_start, value_stop + 1):
                    byte = np.uint8(32) if at == value_stop else data[at]
                    is_upper = 65 <= byte <= 90
                    is_part = (97 <= byte <= 122) or is_upper or byte >= 128
                    # camelCase parts words as hyphens and digits do
                    if length and (not is_part or (is_upper and previous_lower)):
                        if length >= 2 and node_tokens < TOKENS_OF_NODE:
                            token_node[num_tokens] = node
                            token_hash[num_tokens] = word
                            num_tokens += 1
                            node_tokens += 1
                        if kind == 1:
                            own = (own ^ word) * prime
                        word = offset
                        length = 0
                    if is_part:
                        lowered = byte + 32 if is_upper else byte
                        word = (word ^ np.uint64(lowered)) * prime
                        length += 1
                    previous_lower = 97 <= byte <= 122
            elif kind == 6:
                # display:none or visibility:hidden, white space anywhere
                at = value_start
                matched = 0
                for at in range(value_start, value_stop):
                    byte = data[at] | 32
                    if byte == 32:
                        continue
                    # "display:none" and "visibility:hidden" end in these; states count matches
                    if matched == 0 and byte == 121:  # y
                        matched = 1
                    elif matched == 1 and data[at] == 58:  # :
                        matched = 2
                    elif matched == 2 and byte == 110:  # n
                        matched = 3
                    elif matched == 2 and byte == 104:  # h
                        matched = 13
                    elif matched == 3 and byte == 111:  # o
                        matched = 4
                    elif matched == 4 and byte == 110:  # n
                        matched = 5
                    elif matched == 5 and byte == 101:  # e
                        flag |= HIDDEN
                        matched = 0
                    elif matched == 13 and byte == 105:  # i
                        matched = 14
                    elif matched == 14 and byte == 100:  # d
                        flag |= HIDDEN
                        matched = 0
                    else:
                        matched = 1 if byte == 121 else 0
            elif kind == 7:
                flag |= HIDDEN
            elif kind == 8:
                if value_stop - value_start == 4:  # "true"
                    flag |= ARIA_HIDDEN
        attributes_stop = cursor
        position = cursor + 1
        if dropped > 0:
            if not is_void:
                dropped += 1
        elif not is_kept:
            if not is_void:
                dropped = 1
        elif depth >= MAX_DEPTH and not is_void:
            too_deep += 1
            num_tokens -= node_tokens  # it has no row to hang them on
        else:
            tag[node] = number
            parent[node] = stack[depth - 1] if depth else -1
            start[node] = attributes_start if number != 3 else name_start
            stop[node] = attributes_stop
            flags[node] = flag
            own_hash[node] = own
            if is_void:
                end[node] = node + 1
            else:
                stack[depth] = node
                depth += 1
            node += 1
        if known & RAW != 0 and not is_void:
            # Raw text: on to this element's own end tag.
            length = name_stop - name_start
            while position < size:
                if (
                    data[position] == 60
                    and position + 2 + length <= size
                    and data[position + 1] == 47
                ):
                    same = True
                    for at in range(length):
                        if data[position + 2 + at] != data[name_start + at]:
                            same = False
                            break
                    if same:
                        break
                position += 1
    while depth > 0:
        depth -= 1
        end[stack[depth]] = node
    return (
        tag[:node].copy(),
        parent[:node].copy(),
        end[:node].copy(),
        start[:node].copy(),
        stop[:node].copy(),
        flags[:node].copy(),
        own_hash[:node].copy(),
        token_node[:num_tokens].copy(),
        token_hash[:num_tokens].copy(),
    )
