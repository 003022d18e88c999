"""Judges a page's text layer: good, bad or none, so that only what needs it goes to OCR."""

import re
import string
from enum import Enum

from extractors.pdf.pages import Page

MIN_CHARS = 25
"""Characters below which a page with a picture has no text layer: a scanner's stamp or a
page number is all there is."""

MAX_UNKNOWN_RATIO = 0.2
"""Share of characters without a meaning (U+FFFD, private use), above which the fonts' maps are
broken and the text is not what a reader sees."""

MIN_LATIN_LETTERS = 200
"""Fewer letters are too few for a share of vowels."""

VOWELS = "aeiouyAEIOUY"
PRIVATE_USE = re.compile("[\ue000-\uf8ff]")
MIN_VOWEL_RATIO, MAX_VOWEL_RATIO = 0.18, 0.62
"""Of the letters of languages in Latin script 33 to 50 in a hundred are vowels, of code and of
chemical names 28 to 40 (counted on the pages at hand). A font whose map is shifted or shuffled
falls outside."""


class Layer(Enum):
    """What a page's text layer is worth. A blank page has neither text nor a picture."""

    GOOD = "good"
    BAD = "bad"
    NONE = "none"
    BLANK = "blank"
    FAULT = "fault"


def layer_of(page: Page) -> Layer:
    """The state of a page's text layer."""
    if page.fault is not None:
        return Layer.FAULT
    text = "".join([span.text for fragment in page.fragments for span in fragment.spans])
    num_unknown = text.count("\ufffd") + len(PRIVATE_USE.findall(text))
    num_chars = len(text) - text.count(" ") - num_unknown
    if num_unknown > MAX_UNKNOWN_RATIO * (num_chars + num_unknown):
        return Layer.BAD
    if num_chars < MIN_CHARS:
        return Layer.NONE if page.has_picture else Layer.BLANK
    num_latin = sum([text.count(char) for char in string.ascii_letters])
    num_vowels = sum([text.count(char) for char in VOWELS])
    if num_latin >= MIN_LATIN_LETTERS and not (
        MIN_VOWEL_RATIO <= num_vowels / num_latin <= MAX_VOWEL_RATIO
    ):
        return Layer.BAD
    return Layer.GOOD
