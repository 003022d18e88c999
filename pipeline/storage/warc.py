"""WARC and WET files, whole or a byte range of one, with every broken record accounted for.

FastWARC reads the records. What it does not say is whether a record is whole: a truncated
member gives a short payload or a silent end, a lying Content-Length swallows the next record,
and one broken member ends the iteration. So the length of every block is checked, a record is
held back until the one after it has been found where it should be, and after a break the reader
goes on at the next member that starts a record.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from pipeline.storage.record_row import RecordRow, row, unreadable

GZIP_MAGIC = b"\x1f\x8b\x08"
_RECORD_START = b"WARC/"
_RECORD_END = b"\r\n\r\n"
_SCAN_BYTES = 1 << 20
_HEADER_BYTES = 1 << 16
"""A record header longer than this is not recognised; crawlers cut URLs well below."""

RESPONSES = WarcRecordType.response | WarcRecordType.resource
CONVERSIONS = WarcRecordType.conversion

_Held = tuple[int, RecordRow | None]
"""A record's offset, and its row unless it is of a type that holds no document."""


@dataclass(frozen=True, kw_only=True)
class WarcSlice:
    """Records that start in ``[start, end)`` of the file called ``name`` in ``source``."""

    source: str
    name: str
    start: int
    end: int
    record_types: int
    license: str | None
    max_record_bytes: int


def read_warc(
    open_file: Callable[[], IO[bytes]], part: WarcSlice, ignored: dict[str, int]
) -> Iterator[RecordRow]:
    """Rows for the slice's records, in file order; broken ones as unreadable rows.

    Records of other types (request, warcinfo, ...) are no documents; they are counted by type
    in ``ignored``. ``open_file`` is called once for each run of healthy records. A file whose
    gzip members hold several records has no places to cut at: it is one unreadable row.
    """
    if _shares_members(open_file, max_record_bytes=part.max_record_bytes):
        if part.start == 0:
            yield _broken(part, 0, "a gzip member holds several records; compress each one alone")
        return
    position = part.start
    if position:
        position = _next_record(open_file, position - 1, part.end)
    while position < part.end:
        run = _Run(open_file, part, ignored)
        yield from run.rows(position)
        if run.stopped_at is None:
            return
        if run.stopped_at >= part.end and _is_found(open_file, run.stopped_at):
            return  # it belongs to the slice that it starts in
        position = _next_record(open_file, run.stopped_at, part.end)
        yield _broken(part, run.stopped_at, f"{run.problem}; reading went on at byte {position}")


def _broken(part: WarcSlice, offset: int, message: str) -> RecordRow:
    return unreadable(
        part.source,
        part.name,
        offset=offset,
        error_type="WarcRecordError",
        error_message=message,
    )


class _Run:
    """Reads from one position until a record is broken or starts in a later slice."""

    def __init__(
        self, open_file: Callable[[], IO[bytes]], part: WarcSlice, ignored: dict[str, int]
    ) -> None:
        self._open_file = open_file
        self._part = part
        self._ignored = ignored
        self.stopped_at: int | None = None
        self.problem = ""

    def rows(self, position: int) -> Iterator[RecordRow]:
        with self._open_file() as file:
            file.seek(position)
            records = ArchiveIterator(
                file, record_types=WarcRecordType.any_type, parse_http=False, fsspec_args=False
            )
            held: _Held | None = None
            while True:
                try:
                    record = next(records, None)
                    block = self._read_block(record)
                except (OSError, ValueError) as error:
                    self.stopped_at, self.problem = self._blame(held, position), str(error)
                    yield from self._release(held)
                    return
                if record is None:
                    self.stopped_at = self._end_of(held, position)
                    self.problem = "the file ends inside a record"
                yield from self._release(held)
                if record is None:
                    return
                if record.stream_pos >= self._part.end:
                    self.stopped_at, self.problem = record.stream_pos, "no record starts there"
                    return
                if block is not None and len(block) < record.content_length:
                    self.stopped_at = record.stream_pos
                    self.problem = f"{len(block)} of {record.content_length} bytes are there"
                    return
                held = (record.stream_pos, self._to_row(record, record.stream_pos, block))

    def _read_block(self, record: Any) -> bytes | None:
        """The record's block; None when it is over the limit, or the next slice's."""
        is_next = record is None or record.stream_pos >= self._part.end
        if is_next or record.content_length > self._part.max_record_bytes:
            return None
        return record.reader.read()  # type: ignore[no-any-return]

    def _release(self, held: _Held | None) -> Iterator[RecordRow]:
        """The held record's row, unless it is of no document or turned out to be the broken one."""
        if held is not None and held[1] is not None and held[0] != self.stopped_at:
            yield held[1]

    def _blame(self, held: _Held | None, position: int) -> int:
        """Offset of the record at fault: the held one if it reaches past its own member."""
        if held is None:
            return position
        end = _member_end(self._open_file, held[0])
        return held[0] if end is None else end

    def _end_of(self, held: _Held | None, position: int) -> int | None:
        """Where a truncated record starts before the end of the file, or None if all is well."""
        with self._open_file() as file:
            size = file.seek(0, 2)
        end = position if held is None else _member_end(self._open_file, held[0])
        if end is None:
            return held[0] if held is not None else position
        return end if end < size else None

    def _to_row(self, record: Any, offset: int, block: bytes | None) -> RecordRow | None:
        part = self._part
        if not record.record_type & part.record_types:
            kind = f"warc.{record.record_type}"
            self._ignored[kind] = self._ignored.get(kind, 0) + 1
            return None
        url = (record.headers.get("WARC-Target-URI") or "").strip("<> ") or None
        if block is None:
            return unreadable(
                part.source,
                part.name,
                offset=offset,
                url=url,
                error_type="RecordTooLargeError",
                error_message=f"{record.content_length} bytes, limit {part.max_record_bytes}",
            )
        length = len(block)
        charset = None
        if record.is_http:
            try:
                block, media_type, charset = _decode_http(block)
            except (OSError, ValueError) as error:
                return unreadable(
                    part.source,
                    part.name,
                    offset=offset,
                    url=url,
                    error_type="HttpPayloadError",
                    error_message=str(error),
                )
        else:
            media_type = (record.headers.get("Content-Type") or "").partition(";")[0] or None
        return row(
            part.source,
            part.name,
            payload=block,
            offset=offset,
            length=length,
            url=url,
            media_type=media_type,
            charset=charset,
            license=part.license,
            fetched_at=record.record_date,
        )


