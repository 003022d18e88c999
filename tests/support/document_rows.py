"""Documents from bare texts, for tests that only care about the text."""

from typing import Any

import pyarrow as pa

from pipeline.records.document import DOCUMENT_SCHEMA

SOURCE_FILE: dict[str, Any] = {
    "language": "Python",
    "license_class": "permissive",
    "is_generated": False,
    "is_vendored": False,
    "is_minified": False,
    "is_test": False,
}
"""A ``code`` value: what makes a document a source file."""


def documents_of(*texts: str, code: dict[str, Any] | None = None) -> pa.RecordBatch:
    """One document for each text, ids ``d0``, ``d1``..., all of source ``web``."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": f"d{number}",
                "text": text,
                "source": "web",
                "media_type": "text/html",
                "provenance": {"archive": "part-0.warc.gz", "extractor": "html"},
                "code": code,
            }
            for number, text in enumerate(texts)
        ],
        schema=DOCUMENT_SCHEMA,
    )
