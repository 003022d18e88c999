"""Source files rewritten to stand alone and to teach, and then run.

After SwallowCode (arXiv 2505.02881: HumanEval +17), which rewrites for style and then makes code
self-contained, but never runs what it wrote.
"""

from synth.strategies.parsing import code_blocks
from synth.strategies.strategy import Defaults, Step, Strategy
from synth.verification.executed_code import ExecutedCode
from synth.verification.finding import Bounds

STRATEGY = Strategy(
    name="code_rewriting",
    version=2,
    summary="Python files rewritten to be self-contained and instructive, then executed.",
    reads="document",
    steps=(Step(template="code_rewriting", parse=code_blocks("code")),),
    write=lambda fields: fields["code"],
    verification=ExecutedCode(),
    measured_field="code",
    bounds=(
        Bounds(measure="copy_ratio", fault="copied", max=0.9),
        Bounds(measure="length_ratio", fault="too_short", min=0.3),
        Bounds(measure="loop_chars", fault="loop", max=400),
        Bounds(measure="foreign_script_ratio", fault="mixed_languages", max=0.05),
    ),
    defaults=Defaults(samples=1, temperature=0.6, max_tokens=8192),
)
