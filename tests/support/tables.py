"""Outputs of stages, written as a stage writes them."""

from collections.abc import Sequence

import pyarrow as pa

from pipeline.records.manifest import ShardEntry
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter


def write_output(
    folder: StageFolder, output: str, shards: Sequence[pa.RecordBatch]
) -> tuple[ShardEntry, ...]:
    """Write a table for each shard; returns their entries."""
    entries = []
    for shard, batch in enumerate(shards):
        name = folder.shard_file(output, shard, len(shards))
        writer = TableWriter(folder.locate(name), batch.schema)
        writer.write(batch)
        entries.append(ShardEntry(output, shard, name, batch.num_rows, *writer.close()))
    return tuple(entries)
