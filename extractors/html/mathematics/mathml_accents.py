"""What stands over or under a base in MathML: accents, braces, limits, labelled arrows."""

import re

from extractors.html.mathematics.mathml_tables import stack
from extractors.tex_characters import symbols

LIMITS = frozenset(
    (
        r"\sum", r"\prod", r"\coprod", r"\int", r"\iint", r"\iiint", r"\oint", r"\bigcup",
        r"\bigcap", r"\bigoplus", r"\bigotimes", r"\bigodot", r"\biguplus", r"\bigsqcup",
        r"\bigvee", r"\bigwedge", r"\lim", r"\liminf", r"\limsup", r"\max", r"\min", r"\sup",
        r"\inf", r"\det", r"\gcd", r"\Pr", r"\arg"
    )
)  # fmt: skip
"""Bases whose under and over scripts TeX writes as sub- and superscripts."""

BRACES = (r"\underbrace{", r"\overbrace{", r"\operatorname*{")
OPERATOR = re.compile(r"\\(?:mathrm|operatorname|text)\{([a-zA-Z ]{2,24})\}")

ACCENTS = {
    "\u00af": r"\bar", "\u02c9": r"\bar", "\u0304": r"\bar", "\u0305": r"\bar",
    "\u203e": r"\bar", "\u2015": r"\bar", "_": r"\bar", "\u0332": r"\bar", "\u2212": r"\bar",
    "^": r"\hat", "\u02c6": r"\hat", "\u0302": r"\hat", "~": r"\tilde", "\u02dc": r"\tilde",
    "\u0303": r"\tilde", "\u223c": r"\tilde", "\u2192": r"\vec", "\u20d7": r"\vec",
    "\u21c0": r"\vec", "\u02d9": r"\dot", "\u0307": r"\dot", ".": r"\dot", "\u00a8": r"\ddot",
    "\u0308": r"\ddot", "..": r"\ddot", "\u20db": r"\dddot", "...": r"\dddot",
    "\u02c7": r"\check", "\u030c": r"\check", "\u02d8": r"\breve", "\u0306": r"\breve",
    "\u00b4": r"\acute", "\u02ca": r"\acute", "\u0301": r"\acute", "`": r"\grave",
    "\u02cb": r"\grave", "\u0300": r"\grave", "\u02da": r"\mathring", "\u030a": r"\mathring",
    "\u23de": r"\overbrace", "\ufe37": r"\overbrace", "\u2190": r"\overleftarrow",
    "\u20d6": r"\overleftarrow", "\u2194": r"\overleftrightarrow",
}  # fmt: skip
WIDE = {
    r"\bar": r"\overline", r"\hat": r"\widehat", r"\tilde": r"\widetilde",
    r"\vec": r"\overrightarrow",
}  # fmt: skip
UNDER_ACCENTS = {
    "_": r"\underline", "\u0332": r"\underline", "\u00af": r"\underline", "\u203e": r"\underline",
    "\u2015": r"\underline", "\u02c9": r"\underline", "\u2212": r"\underline",
    "\u23df": r"\underbrace", "\ufe38": r"\underbrace",
}  # fmt: skip
ARROWS = {
    r"\to": r"\xrightarrow", r"\longrightarrow": r"\xrightarrow", r"\leftarrow": r"\xleftarrow",
    r"\longleftarrow": r"\xleftarrow",
}  # fmt: skip

OVER_IN_TEX = {symbols(char): command for char, command in reversed(ACCENTS.items())}
UNDER_IN_TEX = {symbols(char): command for char, command in reversed(UNDER_ACCENTS.items())}


def over(base: str, script: str, *, is_wide: bool) -> str:
    """``script`` over ``base``: an accent, a brace's label, an arrow's text, or an overset."""
    if command := OVER_IN_TEX.get(script):
        return f"{WIDE.get(command, command) if is_wide else command}{{{base}}}"
    if base in ARROWS:
        return f"{ARROWS[base]}{{{script}}}"
    if base in LIMITS or base.startswith(BRACES):
        return f"{base}^{{{script}}}"
    return f"\\overset{{{stack(script)}}}{{{base}}}"


def under(base: str, script: str, *, is_wide: bool) -> str:
    """``script`` under ``base``: a line, a brace's label, a limit, or an underset."""
    del is_wide  # lines under one letter and under many are the same command
    if command := UNDER_IN_TEX.get(script):
        return f"{command}{{{base}}}"
    if base in ARROWS:
        return f"{ARROWS[base]}[{script}]{{}}"
    if named := OPERATOR.fullmatch(base):
        base = f"\\operatorname*{{{named.group(1)}}}"
    if base in LIMITS or base.startswith(BRACES):
        return f"{base}_{{{stack(script)}}}"
    return f"\\underset{{{stack(script)}}}{{{base}}}"


def over_and_under(base: str, low: str, high: str) -> str:
    """Both limits of ``base``; an arrow's two texts; otherwise one set over, one under."""
    if base in ARROWS:
        return f"{ARROWS[base]}[{low}]{{{high}}}"
    if named := OPERATOR.fullmatch(base):
        base = f"\\operatorname*{{{named.group(1)}}}"
    if base in LIMITS or base.startswith(BRACES):
        return f"{base}_{{{stack(low)}}}^{{{stack(high)}}}"
    return over(under(base, low, is_wide=False), high, is_wide=False)
