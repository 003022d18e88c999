"""Glyphs of one font side by side, and the pieces of lines that they make.

From MuPDF's dictionaries to plain objects: blanks, ligatures, accents and codes put right.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extractors.charset import make_sound
from extractors.pdf.fonts import Style, style_of

MIN_UPRIGHT_COSINE = 0.95
"""Lines turned further than 18 degrees are stamps, watermarks and figures' axes."""

SAME_BASELINE_POINTS = 0.15
"""Two spans differ by less when MuPDF has parted them for a blank."""

SYNTHETIC = 512
"""MuPDF's flag of characters that it adds: spaces where a gap is."""

SLOT_32 = "\u00c3"
"""Where the AMS fonts repeat slot 32, as fonts of Type 1 cannot draw a blank."""

MAIN_SHARE = 0.8
"""Share of its characters that makes a line bold or monospaced."""

CONTROL_GLYPHS = str.maketrans(
    {
        "\x0b": "ff",
        "\x0c": "fi",
        "\x0d": "fl",
        "\x0e": "ffi",
        "\x0f": "\u2022",
        "\x10": "\u201c",
        "\x11": "\u201d",
        "\x15": "\u2013",
        "\x16": "\u2014",
        "\x1b": "ff",
        "\x1c": "fi",
        "\x1d": "fl",
        "\x1e": "ffi",
        "\x1f": "ffl",
        "\x88": "\u2022",
        "\xa0": " ",
        "\u00ad": "-",
        **dict.fromkeys("\x01\x02\x03\x04\x05\x06\x07\x08\x7f", "\ufffd"),
    }
)
"""Glyphs of fonts without a Unicode map come with their codes: these are those of TeX's T1 encoding
and of its bullets, and the ligatures of OT1. Other control codes mean nothing."""

COMBINING = {
    "\u00b4": "\u0301",
    "\u0060": "\u0300",
    "\u00a8": "\u0308",
    "\u02c6": "\u0302",
    "\u02dc": "\u0303",
    "\u02c7": "\u030c",
}
LOOSE_ACCENT = re.compile("([" + "".join(COMBINING) + "])([A-Za-z\u0131])")


@dataclass(slots=True)
class Span:
    """Glyphs of one font on one baseline. Units are points; y grows downwards.

    ``chars`` are MuPDF's: each has ``c``, ``origin`` and ``bbox``, of which the sides are right
    and the heights are the font's.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    style: Style
    chars: list[dict[str, Any]]


@dataclass(slots=True)
class Fragment:
    """A piece of one line of one column: what MuPDF found side by side.

    ``y0`` and ``y1`` follow from baseline and size: the boxes that fonts state are not reliable
    (TeX's symbol fonts state several lines).
    """

    spans: list[Span]
    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    is_bold: bool
    is_mono: bool
    table: Any = None
    """A table that stands here as one piece."""


def fragments_of(line: dict[str, Any]) -> Iterator[Fragment]:
    """One fragment, or none for a line of blanks."""
    spans = _joined_spans(line["spans"])
    if not spans:
        return
    inked = spans[0]
    mono = bold = num_chars = 0
    longest = 0
    for span in spans:
        length = len(span.text)
        num_chars += length
        mono += length if span.style.is_mono else 0
        bold += length if span.style.is_bold else 0
        if length > longest and not span.style.is_extension:
            inked, longest = span, length
    size = inked.size
    yield Fragment(
        spans=spans,
        text="".join([span.text for span in spans]).strip(),
        x0=spans[0].x0,
        y0=inked.y - 0.8 * size,
        x1=max([span.x1 for span in spans]),
        y1=inked.y + 0.2 * size,
        size=size,
        is_bold=bold > MAIN_SHARE * num_chars,
        is_mono=mono > MAIN_SHARE * num_chars,
    )


def _joined_spans(raw: list[dict[str, Any]]) -> list[Span]:
    """MuPDF's spans without blanks of their own, those of one font and baseline joined.

    MuPDF sets the spaces that it adds apart, sometimes at the height of a script before them.
    """
    spans: list[Span] = []
    last: Span | None = None
    blank: list[dict[str, Any]] = []
    for piece in raw:
        is_level = last is not None and abs(piece["origin"][1] - last.y) < SAME_BASELINE_POINTS
        span = _span(piece, may_be_fence=not is_level)
        num_blanks = len(piece["chars"]) - (0 if span is None else len(span.chars))
        if num_blanks and last is not None:
            blank = piece["chars"][:num_blanks]
        if span is None:
            continue
        if last is not None and _is_continued(last, span):
            last.text += f" {span.text}" if blank else span.text
            last.chars = [*last.chars, *blank, *span.chars]
            last.x1 = span.x1
        else:
            if last is not None and blank:
                last.text += " "
            last = span
            spans.append(span)
        blank = []
    for span in spans:
        if not span.text.isascii():
            span.text = make_sound(span.text)
            if not span.style.is_mono and not span.style.is_math:
                span.text = LOOSE_ACCENT.sub(composed, span.text)
    return spans


def _is_continued(last: Span, span: Span) -> bool:
    return (
        last.style is span.style
        and abs(last.size - span.size) < SAME_BASELINE_POINTS
        and abs(last.y - span.y) < SAME_BASELINE_POINTS
    )


def _span(raw: dict[str, Any], *, may_be_fence: bool) -> Span | None:
    """One of MuPDF's spans without the blanks before it; None for blanks alone."""
    chars: list[dict[str, Any]] = raw["chars"]
    text = "".join([char["c"] for char in chars])
    style = style_of(raw["font"], raw["flags"])
    if may_be_fence and style.is_extension and text == " " and not raw["char_flags"] & SYNTHETIC:
        # Slot 32 is TeX's largest left parenthesis; MuPDF's blanks are level with what is before.
        chars[0]["c"] = text = SLOT_32
    if not text or text.isspace():
        return None
    y = raw["origin"][1]
    if text[0] == " " and not style.is_extension:
        count = len(text) - len(text.lstrip())
        chars, text = chars[count:], text[count:]
        # The blank's height is that of what stands before it.
        y = chars[0]["origin"][1]
    if not style.is_math:
        text = text.translate(CONTROL_GLYPHS)
    return Span(text, chars[0]["origin"][0], raw["bbox"][2], y, raw["size"], style, chars)


def composed(match: re.Match[str]) -> str:
    """TeX's older fonts draw an accent and then its letter."""
    letter = "i" if match[2] == "\u0131" else match[2]
    whole = unicodedata.normalize("NFC", letter + COMBINING[match[1]])
    return whole if len(whole) == 1 else match[0]
