import hashlib
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest

from pipeline.errors import InvariantError, SchemaError
from pipeline.records.address import Address, stamp
from pipeline.records.manifest import ShardEntry
from pipeline.storage.filesystem import read_bytes
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.coders import RecordBatchCoder
from pipeline.transforms.write import WriteShards
from tests.pipeline.transforms.shard_stages import SCHEMA, digests, pieces
from tests.support.beam import decode_all, pipeline


def write(folder, batches, *, summarize=None):
    """Write batches that reach the writer in one bundle, in this order."""
    options = {} if summarize is None else {"summarize": summarize}
    encoded = [RecordBatchCoder().encode(batch) for batch in batches]
    with pipeline() as graph:
        (
            graph
            | beam.Create([encoded], reshuffle=False)
            | beam.FlatMap(decode_all).with_output_types(pa.RecordBatch)
            | WriteShards(folder, "kept", SCHEMA, **options)
        )


def count_rows(batch):
    return {"rows": batch.num_rows, "sum": {"n": sum(batch.column("n").to_pylist())}}


def ids(folder, shard, num_shards=9):
    table = read_table(folder.table("kept", shard, num_shards))
    return [value for batch in table for value in batch.column("id").to_pylist()]


def test_each_shard_becomes_a_file_with_a_receipt_that_describes_it(folder):
    stage = StageFolder(folder)
    write(stage, [*pieces(4, 2, 0, 3), *pieces(1, 1)], summarize=count_rows)
    assert ids(stage, 4) == ["4.0.0", "4.0.1", "4.2.0", "4.2.1", "4.2.2"]
    assert ids(stage, 1) == ["1.0.0"]
    entry = stage.read_receipt("kept", 4)
    content = read_bytes(stage.locate(entry.name))
    assert entry == ShardEntry(
        output="kept",
        shard=4,
        name="kept/part-00004-of-00009.parquet",
        rows=5,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        statistics={"rows": 5, "sum": {"n": 4}},
    )


def test_a_shard_without_rows_is_a_file_too(folder):
    stage = StageFolder(folder)
    write(stage, pieces(0, 0))
    assert ids(stage, 0) == []
    assert stage.read_receipt("kept", 0).rows == 0


def test_the_bytes_do_not_depend_on_which_shard_comes_first(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write(StageFolder(str(one)), [*pieces(0, 2, 3), *pieces(1, 4)])
    write(StageFolder(str(other)), [*pieces(1, 4), *pieces(0, 2, 3)])
    assert digests(one) == digests(other)


def files(folder: Path):
    return [str(path) for path in folder.rglob("*") if path.is_file()]


FIRST, SECOND, LAST = pieces(3, 1, 1, 1)
ASTRAY = {
    "swapped": ([FIRST, LAST, SECOND], "piece 2 of shard 3 arrived where piece 1 of shard 3"),
    "missing": ([FIRST, LAST], "piece 2 of shard 3 arrived where piece 1 of shard 3"),
    "doubled": ([FIRST, FIRST], "piece 0 of shard 3 arrived where piece 1 of shard 3"),
    "headless": ([SECOND, LAST], "piece 1 of shard 3 arrived where piece 0 of shard 3"),
    "mixed": ([FIRST, *pieces(5, 1)], "piece 0 of shard 5 arrived where piece 1 of shard 3"),
    "after the end": ([*pieces(3, 1), LAST], "piece 2 of shard 3 arrived where piece 0"),
}


@pytest.mark.parametrize("name", ASTRAY)
def test_pieces_that_went_astray_stop_the_run(tmp_path, name):
    batches, message = ASTRAY[name]
    with pytest.raises(InvariantError, match=message):
        write(StageFolder(str(tmp_path)), batches)
    whole = ["part-00003-of-00009.parquet", "kept-00003.json"] if name == "after the end" else []
    assert sorted(Path(path).name for path in files(tmp_path)) == sorted(whole)


def test_a_shard_that_ends_before_its_last_piece_stops_the_run_and_leaves_no_file(tmp_path):
    with pytest.raises(InvariantError, match="shard 3 of 'kept' ended before its last piece"):
        write(StageFolder(str(tmp_path)), [*pieces(1, 1), FIRST, SECOND])
    assert sorted(Path(path).name for path in files(tmp_path)) == [
        "kept-00001.json",
        "part-00001-of-00009.parquet",
    ]


def test_a_batch_that_lost_its_address_stops_the_run(tmp_path):
    with pytest.raises(InvariantError, match="lost its shard address"):
        write(StageFolder(str(tmp_path)), [FIRST.replace_schema_metadata(None)])
    assert files(tmp_path) == []


def test_a_batch_of_other_columns_stops_the_run_and_leaves_no_file(tmp_path):
    wrong = stamp(pa.record_batch({"id": ["a"]}), Address(3, 9, 1, is_last=True))
    with pytest.raises(SchemaError, match="expected columns"):
        write(StageFolder(str(tmp_path)), [FIRST, wrong])
    assert files(tmp_path) == []


def refuse_twos(batch):
    if batch.num_rows == 2:
        raise ValueError("no twos")
    return {}


def test_an_error_in_the_middle_leaves_the_finished_shards_only(tmp_path):
    with pytest.raises(ValueError, match="no twos"):
        write(StageFolder(str(tmp_path)), [*pieces(0, 1), *pieces(1, 1, 2)], summarize=refuse_twos)
    assert sorted(Path(path).name for path in files(tmp_path)) == [
        "kept-00000.json",
        "part-00000-of-00009.parquet",
    ]
