import pytest

from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.storage.filesystem import exists, join, write_text
from pipeline.storage.stage_folder import StageFolder


def entry(output, shard, **statistics):
    return ShardEntry(output, shard, f"{output}/x", 1, 2, "ab", statistics)


def test_outputs_of_two_identities_lie_apart(folder):
    one, other = (StageFolder.of(folder, "ingest", identity) for identity in ("aa", "bb"))
    one.write_receipt(entry("kept", 0))
    assert other.read_receipt("kept", 0) is None


def test_a_receipt_is_read_back_with_its_statistics(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    written = entry("kept", 3, web={"rows": 1})
    stage.write_receipt(written)
    assert stage.read_receipt("kept", 3) == written
    assert stage.read_receipt("kept", 4) is None
    assert stage.read_receipt("rejected", 3) is None


def test_a_shard_is_finished_only_when_every_output_has_its_receipt(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    stage.write_receipt(entry("kept", 0))
    assert stage.receipts(["kept", "failed"], 0) is None
    stage.write_receipt(entry("failed", 0))
    assert stage.receipts(["kept", "failed"], 0) == [entry("kept", 0), entry("failed", 0)]


def test_without_a_manifest_there_is_no_output(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    assert stage.read_manifest() is None
    with pytest.raises(
        InvariantError, match=r"ingest/aa holds no manifest.json: the stage did not"
    ):
        stage.require_manifest()


def test_a_manifest_is_read_back_as_it_was_written(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    manifest = Manifest(
        "ingest", 1, "aa", {}, {}, Counts(1, 1, 0, 0), {"kept": (entry("kept", 0),)}
    )
    stage.write_manifest(manifest)
    assert stage.read_manifest() == stage.require_manifest() == manifest


def test_a_damaged_manifest_is_refused_not_taken_for_none(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    write_text(stage.locate("manifest.json"), "{")
    with pytest.raises(InvariantError, match="not a manifest"):
        stage.read_manifest()


def test_a_table_lies_where_its_entry_says(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    path = stage.table("documents", 3, 17)
    assert path == join(folder, "ingest", "aa", "documents", "part-00003-of-00017.parquet")
    assert path == stage.locate(stage.shard_file("documents", 3, 17))
    write_text(path, "")
    assert exists(path)


def test_a_sweep_deletes_what_killed_writers_left_and_nothing_else(folder):
    stage = StageFolder.of(folder, "ingest", "aa")
    kept = stage.locate("documents/part-00000-of-00001.parquet")
    left = stage.locate("documents/.part-00000-of-00001.parquet.0123.tmp")
    for path in (kept, left):
        write_text(path, "x")
    stage.sweep()
    assert exists(kept)
    assert not exists(left)
