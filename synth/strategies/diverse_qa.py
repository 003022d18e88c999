"""Varied questions about a document with their answers, behind it.

After Nemotron-CC's diverse_qa (arXiv 2412.02595): the one of its rewritings that OLMo 3's report
found better than the best natural web text.
"""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import pairs
from synth.strategies.strategy import Defaults, Step, Strategy
from synth.verification.finding import Bounds

STRATEGY = Strategy(
    name="diverse_qa",
    version=2,
    summary="Up to eight questions of different kinds about a document, with answers, behind it.",
    reads="document",
    steps=(Step(template="diverse_qa", parse=pairs("questions", at_least=2)),),
    write=lambda fields: f"{fields['document']}\n\n{fields['questions']}",
    measured_field="questions",
    bounds=(
        *CLEAN_TEXT,
        Bounds(measure="grounded_ratio", fault="ungrounded", min=0.5),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.4),
    ),
    defaults=Defaults(samples=1, temperature=0.5, top_p=0.9, max_tokens=2048),
)
