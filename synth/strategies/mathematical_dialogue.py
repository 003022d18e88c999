"""A page of mathematics retold as a conversation, in one of seven settings.

After MIND (arXiv 2410.12881), which found that what helps is a difference in knowledge between the
speakers, and that conversations much shorter than their page had lost its content.
"""

from synth.strategies.clean_text import CLEAN_TEXT
from synth.strategies.parsing import answer_only
from synth.strategies.strategy import Defaults, Step, Strategy
from synth.verification.finding import Bounds

STRATEGY = Strategy(
    name="mathematical_dialogue",
    version=2,
    summary="A page of mathematics as a conversation: teacher and student, debate, interview...",
    reads="document",
    steps=(Step(template="mathematical_dialogue", parse=answer_only("dialogue")),),
    variants=(
        "a teacher and a student who keeps asking why",
        "two students who prepare for an examination together, one of them ahead of the other",
        "two professors who go through the finer points and test each other's claims",
        "two people who debate which way of doing it is better, until they agree",
        "two people who solve the problems one by one, each checking the other's steps",
        "an expert and a curious layman who has never heard of the subject",
        "an interviewer and a candidate who is asked to explain everything at the blackboard",
    ),
    write=lambda fields: fields["dialogue"],
    measured_field="dialogue",
    bounds=(
        *CLEAN_TEXT,
        Bounds(measure="copy_ratio", fault="copied", max=0.7),
        Bounds(measure="grounded_ratio", fault="ungrounded", min=0.5),
        Bounds(measure="length_ratio", fault="too_short", min=0.4),
        Bounds(measure="repetition_ratio", fault="repetitive", max=0.3),
    ),
    defaults=Defaults(samples=1, temperature=0.7, max_tokens=8192),
)
