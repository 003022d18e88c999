"""Creative writing to a prompt, judged by a rubric; the third of MiMo's synthetic strategies."""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import answer_only, scores
from synth.strategies.strategy import Defaults, Fields, Step, Strategy
from synth.verification.finding import Bounds

SCORES = ("adherence", "originality", "craft", "coherence", "language")

MIN_SCORE = 4
"""Of 5: below, a judge has named a fault."""


def _write(fields: Fields) -> str:
    return f"{fields['problem']}\n\n{fields['plan']}\n\n{fields['piece']}"


STRATEGY = Strategy(
    name="creative_writing",
    version=2,
    summary="A plan and a piece of writing to a prompt, with a judge's scores by a rubric.",
    reads="problem",
    steps=(
        Step(template="creative_writing_plan", parse=answer_only("plan")),
        Step(template="creative_writing", parse=answer_only("piece")),
        Step(template="creative_writing_judge", parse=scores(*SCORES), is_judge=True),
    ),
    write=_write,
    measured_field="piece",
    bounds=(
        *CLEAN_TEXT,
        *(Bounds(measure=name, fault=f"low_{name}", min=MIN_SCORE) for name in SCORES),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.3),
        Bounds(measure="is_unfinished", fault="unfinished_end", max=0),
    ),
    defaults=Defaults(samples=2, temperature=0.9, max_tokens=8192),
)