def _decode_http(block: bytes) -> tuple[bytes, str | None, str | None]:
    """Payload, media type and charset of an HTTP message. Raises OSError where it is damaged.

    In a record of its own: one that fails to decode would take the iteration down with it.
    """
    message = WarcRecord()
    message.init_headers(WarcRecordType.response)
    message.is_http = True
    message.set_bytes_content(block)
    message.parse_http(auto_decode="all")
    return message.reader.read(), message.http_content_type, message.http_charset


def _shares_members(open_file: Callable[[], IO[bytes]], *, max_record_bytes: int) -> bool:
    """Whether the first gzip member holds a second record, as ``gzip crawl.warc`` makes it."""
    inflater, text, size = zlib.decompressobj(31), bytearray(), None
    with open_file() as file:
        while not inflater.eof and (data := inflater.unconsumed_tail or file.read(_HEADER_BYTES)):
            try:
                text += inflater.decompress(data, _SCAN_BYTES)
            except zlib.error:
                return False
            size = _record_bytes(bytes(text[:_HEADER_BYTES])) if size is None else size
            enough = _HEADER_BYTES if size is None else min(size, max_record_bytes)
            if len(text) >= enough + len(_RECORD_START):
                break
    return size is not None and text[size:].startswith(_RECORD_START)


def _member_end(open_file: Callable[[], IO[bytes]], start: int) -> int | None:
    """Offset just after the record or gzip member at ``start``; None if it is not whole.

    For an uncompressed file, and for a gzip member that holds one record, the end must be where
    the record's own Content-Length puts it.
    """
    with open_file() as file:
        file.seek(start)
        if file.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
            file.seek(start)
            return _plain_end(file.read(_HEADER_BYTES), start, file)
        file.seek(start)
        inflater = zlib.decompressobj(31)
        position, head, inflated = start, b"", 0
        while not inflater.eof:
            data = file.read(_SCAN_BYTES)
            if not data:
                return None
            try:
                text = inflater.decompress(data)
            except zlib.error:
                return None
            head = (head + text)[:_HEADER_BYTES]
            inflated += len(text)
            position += len(data)
        if _record_bytes(head) != inflated:
            return None
        return position - len(inflater.unused_data)


def _plain_end(head: bytes, start: int, file: IO[bytes]) -> int | None:
    num_bytes = _record_bytes(head)
    if num_bytes is None:
        return None
    file.seek(start + num_bytes - len(_RECORD_END))
    return start + num_bytes if file.read(len(_RECORD_END)) == _RECORD_END else None


def _record_bytes(head: bytes) -> int | None:
    """Bytes of the record whose first bytes are ``head``: header, block and two line ends."""
    header, separator, _ = head.partition(_RECORD_END)
    if not separator or not header.startswith(_RECORD_START):
        return None
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip() == b"Content-Length" and value.strip().isdigit():  # as FastWARC, by case
            return len(header) + len(separator) + int(value) + len(_RECORD_END)
    return None


def _next_record(open_file: Callable[[], IO[bytes]], after: int, end: int) -> int:
    """Offset of the first record that starts after byte ``after``; ``end`` if there is none."""
    with open_file() as file:
        for marker in _markers(file):
            found = _search(file, marker, after + 1, end)
            if found < end:
                return found
    return end


def _markers(file: IO[bytes]) -> list[bytes]:
    """What starts a record in this file; both, compressed first, when its own start is damaged."""
    file.seek(0)
    head = file.read(len(_RECORD_START))
    markers = [GZIP_MAGIC, _RECORD_START]
    return [marker for marker in markers if head.startswith(marker)] or markers


def _search(file: IO[bytes], marker: bytes, position: int, end: int) -> int:
    tail = b""
    while position < end:
        file.seek(position)
        data = file.read(_SCAN_BYTES)
        if not data:
            break
        window = tail + data
        found = window.find(marker)
        while found >= 0:
            candidate = position - len(tail) + found
            if _starts_record(file, candidate, marker):
                return min(candidate, end)
            found = window.find(marker, found + 1)
        tail = window[-(len(marker) - 1) :]
        position += len(data)
    return end


def _is_found(open_file: Callable[[], IO[bytes]], offset: int) -> bool:
    """Whether a search would take what lies at ``offset`` for the start of a record."""
    with open_file() as file:
        return any(_starts_record(file, offset, marker) for marker in _markers(file))


def _starts_record(file: IO[bytes], offset: int, marker: bytes) -> bool:
    file.seek(offset)
    head = file.read(_HEADER_BYTES)
    if marker == GZIP_MAGIC:
        try:
            head = zlib.decompressobj(31).decompress(head, _HEADER_BYTES)
        except zlib.error:
            return False
    return head.startswith(_RECORD_START) and b"\nwarc-type:" in head.lower()
