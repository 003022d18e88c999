"""Formats of documents: all tokens in one file without a header, and an index of where they end.

Megatron, OLMo and datatrove agree on the tokens, little-endian 32-bit numbers one after the other
(int32 and uint32 are the same bytes for ids of a vocabulary), and differ in the index alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.formats.documents import SEQUENCE, token_blocks, units, whole_documents
from mixtures.formats.export import (
    DOCUMENTS_SUFFIX,
    ExportContext,
    FileSet,
    NativeShard,
    SetCounts,
    WrittenSet,
    plan_by_component,
)
from mixtures.windows import Int32Array, Int64Array
from pipeline.errors import InvariantError


@dataclass(frozen=True, eq=False)
class DocumentIndex:
    """The sequences of a file: their tokens, and the id and row of each one's first document.

    ``rows`` count from 0 in the set's document table.
    """

    lengths: Int64Array
    ids: pa.ChunkedArray
    rows: Int64Array

    @property
    def ends(self) -> Int64Array:
        """Where each sequence ends, in tokens from the file's beginning."""
        return np.cumsum(self.lengths, dtype=np.int64)


IndexWriter = Callable[[BinaryIO, DocumentIndex, FileSet, ExportContext], None]


@dataclass(frozen=True, kw_only=True)
class DocumentFormat:
    """A format of documents; a file set holds one component.

    ``indexes`` writes each file beside the tokens, ``read_lengths`` reads the lengths of sequences
    from the local files of a set, and ``describe`` makes the texts for a whole stage.
    """

    name: str
    tokens_suffix: str
    indexes: Mapping[str, IndexWriter]
    read_lengths: Callable[[str], Int64Array]
    describe: Callable[[Sequence[WrittenSet], ExportContext], Mapping[str, str]]
    file_tokens: int

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of a set's files, the tokens' first."""
        return (self.tokens_suffix, *self.indexes, DOCUMENTS_SUFFIX)

    def plan(self, shard_tokens: Sequence[Mapping[str, int]]) -> tuple[FileSet, ...]:
        """A set for each component and run of shards, of about ``file_tokens`` at most."""
        return plan_by_component(shard_tokens, self.name, file_tokens=self.file_tokens)

    def write(
        self,
        streams: Mapping[str, BinaryIO],
        shards: Iterable[NativeShard],
        *,
        files: FileSet,
        context: ExportContext,
    ) -> SetCounts:
        """Write tokens and document table shard by shard, then the indexes."""
        index, copies = _write_documents(
            streams[self.tokens_suffix], streams[DOCUMENTS_SUFFIX], shards, files.component
        )
        for suffix, write_index in self.indexes.items():
            write_index(streams[suffix], index, files, context)
        return SetCounts(len(index.lengths), copies, int(index.lengths.sum()))

    def summarize(self, sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
        """See ``describe``."""
        return self.describe(sets, context)

    def verify(self, base: str, shards: Iterable[NativeShard], *, component: str | None) -> int:
        """Find every segment of ``shards`` in the file, and nothing in the file besides."""
        lengths = self.read_lengths(base)
        path = base + self.tokens_suffix
        if Path(path).stat().st_size != 4 * int(lengths.sum()):
            raise InvariantError(f"{path} does not hold the {int(lengths.sum())} tokens indexed")
        tokens = np.memmap(path, "<i4", mode="r")
        table = pq.read_table(base + DOCUMENTS_SUFFIX, columns=[SEQUENCE, "id", "copy"])
        names = zip(table.column("id").to_pylist(), table.column("copy").to_pylist(), strict=True)
        sequence_of = dict(zip(names, table.column(SEQUENCE).to_pylist(), strict=True))
        begins = np.cumsum(lengths) - lengths
        found = sum(
            _compare(
                native,
                component,
                tokens=tokens,
                begins=begins,
                sequence_of=sequence_of,
                path=path,
            )
            for native in shards
        )
        if found != len(tokens):
            raise InvariantError(f"{path}: {len(tokens)} tokens, the windows hold {found}")
        return found


def _write_documents(
    tokens: BinaryIO,
    documents: BinaryIO,
    shards: Iterable[NativeShard],
    component: str | None,
) -> tuple[DocumentIndex, int]:
    """Write the tokens and the document table; returns the index and the table's rows."""
    lengths: list[Int64Array] = []
    rows: list[Int64Array] = []
    ids: list[pa.Array] = []
    num_sequences = num_rows = 0
    writer: pq.ParquetWriter | None = None
    for native in shards:
        part = whole_documents(native, component=component)
        tokens.writelines(block.tobytes() for block in token_blocks(part))
        sequence_r = part.table.column(SEQUENCE).to_numpy()
        first_row = np.searchsorted(sequence_r, np.arange(len(part.lengths)))
        ids.extend(part.table.column("id").take(pa.array(first_row)).chunks)
        rows.append(num_rows + first_row)
        lengths.append(part.lengths)
        field = part.table.schema.field(SEQUENCE)
        table = part.table.set_column(0, field, pa.array(num_sequences + sequence_r))
        if writer is None:
            writer = pq.ParquetWriter(documents, table.schema.remove_metadata(), compression="zstd")
        writer.write_table(table)
        num_sequences += len(part.lengths)
        num_rows += table.num_rows
    if writer is None:
        raise InvariantError(f"no window shard to export component {component!r} from")
    writer.close()
    index = DocumentIndex(
        np.concatenate(lengths), pa.chunked_array(ids, pa.string()), np.concatenate(rows)
    )
    return index, num_rows


def _compare(
    native: NativeShard,
    component: str | None,
    *,
    tokens: Int32Array,
    begins: Int64Array,
    sequence_of: Mapping[tuple[str, int], int],
    path: str,
) -> int:
    """Compare the segments of a shard, window by window; the tokens compared."""
    table, shard = native.documents, native.windows
    unit_r = units(table)
    begin_of: dict[int, int] = {}
    columns = (table.column(name).to_pylist() for name in ("id", "copy", "component"))
    for unit, row_id, copy, of in zip(unit_r.tolist(), *columns, strict=True):
        if component not in (None, of) or unit in begin_of:
            continue
        if (row_id, copy) not in sequence_of:
            raise InvariantError(f"{path} lacks copy {copy} of document {row_id}")
        begin_of[unit] = int(begins[sequence_of[row_id, copy]])
    found = 0
    names = ("document", "window", "start", "offset", "length")
    fields = (shard.segments[name].tolist() for name in names)
    for unit, window, start, offset, length in zip(*fields, strict=True):
        if unit not in begin_of:
            continue
        low = begin_of[unit] + offset
        if not np.array_equal(
            tokens[low : low + length], shard.tokens[window, start : start + length]
        ):
            raise InvariantError(
                f"{path}: tokens {low} to {low + length} are not those of document {unit} in "
                f"window {window} at position {start}"
            )
        found += length
    return found
