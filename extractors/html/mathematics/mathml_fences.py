"""Delimiters of MathML: which grow, and which belong to the matrix or binomial between them.

Works on the children of a row and on the TeX made of them, which it changes in place.
"""

import re

from selectolax.lexbor import LexborNode

from extractors.html.mathematics import mathml_tables
from extractors.tex_characters import join

OPENINGS = {
    "(": ")", "[": "]", r"\{": r"\}", r"\langle": r"\rangle", r"\lfloor": r"\rfloor",
    r"\lceil": r"\rceil",
}  # fmt: skip
CLOSINGS = frozenset(OPENINGS.values())
BARS = frozenset(("|", r"\|", r"\mid", r"\parallel"))
FENCES = frozenset((*OPENINGS, *CLOSINGS, *BARS, ""))
TALL = re.compile(r"\\(?:[dtc]?frac|binom|genfrac|sum|prod|int|oint|begin|sqrt|under|over)")
"""What makes a fence worth growing: authors write \\left( around these."""


def name_of(node: LexborNode) -> str:
    """Tag without a namespace prefix."""
    return (node.tag or "").rpartition(":")[2]


def fit_tables_and_stacks(children: list[LexborNode], pieces: list[str]) -> None:
    """A table or a fraction without a bar takes in the fences around it: pmatrix, binom."""
    for index, piece in enumerate(pieces):
        if not index or not piece.startswith((r"\begin{", r"\genfrac{}{}{0pt}{}")):
            continue
        opening = _fence(children[index - 1], pieces[index - 1])
        closing = "" if index + 1 == len(pieces) else _fence(children[index + 1], pieces[index + 1])
        if closing is None and opening == r"\{":
            closing = ""  # cases, and the sentence goes on
        if opening is None or closing is None:
            continue
        if piece[1] == "b":
            fitted = mathml_tables.fence(piece, opening, closing)
        elif (opening, closing) == ("(", ")"):
            fitted = piece.replace(r"\genfrac{}{}{0pt}{}", r"\binom", 1)
        else:
            continue
        if fitted == piece:
            continue
        pieces[index] = fitted
        pieces[index - 1] = ""
        if closing:
            pieces[index + 1] = ""


def _fence(node: LexborNode, piece: str) -> str | None:
    """The delimiter that ``node`` is; None for anything else."""
    return piece if name_of(node) == "mo" and piece in FENCES else None


def fit_fences(children: list[LexborNode], pieces: list[str]) -> None:
    """Write ``left`` and ``right`` at paired delimiters that grow around something tall."""
    if not any(TALL.search(piece) for piece in pieces):
        return
    last = len(pieces) - 1
    whole = _fence(children[0], pieces[0]), _fence(children[last], pieces[last])
    if whole[0] is not None and whole[1] is not None and whole != ("", "") and _is_fixed(pieces):
        if _grows(children[0]) and _grows(children[last]):
            pieces[0] = rf"\left{pieces[0] or '.'}"
            pieces[last] = rf"\right{pieces[last] or '.'}"
        return
    open_at: list[int] = []
    for index, piece in enumerate(pieces):
        if piece in OPENINGS:
            open_at.append(index)
        elif piece in CLOSINGS and open_at:
            start = open_at.pop()
            if (
                OPENINGS[pieces[start]] == piece
                and _grows(children[start])
                and _grows(children[index])
                and any(TALL.search(inner) for inner in pieces[start + 1 : index])
            ):
                pieces[start] = rf"\left{pieces[start]}"
                pieces[index] = rf"\right{piece}"
                # Marked once: an outer pair sees one tall piece, and the search stays short.
                pieces[start + 1 : index] = [join(pieces[start + 1 : index])] + [""] * (
                    index - start - 2
                )


def _is_fixed(pieces: list[str]) -> bool:
    """Whether the first and the last piece fence all the others: nothing closes in between."""
    depth = 0
    for piece in pieces[1:-1]:
        if piece in BARS and pieces[0] in BARS:
            return False
        depth += (piece in OPENINGS) - (piece in CLOSINGS)
        if depth < 0:
            return False
    return depth == 0


def _grows(node: LexborNode) -> bool:
    return name_of(node) == "mo" and node.attributes.get("stretchy") != "false"
