"""The license annotator: what a document says of the rights in it.

Documents in; out:

* ``spdx``: the SPDX id that the document's ``license`` or its text states: a Creative Commons
  address or name, else, for source files, the notice at their beginning; null where there is none;
* ``class``: ``permissive``, ``copyleft`` (share alike, or no commerce), ``none`` (no derivatives)
  or ``unknown``, as ``pipeline.storage.licenses`` sorts them;
* ``rights_reserved`` and ``mining_reserved``: how often the text reserves all rights, or text and
  data mining and the training of models (Article 4 of the EU's Directive 2019/790 allows that).

These are signals and no legal advice: a page's licence may be that of its pictures.
"""

import re

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from filters.rowwise import batch_of_rows
from pipeline.storage.licenses import class_of, find_creative_commons, find_notice

COLUMNS = pa.schema(
    [
        pa.field("spdx", pa.string()),
        pa.field("class", pa.string()),
        pa.field("rights_reserved", pa.int32()),
        pa.field("mining_reserved", pa.int32()),
    ]
)

# "CC BY-SA 4.0", "Creative Commons Attribution-ShareAlike 3.0 (Unported)"
_SHORT_NAME = re.compile(
    r"\bCC(?:[ -](BY(?:-(?:NC|ND|SA)){0,2})|0)(?:[ -]?(\d\.\d))?\b", re.IGNORECASE
)
_LONG_NAME = re.compile(
    r"Creative Commons Attribution"
    r"((?:[ -](?:NonCommercial|NoDerivatives|NoDerivs|ShareAlike)){0,2})"
    r"(?:[ ,]{1,2}(?:(?:Unported|International|Generic) ?)?(?:License ?)?(\d\.\d))?",
    re.IGNORECASE,
)
_LETTERS = {"noncommercial": "NC", "noderivatives": "ND", "noderivs": "ND", "sharealike": "SA"}
LATEST_VERSION = "4.0"
"""Taken where a name states no version."""

_RIGHTS_RESERVED = re.compile(r"\ball rights reserved\b", re.IGNORECASE)
_MINING = (
    r"text and data mining|TDM|(?:machine learning|AI|artificial intelligence|generative)"
    r"[ -](?:training|models?|systems?)"
    r"|train(?:ing)? (?:of )?(?:an? |any )?"
    r"(?:AI|artificial intelligence|machine learning|language|generative)"
)
_FORBIDDEN = r"reserved?|prohibited|forbidden|not permitted|may not|must not|opt(?:s|ed)?[ -]out"
_MINING_RESERVED = re.compile(
    rf"\b(?:{_MINING})\b[^.\n]{{0,80}}\b(?:{_FORBIDDEN})\b"
    rf"|\b(?:{_FORBIDDEN})\b[^.\n]{{0,80}}\b(?:{_MINING})\b",
    re.IGNORECASE,
)


class LicenseConfig(BaseModel):
    """Settings of the license annotator: there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LicenseAnnotator:
    """Reads what each document says of its licence."""

    name = "license"
    version = 1
    columns = COLUMNS

    def __init__(self, config: LicenseConfig) -> None:
        del config

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document; only ``spdx`` may be null."""
        columns = [documents.column(name).to_pylist() for name in ("text", "license", "code")]
        rows = [
            _row(text, stated, is_code=code is not None)
            for text, stated, code in zip(*columns, strict=True)
        ]
        return batch_of_rows(rows, COLUMNS)


def _row(text: str, stated: str | None, *, is_code: bool) -> tuple[str | None, str, int, int]:
    spdx, license_class = _license(text, stated, is_code=is_code)
    lowered = text.lower()
    rights = len(_RIGHTS_RESERVED.findall(text)) if "rights reserved" in lowered else 0
    has_mining = "mining" in lowered or "tdm" in lowered or "train" in lowered
    mining = len(_MINING_RESERVED.findall(text)) if has_mining else 0
    return spdx, license_class, rights, mining


def _license(text: str, stated: str | None, *, is_code: bool) -> tuple[str | None, str]:
    for place in (stated or "", text):
        spdx = find_creative_commons(place) or _named(place)
        if spdx is not None:
            return spdx, _class(spdx)
    if stated and (known := class_of(stated)) != "unknown":
        return stated, known
    return find_notice(text) if is_code else (None, "unknown")


def _named(text: str) -> str | None:
    """The SPDX id of the first Creative Commons licence that ``text`` names."""
    if "CC" in text and (short := _SHORT_NAME.search(text)):
        kind, version = short.groups()
        return f"CC-{kind.upper()}-{version or LATEST_VERSION}" if kind else "CC0-1.0"
    if "ommons" in text and (long := _LONG_NAME.search(text)):
        parts = [_LETTERS[part.lower()] for part in re.findall(r"[A-Za-z]+", long[1])]
        return "-".join(["CC-BY", *sorted(parts), long[2] or LATEST_VERSION])
    return None


def _class(spdx: str) -> str:
    """No derivatives means that nothing may be made of the text, so none of the classes."""
    return "none" if "-ND" in spdx else class_of(spdx)
