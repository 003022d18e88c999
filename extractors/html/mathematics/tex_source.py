"""TeX as pages hold it: its delimiters, and what the web has wrapped around it."""

import html as html_entities
import re
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Formula:
    """A formula in TeX, without delimiters."""

    tex: str
    is_display: bool


class Skip(Enum):
    """What to leave out: a rendering whose source stands beside it."""

    TWIN = "twin"


ENVIRONMENTS = "equation|align|gather|multline|eqnarray|flalign|alignat|displaymath|dmath"
"""Environments that make a display by themselves; MathJax renders them without delimiters."""

RAW_FORMULA = re.compile(
    r"\\\[(?P<display>(?:[^\\]|\\[^\[\]])++)\\\]"
    r"|\\\((?P<inline>(?:[^\\]|\\[^()])++)\\\)"
    r"|\$\$\$[^$]++\$\$\$"
    r"|\$\$[^$]++\$\$"
    rf"|\\begin\{{(?P<name>(?:{ENVIRONMENTS})\*?)\}}"
    r"(?:[^\\]|\\(?!(?:begin|end)\{(?P=name)\}))*+\\end\{(?P=name)\}"
    r"|\[(?P<bb>i?tex|latex|i?math)\](?P<bbcode>(?:[^\[]|\[(?!/?(?P=bb)\]))++)\[/(?P=bb)\]"
    r"|\$latex\s(?=[^$]{1,400}\$)[^$]++\$"
    r"|(?<![\\$\w])\$(?=[^\s$])(?=[^$]{0,400}[\\^_])[^$]{1,400}+(?<=[^\s\\])\$(?!\d)"
)
"""Delimiters in text that MathJax, KaTeX or a forum's software would turn into formulas. Three
dollars are Codeforces', ``$latex`` is WordPress'. A pair of single dollars counts only around a
backslash, a caret or an underscore: other pairs are prices. No alternative runs past another
opening of its kind, so that a page full of openings costs linear time."""

TEX_LIKE = re.compile(r"\\[a-zA-Z]+|[\^_]\{|[\^_][a-zA-Z0-9]\b|^\s*(?:\$|\\[(\[])")
CERTAIN_TEX = re.compile(
    r"\\[a-zA-Z]+[{ ^_\\(]|^\s*(?:\$.+\$|\\\(.+\\\)|\\\[.+\\\])\s*$", re.DOTALL
)
"""What can hardly be a description: a photograph's alt text may hold an underscore."""

_PLACEHOLDER_WORD = (
    r"(?:la)?tex|math(?:ml|jax)?|image|img|picture|equation|formula|display(?:ed)?|inline|rendered"
)
PLACEHOLDER = re.compile(
    rf"(?:{_PLACEHOLDER_WORD})s?(?:[\W\d]+(?:{_PLACEHOLDER_WORD}|of|the|an?)s?)*[\W\d]*",
    re.IGNORECASE,
)
"""What alternative texts and attributes hold in place of a formula: ``equation 3``."""

MAX_PLACEHOLDER_CHARS = 40

PROSE = re.compile(r"(?:\b[A-Za-z]{3,}\b[ ,;.]+){3}")
COMMAND = re.compile(r"\\[a-zA-Z]+\*?(?:\{[^{}\\]*\})?")

ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d+|#x[0-9a-fA-F]+);")
CDATA = re.compile(r"%?\s*<!\[CDATA\[|%?\s*\]\]>")
BREAK = re.compile(r"<br ?/?>")
BLANK_LINES = re.compile(r"\n\s*\n")
COMMENTED_LINE_END = re.compile(r"(?<!\\)%[ \t]*\n\s*")
"""LaTeXML breaks the lines of its alternative texts so."""

PREFIX = re.compile(r"(?:LaTeX|TeX):\s+|latex\s+(?=\S)|\\(?:display|text)style(?![a-zA-Z])\s*")
"""Canvas' alternative texts, WordPress' ``$latex``, and the style that an image was set in."""

STYLED_GROUP = re.compile(r"\{\s*\\(?:display|text)style(?![a-zA-Z])")
DELIMITERS = (
    ("\\(", "\\)"), ("\\[", "\\]"), ("$$$", "$$$"), ("$$", "$$"), ("$", "$"), ("[;", ";]"),
    *((f"\\begin{{{name}}}", f"\\end{{{name}}}")
      for name in ("equation", "equation*", "displaymath", "math")),
)  # fmt: skip

DISPLAY_SOURCE = re.compile(rf"\\\[|\$\$(?!\$)|\\begin\{{(?:{ENVIRONMENTS}|split)\*?\}}")


def clean_tex(tex: str) -> str:
    """``tex`` as its author wrote it: without delimiters, wrappers and escapes of the web."""
    tex = _without_prefix(_unescaped(tex))
    for opening, closing in DELIMITERS:
        if len(tex) > len(opening) + len(closing) and tex.startswith(opening):
            inside = tex[len(opening) : -len(closing)]
            if tex.endswith(closing) and closing not in inside.replace("\\$", ""):
                tex = _without_prefix(inside.strip())
    if (styled := STYLED_GROUP.match(tex)) and _closes_at_end(tex):
        tex = tex[styled.end() : -1].strip()
    return _without_prefix(tex)


def _unescaped(tex: str) -> str:
    if "&" in tex and ENTITY.search(tex):
        tex = html_entities.unescape(tex)
    if "CDATA" in tex:
        tex = CDATA.sub("", tex)
    if "<br" in tex:
        tex = BREAK.sub("\n", tex)
    tex = tex.replace("\r\n", "\n").replace("\u200b", "").replace("\xa0", " ").strip()
    if "%" in tex:
        tex = COMMENTED_LINE_END.sub("", tex)
    return BLANK_LINES.sub("\n", tex) if "\n" in tex else tex


def _without_prefix(tex: str) -> str:
    found = PREFIX.match(tex)
    return tex[found.end() :].strip() if found else tex


def formula_of(tex: str | None, *, is_display: bool) -> Formula | None:
    """The formula in ``tex``, a display also if its delimiters say so; None if it is empty."""
    cleaned = clean_tex(tex) if tex else ""
    if not tex or not cleaned:
        return None
    return Formula(cleaned, is_display or DISPLAY_SOURCE.match(tex.lstrip()) is not None)


def raw_formula_of(match: re.Match[str]) -> Formula | None:
    """The formula that a match of RAW_FORMULA is; None if its delimiters hold nothing."""
    source = match.group()
    inside = match.group("display") or match.group("inline") or match.group("bbcode") or source
    is_display = match.group("display") is not None
    return formula_of(inside, is_display=is_display)


def is_placeholder(text: str) -> bool:
    """Whether ``text`` stands in place of a formula: ``equation 3``, ``LaTeX image``."""
    return len(text) <= MAX_PLACEHOLDER_CHARS and PLACEHOLDER.fullmatch(text.strip()) is not None


def is_prose(text: str) -> bool:
    """Whether ``text`` outside its commands is running text."""
    return PROSE.search(COMMAND.sub("", text[:2000])) is not None


def _closes_at_end(tex: str) -> bool:
    """Whether the group that ``tex`` begins with ends where it ends."""
    depth = 0
    is_escaped = False
    for index, char in enumerate(tex):
        if is_escaped:
            is_escaped = False
        elif char == "\\":
            is_escaped = True
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return index == len(tex) - 1
    return False
