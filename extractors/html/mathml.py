"""Presentation MathML to TeX, for pages that kept neither an annotation nor an alternative text.

Covers what converters and editors write: rows, scripts, limits, fractions, roots, fences, tables,
accents, text and styled letters. What it does not know is replaced by its children.
"""

import re
import unicodedata

from selectolax.lexbor import LexborNode

FIRST_STYLED_LETTER = 0x1D400
MAX_DEPTH = 60
"""Nesting below this is flattened to text; formulas on real pages stay under 30."""

FUNCTIONS = frozenset(
    [
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "csc",
        "deg",
        "det",
        "dim",
        "exp",
        "gcd",
        "hom",
        "inf",
        "ker",
        "lg",
        "lim",
        "liminf",
        "limsup",
        "ln",
        "log",
        "max",
        "min",
        "Pr",
        "sec",
        "sin",
        "sinh",
        "sup",
        "tan",
        "tanh",
    ]
)
LIMITS = frozenset(
    [
        r"\sum",
        r"\prod",
        r"\coprod",
        r"\int",
        r"\iint",
        r"\iiint",
        r"\oint",
        r"\bigcup",
        r"\bigcap",
        r"\bigoplus",
        r"\bigotimes",
        r"\bigvee",
        r"\bigwedge",
        r"\lim",
        r"\liminf",
        r"\limsup",
        r"\max",
        r"\min",
        r"\sup",
        r"\inf",
        r"\det",
        r"\gcd",
        r"\Pr",
    ]
)
"""Bases whose under and over scripts TeX writes as sub- and superscripts."""

GREEK = {
    chr(code): f"\\{name}"
    for start, names in (
        (0x3B1, "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi"),
        (0x3C0, "pi rho varsigma sigma tau upsilon varphi chi psi omega vartheta"),
        (0x3D5, "phi varpi"),
        (0x393, "Gamma Delta"),
        (0x3A6, "Phi"),
        (0x3A8, "Psi Omega"),
    )
    for code, name in enumerate(names.split(), start)
}
SYMBOLS = GREEK | {
    "\u0398": r"\Theta", "\u039b": r"\Lambda", "\u039e": r"\Xi", "\u03a0": r"\Pi",
    "\u03a3": r"\Sigma", "\u03a5": r"\Upsilon", "\u03f5": r"\epsilon", "\u03f1": r"\varrho",
    "\u2102": r"\mathbb{C}", "\u2115": r"\mathbb{N}", "\u2119": r"\mathbb{P}",
    "\u211a": r"\mathbb{Q}", "\u211d": r"\mathbb{R}", "\u2124": r"\mathbb{Z}",
    "\u210f": r"\hbar", "\u2113": r"\ell", "\u2111": r"\Im", "\u211c": r"\Re", "\u2118": r"\wp",
    "\u2135": r"\aleph", "\u2202": r"\partial", "\u2207": r"\nabla", "\u221e": r"\infty",
    "\u2200": r"\forall", "\u2203": r"\exists", "\u2205": r"\emptyset", "\u2208": r"\in",
    "\u2209": r"\notin", "\u220b": r"\ni", "\u2211": r"\sum", "\u220f": r"\prod",
    "\u2210": r"\coprod", "\u222b": r"\int", "\u222c": r"\iint", "\u222d": r"\iiint",
    "\u222e": r"\oint", "\u22c3": r"\bigcup", "\u22c2": r"\bigcap", "\u2a01": r"\bigoplus",
    "\u2a02": r"\bigotimes", "\u22c1": r"\bigvee", "\u22c0": r"\bigwedge",
    "\u2212": "-", "\u2217": "*", "\u2215": "/", "\u00b1": r"\pm", "\u2213": r"\mp",
    "\u00d7": r"\times", "\u00f7": r"\div", "\u22c5": r"\cdot", "\u00b7": r"\cdot",
    "\u2218": r"\circ", "\u2219": r"\bullet", "\u2022": r"\bullet", "\u2295": r"\oplus",
    "\u2297": r"\otimes", "\u222a": r"\cup", "\u2229": r"\cap", "\u2227": r"\wedge",
    "\u2228": r"\vee", "\u00ac": r"\neg", "\u2216": r"\setminus", "\u2264": r"\le",
    "\u2265": r"\ge", "\u2a7d": r"\leqslant", "\u2a7e": r"\geqslant", "\u2260": r"\ne",
    "\u2248": r"\approx", "\u2245": r"\cong", "\u223c": r"\sim", "\u2243": r"\simeq",
    "\u2261": r"\equiv", "\u221d": r"\propto", "\u226a": r"\ll", "\u226b": r"\gg",
    "\u2282": r"\subset", "\u2286": r"\subseteq", "\u2283": r"\supset", "\u2287": r"\supseteq",
    "\u22a2": r"\vdash", "\u22a8": r"\models", "\u22a5": r"\perp", "\u2225": r"\|",
    "\u2016": r"\|", "\u2223": r"\mid", "\u2192": r"\to", "\u27f6": r"\longrightarrow",
    "\u2190": r"\leftarrow", "\u2194": r"\leftrightarrow", "\u21d2": r"\Rightarrow",
    "\u27f9": r"\implies", "\u21d0": r"\Leftarrow", "\u21d4": r"\Leftrightarrow",
    "\u27fa": r"\iff", "\u21a6": r"\mapsto", "\u2191": r"\uparrow", "\u2193": r"\downarrow",
    "\u2026": r"\dots", "\u22ef": r"\cdots", "\u22ee": r"\vdots", "\u22f1": r"\ddots",
    "\u27e8": r"\langle", "\u27e9": r"\rangle", "\u2329": r"\langle", "\u232a": r"\rangle",
    "\u230a": r"\lfloor", "\u230b": r"\rfloor", "\u2308": r"\lceil", "\u2309": r"\rceil",
    "\u2020": r"\dagger", "\u22c6": r"\star", "\u2032": "'", "\u2033": "''", "\u00b0": r"^\circ",
    "\u221a": r"\surd", "\u2220": r"\angle", "\u25b3": r"\triangle", "\u25a1": r"\square",
    "\u2234": r"\therefore", "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "",
    "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "_": r"\_",
    "\\": r"\backslash", "\u00a0": " ", "\u2009": r"\,", "\u200b": "",
}  # fmt: skip
ACCENTS = {
    "\u00af": r"\bar", "\u0304": r"\bar", "\u203e": r"\overline", "\u2015": r"\overline",
    "^": r"\hat", "\u02c6": r"\hat", "\u0302": r"\hat", "~": r"\tilde", "\u02dc": r"\tilde",
    "\u0303": r"\tilde", "\u2192": r"\vec", "\u20d7": r"\vec", "\u02d9": r"\dot",
    "\u0307": r"\dot", "\u00a8": r"\ddot", "\u0308": r"\ddot", "\u02c7": r"\check",
    "\u02d8": r"\breve", "\u23de": r"\overbrace",
}  # fmt: skip
UNDER_ACCENTS = {"_": r"\underline", "\u0332": r"\underline", "\u23df": r"\underbrace"}
VARIANTS = {
    "bold": r"\mathbf", "double-struck": r"\mathbb", "script": r"\mathcal",
    "fraktur": r"\mathfrak", "sans-serif": r"\mathsf", "monospace": r"\mathtt",
    "bold-italic": r"\boldsymbol", "normal": r"\mathrm",
}  # fmt: skip
MATRICES = {
    ("(", ")"): "pmatrix",
    ("[", "]"): "bmatrix",
    ("|", "|"): "vmatrix",
    (r"\{", ""): "cases",
}
ROWS = frozenset(
    [
        "math",
        "mrow",
        "mstyle",
        "mpadded",
        "mtd",
        "menclose",
        "merror",
        "mphantom",
        "mprescripts",
        "none",
        "semantics",
    ]
)
ENDS_IN_COMMAND = re.compile(r"\\[a-zA-Z]+$")


