"""A formula's glyphs as boxes, measured from what their fonts are."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from extractors.pdf.fonts import INKED, NEGATIONS, RELATIONS, Style
from extractors.pdf.formulas.boxes import ASCENT, AXIS, DESCENT, Box, Kind
from extractors.pdf.formulas.extension import (
    BIG_OPERATORS,
    DELIMITERS,
    EXTENSION_SLOTS,
    MIN_DISPLAY_EMS,
    NEWTX,
    NEWTX_SLOTS,
    NEWTX_STANDING,
    PRIVATE_PIECES,
    SHIFTED,
    operator_slot,
)
from extractors.pdf.spans import Span
from extractors.tex_characters import SYMBOLS, styled_letter

HANGING = re.compile(
    r"^(?:cmsy|cmbsy|lmmathsymb|lmsy|[tp]xsy|ntxsy|rtxsy|mtsy|fut?sy|fourier-math-sym|kp--m-sy|mathdesign-\w+-\w+-sy)",
    re.IGNORECASE,
)
"""Fonts in TeX's symbol encoding, whose root sign hangs from the baseline."""

SYMBOL_SLOTS = dict(
    zip(
        "0123456789abcdefghijklmnopqrstuvwxyz",
        "\u2032\u221e\u2208\u220b\u25b3\u25bd\u0338\u21a6\u2200\u2203\u22a3\u230a\u230b\u2308\u2309{}"
        "\u27e8\u27e9|\u2016\u2195\u21d5\\\u2240\u221a\u2a3f\u2207\u222b\u2294\u2293\u2291\u2292"
        "\u00a7\u2020\u2021",
        strict=True,
    )
)
"""What TeX's symbol encoding has in the places of digits and small letters."""

NEWTX_SYMBOLS = re.compile(r"^[tp]xsys", re.IGNORECASE)
NEWTX_ACCENTS = dict(
    zip(
        map(chr, (0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xAE)),
        "\u02c6\u02dc\u00af\u02d8\u02d9\u00a8\u02da\u02c7\u20d7",
        strict=True,
    )
)
"""The accents of txsys and pxsys, the symbol fonts of newtxmath and newpxmath (their AFM files)."""

MORE_SYMBOLS = {"\u25e6": r"\circ", "\u25b3": r"\triangle", "\u25b7": r"\triangleright",
                "\u25c1": r"\triangleleft", "\u2217": "*", "\u2236": ":", "\u0131": r"\imath",
                "\u0237": r"\jmath", "\uf6be": r"\jmath", "\u22c6": r"\star"}  # fmt: skip
RELATIONS_IN_TEXT = frozenset("=<>:")
BINARIES = frozenset(
    "+*/\u2212\u00b1\u2213\u00d7\u00f7\u22c5\u00b7\u2218\u2219\u2217\u2295\u2297\u222a\u2229\u2227\u2228\u2216\u22c6"
)
OPENS = frozenset("([{\u27e8\u230a\u2308\u2329\u3008\u27e6")
CLOSES = frozenset(")]}\u27e9\u230b\u2309\u232a\u3009\u27e7")
FENCES = frozenset("|\u2016\u2225\u2223")
PRIMES = frozenset("\u2032'\u2033\u2034\u2019")
ACCENTS = {
    "\u02c6": r"\hat", "^": r"\hat", "\u0302": r"\hat", "\u02dc": r"\tilde", "~": r"\tilde",
    "\u0303": r"\tilde", "\u00af": r"\bar", "\u02c9": r"\bar", "\u0304": r"\bar",
    "\u20d7": r"\vec", "\u20d1": r"\vec", "\u02d9": r"\dot", "\u0307": r"\dot",
    "\u00a8": r"\ddot", "\u0308": r"\ddot", "\u02c7": r"\check", "\u030c": r"\check",
    "\u02d8": r"\breve", "\u0306": r"\breve", "\u00b4": r"\acute", "\u0301": r"\acute",
    "`": r"\grave", "\u0300": r"\grave", "\u02da": r"\mathring", "\u030a": r"\mathring",
}  # fmt: skip
MIN_TALL_EMS = 1.17
"""A fence higher than this is larger than the font's own, which is 1.0; the next size is 1.2."""

