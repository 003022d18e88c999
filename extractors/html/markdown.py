"""Writes the content tree as Markdown: headings, lists, tables, quotations, code and formulas.

Text is not escaped, links and images are reduced to their text, and emphasis is dropped: the
product is text to learn from, not a document to render.
"""

import re

from extractors.extraction import Structure
from extractors.html import tables
from extractors.html.code_blocks import CodeBlock
from extractors.html.formulas import RAW_FORMULA, Formula, clean_tex
from extractors.html.tree import HEADINGS, Element, Node, Page

BREAK, OPEN, CLOSE = "\ufdd0", "\ufdd1", "\ufdd2"
"""Noncharacters that mark a line break, and the two ends of a formula's number in running text."""

LEAF = re.compile(f"{OPEN}(\\d+){CLOSE}")
MARKS = re.compile(f"[{BREAK}{OPEN}{CLOSE}]")
INVISIBLE = re.compile("[\u200b\u00ad\ufeff\u2060]")
MANY_NEWLINES = re.compile(r"\n{3,}")
PIPE_OUTSIDE_FORMULA = re.compile(r"(\$[^$\n]*\$)|\|")
LINE_WITH_TEXT = re.compile(r"^(?=.)", re.MULTILINE)

BLOCK_TAGS = HEADINGS | frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "hr",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
CODE_TAGS = frozenset(("code", "tt", "kbd", "samp"))

SUPERSCRIPTS = dict(
    zip(
        "0123456789+-=()n\u2212",
        "\u2070\xb9\xb2\xb3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207c\u207d\u207e\u207f"
        "\u207b",
        strict=True,
    )
)
SUBSCRIPTS = dict(
    zip(
        "0123456789+-=()\u2212",
        "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b\u208c\u208d\u208e"
        "\u208b",
        strict=True,
    )
)
ORDINALS = frozenset(("st", "nd", "rd", "th", "tm", "sm", "\u2122", "\xae"))
MAX_SCRIPT_CHARS = 12
"""A longer superscript is a note, not an exponent."""


def render(main: Element, page: Page) -> tuple[str, Structure]:
    """The Markdown of ``main``, and how much of the page's structure is in it."""
    kept = _Kept()
    text = _Writer(kept).markdown_of(main)
    structure = Structure(
        formulas_found=max(page.num_formulas, kept.num_formulas),
        formulas_kept=kept.num_formulas,
        code_blocks_found=page.num_code_blocks,
        code_blocks_kept=kept.num_code_blocks,
        tables_found=max(page.num_tables, kept.num_tables),
        tables_kept=kept.num_tables,
    )
    return text, structure


class _Kept:
    """Counts what was written."""

    def __init__(self) -> None:
        self.num_formulas = 0
        self.num_code_blocks = 0
        self.num_tables = 0


