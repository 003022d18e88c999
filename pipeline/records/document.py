"""The document: one row of text with where it came from.

Every stage reads and writes documents under :data:`DOCUMENT_SCHEMA`. Measures about a document
live in sidecar tables whose columns are named ``<annotator>.<measure>``, never here.
"""

import hashlib

import pyarrow as pa

from pipeline.errors import SchemaError

PROVENANCE_TYPE = pa.struct(
    [
        pa.field("archive", pa.string()),  # input file, relative to its source's fixed prefix
        pa.field("member", pa.string()),  # path inside the archive or tree; null for a record
        pa.field("offset", pa.int64()),  # byte (or row) offset of the record; null for a member
        pa.field("length", pa.int64()),  # bytes of the record as stored; null when unknown
        pa.field("extractor", pa.string()),  # e.g. "html"
        pa.field("extractor_version", pa.int32()),
    ]
)

STRUCTURE_TYPE = pa.struct(
    [
        pa.field(f"{kind}_{side}", pa.int32())
        for kind in ("formulas", "code_blocks", "tables", "posts", "pages")
        for side in ("found", "kept")
    ]
)
"""How many of each the input held, and how many the text still holds; null where not counted."""

CODE_TYPE = pa.struct(
    [
        pa.field("language", pa.string()),  # e.g. "Python"
        pa.field("license_class", pa.string()),  # permissive | copyleft | none | unknown
        pa.field("is_generated", pa.bool_()),
        pa.field("is_vendored", pa.bool_()),
        pa.field("is_minified", pa.bool_()),
        pa.field("is_test", pa.bool_()),
    ]
)

LINEAGE_TYPE = pa.struct(
    [
        pa.field("seed_ids", pa.list_(pa.string())),
        pa.field("strategy", pa.string()),
        pa.field("prompt_sha256", pa.string()),
        pa.field("model", pa.string()),
        pa.field("sampling", pa.string()),  # canonical JSON of the sampling parameters
        pa.field("verifier", pa.string()),
        pa.field("verdict", pa.string()),  # correct | incorrect | unverified
        pa.field("pass_rate", pa.float32()),  # share of the seed's samples that were correct
    ]
)

DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("canonical_url", pa.string()),
        pa.field("title", pa.string()),
        pa.field("declared_language", pa.string()),  # what the input says of itself, BCP 47
        pa.field("published_at", pa.string()),  # ISO 8601, as precise as the input states
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("license", pa.string()),
        pa.field("fetched_at", pa.timestamp("s", tz="UTC")),
        pa.field("provenance", PROVENANCE_TYPE, nullable=False),
        pa.field("structure", STRUCTURE_TYPE),
        pa.field("code", CODE_TYPE),  # null unless the document is a source file
        pa.field("lineage", LINEAGE_TYPE),  # null unless the document is synthetic
    ]
)

ID_BYTES = 16
"""Bytes of a document id: 128 bits keep a collision unlikely to 10^18 documents."""


def document_id(source: str, locator: str) -> str:
    """Identity of the document at ``locator`` in ``source``: 32 hex characters.

    Given once, when the input is read, and never recomputed: cleaning a text or running another
    extractor leaves the id alone. ``locator`` must not name the machine or folder the input
    happens to lie in (see ``pipeline.storage.listing``).
    """
    return hashlib.blake2b(f"{source}\0{locator}".encode(), digest_size=ID_BYTES).hexdigest()


def validate_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return ``batch`` if its columns are exactly ``schema``'s; raise SchemaError otherwise.

    Metadata is ignored. A null in a column that forbids nulls is refused too.
    """
    if not batch.schema.equals(schema, check_metadata=False):
        raise SchemaError(f"expected columns\n{schema}\ngot\n{batch.schema.remove_metadata()}")
    for column, field in zip(batch.columns, schema, strict=True):
        if not field.nullable and column.null_count:
            raise SchemaError(
                f"column {field.name!r} holds {column.null_count} nulls, none allowed"
            )
    return batch
