import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.reader import Batch, MixtureReader, StageWindows
from mixtures.stage_files import find_stages
from mixtures.stage_rows import MAX_OPEN_SHARDS, RowMemory, StageRows
from mixtures.windows import TOKENS_SUFFIX, open_shard
from pipeline.errors import ConfigError, InvariantError, StorageError
from tests.mixtures.sample_shards import EOD, PAD, write_run, write_shard, write_stage

SHARDS = [[5, 40, 16, 3], [9] * 12, [], [33, 2], [20] * 7, [11] * 4]

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture(scope="module")
def stage_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stage(tmp_path_factory.mktemp("stage"), SHARDS)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stages = {"general": (16, SHARDS), "none": (32, [[]]), "long": (64, [[90, 40] * 3, [64] * 5])}
    return write_run(tmp_path_factory.mktemp("run"), stages)


def rows_on_disk(stage_dir: Path) -> np.ndarray:
    return np.concatenate([open_shard(shard.name).tokens for shard in shards_of(stage_dir)])


def shards_of(stage_dir: Path) -> list:
    return list(find_stages(stage_dir)[0].shards)


def open_reader(run_dir: Path, tokens: int, rank: int = 0, world_size: int = 1) -> MixtureReader:
    return MixtureReader.open(run_dir, batch_tokens=tokens, rank=rank, world_size=world_size)


def real_rows(batches: list[Batch]) -> list[tuple[str, list[int]]]:
    return [
        (batch.stage, row) for batch in batches for row in batch.rows[: batch.num_windows].tolist()
    ]


def test_windows_are_counted_over_shards_in_order(stage_dir: Path) -> None:
    windows = StageWindows.open(stage_dir)
    expected = rows_on_disk(stage_dir)
    assert len(windows) == len(expected)
    assert [window.tokens.tolist() for window in windows] == expected[:, :16].tolist()
    with pytest.raises(IndexError):
        windows[len(windows)]
    with pytest.raises(IndexError):
        windows[-1]


def test_window_holds_tokens_labels_masks_positions_and_bounds(tmp_path: Path) -> None:
    window = StageWindows.open(write_stage(tmp_path, [[4, 3]]))[0]
    assert window.tokens.tolist() == [100, 101, 102, EOD, 104, 105, EOD, *[PAD] * 9]
    assert window.labels.shape == window.loss_mask.shape == (2, 16)
    assert window.labels[0, :4].tolist() == [101, 102, EOD, -100]
    assert window.loss_mask.sum(axis=1).tolist() == [5, 3]
    assert window.position_ids.tolist() == [0, 1, 2, 3, 0, 1, 2, *range(9)]
    assert window.cu_seqlens.tolist() == [0, 4, 7, 16]


def test_windows_of_a_run_of_several_stages_are_refused(run_dir: Path) -> None:
    with pytest.raises(ConfigError, match="is a run of the stages general, none, long"):
        StageWindows.open(run_dir)


@given(st.data())
def test_rows_and_bounds_of_any_windows_are_those_on_disk(
    stage_dir: Path, data: st.DataObject
) -> None:
    rows, expected = StageRows(find_stages(stage_dir)[0]), rows_on_disk(stage_dir)
    first = data.draw(st.integers(0, len(rows) - 1))
    count = data.draw(st.integers(1, len(rows) - first))
    read = np.empty((count, rows.layout.row_tokens), np.int32)
    rows.read_into(read, first)
    assert read.tolist() == expected[first : first + count].tolist()
    bounds = rows.bounds(first, count)
    alone = [rows.bounds(first + number, 1) for number in range(count)]
    joined = np.concatenate([[0], *(one.cu_seqlens[1:] + 16 * n for n, one in enumerate(alone))])
    assert bounds.cu_seqlens.tolist() == joined.tolist()


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="counts open files as Linux lists them")
def test_few_shards_are_open_at_once_and_none_after_closing(stage_dir: Path) -> None:
    before = len(list(OPEN_FILES.iterdir()))
    rows = StageRows(find_stages(stage_dir)[0])
    for window in [*range(len(rows)), 0]:
        rows.bounds(window, 1)
        assert len(list(OPEN_FILES.iterdir())) <= before + MAX_OPEN_SHARDS
    rows.close()
    assert len(list(OPEN_FILES.iterdir())) == before


def test_batch_holds_its_windows_end_to_end(stage_dir: Path) -> None:
    windows = StageWindows.open(stage_dir)
    batch = next(iter(open_reader(stage_dir, 48)))
    alone = [windows[number] for number in range(3)]
    for name in ("tokens", "labels", "loss_mask", "position_ids"):
        expected = np.stack([getattr(window, name) for window in alone])
        assert getattr(batch, name).tolist() == expected.tolist()
    ends = [window.cu_seqlens[1:] + 16 * number for number, window in enumerate(alone)]
    assert batch.cu_seqlens.tolist() == [0, *np.concatenate(ends).tolist()]
    assert batch.max_seqlen == max(np.diff(batch.cu_seqlens))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3))
def test_stages_follow_each_other_and_ranks_share_out_every_window_once(
    run_dir: Path, world_size: int, times: int
) -> None:
    tokens = 64 * world_size * times
    ranks = [list(open_reader(run_dir, tokens, r, world_size)) for r in range(world_size)]
    seen = [one for batches in zip(*ranks, strict=True) for one in real_rows(list(batches))]
    expected = [
        (stage.name, row)
        for stage in find_stages(run_dir)
        for shard in stage.shards
        for row in open_shard(shard.name).tokens.tolist()
    ]
    assert seen == expected
    assert {batch.stage for batch in ranks[0]} == {"general", "long"}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 3]), st.integers(0, 12), st.booleans())
