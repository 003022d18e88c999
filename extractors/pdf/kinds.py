"""What each line of a column is: running text, a heading, code, a table's row, a note."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby, pairwise

from extractors.pdf.inline import Counts, text_of
from extractors.pdf.lines import Line
from extractors.pdf.rows import Row


class Kind(Enum):
    """What a line or a block is."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    CODE = "code"
    ALGORITHM = "algorithm"
    TABLE = "table"
    NOTE = "note"
    FORMULA = "formula"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Setting:
    """How a document is set: what is usual in it, and what it says of its headings.

    ``body`` is the font size of most characters, in points, ``font`` their font. ``outline``
    gives levels from 1 by :func:`key_of` a heading. ``words`` are the document's whole words.
    """

    body: float
    font: str
    outline: dict[str, int] = field(default_factory=dict)
    words: frozenset[str] = frozenset()


HEADING_SIZE_RATIO = 1.12
MIN_HEADING_SIZE_RATIO = 0.85
NOTE_SIZE_RATIO = 0.92
MAX_HEADING_CHARS = 200
MAX_BOLD_HEADING_CHARS = 90
MAX_RUN_IN_CHARS = 80
"""A heading within a line is no longer than the line."""

MIN_RUN_IN_LETTERS = 4
RUN_IN_GAP_EMS = 0.7
r"""LaTeX's \paragraph leaves 1 em after its heading, justified words less than 0.6."""

MIN_BOLD_LINES = 4
"""So many bold lines are a paragraph; headings have up to three."""

MIN_TABLE_ROWS = 3
MIN_CELLS = 2
MIN_ALGORITHM_LINES = 2

ENDS_SENTENCE = re.compile(
    r"[.!?:;\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*\s*(?:\d*|\[\^[^\]]*\])$"
)
BULLET_SIGN = re.compile(r"^[\u2022\u25e6\u25aa\u2023\u2219\u25cf\u25a0]\s*")
CELL_NUMBER = re.compile(r"^\s*(?:\d{1,3}[:.)]?|[\u2022\u2013-]|\[\d+\]|\(?[a-z0-9]{1,3}[.)])\s*$")
"""Beginnings of numbered lines: an algorithm's, a list's, a heading's."""

CAPTION = re.compile(
    r"^(?:figure|fig\.|table|algorithm|listing|scheme|plate)\s*[\dA-Z]", re.IGNORECASE
)
NUMBERED = re.compile(r"^(?:[A-Z]|[IVX]{1,5}|\d{1,2})(?:\.\d{1,2})*\.?\s+\S")
NUMBER_ALONE = re.compile(r"(?:[A-Z]|[IVX]{1,5}|\d{1,2})(?:\.\d{1,2})*\.?")
SECTION_NUMBER = re.compile(r"^(?:[A-Z]|\d{1,2}|[IVX]{1,5})(?:\.\d{1,2})*\.?\s+(?=\S)")
ALGORITHM_LINE = re.compile(r"^\d{1,3}:(?:\s|$)")
STATEMENTS = frozenset(
    (
        "theorem", "lemma", "proposition", "corollary", "definition", "remark", "remarks", "proof",
        "example", "examples", "claim", "conjecture", "assumption", "note", "case", "step",
        "figure", "fig", "table", "algorithm", "listing", "keywords", "key", "index", "question",
        "answer", "exercise", "problem", "solution", "axiom", "fact", "observation", "notation",
        "hypothesis", "property", "condition", "warning", "tip", "input", "output", "sketch",
    )
)  # fmt: skip
"""First words of bold beginnings that name a statement and not a part of the text."""


def key_of(text: str) -> str:
    """A heading as it is compared with the outline's: its letters and digits, in lower case."""
    return "".join(filter(str.isalnum, text.lower()))


def font_of(lines: Sequence[Line]) -> str:
    """The font of most characters."""
    chars: Counter[str] = Counter()
    for line in lines:
        for span in line.spans:
            chars[span.style.name] += len(span.text)
    return max(chars, key=lambda name: (chars[name], name), default="")


def kinds_of(run: Sequence[Line], setting: Setting) -> list[Kind]:
    """The kind of each line of one stretch of column."""
    kinds = [_kind(line, setting) for line in run]
    _disown_bold_paragraphs(run, kinds, setting)
    _claim_outlined(run, kinds, setting)
    _claim_algorithms(run, kinds)
    for num_cells, indices in groupby(range(len(run)), key=lambda index: _num_cells(run[index])):
        rows = list(indices)
        # Fewer rows are a formula with its number, or two columns of names.
        if (
            num_cells >= MIN_CELLS
            and len(rows) >= MIN_TABLE_ROWS
            and _is_grid([run[row] for row in rows])
        ):
            for row in rows:
                kinds[row] = Kind.TABLE
    _absorb_fixed_words(run, kinds)
    _claim_comments(run, kinds)
    return kinds


