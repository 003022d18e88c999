"""Labelled questions and the answers that follow them: exercises, worked examples, interviews.

"Exercise 3.2 ... Solution ...", "Q: ... A: ...", "Problem. ... Answer: 42", and headings that ask.
A solution elsewhere in the document belongs to the exercise whose number it names.
"""

import re
from dataclasses import dataclass, field

from synth.questions import prose
from synth.questions.blocks import Block
from synth.questions.labels import Label, label_of
from synth.questions.question_answer import Candidate, Passage, passage_of

MAX_STATED_CHARS = 80
"""Ours: what follows "Answer:" on one line up to this length is the whole answer."""

NUMBERED = "numbered"
"""Word of the label of a numbered line, which has none of its own."""

MAX_NUMBERED_LINES = 12
"""Ours: a numbered question with options and a listing has no more lines before its answer."""

MIN_FAQ_WORDS = 8
"""Ours: less below a heading that asks is a link or a button."""

MIN_HEADING_WORDS = 3
MAX_HEADING_CHARS = 200

_NUMBERED = re.compile(r"(?:\*\*)?\(?(\d{1,3})[.)](?:\*\*)?\s+(?=\S)")
_END_OF_PROOF = re.compile(
    r"(?:\u220e|\u25a0|\u25a1|\u25fb|\u25fc|\bQ\.?E\.?D\.?|\\(?:square|blacksquare|qed"
    r"|Box)\s*\$*)\s*$"
)
_BOLD_LINE = re.compile(r"(?:[-*+] +)?(?:\d{1,3}[.)] +)?(\*\*|__)(?:(?!\1).)+\1")
_ASKING_HEADING = re.compile(
    r"(?:[-*+] +)?(?:\#{1,6} +)?(?:\*\*|__)?(?:(?:Q|Question) ?\d*[.:)]? +"
    r"|\d{1,3}[.)]? +)?(?P<asked>.+?[?\uff1f])"
    r"(?:\*\*|__)?"
)


@dataclass
class _Open:
    """An exercise whose end has not been seen."""

    label: Label
    level: int  # of its heading, 0 where it is none
    question: list[tuple[int, int]]
    answer: list[tuple[int, int]] = field(default_factory=list)
    answer_word: str | None = None
    is_hint: bool = False
    is_stated: bool = False  # the answer is one line, and over


def find_labelled(document: str, lines: list[Block]) -> list[Candidate]:
    """Pairs whose question and answer both have labels, in the order of the questions."""
    pairs = _Pairs(document)
    current: _Open | None = None
    for line in lines:
        label = label_of(line.text) if line.kind in ("heading", "text", "item", "quote") else None
        label = label or _numbered(current, line)
        kind = None if label is None else label.kind
        if kind == "question" and label is not None:
            pairs.close(current)
            current = _Open(label, line.level, _rest(line, label))
        elif kind == "answer" and label is not None:
            current = _answered(current, line, label, pairs)
        elif current is not None and not _goes_on(current, line, kind):
            pairs.close(current)
            current = None
        elif current is not None and kind == "hint" and current.answer_word is None:
            current.is_hint = True
        elif current is not None:
            _add(current, line, document)
    pairs.close(current)
    return sorted(pairs.found, key=lambda candidate: candidate.question.start)


def _numbered(current: _Open | None, line: Block) -> Label | None:
    """A numbered line that asks is a question too, if an answer label follows ("1. ... Answer:").

    Not within a labelled exercise, whose parts or steps are numbered, and only in turn.
    """
    match = _NUMBERED.match(line.text) if line.kind in ("item", "text") else None
    if match is None or not prose.is_exercise(line.text[match.end() :]):
        return None
    if current is not None and (
        current.label.word != NUMBERED or int(match.group(1)) != int(current.label.number or 0) + 1
    ):
        return None
    return Label("question", NUMBERED, match.group(1), match.end())


