"""What C4's rules look at in the lines of a page: sentences of good lines, and signs of bad ones.

Source: C4 (arXiv 1910.10683, section 2.2) as datatrove applies it (``C4QualityFilter``): a line is
*left out* when one of its words has more than 1,000 characters, when it has fewer than 3 words,
mentions javascript, or names a policy or cookies. C4 also leaves out lines that do not end in
terminal punctuation; FineWeb (arXiv 2406.17557) drops that rule, so both counts are given. C4
drops pages with fewer than 5 sentences, with "lorem ipsum" or with a curly bracket.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

MIN_LINE_WORDS = 3
MAX_WORD_CHARS = 1000

POLICY_PHRASES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
    "use cookies",
)  # fmt: skip

_END_PUNCTUATION = (".", "?", "!", '"', "'")
_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
# A sign that ends a sentence, but no ellipsis and no dotted abbreviation; the sentence that follows
# begins with the next word, whatever quotation marks or brackets stand between.
_SENTENCE_END = re.compile(
    r"[.!?\u3002\uff01\uff1f](?<!\.\.)(?<!\b\w.)(?!\.)[^\w\s]*\s+(?=[^\w\s]*\w)|[!?]\s+(?=\w)"
)


class C4Lines(NamedTuple):
    """Counts over the lines of a text; ``lorem_ipsum`` and ``curly_brackets`` are of lines too."""

    sentences: int
    """Of lines that are not left out."""

    terminated_sentences: int
    """Of those among them that end in terminal punctuation."""

    javascript: int
    policy: int
    lorem_ipsum: int
    curly_brackets: int


def count_lines(lines: Sequence[str]) -> C4Lines:
    """Look at every line."""
    sentences = terminated = javascript = policy = lorem_ipsum = curly_brackets = 0
    for raw_line in lines:
        line = raw_line.strip()
        words = line.split()
        if len(words) < MIN_LINE_WORDS:
            continue
        if len(line) > MAX_WORD_CHARS and max(map(len, words)) > MAX_WORD_CHARS:
            continue
        if "[" in line:
            line = _CITATION.sub("", line)
        lowered = line.lower()
        lorem_ipsum += "lorem ipsum" in lowered
        if "javascript" in lowered:
            javascript += 1
            continue
        curly_brackets += "{" in line
        if ("cookie" in lowered or "polic" in lowered or "terms" in lowered) and any(
            phrase in lowered for phrase in POLICY_PHRASES
        ):
            policy += 1
            continue
        num_sentences = 1 + len(_SENTENCE_END.findall(line))
        sentences += num_sentences
        if line.endswith(_END_PUNCTUATION) and not line.endswith("..."):
            terminated += num_sentences
    return C4Lines(sentences, terminated, javascript, policy, lorem_ipsum, curly_brackets)
