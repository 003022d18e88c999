"""Presentation MathML to TeX, for pages that kept neither an annotation nor an alternative text.

Covers what converters and editors write: rows, scripts, limits, fractions, roots, fences, accents,
tables, text and styled letters. What it does not know is replaced by its children. Each element is
read once, so that a formula costs time linear in its size.
"""

import re

from selectolax.lexbor import LexborNode

from extractors.html.mathematics import mathml_tables
from extractors.html.mathematics.mathml_accents import over, over_and_under, under
from extractors.html.mathematics.mathml_fences import (
    TALL,
    fit_fences,
    fit_tables_and_stacks,
    name_of,
)
from extractors.html.mathematics.mathml_tables import Cells
from extractors.tex_characters import (
    FUNCTIONS,
    TEXT_VARIANTS,
    VARIANTS,
    join,
    symbols,
    text_mode,
)

MAX_DEPTH = 60
"""Nesting below this is flattened to text; formulas on real pages stay under 30."""

SPACES = ((0.1, ""), (0.2, r"\,"), (0.25, r"\:"), (0.3, r"\;"), (0.8, r"\ "), (1.5, r"\quad"))
"""Widths of mspace in em, up to which TeX's space is the nearest; wider is \\qquad."""

WIDTH = re.compile(r"(-?[\d.]+)\s*(em|ex|px|pt)?")
UNITS = {"em": 1.0, "ex": 0.5, "px": 1 / 16, "pt": 0.1, None: 1.0}
NAMED_WIDTHS = {
    "veryverythinmathspace": "", "verythinmathspace": "", "thinmathspace": r"\,",
    "mediummathspace": r"\:", "thickmathspace": r"\;", "verythickmathspace": r"\;",
    "veryverythickmathspace": r"\;",
}  # fmt: skip

ENCLOSURES = {
    "box": r"\boxed", "roundedbox": r"\boxed", "updiagonalstrike": r"\cancel",
    "downdiagonalstrike": r"\bcancel", "top": r"\overline", "bottom": r"\underline",
    "radical": r"\sqrt",
}  # fmt: skip

TOKENS = frozenset(("mi", "mn", "mo"))
WITHOUT_CONTENT = frozenset(
    ("mspace", "none", "mprescripts", "maligngroup", "malignmark", "mglyph")
)
"""Empty elements. With a namespace prefix an HTML parser takes them for open tags, and what
follows them lands inside: see _children."""

SCRIPTS = {
    "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3, "mfrac": 2,
    "mroot": 2,
}  # fmt: skip
"""Elements with a fixed number of children, and that number."""

MODULUS = re.compile(r"\\mathrm\{mod\}(?:\\[,:; ])*")
PARENTHESISED_MODULUS = re.compile(
    r"(?:\\(?:[,:; ]|quad) ?)?\((?:\\[,:; ])?\\mathrm\{mod\}(?:\\[,:; ])*([^()]{1,200})\)"
)
NAME = re.compile(r"\\mathrm\{([a-zA-Z ]+)\}")
PRIMES = re.compile(r"'+")
GROUPED = re.compile(r"\\[a-zA-Z]+|\\[a-zA-Z]+\{[^{}]*\}|\\[{}|]")


def to_tex(node: LexborNode) -> str:
    """TeX of a ``math`` element, without delimiters; empty when it holds nothing.

    Any element is accepted; text outside tokens counts only where there is nothing else.
    """
    tex = _row(node, 0).strip()
    return tex or symbols(node.text().strip())


def _children(node: LexborNode) -> list[LexborNode]:
    """Element children without annotations, and with those that an empty element swallowed."""
    children: list[LexborNode] = []
    child = node.first_child
    while child is not None:
        tag = child.tag or ""
        if tag[:1] not in "-_!" and "annotation" not in tag:
            children.append(child)
            # <mml:mspace/> is an open tag to an HTML parser: its content are its next siblings.
            if ":" in tag and child.first_child is not None and name_of(child) in WITHOUT_CONTENT:
                child = child.first_child
                continue
        following = child.next
        while following is None:
            above = child.parent
            if above is None or above.mem_id == node.mem_id:
                return children
            child, following = above, above.next
        child = following
    return children


def _row(node: LexborNode, depth: int) -> str:
    """TeX of all children side by side, fences fitted to what they hold."""
    children = _children(node)
    if len(children) == 1:
        return _tex(children[0], depth + 1)
    pieces = [_tex(child, depth + 1) for child in children]
    if len(pieces) > 1:
        fit_tables_and_stacks(children, pieces)
        fit_fences(children, pieces)
    for index, piece in enumerate(pieces):
        if (named := NAME.fullmatch(piece)) and _is_applied(children, index):
            pieces[index] = f"\\operatorname{{{named.group(1)}}}"
    tex = join(pieces)
    if r"\mathrm{mod}" in tex:
        tex = PARENTHESISED_MODULUS.sub(r"\\pmod{\1}", tex)
        tex = MODULUS.sub(r"\\bmod ", tex)
    return tex


