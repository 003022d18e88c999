"""What is found in a document: a question, its answer, and where both stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["forum", "textbook"]
ProblemKind = Literal["value", "proof", "choice", "yes_no", "open", "code"]

PIECE_SEPARATOR = "\n\n"


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Parts of a document that are read as one, in order; ``spans`` are [start, end) characters.

    What lies between the parts (names, votes, labels) is no part of it.
    """

    spans: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        """First character of the first part."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """Behind the last character of the last part."""
        return self.spans[-1][1]

    def text_in(self, document: str) -> str:
        """The parts, empty lines between them; spaces around each are left out."""
        parts = (document[start:end].strip() for start, end in self.spans)
        return PIECE_SEPARATOR.join(part for part in parts if part)


def passage_of(document: str, spans: Iterable[tuple[int, int]]) -> Passage:
    """A passage of parts in the document's order; parts with nothing but spaces between are one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and not document[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return Passage(spans=tuple(joined))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A pair before anyone has looked whether it is one worth having."""

    kind: Kind
    question: Passage
    answer: Passage
    votes: int | None = None
    is_accepted: bool | None = None


@dataclass(frozen=True, kw_only=True)
class QuestionAnswer:
    """A question and its answer, Markdown as the document has it.

    The offsets are characters of the document; between them may stand what was cut out of the texts
    (who wrote it, votes, labels, quotations at the start of an answer). ``final_answer`` is what a
    checker can compare with, None where the answer states nothing of the kind. ``votes`` and
    ``is_accepted`` are the answer's; None where the document does not say, as in a textbook.
    """

    question: str
    answer: str
    kind: Kind
    problem_kind: ProblemKind
    final_answer: str | None
    question_start: int
    question_end: int
    answer_start: int
    answer_end: int
    votes: int | None
    is_accepted: bool | None
