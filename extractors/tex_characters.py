"""What characters in formulas are called in TeX: symbols, styled letters, text.

The names are those of LaTeX with amsmath and amssymb, which MathJax and KaTeX both know. A
character without a name is left as it is: both renderers take any character.
"""

import unicodedata

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
    "\u03f0": r"\varkappa", "\u03dd": r"\digamma", "\u00b5": r"\mu", "\u2126": r"\Omega",
    "\u210f": r"\hbar", "\u0127": r"\hbar", "\u2113": r"\ell", "\u2118": r"\wp", "\u2111": r"\Im",
    "\u211c": r"\Re", "\u2135": r"\aleph", "\u2136": r"\beth", "\u2202": r"\partial",
    "\u2207": r"\nabla", "\u2206": r"\Delta", "\u221e": r"\infty", "\u2127": r"\mho",
    "\u2200": r"\forall", "\u2203": r"\exists", "\u2204": r"\nexists", "\u2205": r"\emptyset",
    "\u2208": r"\in", "\u2209": r"\notin", "\u220b": r"\ni", "\u2211": r"\sum", "\u220f": r"\prod",
    "\u2210": r"\coprod", "\u222b": r"\int", "\u222c": r"\iint", "\u222d": r"\iiint",
    "\u222e": r"\oint", "\u222f": r"\oiint", "\u22c3": r"\bigcup", "\u22c2": r"\bigcap",
    "\u2a00": r"\bigodot", "\u2a01": r"\bigoplus", "\u2a02": r"\bigotimes", "\u2a04": r"\biguplus",
    "\u2a06": r"\bigsqcup", "\u22c1": r"\bigvee", "\u22c0": r"\bigwedge",
    "\u2212": "-", "\u2010": "-", "\u2217": "*", "\u2215": "/", "\u2044": "/", "\u00b1": r"\pm",
    "\u2213": r"\mp", "\u00d7": r"\times", "\u00f7": r"\div", "\u22c5": r"\cdot",
    "\u00b7": r"\cdot", "\u2218": r"\circ", "\u2219": r"\bullet", "\u2022": r"\bullet",
    "\u2295": r"\oplus", "\u2296": r"\ominus", "\u2297": r"\otimes", "\u2298": r"\oslash",
    "\u2299": r"\odot", "\u222a": r"\cup", "\u2229": r"\cap", "\u2294": r"\sqcup",
    "\u2293": r"\sqcap", "\u228e": r"\uplus", "\u2227": r"\wedge", "\u2228": r"\vee",
    "\u22bb": r"\veebar", "\u00ac": r"\neg", "\u2216": r"\setminus", "\u29f5": r"\setminus",
    "\u22c9": r"\ltimes", "\u22ca": r"\rtimes", "\u22c4": r"\diamond", "\u2240": r"\wr",
    "\u2a3f": r"\amalg", "\u22ba": r"\intercal",
    "\u2264": r"\le", "\u2265": r"\ge", "\u2266": r"\leqq", "\u2267": r"\geqq",
    "\u2a7d": r"\leqslant", "\u2a7e": r"\geqslant", "\u2260": r"\ne", "\u2248": r"\approx",
    "\u224a": r"\approxeq", "\u2245": r"\cong", "\u223c": r"\sim", "\u2243": r"\simeq",
    "\u224d": r"\asymp", "\u2250": r"\doteq", "\u2261": r"\equiv", "\u2262": r"\not\equiv",
    "\u221d": r"\propto", "\u226a": r"\ll", "\u226b": r"\gg", "\u227a": r"\prec",
    "\u227b": r"\succ", "\u2aaf": r"\preceq", "\u2ab0": r"\succeq", "\u2272": r"\lesssim",
    "\u2273": r"\gtrsim", "\u226e": r"\nless", "\u226f": r"\ngtr", "\u2270": r"\nleq",
    "\u2271": r"\ngeq", "\u2254": ":=", "\u225c": r"\triangleq", "\u2282": r"\subset",
    "\u2286": r"\subseteq", "\u228a": r"\subsetneq", "\u2284": r"\not\subset",
    "\u2288": r"\nsubseteq", "\u2283": r"\supset", "\u2287": r"\supseteq", "\u228b": r"\supsetneq",
    "\u228f": r"\sqsubset", "\u2291": r"\sqsubseteq", "\u2292": r"\sqsupseteq",
    "\u22a2": r"\vdash", "\u22a3": r"\dashv", "\u22a8": r"\models", "\u22a4": r"\top",
    "\u22a5": r"\perp", "\u27c2": r"\perp", "\u2225": r"\parallel", "\u2226": r"\nparallel",
    "\u2016": r"\|", "\u2223": r"\mid", "\u2224": r"\nmid", "\u2241": r"\nsim",
    "\u22c8": r"\bowtie", "\u22b2": r"\vartriangleleft", "\u22b3": r"\vartriangleright",
    "\u22b4": r"\trianglelefteq", "\u22b5": r"\trianglerighteq",
    "\u2192": r"\to", "\u27f6": r"\longrightarrow", "\u2190": r"\leftarrow",
    "\u27f5": r"\longleftarrow", "\u2194": r"\leftrightarrow", "\u27f7": r"\longleftrightarrow",
    "\u21d2": r"\Rightarrow", "\u27f9": r"\implies", "\u21d0": r"\Leftarrow",
    "\u27f8": r"\impliedby", "\u21d4": r"\Leftrightarrow", "\u27fa": r"\iff", "\u21a6": r"\mapsto",
    "\u27fc": r"\longmapsto", "\u21aa": r"\hookrightarrow", "\u21a9": r"\hookleftarrow",
    "\u21a0": r"\twoheadrightarrow", "\u21dd": r"\rightsquigarrow", "\u219d": r"\leadsto",
    "\u2191": r"\uparrow", "\u2193": r"\downarrow", "\u2195": r"\updownarrow",
    "\u21d1": r"\Uparrow", "\u21d3": r"\Downarrow", "\u2197": r"\nearrow", "\u2198": r"\searrow",
    "\u21cc": r"\rightleftharpoons", "\u21c0": r"\rightharpoonup", "\u21c4": r"\rightleftarrows",
    "\u2026": r"\dots", "\u22ef": r"\cdots", "\u22ee": r"\vdots", "\u22f1": r"\ddots",
    "\u27e8": r"\langle", "\u27e9": r"\rangle", "\u2329": r"\langle", "\u232a": r"\rangle",
    "\u3008": r"\langle", "\u3009": r"\rangle", "\u230a": r"\lfloor", "\u230b": r"\rfloor",
    "\u2308": r"\lceil", "\u2309": r"\rceil", "\u27e6": r"\llbracket", "\u27e7": r"\rrbracket",
    "\u2020": r"\dagger", "\u2021": r"\ddagger", "\u22c6": r"\star", "\u2605": r"\bigstar",
    "\u2032": "'", "\u2033": "''", "\u2034": "'''", "\u2057": "''''", "\u00b4": "'",
    "\u00b0": r"^\circ", "\u221a": r"\surd", "\u2220": r"\angle", "\u25b3": r"\triangle",
    "\u25a1": r"\square", "\u25fb": r"\square", "\u220e": r"\blacksquare",
    "\u25a0": r"\blacksquare",
    "\u2234": r"\therefore", "\u2235": r"\because", "\u266f": r"\sharp", "\u266d": r"\flat",
    "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "", "\u200b": "", "\ufeff": "",
    "\u2060": "", "\u200a": "", "\u2009": r"\,", "\u2006": r"\,", "\u2005": r"\:",
    "\u2004": r"\;", "\u2002": r"\enspace", "\u2003": r"\quad", "\u00a0": r"\ ",
    "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "_": r"\_",
    "\\": r"\backslash", "~": r"\sim", "\u212f": "e",
}  # fmt: skip

