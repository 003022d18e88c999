"""The glyphs of TeX's extension fonts: big delimiters, big operators, roots, and their metrics.

The slots are those of the encoding OMX, which cmex10 has; all fonts in it share its proportions.
"""

import re

BIG_OPERATORS = {
    "\u2211": r"\sum", "\u220f": r"\prod", "\u2210": r"\coprod", "\u222b": r"\int",
    "\u222c": r"\iint", "\u222d": r"\iiint", "\u222e": r"\oint", "\u22c3": r"\bigcup",
    "\u22c2": r"\bigcap", "\u2a00": r"\bigodot", "\u2a01": r"\bigoplus", "\u2a02": r"\bigotimes",
    "\u2a04": r"\biguplus", "\u2a06": r"\bigsqcup", "\u22c1": r"\bigvee", "\u22c0": r"\bigwedge",
    "\u222f": r"\oiint",
}  # fmt: skip
BIG, BIGGER, BIGGEST, HUGE = 1.2, 1.8, 2.4, 3.0
"""Heights in ems of the delimiters that TeX calls big, Big, bigg and Bigg."""

DELIMITERS = {
    "(": (0x00, 0x10, 0x12, 0x20), ")": (0x01, 0x11, 0x13, 0x21), "[": (0x02, 0x68, 0x14, 0x22),
    "]": (0x03, 0x69, 0x15, 0x23), "\u230a": (0x04, 0x6A, 0x16, 0x24),
    "\u230b": (0x05, 0x6B, 0x17, 0x25), "\u2308": (0x06, 0x6C, 0x18, 0x26),
    "\u2309": (0x07, 0x6D, 0x19, 0x27), "{": (0x08, 0x6E, 0x1A, 0x28),
    "}": (0x09, 0x6F, 0x1B, 0x29), "\u27e8": (0x0A, 0x44, 0x1C, 0x2A),
    "\u27e9": (0x0B, 0x45, 0x1D, 0x2B), "/": (0x0E, 0x2E, 0x1E, 0x2C),
    "\\": (0x0F, 0x2F, 0x1F, 0x2D), "\u221a": (0x70, 0x71, 0x72, 0x73),
}  # fmt: skip
PIECES = {
    "(": ((0x30, 1.8), (0x40, 1.8), (0x42, 0.6)), ")": ((0x31, 1.8), (0x41, 1.8), (0x43, 0.6)),
    "[": ((0x32, 1.8), (0x34, 1.8), (0x36, 0.6)), "]": ((0x33, 1.8), (0x35, 1.8), (0x37, 0.6)),
    "{": ((0x38, 0.9), (0x3A, 0.9), (0x3C, 1.8), (0x3E, 0.3)),
    "}": ((0x39, 0.9), (0x3B, 0.9), (0x3D, 1.8)),
    "|": ((0x0C, 0.6), (0x3F, 0.6)), "\u2016": ((0x0D, 0.6), (0x77, 0.6)),
    "\u221a": ((0x74, 1.8), (0x75, 0.6), (0x76, 0.6)),
}  # fmt: skip
OPERATORS = {
    r"\bigsqcup": (0x46, 0x47), r"\oint": (0x48, 0x49), r"\bigodot": (0x4A, 0x4B),
    r"\bigoplus": (0x4C, 0x4D), r"\bigotimes": (0x4E, 0x4F), r"\sum": (0x50, 0x58),
    r"\prod": (0x51, 0x59), r"\int": (0x52, 0x5A), r"\bigcup": (0x53, 0x5B),
    r"\bigcap": (0x54, 0x5C), r"\biguplus": (0x55, 0x5D), r"\bigwedge": (0x56, 0x5E),
    r"\bigvee": (0x57, 0x5F), r"\coprod": (0x60, 0x61),
}  # fmt: skip
_WIDE_ACCENTS = {
    **dict.fromkeys((0x62, 0x63, 0x64), r"\widehat"),
    **dict.fromkeys((0x65, 0x66, 0x67), r"\widetilde"),
}
_BRACE_TIPS = {0x7A: "\u23de", 0x7B: "\u23de", 0x7C: "\u23df", 0x7D: "\u23df"}
"""A brace above is drawn of tips that point down at its ends and up in its middle; the first tip
from the left tells which it is."""