def test_reading_goes_on_where_it_stopped_with_any_world_size(
    run_dir: Path,
    before: int,
    after: int,
    steps: int,
    is_of_batch: bool,
) -> None:
    tokens = 64 * 6
    whole = list(open_reader(run_dir, tokens))
    steps = min(steps, len(whole))
    states = []
    for rank in range(before):
        reader = open_reader(run_dir, tokens, rank, before)
        iterator = iter(reader)
        batches = [next(iterator) for _ in range(steps)]
        states.append(batches[-1].position if is_of_batch and steps else reader.state_dict())
    assert all(state == states[0] for state in states)
    ranks = []
    for rank in range(after):
        reader = open_reader(run_dir, tokens, rank, after)
        reader.load_state_dict(json.loads(json.dumps(states[0])))
        ranks.append(list(reader))
    seen = [real_rows(list(batches)) for batches in zip(*ranks, strict=True)]
    assert seen == [real_rows([batch]) for batch in whole[steps:]]


def test_last_batch_of_a_stage_is_filled_up_with_windows_without_targets(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"a": (16, [[16] * 5]), "b": (16, [[16] * 4])})
    ranks = [list(open_reader(run, 64, rank, 2)) for rank in range(2)]
    assert [batch.num_windows for batch in ranks[0]] == [2, 0, 2]
    assert [batch.num_windows for batch in ranks[1]] == [2, 1, 2]
    empty = ranks[0][1]
    assert (empty.rows == PAD).all()
    assert empty.rows.shape == ranks[0][0].rows.shape
    assert not empty.loss_mask.any()
    assert empty.cu_seqlens.tolist() == [0, 16, 32]
    half = ranks[1][1]
    assert half.loss_mask.sum(axis=2).tolist() == [[15, 14], [0, 0]]


def test_reader_at_its_end_has_no_more(stage_dir: Path) -> None:
    reader = open_reader(stage_dir, 64)
    assert list(reader)
    assert list(reader) == []
    assert reader.state_dict()["window"] == len(StageWindows.open(stage_dir))


def test_state_of_other_shards_is_refused(run_dir: Path, stage_dir: Path) -> None:
    with pytest.raises(ConfigError, match="belongs to other shards"):
        open_reader(run_dir, 64).load_state_dict(open_reader(stage_dir, 64).state_dict())


def test_file_cut_short_is_an_error_with_its_name(tmp_path: Path) -> None:
    rows = StageRows(find_stages(write_stage(tmp_path, [[16] * 40]))[0])
    rows.bounds(0, 1)
    path = Path(rows.stage.shards[0].name + TOKENS_SUFFIX)
    os.truncate(path, path.stat().st_size - 4)
    with pytest.raises(StorageError, match=r"tokens\.npy ends 4 bytes before window 40"):
        rows.read_into(np.empty((40, 18), np.int32), 0)


def test_shard_unlike_its_manifest_or_stage_is_refused(tmp_path: Path) -> None:
    folder = write_stage(tmp_path, [[16] * 4, [16] * 4])
    names = [Path(shard.name) for shard in shards_of(folder)]
    write_shard(names[0], [16] * 5)
    write_shard(names[1], [16] * 4, mtp_depth=2)
    rows = StageRows(find_stages(folder)[0])
    with pytest.raises(InvariantError, match="holds 5 windows, the manifest says 4"):
        rows.bounds(0, 1)
    with pytest.raises(InvariantError, match="the stage's first shard"):
        rows.bounds(4, 1)


def test_arrays_are_copies_that_a_trainer_may_change_and_keep(stage_dir: Path) -> None:
    reader = open_reader(stage_dir, 32)
    kept = [batch.tokens for batch in reader]
    assert np.concatenate(kept)[: len(StageWindows.open(stage_dir))].tolist() == (
        rows_on_disk(stage_dir)[:, :16].tolist()
    )
    kept[0][:] = 7
    assert next(iter(open_reader(stage_dir, 32))).tokens.tolist() != kept[0].tolist()


def test_memory_is_used_again_once_no_view_of_it_is_left() -> None:
    memory = RowMemory()
    address = memory.take(1000).__array_interface__["data"][0]
    array = memory.take(900)
    assert array.__array_interface__["data"][0] == address
    view = array.reshape(9, 100)[2:, 5:]
    del array
    view[:] = 3
    other = memory.take(1000)
    other[:] = 4
    assert (view == 3).all()
    del view
    assert memory.take(1000).__array_interface__["data"][0] == address


def test_memory_too_small_for_what_is_wanted_is_let_go() -> None:
    memory = RowMemory()
    assert len(memory.take(1000)) == 1000
    assert len(memory.take(1 << 20)) == 1 << 20


def test_reader_imports_numpy_and_the_standard_library_only() -> None:
    listing = "import sys, mixtures.reader; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", listing], check=True, capture_output=True, text=True
    ).stdout.split()
    third_party = {
        name
        for name in loaded
        if name not in sys.stdlib_module_names and not name.startswith(("_", "sitecustomize"))
    }
    assert third_party <= {"numpy", "mixtures", "pipeline"}