FUNCTIONS = frozenset(
    (
        "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det",
        "dim", "exp", "gcd", "hom", "inf", "ker", "lg", "lim", "liminf", "limsup", "ln", "log",
        "max", "min", "Pr", "sec", "sin", "sinh", "sup", "tan", "tanh"
    )
)  # fmt: skip
"""The operator names that LaTeX defines."""

TEXT_ESCAPES = str.maketrans(
    {char: f"\\{char}" for char in "#$%&_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)

VARIANTS = {
    "bold": r"\mathbf", "double-struck": r"\mathbb", "script": r"\mathcal",
    "bold-script": r"\boldsymbol", "fraktur": r"\mathfrak", "bold-fraktur": r"\mathfrak",
    "sans-serif": r"\mathsf", "bold-sans-serif": r"\mathsf", "sans-serif-italic": r"\mathsf",
    "sans-serif-bold-italic": r"\mathsf", "monospace": r"\mathtt", "bold-italic": r"\boldsymbol",
    "normal": r"\mathrm", "-tex-caligraphic": r"\mathcal", "-tex-calligraphic": r"\mathcal",
    "-tex-bold-calligraphic": r"\boldsymbol", "-tex-mathit": r"\mathit",
}  # fmt: skip
"""Values of ``mathvariant``; those with ``-tex-`` are MathJax's own."""

TEXT_VARIANTS = {"bold": r"\textbf", "italic": r"\textit", "monospace": r"\texttt"}

LETTER_STYLES = {
    "BOLD": r"\mathbf", "ITALIC": "", "BOLD ITALIC": r"\boldsymbol", "SCRIPT": r"\mathcal",
    "BOLD SCRIPT": r"\mathcal", "FRAKTUR": r"\mathfrak", "BOLD FRAKTUR": r"\mathfrak",
    "BLACK-LETTER": r"\mathfrak", "DOUBLE-STRUCK": r"\mathbb", "SANS-SERIF": r"\mathsf",
    "SANS-SERIF BOLD": r"\mathsf", "SANS-SERIF ITALIC": r"\mathsf",
    "SANS-SERIF BOLD ITALIC": r"\mathsf", "MONOSPACE": r"\mathtt",
}  # fmt: skip
"""The style in the Unicode name of a mathematical letter: MATHEMATICAL BOLD SMALL X."""

FIRST_LETTERLIKE, LAST_LETTERLIKE = "\u2102", "\u2149"
FIRST_STYLED, LAST_STYLED = "\U0001d400", "\U0001d7ff"


def symbols(text: str) -> str:
    """``text`` in math mode: each character by its name, styled letters in a command.

    A space stays where it parts a command from a letter; line breaks are dropped.
    """
    if text.isascii() and text.isalnum():
        return text
    pieces: list[str] = []
    style = ""
    for char in text:
        named = SYMBOLS.get(char)
        own_style = ""
        if named is None:
            if char in "\n\r\t":
                continue
            own_style, named = styled_letter(char)
        if own_style != style:
            if style:
                pieces.append("}")
            if own_style:
                pieces.append(f"{own_style}{{")
            style = own_style
        pieces.append(named)
    joined = join(pieces)
    return f"{joined}}}" if style else joined


def styled_letter(char: str) -> tuple[str, str]:
    """The command for the style of ``char`` and its plain form: U+1D401 is a bold B."""
    is_styled = FIRST_LETTERLIKE <= char <= LAST_LETTERLIKE or FIRST_STYLED <= char <= LAST_STYLED
    if not is_styled:
        return "", char
    plain = unicodedata.normalize("NFKC", char)
    words = unicodedata.name(char, "").removeprefix("MATHEMATICAL ")
    for ending in (" CAPITAL ", " SMALL ", " DIGIT ", " NABLA", " PARTIAL ", " EPSILON "):
        style, found, _ = words.partition(ending)
        if found:
            command, letter = LETTER_STYLES.get(style, ""), SYMBOLS.get(plain, plain)
            is_greek = letter[0] == "\\" and command == r"\mathbf"
            return (r"\boldsymbol" if is_greek else command), letter
    return "", SYMBOLS.get(plain, plain)


def text_mode(text: str) -> str:
    """``text`` with TeX's special characters escaped, for a text command."""
    return text if text.isalnum() else text.translate(TEXT_ESCAPES)


def ends_in_command(tex: str) -> bool:
    """Whether a letter put after ``tex`` would become part of its last command."""
    at = len(tex)
    while at and tex[at - 1].isascii() and tex[at - 1].isalpha():
        at -= 1
    return 0 < at < len(tex) and tex[at - 1] == "\\" and not tex[: at - 1].endswith("\\")


def join(pieces: list[str]) -> str:
    """The pieces side by side, with a space where a command would swallow a letter."""
    joined: list[str] = []
    for piece in pieces:
        if not piece:
            continue
        if joined and piece[0].isalpha() and ends_in_command(joined[-1]):
            joined.append(" ")
        joined.append(piece)
    return "".join(joined)
