r"""A Markdown text -> spans of prose, formulas, code and tables, in one pass.

Prose heuristics are judged on prose alone, so everything else must be set aside first. The spans
partition the text: in order, without gaps, none of them empty. What is recognised:

* code: fenced blocks (``` or ~~~) and backtick spans. A fence that is never closed opens nothing:
  outside Markdown it is an ornament, and following CommonMark to the end would hide all prose;
* formulas: ``$...$`` (opened and closed as in pandoc, so that prices stay prose), ``$$...$$``,
  ``\(...\)``, ``\[...\]`` and TeX's mathematical environments;
* tables: pipe tables with a delimiter row.

Indented code is not recognised: plain text indents for too many other reasons. The scan is linear
in the text's length, whatever the text.
"""

import re
from enum import StrEnum
from typing import NamedTuple

MAX_FORMULA_CHARS = 5_000
"""A longer "formula" is two stray delimiters; real displays seldom pass 2,000 characters."""

PLACEHOLDER = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands in prose for each span that was set aside: U+FFFC, what Unicode made for that."""


class SpanKind(StrEnum):
    """What a stretch of text is."""

    PROSE = "prose"
    FORMULA = "formula"
    CODE = "code"
    TABLE = "table"


class Span(NamedTuple):
    """``text[start:end]`` is ``kind``, delimiters included; ``is_block``: it owns its lines."""

    kind: SpanKind
    start: int
    end: int
    is_block: bool = False


class Prose(NamedTuple):
    r"""The prose of a text, with :data:`PLACEHOLDER` where something was set aside.

    ``set_aside`` holds what each placeholder stands for, in order. A block ends the line that
    it follows: ``so that\n$$x$$\nholds`` reads ``so that<placeholder>\n\nholds``.
    """

    text: str
    set_aside: tuple[str, ...]


_ENVIRONMENTS = (
    "equation|align|alignat|flalign|gather|multline|eqnarray|displaymath|math|split|aligned"
    "|gathered|cases|array|matrix|pmatrix|bmatrix|vmatrix|tikzcd"
)
# A search for one character class is ten times faster than one for the openers themselves.
_OPENER_START = re.compile(r"[$\\`~]")
_OPENER = re.compile(
    r"\\begin\{(?P<environment>(?:" + _ENVIRONMENTS + r")\*?)\}"
    r"|(?P<bracket>\\[(\[])"
    r"|(?P<dollars>\$\$?)"
    r"|(?P<fence>`{3,}|~{3,})"
    r"|(?P<ticks>`+)"
    r"|\\[\\$`]"  # an escaped character opens nothing
)
_FENCE_LINE_END = re.compile(r"[^\n`~]*\n")
_CLOSERS = {
    "\\(": re.compile(r"(?<!\\)\\\)"),
    "\\[": re.compile(r"(?<!\\)\\\]"),
    "$$": re.compile(r"(?<!\\)\$\$"),
    "$": re.compile(r"(?<!\\)\$"),
}
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_TABLE = re.compile(r"(?m)^[ \t]*\|.*\n[ \t]*\|[ \t]*:?-[-:| \t]*$(?:\n[ \t]*\|.*)*\n?")

# Between two stray delimiters lies a sentence: "$5 for the first and 10$ for the next".
_SENTENCE = re.compile(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{3,}|\A[\d.,]+ [a-z]{2,}")
_CITATION = re.compile(r"[\d\s,;-]+")
# Longer runs are rules drawn across the page. (The limits also keep the scan linear.)
_MAX_FENCE_CHARS = 32
_MAX_INLINE_TICKS = 8
_MAX_FENCE_INDENT = 32  # in characters; a fence may stand in a list or a quotation


def split_spans(text: str) -> list[Span]:
    """Partition ``text``; empty for an empty text."""
    spans = _fill_prose(text, _formulas_and_code(text))
    return _cut_tables(text, spans) if "|" in text else spans


def source_file_spans(text: str) -> list[Span]:
    """The spans of a source file: all of it is one block of code, whatever it holds."""
    return [Span(SpanKind.CODE, 0, len(text), is_block=True)] if text else []


def prose_of(text: str, spans: list[Span]) -> Prose:
    """Join the prose among ``spans``; see :class:`Prose` for what stands between."""
    pieces: list[str] = []
    set_aside: list[str] = []
    for span in spans:
        piece = text[span.start : span.end]
        if span.kind is SpanKind.PROSE:
            pieces.append(piece.replace(PLACEHOLDER, " "))
            continue
        set_aside.append(piece)
        if span.is_block:
            if pieces:
                pieces[-1] = pieces[-1].rstrip()
            pieces.append(f"{PLACEHOLDER}\n")
        else:
            pieces.append(PLACEHOLDER)
    return Prose("".join(pieces), tuple(set_aside))


class _Finder:
    """Finds the next match of a pattern; all searches for it together scan the text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next: dict[re.Pattern[str], re.Match[str] | None] = {}

    def find(self, pattern: re.Pattern[str], position: int) -> re.Match[str] | None:
        """First match at or after ``position``, which must not decrease between calls."""
        if pattern in self._next:
            found = self._next[pattern]
            if found is None or found.start() >= position:
                return found
        found = self._next[pattern] = pattern.search(self._text, position)
        return found

    def is_one_paragraph(self, start: int, end: int) -> bool:
        """Whether no blank line lies in ``text[start:end]``."""
        found = self.find(_PARAGRAPH_END, start)
        return found is None or found.start() >= end


