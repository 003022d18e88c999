"""Superscripts and subscripts of prose: powers, indices, ordinals, marks of notes.

What Unicode has a character for becomes that character (``x\u00b2``, ``H\u2082O``); what it has
none for becomes TeX together with its base (``$x^{n+k}$``); what is no mathematics stays a word.
"""

import re
from dataclasses import dataclass

from extractors.html.mathematics.formulas import Formula
from extractors.html.tree import Element
from extractors.tex_characters import FUNCTIONS, SYMBOLS

SUPERSCRIPTS = dict(
    zip(
        "0123456789+-=()n\u2212\u2013",
        "\u2070\xb9\xb2\xb3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207c\u207d\u207e\u207f"
        "\u207b\u207b",
        strict=True,
    )
)
SUBSCRIPTS = dict(
    zip(
        "0123456789+-=()\u2212\u2013",
        "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b\u208c\u208d\u208e"
        "\u208b\u208b",
        strict=True,
    )
)
ORDINALS = frozenset(
    [
        *("st", "nd", "rd", "th", "d", "er", "re", "e", "eme", "\xe8me", "\xe9", "es", "me", "mes"),
        *("mo", "o", "a", "os", "as", "ste", "te", "de", "le", "lle", "ra", "ro"),
    ]
)
"""Endings of numbers and abbreviations set high: English, French, Spanish, Portuguese, Italian."""

TRADE_MARKS = {"tm": "\u2122", "sm": "\u2120", "(tm)": "\u2122", "r": "\xae", "(r)": "\xae"}
ABBREVIATED = frozenset("nNMSDVJF")
"""Letters that are abbreviated with a raised ending (``n\u00ba``, ``M\u1d50\u1d49``) rather than
raised to a power."""

NOTE_MARKS = frozenset("*\u2020\u2021\xa7\xb6#,; 0123456789-\u2013")
MAX_SCRIPT_CHARS = 24
"""A longer superscript is a note, not an exponent (ours)."""

MAX_BASE_CHARS = 40
WORD_SCRIPT_CHARS = 3
"""A run of letters of this length in a script is a word: ``x_{\\text{obs}}`` but ``a_{ij}``."""

BASE = re.compile(
    r"(?P<paren>(?<!\w)\([^()$]{1,36}\))$|(?P<number>(?<![\w.,])\d+(?:[.,]\d+)?)$"
    r"|(?P<variable>(?<![\w'\u2019])[^\W\d_])$|(?P<word>[^\W\d_]{2,})$"
)
MAX_SHORT_NODES = 60
MAX_NUMBER_CHARS = 2
"""Digits of a note's number; 100 is a power or a year."""

MARKS = re.compile("[\ufdd0-\ufdd5]")
LETTERS = re.compile(r"[^\W\d_]+")
LONG_WORD_CHARS = 4
NUM_CENT_DIGITS = 2
PRICE = re.compile(r"[$\u20ac\xa3\xa5]\s?\d[\d,.]*$")
FOREIGN = re.compile(r"[^\W\d_\u0000-\u03ff]{2,}")
"""Letters of scripts that mathematics does not use."""

MATH_SIGN = re.compile(r"[-+=/*<>^_\u2212\xd7\xb7]")


@dataclass(frozen=True)
class Script:
    """How to write a script: ``text``, in place of the last ``num_taken`` characters before it.

    ``is_tex`` says that ``text`` is TeX, without delimiters.
    """

    text: str
    num_taken: int = 0
    is_tex: bool = False


def write(before: str, script: str, tex: str, *, is_super: bool, is_variable: bool) -> Script:
    """``script`` as it follows ``before``, which ends in a variable if ``is_variable``.

    ``script`` is the script's plain text, ``tex`` the same in TeX.
    """
    characters = SUPERSCRIPTS if is_super else SUBSCRIPTS
    is_expressible = all(char in characters for char in script)
    unicode_script = "".join(characters.get(char, char) for char in script)
    base = BASE.search(before[-MAX_BASE_CHARS:])
    kind = base.lastgroup if base else None
    if is_super and (cents := _cents(before, script)):
        return Script(cents)
    if is_expressible and not (is_variable and kind == "variable"):
        return Script(unicode_script)
    if is_super and (word := _word(before, script, kind, is_variable=is_variable)):
        return Script(word)
    if base is None or (kind == "word" and base.group() not in FUNCTIONS):
        is_mark = is_super and NOTE_MARKS.issuperset(script)
        return Script(unicode_script if is_mark else _attached("^" if is_super else "_", script))
    text = base.group()
    tex_base = SYMBOLS.get(text, text) if kind == "variable" else text
    if kind == "word":
        tex_base = f"\\{text}"
    return Script(tex_base + attach(tex, is_super=is_super), len(text), is_tex=True)


def _cents(before: str, script: str) -> str:
    """The raised cents of a price, with the point that their height stands for."""
    if script[0] in ".," and script[1:].isdigit():
        return script
    if len(script) == NUM_CENT_DIGITS and script.isdigit() and PRICE.search(before[-20:]):
        return f".{script}"
    return ""


def attach(tex: str, *, is_super: bool) -> str:
    """``tex`` as the super- or subscript of what precedes it, in TeX."""
    return _attached("^" if is_super else "_", tex)


