"""What every export has in common: file sets, planned ahead, written forward from window shards.

The window shard is the one store; an export is a copy of it. An index cannot point into the store:
Megatron, OLMo and datatrove read a document as contiguous bytes, and one that is cut lies in
several windows (six tokens in ten are of such, where a tenth of the documents is long;
``benchmarks.export_speed``); MDS and Parquet have heads of their own in front of the tokens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import pyarrow as pa

from mixtures.windows import WindowLayout, WindowShard

DOCUMENTS_SUFFIX = ".documents.parquet"
"""Provenance beside every file set of documents: a row for each copy of a document."""


@dataclass(frozen=True, eq=False)
class NativeShard:
    """A window shard and its table of documents."""

    windows: WindowShard
    documents: pa.Table


@dataclass(frozen=True)
class FileSet:
    """Files that differ in their suffix: ``name`` without it, and the window shards they hold.

    Of these shards they hold the documents of ``component``; None holds all.
    """

    name: str
    shards: tuple[int, ...]
    component: str | None = None


@dataclass(frozen=True)
class SetCounts:
    """What a file set holds: ``sequences`` are documents or windows, as its format has it.

    ``copies`` counts the rows of the window shards' document tables that went into it.
    """

    sequences: int
    copies: int
    tokens: int

    def __add__(self, other: "SetCounts") -> "SetCounts":
        return SetCounts(
            self.sequences + other.sequences,
            self.copies + other.copies,
            self.tokens + other.tokens,
        )


@dataclass(frozen=True)
class WrittenSet:
    """A file set and what it came to; bytes and SHA-256 are those of its first file."""

    files: FileSet
    counts: SetCounts
    num_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ExportContext:
    """What a format must know of the stage it exports."""

    stage: str
    tokenizer: str
    layout: WindowLayout


class ExportFormat(Protocol):
    """A foreign format. All functions are pure: they see shards and streams, never paths."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of a set's files; the first holds the tokens."""

    def plan(self, shard_tokens: Sequence[Mapping[str, int]]) -> tuple[FileSet, ...]:
        """The file sets of a stage; ``shard_tokens`` has tokens by component for each shard."""

    def write(
        self,
        streams: Mapping[str, BinaryIO],
        shards: Iterable[NativeShard],
        *,
        files: FileSet,
        context: ExportContext,
    ) -> SetCounts:
        """Write one set forward, to a stream for each suffix; ``shards`` are those of ``files``."""

    def summarize(self, sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
        """Texts that describe all sets, by file name: indexes, blends, a README.md."""

    def verify(self, base: str, shards: Iterable[NativeShard], *, component: str | None) -> int:
        """Compare the local files ``base`` + suffix with ``shards`` token by token.

        Returns the tokens found; InvariantError at the first that differs.
        """


def plan_by_shard(num_shards: int, folder: str) -> tuple[FileSet, ...]:
    """One file set for each window shard, in ``folder``."""
    return tuple(
        FileSet(f"{folder}/part-{shard:05d}-of-{num_shards:05d}", (shard,))
        for shard in range(num_shards)
    )


def plan_by_component(
    shard_tokens: Sequence[Mapping[str, int]], folder: str, *, file_tokens: int
) -> tuple[FileSet, ...]:
    """File sets of one component each, of neighbouring shards with up to ``file_tokens`` in all.

    A component that a shard holds nothing of leaves it out; one that no shard holds has no file,
    because trainers refuse empty ones. A single shard may exceed ``file_tokens``.
    """
    planned: list[FileSet] = []
    for component in sorted({name for tokens in shard_tokens for name in tokens}):
        groups: list[list[int]] = []
        room = 0
        for shard, tokens in enumerate(shard_tokens):
            held = tokens.get(component, 0)
            if not held:
                continue
            if held > room:
                groups.append([])
                room = file_tokens
            groups[-1].append(shard)
            room -= held
        planned.extend(
            FileSet(
                f"{folder}/{component}/part-{number:05d}-of-{len(groups):05d}",
                tuple(group),
                component,
            )
            for number, group in enumerate(groups)
        )
    return tuple(planned)
