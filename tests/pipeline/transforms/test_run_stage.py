import dataclasses

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from pipeline.errors import InvariantError
from pipeline.fingerprint import IDENTITY_CHARS
from pipeline.records.manifest import Counts, ShardEntry
from pipeline.records.record import RECORD_SCHEMA
from pipeline.storage.filesystem import exists, read_text, remove, write_text
from pipeline.storage.splits import SourceConfig
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.read import READ, ReadRecords
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Stage, rows, run_stage
from pipeline.transforms.write import WriteShards
from tests.pipeline.transforms.shard_stages import (
    RECORDS,
    count_records,
    digests,
    lines_stage,
    write_lines,
)
from tests.support.beam import FOUR_THREADS, OPTIONS

FAILED_RATIO = 3 / 120
"""Bad lines of the inputs that ``write_lines`` makes."""


@pytest.fixture
def inputs(tmp_path):
    write_lines(tmp_path / "in")
    return tmp_path / "in"


def run(stage, folder, options=OPTIONS, *, max_failed_ratio=FAILED_RATIO):
    return run_stage(stage, str(folder), options, max_failed_ratio=max_failed_ratio)


def not_to_be_built(_graph, _folder):
    raise AssertionError("a finished stage was built again")


def test_the_manifest_states_what_was_written_and_adds_up(inputs, tmp_path):
    stage = lines_stage(inputs)
    finished = run(stage, tmp_path / "run")
    manifest = finished.manifest
    num_shards = stage.outputs[RECORDS]
    assert num_shards > 3
    assert manifest.counts == Counts(rows_in=120, kept=117, rejected=0, failed=3)
    assert (manifest.stage, manifest.version, manifest.identity) == ("lines", 1, stage.identity)
    assert manifest.config == {"split_bytes": 2000}
    assert finished.num_shards(RECORDS) == num_shards
    assert manifest.rows(RECORDS) == 120
    assert manifest.statistics[RECORDS] == {"rows": 120, "failed": 3}
    assert manifest.statistics[READ]["lines"]["records"] == 120
    written = digests(tmp_path / "run" / "lines" / stage.identity)
    for entry in manifest.shards(RECORDS):
        assert written[entry.name] == entry.sha256
    assert finished.folder.read_manifest() == manifest


def test_a_finished_stage_is_not_run_again(inputs, tmp_path):
    first = run(lines_stage(inputs), tmp_path / "run")
    before = digests(tmp_path / "run")
    again = run(lines_stage(inputs, build=not_to_be_built), tmp_path / "run")
    assert again == first
    assert again.identity == first.identity
    assert digests(tmp_path / "run") == before


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"config": {"split_bytes": 1}}, {"inputs": {"a": "b"}}, {"name": "x"}],
)
def test_whatever_a_stage_is_made_of_is_in_its_identity(inputs, change):
    stage = lines_stage(inputs)
    changed = dataclasses.replace(stage, **change)
    assert changed.identity != stage.identity
    assert len(changed.identity) == IDENTITY_CHARS
    assert changed.folder("run").path == f"run/{changed.name}/{changed.identity}"


def test_another_identity_is_another_output(inputs, tmp_path):
    one = run(lines_stage(inputs), tmp_path / "run")
    before = digests(tmp_path / "run")
    other = run(lines_stage(inputs, split_bytes=100_000), tmp_path / "run")
    assert other.folder != one.folder
    assert before.items() <= digests(tmp_path / "run").items()
    assert other.manifest.rows(RECORDS) == one.manifest.rows(RECORDS)


@pytest.mark.parametrize(
    "options",
    [FOUR_THREADS, (*OPTIONS, "--direct_num_workers=2", "--direct_running_mode=in_memory")],
    ids=["four threads", "two workers in memory"],
)
def test_every_file_is_the_same_however_many_workers_write(inputs, tmp_path, options):
    run(lines_stage(inputs), tmp_path / "one")
    run(lines_stage(inputs), tmp_path / "other", options)
    assert digests(tmp_path / "other") == digests(tmp_path / "one")


def sources_of(inputs):
    return {"lines": SourceConfig(format="jsonl", paths=[str(inputs / "*.jsonl")])}


class CrashAt:
    """Summarizes batches until one holds the record called for; then it raises."""

    def __init__(self, text):
        self._text = text.encode()

    def __call__(self, batch):
        if any(self._text in (payload or b"") for payload in batch.column("payload").to_pylist()):
            raise InterruptedError("killed here")
        return count_records(batch)


def crashing_build(inputs, text):
    def build(graph, folder):
        return (
            graph
            | PendingShards(folder, lines_stage(inputs).outputs[READ], (RECORDS, READ))
            | ReadRecords(folder, sources_of(inputs), 10_000)
            | WriteShards(folder, RECORDS, RECORD_SCHEMA, CrashAt(text))
        )

    return build


@pytest.mark.parametrize("text", ["0 3 ", "1 20 ", "2 39 "])
def test_a_run_stopped_in_the_middle_goes_on_to_the_same_bytes(inputs, tmp_path, text):
    run(lines_stage(inputs), tmp_path / "undisturbed")
    with pytest.raises(InterruptedError, match="killed here"):
        run(lines_stage(inputs, build=crashing_build(inputs, text)), tmp_path / "run")
    folder = lines_stage(inputs).folder(str(tmp_path / "run"))
    assert folder.read_manifest() is None
    run(lines_stage(inputs), tmp_path / "run")
    assert digests(tmp_path / "run") == digests(tmp_path / "undisturbed")


