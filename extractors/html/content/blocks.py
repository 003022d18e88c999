"""Runs of text between block boundaries, and what is counted of each.

A block is what a reader sees as one paragraph, heading, cell or label: text and leaves between two
starts or ends of block-level elements (or two line breaks in a row). Blocks are in document order,
so an element's blocks are an interval, and any sum over a subtree is a difference of prefix sums.
Legend of shapes: n nodes, b blocks, w words.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from extractors.html.content.tape import TAG_OF_NAME, Tape
from pipeline.compilation import compile_kernel

Int32 = npt.NDArray[np.int32]
Int16 = npt.NDArray[np.int16]

INLINE_NAMES = (
    *("a", "abbr", "b", "bdi", "bdo", "big", "br", "cite", "code", "data", "del", "dfn", "em"),
    *("font", "i", "img", "ins", "kbd", "label", "mark", "nobr", "q", "rp", "rt", "ruby", "s"),
    *("samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
    *("acronym", "input"),
)
IS_INLINE = np.zeros(256, np.bool_)
IS_INLINE[[TAG_OF_NAME[name] for name in INLINE_NAMES]] = True
"""By tag number: elements that do not end a block."""

(
    CHARS, WORDS, LINK_CHARS, LINK_WORDS, LINKS, DIGITS, UPPER, STOPS, COMMAS, BARS, LONG_WORDS,
    FORMULAS, CODES, CODE_CHARS, BOLD_CHARS, BREAKS, ENDS_IN_STOP, STARTS_UPPER, INPUTS, IMAGES,
    WIDE, HIDDEN_CHARS, BUTTON_CHARS, TIMES, CAPITALIZED, FIRST_DIGIT,
) = range(26)  # fmt: skip
NUM_COUNTS = 26
"""Columns of ``counts``: characters but for white space, words (a CJK character is half of one),
the same inside links, links, digits, capitals, sentence ends, commas, bars and bullets, words of
eight letters or more, leaves, characters of code, bold characters, line breaks, whether it ends in
a sentence end, whether it starts with a capital, form inputs, images, CJK characters, characters in
hidden elements, in buttons, time elements, capitalised words, whether it starts with a digit."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a tape.

    ``of_node[n]`` is the block of a text or leaf, -1 for others; ``home[b]`` is the node of the
    nearest block-level element around; ``first[n]`` and ``last[n]`` bound the blocks inside of a
    node; ``word_block`` and ``word_hash`` hold the lower-cased words of the page in order.
    """

    of_node: Int32
    home: Int32
    first: Int32
    last: Int32
    counts: npt.NDArray[np.int32]
    text_hash: npt.NDArray[np.uint64]
    word_block: Int32
    word_hash: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.home)


def read(tape: Tape, leaf_chars: Int32) -> Blocks:
    """The blocks of a page; ``leaf_chars`` is the length of each formula's or listing's source."""
    data = np.frombuffer(tape.markup, np.uint8)
    return Blocks(
        *count(data, tape.tag, tape.end, tape.start, tape.stop, tape.flags, IS_INLINE, leaf_chars)
    )


A, B, BR, BUTTON, IMG, INPUT, STRONG, TIME = (
    TAG_OF_NAME[name] for name in ("a", "b", "br", "button", "img", "input", "strong", "time")
)


@compile_kernel
def count(
    data: npt.NDArray[np.uint8],
    tag: Int16,
    end: Int32,
    start: Int32,
    stop: Int32,
    flags: npt.NDArray[np.uint8],
    is_inline: npt.NDArray[np.bool_],
    leaf_chars: Int32,
) -> tuple[
    Int32,
    Int32,
    Int32,
    Int32,
    npt.NDArray[np.int32],
    npt.NDArray[np.uint64],
    Int32,
    npt.NDArray[np.uint64],
]:
    """The arrays of :class:`Blocks`."""
    offset, prime = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
    num_nodes = tag.size
    of_node = np.full(num_nodes, -1, np.int32)
    first = np.zeros(num_nodes, np.int32)
    last = np.zeros(num_nodes, np.int32)
    num_texts = 1
    num_bytes = 0
    for node in range(num_nodes):
        if tag[node] < 3:
            num_texts += 1
            if tag[node] == 0:
                num_bytes += stop[node] - start[node]
    home = np.zeros(num_texts, np.int32)
    counts = np.zeros((num_texts, NUM_COUNTS), np.int32)
    text_hash = np.full(num_texts, offset, np.uint64)
    word_block = np.zeros(num_bytes // 2 + 1, np.int32)
    word_hash = np.zeros(num_bytes // 2 + 1, np.uint64)
    num_words = 0
    # The open elements, and counts of some kinds among them.
    stack = np.zeros(256, np.int32)
    depth = 0
    links = bold = hidden = buttons = 0
    block = -1  # the last block
    is_open = False
    num_breaks = 0
    for node in range(num_nodes):
        while depth and end[stack[depth - 1]] <= node:
            depth -= 1
            closed = stack[depth]
            kind = tag[closed]
            last[closed] = block + 1
            if kind == A:
                links -= 1
            elif kind == B or kind == STRONG:
                bold -= 1
            elif kind == BUTTON:
                buttons -= 1
            if flags[closed]:
                hidden -= 1
            if not is_inline[kind]:
                is_open = False
        kind = tag[node]
        if kind >= 3:
            # An inline element inside of a block shares it with the text before.
            first[node] = block if is_open and is_inline[kind] else block + 1
            if kind == BR:
                num_breaks += 1
                if num_breaks >= 2:
                    is_open = False
                elif is_open:
                    counts[block, BREAKS] += 1
            elif kind == IMG or kind == INPUT:
                if is_open:
                    counts[block, IMAGES if kind == IMG else INPUTS] += 1
            elif kind == TIME and is_open:
                counts[block, TIMES] += 1
            if end[node] == node + 1:
                last[node] = block + 1
                if not is_inline[kind]:
                    is_open = False
                continue
            if not is_inline[kind]:
                is_open = False
            elif kind == A:
                links += 1
                if is_open:
                    counts[block, LINKS] += 1
                else:
                    num_breaks = 0
            elif kind == B or kind == STRONG:
                bold += 1
            if kind == BUTTON:
                buttons += 1
            if flags[node]:
                hidden += 1
            if depth < 255:
                stack[depth] = node
                depth += 1
            continue
        first[node] = block + 1
        if kind == 0:
            is_blank = True
            for at in range(start[node], stop[node]):
                byte = data[at]
                if byte > 32:
                    is_blank = False
                    break
            if is_blank:
                last[node] = block + 1
                continue
        if not is_open or kind == 2:
            block += 1
            is_open = True
            home[block] = 0
            for up in range(depth - 1, -1, -1):
                if not is_inline[tag[stack[up]]]:
                    home[block] = stack[up]
                    break
            if links:
                counts[block, LINKS] += 1
        num_breaks = 0
        of_node[node] = block
        first[node] = block
        last[node] = block + 1
        row = counts[block]
        if kind != 0:
            number = 0
            for at in range(start[node], stop[node]):
                number = 10 * number + np.int64(data[at]) - 48
            size = leaf_chars[min(number, leaf_chars.size - 1)]
            if kind == 1:
                row[FORMULAS] += 1
                row[CHARS] += size
                row[WORDS] += 2 + size // 4
            else:
                row[CODES] += 1
                row[CODE_CHARS] += size
                row[CHARS] += size
                row[WORDS] += 2 + size // 6
                is_open = False
            continue
        word = offset
        length = 0
        is_first_upper = False
        hashed = text_hash[block]
        at = start[node]
        to = stop[node]
        while at <= to:
            byte = np.uint8(32) if at == to else data[at]
            width = 1
            code = np.int64(byte)
            if byte >= 0xF0:
                width, code = 4, 0x1F600
            elif byte >= 0xE0:
                width = 3
                if at + 2 < to:
                    code = (
                        ((np.int64(byte) & 15) << 12)
                        | ((np.int64(data[at + 1]) & 63) << 6)
                        | (np.int64(data[at + 2]) & 63)
                    )
            elif byte >= 0xC0:
                width = 2
                if at + 1 < to:
                    code = ((np.int64(byte) & 31) << 6) | (np.int64(data[at + 1]) & 63)
            elif byte == 38:  # an entity, &amp; &lt; &gt; &nbsp; &quot;
                width = 1
                code = 38
                if at + 1 < to and data[at + 1] == 110:
                    code = 32
                while at + width < to and data[at + width] != 59 and width < 8:
                    width += 1
                width += 1
            is_space = code <= 32 or code == 0xA0 or code == 0x3000 or code == 0x200B
            is_wide = (
                0x3040 <= code <= 0x30FF
                or 0x3400 <= code <= 0x4DBF
                or 0x4E00 <= code <= 0x9FFF
                or 0xAC00 <= code <= 0xD7AF
                or 0x0E00 <= code <= 0x0E7F
            )
            is_upper = 65 <= code <= 90 or 0xC0 <= code <= 0xDE or 0x410 <= code <= 0x42F
            is_letter = (
                is_upper or 97 <= code <= 122 or (0xDF <= code < 0x2000 and code != 0xF7) or is_wide
            )
            is_digit = 48 <= code <= 57
            if not is_space:
                if row[CHARS] == 0:
                    row[STARTS_UPPER] = 1 if is_upper else 0
                    row[FIRST_DIGIT] = 1 if is_digit else 0
                row[CHARS] += 1
                if links:
                    row[LINK_CHARS] += 1
                if bold:
                    row[BOLD_CHARS] += 1
                if hidden:
                    row[HIDDEN_CHARS] += 1
                if buttons:
                    row[BUTTON_CHARS] += 1
                if is_digit:
                    row[DIGITS] += 1
                elif is_upper:
                    row[UPPER] += 1
                is_stop = (
                    code == 46
                    or code == 33
                    or code == 63
                    or code == 0x3002
                    or code == 0xFF01
                    or code == 0xFF1F
                )
                if is_stop:
                    row[STOPS] += 1
                elif code == 44 or code == 0xFF0C or code == 0x3001:
                    row[COMMAS] += 1
                elif (
                    code == 124
                    or code == 0xBB
                    or code == 0xAB
                    or code == 0x2022
                    or code == 0x203A
                    or code == 0xB7
                    or code == 0xA9
                ):
                    row[BARS] += 1
                row[ENDS_IN_STOP] = (
                    1
                    if is_stop or code == 58 or code == 0x2026
                    else (
                        row[ENDS_IN_STOP]
                        if code == 34
                        or code == 39
                        or code == 41
                        or code == 0x201D
                        or code == 0x2019
                        else 0
                    )
                )
                for step in range(width):
                    if at + step < to:
                        hashed = (hashed ^ np.uint64(data[at + step])) * prime
            if is_wide:
                row[WIDE] += 1
                if row[WIDE] & 1:
                    row[WORDS] += 1
                    if links:
                        row[LINK_WORDS] += 1
            is_part = is_letter and not is_wide
            if is_part:
                if length == 0:
                    is_first_upper = is_upper
                for step in range(width):
                    if at + step < to:
                        lowered = data[at + step]
                        if 65 <= lowered <= 90:
                            lowered += np.uint8(32)
                        word = (word ^ np.uint64(lowered)) * prime
                length += 1
            elif length:
                row[WORDS] += 1
                if links:
                    row[LINK_WORDS] += 1
                if length >= 8:
                    row[LONG_WORDS] += 1
                if is_first_upper:
                    row[CAPITALIZED] += 1
                if num_words < word_hash.size:
                    word_block[num_words] = block
                    word_hash[num_words] = word
                    num_words += 1
                word = offset
                length = 0
            at += width
        text_hash[block] = hashed
    while depth:
        depth -= 1
        last[stack[depth]] = block + 1
    num_blocks = block + 1
    return (
        of_node,
        home[:num_blocks].copy(),
        first,
        last,
        counts[:num_blocks].copy(),
        text_hash[:num_blocks].copy(),
        word_block[:num_words].copy(),
        word_hash[:num_words].copy(),
    )
