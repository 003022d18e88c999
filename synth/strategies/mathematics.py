"""Solve problems of mathematics; the final answer is checked."""

from synth.strategies.parsing import whole
from synth.strategies.strategy import Defaults, Step, Strategy
from synth.verification.mathematical_answer import MathematicalAnswer

STRATEGY = Strategy(
    name="mathematics",
    version=2,
    summary="Solutions to mathematics problems, checked against the answer, or voted on.",
    reads="problem",
    steps=(Step(template="mathematics", parse=whole("solution")),),
    write=lambda fields: f"Problem\n\n{fields['problem']}\n\nSolution\n\n{fields['solution']}",
    verification=MathematicalAnswer(),
    measured_field="solution",
    # OpenMathReasoning (arXiv 2504.16891) samples up to 32 solutions of 16,384 tokens; four give a
    # pass rate that tells never, sometimes and always.
    defaults=Defaults(samples=4, temperature=0.6, max_tokens=16_384),
)
