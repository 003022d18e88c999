"""One raw record as Python values, and rows gathered into bounded Arrow batches."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from pipeline.records.document import document_id
from pipeline.records.record import RECORD_SCHEMA

BATCH_BYTES = 4 << 20
"""Payload bytes after which a batch is closed: a Beam element should stay under 10 MB."""

BATCH_ROWS = 256
"""Rows after which a batch is closed."""


class RecordRow(NamedTuple):
    """A row of ``RECORD_SCHEMA``, fields in its order."""

    id: str
    source: str
    url: str | None
    media_type: str | None
    charset: str | None
    license: str | None
    fetched_at: datetime | None
    archive: str
    member: str | None
    offset: int | None
    length: int | None
    payload: bytes | None
    error_type: str | None
    error_message: str | None


def row(
    source: str,
    archive: str,
    *,
    payload: bytes | None,
    member: str | None = None,
    offset: int | None = None,
    length: int | None = None,
    url: str | None = None,
    media_type: str | None = None,
    charset: str | None = None,
    license: str | None = None,  # noqa: A002 - the column's name
    fetched_at: datetime | None = None,
) -> RecordRow:
    """A record that was read. Its id is made of the source and of where it lies in it."""
    return RecordRow(
        document_id(source, _locator(archive, member, offset)),
        source, url, media_type, charset, license, fetched_at,
        archive, member, offset, length, payload, None, None,
    )  # fmt: skip


def unreadable(
    source: str,
    archive: str,
    *,
    error_type: str,
    error_message: str,
    member: str | None = None,
    offset: int | None = None,
    url: str | None = None,
) -> RecordRow:
    """A record that is there but could not be read; it will be counted as failed."""
    return RecordRow(
        document_id(source, _locator(archive, member, offset)),
        source, url, None, None, None, None,
        archive, member, offset, None, None, error_type, error_message,
    )  # fmt: skip


def batches(rows: Iterable[RecordRow]) -> Iterator[pa.RecordBatch]:
    """Gather rows into batches of at most BATCH_ROWS rows, closed once BATCH_BYTES is reached."""
    pending: list[RecordRow] = []
    pending_bytes = 0
    for item in rows:
        pending.append(item)
        pending_bytes += len(item.payload or b"")
        if len(pending) >= BATCH_ROWS or pending_bytes >= BATCH_BYTES:
            yield to_batch(pending)
            pending, pending_bytes = [], 0
    if pending:
        yield to_batch(pending)


def to_batch(rows: list[RecordRow]) -> pa.RecordBatch:
    """Rows as one batch of ``RECORD_SCHEMA``."""
    columns = zip(*rows, strict=True) if rows else [()] * len(RECORD_SCHEMA)
    return pa.record_batch(
        [pa.array(c, f.type) for c, f in zip(columns, RECORD_SCHEMA, strict=True)],
        schema=RECORD_SCHEMA,
    )


def _locator(archive: str, member: str | None, offset: int | None) -> str:
    return "\0".join((archive, member or "", "" if offset is None else str(offset)))
