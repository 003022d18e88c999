import apache_beam as beam
import pytest

from pipeline.records.address import address_of
from pipeline.records.manifest import ShardEntry
from pipeline.storage.filesystem import read_text
from pipeline.storage.splits import SourceConfig
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.coders import RecordBatchCoder
from pipeline.transforms.read import READ, ReadRecords
from pipeline.transforms.shards import PendingShards, ReadShards
from tests.pipeline.transforms.shard_stages import SCHEMA, lines_stage, pieces, write_lines
from tests.support.beam import SaveBatches, load_batches, pipeline


def write_shards(folder, sizes):
    """One shard of ``kept`` for each size."""
    for shard, size in enumerate(sizes):
        writer = TableWriter(folder.table("kept", shard, len(sizes)), SCHEMA)
        for batch in pieces(shard, size):
            writer.write(batch)
        writer.close()


def run(tmp_path, *steps):
    """Apply the steps and return the batches they make, by their address."""
    with pipeline() as graph:
        made = graph
        for step in steps:
            made = made | step
        made | beam.ParDo(SaveBatches(str(tmp_path / "saved")))
    batches = [
        RecordBatchCoder().decode(file.read_bytes())
        for file in sorted((tmp_path / "saved").glob("*.arrow"))
    ]
    return {address_of(batch): batch for batch in batches}


def test_shards_are_read_back_in_order_with_their_addresses(tmp_path):
    folder = StageFolder(str(tmp_path / "stage"))
    write_shards(folder, [3, 0, 700])
    read = run(tmp_path, PendingShards(folder, 3, ("none",)), ReadShards(folder, "kept", 3, SCHEMA))
    assert sorted((a.shard, a.num_shards, a.sequence, a.is_last) for a in read) == [
        (0, 3, 0, True),
        (1, 3, 0, True),
        (2, 3, 0, False),
        (2, 3, 1, True),
    ]
    table = load_batches(tmp_path / "saved")
    assert table.column("id").to_pylist() == [
        *(f"0.0.{n}" for n in range(3)),
        *(f"2.0.{n}" for n in range(700)),
    ]
    assert table.schema.equals(SCHEMA)


def test_only_the_named_columns_are_read_of_empty_shards_too(tmp_path):
    folder = StageFolder(str(tmp_path / "stage"))
    write_shards(folder, [3, 0])
    read = run(
        tmp_path,
        PendingShards(folder, 2, ("none",)),
        ReadShards(folder, "kept", 2, SCHEMA, columns=("n",)),
    )
    assert [batch.schema.names for batch in read.values()] == [["n"], ["n"]]


def pending(folder, num_shards, outputs):
    return sorted(PendingShards(folder, num_shards, outputs)._pending(num_shards))


def test_shards_that_lack_any_receipt_are_pending(folder):
    stage = StageFolder(folder)
    assert pending(stage, 4, ("kept", "failed")) == [0, 1, 2, 3]
    for output, shards in (("kept", (0, 1, 2)), ("failed", (0, 2, 3)), ("other", (3,))):
        for shard in shards:
            stage.write_receipt(ShardEntry(output, shard, "x", 0, 0, ""))
    assert pending(stage, 4, ("kept", "failed")) == [1, 3]
    assert pending(stage, 4, ("kept",)) == [3]
    assert pending(stage, 0, ("kept",)) == []


def test_pending_shards_are_looked_up_when_the_graph_runs_not_when_it_is_built(tmp_path):
    folder = StageFolder(str(tmp_path / "stage"))
    write_shards(folder, [1, 1])
    with pipeline() as graph:
        (
            graph
            | PendingShards(folder, 2, ("kept",))
            | ReadShards(folder, "kept", 2, SCHEMA)
            | beam.ParDo(SaveBatches(str(tmp_path / "saved")))
        )
        folder.write_receipt(ShardEntry("kept", 0, "x", 0, 0, ""))
    assert load_batches(tmp_path / "saved").column("id").to_pylist() == ["1.0.0"]


@pytest.fixture
def prepared(tmp_path):
    """A folder whose inputs are listed, and what reads them."""
    write_lines(tmp_path / "in")
    stage = lines_stage(tmp_path / "in")
    folder = stage.folder(str(tmp_path / "run"))
    stage.prepare(folder)
    sources = {"lines": SourceConfig(format="jsonl", paths=[str(tmp_path / "in" / "*.jsonl")])}
    return folder, stage.outputs[READ], sources


def test_records_of_a_shard_are_read_once_and_their_number_is_stated(tmp_path, prepared):
    folder, num_shards, sources = prepared
    assert num_shards == len(read_text(folder.locate("splits.jsonl")).splitlines()) > 3
    run(tmp_path, PendingShards(folder, num_shards, (READ,)), ReadRecords(folder, sources, 10_000))
    table = load_batches(tmp_path / "saved")
    assert table.num_rows == 120
    assert table.column("error_type").null_count == 117
    assert len(set(table.column("id").to_pylist())) == 120
    receipts = [folder.read_receipt(READ, shard) for shard in range(num_shards)]
    assert sum(receipt.rows for receipt in receipts) == 120
    payload_bytes = sum(map(len, table.column("payload").drop_null().to_pylist()))
    assert sum(receipt.bytes for receipt in receipts) == payload_bytes
    stated = [receipt.statistics["lines"] for receipt in receipts]
    assert sum(one["records"] for one in stated) == 120


def test_a_shard_of_no_records_still_makes_an_addressed_piece(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty.jsonl").write_text("\n\n")
    stage = lines_stage(tmp_path / "in")
    folder = stage.folder(str(tmp_path / "run"))
    stage.prepare(folder)
    sources = {"lines": SourceConfig(format="jsonl", paths=[str(tmp_path / "in" / "*.jsonl")])}
    ((address, batch),) = run(
        tmp_path, PendingShards(folder, 1, (READ,)), ReadRecords(folder, sources, 10_000)
    ).items()
    assert (address.shard, address.is_last, batch.num_rows) == (0, True, 0)
    assert folder.read_receipt(READ, 0).rows == 0
