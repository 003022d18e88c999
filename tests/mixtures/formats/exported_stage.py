"""A stage of made-up documents, and its exports in a folder, written without Beam."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.formats.catalog import FORMATS
from mixtures.formats.export import ExportContext, FileSet, NativeShard, WrittenSet
from mixtures.mtp import SegmentBounds
from mixtures.provenance import SHARD_DOCUMENTS_SCHEMA
from mixtures.windows import WindowLayout, WindowShard
from pipeline.records.document import document_id
from tests.mixtures import sample_shards
from tests.mixtures.sample_shards import EOD, write_shard

COMPONENTS = ("text", "code", "text")
"""Components of the documents in turn."""

LENGTHS = ([5, 40, 16, 3, 33, 21] * 4, [9, 2] * 15, [100, 7, 64, 1, 16])
"""Tokens of the documents of three shards; some are cut, one is of an EOD alone."""

SIZE, DEPTH = 16, 2


@dataclass(frozen=True, eq=False)
class Stage:
    """Window shards, and what was exported of them."""

    shards: tuple[NativeShard, ...]
    context: ExportContext

    @property
    def num_tokens(self) -> int:
        return sum(int(one.windows.segments["length"].sum()) for one in self.shards)

    def shard_tokens(self) -> list[dict[str, int]]:
        return [
            {row["component"]: row["num_tokens_sum"] for row in sums.to_pylist()}
            for one in self.shards
            for sums in [one.documents.group_by("component").aggregate([("num_tokens", "sum")])]
        ]

    def of(self, files: FileSet) -> list[NativeShard]:
        return [self.shards[shard] for shard in files.shards]

    def document(self, document: str, copy: int) -> list[int]:
        """Tokens of a document, taken from the windows in the plainest way."""
        for one in self.shards:
            for row, found in enumerate(one.documents.to_pylist()):
                if (found["id"], found["copy"]) == (document, copy):
                    segments = one.windows.segments[one.windows.segments["document"] == row]
                    tokens = [
                        one.windows.tokens[s["window"], s["start"] : s["start"] + s["length"]]
                        for s in np.sort(segments, order="offset")
                    ]
                    return [token for piece in tokens for token in piece.tolist()]
        raise KeyError(document)


def make_stage(folder: Path, lengths: tuple[list[int], ...] = LENGTHS) -> Stage:
    shards = []
    for number, of_shard in enumerate(lengths):
        windows = write_shard(
            folder / f"part-{number}", of_shard, sequence_tokens=SIZE, mtp_depth=DEPTH
        )
        table = pa.Table.from_pylist(
            [
                {
                    "id": document_id(f"shard-{number}", str(row // 2)),
                    "source": f"source, {row % 2}",
                    "component": COMPONENTS[row // 2 % len(COMPONENTS)],
                    "copy": row % 2,
                    "num_tokens": length,
                    "unit": row,
                }
                for row, length in enumerate(of_shard)
            ],
            schema=SHARD_DOCUMENTS_SCHEMA,
        )
        shards.append(NativeShard(windows, table.append_column("url", pa.nulls(len(of_shard)))))
    layout = WindowLayout(
        sequence_tokens=SIZE, mtp_depth=DEPTH, eod_id=EOD, pad_id=sample_shards.PAD
    )
    return Stage(tuple(shards), ExportContext(stage="one", tokenizer="qwen2.5", layout=layout))


def export(stage: Stage, format_name: str, folder: Path) -> list[WrittenSet]:
    """Write every file of an export below ``folder`` / ``format_name``."""
    of = FORMATS[format_name]
    written = []
    for files in of.plan(stage.shard_tokens()):
        (folder / files.name).parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            streams = {
                suffix: stack.enter_context((folder / f"{files.name}{suffix}").open("wb"))
                for suffix in of.suffixes
            }
            counts = of.write(streams, stage.of(files), files=files, context=stage.context)
        data = (folder / f"{files.name}{of.suffixes[0]}").read_bytes()
        written.append(WrittenSet(files, counts, len(data), hashlib.sha256(data).hexdigest()))
    for name, text in of.summarize(written, stage.context).items():
        (folder / format_name / name).write_text(text)
    return written


def listed_documents(base: Path) -> list[tuple[str, int]]:
    """Id and copy of every sequence of a file set, as its document table says."""
    rows = pq.read_table(f"{base}.documents.parquet").to_pylist()
    assert [row["sequence"] for row in rows] == list(range(len(rows)))
    return [(row["id"], row["copy"]) for row in rows]


def window_bounds(shard: WindowShard, window: int) -> SegmentBounds:
    """The bounds of one window, from the native shard."""
    size = shard.layout.sequence_tokens
    whole = SegmentBounds.of(shard.segments, num_windows=shard.num_windows, sequence_tokens=size)
    return whole.select(window, 1)
