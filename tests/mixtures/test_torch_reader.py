import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mixtures.reader import MixtureReader
from mixtures.stage_files import find_stages
from mixtures.windows import open_shard
from pipeline.errors import ConfigError
from tests.mixtures.sample_shards import write_run, write_stage

torch = pytest.importorskip("torch", reason="the torch reader needs the torch extra")
stateful_dataloader = pytest.importorskip("torchdata.stateful_dataloader")

from torch.utils.data import DataLoader  # noqa: E402

from mixtures.torch_reader import MixtureDataset, TokenBatch  # noqa: E402

StatefulLoader = stateful_dataloader.StatefulDataLoader

pytestmark = [
    # torchdata 0.11 calls a torch function that torch 2.15 has deprecated.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
    # The machine may have fewer cores than a test has workers.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

TOKENS = 64 * 6
"""A batch over all ranks: 24 windows of 16, 6 of 64; shared out by 1, 2, 3 and 6."""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    general = [[5, 40, 16, 3] * 8, [9] * 60, [33, 2, 20] * 5]
    stages = {"general": (16, general), "long": (64, [[90, 40, 7] * 8, [64] * 5])}
    return write_run(tmp_path_factory.mktemp("run"), stages)


def dataset(run_dir: Path, tokens: int = TOKENS, **settings: Any) -> MixtureDataset:
    return MixtureDataset(run_dir, batch_tokens=tokens, **settings)


def loader(run_dir: Path, num_workers: int = 0, **settings: Any) -> StatefulLoader:
    return StatefulLoader(dataset(run_dir, **settings), batch_size=None, num_workers=num_workers)


def real_rows(batches: object) -> list[tuple[str, list[list[int]]]]:
    return [(batch.stage, batch.rows[: batch.num_windows].tolist()) for batch in batches]


def together(ranks: list[list[tuple[str, list[list[int]]]]]) -> list[tuple[str, list[list[int]]]]:
    """Batches of all ranks, each joined to the whole batch."""
    return [
        (shares[0][0], [row for _, rows in shares for row in rows])
        for shares in zip(*ranks, strict=True)
    ]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batch_says_what_the_numpy_reader_says(run_dir: Path, num_workers: int) -> None:
    settings = {"rank": 1, "world_size": 2}
    expected = list(MixtureReader.open(run_dir, batch_tokens=TOKENS, **settings))
    found = list(loader(run_dir, num_workers, **settings))
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("tokens", "labels", "loss_mask", "position_ids", "cu_seqlens"):
            assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name
        for name in ("stage", "max_seqlen", "num_windows", "position"):
            assert getattr(ours, name) == getattr(theirs, name), name


def test_batch_has_the_stated_types_and_shapes(run_dir: Path) -> None:
    batch = next(iter(loader(run_dir)))
    names = ("rows", "tokens", "position_ids", "document_ids", "labels", "loss_mask")
    found = {name: (getattr(batch, name).dtype, (*getattr(batch, name).shape,)) for name in names}
    assert found == {
        "rows": (torch.int32, (24, 18)),
        "tokens": (torch.int64, (24, 16)),
        "position_ids": (torch.int64, (24, 16)),
        "document_ids": (torch.int32, (24, 16)),
        "labels": (torch.int64, (24, 2, 16)),
        "loss_mask": (torch.bool, (24, 2, 16)),
    }
    assert batch.cu_seqlens.dtype == batch.target_ends.dtype == torch.int32
    assert len(batch.cu_seqlens) == len(batch.target_ends) + 1
    assert batch.shape == (24, 16)


def test_batch_moves_as_a_whole(run_dir: Path) -> None:
    batch = next(iter(loader(run_dir)))
    moved = batch.to("meta")
    assert moved.labels.device.type == "meta"
    assert moved.labels.shape == batch.labels.shape
    assert moved.position == batch.position


def test_dead_labels_are_those_that_cross_entropy_ignores(run_dir: Path) -> None:
    batch = next(iter(loader(run_dir)))
    logits = torch.randn(24, 16, 2000, generator=torch.Generator().manual_seed(1))
    for depth in range(2):
        labels, is_live = batch.labels[:, depth], batch.loss_mask[:, depth]
        ignoring = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        masked = torch.nn.functional.cross_entropy(logits[is_live], labels[is_live])
        assert torch.allclose(ignoring, masked)


@pytest.mark.parametrize("kind", [DataLoader, StatefulLoader])
@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_batches_come_in_one_order_with_any_number_of_workers(
    run_dir: Path, num_workers: int, kind: type
) -> None:
    of_run = dataset(run_dir)
    found = real_rows(kind(of_run, batch_size=None, num_workers=num_workers))
    assert len(found) == of_run.num_batches
    seen = [(stage, row) for stage, rows in found for row in rows]
    assert seen == [
        (stage.name, row)
        for stage in find_stages(run_dir)
        for shard in stage.shards
        for row in open_shard(shard.name).tokens.tolist()
    ]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_ranks_and_workers_share_out_every_batch(run_dir: Path, num_workers: int) -> None:
    ranks = [real_rows(loader(run_dir, num_workers, rank=rank, world_size=3)) for rank in range(3)]
    assert together(ranks) == real_rows(loader(run_dir))


@pytest.mark.parametrize("num_workers", [0, 2, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_loader_resumes_exactly_at_any_step(run_dir: Path, num_workers: int, every: int) -> None:
    def fresh() -> StatefulLoader:
        return StatefulLoader(
            dataset(run_dir),
            batch_size=None,
            num_workers=num_workers,
            snapshot_every_n_steps=every,
        )

    whole = real_rows(fresh())
    interrupted = fresh()
    states = [copy.deepcopy(interrupted.state_dict()) for _ in interrupted]
    for steps in {1, 2, 5, len(whole) - 1}:  # the last within the second stage
        resumed = fresh()
        resumed.load_state_dict(states[steps - 1])
        assert real_rows(resumed) == whole[steps:], steps


@pytest.mark.parametrize("num_workers", [0, 2])
def test_state_of_a_loader_fits_another_world_size(run_dir: Path, num_workers: int) -> None:
    whole = real_rows(loader(run_dir))
    interrupted = loader(run_dir, num_workers, rank=1, world_size=2)
    iterator = iter(interrupted)
    for _ in range(3):
        next(iterator)
    state = interrupted.state_dict()
    ranks = []
    for rank in range(3):
        resumed = loader(run_dir, num_workers, rank=rank, world_size=3)
        resumed.load_state_dict(state)
        ranks.append(real_rows(resumed))
    assert together(ranks) == whole[3:]


@pytest.mark.parametrize(("workers_before", "workers_after"), [(0, 2), (2, 0), (3, 2)])
def test_position_of_a_batch_fits_any_number_of_workers_and_ranks(
    run_dir: Path, workers_before: int, workers_after: int
) -> None:
    whole = real_rows(loader(run_dir))
    batches = list(loader(run_dir, workers_before, rank=1, world_size=2))
    for steps in (1, 4, len(whole)):  # in the first stage, in the second, after it
        position = json.loads(json.dumps(batches[steps - 1].position))
        ranks = [
            real_rows(loader(run_dir, workers_after, rank=r, world_size=3, start=position))
            for r in range(3)
        ]
        assert together(ranks) == whole[steps:]


def test_position_of_a_batch_fits_other_batches_too(run_dir: Path) -> None:
    whole = [row for _, rows in real_rows(loader(run_dir)) for row in rows]
    position = list(loader(run_dir))[1].position
    rest = [
        row for _, rows in real_rows(loader(run_dir, tokens=128, start=position)) for row in rows
    ]
    assert rest == whole[48:]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_pass_begins_at_the_start(run_dir: Path, num_workers: int) -> None:
    one = loader(run_dir, num_workers)
    first = real_rows(one)
    assert real_rows(one) == first
    again = loader(run_dir, num_workers)
    again.load_state_dict(one.state_dict())
    assert real_rows(again) == first


def test_batches_that_are_kept_stay_as_they_were(run_dir: Path) -> None:
    kept = list(loader(run_dir))
    assert real_rows(kept) == real_rows(loader(run_dir))


def test_state_of_other_batches_workers_or_shards_is_refused(run_dir: Path, tmp_path: Path) -> None:
    state = iter(dataset(run_dir)).state_dict()
    with pytest.raises(ConfigError, match="batch_tokens 384, here it is 128: start the dataset at"):
        iter(dataset(run_dir, tokens=128)).load_state_dict(state)
    with pytest.raises(ConfigError, match="num_workers 4, here it is 1"):
        iter(dataset(run_dir)).load_state_dict({**state, "num_workers": 4})
    other = write_stage(tmp_path, [[16] * 4])
    with pytest.raises(ConfigError, match="belongs to other shards"):
        iter(dataset(other)).load_state_dict(state)
    with pytest.raises(ConfigError, match="belongs to other shards"):
        dataset(other, start=next(iter(dataset(run_dir))).position)


def test_batch_of_pads_alone_has_no_target(tmp_path: Path) -> None:
    batches = list(dataset(write_stage(tmp_path, [[16] * 5]), tokens=64, rank=0, world_size=2))
    empty = batches[-1]
    assert isinstance(empty, TokenBatch)
    assert empty.num_windows == 0
    assert empty.shape == batches[0].shape
    assert not empty.loss_mask.any()
    assert (empty.labels == -100).all()
