"""Source files to text: what they hold, under a header that says where they lie.

    bytes -> binary? -> charset -> language -> facts -> path header + text

The running text of a tree (README, manuals) comes out as documents without a header; data files
and files of no known language are rejected.
"""

from extractors import charset
from extractors.code.config import CodeConfig
from extractors.code.facts import facts_of
from extractors.code.languages import Kind, Language, identify
from extractors.extraction import Extraction, NotADocumentError, Structure
from extractors.plain import normalize_newlines

NAME = "code"
VERSION = 1
"""Bumped whenever the text or facts of any file can change."""

_FIRST_LINES = ("#!", "<?xml", "<?php")
"""What must stay the first line of its file; the path header goes below it."""


def extract(payload: bytes, path: str, *, max_bytes: int = CodeConfig().max_bytes) -> Extraction:
    """The text of a source or prose file called ``path``.

    A source file gets a comment with its path as first line (below a shebang or declaration that
    must come first); otherwise its text is unchanged but for newlines. Raises NotADocumentError
    for data, binaries, unknown languages and files over ``max_bytes``.
    """
    if len(payload) > max_bytes:
        raise NotADocumentError("code.too_large", f"{len(payload)} bytes")
    if charset.is_binary(payload, declared=None):
        raise NotADocumentError("code.binary", path)
    text = normalize_newlines(charset.decode(payload))
    if not text.strip():
        raise NotADocumentError("text.empty", path)
    language = identify(path, text)
    if language is None:
        raise NotADocumentError("code.unknown_language", path.rpartition("/")[2])
    if language.kind is Kind.DATA:
        raise NotADocumentError("code.data_file", language.name)
    if language.kind is Kind.PROSE:
        return Extraction(
            text=text, extractor=NAME, extractor_version=VERSION, media_type=language.media_type
        )
    facts, spdx = facts_of(text, path, language.name)
    return Extraction(
        text=with_path_header(text, path, language),
        extractor=NAME,
        extractor_version=VERSION,
        media_type=language.media_type,
        license=spdx,
        structure=Structure(code_blocks_found=1, code_blocks_kept=1),
        code=facts,
    )


def with_path_header(text: str, path: str, language: Language) -> str:
    """``text`` under a comment line that holds ``path``; as it is where there are no comments.

    So is the text of a file whose path would end the comment: one with a line end or the
    language's closing mark in it.
    """
    closes = "\n" in path or "\r" in path or (language.comment_end and language.comment_end in path)
    if not language.comment_start or closes:
        return text
    closing = f" {language.comment_end}" if language.comment_end else ""
    header = f"{language.comment_start} {path}{closing}\n"
    if not text.startswith(_FIRST_LINES):
        return header + text
    first, newline, rest = text.partition("\n")
    return f"{first}{newline or chr(10)}{header}{rest}"