def _kind(line: Line, setting: Setting) -> Kind:
    if line.is_mono:
        return Kind.CODE
    text = line.text.strip()
    body = setting.body
    if len(text) > MAX_HEADING_CHARS:
        return Kind.NOTE if line.size < NOTE_SIZE_RATIO * body else Kind.PARAGRAPH
    is_special = line.is_bold or line.size >= HEADING_SIZE_RATIO * body or NUMBERED.match(text)
    is_letters = is_special and sum(map(str.isalpha, text)) >= 0.5 * len(text.replace(" ", ""))
    if is_letters and line.size >= HEADING_SIZE_RATIO * body and len(text) <= MAX_HEADING_CHARS:
        return Kind.HEADING
    is_short = len(text) <= MAX_BOLD_HEADING_CHARS and not text.endswith((",", ";", "-"))
    if (
        is_letters
        and is_short
        and max(span.size for span in line.spans) >= MIN_HEADING_SIZE_RATIO * body
        and not CAPTION.match(text)
        and not BULLET_SIGN.match(text)
        and (
            (line.is_bold and not text.endswith("."))
            or (_is_apart(line, setting) and NUMBERED.match(text) is not None)
        )
    ):
        return Kind.HEADING
    return Kind.NOTE if line.size < NOTE_SIZE_RATIO * body else Kind.PARAGRAPH


def _is_apart(line: Line, setting: Setting) -> bool:
    """Whether a line, its number aside, is set in another font than the text, or in capitals."""
    spans = line.spans
    while len(spans) > 1 and NUMBER_ALONE.fullmatch(spans[0].text.strip()):
        spans = spans[1:]
    names = {span.style.name for span in spans}
    if len(names) == 1 and setting.font not in names and not spans[0].style.is_math:
        return True
    letters = [char for char in SECTION_NUMBER.sub("", line.text) if char.isalpha()]
    return len(letters) >= MIN_RUN_IN_LETTERS and all(map(str.isupper, letters))


def _disown_bold_paragraphs(run: Sequence[Line], kinds: list[Kind], setting: Setting) -> None:
    """Many bold lines of one size after each other are a paragraph in bold: an abstract."""
    for is_bold, indices in groupby(
        range(len(run)),
        key=lambda i: run[i].is_bold and run[i].size < HEADING_SIZE_RATIO * setting.body,
    ):
        rows = list(indices)
        if not is_bold or len(rows) < MIN_BOLD_LINES:
            continue
        distances = [run[b].y1 - run[a].y1 for a, b in pairwise(rows)]
        if max(distances) < 1.5 * run[rows[0]].size:
            for row in rows:
                is_note = run[row].size < NOTE_SIZE_RATIO * setting.body
                kinds[row] = Kind.NOTE if is_note else Kind.PARAGRAPH


def _claim_outlined(run: Sequence[Line], kinds: list[Kind], setting: Setting) -> None:
    """Lines that the outline names are headings, however they are set."""
    if not setting.outline:
        return
    # The keys lack spaces and signs; a line much longer than the longest is none of them.
    longest = min(MAX_HEADING_CHARS, 2 * max(map(len, setting.outline)))
    for index, line in enumerate(run):
        if kinds[index] is Kind.HEADING or line.is_mono or len(line.text) > longest:
            continue
        texts = [line.text]
        if index + 1 < len(run) and run[index + 1].size == line.size:
            texts.append(f"{line.text} {run[index + 1].text}")
        for count, text in enumerate(texts, 1):
            if _is_outlined(text, setting) and not line.text[:1].islower():
                kinds[index : index + count] = [Kind.HEADING] * count


def _is_outlined(text: str, setting: Setting) -> bool:
    return (
        key_of(text) in setting.outline or key_of(SECTION_NUMBER.sub("", text)) in setting.outline
    )


