import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.reader import StageWindows, WindowReader, list_shards
from pipeline.errors import ConfigError
from tests.mixtures.sample_shards import EOD, write_shard, write_stage

SHARDS = [[5, 40, 16, 3], [9] * 12, [], [33, 2]]


@pytest.fixture(scope="module")
def stage_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stage(tmp_path_factory.mktemp("stage"), SHARDS)


def first_tokens(windows: object) -> list[int]:
    return [int(window.tokens[0]) * 1000 + int(window.tokens[1]) for window in windows]


def test_shards_are_listed_in_order_and_once(stage_dir: Path) -> None:
    names = [Path(shard).name for shard in list_shards(stage_dir)]
    assert names == [f"part-{number:05d}-of-00004" for number in range(4)]


def test_windows_are_counted_over_shards_in_order(stage_dir: Path) -> None:
    windows = StageWindows(list_shards(stage_dir))
    shards = [StageWindows([shard]) for shard in list_shards(stage_dir)]
    assert len(windows) == sum(len(shard) for shard in shards)
    expected = [window.tokens.tolist() for shard in shards for window in shard]
    assert [window.tokens.tolist() for window in windows] == expected
    with pytest.raises(IndexError):
        windows[len(windows)]
    with pytest.raises(IndexError):
        windows[-1]


def test_window_holds_tokens_labels_masks_positions_and_bounds(tmp_path: Path) -> None:
    write_shard(tmp_path / "s", [4, 3], mtp_depth=1)
    window = StageWindows([tmp_path / "s"])[0]
    assert window.tokens.tolist() == [100, 101, 102, EOD, 104, 105, EOD, *[0] * 9]
    assert window.labels.shape == window.loss_mask.shape == (2, 16)
    assert window.labels[0, :4].tolist() == [101, 102, EOD, -100]
    assert window.loss_mask.sum(axis=1).tolist() == [5, 3]
    assert window.position_ids.tolist() == [0, 1, 2, 3, 0, 1, 2, *range(9)]
    assert window.cu_seqlens.tolist() == [0, 4, 7, 16]


@settings(max_examples=40)
@given(st.integers(1, 7))
def test_ranks_share_out_every_window_once(stage_dir: Path, world_size: int) -> None:
    everything = first_tokens(WindowReader.open(stage_dir))
    parts = [
        first_tokens(WindowReader.open(stage_dir, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    assert [parts[g % world_size][g // world_size] for g in range(len(everything))] == everything
    assert sum(map(len, parts)) == len(everything)


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.data())
def test_reading_goes_on_where_it_stopped_with_any_world_size(
    stage_dir: Path, before: int, after: int, steps: int, data: st.DataObject
) -> None:
    everything = first_tokens(WindowReader.open(stage_dir))
    seen: list[int] = []
    states = []
    for rank in range(before):
        reader = WindowReader.open(stage_dir, rank=rank, world_size=before)
        iterator = iter(reader)
        seen += first_tokens(next(iterator) for _ in range(steps))
        states.append(json.loads(json.dumps(reader.state_dict())))
    for rank in range(after):
        reader = WindowReader.open(stage_dir, rank=rank, world_size=after)
        reader.load_state_dict(data.draw(st.sampled_from(states)))
        seen += first_tokens(reader)
    assert sorted(seen) == sorted(everything)


def test_resumed_reader_gives_the_same_windows(stage_dir: Path) -> None:
    reader = WindowReader.open(stage_dir, rank=1, world_size=2)
    iterator = iter(reader)
    next(iterator)
    state = reader.state_dict()
    rest = first_tokens(iterator)
    resumed = WindowReader.open(stage_dir, rank=1, world_size=2)
    resumed.load_state_dict(state)
    assert first_tokens(resumed) == rest
    assert resumed.state_dict()["epoch"] == 1
    assert len(first_tokens(resumed)) == len(rest) + 1


def test_state_of_other_shards_is_refused(stage_dir: Path, tmp_path: Path) -> None:
    other = WindowReader.open(write_stage(tmp_path, [[5]]))
    with pytest.raises(ConfigError, match="it belongs to other shards"):
        other.load_state_dict(WindowReader.open(stage_dir).state_dict())


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_rank_out_of_range_is_refused(stage_dir: Path, rank: int, world_size: int) -> None:
    with pytest.raises(ConfigError, match="rank must lie in"):
        WindowReader.open(stage_dir, rank=rank, world_size=world_size)


def test_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no manifest\.json"):
        list_shards(tmp_path)


def test_shards_of_two_layouts_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", [5], mtp_depth=1)
    write_shard(tmp_path / "b", [5], mtp_depth=2)
    with pytest.raises(ConfigError, match="these have 2"):
        StageWindows([tmp_path / "a", tmp_path / "b"])


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


def test_arrays_are_copies_that_a_trainer_may_change(stage_dir: Path) -> None:
    windows = StageWindows(list_shards(stage_dir))
    changed = windows[0]
    changed.tokens[:] = 0
    assert not np.array_equal(windows[0].tokens, changed.tokens)
