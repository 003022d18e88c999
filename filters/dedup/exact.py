"""The 16-byte key of a text: equal texts, whatever their white space and Unicode composition.

NFC, not NFKC: compatibility folding would make one text of "x^2" written with a superscript two
and of "x2". Case is kept, because it carries meaning in code and formulas; texts that differ only
in case or punctuation are found as near duplicates, where a comparison decides.
"""

import unicodedata

import xxhash


def normalise_text(text: str) -> str:
    """NFC, each run of white space one space, none at either end."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_key(text: str) -> bytes:
    """``xxh3_128`` of the normalised text in UTF-8, 16 bytes; all blank texts share one key."""
    return xxhash.xxh3_128_digest(normalise_text(text).encode())
