"""The running text of one block: white space collapsed, formulas, code and scripts set in.

What must not be touched afterwards (a formula, a piece of code) is put aside when it is met; a
mark of noncharacters stands for it until the block ends.
"""

import re
from dataclasses import dataclass

from extractors.html.mathematics.formulas import RAW_FORMULA, raw_formula_of
from extractors.html.writing import notes, scripts
from extractors.html.writing.scripts import clean

BREAK, OPEN, CLOSE = "\ufdd0", "\ufdd1", "\ufdd2"
"""Noncharacters that mark a line break, and the two ends of the number of a thing put aside."""

ITEM = "\ufdd5"
"""Begins the text of a list item where a list must stand on one line."""

ASIDE = re.compile(f"{OPEN}(\\d+){CLOSE}")
INVISIBLE = re.compile("[\u200b\u00ad\ufeff\u2060]")
MANY_NEWLINES = re.compile(r"\n{3,}")
LONGEST_TICKS = re.compile(r"`+")
MAX_JOINED_CHARS = 200
"""Code or a formula this long is not joined to what follows it: joining costs the length."""

MAX_BLANK_PIECES = 8


@dataclass
class Kept:
    """Counts of what was written."""

    num_formulas: int = 0
    num_code_blocks: int = 0
    num_tables: int = 0


def fence_of(text: str, *, min_ticks: int) -> str:
    """Backticks enough to enclose ``text``."""
    longest = max(map(len, LONGEST_TICKS.findall(text)), default=0) if "`" in text else 0
    return "`" * (min_ticks if longest < min_ticks else longest + 1)


def one_line(text: str) -> str:
    """The lines of ``text`` on one; list items, which begin with ITEM, are parted by semicolons."""
    if ITEM not in text:
        return " ".join(line for line in text.split("\n") if line)
    pieces: list[str] = []
    was_item = False
    for line in text.split("\n"):
        bare = line.replace(ITEM, "").strip()
        if not bare:
            continue
        is_item = line.startswith(ITEM)
        if pieces:
            is_open = is_item and was_item and pieces[-1][-1] not in ".;,:!?"
            pieces.append("; " if is_open else " ")
        pieces.append(bare)
        was_item = is_item
    return "".join(pieces)


