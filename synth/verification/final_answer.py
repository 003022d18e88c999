r"""Finding the final answer in what a model wrote.

The boxes after the last ``</think>`` decide; without a box, what follows "answer is" or ``####``;
without either, a short text of one line is an answer by itself. Boxes side by side ("2" and "3")
are one list; other differing boxes are all candidates, of which a checker must demand that every
one is right: two different final answers are no answer.
"""

import re

from synth.verification.latex import canonical

MAX_BARE_ANSWER_CHARS = 1000
"""A text without box and anchor counts as an answer only up to this length."""

MAX_CANDIDATES = 8
MAX_ANCHORS = 32
MAX_BESIDE_CHARS = 40

_THINK_END = "</think>"
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?:\{|(?=\S))")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TOKEN = re.compile(r"\\?\w+")
_SPACES = re.compile(r"\s*")
_BESIDE = re.compile(r"[\s$\\()\[\],;]*(?:(?:and|or)|[,;])[\s$\\()\[\],;]*")
_RETRACTION = re.compile(
    r"\b(?:wait|actually|correction|corrected|mistake|error|wrong|incorrect|sorry|instead"
    r"|let me re\w+)\b",
    re.IGNORECASE,
)
_ANCHOR = re.compile(
    r"####|\banswer\b[*_ ]*(?:is|are|equals|would be|must be|=|:)"
    r"(?:[*_ :]*\b(?:therefore|thus|simply|just|equal to|given by|option|choice)\b)*[*_ :]*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_REASON = re.compile(r",? ?\b(?:because|since|as|which|so|where|when|I hope)\b.*", re.DOTALL)
_MATH = re.compile(r"(?<!\\)\$([^$]+)(?<!\\)\$|\\\((.{1,500}?)\\\)|\\\[(.{1,500}?)\\\]", re.DOTALL)
_WORD = re.compile(r"(?<![\\a-zA-Z{])[a-zA-Z]{2,}(?![a-zA-Z}])")
_NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?:/\d+)?(?!\w|\.\d)")


def final_answers(text: str) -> tuple[str, ...]:
    r"""Differing candidates for the final answer, in order; empty when there is none.

    >>> final_answers("First 3. So $\\boxed{\\frac{1}{2}}$."), final_answers("The answer is **7**.")
    (('\\frac{1}{2}',), ('7',))
    """
    text = text.rpartition(_THINK_END)[2].strip()
    if boxes := _boxes(text):
        return _distinct(boxes)
    if _ANCHOR.search(text):
        return _distinct(_anchored(text))
    if "\\boxed" in text:  # never closed: the text breaks off
        return ()
    if text and "\n" not in text and len(text) <= MAX_BARE_ANSWER_CHARS:
        return (_from_sentence(text),)
    return ()


def _boxes(text: str) -> list[str]:
    """Contents of the boxes, neighbours joined to a list, what was taken back left out."""
    closing_of = _brace_pairs(text)
    contents: list[str] = []
    previous_end = 0
    for match in _BOX.finditer(text):
        if match.start() < previous_end:
            continue  # a box within a box
        box = _box(text, match, closing_of)
        if box is None:
            continue
        content, end = box
        between = text[previous_end : match.start()]
        if contents and _RETRACTION.search(between):
            contents.clear()
        if contents and len(between) <= MAX_BESIDE_CHARS and _BESIDE.fullmatch(between):
            contents[-1] += f", {content}"
        else:
            contents.append(content)
        previous_end = end
    return contents


def _box(text: str, match: re.Match[str], closing_of: dict[int, int]) -> tuple[str, int] | None:
    """Content of the innermost of boxes that hold nothing but one another, and the outer's end."""
    end: int | None = None
    while True:
        start = match.end()
        if text[start - 1] == "{":
            if start - 1 not in closing_of:
                return None
            stop = closing_of[start - 1]
            after = stop + 1
        else:
            token = _TOKEN.match(text, start)
            if token is None:
                return None
            stop = after = token.end()
        end = after if end is None else end
        inner = _BOX.match(text, _SPACES.match(text, start).end())  # type: ignore[union-attr]
        if inner is None or inner.end() > stop:
            return text[start:stop].strip(), end
        match = inner


def _brace_pairs(text: str) -> dict[int, int]:
    """Position of the ``}`` for each ``{`` that has one; escaped braces do not count."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for match in _BRACE.finditer(text):
        if match.group() == "{":
            stack.append(match.start())
        elif match.group() == "}" and stack:
            pairs[stack.pop()] = match.start()
    return pairs


def _anchored(text: str) -> list[str]:
    found = []
    for match in list(_ANCHOR.finditer(text))[-MAX_ANCHORS:]:
        tail = text[match.end() : match.end() + MAX_BARE_ANSWER_CHARS].lstrip()
        following = _ANCHOR.search(tail)
        tail = tail[: following.start()] if following else tail
        sentence = " ".join(_first_sentence(tail).split())
        if re.match(r"not\b", sentence):
            continue
        if candidate := _REASON.sub("", sentence).strip(" *_"):
            found.append(candidate)
    return found


def _first_sentence(text: str) -> str:
    """``text`` up to the first sentence end that stands outside of formulas."""
    spans = [match.span() for match in _MATH.finditer(text)]
    for match in _SENTENCE_END.finditer(text):
        if not any(start <= match.start() < end for start, end in spans):
            return text[: match.start()]
    return text


def _from_sentence(text: str) -> str:
    """The one formula or the one number of a sentence, or the text itself."""
    words = len(_WORD.findall(_MATH.sub(" ", text)))
    if words < (2 if text[:1].isalpha() else 3):
        return text
    formulas = [next(filter(None, match.groups())) for match in _MATH.finditer(text)]
    if formulas:
        return formulas[0] if len(formulas) == 1 else text
    numbers = _NUMBER.findall(text)
    return numbers[0] if len(numbers) == 1 else text


def _distinct(candidates: list[str]) -> tuple[str, ...]:
    by_spelling = {_spelling(candidate): candidate for candidate in candidates}
    return tuple(by_spelling.values())[-MAX_CANDIDATES:]


def _spelling(candidate: str) -> str:
    is_answer_like = len(candidate) <= MAX_BARE_ANSWER_CHARS
    return canonical(candidate).replace(" ", "") if is_answer_like else candidate
