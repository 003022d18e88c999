"""Problems to solve: rows ``{id, problem, answer}`` of JSONL (also gzipped) and Parquet files."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ConfigError
from pipeline.storage.filesystem import find, open_input
from pipeline.storage.splits import InputFile, Piece, SourceConfig, Split, plan_splits

PROBLEM_SCHEMA = pa.schema(
    [
        pa.field("seed_id", pa.string(), nullable=False),
        pa.field("problem", pa.large_string()),  # null for a row that could not be read
        pa.field("answer", pa.string()),  # null where none is known
        pa.field("archive", pa.string(), nullable=False),
        pa.field("offset", pa.int64()),  # byte of the line, or number of the Parquet row
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)

MAX_LINE_BYTES = 1 << 20
"""A longer line is no problem statement; it is counted as failed and not held in memory."""

Lines = IO[bytes] | gzip.GzipFile

_JSONL, _PARQUET = "jsonl", "parquet"


class ProblemRow(NamedTuple):
    """A row of ``PROBLEM_SCHEMA``, fields in its order."""

    seed_id: str
    problem: str | None
    answer: str | None
    archive: str
    offset: int | None
    error_type: str | None
    error_message: str | None


def list_problems(patterns: Sequence[str]) -> list[InputFile]:
    """Files that the globs match, sorted by name; ConfigError when one matches nothing."""
    files: dict[str, InputFile] = {}
    for pattern in patterns:
        matches = [found for found in find(pattern) if not found.is_folder]
        if not matches:
            raise ConfigError(f"synthesize.mathematics.problems: {pattern!r} matches no file")
        for found in matches:
            version = found.info.get("ETag") or found.info.get("mtime") or ""
            size = int(found.info["size"])
            file = InputFile(
                path=found.path, name=found.name, member=None, bytes=size, version=str(version)
            )
            if files.setdefault(file.name, file).path != file.path:
                raise ConfigError(
                    f"synthesize.mathematics.problems: {files[file.name].path} and {file.path} "
                    f"would both be called {file.name!r}; widen the pattern to tell them apart"
                )
    return [files[name] for name in sorted(files)]


def plan_problem_splits(files: Iterable[InputFile], *, split_bytes: int) -> list[Split]:
    """Divide the files into shards of about ``split_bytes``; the files alone decide how."""
    listing: dict[str, list[InputFile]] = {}
    for file in files:
        form = _PARQUET if file.name.endswith(".parquet") else _JSONL
        listing.setdefault(form, []).append(file)
    sources = {
        form: SourceConfig(format=form, paths=["problems"])  # type: ignore[arg-type]
        for form in listing
    }
    return plan_splits(dict(sorted(listing.items())), sources, split_bytes=split_bytes)


def read_problems(split: Split) -> Iterator[ProblemRow]:
    """Problems of a shard in order; a row that is none comes with its error and no problem."""
    for piece in split.pieces:
        yield from _read_parquet(piece) if split.source == _PARQUET else _read_jsonl(piece)


def to_batch(rows: Sequence[ProblemRow]) -> pa.RecordBatch:
    """Rows as one batch of ``PROBLEM_SCHEMA``."""
    columns = zip(*rows, strict=True) if rows else [()] * len(PROBLEM_SCHEMA)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, PROBLEM_SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=PROBLEM_SCHEMA)


def _read_jsonl(piece: Piece) -> Iterator[ProblemRow]:
    with open_input(piece.path) as raw:
        is_gzip = piece.name.endswith(".gz")
        file: Lines = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        with closing(file):
            offset = 0
            if piece.start:  # the line before the slice belongs to the slice before
                file.seek(piece.start - 1)
                offset = piece.start - 1 + len(file.readline())
            while is_gzip or offset < piece.end:
                try:
                    line = file.readline(MAX_LINE_BYTES + 1)
                    length = len(line) + _skip_rest(file, line)
                except (OSError, EOFError) as error:
                    yield _unreadable(piece, offset, "TruncatedError", str(error))
                    return
                if not line:
                    return
                if line.strip():
                    yield _json_row(piece, offset, line, length)
                offset += length


def _skip_rest(file: Lines, line: bytes) -> int:
    skipped = 0
    while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
        line = file.readline(MAX_LINE_BYTES + 1)
        skipped += len(line)
    return skipped


def _json_row(piece: Piece, offset: int, line: bytes, length: int) -> ProblemRow:
    if length > MAX_LINE_BYTES:
        message = f"a line of {length} bytes, limit {MAX_LINE_BYTES}"
        return _unreadable(piece, offset, "RecordTooLargeError", message)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _unreadable(piece, offset, "JSONDecodeError", str(error))
    return _row(piece, offset, value)


def _read_parquet(piece: Piece) -> Iterator[ProblemRow]:
    try:
        with open_input(piece.path) as file, pq.ParquetFile(file) as parquet:
            groups = range(piece.start, min(piece.end, parquet.num_row_groups))
            offset = sum(parquet.metadata.row_group(i).num_rows for i in range(piece.start))
            names = [n for n in ("id", "problem", "answer") if n in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(row_groups=list(groups), columns=names):
                for value in batch.to_pylist():
                    yield _row(piece, offset, value)
                    offset += 1
    except (pa.ArrowException, OSError) as error:
        yield _unreadable(piece, None, type(error).__name__, str(error))


def _row(piece: Piece, offset: int, value: Any) -> ProblemRow:
    if not isinstance(value, dict):
        message = f"a {type(value).__name__}, not an object"
        return _unreadable(piece, offset, "FieldError", message)
    problem, answer, given = (value.get(name) for name in ("problem", "answer", "id"))
    if not isinstance(problem, str) or not problem.strip():
        found = "empty" if isinstance(problem, str) else type(problem).__name__
        return _unreadable(piece, offset, "FieldError", f"'problem' is {found}, not text")
    if isinstance(answer, bool) or not isinstance(answer, str | int | float | None):
        message = f"'answer' is {type(answer).__name__}; text, a number or null is allowed"
        return _unreadable(piece, offset, "FieldError", message)
    seed_id = str(given) if isinstance(given, str | int) else _place(piece, offset)
    gold = None if answer is None or answer == "" else str(answer)
    return ProblemRow(seed_id, _utf8(problem), gold and _utf8(gold), piece.name, offset, None, None)


def _unreadable(piece: Piece, offset: int | None, error_type: str, message: str) -> ProblemRow:
    return ProblemRow(
        _place(piece, offset), None, None, piece.name, offset, error_type, _utf8(message)
    )


def _place(piece: Piece, offset: int | None) -> str:
    """Seed id of a row that states none."""
    return piece.name if offset is None else f"{piece.name}:{offset}"


def _utf8(text: str) -> str:
    """``text`` without lone surrogates, which JSON can spell and Arrow cannot hold."""
    return text.encode("utf-8", "replace").decode()