def _is_applied(children: list[LexborNode], index: int) -> bool:
    """Whether U+2061, function application, follows."""
    return index + 1 < len(children) and children[index + 1].text().strip() == "\u2061"


def _tex(node: LexborNode, depth: int) -> str:  # noqa: C901, PLR0911, PLR0912 -- a line an element
    name = name_of(node)
    if depth > MAX_DEPTH:
        return symbols(node.text())
    if name in TOKENS:
        return _token(node, name)
    if name in ("mtext", "ms"):
        return _text(node, name, depth)
    if name in SCRIPTS:
        children = _children(node)
        if len(children) == SCRIPTS[name]:
            parts = [_tex(child, depth + 1) for child in children]
            return _fraction(node, parts) if name == "mfrac" else _script(name, parts, children)
        return _row(node, depth)
    if name == "mtable":
        return mathml_tables.to_tex(node, _cells(node, depth))
    if name == "msqrt":
        return f"\\sqrt{{{_row(node, depth)}}}"
    if name == "mfenced":
        return _fenced(node, depth)
    if name == "mmultiscripts":
        return _multiscripts(node, depth)
    if name == "mspace":
        return _space(node)
    if name == "menclose":
        return _enclosed(node, _row(node, depth))
    if name == "mphantom":
        return f"\\phantom{{{inside}}}" if (inside := _row(node, depth)) else ""
    if name == "mglyph":
        return symbols(node.attributes.get("alt") or "")
    if name in WITHOUT_CONTENT:
        return ""
    if name in ("semantics", "maction"):
        children = _children(node)
        return _tex(children[0], depth + 1) if children else ""
    if name == "mstyle" and (command := VARIANTS.get(node.attributes.get("mathvariant") or "")):
        return f"{command}{{{_row(node, depth)}}}"
    return _row(node, depth)


def _token(node: LexborNode, name: str) -> str:
    text = node.text().strip()
    if not text:
        return ""
    if len(text) > 1 and text.replace("\u2009", "").replace("\u2006", "") in FUNCTIONS:
        return "\\" + text.replace("\u2009", "").replace("\u2006", "")
    attributes = node.attributes
    tex = symbols(text)
    if name == "mo":
        is_word = len(text) > 1 and text.isascii() and text.isalpha()
        return f"\\mathrm{{{text}}}" if is_word else tex
    variant = attributes.get("data-mjx-variant") or attributes.get("mathvariant")
    is_letters = text.isascii() and text.isalpha()
    if variant in VARIANTS and (variant != "normal" or is_letters or len(text) > 1):
        is_greek = variant == "bold" and tex.startswith("\\")
        command = r"\boldsymbol" if is_greek else VARIANTS[variant]
        return f"{command}{{{tex}}}" if tex else ""
    if name == "mi" and len(text) > 1 and is_letters and variant is None:
        return f"\\mathrm{{{text}}}"
    return tex


def _text(node: LexborNode, name: str, depth: int) -> str:
    inner = _children(node)
    if any(name_of(child) == "math" for child in inner):
        return _row(node, depth)
    text = re.sub(r"[ \t\r\n]+", " ", node.text()).replace("\u200b", "")
    if not text.strip(" \xa0\u2002\u2003\u2009"):
        return symbols(text.strip(" ")) or (r"\ " if text else "")
    text = text_mode(text.replace("\xa0", " "))
    if name == "ms":
        return f'\\text{{"{text}"}}'
    command = TEXT_VARIANTS.get(node.attributes.get("mathvariant") or "", r"\text")
    return f"{command}{{{text}}}"


def _fraction(node: LexborNode, parts: list[str]) -> str:
    attributes = node.attributes
    thickness = (attributes.get("linethickness") or "1").strip()
    if thickness.strip("0.") in ("", "pt", "px", "em", "ex"):
        return f"\\genfrac{{}}{{}}{{0pt}}{{}}{{{parts[0]}}}{{{parts[1]}}}"
    if attributes.get("bevelled") == "true":
        return f"{_grouped(parts[0])}/{_grouped(parts[1])}"
    return f"\\frac{{{parts[0]}}}{{{parts[1]}}}"


def _script(name: str, parts: list[str], children: list[LexborNode]) -> str:
    base, first = parts[0], parts[1]
    if name == "mroot":
        index = f"{{{first}}}" if "]" in first else first
        return f"\\sqrt[{index}]{{{base}}}"
    if name in ("msub", "msup", "msubsup"):
        subscript = "" if name == "msup" else first
        superscript = "" if name == "msub" else parts[-1]
        return _with_scripts(base, subscript, superscript)
    is_wide = children[0].text().strip() if name != "munderover" else ""
    if name == "mover":
        return over(base, first, is_wide=len(is_wide) > 1)
    if name == "munder":
        return under(base, first, is_wide=len(is_wide) > 1)
    return over_and_under(base, first, parts[2])


