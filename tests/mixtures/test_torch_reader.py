from pathlib import Path

import pytest

from mixtures.reader import StageWindows, list_shards
from pipeline.errors import ConfigError
from tests.mixtures.sample_shards import write_stage

torch = pytest.importorskip("torch", reason="the torch reader needs the torch extra")
stateful_dataloader = pytest.importorskip("torchdata.stateful_dataloader")

from mixtures.torch_reader import WindowDataset, join_windows  # noqa: E402

Loader = stateful_dataloader.StatefulDataLoader

pytestmark = [
    # torchdata 0.11 calls a torch function that torch 2.15 has deprecated.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
    # The machine may have fewer cores than a test has workers.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


@pytest.fixture(scope="module")
def stage_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stage(tmp_path_factory.mktemp("stage"), [[5, 40, 16, 3] * 4, [9] * 30, [33, 2]])


def loader(stage_dir: Path, num_workers: int = 0, **settings: int) -> Loader:
    dataset = WindowDataset(stage_dir, **{"batch_windows": 3, **settings})
    return Loader(dataset, batch_size=None, num_workers=num_workers)


def rows(batches: object) -> list[list[list[int]]]:
    return [batch["tokens"].tolist() for batch in batches]


def all_windows(stage_dir: Path) -> list[list[int]]:
    return [window.tokens.tolist() for window in StageWindows(list_shards(stage_dir))]


def test_batch_has_the_stated_types_and_shapes(stage_dir: Path) -> None:
    batch = next(iter(loader(stage_dir)))
    shapes = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in batch.items()}
    bounds = shapes.pop("cu_seqlens")
    assert bounds[0] == torch.int32
    assert shapes == {
        "tokens": (torch.int64, (3, 16)),
        "position_ids": (torch.int64, (3, 16)),
        "labels": (torch.int64, (3, 2, 16)),
        "loss_mask": (torch.bool, (3, 2, 16)),
    }


def test_bounds_of_a_batch_are_those_of_its_windows_end_to_end(stage_dir: Path) -> None:
    windows = StageWindows(list_shards(stage_dir))
    bounds = join_windows([windows[0], windows[1]])["cu_seqlens"]
    one, two = windows[0].cu_seqlens.tolist(), windows[1].cu_seqlens.tolist()
    assert bounds.tolist() == one + [16 + bound for bound in two[1:]]


def test_dead_labels_are_those_that_cross_entropy_ignores(stage_dir: Path) -> None:
    batch = next(iter(loader(stage_dir)))
    logits = torch.randn(3, 16, 2000, generator=torch.Generator().manual_seed(1))
    for depth in range(2):
        labels, is_live = batch["labels"][:, depth], batch["loss_mask"][:, depth]
        ignoring = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        masked = torch.nn.functional.cross_entropy(logits[is_live], labels[is_live])
        assert torch.allclose(ignoring, masked)


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_batches_come_in_one_order_with_any_number_of_workers(
    stage_dir: Path, num_workers: int
) -> None:
    seen = [row for batch in rows(loader(stage_dir, num_workers)) for row in batch]
    assert seen == all_windows(stage_dir)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_ranks_and_workers_share_out_every_window_once(stage_dir: Path, num_workers: int) -> None:
    parts = [
        [
            row
            for batch in rows(loader(stage_dir, num_workers, rank=r, world_size=3))
            for row in batch
        ]
        for r in range(3)
    ]
    expected = all_windows(stage_dir)
    assert [parts[g % 3][g // 3] for g in range(len(expected))] == expected
    assert sum(map(len, parts)) == len(expected)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_loader_resumes_exactly(stage_dir: Path, num_workers: int, steps: int) -> None:
    whole = rows(loader(stage_dir, num_workers))
    interrupted = loader(stage_dir, num_workers)
    iterator = iter(interrupted)
    for _ in range(steps):
        next(iterator)
    state = interrupted.state_dict()
    resumed = loader(stage_dir, num_workers)
    resumed.load_state_dict(state)
    assert rows(resumed) == whole[steps:]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_pass_gives_all_windows_again(stage_dir: Path, num_workers: int) -> None:
    one = loader(stage_dir, num_workers)
    first = rows(one)
    assert rows(one) == first
    again = loader(stage_dir, num_workers)
    again.load_state_dict(one.state_dict())
    assert rows(again) == first


def test_run_goes_on_with_another_world_size(stage_dir: Path) -> None:
    expected = all_windows(stage_dir)
    before = [rows(loader(stage_dir, rank=r, world_size=2))[:2] for r in range(2)]
    seen = [row for part in before for batch in part for row in batch]
    after = [rows(loader(stage_dir, rank=r, world_size=3, first_window=12)) for r in range(3)]
    seen += [row for part in after for batch in part for row in batch]
    assert len(seen) == len(expected)
    assert sorted(seen) == sorted(expected)


def test_state_of_another_batch_size_is_refused(stage_dir: Path) -> None:
    iterator = iter(WindowDataset(stage_dir, batch_windows=3))
    state = iterator.state_dict()
    with pytest.raises(ConfigError, match="batch_windows 3, here it is 4"):
        iter(WindowDataset(stage_dir, batch_windows=4)).load_state_dict(state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 1, "world_size": 1}, "rank must lie in 0..0, got 1"),
        ({"batch_windows": 0}, "batch_windows is 0"),
        ({"first_window": -1}, "first_window -1"),
    ],
)
def test_settings_out_of_range_are_refused(
    stage_dir: Path, settings: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        loader(stage_dir, **settings)
