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

_THINK_END = re.compile(r"</think(?:ing)?>")
_THINK_START = re.compile(r"<think(?:ing)?>")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\n`]*)$", re.MULTILINE)
_LABEL_DRESS = r"[ \t>]*(?:[-*+][ \t]+|\d{1,2}[.)][ \t]+)?(?:#{1,6}[ \t]*)?[*_\[]{0,3}"
_LABEL_END = r"[*_\]]{0,3}[ \t]*[:\uff1a.\-]?[*_\]]{0,3}[ \t]*"
_PAIR = re.compile(
    # A letter alone needs a colon: "A) one" is an option.
    rf"^{_LABEL_DRESS}(?P<kind>Q(?:uestion)?|A(?:nswer)?|\u95ee(?:\u9898)?|\u7b54(?:\u6848)?)"
    r"(?:[ \t]*(?:No\.?|#)?[ \t]*\d{1,3})?[*_\]]{0,3}[ \t]*(?:[:\uff1a]|(?<=\w\w)[.)])"
    r"[*_\]]{0,3}[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
_SCORE = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z _]{1,40}?)[\"'*_ \t]*[:=\uff1a][\"'*_ \t]*(?P<value>\d{1,2})\b"
)


def answer_of(completion: str) -> str:
    """The completion after its reasoning; empty where it never came to an end."""
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
    """What stands after the reasoning, as plain text; a fence around all of it is taken off."""

    def parse(completion: str) -> Mapping[str, str]:
        text = _without_outer_fence(answer_of(completion))
        if not text:
            raise AnswerFault("empty")
        return {field: text}

    return parse


def sections(**fields: str) -> Parser:
    """Labelled parts in their order, such as ``sections(question="Question")``: field and label.

    A label stands at the start of a line, dressed as a heading, in bold, in brackets, or plain with
    a colon. Raises AnswerFault ``missing_part`` where one is not there or has no text.
    """
    labels = {
        field: re.compile(
            rf"^{_LABEL_DRESS}{re.escape(label)}{_LABEL_END}(?=\S|$)", re.MULTILINE | re.IGNORECASE
        )
        for field, label in fields.items()
    }

    def parse(completion: str) -> Mapping[str, str]:
        text = _without_outer_fence(answer_of(completion))
        begins: list[tuple[str, int, int]] = []
        position = 0
        for field, label in labels.items():
            match = label.search(text, position)
            if match is None:
                raise AnswerFault("missing_part", field)
            begins.append((field, match.start(), match.end()))
            position = match.end()
        stops = [*(start for _, start, _ in begins[1:]), len(text)]
        found: dict[str, str] = {}
        for (field, _, start), stop in zip(begins, stops, strict=True):
            part = text[start:stop].strip().rstrip("-* \n")
            if not part:
                raise AnswerFault("missing_part", field)
            found[field] = part
        return found

    return parse


def code_blocks(*fields: str) -> Parser:
    """The last fenced blocks of an answer, one for each field, in their order.

    An answer of nothing but one block's code without a fence is none: it cannot be told from prose.
    Raises AnswerFault ``missing_code``.
    """

    def parse(completion: str) -> Mapping[str, str]:
        blocks = [code for _, code in fenced(answer_of(completion)) if code.strip()]
        if len(blocks) < len(fields):
            raise AnswerFault("missing_code", fields[len(blocks)])
        return dict(zip(fields, blocks[-len(fields) :], strict=True))

    return parse


def code_and_text(code: str, text: str) -> Parser:
    """One fenced block as ``code``, and the whole answer, reasoning first, as ``text``."""
    blocks = code_blocks(code)

    def parse(completion: str) -> Mapping[str, str]:
        return {**blocks(completion), text: plain_text(completion)}

    return parse


def pairs(field: str, *, at_least: int = 1) -> Parser:
    """Question-answer pairs as one text, ``Question: ...`` and ``Answer: ...`` set apart by lines.

    Raises AnswerFault ``too_few_pairs`` or ``too_many_pairs``.
    """

    def parse(completion: str) -> Mapping[str, str]:
        found = list(_pairs_of(_without_outer_fence(answer_of(completion))))
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
            if value is None or not 1 <= value <= 5:  # noqa: PLR2004 - the scale
                raise AnswerFault("unreadable_scores", name)
            found[f"score_{name}"] = str(value)
        return found

    return parse


def fenced(text: str) -> Iterator[tuple[str, str]]:
    """(language, code) of each fenced block; one that is never closed goes to the end."""
    position = 0
    while opening := _FENCE.search(text, position):
        fence, language = opening.group(1), opening.group(2).strip()
        closing = re.compile(rf"^[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
        end = closing.search(text, opening.end())
        stop = len(text) if end is None else end.start()
        yield language, text[opening.end() : stop].strip("\n")
        if end is None:
            return
        position = end.end()


def _without_outer_fence(text: str) -> str:
    """``text`` out of a fence that holds all of it, as chat models wrap Markdown."""
    opening = _FENCE.match(text)
    if opening is None or opening.group(2).strip().lower() not in ("", "markdown", "md", "text"):
        return text
    blocks = list(fenced(text))
    is_all = len(blocks) == 1 and text.rstrip().endswith(opening.group(1))
    return blocks[0][1].strip() if is_all else text


def _pairs_of(text: str) -> Iterator[tuple[str, str]]:
    labels = list(_PAIR.finditer(text))
    stops = [label.start() for label in labels[1:]] + [len(text)] * bool(labels)
    question: str | None = None
    for label, stop in zip(labels, stops, strict=True):
        content = text[label.end() : stop].strip().rstrip("-* \n")
        is_question = label.group("kind")[0].lower() in ("q", "\u95ee")
        if is_question:
            question = content or None
        elif question is not None and content:
            yield question, content
            question = None


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
        if isinstance(score, int | float) and not isinstance(score, bool) and score == int(score)
    }


def _line_scores(text: str) -> dict[str, int]:
    return {
        _score_name(match.group("name")): int(match.group("value"))
        for match in _SCORE.finditer(text)
    }


def _score_name(name: str) -> str:
    return "_".join(name.lower().split())
