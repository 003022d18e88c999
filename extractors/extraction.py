"""What an extractor returns: text, what the input says of itself, and what was kept of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Structure:
    """Counts of structured elements, in the input (``_found``) and in the text (``_kept``).

    None where the extractor does not count that kind.
    """

    formulas_found: int | None = None
    formulas_kept: int | None = None
    code_blocks_found: int | None = None
    code_blocks_kept: int | None = None
    tables_found: int | None = None
    tables_kept: int | None = None
    posts_found: int | None = None
    posts_kept: int | None = None
    pages_found: int | None = None
    pages_kept: int | None = None


@dataclass(frozen=True, kw_only=True)
class CodeFacts:
    """What is known about a source file."""

    language: str | None
    license_class: str  # permissive | copyleft | none | unknown
    is_generated: bool
    is_vendored: bool
    is_minified: bool
    is_test: bool


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The text of one input, in Markdown for pages and PDFs, with its metadata.

    Every metadata field is None when the input does not state it. ``license`` is an SPDX id or
    a licence URL. ``published_at`` is ISO 8601, as precise as the input is. ``media_type`` is
    what the input was recognised as, which may differ from what was declared.
    """

    text: str
    extractor: str
    extractor_version: int
    media_type: str | None = None
    title: str | None = None
    declared_language: str | None = None
    published_at: str | None = None
    canonical_url: str | None = None
    license: str | None = None
    structure: Structure = field(default_factory=Structure)
    code: CodeFacts | None = None


class NotADocumentError(Exception):
    """The input was read and judged to hold no document: it becomes a rejected row.

    ``reason`` is a stable dotted name such as ``media_type.unsupported`` or ``text.empty``;
    ``value`` is what was seen, as text.
    """

    def __init__(self, reason: str, value: str | None = None) -> None:
        super().__init__(reason if value is None else f"{reason}: {value}")
        self.reason = reason
        self.value = value

    def __reduce__(self) -> tuple[type["NotADocumentError"], tuple[str, str | None]]:
        return type(self), (self.reason, self.value)