FIRST_SHIFTED = 0x80
RELATION_BLOCKS = (("\u2190", "\u21ff"), ("\u2200", "\u22ff"), ("\u27f0", "\u27ff"))
AMS_NEGATED = dict(
    enumerate(
        [
            r"\lvertneqq",
            r"\gvertneqq",
            r"\nleq",
            r"\ngeq",
            r"\nless",
            r"\ngtr",
            r"\nprec",
            r"\nsucc",
            r"\lneqq",
            r"\gneqq",
            r"\nleqslant",
            r"\ngeqslant",
            r"\lneq",
            r"\gneq",
            r"\npreceq",
            r"\nsucceq",
            r"\precnsim",
            r"\succnsim",
            r"\lnsim",
            r"\gnsim",
            r"\nleqq",
            r"\ngeqq",
            r"\precneqq",
            r"\succneqq",
            r"\precnapprox",
            r"\succnapprox",
            r"\lnapprox",
            r"\gnapprox",
            r"\nsim",
            r"\ncong",
            r"\diagup",
            r"\diagdown",
            r"\varsubsetneq",
            r"\varsupsetneq",
            r"\nsubseteqq",
            r"\nsupseteqq",
            r"\subsetneqq",
            r"\supsetneqq",
            r"\varsubsetneqq",
            r"\varsupsetneqq",
            r"\subsetneq",
            r"\supsetneq",
            r"\nsubseteq",
            r"\nsupseteq",
            r"\nparallel",
            r"\nmid",
            r"\nshortmid",
            r"\nshortparallel",
            r"\nvdash",
            r"\nVdash",
            r"\nvDash",
            r"\nVDash",
            r"\ntrianglerighteq",
            r"\ntrianglelefteq",
            r"\ntriangleleft",
            r"\ntriangleright",
            r"\nleftarrow",
            r"\nrightarrow",
            r"\nLeftarrow",
            r"\nRightarrow",
            r"\nLeftrightarrow",
            r"\nleftrightarrow",
            r"\divideontimes",
            r"\varnothing",
        ]
    )
)
"""Slots 0 to 63 of msbm10."""

AMS_RELATIONS = {
    0x05: r"\centerdot", 0x06: r"\lozenge", 0x07: r"\blacklozenge", 0x27: r"\vartriangle",
    0x36: r"\leqslant", 0x3E: r"\geqslant", 0x2C: r"\lll", 0x35: r"\preccurlyeq",
    0x3C: r"\succcurlyeq", 0x42: r"\sqsupset", 0x40: r"\sqsubset", 0x0B: r"\circeq",
    0x0C: r"\succsim", 0x0D: r"\gtrsim", 0x0E: r"\gtrapprox", 0x0F: r"\multimap",
    0x10: r"\therefore", 0x11: r"\because", 0x12: r"\doteqdot", 0x13: r"\triangleq",
    0x14: r"\precsim", 0x15: r"\lesssim", 0x16: r"\lessapprox", 0x03: r"\square",
    0x04: r"\blacksquare", 0x46: r"\blacktriangledown", 0x4E: r"\blacktriangle",
}  # fmt: skip
"""Slots of msam10 whose names have no Unicode value in the usual lists."""

FIRST_VARIANT, LAST_VARIANT = "\ufe00", "\ufe0f"


def boxes_of(span: Span) -> list[Box]:
    """The glyphs of a span that leave ink."""
    boxes: list[Box] = []
    before = ""
    for char in span.chars:
        text = char["c"]
        if text.isspace():
            continue
        if FIRST_VARIANT <= text <= LAST_VARIANT:
            if boxes:
                number = ord(text) - ord(FIRST_VARIANT)
                boxes[-1] = _variant(boxes[-1], before, number, char, span)
            continue
        before = text
        boxes.append(_box(char, span))
    return boxes