def to_tex(node: LexborNode) -> str:
    """TeX of a ``math`` element, without delimiters; empty when it holds nothing."""
    return _join(_row(node, 0)).strip()


def _children(node: LexborNode) -> list[LexborNode]:
    return [child for child in node.iter() if not (child.tag or "").startswith("annotation")]


def _name(node: LexborNode) -> str:
    """Tag without a namespace prefix."""
    return (node.tag or "").rpartition(":")[2]


def _row(node: LexborNode, depth: int) -> list[str]:
    """TeX of each child; a table or stacked pair takes in the fences around it."""
    children = _children(node)
    pieces = [_tex(child, depth + 1) for child in children]
    for index, child in enumerate(children):
        name = _name(child)
        if name not in ("mtable", "mfrac"):
            continue
        opening = pieces[index - 1] if index else ""
        closing = pieces[index + 1] if index + 1 < len(pieces) else ""
        if name == "mtable" and (opening, closing) in MATRICES:
            pieces[index] = pieces[index].replace("{matrix}", f"{{{MATRICES[opening, closing]}}}")
        elif name == "mfrac" and _is_stack(child) and (opening, closing) == ("(", ")"):
            pieces[index] = pieces[index].replace(r"\genfrac{}{}{0pt}{}", r"\binom", 1)
        else:
            continue
        pieces[index - 1] = ""
        if closing:
            pieces[index + 1] = ""
    return pieces


def _tex(node: LexborNode, depth: int) -> str:  # noqa: C901, PLR0911 -- one line an element
    name = _name(node)
    if depth > MAX_DEPTH:
        return _symbols(node.text())
    if name in ("mi", "mn", "mo"):
        return _token(node, name)
    if name in ("mtext", "ms"):
        text = re.sub(r"\s+", " ", node.text())
        return f"\\text{{{text}}}" if text.strip() else r"\ " * bool(text)
    if name in ROWS:
        return _join(_row(node, depth))
    if name == "mtable":
        return _table(node, depth)
    if name == "msqrt":
        return f"\\sqrt{{{_join(_row(node, depth))}}}"
    if name == "mfenced":
        return _fenced(node, depth)
    if name in ("mspace", "maligngroup", "malignmark"):
        return r"\quad" if node.attributes.get("width") in ("1em", "2em") else ""
    parts = [_tex(child, depth + 1) for child in _children(node)]
    if name == "mmultiscripts":
        parts = parts[:3]
    if name in SCRIPTS and len(parts) == SCRIPTS[name]:
        return _script(name, parts, node)
    return _join(parts)


