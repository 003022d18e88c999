"""Listing of the inputs, and their division into shards of about equal bytes.

The division depends on the listing and on the recipe alone, never on how many workers there
are, so the same input gives the same shards everywhere. Names are relative to the fixed part of
the pattern that found them, so ids do not depend on the machine or bucket the files lie in.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError
from pipeline.storage.filesystem import Found, find, open_input, walk
from pipeline.storage.licenses import LICENSE_FILE_BYTES, is_license_file, license_of_tree
from pipeline.storage.record_row import RecordRow
from pipeline.storage.rows import FieldNames, RowSlice, read_jsonl, read_parquet
from pipeline.storage.trees import ARCHIVE_SUFFIXES, FileSlice, read_archive, read_file
from pipeline.storage.warc import CONVERSIONS, RESPONSES, WarcSlice, read_warc

Format = Literal["warc", "wet", "parquet", "jsonl", "files", "tree"]

MAX_FILES_PER_SHARD = 4096
"""Small files in one shard, so that a folder of a million tiny files still divides."""

IGNORED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__"})
"""Folders of a tree that hold no sources of their own."""


class SourceConfig(BaseModel):
    """One named source of a recipe: which files, how to read them, under which licence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Format = Field(
        description="warc: responses of WARC files; wet: converted text of WET files; parquet, "
        "jsonl: rows with a text field; files: each file is a document (PDF, HTML, notebook, "
        "text); tree: folders of source code, or zip and tar archives of them."
    )
    paths: Annotated[list[str], Field(min_length=1)] = Field(
        description="Files, folders or globs, local or on any fsspec file system."
    )
    license: str | None = Field(
        None, description="SPDX id of what states no licence of its own; null when unknown."
    )
    fields: FieldNames = Field(
        default_factory=FieldNames, description="Field names for jsonl and parquet."
    )


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file or a part of one. ``start``/``end`` are bytes, or row groups of a Parquet file."""

    path: str
    name: str
    member: str | None
    start: int
    end: int
    bytes: int
    license: str | None = None


@dataclass(frozen=True, kw_only=True)
class Split:
    """The pieces of one shard, all of one source."""

    shard: int
    num_shards: int
    source: str
    pieces: tuple[Piece, ...]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> "Split":
        """Read :meth:`to_json`."""
        raw = json.loads(line)
        return cls(**raw | {"pieces": tuple(Piece(**piece) for piece in raw["pieces"])})


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file of a source. ``version`` changes with its content (time of change, or ETag).

    ``license`` is the SPDX expression of the tree that the file belongs to, where that states one.
    """

    path: str
    name: str
    member: str | None
    bytes: int
    version: str
    license: str | None = None


def list_inputs(sources: Mapping[str, SourceConfig]) -> dict[str, list[InputFile]]:
    """The files of every source, by source name in sorted order.

    Raises ConfigError when a path matches nothing or two paths give one name.
    """
    listing = {}
    for source, config in sorted(sources.items()):
        files = [f for pattern in config.paths for f in _list(source, pattern, config.format)]
        files.sort(key=lambda file: (file.name, file.member or ""))
        for one, two in pairwise(files):
            if (one.name, one.member) == (two.name, two.member):
                raise ConfigError(
                    f"sources.{source}.paths: {one.path} and {two.path} would both be called "
                    f"{one.name!r}; list a file once, or make them two sources"
                )
        listing[source] = files
    return listing


def plan_splits(
    listing: Mapping[str, Sequence[InputFile]],
    sources: Mapping[str, SourceConfig],
    *,
    split_bytes: int,
) -> list[Split]:
    """Divide every source into shards of about ``split_bytes`` input bytes, in listing order.

    WARC, WET and plain JSONL files are cut at bytes, Parquet files at row groups; other files
    are whole. Small files share a shard.
    """
    groups: list[tuple[str, tuple[Piece, ...]]] = []
    for source, files in listing.items():
        group: list[Piece] = []
        group_bytes = 0
        for file in files:
            for piece in _pieces(file, sources[source].format, split_bytes):
                is_full = group_bytes + piece.bytes > split_bytes
                if group and (is_full or len(group) >= MAX_FILES_PER_SHARD):
                    groups.append((source, tuple(group)))
                    group, group_bytes = [], 0
                group.append(piece)
                group_bytes += piece.bytes
        if group:
            groups.append((source, tuple(group)))
    return [
        Split(shard=shard, num_shards=len(groups), source=source, pieces=pieces)
        for shard, (source, pieces) in enumerate(groups)
    ]


