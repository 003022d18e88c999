"""Problems to solve: rows of JSONL (gzipped too) and Parquet files, and questions of documents."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, Annotated, Any, Literal, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.errors import ConfigError
from pipeline.storage.filesystem import find, open_input
from pipeline.storage.splits import InputFile, Piece, SourceConfig, Split, plan_splits

PROBLEM_SCHEMA = pa.schema(
    [
        pa.field("seed_id", pa.string(), nullable=False),
        pa.field("problem", pa.large_string()),  # null for a row that could not be read
        pa.field("answer", pa.large_string()),  # null where none is known
        pa.field("reference", pa.large_string()),  # a whole solution; null where none is known
        pa.field("tests", pa.large_string()),  # JSON, or the text of the file; null without any
        pa.field("url", pa.string()),
        pa.field("archive", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("offset", pa.int64()),  # byte of the line, number of the Parquet row, or of a char
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)

QUESTION_KINDS = ("value", "proof", "choice", "yes_no", "open", "code")
"""What ``questions`` tells apart; only a value can be checked without a judge."""


class ProblemsConfig(BaseModel):
    """One named set of problems: of files, or found in the seed documents of a set."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    paths: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="Files or globs of JSONL (.gz) or Parquet with the field problem, and maybe "
        "id, answer (what a checker compares with), reference (a whole solution) and tests.",
    )
    seeds: str | None = Field(
        None,
        description="Set of seed documents (forum threads, textbooks) whose questions and answers "
        "are the problems.",
    )
    kinds: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description=f"Kinds of questions taken from documents: {', '.join(QUESTION_KINDS)}."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.paths is None) == (self.seeds is None):
            raise ValueError("give either paths (files) or seeds (a set of seed documents)")
        if self.kinds is not None and self.seeds is None:
            raise ValueError("kinds chooses among questions of documents; it needs seeds")
        unknown = sorted(set(self.kinds or ()) - set(QUESTION_KINDS))
        if unknown:
            raise ValueError(f"kinds {unknown} are unknown; there are {', '.join(QUESTION_KINDS)}")
        return self


MAX_LINE_BYTES = 1 << 20
"""A longer line is no problem statement; it is counted as failed and not held in memory."""

Lines = IO[bytes] | gzip.GzipFile

_FIELDS = ("id", "problem", "answer", "reference", "tests", "url")


class ProblemRow(NamedTuple):
    """A row of ``PROBLEM_SCHEMA``, fields in its order."""

    seed_id: str
    problem: str | None
    answer: str | None
    reference: str | None
    tests: str | None
    url: str | None
    archive: str
    member: str | None
    offset: int | None
    error_type: str | None
    error_message: str | None


def list_problems(sets: Mapping[str, Sequence[str]]) -> dict[str, list[InputFile]]:
    """Files that the globs of each set match, sorted by name.

    Raises ConfigError when a glob matches nothing, or two files of a set have one name.
    """
    return {name: _list_set(name, patterns) for name, patterns in sorted(sets.items())}


def _list_set(name: str, patterns: Sequence[str]) -> list[InputFile]:
    where = f"synthesize.problems.{name}.paths"
    files: dict[str, InputFile] = {}
    for pattern in patterns:
        matches = [found for found in find(pattern) if not found.is_folder]
        if not matches:
            raise ConfigError(f"{where}: {pattern!r} matches no file")
        for found in matches:
            version = found.info.get("ETag") or found.info.get("mtime") or ""
            size = int(found.info["size"])
            file = InputFile(
                path=found.path, name=found.name, member=None, bytes=size, version=str(version)
            )
            if files.setdefault(file.name, file).path != file.path:
                raise ConfigError(
                    f"{where}: {files[file.name].path} and {file.path} would both be called "
                    f"{file.name!r}; widen the pattern to tell them apart"
                )
    return [files[name] for name in sorted(files)]


def plan_problem_splits(
    listing: Mapping[str, Sequence[InputFile]], *, split_bytes: int
) -> list[Split]:
    """Divide the files of the sets into shards of about ``split_bytes``; the files alone decide.

    The source of a split is ``<form>:<set>``.
    """
    parts: dict[str, list[InputFile]] = {}
    sources: dict[str, SourceConfig] = {}
    for name, files in sorted(listing.items()):
        for file in files:
            form: Literal["parquet", "jsonl"] = (
                "parquet" if file.name.endswith(".parquet") else "jsonl"
            )
            parts.setdefault(f"{form}:{name}", []).append(file)
            sources[f"{form}:{name}"] = SourceConfig(format=form, paths=["problems"])
    return plan_splits(dict(sorted(parts.items())), sources, split_bytes=split_bytes)