def _with_scripts(base: str, subscript: str, superscript: str) -> str:
    tex = _grouped(base)
    if subscript:
        tex += f"_{_braced(subscript)}"
    if superscript and (primes := PRIMES.match(superscript)):
        tex += primes.group()
        superscript = superscript[primes.end() :]
        if superscript and primes.end() > 0:
            primes_in_script = r"\prime" * primes.end()
            return tex[: -primes.end()] + f"^{{{primes_in_script} {superscript}}}"
    if superscript:
        superscript = r"\circ" if superscript == r"^\circ" else superscript
        tex += f"^{_braced(superscript)}"
    return tex


def _multiscripts(node: LexborNode, depth: int) -> str:
    children = _children(node)
    if not children:
        return ""
    scripts: list[str] = []
    num_behind: int | None = None
    for child in children[1:]:
        if name_of(child) == "mprescripts":
            num_behind = len(scripts)
        else:
            scripts.append(_tex(child, depth + 1))
    split = len(scripts) if num_behind is None else num_behind
    tex = _tex(children[0], depth + 1)
    for position, (subscript, superscript) in enumerate(_pairs(scripts[:split])):
        tex = _with_scripts(tex if not position else tex + "{}", subscript, superscript)
    before = "".join(_with_scripts("{}", *pair) for pair in _pairs(scripts[split:]) if any(pair))
    return before + tex


def _pairs(scripts: list[str]) -> list[tuple[str, str]]:
    padded = [*scripts, ""] if len(scripts) % 2 else scripts
    return list(zip(padded[::2], padded[1::2], strict=True))


def _fenced(node: LexborNode, depth: int) -> str:
    attributes = node.attributes
    opening, closing, separators = (
        attributes.get(name) if name in attributes else default
        for name, default in (("open", "("), ("close", ")"), ("separators", ","))
    )
    opening, closing = symbols((opening or "").strip()), symbols((closing or "").strip())
    marks = [symbols(mark) for mark in "".join((separators or "").split())]
    children = _children(node)
    pieces = [_tex(child, depth + 1) for child in children]
    if len(pieces) == 1:
        fitted = mathml_tables.fence(pieces[0], opening, closing)
        if fitted != pieces[0]:
            return fitted
        if pieces[0].startswith(r"\genfrac{}{}{0pt}{}") and (opening, closing) == ("(", ")"):
            return pieces[0].replace(r"\genfrac{}{}{0pt}{}", r"\binom", 1)
    inside: list[str] = []
    for index, piece in enumerate(pieces):
        if index and marks:
            inside.append(marks[min(index, len(marks)) - 1])
        inside.append(piece)
    content = join(inside)
    if TALL.search(content) and (opening or closing):
        return join([rf"\left{opening or '.'}", content, rf"\right{closing or '.'}"])
    return join([opening, content, closing])


def _space(node: LexborNode) -> str:
    attributes = node.attributes
    if attributes.get("linebreak") == "newline":
        return "\\\\\n"
    width = (attributes.get("width") or "").strip()
    if width in NAMED_WIDTHS:
        return NAMED_WIDTHS[width]
    found = WIDTH.match(width)
    try:
        size = float(found.group(1)) * UNITS[found.group(2)] if found else 0.0
    except ValueError:
        return ""
    if size < 0:
        return r"\!"
    return next((space for limit, space in SPACES if size < limit), r"\qquad")


def _enclosed(node: LexborNode, inside: str) -> str:
    notation = (node.attributes.get("notation") or "longdiv").split()
    for name in notation:
        if command := ENCLOSURES.get(name):
            inside = f"{command}{{{inside}}}"
    return inside


def _cells(node: LexborNode, depth: int) -> Cells:
    rows: Cells = []
    for row in _children(node):
        name = name_of(row)
        if name not in ("mtr", "mlabeledtr"):
            rows.append(([_tex(row, depth + 1)], ""))
            continue
        cells = [_tex(cell, depth + 2).strip() for cell in _children(row)]
        label = cells.pop(0) if name == "mlabeledtr" and cells else ""
        rows.append((cells, label))
    return rows


def _grouped(base: str) -> str:
    """``base`` so that a script belongs to all of it."""
    if len(base) == 1 or GROUPED.fullmatch(base) or base.endswith("{}"):
        return base
    return base if base.isdigit() or _is_parenthesised(base) else f"{{{base}}}"


def _is_parenthesised(tex: str) -> bool:
    if not (tex.startswith(("(", r"\left(")) and tex.endswith(")")):
        return False
    depth = 0
    for index, char in enumerate(tex):
        depth += (char == "(") - (char == ")")
        if depth == 0 and char == ")":
            return index == len(tex) - 1
    return False


def _braced(script: str) -> str:
    return script if len(script) == 1 and script not in "'^_" else f"{{{script}}}"