class _Writer:
    """Collects the blocks of one container; list items, cells and quotations get their own."""

    def __init__(self, kept: _Kept) -> None:
        self._kept = kept
        self._blocks: list[tuple[str, bool]] = []  # text, and whether it is a list
        self._line: list[str] = []
        self._formulas: list[str] = []

    def markdown_of(self, element: Element) -> str:
        """All content of ``element``, blocks parted by blank lines."""
        self._write_children(element)
        self._end_block()
        return "\n\n".join(text for text, _ in self._blocks)

    def item_of(self, element: Element) -> str:
        """As ``markdown_of``, with a nested list right below the line it belongs to."""
        self._write_children(element)
        self._end_block()
        pieces: list[str] = []
        for text, is_list in self._blocks:
            pieces.append("" if not pieces else "\n" if is_list else "\n\n")
            pieces.append(text)
        return "".join(pieces)

    def _write_children(self, element: Element) -> None:
        for child in element.children:
            if isinstance(child, str):
                self._line.append(child if child.isascii() else MARKS.sub("", child))
            elif isinstance(child, Element):
                self._write_element(child)
            else:
                self._write_leaf(child)

    def _write_leaf(self, leaf: Formula | CodeBlock) -> None:
        if isinstance(leaf, Formula):
            self._line.append(self._formula_mark(leaf.tex, is_display=leaf.is_display))
            return
        self._end_block()
        fence = "```"
        while fence in leaf.text:
            fence += "`"
        self._blocks.append((f"{fence}{leaf.language or ''}\n{leaf.text}\n{fence}", False))
        self._kept.num_code_blocks += 1

    def _write_element(self, element: Element) -> None:
        tag = element.tag
        if tag == "br":
            self._line.append(BREAK)
        elif tag in CODE_TAGS:
            self._write_inline_code(element)
        elif tag in ("sub", "sup"):
            self._write_script(element)
        elif tag not in BLOCK_TAGS:
            self._write_children(element)
        else:
            self._end_block()
            if tag in HEADINGS:
                self._write_children(element)
                self._end_block(prefix="#" * int(tag[1]) + " ")
            elif tag in ("ul", "ol", "menu"):
                self._write_list(element)
            elif tag == "table":
                self._write_table(element)
            elif tag == "blockquote":
                self._write_quotation(element)
            else:
                self._write_children(element)
                self._end_block()

    def _write_inline_code(self, element: Element) -> None:
        text = " ".join(_text_of(element).split())
        if not text or any(isinstance(child, Formula) for child in element.children):
            self._write_children(element)
            return
        tick = "``" if "`" in text else "`"
        pad = " " if text.startswith("`") or text.endswith("`") else ""
        self._formulas.append(f"{tick}{pad}{text}{pad}{tick}")
        self._line.append(f"{OPEN}{len(self._formulas) - 1}{CLOSE}")

    def _write_script(self, element: Element) -> None:
        """Super- and subscripts of prose: one Unicode character each where there is one."""
        text = _text_of(element).strip()
        characters = SUPERSCRIPTS if element.tag == "sup" else SUBSCRIPTS
        is_plain = (
            not text
            or len(text) > MAX_SCRIPT_CHARS
            or " " in text
            or text.lower() in ORDINALS
            or element.link_chars > 0
            or element.num_leaves > 0
        )
        if is_plain:
            self._write_children(element)
        elif all(char in characters for char in text):
            self._line.append("".join(characters[char] for char in text))
        else:
            mark = "^" if element.tag == "sup" else "_"
            self._line.append(f"{mark}{text}" if len(text) == 1 else f"{mark}{{{text}}}")

    def _write_list(self, element: Element) -> None:
        number = tables.span(element, "start")
        items: list[str] = []
        for child in element.children:
            if not isinstance(child, Element) or child.tag != "li":
                self._write_stray(child)
                continue
            marker = "- " if element.tag != "ol" else f"{number}. "
            body = _Writer(self._kept).item_of(child)
            if body:
                indented = LINE_WITH_TEXT.sub(" " * len(marker), body)
                items.append(marker + indented[len(marker) :])
                number += 1
        self._end_block()
        if items:
            self._blocks.append(("\n".join(items), True))

    def _write_stray(self, child: Node) -> None:
        """What stands in a list or table outside its items and cells."""
        if isinstance(child, str):
            self._line.append(child if child.isascii() else MARKS.sub("", child))
        elif isinstance(child, Element):
            self._write_element(child)
        else:
            self._write_leaf(child)

    def _write_quotation(self, element: Element) -> None:
        body = _Writer(self._kept).markdown_of(element)
        if body:
            quoted = "\n".join(f"> {line}" if line else ">" for line in body.split("\n"))
            self._blocks.append((quoted, False))

    def _write_table(self, element: Element) -> None:
        rows = tables.rows_of(element)
        if not tables.is_data_table(element, rows):
            self._write_children(element)
            self._end_block()
            return
        for child in element.children:
            if isinstance(child, Element) and child.tag == "caption":
                self._write_children(child)
                self._end_block()
        cells = [
            [
                (self._cell_text(cell), tables.span(cell, "colspan"), tables.span(cell, "rowspan"))
                for cell in row
            ]
            for row in rows
        ]
        if any(text for row in cells for text, _, _ in row):
            self._blocks.append((tables.to_markdown(cells), False))
            self._kept.num_tables += 1

    def _cell_text(self, cell: Element) -> str:
        text = _Writer(self._kept).markdown_of(cell).replace("\n", " ")
        return PIPE_OUTSIDE_FORMULA.sub(lambda match: match.group(1) or r"\|", text)

    def _end_block(self, *, prefix: str = "") -> None:
        """Close the running text and make it a block; ``prefix`` makes it a one-line heading."""
        if not self._line:
            return
        raw = "".join(self._line)
        self._line.clear()
        text = "\n".join(" ".join(line.split()) for line in raw.split(BREAK)).strip("\n")
        if not text.isascii():
            text = INVISIBLE.sub("", text)
        if "\\" in text or "$" in text or "tex]" in text:
            text = RAW_FORMULA.sub(self._mark_raw_formula, text)
        if OPEN in text:
            text = LEAF.sub(self._restore, text)
            text = "\n".join(line.strip() for line in text.split("\n"))
        self._formulas.clear()
        if prefix:
            text = text.replace("\n", " ")
        if text := MANY_NEWLINES.sub("\n\n", text).strip():
            self._blocks.append((prefix + text, False))

    def _formula_mark(self, tex: str, *, is_display: bool) -> str:
        """Put a formula aside; the mark that stands for it until the block is closed."""
        self._kept.num_formulas += 1
        if is_display:
            self._formulas.append(f"$${tex}$$")
            return f"{BREAK}{OPEN}{len(self._formulas) - 1}{CLOSE}{BREAK}"
        self._formulas.append(f"${tex}$".replace("\n", " "))
        return f"{OPEN}{len(self._formulas) - 1}{CLOSE}"

    def _mark_raw_formula(self, match: re.Match[str]) -> str:
        source = match.group()
        is_display = source.startswith(("\\[", "$$", "\\begin"))
        inside = match.group("display") or match.group("inline") or match.group("bbcode") or source
        # A renderer would not see a formula across code, and nor do we.
        if OPEN in source or not (tex := clean_tex(inside)):
            return source
        return self._formula_mark(tex, is_display=is_display).replace(BREAK, "\n")

    def _restore(self, match: re.Match[str]) -> str:
        return self._formulas[int(match.group(1))]


def _text_of(element: Element) -> str:
    """The text below ``element``, a line break as a space, formulas left out."""
    pieces: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            pieces.append(child if child.isascii() else MARKS.sub("", child))
        elif isinstance(child, Element):
            pieces.append(" " if child.tag == "br" else _text_of(child))
    return "".join(pieces)