SCRIPTS = {
    "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3, "mfrac": 2,
    "mroot": 2, "mmultiscripts": 3,
}  # fmt: skip
"""Elements with a fixed number of children, and that number."""


def _script(name: str, parts: list[str], node: LexborNode) -> str:  # noqa: PLR0911
    base, first = parts[0], parts[1]
    if name == "mfrac":
        command = r"\genfrac{}{}{0pt}{}" if _is_stack(node) else r"\frac"
        return f"{command}{{{base}}}{{{first}}}"
    if name == "mroot":
        return f"\\sqrt[{first}]{{{base}}}"
    if name == "msup":
        return base + first if first.strip("'") == "" else f"{_grouped(base)}^{_braced(first)}"
    if name == "msub":
        return f"{_grouped(base)}_{_braced(first)}"
    if name in ("msubsup", "mmultiscripts"):
        return f"{_grouped(base)}_{_braced(first)}^{_braced(parts[2])}"
    if name == "mover" and first in ACCENTS_IN_TEX:
        return f"{ACCENTS_IN_TEX[first]}{{{base}}}"
    if name == "munder" and first in UNDER_ACCENTS_IN_TEX:
        return f"{UNDER_ACCENTS_IN_TEX[first]}{{{base}}}"
    if base in LIMITS or base.startswith((r"\underbrace", r"\overbrace")):
        under = "" if name == "mover" else f"_{{{first}}}"
        over = "" if name == "munder" else f"^{{{parts[-1]}}}"
        return base + under + over
    command = r"\overset" if name == "mover" else r"\underset"
    tex = f"{command}{{{first}}}{{{base}}}"
    return f"\\overset{{{parts[2]}}}{{{tex}}}" if name == "munderover" else tex


def _is_stack(fraction: LexborNode) -> bool:
    return fraction.attributes.get("linethickness") in ("0", "0pt", "0px", "0em")


def _token(node: LexborNode, name: str) -> str:
    text = node.text().strip()
    if text in FUNCTIONS:
        return f"\\{text}"
    variant = node.attributes.get("mathvariant")
    tex = _symbols(text)
    if name == "mo" or not tex:
        return tex
    if variant in VARIANTS and (len(text) > 1 or variant != "normal"):
        return f"{VARIANTS[variant]}{{{tex}}}"
    if name == "mi" and len(text) > 1 and text.isascii() and text.isalpha() and variant is None:
        return f"\\mathrm{{{text}}}"
    return tex


def _symbols(text: str) -> str:
    """Characters as TeX; styled letters (U+1D400 ...) become plain ones."""
    return _join(
        [SYMBOLS[char] if char in SYMBOLS else _plain(char) for char in text if char != "\n"]
    )


def _plain(char: str) -> str:
    if ord(char) < FIRST_STYLED_LETTER:
        return char
    plain = unicodedata.normalize("NFKC", char)
    return SYMBOLS.get(plain, plain)


def _table(node: LexborNode, depth: int) -> str:
    rows = [
        " & ".join(_tex(cell, depth + 2) for cell in _children(row))
        for row in _children(node)
        if _name(row) in ("mtr", "mlabeledtr")
    ]
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


def _fenced(node: LexborNode, depth: int) -> str:
    attributes = node.attributes
    separators = attributes.get("separators")
    separator = "," if separators is None else separators.strip()[:1]
    inside = separator.join(_row(node, depth))
    return (
        _symbols(attributes.get("open") or "(") + inside + _symbols(attributes.get("close") or ")")
    )


def _grouped(base: str) -> str:
    is_single = len(base) <= 1 or re.fullmatch(r"\\[a-zA-Z]+|\\[a-z]+\{\w+\}|[)\]]", base)
    return base if is_single else f"{{{base}}}"


def _braced(script: str) -> str:
    return script if len(script) == 1 and script != "'" else f"{{{script}}}"


def _join(pieces: list[str]) -> str:
    """The pieces side by side, with a space where a command would swallow a letter."""
    joined: list[str] = []
    for piece in pieces:
        if not piece:
            continue
        if joined and piece[0].isalpha() and ENDS_IN_COMMAND.search(joined[-1]):
            joined.append(" ")
        joined.append(piece)
    return "".join(joined)


ACCENTS_IN_TEX = {_symbols(char): command for char, command in ACCENTS.items()}
UNDER_ACCENTS_IN_TEX = {_symbols(char): command for char, command in UNDER_ACCENTS.items()}
