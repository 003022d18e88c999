"""The prose annotator: what Gopher, C4 and FineWeb measure, on the prose of a document alone.

Documents in; word, line and repetition measures out (see ``COLUMNS``). Formulas, code and tables
are set aside first (``filters.spans``), so that no page is punished for its mathematics or code.
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
from typing import Annotated, NamedTuple

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.repetition import duplicate_ratios, top_ngram_char_ratios
from filters.rowwise import annotate_texts
from filters.spans import PLACEHOLDER, Prose, Span, SpanKind, prose_of, split_spans
from filters.words import UNSPACED, has_word, words

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
        pa.field("alphabetic_ratio", pa.float32()),  # words with a letter; Gopher: at least 0.80
        pa.field("digit_ratio", pa.float32()),  # digits among the characters of words
        pa.field("symbol_ratio", pa.float32()),  # "#" or ellipses, per word; Gopher: up to 0.10
        pa.field("stop_words", pa.int32()),  # different ones; Gopher: at least 2
        pa.field("bullet_line_ratio", pa.float32()),  # Gopher: up to 0.90
        pa.field("ellipsis_line_ratio", pa.float32()),  # Gopher: up to 0.30
        pa.field("short_line_ratio", pa.float32()),  # FineWeb: up to 0.67
        pa.field("terminal_punctuation_ratio", pa.float32()),  # FineWeb: at least 0.12
        pa.field("duplicate_line_ratio", pa.float32()),  # Gopher: up to 0.30
        pa.field("duplicate_line_char_ratio", pa.float32()),  # Gopher: 0.20; FineWeb: 0.10
        pa.field("duplicate_paragraph_ratio", pa.float32()),  # Gopher: up to 0.30
        pa.field("duplicate_paragraph_char_ratio", pa.float32()),  # Gopher: up to 0.20
        pa.field("top_2gram_char_ratio", pa.float32()),  # Gopher: up to 0.20
        pa.field("top_3gram_char_ratio", pa.float32()),  # Gopher: up to 0.18
        pa.field("top_4gram_char_ratio", pa.float32()),  # Gopher: up to 0.16
    ]
)

_NOT_JUDGED = (None,) * len(COLUMNS)

_HEADING = re.compile(r"(?m)^[ \t]{0,3}#{1,6}(?=[ \t])")
_ELLIPSIS = re.compile(r"\.{3,}|\u2026")
_DIGITS = re.compile(r"\d+")
_LETTER = re.compile(r"[^\W\d_]")
_BULLET = re.compile(r"[-*+\u2022\u2023\u25aa\u25e6\u25cf\u2219\u00b7\u2013][ \t]")
# C4 (arXiv 1910.10683), section 2.2: period, exclamation mark, question mark or end quotation
# mark. The other scripts' own marks are ours.
_TERMINAL = frozenset(".!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u0964\u0965\u061f\u06d4\u1362\u0589")
_CLOSING = "\"'\u201d\u2019\u00bb\u300d\u300f\uff09)]*_"


class ProseConfig(BaseModel):
    """Settings of the prose annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    stop_words: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=GOPHER_STOP_WORDS,
        min_length=1,
        description="Words counted in prose.stop_words, in lower case (default: Gopher's, English)",
    )


class _Line(NamedTuple):
    """One line of prose that holds a word."""

    shown: str  # with placeholders
    key: str  # and with what they stand for: two lines are duplicates only if these agree


class ProseAnnotator:
    """Measures the prose of each document; null where there is none to judge."""

    name = "prose"
    version = 1
    columns = COLUMNS

    def __init__(self, config: ProseConfig) -> None:
        self._stop_words = frozenset(word.lower() for word in config.stop_words)

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(documents, COLUMNS, self._measure)

    def _measure(self, text: str) -> tuple[float | None, ...]:
        spans = split_spans(text)
        prose = prose_of(text, spans)
        all_words = words(prose.text.lower())
        num_words = len(all_words)
        if num_words < MIN_JUDGED_WORDS and _outweighs_prose(spans):
            return _NOT_JUDGED
        if num_words == 0:
            return (0, *_NOT_JUDGED[1:])
        lines, paragraphs = _lines_and_paragraphs(prose)
        word_chars = sum(map(len, all_words))
        is_unspaced = _is_unspaced(all_words)
        return (
            num_words,
            None if is_unspaced else word_chars / num_words,
            *_letter_and_digit_ratios(all_words),
            _symbol_ratio(prose.text, num_words),
            None if is_unspaced else len(self._stop_words.intersection(all_words)),
            *_line_measures(lines),
            *duplicate_ratios([line.key for line in lines]),
            *duplicate_ratios(paragraphs),
            *top_ngram_char_ratios(
                _runs_of_bare_lines(prose) if prose.set_aside else [all_words],
                total_chars=word_chars + num_words - 1,
            ),
        )