def run_in_of(  # noqa: PLR0911 -- one refusal a line
    line: Line, after: Line | None, setting: Setting
) -> tuple[str, Line] | None:
    """A heading that the first words of a paragraph's line are, and the rest of the line.

    They are set in a font of their own and end in a full stop or a wide gap; the outline names
    them, or they are bold and no theorem's or figure's.
    """
    spans = line.spans
    start = 1 if len(spans) > 1 and NUMBER_ALONE.fullmatch(spans[0].text.strip()) else 0
    lead = spans[start].style
    if lead.is_math or lead.is_mono or (lead.name == setting.font and not lead.is_bold):
        return None
    count = start + 1
    while count < len(spans) and spans[count].style is lead:
        count += 1
    if count == len(spans) and not spans[-1].text.rstrip().endswith("."):
        return None
    row = line.row
    head = Row(
        row.y, row.size, spans[0].x0, spans[count - 1].x1, spans[:count], [], [], is_text=True
    )
    text = text_of(head, Counts())
    plain = SECTION_NUMBER.sub("", text)
    follows_stop = count < len(spans) and spans[count].text.lstrip()[:1] in (".", ":")
    has_stop = text.endswith((".", ":")) or follows_stop
    gap = spans[count].x0 - spans[count - 1].x1 if count < len(spans) else 0.0
    if len(text) > MAX_RUN_IN_CHARS or sum(map(str.isalpha, plain)) < MIN_RUN_IN_LETTERS:
        return None
    if not text.rstrip(".:") or not plain[:1].isupper():
        return None
    is_named = _is_outlined(text.rstrip(".: "), setting) and len(setting.outline) > 0
    first_word = plain.split()[0].strip(".:(),").lower()
    is_gap = gap > RUN_IN_GAP_EMS * line.size and after is not None and abs(after.x0 - line.x0) < 1
    is_bold = (
        lead.is_bold
        and first_word not in STATEMENTS
        and (text.endswith(".") or follows_stop or is_gap)
        and not plain[-2:-1].isdigit()
    )
    if not (is_named and (has_stop or is_gap)) and not is_bold:
        return None
    rest_spans = spans[count:]
    if not rest_spans:
        return (text.rstrip(".: "), line) if is_named else None
    rest_row = Row(
        row.y, row.size, rest_spans[0].x0, row.x1, rest_spans, row.around, row.rules, is_text=True
    )  # fmt: skip
    rest_text = text_of(rest_row, Counts()).lstrip(".: ")
    rest = Line(
        rest_text, rest_spans[0].x0, line.y0, line.x1, line.y1, line.size,
        is_bold=False, is_italic=False, is_mono=False, starts_raised=False, spans=rest_spans,
        cells=[], row=rest_row,
    )  # fmt: skip
    return text.rstrip(".: "), rest


def _claim_algorithms(run: Sequence[Line], kinds: list[Kind]) -> None:
    """Lines with numbers and colons, one after the other, are an algorithm's."""
    numbered = [ALGORITHM_LINE.match(line.text) is not None for line in run]
    for is_numbered, indices in groupby(range(len(run)), key=lambda index: numbered[index]):
        rows = list(indices)
        if is_numbered and len(rows) >= MIN_ALGORITHM_LINES:
            for row in rows:
                kinds[row] = Kind.ALGORITHM


def _is_grid(rows: list[Line]) -> bool:
    """Whether each cell stands below one of the row above it."""
    return all(
        min(upper.x1, lower.x1) > max(upper.x0, lower.x0) - below.size
        for above, below in pairwise(rows)
        for upper, lower in zip(above.cells, below.cells, strict=True)
    )


def _claim_comments(run: Sequence[Line], kinds: list[Kind]) -> None:
    """Lines between lines of code that begin in the code's font are code: typeset comments."""
    for index in range(1, len(run) - 1):
        line, before, after = run[index], run[index - 1], run[index + 1]
        if (
            kinds[index] is not Kind.CODE
            and kinds[index - 1] is Kind.CODE
            and line.spans[0].style.is_mono
            and (after.is_mono or after.spans[0].style.is_mono)
            and max(line.y1 - before.y1, after.y1 - line.y1) < 1.4 * line.size
        ):
            kinds[index] = Kind.CODE


def _absorb_fixed_words(run: Sequence[Line], kinds: list[Kind]) -> None:
    """A single line in a fixed font that goes on with a paragraph is part of it: an address."""
    for index in range(1, len(run)):
        is_alone = kinds[index] is Kind.CODE and kinds[index + 1 : index + 2] != [Kind.CODE]
        if not is_alone or kinds[index - 1] is not Kind.PARAGRAPH:
            continue
        before, line = run[index - 1], run[index]
        is_close = line.y1 - before.y1 < 1.6 * before.size
        if is_close and abs(line.x0 - before.x0) < 1 and not ENDS_SENTENCE.search(before.text):
            kinds[index] = Kind.PARAGRAPH


def _num_cells(line: Line) -> int:
    """The number of cells of a line that may be a table's row, 0 for other lines."""
    if len(line.cells) < MIN_CELLS or line.is_mono or CELL_NUMBER.match(line.cells[0].text):
        return 0
    return len(line.cells)
