"""Question-answer pairs of a document: found, cleaned, and only those that stand by themselves.

Forum threads give one pair, textbooks and lists of questions many. Measured on pages with a truth
made by hand by ``benchmarks/question_extraction.py``.
"""

import re
from bisect import bisect_left

from synth.questions import prose
from synth.questions.answer_keys import find_keyed
from synth.questions.blocks import Block, lines_of
from synth.questions.exercises import find_asking_headings, find_labelled
from synth.questions.problem_kinds import needs_options, problem_kind
from synth.questions.question_answer import Candidate, QuestionAnswer
from synth.questions.stated_answers import final_answer
from synth.questions.threads import find_thread_pair

MAX_QUESTION_CHARS = 8000
MAX_ANSWER_CHARS = 24_000
"""Ours: longer is a chapter that happens to begin with the word "Example"."""

MIN_QUESTION_CHARS = 10
MIN_ANSWER_CHARS = 3
MAX_ANSWER_FIGURE_CHARS = 300
"""Ours: an answer that points to a figure may still say enough beyond this length."""

_PICTURE = (
    r"(?:figures?|fig\.|diagrams?|graphs?|pictures?|images?|photos?|screenshots?|illustrations?"
    r"|charts?"
    r"|sketch(?:es)?|drawings?|maps?)"
)
_FIGURE = re.compile(
    rf"\b{_PICTURE}(?: \d[\d.]*)? (?:is |are |as )?(?:given |shown )?(?:below|above|attached"
    rf"|to the (?:left"
    r"|right)|on the (?:left|right)|beside)\b"
    rf"|\b(?:attached|accompanying|following|above|below|adjacent|this|see|refer to|see the"
    rf"|shown in the"
    rf"|from the|in the given) {_PICTURE}\b(?! (?:is|are) (?:correct|true))"
    r"|\b(?:see|in|from|of|the) (?:the )?(?:figure|fig\.|diagram)s?\b|\b(?:see|as) (?:attached"
    r"|pictured)\b"
    r"|!\[[^\]]*\]\(|\u5982(?:\u4e0b)?\u56fe|\u89c1\u56fe|\u4e0b\u56fe",
    re.IGNORECASE,
)
_SHOWN_BELOW = re.compile(
    r"\b(?:as )?(?:shown|given|listed|seen) (?:below|above|here)[.:]?\s*$|\b(?:see"
    r"|look) below[.:]?\s*$",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:(?:previous|preceding|last|above|next) (?:exercise|problem|question|example|part)"
    r"|(?:exercises?"
    r"|problems?|questions?|examples?|theorem|lemma|equation|eq\.|section|chapter"
    r"|table) \(?\d+[\d.]*\)?"
    r"|(?:repeat|redo) (?:exercise|problem)|(?:theorem|lemma|equation|section|chapter) above)\b",
    re.IGNORECASE,
)
_POINTER = re.compile(
    r"\W*(?:see|refer to|cf\.?|same as (?:above|before|in)|left (?:as an exercise|to the reader)"
    r"|omitted"
    r"|answers? (?:may )?var"
    r"(?:y|ies)|no solution|coming soon|todo|tba|tbd)\b.{0,120}",
    re.IGNORECASE | re.DOTALL,
)
_QUOTE_MARK = re.compile(r"^ *> ?", re.MULTILINE)
_LETTERS = re.compile(r"[\W_]+")


def extract_questions(text: str) -> tuple[QuestionAnswer, ...]:
    """Pairs of a document that this project's extractors wrote, in the order of the questions.

    Empty where nothing is asked and answered. No question overlaps another, and none is there
    twice.
    """
    is_thread, pair = find_thread_pair(text)
    if is_thread:
        candidates = [] if pair is None else [pair]
    else:
        candidates = _of_textbook(text, lines_of(text))
    found: list[QuestionAnswer] = []
    seen: set[str] = set()
    for candidate in sorted(candidates, key=lambda one: one.question.start):
        made = _checked(text, candidate)
        if made is None:
            continue
        known = _LETTERS.sub("", made.question).lower()
        if known not in seen:
            seen.add(known)
            found.append(made)
    return tuple(found)


def _of_textbook(text: str, lines: list[Block]) -> list[Candidate]:
    """Of answer keys, then labels, then headings; what one has found is not found again."""
    chosen, keys = find_keyed(text, lines)
    free = [line for line in lines if not any(start <= line.start < end for start, end in keys)]
    for candidates in (find_labelled(text, free), find_asking_headings(text, free)):
        taken = sorted(_extent(one) for one in chosen)
        chosen.extend(one for one in candidates if not _overlaps(_extent(one), taken))
    return chosen


def _extent(candidate: Candidate) -> tuple[int, int]:
    return candidate.question.start, candidate.question.end


def _overlaps(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    """Whether a span meets one of ``taken``, which are sorted and apart from one another."""
    place = bisect_left(taken, (span[1],))  # the first that begins behind it
    return place > 0 and taken[place - 1][1] > span[0]


def _checked(document: str, candidate: Candidate) -> QuestionAnswer | None:
    question = _clean(candidate.question.text_in(document))
    answer = _clean(candidate.answer.text_in(document))
    if not _is_self_contained(question, answer, candidate) or not _says_something(question, answer):
        return None
    kind = problem_kind(question, answer)
    stated = final_answer(question, answer, kind)
    is_short = prose.num_words(prose.plain(answer)) < 2  # noqa: PLR2004 - a word is no reason
    if is_short and stated is None and not prose.has_substance(answer) and kind != "yes_no":
        return None
    return QuestionAnswer(
        question=question,
        answer=answer,
        kind=candidate.kind,
        problem_kind=kind,
        final_answer=stated,
        question_start=candidate.question.start,
        question_end=candidate.question.end,
        answer_start=candidate.answer.start,
        answer_end=candidate.answer.end,
        votes=candidate.votes,
        is_accepted=candidate.is_accepted,
    )


def _clean(text: str) -> str:
    """Without the marks of a quotation that is all of it, and what is left of bold type."""
    lines = text.split("\n")
    if all(line.lstrip().startswith(">") or not line.strip() for line in lines):
        text = _QUOTE_MARK.sub("", text)
    if text.count("**") % 2:  # the label's opening mark went with the label
        text = text.removeprefix("**") if text.startswith("**") else text.removesuffix("**")
    return text.strip().lstrip(":").strip()


def _is_self_contained(question: str, answer: str, candidate: Candidate) -> bool:
    if candidate.kind == "textbook":
        if _ELSEWHERE.search(question):
            return False
        if not prose.is_exercise(question) and not prose.has_substance(question):
            return False
    is_figure_missing = _FIGURE.search(prose.plain(question)) is not None or (
        _SHOWN_BELOW.search(question) is not None
    )
    is_pointing = len(answer) <= MAX_ANSWER_FIGURE_CHARS and _FIGURE.search(answer) is not None
    return not (is_figure_missing or is_pointing or needs_options(question))


def _says_something(question: str, answer: str) -> bool:
    is_sized = MIN_QUESTION_CHARS <= len(question) <= MAX_QUESTION_CHARS
    if not is_sized or not answer or len(answer) > MAX_ANSWER_CHARS:
        return False
    if len(answer) < MIN_ANSWER_CHARS and not any(char.isalnum() for char in answer):
        return False
    return _POINTER.fullmatch(answer) is None
