"""Questions and answers found on pages, made whole: the last step of WebInstruct.

MAmmoTH2 (arXiv 2405.03548) extracts pairs from forums and textbooks, and has a model mend their
form and put in the reasoning that the page left out. Where the page states a final answer, the
mended one must reach it.
"""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import sections
from synth.strategies.strategy import Defaults, Fields, Step, Strategy
from synth.verification.finding import Bounds
from synth.verification.mathematical_answer import MathematicalAnswer


def _write(fields: Fields) -> str:
    return f"Problem\n\n{fields['question']}\n\nSolution\n\n{fields['solution']}"


STRATEGY = Strategy(
    name="refined_answer",
    version=2,
    summary="Questions and answers found on pages, mended and with the reasoning they left out.",
    reads="problem",
    steps=(
        Step(
            template="refined_answer",
            parse=sections(question="Question", solution="Solution"),
        ),
    ),
    write=_write,
    verification=MathematicalAnswer(),
    measured_field="solution",
    bounds=(
        *CLEAN_TEXT,
        Bounds(measure="grounded_ratio", fault="ungrounded", min=0.4),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.3),
        Bounds(measure="is_unfinished", fault="unfinished_end", max=0),
    ),
    defaults=Defaults(samples=1, temperature=0.6, max_tokens=8192),
)
