"""Which bytes of a text are cut, from the windows that are found in it; and the text without them.

Of a window that occurs more than once, one place is kept and all others are repeats (``passages``).
Windows overlap, and a text can hold a repeat of one beside the kept place of another. So a line is
cut if it lies in a repeat and in no window that is kept here. Two things follow, whatever the
windows:

* every window that occurs more than once stays whole at the place that keeps it;
* every line that is cut stays in another place, with all the lines of a window around it.

The price is that up to a window's lines may stay twice where passages overlap.
"""

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup.packed import Int64Array, Packed
from filters.dedup.shingle_kernels import Bytes, Offsets
from filters.dedup.shingles import utf8_buffers
from pipeline.errors import InvariantError

CUT_TYPE = pa.struct(
    [
        pa.field("begin", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
    ]
)

CUTS = "passages.cuts"

PASSAGE_FIELDS = (
    pa.field(CUTS, pa.list_(CUT_TYPE)),  # UTF-8 bytes of whole lines, ascending and disjoint
    pa.field("passages.cut_chars", pa.int64()),
    pa.field("passages.cut_ratio", pa.float32()),  # of the text's characters; 0 for an empty text
)

Range = tuple[int, int]

_BLANK_LINE = re.compile(rb"(?m)^[^\S\n]*\n")
_LOW_HALF = np.uint64(2**32 - 1)


def cut_batch(texts: pa.Array, found: Packed, *, first: int) -> list[pa.Array]:
    """The columns of ``PASSAGE_FIELDS`` for a batch of texts; nothing is null.

    ``found`` are all rows of ``passages.find_repeats`` for the batch, in any order; ``first`` is
    the reference of its first text. Raises InvariantError when one of them lies outside of its
    text.
    """
    offsets, data = utf8_buffers(texts)
    places = (found[:, 0] - np.uint64(first)).astype(np.int64)
    begins = (found[:, 1] >> np.uint64(32)).astype(np.int64)
    ends = (found[:, 1] & _LOW_HALF).astype(np.int64)
    is_inside = (places >= 0) & (places < len(texts))
    if not (is_inside.all() and (ends <= np.diff(offsets)[places]).all()):
        raise InvariantError("a passage lies outside of its text: they come from different tables")
    cuts: list[list[Range]] = [[] for _ in range(len(texts))]
    for text, begin, end in _uncovered(places, begins, ends, found[:, 2] > 0):
        cuts[text].append((begin, end))
    chars = np.zeros(len(texts), np.int64)
    for text, ranges in enumerate(cuts):
        if ranges:
            encoded = data[offsets[text] : offsets[text + 1]].tobytes()
            cuts[text] = settle(encoded, ranges)
            chars[text] = sum(len(encoded[begin:end].decode()) for begin, end in cuts[text])
    totals = np.maximum(pc.utf8_length(texts).to_numpy(zero_copy_only=False), 1)
    return [_cut_column(cuts), pa.array(chars), pa.array((chars / totals).astype(np.float32))]


def settle(text: bytes, ranges: list[Range]) -> list[Range]:
    """Move ranges of whole lines so that paragraphs stay apart, and by no more than before.

    Blank lines at either end of a range are left out of it. A range that begins a paragraph takes
    the blank lines behind it with it, and one that ends the text those before it. One that goes
    from inside a paragraph to inside another leaves a blank line.
    """
    settled: list[Range] = []
    begins_paragraph = False
    for begin, end in ranges:
        begin = min(_after_blank(text, begin), end)  # noqa: PLW2901
        end = max(_before_blank(text, end), begin)  # noqa: PLW2901
        if begin == end:
            continue
        is_joined = bool(settled) and begin <= settled[-1][1]
        if not is_joined:
            begins_paragraph = not begin or _before_blank(text, begin) < begin
        if begins_paragraph:
            end = _after_blank(text, end)  # noqa: PLW2901
        if is_joined:
            begin = settled.pop()[0]  # noqa: PLW2901
        if not begins_paragraph and _after_blank(text, end) == end < len(text):
            # It leaves the head of one paragraph and the tail of another, perhaps.
            between = _BLANK_LINE.search(text, begin, end)
            if between is not None:
                settled.append((begin, between.start()))
                begin = between.end()  # noqa: PLW2901
                begins_paragraph = True
        settled.append((begin, end))
    if settled and _after_blank(text, settled[-1][1]) == len(text):
        begin, _ = settled.pop()
        floor = settled[-1][1] if settled else 0
        settled.append((max(_before_blank(text, begin), floor), len(text)))
        if settled[-1][0] == floor and len(settled) > 1:
            _, end = settled.pop()
            settled.append((settled.pop()[0], end))
    return settled


def without_cuts(texts: pa.Array, cuts: pa.Array) -> pa.Array:
    """The texts without the bytes that ``cuts`` (``PASSAGE_FIELDS``) name; a large_string column.

    A null or an empty list leaves its text as it is, byte for byte. Raises InvariantError when
    cuts do not ascend, leave their text or split a code point: then they belong to another text.
    """
    texts = texts.cast(pa.large_string())
    ranges = cuts.flatten()
    if not len(ranges):
        return texts
    offsets, data = utf8_buffers(texts)
    counts = cuts.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    of_text = np.repeat(np.arange(len(texts)), counts)
    starts = offsets[of_text]
    begins = pc.struct_field(ranges, "begin").to_numpy() + starts
    ends = pc.struct_field(ranges, "end").to_numpy() + starts
    _check_cuts(begins, ends, offsets, of_text, data)
    bounds = np.concatenate([[offsets[0]], np.column_stack([begins, ends]).ravel(), offsets[-1:]])
    kept = b"".join(data.data[begin:end] for begin, end in bounds.reshape(-1, 2).tolist())
    cut_bytes = np.bincount(of_text, ends - begins, len(texts)).astype(np.int64)
    lengths = np.diff(offsets) - cut_bytes
    new_offsets = np.concatenate([[0], np.cumsum(lengths)])
    return pa.LargeStringArray.from_buffers(
        len(texts), pa.py_buffer(new_offsets), pa.py_buffer(kept)
    )


def _check_cuts(
    begins: Int64Array, ends: Int64Array, offsets: Offsets, of_text: Int64Array, data: Bytes
) -> None:
    is_wrong = (begins < offsets[of_text]) | (ends > offsets[of_text + 1]) | (begins >= ends)
    is_wrong[1:] |= begins[1:] < ends[:-1]
    if not is_wrong.any():
        for edges in (begins, ends):
            inner = edges < offsets[of_text + 1]
            is_wrong[inner] |= (data[edges[inner]] & 0xC0) == 0x80  # noqa: PLR2004 - UTF-8
    if is_wrong.any():
        at = int(np.argmax(is_wrong))
        start = offsets[of_text[at]]
        raise InvariantError(
            f"cut {begins[at] - start}:{ends[at] - start} does not fit text {of_text[at]} of its "
            "batch: cuts and texts come from different runs"
        )


def _uncovered(
    places: Int64Array, begins: Int64Array, ends: Int64Array, is_repeat: npt.NDArray[np.bool_]
) -> list[tuple[int, int, int]]:
    """(text, begin, end) of the stretches that lie in a repeat and in no window that is kept."""
    edges = np.concatenate([places << 32 | begins, places << 32 | ends])
    steps = np.repeat([1, -1], len(places))
    order = np.argsort(edges, kind="stable")
    edges = edges[order]
    is_repeat = np.tile(is_repeat, 2)[order]
    repeats = np.cumsum(np.where(is_repeat, steps[order], 0))
    kept = np.cumsum(np.where(is_repeat, 0, steps[order]))
    is_last = np.append(np.diff(edges) > 0, True)[: len(edges)]
    edges, is_cut = edges[is_last], (repeats > 0)[is_last] & (kept == 0)[is_last]
    changes = np.flatnonzero(np.diff(is_cut.astype(np.int8), prepend=0))
    found = edges[changes].reshape(-1, 2)
    texts = found[:, 0] >> 32
    begins, ends = (found - (texts << 32)[:, np.newaxis]).T.tolist()
    return list(zip(texts.tolist(), begins, ends, strict=True))


def _after_blank(text: bytes, begin: int) -> int:
    """Where the blank lines end that begin at ``begin``, which is the start of a line."""
    while begin < len(text):
        end = text.find(b"\n", begin) + 1 or len(text)
        if text[begin:end].strip():
            break
        begin = end
    return begin


def _before_blank(text: bytes, end: int) -> int:
    """Where the blank lines begin that end at ``end``, which is the end of a line."""
    while end:
        begin = text.rfind(b"\n", 0, end - 1) + 1
        if text[begin:end].strip():
            break
        end = begin
    return end


def _cut_column(cuts: list[list[Range]]) -> pa.Array:
    flat = np.array([cut for ranges in cuts for cut in ranges], np.int64).reshape(-1, 2)
    values = pa.StructArray.from_arrays(
        [pa.array(flat[:, 0]), pa.array(flat[:, 1])], fields=list(CUT_TYPE)
    )
    offsets = np.cumsum([0, *map(len, cuts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
