"""Pack one partition: the batches of every run in, one shard of windows out, all in memory."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from mixtures.hashing import id_words
from mixtures.joining import Arrangement, arrange, join_tokens, unit_words
from mixtures.mtp import count_live
from mixtures.packing import PackingCounts, pack
from mixtures.provenance import SHARD_DOCUMENTS_SCHEMA, write_documents
from mixtures.spec import StageSpec
from mixtures.window_writing import write_layout, write_segments, write_tokens
from mixtures.windows import (
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    Int32Array,
    Int64Array,
    Segments,
    TokenTable,
    WindowLayout,
)
from pipeline.records.manifest import Statistics
from pipeline.transforms.runs import ORDER, PARTITION, gather_tokens
from pipeline.transforms.tokenize import TOKENS


@dataclass(frozen=True, eq=False)
class PackedShard:
    """A shard in memory: its units' tokens, where they lie, and what documents they are of."""

    tokens: TokenTable
    segments: Segments
    documents: pa.Table
    layout: WindowLayout

    def packing(self) -> Statistics:
        """What packing cost, and the live targets at each depth."""
        counts = PackingCounts.of(self.segments, sequence_tokens=self.layout.sequence_tokens)
        live = count_live(self.segments, mtp_depth=self.layout.mtp_depth)
        return dataclasses.asdict(counts) | {
            "live_targets": {str(depth): int(number) for depth, number in enumerate(live)}
        }

    def write(self, suffix: str, file: BinaryIO) -> None:
        """Write the file of the shard that has ``suffix`` (``mixtures.windows.SUFFIXES``)."""
        if suffix == TOKENS_SUFFIX:
            write_tokens(file, self.segments, self.tokens, self.layout)
        elif suffix == SEGMENTS_SUFFIX:
            write_segments(file, self.segments)
        elif suffix == LAYOUT_SUFFIX:
            write_layout(file, self.layout)
        else:
            write_documents(file, self.documents)


def pack_partition(
    batches: Sequence[pa.RecordBatch],
    stage: StageSpec,
    layout: WindowLayout,
    *,
    separators: tuple[int, ...],
    shuffle_seed: int,
) -> PackedShard:
    """Put a partition's copies in order, join units, and lay them into windows.

    ``batches`` are those of ``runs.read_partition``, at least one, in any order; ``separators``
    come from ``mixtures.joining.separator_ids``.
    """
    copies = pa.Table.from_batches([batch.drop_columns([TOKENS]) for batch in batches])
    copies = copies.combine_chunks()
    arranged, components = _arrange(copies, stage)
    members = gather_tokens([batch.column(TOKENS) for batch in batches], arranged.row)
    tokens = join_tokens(members, arranged.unit, components[arranged.row], separators)
    segments = pack(
        tokens.lengths,
        sequence_tokens=layout.sequence_tokens,
        mtp_depth=layout.mtp_depth,
        shuffle_seed=shuffle_seed,
        method=stage.packing,
    )
    documents = document_table(copies.take(pa.array(arranged.row)), arranged.unit)
    return PackedShard(tokens, segments, documents, layout)


def document_table(copies: pa.Table, unit: Int64Array) -> pa.Table:
    """Provenance of a shard's documents: the fixed columns first, then all others but tokens."""
    table = copies.append_column("unit", pa.array(unit))
    fixed = SHARD_DOCUMENTS_SCHEMA.names
    others = [n for n in table.schema.names if n not in (*fixed, TOKENS, PARTITION, ORDER)]
    fields = [*SHARD_DOCUMENTS_SCHEMA, *(table.schema.field(name) for name in others)]
    return table.select([*fixed, *others]).cast(pa.schema(fields))


def _arrange(copies: pa.Table, stage: StageSpec) -> tuple[Arrangement, Int32Array]:
    """The order of a partition's copies with their units, and the component of each row."""
    names = pa.array([component.name for component in stage.components], pa.string())
    components = pc.index_in(copies.column("component"), value_set=names).to_numpy()
    ids = id_words(copies.column("id").combine_chunks())
    arranged = arrange(
        copies,
        units=unit_words(copies, ids, components, stage),
        ids=ids,
        components=components,
        order=copies.column(ORDER).to_numpy(),
        stage=stage,
    )
    return arranged, components