class Line:
    """Collects a block's pieces of text until ``take``."""

    def __init__(self, kept: Kept) -> None:
        self.num_italics = 0
        self._kept = kept
        self._pieces: list[str] = []
        self._asides: list[str] = []
        self._code = ""
        self._code_at = self._script_at = self._variable_at = -1

    def add_text(self, text: str) -> None:
        """Add text of the page as it stands there."""
        if self._pieces or not text.isspace():
            self._pieces.append(text if text.isascii() else clean(text))

    def add_mark(self, mark: str) -> None:
        """Add a break, or a place holder of the caller's."""
        self._pieces.append(mark)

    def add_formula(self, tex: str, *, is_display: bool) -> None:
        """Add a formula, a displayed one on a line of its own."""
        self._pieces.append(self._formula_mark(clean(tex), is_display=is_display))

    def add_code(self, text: str) -> None:
        """Add inline code; what follows other code without a space is joined to it."""
        if self._is_last(self._code_at) and len(self._code) < MAX_JOINED_CHARS:
            text = self._code + text
            self._asides.pop()
            self._pieces.pop()
        tick = fence_of(text, min_ticks=1)
        pad = " " if text.startswith("`") or text.endswith("`") else ""
        self._put_aside(f"{tick}{pad}{text}{pad}{tick}")
        self._code_at = len(self._pieces) - 1
        self._code = text

    def add_variable(self, letter: str) -> None:
        """Add a single letter in italics."""
        self._pieces.append(letter)
        self._variable_at = len(self._pieces) - 1

    def add_script(self, script: str, tex: str, *, is_super: bool, noted: notes.Notes) -> None:
        """Add a super- or subscript to what was added last; a number may be a note's mark."""
        if self._is_last(self._script_at) and len(self._asides[-1]) < MAX_JOINED_CHARS:
            formula = self._asides[-1][1:-1]
            self._asides[-1] = f"${formula}{scripts.attach(tex, is_super=is_super)}$"
            return
        before = self.last_text()
        is_variable = self.num_italics > 0 or self._is_last(self._variable_at)
        written = scripts.write(before, script, tex, is_super=is_super, is_variable=is_variable)
        if not written.is_tex:
            text = written.text
            if is_super and scripts.is_note_mark(before, script):
                text = noted.refer_loosely(script, text)
            self._pieces.append(text)
            return
        self._pieces[-1] = before[: len(before) - written.num_taken]
        self._put_aside(f"${written.text}$")
        self._script_at = len(self._pieces) - 1

    def last_text(self) -> str:
        """The end of the text so far, back to the last mark."""
        if not self._pieces:
            return ""
        last = self._pieces[-1]
        return "" if last[-1:] in (BREAK, CLOSE, notes.CLOSE) else last

    def is_blank(self) -> bool:
        """Whether nothing stands on the last line yet."""
        for piece in self._pieces[: -MAX_BLANK_PIECES - 1 : -1]:
            if piece.endswith(BREAK):
                return True
            if not piece.isspace():
                return False
        return True

    def position(self) -> int:
        """A number that ``wrap_since`` understands."""
        return len(self._pieces)

    def wrap_since(self, position: int, mark: str, end_mark: str) -> None:
        """Put marks around what was added since ``position``, if it is text on one line."""
        inside = "".join(self._pieces[position:])
        text = inside.strip()
        if text and BREAK not in text:
            lead, trail = (
                inside[: len(inside) - len(inside.lstrip())],
                inside[len(inside.rstrip()) :],
            )
            self._pieces[position:] = [f"{lead}{mark}{text}{end_mark}{trail}"]
            self._code_at = self._script_at = self._variable_at = -1

    def take(self) -> str:
        """The block's text, lines parted by newlines; the line is empty afterwards."""
        if not self._pieces:
            return ""
        raw = "".join(self._pieces)
        self._pieces.clear()
        if raw.isspace():
            return ""
        self._code_at = self._script_at = self._variable_at = -1
        if "\\" in raw or "$" in raw or "tex]" in raw or "math]" in raw:
            # Before white space is joined: a line end after two backslashes is TeX's.
            raw = RAW_FORMULA.sub(self._mark_raw_formula, raw)
        if BREAK in raw:
            text = "\n".join(" ".join(line.split()) for line in raw.split(BREAK)).strip("\n")
        else:
            text = " ".join(raw.split())
        if not text.isascii():
            text = INVISIBLE.sub("", text)
        if OPEN in text:
            text = ASIDE.sub(self._restore, text)
            text = "\n".join(line.strip() for line in text.split("\n"))
        self._asides.clear()
        return MANY_NEWLINES.sub("\n\n", text).strip() if "\n" in text else text.strip()

    def _is_last(self, position: int) -> bool:
        return position >= 0 and position == len(self._pieces) - 1

    def _put_aside(self, text: str) -> None:
        self._asides.append(text)
        self._pieces.append(f"{OPEN}{len(self._asides) - 1}{CLOSE}")

    def _formula_mark(self, tex: str, *, is_display: bool) -> str:
        self._kept.num_formulas += 1
        if is_display:
            self._asides.append(f"$${tex}$$")
            return f"{BREAK}{OPEN}{len(self._asides) - 1}{CLOSE}{BREAK}"
        self._asides.append(f"${tex}$".replace("\n", " "))
        return f"{OPEN}{len(self._asides) - 1}{CLOSE}"

    def _mark_raw_formula(self, match: re.Match[str]) -> str:
        source = match.group()
        # A renderer would not see a formula across code, and nor do we.
        if OPEN in source or notes.OPEN in source:
            return source
        formula = raw_formula_of(match)
        if formula is None:
            return source
        tex = formula.tex.replace(BREAK, "\n")
        return self._formula_mark(tex, is_display=formula.is_display)

    def _restore(self, match: re.Match[str]) -> str:
        return self._asides[int(match.group(1))]
