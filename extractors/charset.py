"""Bytes to text: which encoding a payload is really in, whatever it was declared to be.

The order is the browsers' (byte order mark, transport, ``<meta>``, guess), with one change: bytes
that read as UTF-8 are UTF-8 whatever was declared, as text in a legacy encoding is valid UTF-8 only
by accident and a wrong declaration is common.
"""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

META_SCAN_BYTES = 1024
"""How far browsers look for ``<meta charset>`` (WHATWG HTML, "prescan a byte stream")."""

MAX_WRONG_RATIO = 0.1
"""Undecodable places for each character beyond ASCII, above which an encoding is the wrong one.
A truncated or slightly damaged page in its right encoding stays far below (ours)."""

BINARY_SAMPLE_BYTES = 8192
MIN_CONTROLS = 8
MAX_CONTROL_RATIO = 0.02
"""Compressed data has 10% of control bytes; text has none but a stray NUL or terminal escape, which
in a short text is a large share."""

CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

WIDER = {
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso8859-11": "cp874",
}
"""Encodings that the web uses under a narrower one's name (WHATWG Encoding, "names and labels")."""

ALSO_SEEN = {"uhc": "cp949", "cp949": "cp949", "x-mac-cyrillic": "mac-cyrillic"}
"""Labels outside the WHATWG list, from the detector or from old pages. Nothing else is looked up:
Python has codecs (idna, undefined, zip) that no page may choose."""

META_CHARSET = re.compile(rb"<meta\s[^>]*?charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(payload: bytes, *, declared: str | None = None, is_html: bool = False) -> str:
    """Text of ``payload``: sound (see :func:`make_sound`) and without a byte order mark.

    ``declared`` is the transport's word for the encoding; an unknown one is ignored. With
    ``is_html`` a ``<meta charset>`` counts too. Never raises: what no encoding explains becomes
    U+FFFD.
    """
    for bom, encoding in BOMS:
        if payload.startswith(bom):
            return make_sound(payload[len(bom) :].decode(encoding, "replace"))
    named = [_codec(declared)]
    if is_html and (meta := META_CHARSET.search(payload, 0, META_SCAN_BYTES)):
        # A page that was readable enough to find this in cannot be in UTF-16.
        named.append(_codec(meta.group(1).decode().lower().replace("utf-16", "utf-8")))
    candidates = [encoding for encoding in named if encoding is not None]
    if not any(_hides_in_ascii(encoding, payload) for encoding in candidates):
        candidates.insert(0, "utf-8")
    for encoding in candidates:
        text = payload.decode(encoding, "replace")
        if _is_plausible(text):
            return make_sound(text)
    guess = _codec(detect_encoding(payload, html5_compatible=False)) or "cp1252"
    return make_sound(payload.decode(guess, "replace"))


def is_binary(payload: bytes, *, declared: str | None = None) -> bool:
    """Whether ``payload`` can hardly be text: too many control bytes near its start.

    Text in UTF-16 is full of NUL and is recognised by its byte order mark or declaration only.
    """
    if payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    if (_codec(declared) or "").startswith("utf-16"):
        return False
    sample = payload[:BINARY_SAMPLE_BYTES]
    num_controls = len(sample) - len(sample.translate(None, CONTROLS))
    return num_controls > max(MIN_CONTROLS, MAX_CONTROL_RATIO * len(sample))


def make_sound(text: str) -> str:
    """``text`` as UTF-8 and Arrow can hold it: NUL dropped, a lone surrogate made U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()  # ten times as fast as a search for what is almost never there
    except UnicodeEncodeError:
        return LONE_SURROGATE.sub("\ufffd", text)
    return text


def _codec(label: str | None) -> str | None:
    """Python's name of the encoding that browsers mean by ``label``; None when there is none."""
    if not label:
        return None
    label = label.strip(" \t\r\n\"'").lower()
    name = map_encoding_to_html5(label, fallback_utf8=False) or ALSO_SEEN.get(label)
    return WIDER.get(name, name) if name else None


def _hides_in_ascii(encoding: str, payload: bytes) -> bool:
    """Whether text in ``encoding`` can look like plain ASCII, and this payload may be such text."""
    if encoding.startswith("utf-16"):
        return b"\0" in payload
    return encoding.startswith(("iso2022", "hz")) and (b"\x1b" in payload or b"~{" in payload)


def _is_plausible(text: str) -> bool:
    wrong = text.count("\ufffd")
    return not wrong or wrong <= MAX_WRONG_RATIO * sum(char > "\x7f" for char in text)