def test_finished_shards_are_not_written_again_by_a_run_that_goes_on(inputs, tmp_path):
    stage = lines_stage(inputs)
    folder = run(stage, tmp_path / "run").folder
    before = digests(tmp_path / "run")
    remove(folder.locate("manifest.json"))
    remove(folder.locate("receipts/records-00002.json"))
    for shard in range(stage.outputs[RECORDS]):
        write_text(folder.table(RECORDS, shard, stage.outputs[RECORDS]), "marked")
    run(stage, tmp_path / "run")
    changed = {name for name, digest in digests(tmp_path / "run").items() if before[name] != digest}
    assert len(changed) == stage.outputs[RECORDS] - 1
    assert not any("part-00002-of" in name for name in changed)


def test_a_killed_writer_leaves_a_file_that_does_not_count(inputs, tmp_path):
    """What SIGKILL leaves behind: a temporary file, and no receipt of it."""
    stage = lines_stage(inputs)
    folder = stage.folder(str(tmp_path / "run"))
    stage.prepare(folder)
    write_text(folder.locate("records/.part-00000-of-00009.parquet.0a1b.tmp"), "half")
    assert run(stage, tmp_path / "run").manifest.rows(RECORDS) == 120


def build_nothing(graph, _folder):
    return graph | beam.Create([1])


def test_a_shard_without_a_receipt_stops_the_run(inputs, tmp_path):
    stage = lines_stage(inputs, build=build_nothing)
    with pytest.raises(
        InvariantError, match=r"'lines': shard 0 of 'records' has no receipt in .*run"
    ):
        run(stage, tmp_path / "run")
    assert stage.folder(str(tmp_path / "run")).read_manifest() is None


def test_counts_that_do_not_add_up_stop_the_run_before_its_manifest(inputs, tmp_path):
    def lose_one(entries):
        return Counts(rows(entries, READ), rows(entries, RECORDS) - 1, 0, 0)

    stage = lines_stage(inputs, count=lose_one)
    with pytest.raises(InvariantError, match=r"'lines': 120 rows in, but 119 kept"):
        run(stage, tmp_path / "run")
    folder = stage.folder(str(tmp_path / "run"))
    assert folder.read_manifest() is None
    assert folder.read_receipt(RECORDS, 0) is not None


def test_a_share_of_failures_at_the_limit_is_accepted(inputs, tmp_path):
    assert run(lines_stage(inputs), tmp_path / "run", max_failed_ratio=3 / 120)


def test_more_failures_than_the_limit_stop_the_run_which_a_higher_limit_completes(inputs, tmp_path):
    stage = lines_stage(inputs)
    with pytest.raises(
        InvariantError, match=r"3 of 120 rows failed, more than.*0.0249 allows; see"
    ):
        run(stage, tmp_path / "run", max_failed_ratio=0.0249)
    folder = stage.folder(str(tmp_path / "run"))
    assert folder.read_manifest() is None
    before = digests(tmp_path / "run")
    run(stage, tmp_path / "run", max_failed_ratio=0.5)
    after = digests(tmp_path / "run")
    assert before.items() <= after.items()
    assert exists(folder.locate("manifest.json"))


def test_files_the_driver_makes_at_the_end_are_in_the_manifest(inputs, tmp_path):
    def finish(folder, entries):
        write_text(folder.locate("total.txt"), str(rows(entries, RECORDS)))
        return [ShardEntry("total", 0, "total.txt", 1, 3, "", {"rows": 1})]

    finished = run(lines_stage(inputs, finish=finish), tmp_path / "run")
    assert [entry.name for entry in finished.manifest.shards("total")] == ["total.txt"]
    assert finished.manifest.statistics["total"] == {"rows": 1}


def test_a_stage_runs_on_any_file_system(inputs, memory_folder):
    finished = run(lines_stage(inputs), memory_folder)
    assert finished.folder == StageFolder.of(memory_folder, "lines", finished.identity)
    assert finished.manifest.rows(RECORDS) == 120


def test_no_element_is_lost_between_the_threads_of_local_workers(tmp_path, monkeypatch):
    """Beam's timed flush drops elements; at a flush a millisecond, without ours, thousands."""
    monkeypatch.setattr(worker_handlers, "DATA_BUFFER_TIME_LIMIT_MS", 1)
    tasks, each = 8, 2_000

    def build(graph, folder):
        return (
            graph
            | beam.Create(range(tasks))
            | beam.Reshuffle()
            | beam.FlatMap(lambda _: ((n % 16, bytes(2_000)) for n in range(each)))
            | beam.GroupByKey()
            | beam.Map(lambda group: sum(1 for _ in group[1]))
            | beam.CombineGlobally(sum)
            | beam.Map(lambda total: write_text(folder.locate("total"), str(total)))
        )

    stage = Stage(
        name="count",
        version=1,
        config={},
        inputs={},
        outputs={},
        build=build,
        count=lambda _: Counts(rows_in=0, kept=0, rejected=0, failed=0),
    )
    finished = run(stage, tmp_path / "run", FOUR_THREADS)
    assert read_text(finished.folder.locate("total")) == str(tasks * each)
