"""Numbered exercises whose answers stand together at the end, matched by number.

A heading such as "Answers", "Solutions to the exercises" or "Answer key" opens the key; what is
numbered below it belongs to the nearest run of numbered questions before it that has these numbers.
Where the numbers start anew several times, both sides must do so equally often; otherwise nothing
is matched.
"""

import re
from dataclasses import dataclass

from synth.questions import prose
from synth.questions.blocks import Block
from synth.questions.labels import label_of
from synth.questions.question_answer import Candidate, Passage, passage_of

MIN_KEY_ITEMS = 2
"""Ours: one numbered line below "Solution" is its first step."""

MAX_LINES_BEFORE = 20_000
"""Of the document before a key, in which its questions are looked for."""

MAX_TITLE_CHARS = 80

_KEY_TITLE = re.compile(
    r"(?:\#{1,6} +)?(?:\*\*|__)?(?:\d[\d.]* +)?(?:(?:selected |short |odd )?(?:answers"
    r"|solutions|answer key|solution key)"
    r"(?: (?:to|for|of)\b.{0,50})?(?: (?:and|&) (?:hints|solutions|answers))?"
    r"|hints and (?:answers|solutions)|l\u00f6sungen|antworten|r\u00e9ponses"
    r"|corrig\u00e9s|soluciones|respuestas|soluzioni|risposte|\u043e\u0442\u0432\u0435\u0442\u044b"
    r"|\u0440\u0435\u0448\u0435\u043d\u0438\u044f"
    r"|(?:\u53c2\u8003)?\u7b54\u6848(?:\u4e0e\u89e3\u6790)?)"
    r"[:.\uff1a]?(?:\*\*|__)?:?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?:\*\*)?\(?(\d{1,3}(?:\.\d{1,3})*)(?:[.)\uff0e\u3001]|\)\.)(?:\*\*)?\s+(?=\S)"
)
_INLINE = re.compile(r"(?:(?<=\s)|^)(?:\*\*)?\(?(\d{1,3})[.)](?:\*\*)?\s+(?=\S)")


@dataclass
class _Numbered:
    number: str
    spans: list[tuple[int, int]]


def find_keyed(document: str, lines: list[Block]) -> tuple[list[Candidate], list[tuple[int, int]]]:
    """Pairs matched by number, and the spans of the keys, in which nothing else is a question."""
    found: list[Candidate] = []
    keys: list[tuple[int, int]] = []
    start = 0
    place = 0
    while place < len(lines):
        if not _is_key_title(lines[place]):
            place += 1
            continue
        end = _key_end(lines, place)
        answers = _runs(_inline(lines[place + 1 : end]))
        pairs: list[Candidate] = []
        if sum(map(len, answers)) >= MIN_KEY_ITEMS:
            first = max(start, place - MAX_LINES_BEFORE)
            pairs = _matched(document, _runs(lines[first:place]), answers)
        if pairs:
            found.extend(pairs)
            keys.append((lines[place].start, lines[end - 1].end))
            start = end
        place = end
    return found, keys


def _is_key_title(line: Block) -> bool:
    is_title = line.kind == "heading" or (line.kind == "text" and "\n" not in line.text)
    return is_title and len(line.text) <= MAX_TITLE_CHARS and bool(_KEY_TITLE.fullmatch(line.text))


def _key_end(lines: list[Block], place: int) -> int:
    """A key runs to a heading as high as its own, or, where it has none, to any heading."""
    level = lines[place].level or 6
    for number in range(place + 1, len(lines)):
        if 0 < lines[number].level <= level and label_of(lines[number].text) is None:
            return number
    return len(lines)


def _inline(lines: list[Block]) -> list[Block]:
    """Lines with several answers each, "1. 42  2. 17", cut where the numbers go on by one."""
    cut: list[Block] = []
    for line in lines:
        starts = [0]
        last: int | None = None
        for match in _INLINE.finditer(line.text) if line.kind in ("text", "item") else ():
            number = int(match.group(1))
            if match.start() == 0 or (last is not None and number == last + 1):
                starts += [match.start()] if match.start() else []
                last = number
        for start, end in zip(starts, [*starts[1:], len(line.text)], strict=True):
            text = line.text[start:end].rstrip(" ,;\t")
            cut.append(Block(line.kind, line.start + start, line.start + start + len(text), text))
    return cut


def _runs(lines: list[Block]) -> list[list[_Numbered]]:
    """Numbered items with what follows them, in runs in which the numbers grow."""
    runs: list[list[_Numbered]] = []
    is_open = False
    for line in lines:
        label = label_of(line.text) if line.kind in ("heading", "text", "item") else None
        match = _NUMBERED.match(line.text) if line.kind in ("text", "item") else None
        if label is not None and label.number is not None and label.kind in ("question", "answer"):
            number, length = label.number, label.length
        elif match is not None:
            number, length = match.group(1), match.end()
        else:
            if line.kind in ("heading", "rule"):
                is_open = False
                if line.kind == "heading" and runs and runs[-1]:
                    runs.append([])
            elif is_open:
                runs[-1][-1].spans.append((line.start, line.end))
            continue
        if not runs or (runs[-1] and _order(number) <= _order(runs[-1][-1].number)):
            runs.append([])
        rest = (line.start + length, line.end)
        runs[-1].append(_Numbered(number, [rest] if rest[0] < rest[1] else []))
        is_open = True
    return [run for run in runs if run]


def _order(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", number))


def _matched(
    document: str, questions: list[list[_Numbered]], answers: list[list[_Numbered]]
) -> list[Candidate]:
    asked = [run for run in questions if _asks(document, run)]
    if not asked:
        return []
    if len(answers) == 1:
        asked = [next((run for run in reversed(asked) if _covers(run, answers[0])), [])]
    if len(asked) != len(answers):
        return []
    found = []
    for run, key in zip(asked, answers, strict=True):
        by_number = {item.number: item for item in run}
        for item in key:
            question = by_number.get(item.number)
            if question is not None and question.spans and item.spans:
                found.append(
                    Candidate(
                        kind="textbook",
                        question=passage_of(document, question.spans),
                        answer=passage_of(document, item.spans),
                    )
                )
    return found


def _covers(run: list[_Numbered], key: list[_Numbered]) -> bool:
    return {item.number for item in key} <= {item.number for item in run}


def _asks(document: str, run: list[_Numbered]) -> bool:
    """Whether most items of a run are questions: lists of other things are numbered too."""
    asking = sum(
        bool(item.spans) and prose.is_exercise(Passage(spans=tuple(item.spans)).text_in(document))
        for item in run
    )
    return 2 * asking > len(run)
