"""A decide stage that is said to have finished: which rows of another stage's documents it kept."""

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.records.manifest import Counts, Manifest
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.decide import KEPT_SCHEMA
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import KEPT
from pipeline.transforms.stage import Finished
from tests.support.tables import write_output


def keep_all(documents: Finished, run: str, *, step: int = 1) -> Finished:
    """Every ``step``-th row of each shard, from the first."""
    folder = StageFolder.of(run, "decide-given", f"{documents.identity}-{step}")
    shards = []
    for entry in documents.manifest.shards(DOCUMENTS):
        table = pq.read_table(documents.folder.locate(entry.name), columns=["id", "source"])
        rows = pa.array(range(table.num_rows), pa.int64())
        columns = [table["id"].combine_chunks(), table["source"].combine_chunks(), rows]
        batch = pa.record_batch(columns, schema=KEPT_SCHEMA)
        shards.append(batch.take(pa.array(range(0, batch.num_rows, step), pa.int64())))
    entries = write_output(folder, KEPT, shards)
    kept = sum(entry.rows for entry in entries)
    counts = Counts(kept, kept, 0, 0)
    identity = f"{documents.identity}-{step}"
    manifest = Manifest("decide-given", 1, identity, {}, {}, counts, {KEPT: entries})
    return Finished(folder, manifest)
