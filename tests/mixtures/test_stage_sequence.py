import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.stage_files import ShardFiles, StageFiles
from mixtures.stage_sequence import BEGINNING, Position, Slice, StageSequence
from pipeline.errors import ConfigError
from tests.mixtures.sample_shards import layout


def stage(name: str, num_windows: int, sequence_tokens: int = 16) -> StageFiles:
    shards = (ShardFiles(name, num_windows),)
    return StageFiles(name, f"identity of {name}", layout(sequence_tokens, 1), shards)


def sequence(
    stages: list[StageFiles], batch_tokens: int, rank: int = 0, world_size: int = 1
) -> StageSequence:
    return StageSequence(stages, batch_tokens=batch_tokens, rank=rank, world_size=world_size)


def taken(of_rank: StageSequence, start: Position = BEGINNING) -> list[Slice]:
    return [
        share
        for number in range(of_rank.num_batches(start))
        if (share := of_rank.take(number, start=start))
    ]


def windows(share: Slice) -> list[tuple[int, int]]:
    return [(share.stage, share.first + number) for number in range(share.num_windows)]


mixtures = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from([16, 32, 64])), min_size=1, max_size=4
).map(lambda sizes: [stage(f"s{n}", count, size) for n, (count, size) in enumerate(sizes)])


@given(mixtures, st.integers(1, 5), st.integers(1, 4))
def test_every_window_is_taken_once_and_in_order_by_the_ranks_together(
    stages: list[StageFiles], world_size: int, times: int
) -> None:
    tokens = 64 * world_size * times
    ranks = [taken(sequence(stages, tokens, rank, world_size)) for rank in range(world_size)]
    assert len({len(shares) for shares in ranks}) == 1
    seen = [
        one for shares in zip(*ranks, strict=True) for share in shares for one in windows(share)
    ]
    assert seen == [
        (number, window)
        for number, files in enumerate(stages)
        for window in range(files.num_windows)
    ]


@given(mixtures, st.integers(1, 5), st.integers(1, 4))
def test_every_slice_has_its_full_size_and_differs_by_one_window_between_ranks(
    stages: list[StageFiles], world_size: int, times: int
) -> None:
    tokens = 64 * world_size * times
    ranks = [taken(sequence(stages, tokens, rank, world_size)) for rank in range(world_size)]
    for shares in zip(*ranks, strict=True):
        counts = [share.num_windows for share in shares]
        assert len({share.stage for share in shares}) == 1
        assert max(counts) - min(counts) <= 1
        size = stages[shares[0].stage].layout.sequence_tokens
        for share in shares:
            assert (share.num_windows + share.num_pad_windows) * size * world_size == tokens


@given(mixtures, st.integers(1, 6), st.integers(1, 6), st.data())
def test_batches_go_on_the_same_from_any_position_with_any_world_size(
    stages: list[StageFiles], before: int, after: int, data: st.DataObject
) -> None:
    tokens = 64 * before * after
    whole = taken(sequence(stages, tokens))
    done = data.draw(st.integers(0, len(whole)))
    shares = taken(sequence(stages, tokens, rank=before - 1, world_size=before))
    at = shares[done - 1].following if done else BEGINNING
    state = json.loads(json.dumps(sequence(stages, tokens).state(at)))
    ranks = []
    for rank in range(after):
        of_rank = sequence(stages, tokens, rank, after)
        ranks.append(taken(of_rank, of_rank.position(state)))
    batches = [[one for s in batch for one in windows(s)] for batch in zip(*ranks, strict=True)]
    assert batches == [windows(share) for share in whole[done:]]


def test_batches_keep_their_tokens_when_the_window_grows() -> None:
    mimo = sequence([stage("general", 5120, 8192), stage("long", 1280, 32768)], 2560 * 8192)
    assert [mimo.batch_windows(number) for number in range(2)] == [2560, 640]
    assert [share.stage for share in taken(mimo)] == [0, 0, 1, 1]


def test_last_batch_of_a_stage_is_shared_out_and_filled_up_with_pads() -> None:
    ranks = [taken(sequence([stage("a", 9), stage("b", 4)], 64, r, 2)) for r in range(2)]
    assert [[(s.first, s.num_windows, s.num_pad_windows) for s in shares] for shares in ranks] == [
        [(0, 2, 0), (4, 2, 0), (8, 0, 2), (0, 2, 0)],
        [(2, 2, 0), (6, 2, 0), (8, 1, 1), (2, 2, 0)],
    ]


def test_there_is_nothing_after_the_last_batch() -> None:
    one = sequence([stage("a", 9)], 64)
    assert one.num_batches() == 3
    assert one.take(3) is None
    assert one.take(0, start=Position(0, 9)) is None


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_rank_out_of_range_is_refused(rank: int, world_size: int) -> None:
    with pytest.raises(ConfigError, match="rank must lie in"):
        sequence([stage("a", 9)], 64, rank, world_size)


@pytest.mark.parametrize("batch_tokens", [0, 8, 16, 48])
def test_batch_that_cannot_be_shared_out_equally_is_refused(batch_tokens: int) -> None:
    with pytest.raises(ConfigError, match=rf"batch_tokens {batch_tokens} is \d windows of 16"):
        sequence([stage("a", 9)], batch_tokens, 0, 2)


@pytest.mark.parametrize(
    "changed", [{"identity": "of another run"}, {"stage": "b"}, {"window": 10}, {"window": -1}]
)
def test_state_of_other_shards_is_refused(changed: dict[str, object]) -> None:
    one = sequence([stage("a", 9)], 64)
    with pytest.raises(ConfigError, match="belongs to other shards; the stages here are a"):
        one.position({**one.state(BEGINNING), **changed})
