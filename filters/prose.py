"""The prose annotator: what Gopher, C4 and FineWeb measure, on the prose of a document alone.

Documents in; word, line and repetition measures out (see ``COLUMNS``). Formulas, code and tables
are set aside first (``filters.spans``), so that no page is punished for its mathematics or code. On
a text without any the values are those that datatrove 0.10 compares with its bounds in
``GopherQualityFilter``, ``GopherRepetitionFilter``, ``FineWebQualityFilter`` and
``C4QualityFilter``: exactly so for lines, paragraphs and characters, for tokens as far as
``words.tokens`` cuts as spaCy does (``benchmarks/datatrove_measures.py`` compares them).

A document is not judged, and all its measures are null, when

* it is a source file (its ``code`` is not null), or
* formulas and code outweigh its prose (in characters) and the prose has fewer than
  ``MIN_JUDGED_WORDS`` words: there is no prose to judge.

An empty text, or one of symbols only, is judged: ``words`` is 0 and the other measures, which
have nothing to divide by, are null. Where most words are of a script written without spaces (see
``filters.words``), ``mean_word_chars`` and ``stop_words`` mean nothing and are null.
"""

import re
from itertools import islice
from typing import Annotated

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.c4_lines import count_lines
from filters.repetition import (
    REPEATED_NGRAM_SIZES,
    TOP_NGRAM_SIZES,
    count_duplicates,
    ngram_chars,
)
from filters.rowwise import annotate_texts
from filters.spans import PLACEHOLDER, Prose, Span, SpanKind, prose_of, split_spans
from filters.terminal_punctuation import TERMINAL_PUNCTUATION
from filters.words import FIRST_UNSPACED, UNSPACED, has_word, tokens

MIN_JUDGED_WORDS = 50
"""Gopher's own minimum for a document (arXiv 2112.11446, appendix A1.1)."""

SHORT_LINE_CHARS = 30
"""A line of at most so many characters is short. Source: FineWeb (arXiv 2406.17557)."""

GOPHER_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Source: Gopher (arXiv 2112.11446), appendix A1.1: English prose has two of these or more."""

COLUMNS = pa.schema(
    [
        pa.field("words", pa.int32()),  # Gopher: 50 to 100,000
        pa.field("mean_word_chars", pa.float32()),  # Gopher: 3 to 10
        pa.field("alphabetic_ratio", pa.float32()),  # tokens with a letter; Gopher: at least 0.80
        pa.field("digit_ratio", pa.float32()),  # digits among the characters of words; ours
        pa.field("symbol_ratio", pa.float32()),  # "#" or ellipses, per token; Gopher: up to 0.10
        pa.field("stop_words", pa.int32()),  # different ones; Gopher: at least 2
        pa.field("bullet_line_ratio", pa.float32()),  # Gopher: up to 0.90
        pa.field("ellipsis_line_ratio", pa.float32()),  # Gopher: up to 0.30
        pa.field("short_line_ratio", pa.float32()),  # FineWeb: up to 0.67
        pa.field("terminal_punctuation_ratio", pa.float32()),  # FineWeb: at least 0.12
        pa.field("newlines_per_token", pa.float32()),  # newlines per token; FineWeb: up to 0.30
        pa.field("duplicate_line_ratio", pa.float32()),  # Gopher: up to 0.30
        pa.field("duplicate_line_char_ratio", pa.float32()),  # Gopher: up to 0.20
        # The same of the characters that are no newlines; FineWeb: up to 0.10.
        pa.field("duplicate_visible_char_ratio", pa.float32()),
        pa.field("duplicate_paragraph_ratio", pa.float32()),  # Gopher: up to 0.30
        pa.field("duplicate_paragraph_char_ratio", pa.float32()),  # Gopher: up to 0.20
        # Gopher: up to 0.20, 0.18, 0.16.
        *(pa.field(f"top_{n}gram_char_ratio", pa.float32()) for n in TOP_NGRAM_SIZES),
        # Gopher: up to 0.15, 0.14, 0.13, 0.12, 0.11, 0.10.
        *(pa.field(f"repeated_{n}gram_char_ratio", pa.float32()) for n in REPEATED_NGRAM_SIZES),
        pa.field("sentences", pa.int32()),  # of good lines; C4 as in FineWeb: at least 5
        pa.field("terminated_sentences", pa.int32()),  # C4: at least 5
        pa.field("javascript_lines", pa.int32()),  # C4 leaves such lines out
        pa.field("policy_lines", pa.int32()),  # C4 leaves such lines out
        pa.field("lorem_ipsum_lines", pa.int32()),  # C4: none
        pa.field("curly_bracket_lines", pa.int32()),  # C4: none
    ]
)

_NOT_JUDGED = (None,) * len(COLUMNS)

_HEADING = re.compile(r"(?m)^[ \t]{0,3}#{1,6}(?=[ \t])")
_DIGITS = re.compile(r"\d+")
_LETTER = re.compile(r"[^\W\d_]")
_LINES_END, _PARAGRAPH_END = re.compile(r"\n+"), re.compile(r"\n{2,}")
_BULLETS = ("\u2022", "-")
_ELLIPSES = ("...", "\u2026")
_LAST_CHARACTERS = TERMINAL_PUNCTUATION | {PLACEHOLDER}


class ProseConfig(BaseModel):
    """Settings of the prose annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    stop_words: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=GOPHER_STOP_WORDS,
        min_length=1,
        description="Words counted in prose.stop_words, letter case as given (default: Gopher's)",
    )