def _variant(box: Box, base: str, number: int, char: dict[str, Any], span: Span) -> Box:
    """A glyph whose name tells its size, which MuPDF gives as a variation selector: "(.v2"."""
    y = char["origin"][1]
    right = max(box.x1, char["bbox"][2])
    if base in DELIMITERS:
        codes = DELIMITERS[base]
        slot = EXTENSION_SLOTS[codes[min(max(number, 1), len(codes)) - 1]]
    elif base in BIG_OPERATORS:
        slot = operator_slot(BIG_OPERATORS[base], is_display=True)
    else:
        return box
    return _extension_box(slot, (box.x0, right, y), span)


def _box(char: dict[str, Any], span: Span) -> Box:
    """One glyph."""
    text, (x0, y), x1 = char["c"], char["origin"], char["bbox"][2]
    size, style = span.size, span.style
    if text in NEWTX_ACCENTS and NEWTX_SYMBOLS.search(style.name):
        text = NEWTX_ACCENTS[text]
    if text in SYMBOL_SLOTS and HANGING.search(style.name):
        text = SYMBOL_SLOTS[text]
    if style.is_extension:
        box = _of_extension_font(text, (x0, x1, y), span)
        if box is not None:
            return box
    tex, kind = named(text, style)
    axis = y - AXIS * size
    box = Box(x0, x1, y - ASCENT * size, y + DESCENT * size, axis, size, tex, kind, style, text)
    if text in BIG_OPERATORS:
        box.tex, box.kind, box.is_tall = BIG_OPERATORS[text], Kind.OPERATOR, True
        box.top, box.bottom = axis - 0.6 * size, axis + 0.6 * size
    elif kind is Kind.RADICAL and HANGING.search(style.name):
        box.top, box.bottom = y - 0.04 * size, y + 0.96 * size
    elif kind is Kind.ACCENT:
        box.top, box.bottom = y - 0.75 * size, y - 0.5 * size
        box.axis = (box.top + box.bottom) / 2
    if style.is_opentype_math and text in INKED:
        _measure(box, char["bbox"][1], char["bbox"][3])
    return box


def _measure(box: Box, top: float, bottom: float) -> None:
    """Gives a glyph of an OpenType font its real height, and what that says of it."""
    box.top, box.bottom, box.axis = top, bottom, (top + bottom) / 2
    if box.kind is Kind.ACCENT:
        return
    is_high = bottom - top > MIN_TALL_EMS * box.size
    box.is_tall = box.is_tall or box.kind is Kind.RADICAL or is_high
    code = PRIVATE_PIECES.get(ord(box.char))
    if code is not None and code in EXTENSION_SLOTS:
        role, what, _ = EXTENSION_SLOTS[code]
        box.kind = Kind.PIECE if role == "piece" else Kind.RADICAL
        box.tex = box.char = what


def _of_extension_font(char: str, place: tuple[float, float, float], span: Span) -> Box | None:
    """A glyph of an extension font by its slot; ``place`` is left, right and baseline."""
    x0, x1, y = place
    is_newtx = NEWTX.search(span.style.name) is not None
    code = PRIVATE_PIECES.get(ord(char), ord(char))
    if is_newtx and code in NEWTX_STANDING:
        what, height = NEWTX_STANDING[code]
        return _extension_box(("piece", what, height), (x0, x1, y - height * span.size), span)
    if code >= FIRST_SHIFTED:
        code = (NEWTX_SLOTS if is_newtx else SHIFTED).get(code, code)
    slot = EXTENSION_SLOTS.get(code)
    if char in BIG_OPERATORS:
        is_wide = x1 - x0 > MIN_DISPLAY_EMS * span.size
        slot = operator_slot(BIG_OPERATORS[char], is_display=is_wide)
    return None if slot is None else _extension_box(slot, place, span)


