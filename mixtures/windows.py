"""Windows on disk: fixed-length rows of tokens and, beside them, where each document lies.

A shard NAME is four files, the first three of which need numpy and the standard library alone:

    NAME.tokens.npy          int32 (windows, S + 1 + k), to be memory-mapped
    NAME.segments.npy        SEGMENT_DTYPE, by window and start
    NAME.windows.json        S, k and the ids of the end-of-document and pad tokens
    NAME.documents.parquet   what each document is (``mixtures.provenance``)

The first S positions of a row are the window: whole documents and fragments back to back, pads only
after the last. Every document ends in one EOD. A fragment that does not hold its document's end
lies at the end of its window, and the 1 + k positions after it (the lookahead) hold the tokens that
follow in the document, so that no target is lost at any depth; otherwise they hold pads.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.errors import InvariantError

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Segments = npt.NDArray[np.void]
"""One-dimensional array of ``SEGMENT_DTYPE``."""

SEGMENT_DTYPE = np.dtype(
    [
        ("window", "<i8"),  # row of NAME.tokens.npy
        ("document", "<i8"),  # ``unit`` of NAME.documents.parquet: its row where none is joined
        ("offset", "<i8"),  # of the first token in its document
        ("start", "<i4"),  # of the first token in the window
        ("length", "<i4"),  # tokens in the window
        ("fragment", "<i4"),  # number of the piece of its document, in text order
        ("num_fragments", "<i4"),  # 1 for a whole document
        ("lookahead", "<i4"),  # true next tokens after the window; above 0 when it continues
    ]
)

TOKENS_SUFFIX = ".tokens.npy"
SEGMENTS_SUFFIX = ".segments.npy"
LAYOUT_SUFFIX = ".windows.json"
DOCUMENTS_SUFFIX = ".documents.parquet"
SUFFIXES = (TOKENS_SUFFIX, SEGMENTS_SUFFIX, LAYOUT_SUFFIX, DOCUMENTS_SUFFIX)

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class WindowLayout:
    """What a reader must know of a shard beyond its arrays."""

    sequence_tokens: int
    mtp_depth: int
    eod_id: int
    pad_id: int

    @property
    def row_tokens(self) -> int:
        """Length of a row: the window and its lookahead."""
        return self.sequence_tokens + 1 + self.mtp_depth

    def to_json(self) -> str:
        """Readable JSON; equal layouts give equal text."""
        fields = {"format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(fields, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read :meth:`to_json`; raises InvariantError on another version or other fields."""
        try:
            raw = json.loads(text)
            if raw.pop("format_version") != FORMAT_VERSION:
                raise InvariantError(f"windows of another format version than {FORMAT_VERSION}")
            return cls(**raw)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvariantError(f"not a window layout: {error}") from error


@dataclass(frozen=True, eq=False)
class TokenTable:
    """Documents, one after the other: a shard's, each ending in EOD.

    Document ``d`` is ``values[offsets[d] : offsets[d + 1]]``.
    """

    values: Int32Array
    offsets: Int64Array

    @classmethod
    def of(cls, documents: Sequence[Int32Array]) -> Self:
        """Join the tokens of documents."""
        lengths = np.array([len(document) for document in documents], np.int64)
        values = np.concatenate([*documents, np.empty(0, np.int32)]).astype(np.int32)
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    @property
    def lengths(self) -> Int64Array:
        """Tokens of every document."""
        return np.diff(self.offsets)


@dataclass(frozen=True, eq=False)
class WindowShard:
    """An opened shard: ``tokens`` is a memory map, ``segments`` an array.

    The segments of window ``w`` are ``segments[first_segment[w] : first_segment[w + 1]]``.
    """

    tokens: Int32Array
    segments: Segments
    first_segment: Int64Array
    layout: WindowLayout

    @property
    def num_windows(self) -> int:
        """Rows of the shard."""
        return len(self.tokens)

    def segments_of(self, window: int) -> Segments:
        """Segments of one window, in order."""
        return self.segments[self.first_segment[window] : self.first_segment[window + 1]]

    def locate(self, window: int, position: int) -> tuple[int, int]:
        """Unit and offset in it of a token; IndexError on a pad.

        ``mixtures.provenance.locate_member`` goes on to the document.
        """
        for segment in self.segments_of(window):
            distance = position - int(segment["start"])
            if 0 <= distance < segment["length"]:
                return int(segment["document"]), int(segment["offset"]) + distance
        raise IndexError(f"position {position} of window {window} is padding")


def shard_name(file_name: str) -> str:
    """Name of the shard that a file belongs to: the file's without its suffix."""
    for suffix in SUFFIXES:
        if file_name.endswith(suffix):
            return file_name.removesuffix(suffix)
    return file_name


def open_shard(path: str | Path) -> WindowShard:
    """Open the shard called ``path`` (any of its files, or their common name).

    Raises InvariantError when the arrays do not fit the layout; ``mixtures.verification`` checks
    the rest.
    """
    name = shard_name(str(path))
    layout = WindowLayout.from_json(Path(name + LAYOUT_SUFFIX).read_text(encoding="utf-8"))
    tokens = np.load(name + TOKENS_SUFFIX, mmap_mode="r", allow_pickle=False)
    segments = np.load(name + SEGMENTS_SUFFIX, allow_pickle=False)
    if tokens.dtype != np.int32 or tokens.ndim != 2 or tokens.shape[1] != layout.row_tokens:  # noqa: PLR2004
        raise InvariantError(
            f"{name}{TOKENS_SUFFIX} is {tokens.dtype} {tokens.shape}; the layout asks for int32 "
            f"(windows, {layout.row_tokens})"
        )
    if segments.dtype != SEGMENT_DTYPE or segments.ndim != 1:
        raise InvariantError(f"{name}{SEGMENTS_SUFFIX} does not hold segments: {segments.dtype}")
    return WindowShard(tokens, segments, first_segments(segments, len(tokens)), layout)


def first_segments(segments: Segments, num_windows: int) -> Int64Array:
    """Index of each window's first segment, and the number of segments last."""
    return np.searchsorted(segments["window"], np.arange(num_windows + 1)).astype(np.int64)


def count_windows(segments: Segments) -> int:
    """Windows that sorted segments fill."""
    return int(segments["window"][-1]) + 1 if len(segments) else 0
