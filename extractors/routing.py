"""Which extractor reads an input: by what it is declared, by its name, by its first bytes."""

import posixpath
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from extractors.code.config import CodeConfig
from extractors.extraction import Extraction, NotADocumentError
from extractors.html import Engine
from extractors.pdf.config import PdfConfig

Kind = Literal["html", "pdf", "notebook", "code", "plain"]

SNIFFED_BYTES = 1024
"""Bytes looked at for a signature: as many as MIME sniffing and PDF readers search."""

_MEDIA_TYPES: dict[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/x-ipynb+json": "notebook",
    "text/plain": "plain",
    "text/markdown": "plain",
}

_SUFFIXES: dict[str, Kind] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".ipynb": "notebook",
}

_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")

_UNDECLARED = frozenset({"application/octet-stream", "binary/octet-stream", "unknown/unknown"})
"""Declarations that say nothing; servers send them for want of a better one."""


class HtmlConfig(BaseModel):
    """How pages are extracted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    engine: Engine = Field(
        "reasonmill",
        description="reasonmill keeps formulas, code and tables; trafilatura and resiliparse are "
        "there to compare with.",
    )


class SandboxConfig(BaseModel):
    """Limits of one input's extraction; past them it fails, and the rest go on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    time_limit_seconds: float = Field(60.0, gt=0, le=3600, description="CPU seconds of one input.")
    memory_limit_bytes: int = Field(
        1 << 30, ge=1 << 26, description="Address space one input may add."
    )


class ExtractConfig(BaseModel):
    """How inputs become text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    html: HtmlConfig = Field(default_factory=HtmlConfig)
    pdf: PdfConfig = Field(default_factory=PdfConfig)
    code: CodeConfig = Field(default_factory=CodeConfig)
    sandbox: SandboxConfig = Field(default_factory=SandboxConfig)


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input: its bytes and what is declared of them, each None where nothing is.

    ``path`` is its name in a tree, archive or folder.
    """

    payload: bytes
    media_type: str | None
    charset: str | None
    url: str | None
    path: str | None
    is_retry: bool = False
    """Whether a process died of this input before."""


def extract(item: Input, config: ExtractConfig) -> Extraction:
    """The text of an input, by the extractor for its kind.

    Raises NotADocumentError for what holds no text or is of a kind that nothing reads, and
    ExtractionError for what is broken. An extractor is imported when it is first needed.
    """
    if not item.payload:
        raise NotADocumentError("text.empty", "0 bytes")
    match kind_of(item):
        case "html":
            from extractors import html

            return html.extract(
                item.payload, item.url, charset=item.charset, engine=config.html.engine
            )
        case "pdf":
            from extractors import pdf

            # A retry looks ahead for half the time, so that the other half is left to extract.
            guard_seconds = config.sandbox.time_limit_seconds / 2 if item.is_retry else None
            return pdf.extract(item.payload, config.pdf, guard_seconds=guard_seconds)
        case "notebook":
            from extractors.code import notebook

            return notebook.extract(item.payload)
        case "code":
            from extractors import code

            return code.extract(item.payload, item.path or "", max_bytes=config.code.max_bytes)
        case "plain":
            from extractors import plain

            return plain.extract(item.payload, charset=item.charset)


def retried(item: Input) -> Input | None:
    """The input to try again with after a process died of it; None where that cannot help.

    Of a PDF the pages before the fault can be kept.
    """
    if item.is_retry or is_harmless(item) or kind_of(item) != "pdf":
        return None
    return replace(item, is_retry=True)


def is_harmless(item: Input) -> bool:
    """Whether extracting the input needs no native parser: it is plain text, or it is refused."""
    try:
        return not item.payload or kind_of(item) == "plain"
    except NotADocumentError:
        return True


def prepare(item: Input, config: ExtractConfig) -> None:
    """Do what a process does once for inputs of this kind, so that no input is charged for it.

    Compiling the kernels for web pages takes some ten seconds where no cache holds them.
    """
    if kind_of(item) == "html" and config.html.engine == "reasonmill":
        from extractors import html

        html.prepare()


def versions() -> dict[str, int]:
    """Version of every extractor by name: a text can change only when one of these does."""
    from extractors import code, html, pdf, plain
    from extractors.code import notebook

    return {one.NAME: one.VERSION for one in (code, html, notebook, pdf, plain)}


def kind_of(item: Input) -> Kind:
    """The kind of an input; NotADocumentError when no extractor reads it.

    A declaration decides, unless the bytes are a PDF: servers call those many things. Without
    one the name decides, and for a name that says nothing the first bytes.
    """
    head = item.payload[:SNIFFED_BYTES]
    if b"%PDF-" in head:
        return "pdf"
    declared = (item.media_type or "").partition(";")[0].strip().lower()
    if declared and declared not in _UNDECLARED:
        if declared not in _MEDIA_TYPES:
            raise NotADocumentError("media_type.unsupported", declared)
        return _MEDIA_TYPES[declared]
    suffix = posixpath.splitext(item.path or "")[1].lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if head.lstrip().lower().startswith(_HTML_STARTS):
        return "html"
    if item.path is None or item.url is not None:
        raise NotADocumentError("media_type.unknown", item.path)
    return "code"
