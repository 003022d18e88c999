"""Stages that are said to have finished: tables of a test where a later stage looks for them."""

from pathlib import Path

import pyarrow as pa

from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.stage import Finished


def finished(run: Path, output: str, shards: list[pa.RecordBatch]) -> Finished:
    """A stage named like its one output, of these shards."""
    folder = StageFolder.of(str(run), output, "given")
    entries = []
    for shard, batch in enumerate(shards):
        name = folder.shard_file(output, shard, len(shards))
        writer = TableWriter(folder.locate(name), batch.schema)
        writer.write(batch)
        entries.append(ShardEntry(output, shard, name, batch.num_rows, *writer.close()))
    rows = sum(entry.rows for entry in entries)
    counts = Counts(rows, rows, 0, 0)
    return Finished(folder, Manifest(output, 1, "given", {}, {}, counts, {output: tuple(entries)}))