def find_asking_headings(document: str, lines: list[Block]) -> list[Candidate]:
    """Headings that ask, and bold lines where there are two such, with the text below each.

    The first heading of a document is its title and no question of it.
    """
    asking = [number for number, line in enumerate(lines) if number and _asks(line)]
    bold = [number for number in asking if lines[number].kind != "heading"]
    if len(bold) == 1:
        asking.remove(bold[0])
    found = []
    for number in asking:
        end = _section_end(lines, number, set(asking))
        body = lines[number + 1 : end]
        if not body or prose.num_words(document[body[0].start : body[-1].end]) < MIN_FAQ_WORDS:
            continue
        match = _ASKING_HEADING.fullmatch(lines[number].text)
        if match is None:
            continue
        start = lines[number].start
        found.append(
            Candidate(
                kind="textbook",
                question=Passage(spans=((start + match.start(1), start + match.end(1)),)),
                answer=passage_of(document, ((line.start, line.end) for line in body)),
            )
        )
    return found


def _asks(line: Block) -> bool:
    is_bold = line.kind in ("text", "item") and _BOLD_LINE.fullmatch(line.text) is not None
    if not (line.kind == "heading" or is_bold) or len(line.text) > MAX_HEADING_CHARS:
        return False
    match = _ASKING_HEADING.fullmatch(line.text)
    if match is None or prose.num_words(match["asked"]) < MIN_HEADING_WORDS:
        return False
    return not match["asked"].isascii() or prose.has_interrogative(match["asked"])


def _section_end(lines: list[Block], number: int, asking: set[int]) -> int:
    level = lines[number].level or 7
    for place in range(number + 1, len(lines)):
        if place in asking or 0 < lines[place].level <= level:
            return place
        if lines[place].kind == "rule":
            return place
    return len(lines)


def _rest(line: Block, label: Label) -> list[tuple[int, int]]:
    """What stands on the label's own line behind it."""
    start = line.start + label.length
    return (
        [(start, line.end)] if start < line.end and line.text[label.length :].strip(" *_") else []
    )


def _answered(current: _Open | None, line: Block, label: Label, pairs: "_Pairs") -> _Open | None:
    """The exercise that an answer label belongs to; None where there is none."""
    is_elsewhere = (
        label.number is not None
        and label.number in pairs.waiting
        and (current is None or current.label.number != label.number)
    )
    if is_elsewhere and label.number is not None:
        pairs.close(current)
        current = pairs.waiting.pop(label.number)
    if current is None or (current.answer_word is None and not current.question):
        return None
    if current.answer_word is not None:  # "Answer: 42" at the end of a solution
        if not current.is_stated:
            current.answer.append((line.start, line.end))
        return current
    current.answer_word = label.word
    current.answer.extend(_rest(line, label))
    said = line.text[label.length :].strip()
    is_brief = bool(said) and len(said) <= MAX_STATED_CHARS and label.word not in ("a", "solution")
    current.is_stated = is_brief and line.kind != "heading"
    return current


def _goes_on(current: _Open, line: Block, kind: str | None) -> bool:
    """Whether a line without a label of its own kind belongs to the open exercise."""
    if kind == "other" and (line.kind == "heading" or current.answer_word is None):
        return False
    if line.kind == "rule" or current.is_stated:
        return False
    if current.label.word == NUMBERED and len(current.question) > MAX_NUMBERED_LINES:
        return False
    if line.kind == "heading":
        return 0 < current.level < line.level
    return not (current.answer and kind == "other")


def _add(current: _Open, line: Block, document: str) -> None:
    if current.answer_word is None:
        if not current.is_hint:
            current.question.append((line.start, line.end))
        return
    current.answer.append((line.start, line.end))
    if _END_OF_PROOF.search(document[line.start : line.end]):
        current.is_stated = True


@dataclass
class _Pairs:
    """Exercises that are over; those without a solution wait for one that names their number."""

    document: str
    found: list[Candidate] = field(default_factory=list)
    waiting: dict[str, _Open] = field(default_factory=dict)

    def close(self, current: _Open | None) -> None:
        """Keep an exercise that has a question."""
        if current is None or not current.question:
            return
        is_numbered = current.label.word == NUMBERED
        if current.answer:
            self.found.append(
                Candidate(
                    kind="textbook",
                    question=passage_of(self.document, current.question),
                    answer=passage_of(self.document, current.answer),
                )
            )
        elif current.answer_word is None and current.label.number and not is_numbered:
            self.waiting[current.label.number] = current
