"""Answers to general queries, judged by a rubric: there is no other way to check them."""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import scores, whole
from synth.strategies.strategy import Defaults, Fields, Step, Strategy
from synth.verification.finding import Bounds

SCORES = ("adherence", "correctness", "helpfulness", "coherence", "language")

MIN_SCORE = 4
"""Of 5: below, a judge has named a fault."""


def _write(fields: Fields) -> str:
    return f"{fields['problem']}\n\n{fields['response']}"


STRATEGY = Strategy(
    name="general",
    version=2,
    summary="Answers to general queries, with a judge's scores by a rubric.",
    reads="problem",
    steps=(
        Step(template="general", parse=whole("response")),
        Step(template="general_judge", parse=scores(*SCORES), is_judge=True),
    ),
    write=_write,
    measured_field="response",
    bounds=(
        *CLEAN_TEXT,
        *(Bounds(measure=name, fault=f"low_{name}", min=MIN_SCORE) for name in SCORES),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.3),
        Bounds(measure="is_unfinished", fault="unfinished_end", max=0),
    ),
    defaults=Defaults(samples=1, temperature=0.7, max_tokens=8192),
)
