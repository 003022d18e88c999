"""Writes what stands within a line: links, code, scripts, variables, short quotations, notes.

The part of the writer that needs to know no blocks; ``markdown`` adds those.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.mathematics.formulas import Formula
from extractors.html.tree import HEADINGS, Element, Node
from extractors.html.writing import notes, scripts
from extractors.html.writing.inline import BREAK, Kept, Line
from extractors.html.writing.notes import Notes

MAX_CODE_CHARS = 2000
"""A longer run in ``code`` is no name or expression; it is left as text."""

MAX_EMOJI_CHARS = 4
NOTE_ANCHOR_TAGS = frozenset(("a", "span", "sup", "b", "strong", "i", "em"))
NO_NOTE_TAGS = HEADINGS | frozenset(("article", "main", "body", "form", "code", "img", "br", "hr"))
NOTE_MARK_TAGS = NOTE_ANCHOR_TAGS | frozenset(("dt", "div", "td", "th", "label"))


class PhraseWriter:
    """Collects the running text of one block.

    ``note`` is the label of a note whose text has not been met yet. With ``is_one_line`` the ends
    of blocks are no more than breaks of the line.
    """

    writers: ClassVar[dict[str, Callable[[Any, Element], None]]] = {}

    def __init__(self, kept: Kept, noted: Notes) -> None:
        self.kept = kept
        self.notes = noted
        self.line = Line(kept)
        self.note: str | None = None
        self.is_one_line = False
        self._raised_name: str | None = None
        self._is_raised = self._is_in_code = False
        self.blocks: list[tuple[str, int]] = []

    def end_block(self) -> None:
        """Close the running text."""
        raise NotImplementedError

    def write_code_block(self, code: CodeBlock) -> None:
        """Write a listing."""
        raise NotImplementedError

    def write_nodes(self, nodes: Sequence[Node]) -> None:
        """Write text, elements, formulas and code blocks in their order."""
        for node in nodes:
            if isinstance(node, str):
                self.line.add_text(node)
            elif isinstance(node, Element):
                self.write_element(node)
            elif isinstance(node, Formula):
                self.line.add_formula(node.tex, is_display=node.is_display)
            else:
                self.write_code_block(node)

    def write_element(self, element: Element) -> None:
        """Write an element as its tag demands; an unknown one is part of the line."""
        if self.notes.label_of and self.is_part_of_note(element):
            return
        write = self.writers.get(element.tag)
        if write is None:
            self.write_nodes(element.children)
        else:
            write(self, element)

    def write_break(self, _: Element) -> None:
        """End the line, not the block."""
        self.line.add_mark(BREAK)

    def write_inline_code(self, element: Element) -> None:
        """Write code in backticks; what is more than a run of text stays text."""
        text = None if self._is_in_code else scripts.plain_text(element, MAX_CODE_CHARS)
        if text:
            self.line.add_code(text)
            return
        was_in_code, self._is_in_code = self._is_in_code, True
        self.write_nodes(element.children)
        self._is_in_code = was_in_code

    def write_italic(self, element: Element) -> None:
        """Write a single letter as a variable, other emphasis as plain text."""
        children = element.children
        if len(children) == 1 and isinstance(children[0], str):
            letter = children[0].strip()
            if len(letter) == 1 and letter.isalpha():
                self.line.add_variable(letter)
            else:
                self.line.num_italics += 1
                self.line.add_text(children[0])
                self.line.num_italics -= 1
            return
        self.line.num_italics += 1
        self.write_nodes(children)
        self.line.num_italics -= 1

    def write_script(self, element: Element) -> None:
        """Super- and subscripts of prose: one Unicode character each where there is one."""
        is_super = element.tag == "sup"
        text = scripts.short_text(element, scripts.MAX_SCRIPT_CHARS)
        if is_super and text and self.line.is_blank():
            label = self.notes.find_loose(text)
            if label is not None:
                self.begin_note(label)
                return
        if not text or scripts.has_link(element):
            was_raised, self._is_raised = self._is_raised, is_super
            self._raised_name = element.attributes.get("id")
            self.write_nodes(element.children)
            self._is_raised = was_raised
        else:
            tex = scripts.tex_of(element)
            self.line.add_script(text, tex, is_super=is_super, noted=self.notes)

    def write_link(self, element: Element) -> None:
        """Write a link as its text, a mark as a reference to its note, a way back not at all."""
        fragment = self.notes.fragment_of(element)
        text = None
        if fragment or self._is_raised or element.attributes.get("href") == "#":
            text = scripts.short_text(element, notes.MAX_BACK_CHARS)
        if not text:
            self.write_nodes(element.children)
        elif fragment and notes.is_mark(element, fragment, text, is_raised=self._is_raised):
            if self.line.is_blank() and (label := self.notes.find_back(fragment, text)):
                self.begin_note(label)
                return
            written = f"[{text}]" if self._is_raised and text.isalnum() else text
            names = (*map(element.attributes.get, ("id", "name")), self._raised_name)
            self.line.add_mark(self.notes.refer(fragment, written, *names))
        elif self._is_raised and text.isdigit():
            self.line.add_mark(f"[{text}]")
        elif not self.notes.is_back_link(element, fragment, text):
            self.write_nodes(element.children)

    def write_deleted(self, element: Element) -> None:
        """Strike out what the page has struck out: it says the opposite otherwise."""
        position, num_blocks = self.line.position(), len(self.blocks)
        self.write_nodes(element.children)
        if len(self.blocks) == num_blocks:
            self.line.wrap_since(position, "~~", "~~")

    def write_short_quotation(self, element: Element) -> None:
        """Write the quotation marks that a browser adds."""
        position, num_blocks = self.line.position(), len(self.blocks)
        self.write_nodes(element.children)
        if len(self.blocks) == num_blocks:
            self.line.wrap_since(position, "\u201c", "\u201d")

    def write_reading(self, element: Element) -> None:
        """Write the reading of a ruby base in parentheses, which ``rp`` may have brought."""
        has_parenthesis = self.line.last_text().rstrip().endswith(("(", "\uff08"))
        position = self.line.position()
        self.write_nodes(element.children)
        if not has_parenthesis:
            self.line.wrap_since(position, "(", ")")

    def write_image(self, element: Element) -> None:
        """Write an emoji; other images are reduced to nothing."""
        alternative = element.attributes.get("alt")
        if alternative and len(alternative) <= MAX_EMOJI_CHARS and not alternative.isascii():
            self.line.add_text(alternative)

    def write_input(self, element: Element) -> None:
        """Write the box of a task."""
        if element.attributes.get("type") == "checkbox" and self.line.is_blank():
            self.line.add_mark("[x] " if "checked" in element.attributes else "[ ] ")

    # Notes

    def note_of(self, element: Element) -> str | None:
        """The label of the note that begins at ``element``, if one does."""
        attributes = element.attributes
        if not attributes or not self.notes.label_of:
            return None
        name = attributes.get("id") or attributes.get("name")
        return self.notes.find(name) if name else None

    def is_part_of_note(self, element: Element) -> bool:
        """Begin a note where ``element`` does; whether all of ``element`` is the note's mark."""
        if element.tag != "li" and element.attributes and not self.is_one_line:
            is_inline = element.tag in NOTE_ANCHOR_TAGS
            can_begin = self.line.is_blank() if is_inline else element.tag not in NO_NOTE_TAGS
            if can_begin and (label := self.note_of(element)):
                self.begin_note(label)
        if self.note is None or element.tag not in NOTE_MARK_TAGS or not self.line.is_blank():
            return False
        text = scripts.short_text(element, notes.MAX_MARK_CHARS)
        return text is not None and text.strip(notes.AROUND_MARK) in ("", self.mark_of_note())

    def is_note_heading(self, element: Element) -> bool:
        """Whether a heading is nothing but the mark of the note below it, as in texinfo."""
        text = scripts.short_text(element, notes.MAX_MARK_CHARS)
        return self.notes.has_label((text or "").strip(notes.AROUND_MARK))

    def mark_of_note(self) -> str:
        """The mark that the note which is about to begin has on the page."""
        return (self.note or "").partition("-")[0]

    def begin_note(self, label: str) -> None:
        """Make the text that follows the note with this label."""
        self.end_block()
        self.note = label


PhraseWriter.writers = {
    **dict.fromkeys(("code", "tt", "kbd", "samp"), PhraseWriter.write_inline_code),
    **dict.fromkeys(("i", "em", "var"), PhraseWriter.write_italic),
    **dict.fromkeys(("sup", "sub"), PhraseWriter.write_script),
    **dict.fromkeys(("del", "s", "strike"), PhraseWriter.write_deleted),
    "a": PhraseWriter.write_link,
    "br": PhraseWriter.write_break,
    "img": PhraseWriter.write_image,
    "input": PhraseWriter.write_input,
    "q": PhraseWriter.write_short_quotation,
    "rt": PhraseWriter.write_reading,
}