def read_split(
    split: Split, config: SourceConfig, *, max_record_bytes: int, ignored: dict[str, int]
) -> Iterator[RecordRow]:
    """Rows of every piece, in order. Records that hold no document are counted in ``ignored``."""
    for piece in split.pieces:
        match config.format:
            case "warc" | "wet":
                part = WarcSlice(
                    source=split.source,
                    name=piece.name,
                    start=piece.start,
                    end=piece.end,
                    record_types=RESPONSES if config.format == "warc" else CONVERSIONS,
                    license=config.license,
                    max_record_bytes=max_record_bytes,
                )
                yield from read_warc(partial(open_input, piece.path), part, ignored)
            case "parquet" | "jsonl":
                read_rows = read_parquet if config.format == "parquet" else read_jsonl
                yield from read_rows(
                    RowSlice(
                        source=split.source,
                        path=piece.path,
                        name=piece.name,
                        start=piece.start,
                        end=piece.end,
                        fields=config.fields,
                        license=config.license,
                        max_record_bytes=max_record_bytes,
                    )
                )
            case "files" | "tree":
                file = FileSlice(
                    source=split.source,
                    path=piece.path,
                    name=piece.name,
                    member=piece.member,
                    license=piece.license or config.license,
                    max_record_bytes=max_record_bytes,
                )
                is_archive = config.format == "tree" and _is_archive(piece)
                yield from read_archive(file, ignored) if is_archive else read_file(file)


def _is_archive(piece: Piece) -> bool:
    return piece.member is None and piece.name.endswith(ARCHIVE_SUFFIXES)


def _list(source: str, pattern: str, form: Format) -> list[InputFile]:
    found = find(pattern)
    if form == "tree":
        files = [file for root in found for file in _tree(root)]
    else:
        files = [_input(one, one.name, None) for one in found if not one.is_folder]
    if not files:
        raise ConfigError(f"sources.{source}.paths: {pattern!r} matches no file")
    return files


def _tree(root: Found) -> list[InputFile]:
    """The archive ``root``, or every file below the folder it is."""
    if not root.is_folder:
        return [_input(root, root.name, None)]
    files = [f for f in walk(root.path) if not IGNORED_FOLDERS.intersection(f.name.split("/"))]
    license_id = license_of_tree(_start(f.path) for f in files if is_license_file(f.name))
    return [replace(_input(file, root.name, file.name), license=license_id) for file in files]


def _start(path: str) -> str:
    """The beginning of a licence file."""
    with open_input(path) as file:
        return file.read(LICENSE_FILE_BYTES).decode("utf-8", "replace")


def _input(found: Found, name: str, member: str | None) -> InputFile:
    info = found.info
    version = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("updated") or ""
    return InputFile(
        path=found.path, name=name, member=member, bytes=int(info["size"]), version=str(version)
    )


def _pieces(file: InputFile, form: Format, split_bytes: int) -> Iterator[Piece]:
    if form == "parquet":
        yield from _row_groups(file, split_bytes)
        return
    is_cut = form in ("warc", "wet") or (form == "jsonl" and not file.name.endswith(".gz"))
    step = split_bytes if is_cut else max(file.bytes, 1)
    for start in range(0, max(file.bytes, 1), step):
        end = min(start + step, file.bytes)
        yield Piece(
            path=file.path,
            name=file.name,
            member=file.member,
            start=start,
            end=end,
            bytes=end - start,
            license=file.license,
        )


def _row_groups(file: InputFile, split_bytes: int) -> Iterator[Piece]:
    """Runs of row groups of about ``split_bytes``; a file that is no Parquet is one piece."""
    try:
        with open_input(file.path) as opened:
            metadata = pq.read_metadata(opened)
            sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    except (pa.ArrowException, OSError):
        sizes = [file.bytes]
    start, pending = 0, 0
    for group, size in enumerate(sizes):
        if pending and pending + size > split_bytes:
            yield Piece(
                path=file.path, name=file.name, member=None, start=start, end=group, bytes=pending
            )
            start, pending = group, 0
        pending += size
    yield Piece(
        path=file.path, name=file.name, member=None, start=start, end=len(sizes), bytes=pending
    )
