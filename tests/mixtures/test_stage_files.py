from pathlib import Path

import pytest

from mixtures.stage_files import find_stages
from pipeline.errors import ConfigError
from tests.mixtures.sample_shards import write_run, write_stage

SHARDS = [[5, 40, 16, 3], [9] * 12, [], [33, 2]]
STAGES = {"general": (16, [[9] * 12]), "long": (64, [[40] * 9])}


def test_stages_of_a_run_come_in_the_order_of_the_mixture(tmp_path: Path) -> None:
    stages = find_stages(write_run(tmp_path, STAGES))
    assert [(stage.name, stage.layout.sequence_tokens) for stage in stages] == [
        ("general", 16),
        ("long", 64),
    ]
    assert [stage.identity for stage in stages] == ["000000000001", "000000000002"]


def test_one_stage_is_found_by_its_folder_and_several_in_the_order_given(tmp_path: Path) -> None:
    run = write_run(tmp_path, STAGES)
    general, long = run / "windows-general" / "000000000001", run / "windows-long" / "000000000002"
    assert [stage.name for stage in find_stages(general)] == ["general"]
    assert [stage.name for stage in find_stages([long, general])] == ["long", "general"]


def test_shards_are_listed_in_order_and_once_with_their_windows(tmp_path: Path) -> None:
    (stage,) = find_stages(write_stage(tmp_path, SHARDS))
    names = [Path(shard.name).name for shard in stage.shards]
    assert names == [f"part-{number:05d}-of-00004" for number in range(4)]
    assert stage.shards[2].num_windows == 0
    assert stage.num_windows == sum(shard.num_windows for shard in stage.shards)


def test_run_that_has_not_written_every_stage_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, STAGES, planned=["general", "reasoning", "long"])
    with pytest.raises(ConfigError, match="has not written windows-reasoning yet: finish the run"):
        find_stages(run)


def test_run_without_windows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"stages": [["ingest", "0"]]}')
    with pytest.raises(ConfigError, match="has not written any windows yet"):
        find_stages(tmp_path)


def test_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no manifest\.json"):
        find_stages(tmp_path)


def test_stage_without_shards_or_named_twice_and_no_stage_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = write_stage(tmp_path / "empty", [])
    with pytest.raises(ConfigError, match="has no shard"):
        find_stages(empty)
    once = write_stage(tmp_path / "once", [[5]])
    with pytest.raises(ConfigError, match="can be named once"):
        find_stages([once, once])
    with pytest.raises(ConfigError, match="names no stage to train on"):
        find_stages([])