def _outweighs_prose(spans: list[Span]) -> bool:
    chars = dict.fromkeys(SpanKind, 0)
    for span in spans:
        chars[span.kind] += span.end - span.start
    return chars[SpanKind.FORMULA] + chars[SpanKind.CODE] > chars[SpanKind.PROSE]


def _is_unspaced(all_words: list[str]) -> bool:
    """Whether most words are pieces of a script that puts no spaces between words."""
    if "".join(all_words).isascii():
        return False
    return 2 * sum(1 for word in all_words if UNSPACED.match(word)) > len(all_words)


def _letter_and_digit_ratios(all_words: list[str]) -> tuple[float, float]:
    """Share of the words that hold a letter, and of their characters that are digits."""
    not_all_letters = [word for word in all_words if not word.isalpha()]
    without_letter = sum(1 for word in not_all_letters if not _LETTER.search(word))
    digits = sum(len(digits) for word in not_all_letters for digits in _DIGITS.findall(word))
    return 1 - without_letter / len(all_words), digits / sum(map(len, all_words))


def _symbol_ratio(prose: str, num_words: int) -> float:
    """Hashes or ellipses per word, whichever are more; the marks of headings do not count."""
    hashes = prose.count("#")
    if hashes:
        hashes -= sum(len(mark.strip()) for mark in _HEADING.findall(prose))
    return max(hashes, len(_ELLIPSIS.findall(prose))) / num_words


def _lines_and_paragraphs(prose: Prose) -> tuple[list[_Line], list[str]]:
    """The lines that hold a word, and the paragraphs they form: a blank line ends one."""
    set_aside = iter(prose.set_aside)
    lines: list[_Line] = []
    paragraphs: list[str] = []
    paragraph: list[str] = []
    for raw_line in prose.text.split("\n"):
        shown = raw_line.strip()
        key = " ".join([shown, *islice(set_aside, shown.count(PLACEHOLDER))])
        if has_word(shown):
            lines.append(_Line(shown, key))
            paragraph.append(key)
        elif not shown and paragraph:
            paragraphs.append("\n".join(paragraph))
            paragraph = []
    if paragraph:
        paragraphs.append("\n".join(paragraph))
    return lines, paragraphs


def _runs_of_bare_lines(prose: Prose) -> list[list[str]]:
    """The words of neighbouring lines that nothing was set aside from.

    A list of exercises repeats its words ("find the derivative of") around formulas that differ:
    n-grams of such lines say nothing about repetition.
    """
    lines = prose.text.lower().split("\n")
    bare = "\n".join(PLACEHOLDER if PLACEHOLDER in line else line for line in lines)
    return [words(run) for run in bare.split(PLACEHOLDER)]


def _line_measures(lines: list[_Line]) -> tuple[float, float, float, float]:
    """bullet, ellipsis, short and terminal punctuation ratios; there must be a line."""
    bullets = ellipses = short = terminal = 0
    for shown, key in lines:
        bullets += _BULLET.match(shown) is not None
        ellipses += shown.endswith(("...", "\u2026"))
        short += len(key) <= SHORT_LINE_CHARS
        terminal += _ends_a_sentence(shown)
    total = len(lines)
    return bullets / total, ellipses / total, short / total, terminal / total


def _ends_a_sentence(line: str) -> bool:
    """Whether ``line`` ends in punctuation, or in a formula or block that was set aside."""
    last = line.rstrip(_CLOSING)[-1:]
    return last in _TERMINAL or last == PLACEHOLDER or line[-1] in '"\u201d\u00bb\u300d'
