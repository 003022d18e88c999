"""MathML tables to TeX environments: matrices, cases, aligned equations, arrays.

The environment is told from what surrounds the table and from the alignment of its columns, as
MathJax, KaTeX and Temml write them; the row's label becomes its tag.
"""

import re

from selectolax.lexbor import LexborNode

Cells = list[tuple[list[str], str]]
"""Each row of a table: its cells and its label, in TeX."""

MATRICES = {
    ("(", ")"): "pmatrix", ("[", "]"): "bmatrix", ("|", "|"): "vmatrix", (r"\|", r"\|"): "Vmatrix",
    (r"\{", r"\}"): "Bmatrix", (r"\mid", r"\mid"): "vmatrix",
    (r"\parallel", r"\parallel"): "Vmatrix",
}  # fmt: skip
ENVIRONMENT = re.compile(r"\\begin\{(matrix|array|aligned|gathered)\}(\{[lcr|]+\})?")
NUMBER = re.compile(r"(?:\\(?:text|mathrm|textbf)\{)?\s*\(?([^(){}\\]{1,20})\)?\s*\}?")
"""A row's label: (2.1), as text or as tokens."""

MAX_ALIGNMENTS = 64
"""Columns whose alignment is looked at."""


def to_tex(table: LexborNode, rows: Cells) -> str:
    """The environment that ``table`` is; its content alone if it is one cell without a label."""
    attributes = table.attributes
    alignment = (attributes.get("columnalign") or "").split()[:MAX_ALIGNMENTS]
    classes = attributes.get("class") or ""
    num_columns = max((len(cells) for cells, _ in rows), default=0)
    is_alignment = (
        attributes.get("displaystyle") == "true"
        or "tml-jot" in classes
        or (num_columns > 1 and alignment[:2] == ["right", "left"])
    )
    if is_alignment:
        # Temml centres a display between two empty columns.
        rows = (
            [([cell for cell in cells if cell], label) for cells, label in rows]
            if (len(rows) == 1)
            else rows
        )
        num_columns = max((len(cells) for cells, _ in rows), default=0)
    if len(rows) == 1 and num_columns <= 1:
        cells, label = rows[0]
        return ("".join(cells) + _tag(label)).strip()
    has_lines = bool({"solid", "dashed"} & set((attributes.get("columnlines") or "").split()))
    if is_alignment:
        name, columns = ("aligned" if num_columns > 1 else "gathered"), ""
    elif has_lines or len(set(alignment)) > 1 or set(alignment) & {"left", "right"}:
        name, columns = "array", _columns(attributes, alignment, num_columns)
    else:
        name, columns = "matrix", ""
    lines = (attributes.get("rowlines") or "").split()[:MAX_ALIGNMENTS]
    written: list[str] = []
    for index, (cells, label) in enumerate(rows):
        row = " & ".join(cells).strip(" ") + _tag(label)
        if index and (lines or [""])[min(index, len(lines) or 1) - 1] in ("solid", "dashed"):
            row = r"\hline " + row
        elif index and row.startswith(("[", "*")):
            row = "{}" + row  # or it would be an argument of the line break before
        written.append(row)
    body = "\\\\\n".join(written)
    if len(written) == 1:
        return f"\\begin{{{name}}}{columns}{body}\\end{{{name}}}"
    return f"\\begin{{{name}}}{columns}\n{body}\n\\end{{{name}}}"


def fence(tex: str, opening: str, closing: str) -> str:
    """``tex``, an environment, with its delimiters taken in; unchanged if there is no such one."""
    found = ENVIRONMENT.match(tex)
    if found is None or not tex.endswith(f"\\end{{{found.group(1)}}}"):
        return tex
    name = found.group(1)
    if (opening, closing) == (r"\{", ""):
        fitted = "cases"
    elif name == "matrix" and (opening, closing) in MATRICES:
        fitted = MATRICES[opening, closing]
    else:
        return tex
    inside = tex[found.end() : -len(f"\\end{{{name}}}")]
    return f"\\begin{{{fitted}}}{inside}\\end{{{fitted}}}"


def stack(tex: str) -> str:
    """``tex`` as a limit: a matrix of one column is what substack makes."""
    found = ENVIRONMENT.match(tex)
    if found is None or found.group(1) == "aligned" or "&" in tex:
        return tex
    inside = tex[found.end() : -len(f"\\end{{{found.group(1)}}}")]
    return f"\\substack{{{inside.strip()}}}"


def _columns(attributes: dict[str, str | None], alignment: list[str], num_columns: int) -> str:
    lines = (attributes.get("columnlines") or "").split()[:MAX_ALIGNMENTS]
    letters: list[str] = []
    for index in range(min(num_columns, MAX_ALIGNMENTS)):
        if index and lines and lines[min(index, len(lines)) - 1] in ("solid", "dashed"):
            letters.append("|")
        name = alignment[min(index, len(alignment) - 1)] if alignment else "center"
        letters.append(name[:1] if name in ("left", "right") else "c")
    return f"{{{''.join(letters)}}}"


def _tag(label: str) -> str:
    if not label:
        return ""
    found = NUMBER.fullmatch(label)
    return f" \\tag{{{found.group(1).strip()}}}" if found else ""
