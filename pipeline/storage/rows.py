"""Documents that are already text: lines of JSON and rows of Parquet."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from pipeline.storage.filesystem import open_input
from pipeline.storage.record_row import RecordRow, row, unreadable

TEXT_TYPE = "text/plain"
_GZIP_MAGIC = b"\x1f\x8b"


class FieldNames(BaseModel):
    """Which field of a JSON object or Parquet row holds what."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    text: str = Field("text", description="Field that holds the document's text.")
    url: str = Field("url", description="Field that holds its URL; may be absent.")
    license: str = Field("license", description="Field that holds its licence; may be absent.")


@dataclass(frozen=True, kw_only=True)
class RowSlice:
    """Bytes ``[start, end)`` of a JSONL file, or row groups ``[start, end)`` of a Parquet file."""

    source: str
    path: str
    name: str
    start: int
    end: int
    fields: FieldNames
    license: str | None
    max_record_bytes: int


def read_jsonl(part: RowSlice) -> Iterator[RecordRow]:
    """One row for each line that starts in the slice; blank lines hold no record.

    A gzipped file, whatever it is called, is read by the slice that starts at 0 alone.
    ``offset`` is the line's byte in the decompressed file.
    A line that is no JSON object, lacks the text or is over the limit is an unreadable row;
    so is the rest of a file whose gzip stream breaks off.
    """
    with open_input(part.path) as raw:
        is_gzip = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        if is_gzip and part.start:
            return
        offset = max(part.start - 1, 0)
        raw.seek(offset)
        file: Any = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        with closing(file):
            if part.start:
                line = file.readline(part.max_record_bytes + 1)
                offset += len(line) + _skip_rest(file, line, part.max_record_bytes)
            while is_gzip or offset < part.end:
                try:
                    line = file.readline(part.max_record_bytes + 1)
                    length = len(line) + _skip_rest(file, line, part.max_record_bytes)
                except (OSError, EOFError, zlib.error) as error:
                    yield _unreadable(part, offset, "BrokenStreamError", str(error))
                    return
                if not line:
                    return
                if line.strip() or length > part.max_record_bytes:
                    yield _json_row(part, offset, length, line)
                offset += length


def _skip_rest(file: Any, line: bytes, limit: int) -> int:
    """Read on to the end of a line that was cut at the limit; returns the bytes skipped."""
    skipped, piece = 0, line
    while len(piece) > limit and not piece.endswith(b"\n"):
        piece = file.readline(limit + 1)
        skipped += len(piece)
    return skipped


def _json_row(part: RowSlice, offset: int, length: int, line: bytes) -> RecordRow:
    if length > part.max_record_bytes:
        return _unreadable(
            part, offset, "RecordTooLargeError", f"{length} bytes, limit {part.max_record_bytes}"
        )
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _unreadable(part, offset, "JSONDecodeError", str(error))
    if not isinstance(value, dict):
        return _unreadable(part, offset, "FieldError", f"a {type(value).__name__}, not an object")
    return _text_row(part, offset, length, value)


def read_parquet(part: RowSlice) -> Iterator[RecordRow]:
    """One row for each row of the slice's row groups; ``offset`` is the row's number in the file.

    A slice without the text column, or of a file that is no Parquet, is one unreadable row; so
    is what follows a damaged page.
    """
    offset: int | None = None
    try:
        with open_input(part.path) as file, pq.ParquetFile(file) as parquet:
            metadata = parquet.metadata
            offset = sum(metadata.row_group(i).num_rows for i in range(part.start))
            names = set(parquet.schema_arrow.names)
            if part.fields.text not in names:
                message = f"no column {part.fields.text!r}; there are {sorted(names)}"
                yield _unreadable(part, offset, "FieldError", message)
                return
            wanted = (part.fields.text, part.fields.url, part.fields.license)
            for batch in parquet.iter_batches(
                row_groups=list(range(part.start, min(part.end, metadata.num_row_groups))),
                columns=[name for name in wanted if name in names],
                batch_size=256,
            ):
                for value in _values(batch):
                    if isinstance(value, UnicodeDecodeError):
                        yield _unreadable(part, offset, type(value).__name__, str(value))
                    else:
                        yield _text_row(part, offset, None, value)
                    offset += 1
    except (pa.ArrowException, OSError) as error:
        yield _unreadable(part, offset, type(error).__name__, str(error))


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | UnicodeDecodeError]:
    """The rows as Python values; Parquet does not check the strings that it stores."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError as error:
        if batch.num_rows == 1:
            yield error
            return
        for index in range(batch.num_rows):
            yield from _values(batch.slice(index, 1))


def _text_row(part: RowSlice, offset: int, length: int | None, value: dict[str, Any]) -> RecordRow:
    text = value.get(part.fields.text)
    if not isinstance(text, str):
        found = "absent" if text is None else type(text).__name__
        return _unreadable(part, offset, "FieldError", f"{part.fields.text!r} is {found}, not text")
    payload = text.encode("utf-8", "replace")
    if len(payload) > part.max_record_bytes:
        return _unreadable(
            part,
            offset,
            "RecordTooLargeError",
            f"{len(payload)} bytes, limit {part.max_record_bytes}",
        )
    return row(
        part.source,
        part.name,
        payload=payload,
        offset=offset,
        length=length,
        url=_string(value.get(part.fields.url)),
        license=_string(value.get(part.fields.license)) or part.license,
        media_type=TEXT_TYPE,
        charset="utf-8",
    )


def _string(value: object) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def _unreadable(part: RowSlice, offset: int | None, error_type: str, message: str) -> RecordRow:
    return unreadable(
        part.source, part.name, offset=offset, error_type=error_type, error_message=message
    )
