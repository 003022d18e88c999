"""The raw record: one input as it lies in its container, before extraction.

A reader yields one row for each record it meets. A record that could not be read is a row too:
its ``payload`` is null and ``error_type``/``error_message`` say why, so that it is counted and
becomes a failed row instead of vanishing.
"""

import pyarrow as pa

RECORD_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("media_type", pa.string()),  # as declared; null lets the extractor look
        pa.field("charset", pa.string()),  # as declared by the transport
        pa.field("license", pa.string()),
        pa.field("fetched_at", pa.timestamp("s", tz="UTC")),
        pa.field("archive", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int64()),
        pa.field("payload", pa.large_binary()),
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)
