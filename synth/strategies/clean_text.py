"""Bounds that any text a model wrote should keep, whatever it was asked for."""

from synth.verification.finding import Bounds

CLEAN_TEXT = (
    # Two or three lines over and over; a refrain is shorter.
    Bounds(measure="loop_chars", fault="loop", max=200),
    # A name or a quoted word in another script stays below; a sentence does not.
    Bounds(measure="foreign_script_ratio", fault="mixed_languages", max=0.02),
    Bounds(measure="num_refusals", fault="refusal", max=0),
)
