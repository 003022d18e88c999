"""A page rewritten at the quality of a good textbook.

As SwallowMath does with pages of mathematics (arXiv 2505.02881: GSM8K +12.4, MATH +7.6): leftovers
out, missing context in, every step said. What it must not do is lose or invent facts.
"""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import answer_only
from synth.strategies.strategy import Defaults, Step, Strategy
from synth.verification.finding import Bounds

STRATEGY = Strategy(
    name="textbook",
    version=2,
    summary="A document rewritten at the quality of a good textbook, nothing lost or invented.",
    reads="document",
    steps=(Step(template="textbook", parse=answer_only("chapter")),),
    write=lambda fields: fields["chapter"],
    measured_field="chapter",
    bounds=(
        *CLEAN_TEXT,
        Bounds(measure="copy_ratio", fault="copied", max=0.7),
        Bounds(measure="grounded_ratio", fault="ungrounded", min=0.6),
        Bounds(measure="length_ratio", fault="too_short", min=0.3),
        Bounds(measure="length_ratio", fault="too_long", max=6.0),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.3),
        Bounds(measure="num_meta_phrases", fault="speaks_of_the_text", max=1),
        Bounds(measure="is_unfinished", fault="unfinished_end", max=0),
    ),
    defaults=Defaults(samples=1, temperature=0.6, max_tokens=8192),
)
