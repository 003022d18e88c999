"""One look over a page's source, before it is parsed: which searches are worth their cost.

Matching 60 selectors against every element costs as much as parsing; most pages hold no formula, no
listing and no thread, and show it by words that occur nowhere in them. All words are looked for at
once, by the automaton of Aho and Corasick. Legend of shapes: s states.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

FORMULA_MARKS = (
    *("math", "MathJ", "MathM", "ltx_Math", "MATH", "katex", "KaTeX", "formula", "Formula"),
    *(
        "equation",
        "latex",
        "LaTeX",
        '"tex"',
        '"tex ',
        ' tex"',
        " tex ",
        "'tex'",
        "<tex",
        "data-tex",
    ),
    *("la-tex", "matex", "=tex", "mjx", "MJX", "mq-", "eqno", "<eq", "data-expr", "data-entry"),
)
CODE_MARKS = (
    *("<pre", "<PRE", "<code", "<CODE", "<tt", "<TT", "<xmp", "<XMP", "<listing", "<LISTING"),
    *("CodeMirror", "CodeRay", "FileContents", "ace_editor", "bbc_code", "blob-", "cm-editor"),
    *("codeblock", "codebox", "code-listing", "codecontent", "codehilite", "codesnip", "crayon"),
    *("dp-c", "dp-highlighter", "fragment", "geshi", "highlight", "hljs", "js-file-line"),
    *(
        "linenum",
        "lntable",
        "monaco",
        "Monaco",
        "prettyprint",
        "react-code",
        "rouge",
        "source-code",
    ),
    *("sourceCode", "syntaxhighlighter", "wp_syntax", "gutter", "lineno", "line-num", "monospace"),
    *("ourier new", "ourier New", "onsolas", "enlo", '"code"', '"code ', ' code"', '"listing'),
    *(' listing"', "smallexample", '"example', ' example"', "lisp"),
)
THREAD_MARKS = (
    *('"answer', "cooked", "iscussion", "forum", "Forum", "reply", "Reply", "pvote", "/Comment"),
    "/Answer",
)
"""Words of which each development page with a thread has one; of other pages a third does."""

SCRIPT_FORMULA_MARKS = ('type="math/', "type='math/", "type=math/", 'type="Math', "TYPE=")
"""Formulas in scripts: found in their tags."""

OPENING_MARKS = ("<script", "<SCRIPT", "<style", "<STYLE", "<Script", "<Style")
CLOSING_MARKS = ("</script", "</SCRIPT", "</style", "</STYLE", "</Script", "</Style")
"""Scripts and style sheets speak of what other pages hold."""

FORMULA, CODE, THREAD, FORMULA_ANYWHERE, OPENING, CLOSING = 1, 2, 4, 8, 16, 32
ROOT = 0


@dataclass(frozen=True)
class Survey:
    """What the source of a page may hold, its tags, and the longest stretch between two ``<``."""

    may_hold_formula: bool
    may_hold_code: bool
    may_hold_thread: bool
    num_tags: int
    longest_tag_bytes: int


def survey(html: str) -> Survey:
    """What ``html`` may hold. False means that no selector or search could find it."""
    data = np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
    found, num_tags, longest = run(data, NEXT, FOUND)
    return Survey(
        bool(found & (FORMULA | FORMULA_ANYWHERE)),
        bool(found & CODE),
        bool(found & THREAD),
        num_tags,
        longest,
    )


def build(
    marks: dict[str, int],
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """The automaton: next states by state and byte, (s * 256,), and what a state found, (s,)."""
    below: list[dict[int, int]] = [{}]
    kinds = [0]
    for mark, kind in marks.items():
        state = ROOT
        for byte in mark.encode():
            if byte not in below[state]:
                below[state][byte] = len(below)
                below.append({})
                kinds.append(0)
            state = below[state][byte]
        kinds[state] |= kind
    following = np.zeros((len(below), 256), np.uint16)
    fallback = [ROOT] * len(below)
    for byte, state in below[ROOT].items():
        following[ROOT, byte] = state
    queue = deque(below[ROOT].values())
    while queue:
        state = queue.popleft()
        kinds[state] |= kinds[fallback[state]]
        following[state] = following[fallback[state]]
        for byte, child in below[state].items():
            fallback[child] = int(following[fallback[state], byte])
            following[state, byte] = child
            queue.append(child)
    return following.ravel(), np.array(kinds, np.uint8)


def _all_marks() -> dict[str, int]:
    marks: dict[str, int] = {}
    for words, kind in (
        (FORMULA_MARKS, FORMULA),
        (CODE_MARKS, CODE),
        (THREAD_MARKS, THREAD),
        (SCRIPT_FORMULA_MARKS, FORMULA_ANYWHERE),
        (OPENING_MARKS, OPENING),
        (CLOSING_MARKS, CLOSING),
    ):
        for word in words:
            marks[word] = marks.get(word, 0) | kind
    return marks


NEXT, FOUND = build(_all_marks())


@compile_kernel
def run(
    data: npt.NDArray[np.uint8],
    following: npt.NDArray[np.uint16],
    found_in: npt.NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Kinds of marks found, the number of ``<``, and the most bytes after one of them."""
    state = np.uint32(0)  # unsigned: an index that may be negative costs a test
    found = np.uint8(0)
    heard = np.uint8(255)
    num_tags = 0
    longest = 0
    last = 0
    for position in range(data.size):
        byte = data[position]
        state = np.uint32(following[(state << np.uint32(8)) | np.uint32(byte)])
        kinds = found_in[state]
        if kinds:
            if kinds & OPENING:
                heard = np.uint8(THREAD | FORMULA_ANYWHERE)
            elif kinds & CLOSING:
                heard = np.uint8(255)
            found |= kinds & heard
        if byte == 60:
            num_tags += 1
            longest = max(longest, position - last)
            last = position
    return int(found), num_tags, max(longest, data.size - last)
