"""Plain text, from WET files and from the text columns of Parquet and JSONL, as a document."""

from extractors import charset as encodings
from extractors.extraction import Extraction, NotADocumentError

NAME = "plain"
VERSION = 1
"""Bumped whenever the text of any input can change."""

MEDIA_TYPE = "text/plain"


def extract(payload: bytes, *, charset: str | None = None) -> Extraction:
    """``payload`` as text, with the line ends of Unix and nothing else rewritten.

    ``charset`` is the declared encoding: bytes that read as UTF-8 are UTF-8 whatever it says. The
    byte order mark goes, and so does NUL, which means nothing in text and which C readers of the
    shards would take for the end. Raises NotADocumentError: ``text.binary`` for what can hardly be
    text, ``text.empty`` where nothing but white space is left.
    """
    if encodings.is_binary(payload, declared=charset):
        raise NotADocumentError("text.binary", f"{len(payload)} bytes")
    text = normalize_newlines(encodings.decode(payload, declared=charset))
    if not text.strip():
        raise NotADocumentError("text.empty", f"{len(payload)} bytes of plain text")
    return Extraction(text=text, extractor=NAME, extractor_version=VERSION, media_type=MEDIA_TYPE)


def normalize_newlines(text: str) -> str:
    """``text`` with the line ends of Windows and of the old Macintosh made those of Unix."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