PRIVATE_PIECES = {
    0xF8E5: 0x75, 0xF8E6: 0x3F, 0xF8E7: 0x3F, 0xF8EB: 0x30, 0xF8EC: 0x42, 0xF8ED: 0x40,
    0xF8EE: 0x32, 0xF8EF: 0x36, 0xF8F0: 0x34, 0xF8F1: 0x38, 0xF8F2: 0x3C, 0xF8F3: 0x3A,
    0xF8F4: 0x3E, 0xF8F6: 0x31, 0xF8F7: 0x43, 0xF8F8: 0x41, 0xF8F9: 0x33, 0xF8FA: 0x37,
    0xF8FB: 0x35, 0xF8FC: 0x39, 0xF8FD: 0x3D, 0xF8FE: 0x3B,
    0x239B: 0x30, 0x239C: 0x42, 0x239D: 0x40, 0x239E: 0x31, 0x239F: 0x43, 0x23A0: 0x41,
    0x23A1: 0x32, 0x23A2: 0x36, 0x23A3: 0x34, 0x23A4: 0x33, 0x23A5: 0x37, 0x23A6: 0x35,
    0x23A7: 0x38, 0x23A8: 0x3C, 0x23A9: 0x3A, 0x23AA: 0x3E, 0x23AB: 0x39, 0x23AC: 0x3D,
    0x23AD: 0x3B, 0x23D0: 0x3F,
}  # fmt: skip
"""Slots of TeX's extension encoding by the characters that Adobe and Unicode give the pieces."""

SHIFTED = {
    **{0xA1 + code: code for code in range(0x0A)},
    **{0xAD + code - 0x0A: code for code in range(0x0A, 0x20)},
    0xC3: 0x20,
}
"""Where dvips and the AMS fonts put the slots that are control characters ("G0" encoding)."""

NEWTX_SLOTS = {
    0xC3: 0x46, 0xC4: 0x47, 0xC7: 0x4A, 0xC8: 0x4B, 0xC9: 0x4C, 0xCA: 0x4D, 0xCB: 0x4E,
    0xCC: 0x4F, 0xCD: 0x50, 0xCE: 0x51, 0xD0: 0x53, 0xD1: 0x54, 0xD2: 0x55, 0xD3: 0x56,
    0xD4: 0x57, 0xD5: 0x58, 0xD6: 0x59, 0xD8: 0x5B, 0xD9: 0x5C, 0xDA: 0x5D, 0xDB: 0x5E,
    0xDC: 0x5F, 0xDD: 0x60, 0xDE: 0x61, 0xAF: 0x52, 0xB4: 0x52, 0xB9: 0x5A, 0xBE: 0x5A,
    0xB2: 0x48, 0xB7: 0x48, 0xBC: 0x49, 0xC1: 0x49,
}  # fmt: skip
"""Slots above 127 of txexs, the extension font of newtxmath and newpxmath (its AFM file)."""

NEWTX_STANDING = {
    0xA9: ("(", 1.444), 0xAA: (")", 1.444), 0xAB: ("(", 1.444), 0xAC: (")", 1.444),
    0xAD: ("(", 0.625), 0xAE: (")", 0.625),
}  # fmt: skip
"""Pieces of that font's parentheses, which stand on the baseline, and their heights in ems."""

NEWTX = re.compile(r"^txexs", re.IGNORECASE)


def _extension_slots() -> dict[int, tuple[str, str, float]]:
    """``(role, what, height in ems)`` of each slot of TeX's extension encoding."""
    slots: dict[int, tuple[str, str, float]] = {}
    for char, codes in DELIMITERS.items():
        for code, height in zip(codes, (BIG, BIGGER, BIGGEST, HUGE), strict=True):
            slots[code] = ("radical" if char == "\u221a" else "delimiter", char, height)
    for char, pieces in PIECES.items():
        for code, height in pieces:
            slots[code] = ("radical piece" if char == "\u221a" else "piece", char, height)
    for tex, (text, display) in OPERATORS.items():
        is_integral = tex in (r"\int", r"\oint")
        slots[text] = ("operator", tex, 1.11 if is_integral else 1.0)
        slots[display] = ("operator", tex, 2.22 if is_integral else 1.4)
    for code, tex in _WIDE_ACCENTS.items():
        slots[code] = ("accent", tex, 0.2)
    for code, char in _BRACE_TIPS.items():
        slots[code] = ("brace", char, 0.12)
    return slots


EXTENSION_SLOTS = _extension_slots()
MIN_DISPLAY_EMS = 0.62
"""An integral sign wider than this is a display's: newtx' are 0.53 and 0.71 ems."""


def operator_slot(tex: str, *, is_display: bool) -> tuple[str, str, float]:
    """The slot of an operator, in the size of text or of a display."""
    if tex in OPERATORS:
        return EXTENSION_SLOTS[OPERATORS[tex][is_display]]
    return "operator", tex, 2.22 if is_display else 1.11
