"""A small real stage over JSONL files, for the tests of what carries a stage through."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa

from pipeline.records.address import Address, stamp
from pipeline.records.manifest import Counts
from pipeline.records.record import RECORD_SCHEMA
from pipeline.storage.filesystem import write_text
from pipeline.storage.splits import SourceConfig, list_inputs, plan_splits
from pipeline.transforms.read import READ, SPLITS_NAME, ReadRecords
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Stage, rows
from pipeline.transforms.write import WriteShards

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("n", pa.int64())])
RECORDS = "records"


def pieces(shard, *sizes, num_shards=9, schema=SCHEMA):
    """The addressed batches of a shard, of so many rows each."""
    return [
        stamp(
            pa.RecordBatch.from_pylist(
                [{"id": f"{shard}.{number}.{n}", "n": n} for n in range(size)], schema=schema
            ),
            Address(shard, num_shards, number, is_last=number == len(sizes) - 1),
        )
        for number, size in enumerate(sizes)
    ]


def write_lines(folder: Path, num_files=3, num_lines=40):
    """JSONL files of texts; some lines are no JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_files):
        lines = [json.dumps({"text": f"{number} {line} " * 9}) for line in range(num_lines)]
        lines[7] = "not json"
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n")


def lines_stage(folder: Path, *, split_bytes=2000, build=None, count=None, **kwargs) -> Stage:
    """Reads the lines of ``folder`` into record shards."""
    sources = {"lines": SourceConfig(format="jsonl", paths=[str(folder / "*.jsonl")])}
    splits = plan_splits(list_inputs(sources), sources, split_bytes=split_bytes)

    def default_build(graph, stage_folder):
        return (
            graph
            | PendingShards(stage_folder, len(splits), (RECORDS, READ))
            | ReadRecords(stage_folder, sources, 10_000)
            | WriteShards(stage_folder, RECORDS, RECORD_SCHEMA, count_records)
        )

    def prepare(stage_folder):
        text = "".join(split.to_json() + "\n" for split in splits)
        write_text(stage_folder.locate(SPLITS_NAME), text)

    def default_count(entries):
        failed = sum(entry.statistics.get("failed", 0) for entry in entries[RECORDS])
        return Counts(rows(entries, READ), rows(entries, RECORDS) - failed, 0, failed)

    return Stage(
        name="lines",
        version=1,
        config={"split_bytes": split_bytes},
        inputs={},
        outputs={RECORDS: len(splits), READ: len(splits)},
        build=build or default_build,
        count=count or default_count,
        prepare=prepare,
        **kwargs,
    )


def count_records(batch):
    """Rows and failed rows of a batch of records."""
    return {
        "rows": batch.num_rows,
        "failed": batch.num_rows - batch.column("error_type").null_count,
    }


def digests(folder: Path):
    """SHA-256 of every file below ``folder``, by relative name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
