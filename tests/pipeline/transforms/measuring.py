"""Annotators made for the tests, and documents in shards for them to measure."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records.document import DOCUMENT_SCHEMA, document_id


@dataclass(frozen=True)
class Length:
    """Characters of the text; raises where the text says so."""

    name: str = "length"
    version: int = 1
    raises_at: str = "RAISE"

    @property
    def columns(self):
        return pa.schema([pa.field("chars", pa.int32())])

    def annotate(self, documents):
        for text in documents.column("text").to_pylist():
            if self.raises_at in text:
                raise ValueError(f"cannot measure {text!r}")
        chars = pc.utf8_length(documents.column("text")).cast(pa.int32())
        return pa.record_batch([chars], schema=self.columns)


def build_length():
    """What a worker calls to have its annotators."""
    return (Length(),)


def documents_of(*texts, source="web", first=0):
    """Documents of the given texts; ids and places by number."""
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": document_id(source, str(number)),
                "text": text,
                "source": source,
                "url": f"http://x/{number}",
                "media_type": "text/plain",
                "provenance": {"archive": "a.warc", "offset": number},
            }
            for number, text in enumerate(texts, first)
        ],
        schema=DOCUMENT_SCHEMA,
    )
