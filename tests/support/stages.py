"""Stages that are said to have finished: tables of a test where a later stage looks for them."""

from pathlib import Path

import pyarrow as pa

from pipeline.records.manifest import Counts, Manifest
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.stage import Finished
from tests.support.tables import write_output


def finished(run: Path, output: str, shards: list[pa.RecordBatch]) -> Finished:
    """A stage named like its one output, of these shards."""
    folder = StageFolder.of(str(run), output, "given")
    entries = write_output(folder, output, shards)
    rows = sum(entry.rows for entry in entries)
    counts = Counts(rows, rows, 0, 0)
    return Finished(folder, Manifest(output, 1, "given", {}, {}, counts, {output: entries}))
