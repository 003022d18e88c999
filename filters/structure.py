"""The structure annotator: what of a document's structure was kept, and how its text is built.

Documents in; out, the share of the formulas, code blocks, tables and posts found in the input that
the text still holds (null where none was found or none were counted), and shares of the text:
headings and list items among its lines, links among its characters. The latter are null for an
empty text and for source files.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from filters.rowwise import annotate_texts

KINDS = ("formulas", "code_blocks", "tables", "posts")

TEXT_COLUMNS = pa.schema(
    [
        pa.field("heading_line_ratio", pa.float32()),  # of lines that are not blank
        pa.field("list_line_ratio", pa.float32()),
        pa.field("link_ratio", pa.float32()),  # characters in links' texts and bare addresses
    ]
)

COLUMNS = pa.schema(
    [*(pa.field(f"{kind}_kept_ratio", pa.float32()) for kind in KINDS), *TEXT_COLUMNS]
)

_LINE = re.compile(r"(?m)^[ \t]*\S")
_HEADING = re.compile(r"(?m)^[ \t]{0,3}#{1,6}[ \t]+\S")
_LIST_ITEM = re.compile(r"(?m)^[ \t>]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+\S")
_LINK = re.compile(r"\[([^\[\]\n]{1,500})\]\([^()\s]{1,2000}\)|<?https?://[^\s<>()\[\]]+")


class StructureConfig(BaseModel):
    """Settings of the structure annotator: there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StructureAnnotator:
    """Measures how each document is built."""

    name = "structure"
    version = 1
    columns = COLUMNS

    def __init__(self, config: StructureConfig) -> None:
        del config

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        structure = documents.column("structure")
        kept = [_kept_ratio(structure, kind) for kind in KINDS]
        of_text = annotate_texts(documents, TEXT_COLUMNS, _measure)
        return pa.RecordBatch.from_arrays([*kept, *of_text.columns], schema=COLUMNS)


def _kept_ratio(structure: pa.StructArray, kind: str) -> pa.Array:
    """Kept over found; null where nothing was found. More may be kept than found: 1 then."""
    found, kept = (pc.struct_field(structure, f"{kind}_{side}") for side in ("found", "kept"))
    found = pc.if_else(pc.equal(found, 0), pa.scalar(None, pa.int32()), found)
    ratio = pc.divide(kept.cast(pa.float32()), found.cast(pa.float32()))
    return pc.min_element_wise(ratio, pa.scalar(1, pa.float32()), skip_nulls=False)


def _measure(text: str) -> tuple[float | None, ...]:
    lines = len(_LINE.findall(text))
    if not lines:
        return (None,) * len(TEXT_COLUMNS)
    link_chars = 0
    if "://" in text or "](" in text:
        link_chars = sum(len(link[1] or link[0]) for link in _LINK.finditer(text))
    return (
        len(_HEADING.findall(text)) / lines if "#" in text else 0.0,
        len(_LIST_ITEM.findall(text)) / lines,
        link_chars / len(text),
    )