def _attached(mark: str, script: str) -> str:
    return f"{mark}{script}" if len(script) == 1 else f"{mark}{{{script}}}"


def _word(before: str, script: str, kind: str | None, *, is_variable: bool) -> str:
    """A superscript that is an ending, a trade mark, a note's mark or a word; empty for others."""
    lower = script.lower()
    is_quantity = kind in ("variable", "number", "paren")
    if not is_variable:
        if lower in TRADE_MARKS and not is_quantity:
            return TRADE_MARKS[lower]
        if "[" in script or script[0] in "*\u2020\u2021\xa7\xb6\u2122\xae\u2120":
            return script
        if lower.rstrip(".") in ORDINALS and (
            kind in ("word", "number", None) or before[-1:] in ABBREVIATED
        ):
            return script
    is_phrase = " " in script or FOREIGN.search(script) is not None
    if (is_phrase and not MATH_SIGN.search(script)) or (not is_quantity and script[0].isalpha()):
        return f" {script}"
    return ""


def is_note_mark(before: str, script: str) -> bool:
    """Whether the number ``script`` after ``before`` may be the mark of a note, not a power."""
    if not (script.isascii() and script.isdigit() and len(script) <= MAX_NUMBER_CHARS):
        return False
    last = before.rstrip()[-1:]
    if last in ".,;:!?\"'\u201d\u2019\u300d\u3002":
        return bool(last)
    word = BASE.search(before.rstrip()[-MAX_BASE_CHARS:])
    return word is not None and word.lastgroup == "word" and len(word.group()) >= LONG_WORD_CHARS


def clean(text: str) -> str:
    """``text`` without the noncharacters that the writers use as marks."""
    return text if text.isascii() else MARKS.sub("", text)


def has_link(element: Element) -> bool:
    """Whether a link stands below ``element``, which ``short_text`` has found to be small."""
    return any(
        isinstance(child, Element) and (child.tag == "a" or has_link(child))
        for child in element.children
    )


def plain_text(element: Element, max_chars: int) -> str | None:
    """The text of inline code, a line break as a space; None if it is more than a run of text."""
    pieces: list[str] = []
    num_chars = 0
    pending: list[object] = [element]
    while pending:
        node = pending.pop()
        if isinstance(node, Element):
            if node.tag in ("p", "div", "ul", "ol", "dl", "table", "blockquote"):
                return None
            if node.tag == "br":
                pieces.append(" ")
            pending.extend(reversed(node.children))
            continue
        if not isinstance(node, str):
            return None
        pieces.append(clean(node))
        num_chars += len(node)
        if num_chars > max_chars:
            return None
    return " ".join("".join(pieces).split())


def short_text(element: Element, max_chars: int) -> str | None:
    """The text below ``element``; None if it is longer than ``max_chars`` or holds a code block.

    Formulas count as their TeX. Gives up after MAX_SHORT_NODES, so that nested elements do not
    cost their depth times their size.
    """
    pieces: list[str] = []
    num_chars = num_nodes = 0
    pending: list[object] = [element]
    while pending:
        node = pending.pop()
        num_nodes += 1
        if isinstance(node, Element):
            if num_nodes + len(node.children) > MAX_SHORT_NODES:
                return None
            pending.extend(reversed(node.children))
            continue
        if isinstance(node, Formula):
            node = node.tex
        if not isinstance(node, str):
            return None
        pieces.append(node)
        num_chars += len(node) if not node.isspace() else 1
        if num_chars > max_chars:
            return None
    return " ".join(clean("".join(pieces)).split())


def tex_of(element: Element, *, is_italic: bool = False) -> str:
    """The TeX of a script's content, scripts within it included."""
    pieces: list[str] = []
    for child in element.children:
        if isinstance(child, Formula):
            pieces.append(clean(child.tex))
        elif isinstance(child, str):
            pieces.append(_tex_of_text(clean(child), is_italic=is_italic))
        elif isinstance(child, Element):
            inside = tex_of(child, is_italic=is_italic or child.tag in ("i", "em", "var"))
            if child.tag in ("sub", "sup"):
                inside = attach(inside, is_super=child.tag == "sup")
            pieces.append(inside)
    return "".join(pieces).strip()


def _tex_of_text(text: str, *, is_italic: bool) -> str:
    pieces: list[str] = []
    end = 0
    for word in LETTERS.finditer(text):
        pieces.append(_symbols(text[end : word.start()]))
        end = word.end()
        letters = word.group()
        if letters in FUNCTIONS:
            pieces.append(f"\\{letters} ")
        elif len(letters) >= WORD_SCRIPT_CHARS and not is_italic:
            pieces.append(f"\\text{{{letters}}}")
        else:
            pieces.append(_symbols(letters))
    pieces.append(_symbols(text[end:]))
    return "".join(pieces)


def _symbols(text: str) -> str:
    """Each character in TeX; a command is parted from a letter that follows it."""
    pieces: list[str] = []
    for char in text:
        if pieces and pieces[-1][0] == "\\" and pieces[-1][-1].isalpha() and char.isalpha():
            pieces.append(" ")
        pieces.append(SYMBOLS.get(char) or char)
    return "".join(pieces)