class ProseAnnotator:
    """Measures the prose of each document; null where there is none to judge."""

    name = "prose"
    version = 2
    columns = COLUMNS

    def __init__(self, config: ProseConfig) -> None:
        self._stop_words = frozenset(config.stop_words)

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(documents, COLUMNS, self._measure)

    def _measure(self, text: str) -> tuple[float | None, ...]:
        spans = split_spans(text)
        prose = prose_of(text, spans)
        found = tokens(prose.text.replace(PLACEHOLDER, " ") if prose.set_aside else prose.text)
        words = [token for token in found if token[0].isalnum() or has_word(token)]
        if len(words) < MIN_JUDGED_WORDS and _outweighs_prose(spans):
            return _NOT_JUDGED
        if not words:
            return (0, *_NOT_JUDGED[1:])
        lines, keys = _lines(prose)
        num_chars = sum(map(len, lines)) + len(lines) - 1
        word_chars = sum(map(len, words))
        is_unspaced = _is_unspaced(words)
        top, repeated = ngram_chars(_runs_of_bare_lines(prose) if prose.set_aside else [found])
        return (
            len(words),
            None if is_unspaced else word_chars / len(words),
            *_letter_and_digit_ratios(words, num_tokens=len(found), word_chars=word_chars),
            _symbol_ratio(prose.text, len(found)),
            None if is_unspaced else len(self._stop_words.intersection(found)),
            *_line_ratios(lines, keys),
            (len(lines) - 1) / len(found),
            *_duplicate_ratios(keys),
            *(chars / num_chars for chars in (*top, *repeated)),
            *count_lines(lines),
        )


def _outweighs_prose(spans: list[Span]) -> bool:
    chars = dict.fromkeys(SpanKind, 0)
    for span in spans:
        chars[span.kind] += span.end - span.start
    return chars[SpanKind.FORMULA] + chars[SpanKind.CODE] > chars[SpanKind.PROSE]


def _is_unspaced(words: list[str]) -> bool:
    """Whether most words are pieces of a script that puts no spaces between words."""
    spaced = sum(1 for word in words if word[0] < FIRST_UNSPACED or not UNSPACED.match(word))
    return 2 * spaced < len(words)


def _letter_and_digit_ratios(
    words: list[str], *, num_tokens: int, word_chars: int
) -> tuple[float, float]:
    """Share of the tokens that hold a letter, and of the words' characters that are digits."""
    not_all_letters = [word for word in words if not word.isalpha()]
    without_letter = sum(1 for word in not_all_letters if not _LETTER.search(word))
    digits = sum(len(digits) for word in not_all_letters for digits in _DIGITS.findall(word))
    return (len(words) - without_letter) / num_tokens, digits / word_chars


def _symbol_ratio(prose: str, num_tokens: int) -> float:
    """Hashes or ellipses per token, whichever are more; the marks of headings do not count."""
    hashes = prose.count("#")
    if hashes:
        hashes -= sum(len(mark.strip()) for mark in _HEADING.findall(prose))
    return max(hashes, prose.count("...") + prose.count("\u2026")) / num_tokens


def _lines(prose: Prose) -> tuple[list[str], list[str]]:
    """The lines as they are shown, and their keys, with what was set aside in its place again.

    Two lines that differ in a formula only are no duplicates. Lines of nothing but what was set
    aside are left out of both.
    """
    raw_lines = prose.text.split("\n")
    if not prose.set_aside:
        return raw_lines, raw_lines
    set_aside = iter(prose.set_aside)
    shown, keys = [], []
    for line in raw_lines:
        first, *others = line.split(PLACEHOLDER)
        pieces = [piece.replace("\n", " ") for piece in islice(set_aside, len(others))]
        if not others or has_word(line):
            shown.append(line)
            keys.append(first + "".join(map("".join, zip(pieces, others, strict=True))))
    return shown, keys


def _runs_of_bare_lines(prose: Prose) -> list[list[str]]:
    """The tokens of neighbouring lines that nothing was set aside from.

    A list of exercises repeats its words ("find the derivative of") around formulas that differ:
    n-grams of such lines say nothing about repetition.
    """
    lines = prose.text.split("\n")
    bare = "\n".join(PLACEHOLDER if PLACEHOLDER in line else line for line in lines)
    return [tokens(run) for run in bare.split(PLACEHOLDER)]


def _line_ratios(lines: list[str], keys: list[str]) -> tuple[float, float, float, float]:
    """bullet, ellipsis, short and terminal punctuation ratios; the last two of lines not blank.

    A line that ends in a formula or block that was set aside ends a sentence.
    """
    counted = lines[:-1] if not lines[-1] else lines  # as str.splitlines
    bullets = sum(line.lstrip().startswith(_BULLETS) for line in counted)
    ellipses = sum(line.rstrip().endswith(_ELLIPSES) for line in counted)
    short = sum(len(key) <= SHORT_LINE_CHARS for key in keys if key.strip())
    visible = [line for line in lines if line.strip()]
    terminal = sum(line[-1] in _LAST_CHARACTERS for line in visible)
    return (
        bullets / len(counted),
        ellipses / len(counted),
        short / len(visible),
        terminal / len(visible),
    )


def _duplicate_ratios(keys: list[str]) -> tuple[float, ...]:
    """Of lines: their share, that of all characters and of visible ones; of paragraphs two."""
    text = "\n".join(keys)
    pieces = _LINES_END.split(text)
    num_lines, line_chars = count_duplicates(pieces)
    visible_chars = count_duplicates([key for key in keys if key.strip()])[1]
    paragraphs = _PARAGRAPH_END.split(text.strip())
    num_paragraphs, paragraph_chars = count_duplicates(paragraphs)
    return (
        num_lines / len(pieces),
        line_chars / len(text),
        visible_chars / (len(text) - len(keys) + 1),
        num_paragraphs / len(paragraphs),
        paragraph_chars / len(text),
    )
