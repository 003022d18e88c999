"""An expert's thoughts while reading a document, behind it (TPT, arXiv 2509.20186)."""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import whole
from synth.strategies.strategy import Defaults, Step, Strategy
from synth.verification.finding import Bounds

STRATEGY = Strategy(
    name="think_aloud",
    version=1,
    summary="An expert thinks aloud over a document; the text is the document and the thoughts.",
    reads="document",
    steps=(Step(template="think_aloud", parse=whole("thought")),),
    write=lambda fields: f"{fields['document']}\n\n{fields['thought']}",
    measured_field="thought",
    bounds=(
        *CLEAN_TEXT,
        # Thoughts that mostly repeat the page add nothing to it.
        Bounds(measure="copy_ratio", fault="copied", max=0.5),
        Bounds(measure="length_ratio", fault="too_short", min=0.1),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.3),
        Bounds(measure="is_unfinished", fault="unfinished_end", max=0),
    ),
    defaults=Defaults(samples=1, temperature=0.6, max_tokens=8192),
)