def set_of(split: Split) -> str:
    """The set of problems that a split is of."""
    return split.source.partition(":")[2]


def read_problems(split: Split) -> Iterator[ProblemRow]:
    """Problems of a shard in order; a row that is none comes with its error and no problem."""
    for piece in split.pieces:
        is_parquet = split.source.startswith("parquet:")
        yield from _read_parquet(piece) if is_parquet else _read_jsonl(piece)


def to_batch(rows: Sequence[ProblemRow]) -> pa.RecordBatch:
    """Rows as one batch of ``PROBLEM_SCHEMA``."""
    columns = zip(*rows, strict=True) if rows else [()] * len(PROBLEM_SCHEMA)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, PROBLEM_SCHEMA, strict=True)]
    return pa.record_batch(arrays, schema=PROBLEM_SCHEMA)


def problems_of_document(
    seed: Mapping[str, Any], *, kinds: Sequence[str] | None
) -> Iterator[ProblemRow]:
    """Questions that a seed document answers; of ``kinds`` only, where those are given.

    ``seed`` has ``id``, ``text`` and where the document lies. The answer is what a checker can
    compare with, the reference all that the page says.
    """
    from synth.questions.extraction import extract_questions

    for found in extract_questions(seed["text"]):
        if kinds is not None and found.problem_kind not in kinds:
            continue
        yield ProblemRow(
            seed_id=f"{seed['id']}:{found.question_start}",
            problem=found.question,
            answer=found.final_answer,
            reference=found.answer,
            tests=None,
            url=seed["url"],
            archive=seed["archive"],
            member=seed["member"],
            offset=seed["offset"],
            error_type=None,
            error_message=None,
        )


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
            names = [n for n in _FIELDS if n in parquet.schema_arrow.names]
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
    problem, answer = value.get("problem"), value.get("answer")
    if not isinstance(problem, str) or not problem.strip():
        found = "empty" if isinstance(problem, str) else type(problem).__name__
        return _unreadable(piece, offset, "FieldError", f"'problem' is {found}, not text")
    if isinstance(answer, bool) or not isinstance(answer, str | int | float | None):
        message = f"'answer' is {type(answer).__name__}; text, a number or null is allowed"
        return _unreadable(piece, offset, "FieldError", message)
    texts: dict[str, str | None] = {}
    for name in ("reference", "url"):
        text = value.get(name)
        if not isinstance(text, str | None):
            message = f"{name!r} is {type(text).__name__}; text or null is allowed"
            return _unreadable(piece, offset, "FieldError", message)
        texts[name] = _text_or_none(text)
    given, tests = value.get("id"), value.get("tests")
    return ProblemRow(
        seed_id=str(given) if isinstance(given, str | int) else _place(piece, offset),
        problem=_utf8(problem),
        answer=_text_or_none(None if answer is None else str(answer)),
        reference=texts["reference"],
        tests=_text_or_none(tests if isinstance(tests, str | None) else json.dumps(tests)),
        url=texts["url"],
        archive=piece.name,
        member=None,
        offset=offset,
        error_type=None,
        error_message=None,
    )


def _text_or_none(text: str | None) -> str | None:
    return _utf8(text) if text else None


def _unreadable(piece: Piece, offset: int | None, error_type: str, message: str) -> ProblemRow:
    return ProblemRow(
        seed_id=_place(piece, offset),
        problem=None,
        answer=None,
        reference=None,
        tests=None,
        url=None,
        archive=piece.name,
        member=None,
        offset=offset,
        error_type=error_type,
        error_message=_utf8(message),
    )


def _place(piece: Piece, offset: int | None) -> str:
    """Seed id of a row that states none."""
    return piece.name if offset is None else f"{piece.name}:{offset}"


def _utf8(text: str) -> str:
    """``text`` without lone surrogates, which JSON can spell and Arrow cannot hold."""
    return text.encode("utf-8", "replace").decode()
