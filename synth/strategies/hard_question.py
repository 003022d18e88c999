"""A hard question of a document, made to stand alone, and solutions that must agree.

After Nemotron 3 Nano's RQA, which writes graduate-level questions from STEM pages and solves them;
here each question is solved several times, and only the answer that most samples reach counts.
"""

import re
from collections.abc import Mapping

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import before_label, sections, whole
from synth.strategies.strategy import AnswerFault, Defaults, Fields, Step, Strategy
from synth.verification.mathematical_answer import MathematicalAnswer

MIN_QUESTION_CHARS = 40

_POINTS_AT_TEXT = re.compile(
    r"\b(?:the|this|given|above|provided) (?:text|passage|document|article|author|excerpt)\b"
    # Things of their own as well: a block slides off the table.
    r"|\b(?:this|given|above|provided|following|preceding) (?:figure|table|section|paragraph)\b"
    r"|\bin the (?:figure|table|section|paragraph)\b"
    r"|\b(?:as|is) (?:shown|described|mentioned|stated|defined) (?:above|earlier|in the)"
    r"|\b(?:figure|fig\.|table|section|chapter|theorem|lemma|equation|eq\.|exercise) ?\(?\d"
    "|\u6839\u636e(?:\u4e0a\u6587|\u672c\u6587|\u6587\u4e2d|\u6750\u6599|\u6587\u7ae0)"
    "|\u6587\u4e2d|\u5982\u56fe",
    re.IGNORECASE,
)
_question = sections(question="Question")


def parse_question(completion: str) -> Mapping[str, str]:
    """The question alone; a fault where it cannot be understood without the document.

    An answer that was written behind it is cut: who solves the question must not see it.
    """
    question = before_label(_question(completion)["question"], "Answer", "Solution", "Final answer")
    if len(question) < MIN_QUESTION_CHARS:
        raise AnswerFault("question_too_short", str(len(question)))
    pointer = _POINTS_AT_TEXT.search(question)
    if pointer:
        raise AnswerFault("question_not_self_contained", pointer.group())
    return {"question": question}


def _write(fields: Fields) -> str:
    return f"Question\n\n{fields['question']}\n\nSolution\n\n{fields['solution']}"


STRATEGY = Strategy(
    name="hard_question",
    version=2,
    summary="A hard, self-contained question of a document, and its solution; samples vote.",
    reads="document",
    steps=(
        Step(template="hard_question", parse=parse_question, is_shared=True),
        Step(template="hard_question_solution", parse=whole("solution")),
    ),
    write=_write,
    verification=MathematicalAnswer(),
    measured_field="solution",
    bounds=(*CLEAN_TEXT,),
    # Eight is the least number of votes that the majority is believed with.
    defaults=Defaults(samples=8, temperature=0.6, max_tokens=16_384),
)
