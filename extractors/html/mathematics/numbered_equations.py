"""Displays set beside their number in a table or a box of their own; the number becomes a tag.

Sphinx, LaTeXML, tex4ht, Doxygen and the publishers put the formula, already rendered, and its
number into one element. Groups of LaTeXML spread an aligned display over the cells of a table.
"""

import re
from collections.abc import Callable

from selectolax.lexbor import LexborNode

from extractors.html.mathematics.tex_source import Formula, Skip

CLASSES = frozenset(
    (
        "math", "equation", "ltx_equation", "ltx_equationgroup", "formulaDsp", "math-equation",
        "c-article-equation", "disp-formula", "display-formula", "displaymath",
        "numbered-equation", "equation-wrapper", "eqno", "math-display"
    )
)  # fmt: skip
"""Classes of the elements around a display: Sphinx, tex4ht, LaTeXML, Doxygen, Wikidot, Springer,
JATS, texmath."""

TAGS = frozenset(("div", "table", "section", "p", "figure", "span"))
SELECTOR = ".displaymath, .eqno"
"""Matches those whose class holds none of math, equation and formula."""

NUMBER = re.compile(r"[(\[]?((?:[A-Z]{1,2}[.\-]?)?\d[\w.\-\u2013]{0,8}|\*{1,3}|\u2020)[)\]]?")
ANCHORS = re.compile("[\xb6#\uf0c1\u200b]")
"""Signs of the links to a heading or an equation."""

MAX_NODES = 64
"""Elements looked at for one display: a table with a formula and a number has ten."""

MAX_GROUP_NODES = 600
"""Elements looked at for one group: twelve a line, fifty lines."""

Recogniser = Callable[[LexborNode, str, dict[str, str | None]], Formula | Skip | None]


def recognise(node: LexborNode, tag: str, recogniser: Recogniser) -> Formula | None:
    """The display that fills ``node``, with its number; None if there is anything else in it.

    ``recogniser`` finds formulas below; it must not look for numbered displays itself.
    """
    if tag not in TAGS:
        return None
    is_group = tag == "table"
    rows: list[_Row] = [_Row()]
    num_left = MAX_GROUP_NODES if is_group else MAX_NODES
    child = node.first_child
    while child is not None:
        below = None
        name = child.tag or ""
        if name == "-text":
            rows[-1].beside.append(child.text_content or "")
        elif name[0] not in "-_!" and name not in ("style", "button"):
            num_left -= 1
            if not num_left:
                return None
            if is_group and name == "tr" and rows[-1].tex:
                rows.append(_Row())
            found = recogniser(child, name, child.attributes)
            if isinstance(found, Formula):
                rows[-1].tex.append(found.tex)
            elif found is None:
                below = child.first_child
        child = below or _next_in(node, child)
    return _display(rows, is_group=is_group)


def _next_in(root: LexborNode, node: LexborNode) -> LexborNode | None:
    """The node after the subtree of ``node``; None at the end of ``root``."""
    following = node.next
    while following is None:
        above = node.parent
        if above is None or above.mem_id == root.mem_id:
            return None
        node, following = above, above.next
    return following


class _Row:
    """The formulas of one line, and the text beside them."""

    def __init__(self) -> None:
        self.tex: list[str] = []
        self.beside: list[str] = []


def _display(rows: list[_Row], *, is_group: bool) -> Formula | None:
    lines: list[str] = []
    is_numbered = False
    for row in rows:
        beside = ANCHORS.sub("", "".join(row.beside)).strip()
        number = number_in(beside) if beside else None
        if beside and number is None and any(map(str.isalnum, beside)):
            return None
        if not row.tex:
            continue
        if len(row.tex) > 1 and not is_group:
            return None
        line = " & ".join((row.tex[0], " ".join(row.tex[1:]))) if len(row.tex) > 1 else row.tex[0]
        if number and "\\tag" not in line:
            line += f" \\tag{{{number}}}"
            is_numbered = True
        lines.append(line)
    if not lines:
        return None
    if len(lines) == 1 and len(rows[0].tex) <= 1:
        return Formula(lines[0], is_display=True)
    name = "align" if is_numbered else "aligned"
    body = "\\\\\n".join(lines)
    return Formula(f"\\begin{{{name}}}\n{body}\n\\end{{{name}}}", is_display=True)


def number_in(text: str) -> str | None:
    """The number that ``text``, beside a display, is: ``(2.1)``; None if it is anything else."""
    found = NUMBER.fullmatch(ANCHORS.sub("", text).strip().rstrip(".,;").strip())
    return found.group(1) if found else None


def with_number(formula: Formula, number: str) -> Formula:
    """``formula`` with ``number`` as its tag, unless it has one."""
    if "\\tag" in formula.tex:
        return formula
    return Formula(f"{formula.tex} \\tag{{{number}}}", formula.is_display)