def _formulas_and_code(text: str) -> list[Span]:
    spans: list[Span] = []
    finder = _Finder(text)
    position = 0
    while start := _OPENER_START.search(text, position):
        opener = _OPENER.match(text, start.start())
        span = _close(text, opener, finder) if opener else None
        if span is not None:
            spans.append(span)
            position = span.end
        else:
            position = (opener or start).end()
    return spans


def _close(text: str, opener: re.Match[str], finder: _Finder) -> Span | None:
    """The span that ``opener`` begins; None when nothing closes it."""
    if opener["fence"] and len(opener[0]) <= _MAX_FENCE_CHARS and _is_fence(text, opener):
        closing = finder.find(_fence_closer(opener[0]), opener.end())
        return closing and Span(SpanKind.CODE, opener.start(), closing.end(), is_block=True)
    if opener["ticks"] or opener["fence"]:
        return _close_code(text, opener, finder)
    if environment := opener["environment"]:
        closing = finder.find(_environment_closer(environment), opener.end())
        is_block = True
    elif delimiter := opener["bracket"] or opener["dollars"]:
        closing = finder.find(_CLOSERS[delimiter], opener.end())
        is_block = delimiter in ("\\[", "$$")
    else:
        return None
    if closing is None or not _is_formula(text, opener, closing):
        return None
    if not is_block and not finder.is_one_paragraph(opener.end(), closing.start()):
        return None
    return Span(SpanKind.FORMULA, opener.start(), closing.end(), is_block=is_block)


def _is_fence(text: str, opener: re.Match[str]) -> bool:
    """Whether only indentation stands before the marks, and no other mark behind them."""
    before = text[max(0, opener.start() - _MAX_FENCE_INDENT) : opener.start()]
    _, newline, indentation = before.rpartition("\n")
    is_first = bool(newline) or opener.start() <= _MAX_FENCE_INDENT
    return (
        is_first
        and not indentation.strip(" \t>")
        and _FENCE_LINE_END.match(text, opener.end()) is not None
    )


def _close_code(text: str, opener: re.Match[str], finder: _Finder) -> Span | None:
    ticks = opener[0]
    if ticks[0] == "~" or len(ticks) > _MAX_INLINE_TICKS:
        return None
    closing = finder.find(_ticks_closer(ticks), opener.end())
    if closing is None or not finder.is_one_paragraph(opener.end(), closing.start()):
        return None
    # TeX writes ``quoted'': two such quotations are not code with prose around it.
    if ticks == "``" and text.find("''", opener.end(), closing.start()) >= 0:
        return None
    return Span(SpanKind.CODE, opener.start(), closing.end())


def _is_formula(text: str, opener: re.Match[str], closing: re.Match[str]) -> bool:
    """Whether mathematics, not a sentence or a citation, lies between the delimiters.

    For ``$...$`` pandoc's rule (manual, ``tex_math_dollars``): no space after the opening one or
    before the closing one, and no digit behind that.
    """
    if not 0 < closing.start() - opener.end() <= MAX_FORMULA_CHARS:
        return False
    body = text[opener.end() : closing.start()]
    if opener["dollars"] == "$" and (
        body[0].isspace() or body[-1].isspace() or text[closing.end() : closing.end() + 1].isdigit()
    ):
        return False
    if opener["bracket"] == "\\[" and _CITATION.fullmatch(body):
        return False
    return "\\" in body or opener["environment"] is not None or _SENTENCE.search(body) is None


def _fence_closer(fence: str) -> re.Pattern[str]:
    return re.compile(rf"(?m)^[ \t>]*{fence[0]}{{{len(fence)},}}[ \t]*$")


def _ticks_closer(ticks: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!`){ticks}(?!`)")


def _environment_closer(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(f"\\end{{{name}}}"))


def _fill_prose(text: str, spans: list[Span]) -> list[Span]:
    """Put prose between ``spans`` so that together they cover ``text``."""
    filled: list[Span] = []
    position = 0
    for span in spans:
        if span.start > position:
            filled.append(Span(SpanKind.PROSE, position, span.start))
        filled.append(span)
        position = span.end
    if position < len(text):
        filled.append(Span(SpanKind.PROSE, position, len(text)))
    return filled


def _cut_tables(text: str, spans: list[Span]) -> list[Span]:
    """Cut the tables out of the prose; a formula in a cell stays a span of its own."""
    cut: list[Span] = []
    tables = _TABLE.finditer(text)
    table = next(tables, None)
    for span in spans:
        if span.kind is not SpanKind.PROSE:
            cut.append(span)
            continue
        position = span.start
        while table is not None and table.start() < span.end:
            start, end = max(table.start(), position), min(table.end(), span.end)
            if position < start < end:
                cut.append(Span(SpanKind.PROSE, position, start))
            if start < end:
                cut.append(Span(SpanKind.TABLE, start, end, is_block=True))
                position = end
            if table.end() > span.end:
                break  # the next prose span may still lie in this table
            table = next(tables, None)
        if position < span.end:
            cut.append(Span(SpanKind.PROSE, position, span.end))
    return cut
