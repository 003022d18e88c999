"""Reading completions: what models really write, turned into fields or into a fault.

Reasoning stands before the last ``</think>``, or in a tag that opens and never closes. It may be
part of a text that is kept whole (:func:`whole`); it is never searched for parts, code or scores.
"""

import json
import re
from collections.abc import Iterator, Mapping

from synth.plain_text import plain_text
from synth.strategies.strategy import AnswerFault, Parser

MAX_PAIRS = 32
"""More question-answer pairs than this are a loop."""

MAX_CHATTER_CHARS = 300
"""More text than this behind a fence is part of the answer."""

SCALE = range(1, 6)
"""Of a judge's scores."""

_THINK_END = re.compile(r"</think(?:ing)?>")
_THINK_START = re.compile(r"<think(?:ing)?>")
_FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<mark>[^\n`]*)$", re.MULTILINE
)
_PYTHON = frozenset({"python", "python3", "py", "py3"})
_MARKDOWN = frozenset({"markdown", "md"})
_LEAD_IN = re.compile(
    r"(?:(?:sure|certainly|of course|absolutely|okay)[!,.][^\n]{0,200}?"
    r"|here(?:'s|\u2019s| is| are) (?:the|a|an|your|my)\b[^\n]{0,120}?"
    r"\b(?:rewrit\w*|revis\w*|version|section|conversation|dialogue|text|piece|story|poem)\b"
    r"[^\n]{0,80}?):[ \t]*\n",
    re.IGNORECASE,
)
"""A first line that hands over what follows it."""

_RULE = re.compile(r"[ \t]*(?:[-*_]{3,}[ \t]*)?")
_DRESS = r"[*_\[]{0,3}"
_BARE = r"[*_\]]{0,3}"
_BEFORE = rf"^[ \t>]*(?:[-*+][ \t]+)?(?:#{{1,6}}[ \t]*)?{_DRESS}(?:\d{{1,2}}[.)][ \t]*)?{_DRESS}"
_NUMBER = r"(?:[ \t]*(?:No\.?|#)?[ \t]*\d{1,3})?"
_REMARK = r"(?:[ \t]*[(\uff08][^()\uff08\uff09\n]{1,40}[)\uff09])?"
_COLON = rf"{_BARE}[ \t]*[:\uff1a]{_BARE}[ \t]*"
# A word in prose is no label: one has a colon or a stop, closes its dress, or stands alone.
_AFTER = (
    rf"{_NUMBER}{_REMARK}"
    rf"(?:{_COLON}|{_BARE}[ \t]*\.(?=[\s*_\]]){_BARE}[ \t]*|{_BARE}[ \t]*$|[*_\]]{{1,3}}[ \t]+)"
)
_OTHER_WORDS = {
    "question": "Problem|\u95ee\u9898|\u554f\u984c|\u9898\u76ee|\u984c\u76ee",
    "solution": "Answer|\u89e3\u7b54|\u7b54\u6848|\u89e3|\u7b54",
}
"""What models write instead of a label, in lower case, that they were asked for."""

_PAIR = re.compile(
    rf"{_BEFORE}(?:(?:Correct |Right )?"
    r"(?P<kind>Question|Answer|\u95ee(?:\u9898)?|\u554f(?:\u984c)?|\u7b54(?:\u6848)?)"
    rf"{_AFTER}|"
    # A letter alone needs a colon: "A) one" and "A. one" are options.
    rf"(?P<letter>[QA])(?:{_NUMBER}{_REMARK}{_COLON}|\d{{1,3}}{_BARE}[.)]{_BARE}[ \t]*))",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBERED_QUESTION = re.compile(
    rf"^[ \t]*(?:#{{1,6}}[ \t]*)?{_DRESS}\d{{1,2}}[.)][ \t]+{_DRESS}(?=[^\n]*[?\uff1f][*_ \t]*$)",
    re.MULTILINE,
)
_SCORE = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z _]{1,40}?)[\"'*_ \t]*(?:\([^()\n]{1,20}\)[\"'*_ \t]*)?"
    r"[:=|\uff1a][\"'*_ \t]*(?P<value>\d{1,2})\b(?![.,]\d)"
)
_SCORE_NOUN = re.compile(r"_(?:score|rating)$")


def answer_of(completion: str) -> str:
    """The completion after its reasoning; empty where it never came to an end."""
    completion = completion.replace("\r\n", "\n")
    ends = list(_THINK_END.finditer(completion))
    if ends:
        return plain_text(completion[ends[-1].end() :])
    opened = _THINK_START.search(completion)
    return plain_text(completion[: opened.start()] if opened else completion)


def whole(field: str) -> Parser:
    """All of the completion as plain text, reasoning first."""

    def parse(completion: str) -> Mapping[str, str]:
        if not answer_of(completion):
            raise AnswerFault("empty")
        return {field: plain_text(completion)}

    return parse


def answer_only(field: str) -> Parser:
    """What stands after the reasoning, as plain text.

    A fence around all of it is taken off, and so is a line such as "Here is the rewritten text:".
    """

    def parse(completion: str) -> Mapping[str, str]:
        text = _content_of(completion)
        if not text:
            raise AnswerFault("empty")
        return {field: text}

    return parse


def sections(**fields: str) -> Parser:
    """Labelled parts in their order, such as ``sections(question="Question")``: field and label.

    A label stands at the start of a line: dressed as a heading, in bold or in brackets, alone on
    its line, or with a colon; numbers and remarks in parentheses may follow it. Raises AnswerFault
    ``missing_part`` where one is not there or has no text.
    """
    labels = {field: _spellings(label) for field, label in fields.items()}

    def parse(completion: str) -> Mapping[str, str]:
        text = _content_of(completion)
        begins: list[tuple[str, int, int]] = []
        position = 0
        for field, spellings in labels.items():
            tried = (spelling.search(text, position) for spelling in spellings)
            match = next(filter(None, tried), None)
            if match is None:
                raise AnswerFault("missing_part", field)
            begins.append((field, match.start(), match.end()))
            position = match.end()
        stops = [*(start for _, start, _ in begins[1:]), len(text)]
        found: dict[str, str] = {}
        for (field, _, start), stop in zip(begins, stops, strict=True):
            part = _trimmed(text[start:stop])
            if not part:
                raise AnswerFault("missing_part", field)
            found[field] = part
        return found

    return parse


def before_label(text: str, *labels: str) -> str:
    """``text`` up to the first of these labels, which nobody asked for; all of it without any."""
    match = re.compile(
        rf"{_BEFORE}(?:{'|'.join(map(re.escape, labels))}){_AFTER}", re.MULTILINE | re.IGNORECASE
    ).search(text)
    return _trimmed(text[: match.start()] if match else text)


def code_blocks(*fields: str) -> Parser:
    """The last fenced blocks of an answer, one for each field, in their order.

    Blocks marked as Python go before those without a mark, and these before all others: an answer
    may end in a command or in what the program prints. An answer of nothing but one block's code
    without a fence is none: it cannot be told from prose. Raises AnswerFault ``missing_code``.
    """

    def parse(completion: str) -> Mapping[str, str]:
        found = [(mark, code) for mark, code in fenced(answer_of(completion)) if code.strip()]
        python = [code for mark, code in found if mark in _PYTHON]
        likely = [code for mark, code in found if mark in _PYTHON or not mark]
        every = [code for _, code in found]
        blocks = next((some for some in (python, likely) if len(some) >= len(fields)), every)
        if len(blocks) < len(fields):
            raise AnswerFault("missing_code", fields[len(blocks)])
        return dict(zip(fields, blocks[-len(fields) :], strict=True))

    return parse


def pairs(field: str, *, at_least: int = 1) -> Parser:
    """Question-answer pairs as one text, ``Question: ...`` and ``Answer: ...`` set apart by lines.

    Raises AnswerFault ``too_few_pairs`` or ``too_many_pairs``.
    """

    def parse(completion: str) -> Mapping[str, str]:
        found = list(_pairs_of(_content_of(completion)))
        if len(found) < at_least:
            raise AnswerFault("too_few_pairs", str(len(found)))
        if len(found) > MAX_PAIRS:
            raise AnswerFault("too_many_pairs", str(len(found)))
        written = [f"Question: {question}\n\nAnswer: {answer}" for question, answer in found]
        return {field: "\n\n".join(written)}

    return parse


def scores(*names: str) -> Parser:
    """A judge's scores, whole numbers from 1 to 5, as fields ``score_<name>``.

    JSON, or lines such as ``adherence: 4``. Raises AnswerFault ``unreadable_scores`` where one is
    missing or out of range.
    """

    def parse(completion: str) -> Mapping[str, str]:
        text = answer_of(completion)
        given = _json_scores(text) or _line_scores(text)
        found: dict[str, str] = {}
        for name in names:
            value = given.get(name)
            if value not in SCALE:
                raise AnswerFault("unreadable_scores", name)
            found[f"score_{name}"] = str(value)
        return found

    return parse


def fenced(text: str) -> Iterator[tuple[str, str]]:
    """(language, code) of each fenced block; one that is never closed goes to the end.

    The language is in lower case. Code in an indented fence, as in a list, loses that indentation.
    """
    position = 0
    while opening := _FENCE.search(text, position):
        fence, indent = opening["fence"], len(opening["indent"])
        closing = re.compile(rf"^[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
        end = closing.search(text, opening.end())
        stop = len(text) if end is None else end.start()
        code = text[opening.end() : stop].strip("\n")
        if indent:
            code = re.sub(rf"^[ \t]{{1,{indent}}}", "", code, flags=re.MULTILINE)
        yield _mark(opening), code
        if end is None:
            return
        position = end.end()


def _content_of(completion: str) -> str:
    """The answer without a line that hands it over, and without a fence around all of it."""
    text = answer_of(completion)
    lead_in = _LEAD_IN.match(text)
    return _without_outer_fence(text[lead_in.end() :].strip() if lead_in else text)


def _mark(opening: re.Match[str]) -> str:
    words = opening["mark"].lower().strip(" \t{}.").split()
    return words[0] if words else ""


def _without_outer_fence(text: str) -> str:
    """``text`` out of a fence that holds all of it, as chat models wrap Markdown.

    Fences of the same length within a fence that is marked as Markdown are its content.
    """
    opening = _FENCE.match(text)
    if opening is None:
        return text
    mark = _mark(opening)
    if mark in _MARKDOWN:
        lines = list(_FENCE.finditer(text, opening.end()))
        is_closed = len(lines) % 2 == 1 and not lines[-1]["mark"].strip()
        if is_closed and len(text) - lines[-1].end() <= MAX_CHATTER_CHARS:
            return text[opening.end() : lines[-1].start()].strip()
        return text
    blocks = list(fenced(text))
    is_all = len(blocks) == 1 and text.rstrip().endswith(opening["fence"])
    return blocks[0][1].strip() if is_all and mark in ("", "text") else text


def _spellings(label: str) -> tuple[re.Pattern[str], ...]:
    """Patterns for a label: as it was asked for, and what else models write where that is not."""
    words = (re.escape(label), _OTHER_WORDS.get(label.lower()))
    return tuple(
        re.compile(rf"{_BEFORE}(?:{word}){_AFTER}", re.MULTILINE | re.IGNORECASE)
        for word in words
        if word is not None
    )


def _trimmed(part: str) -> str:
    """``part`` without rules at its end and without the end of a dress that its label began."""
    lines = part.strip().split("\n")
    while lines and _RULE.fullmatch(lines[-1]):
        lines.pop()
    if lines and lines[0].count("**") % 2 and lines[0].rstrip().endswith("**"):
        lines[0] = lines[0].rstrip().removesuffix("**")
    return "\n".join(lines).strip()


def _pairs_of(text: str) -> Iterator[tuple[str, str]]:
    labels = _pair_labels(text)
    stops = [start for _, start, _ in labels[1:]] + [len(text)] * bool(labels)
    question: str | None = None
    for (is_question, _, start), stop in zip(labels, stops, strict=True):
        content = _trimmed(text[start:stop])
        if is_question:
            question = content or None
        elif question is not None and content:
            yield question, content
            question = None


def _pair_labels(text: str) -> list[tuple[bool, int, int]]:
    """Whether it is a question's, start and end of each label."""
    found = list(_PAIR.finditer(text))
    words = {_is_question(match["kind"]) for match in found if match["kind"]}
    # Beside "Answer:", "A:" is an option.
    labels = [
        (_is_question(match["kind"] or match["letter"]), *match.span())
        for match in found
        if match["kind"] or _is_question(match["letter"]) not in words
    ]
    if labels and not any(is_question for is_question, *_ in labels):
        labels += [(True, *match.span()) for match in _NUMBERED_QUESTION.finditer(text)]
        labels.sort(key=lambda label: label[1])
    return labels


def _is_question(kind: str) -> bool:
    return kind[0].lower() in ("q", "\u95ee", "\u554f")


def _json_scores(text: str) -> dict[str, int]:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return {}
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {
        _score_name(name): int(score)
        for name, score in value.items()
        # Also JSON's Infinity and NaN are floats.
        if isinstance(score, int | float) and not isinstance(score, bool) and score in SCALE
    }


def _line_scores(text: str) -> dict[str, int]:
    return {
        _score_name(match.group("name")): int(match.group("value"))
        for match in _SCORE.finditer(text)
    }


def _score_name(name: str) -> str:
    return _SCORE_NOUN.sub("", "_".join(name.lower().split()))
