"""What a font's name and flags say of its glyphs: style, alphabet, and TeX's encodings.

Names are matched without the subset tag ("ABCDEF+"); they are those of TeX's font families, of the
Adobe core fonts and of OpenType mathematics fonts.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MONO_FLAG = 8
BOLD_FLAG = 16
ITALIC_FLAG = 2

MONO = re.compile(
    r"mono|nimbusmon|courier|typewriter|consol|menlo|inconsolata|cmtt|cmsltt|cmitt|cmtcsc|cmvtt"
    r"|sftt|ectt|t1xtt|txtt|zi4|lmtt|beramono|luximono|sourcecode|tt-kp|fira(?:code|mono)|letgoth",
    re.IGNORECASE,
)
BOLD = re.compile(
    r"bold|black|heavy|semibold|demi|cmbx|cmb1|cmssbx|sfbx|ecbx|-medi|cmmib|cmbsy", re.IGNORECASE
)
ITALIC = re.compile(
    r"ital|obli|slant|cmti|cmsl|cmmi|cmmib|sfti|sfsl|ecti|ecsl|\bit\b|-it$|lmri", re.IGNORECASE
)
EXTENSION = re.compile(
    r"cmex|lmex|mathextension|[tp]xex|ntxexx|rtxex|mtex|fmex|futmex|eulerexten|mathex|zpzccmrex"
    r"|esint|kp.*-ex-|jkpex|euex|fourier-math-ext|mathdesign-\w+-\w+-ex",
    re.IGNORECASE,
)
"""Fonts in TeX's OMX encoding: big delimiters, big operators, radicals."""

MATH = re.compile(
    r"^(?:cmmi|cmsy|cmbsy|cmex|lmmath|lmmi|lmsy|lmex|msam|msbm|eu[frsx][mb]|euex|eusm|rsfs|stmary|wasy"
    r"|bbm|bbold|dsrom|dsss|esint|rtxmi|rntxmi|ntxmi|txmi|txsy|txex|txbsy|txmia|ntxsy|rtxsy|pxmi"
    r"|pxsy|pxex|mt(?:mi|sy|ex)|newtx|newpx|pxmia|txsy|txsyb|kp--m-|zsfm|boondox|mathpi|tx(?:mia|exas)|kurier|iwon|antykwa|fourier-math|futm|futsy|kpmath|jkp|mdput|mdbch|mdugm|zplm"
    r"|zptm|rtxbmi|standardsym|symbol(?:mt)?$|mtsy|mtextra|pazomath|pplr7|euler|xccmi|ccmi|lasy)"
    r"|math|symbolps",
    re.IGNORECASE,
)
"""Fonts that set mathematics only."""

ALPHABETS = (
    (
        re.compile(
            r"^(?:msbm|bbm|bbold|dsrom|dsss|pazomathblackboard|txsyb|fourier-math-blackb)",
            re.IGNORECASE,
        ),
        r"\mathbb",
    ),
    (re.compile(r"^(?:euf|eufrak)", re.IGNORECASE), r"\mathfrak"),
    (
        re.compile(
            r"^(?:rsfs|eus|scriptmt|boondoxcalli|fourier-math-cal|mathdesign-\w+-\w+-sy|kp--m-syc)",
            re.IGNORECASE,
        ),
        r"\mathcal",
    ),
    (
        re.compile(r"^(?:cmsy|lmmathsymbols|lmsy|txsys|ntxsy|rtxsy|cmbsy)", re.IGNORECASE),
        r"\mathcal",
    ),
    (re.compile(r"^(?:cmss|lmsans|sfss)", re.IGNORECASE), r"\mathsf"),
)
"""The command for the letters of a font in a formula; others are italic, bold or upright."""

NEGATIONS = re.compile(r"^msbm", re.IGNORECASE)
RELATIONS = re.compile(r"^msam", re.IGNORECASE)
OPENTYPE_MATH = re.compile(r"math-?(?:regular|bold|book|ot)?$", re.IGNORECASE)
"""OpenType fonts with a MATH table."""

INKED = frozenset(
    "()[]{}|/\\\u2016\u2225\u221a\u23de\u23df\u27e8\u27e9\u230a\u230b\u2308\u2309"
    "\u2211\u220f\u2210\u222b\u222c\u222d\u222e\u22c3\u22c2\u2a00\u2a01\u2a02\u2a04\u2a06\u22c1\u22c0"
    "\u02c6\u0302\u02dc\u0303\u00af\u0304\u0305\u20d7\u02d9\u0307\u00a8\u0308\u02c7\u030c"
) | frozenset(map(chr, range(0x239B, 0x23AE)))
"""Characters that these fonts draw in several sizes, or at several heights."""

SUBSET_TAG = re.compile(r"^[A-Z]{6}\+")


@dataclass(frozen=True, slots=True)
class Style:
    """What a font is. ``alphabet`` is the TeX command for its letters in a formula, or empty."""

    name: str
    is_mono: bool
    is_bold: bool
    is_italic: bool
    is_math: bool
    is_extension: bool
    is_opentype_math: bool
    alphabet: str


@lru_cache(maxsize=4096)
def style_of(font: str, flags: int) -> Style:
    """The style of a font by its name and MuPDF's span flags."""
    name = SUBSET_TAG.sub("", font)
    is_extension = EXTENSION.search(name) is not None
    is_math = is_extension or MATH.search(name) is not None
    is_mono = not is_math and (bool(flags & MONO_FLAG) or MONO.search(name) is not None)
    return Style(
        name=name,
        is_mono=is_mono,
        is_bold=bool(flags & BOLD_FLAG) or BOLD.search(name) is not None,
        is_italic=bool(flags & ITALIC_FLAG) or ITALIC.search(name) is not None,
        is_math=is_math,
        is_extension=is_extension,
        is_opentype_math=OPENTYPE_MATH.search(name) is not None,
        alphabet=next((command for names, command in ALPHABETS if names.search(name)), ""),
    )