def _extension_box(
    slot: tuple[str, str, float], place: tuple[float, float, float], span: Span
) -> Box:
    """A glyph that hangs from its baseline."""
    (role, what, height), (x0, x1, y), size = slot, place, span.size
    top, bottom = y - 0.04 * size, y + (height - 0.04) * size
    if role == "delimiter":
        kind = Kind.OPEN if what in OPENS else Kind.CLOSE if what in CLOSES else Kind.FENCE
    elif role == "operator":
        kind, top, bottom = Kind.OPERATOR, y, y + height * size
    elif role == "accent":
        kind, top, bottom = Kind.ACCENT, y - 0.75 * size, y - 0.55 * size
    elif role == "brace":
        kind, top, bottom = Kind.ACCENT, y - height * size, y
    else:
        kind = Kind.PIECE if role == "piece" else Kind.RADICAL
    axis = (top + bottom) / 2
    return Box(x0, x1, top, bottom, axis, size, what, kind, span.style, what, is_tall=True)


KINDS: dict[str, Kind] = {
    **dict.fromkeys(OPENS, Kind.OPEN),
    **dict.fromkeys(CLOSES, Kind.CLOSE),
    **dict.fromkeys(FENCES, Kind.FENCE),
    **dict.fromkeys(PRIMES, Kind.PRIME),
    **dict.fromkeys(ACCENTS, Kind.ACCENT),
    **dict.fromkeys(BINARIES, Kind.BINARY),
    **dict.fromkeys(RELATIONS_IN_TEXT, Kind.RELATION),
    **dict.fromkeys("-\u2010\u2011\u2013", Kind.BINARY),
    **dict.fromkeys(",;", Kind.PUNCTUATION),
    **dict.fromkeys(
        "\u2200\u2202\u2203\u2205\u2207\u221e\u2206\u22ef\u22ee\u22f1\u22a4\u22a5", Kind.ORDINARY
    ),
    "\u221a": Kind.RADICAL,
}
"""Classes of single characters; letters, digits and the rest follow from Unicode."""

NAMES = {
    **MORE_SYMBOLS, **ACCENTS, **dict.fromkeys(PRIMES, "'"), "\u2033": "''", "\u2034": "'''",
    **dict.fromkeys("-\u2010\u2011\u2013\u2212", "-"), "\u2223": "|", "\u2225": r"\|",
    "\u221a": r"\sqrt",
}  # fmt: skip
"""Names that differ from those of characters in MathML."""


@lru_cache(maxsize=16384)
def named(char: str, style: Style) -> tuple[str, Kind]:
    """The TeX of a glyph and its class."""
    if char.isascii() and char.isalpha():
        return char, Kind.LETTER if style.is_italic or style.alphabet else Kind.TEXT
    if char.isascii() and char.isdigit():
        return char, Kind.DIGIT
    code = ord(char)
    if NEGATIONS.search(style.name) and code in AMS_NEGATED:
        return AMS_NEGATED[code], Kind.RELATION
    if RELATIONS.search(style.name) and code in AMS_RELATIONS:
        return AMS_RELATIONS[code], Kind.RELATION
    command, plain = styled_letter(char)
    if command:
        return f"{command}{{{plain}}}", Kind.LETTER
    return NAMES.get(char) or SYMBOLS.get(char, plain), KINDS.get(char) or _kind_of(char)


def _kind_of(char: str) -> Kind:
    if char.isalpha():
        return Kind.LETTER
    is_relation = any(low <= char <= high for low, high in RELATION_BLOCKS)
    return Kind.RELATION if is_relation else Kind.ORDINARY


def span_boxes(spans: Sequence[Span]) -> list[Box]:
    """The glyphs of all spans, from left to right."""
    boxes = [box for span in spans for box in boxes_of(span)]
    boxes.sort(key=lambda box: box.x0)
    return boxes
