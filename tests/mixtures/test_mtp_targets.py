from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.mtp import (
    DEAD_LABEL,
    SegmentBounds,
    Targets,
    count_live,
    document_ids,
    position_ids,
    targets,
)
from mixtures.windows import WindowShard
from tests.mixtures.sample_shards import (
    EOD,
    PAD,
    document_lengths,
    documents,
    write_shard,
)

depths = st.integers(0, 4)
seeds = st.integers(0, 5)


def bounds_of(shard: WindowShard) -> SegmentBounds:
    return SegmentBounds.of(
        shard.segments,
        num_windows=shard.num_windows,
        sequence_tokens=shard.layout.sequence_tokens,
    )


def targets_of(shard: WindowShard) -> Targets:
    return targets(np.asarray(shard.tokens), bounds_of(shard))


@given(document_lengths, depths, seeds)
def test_no_target_crosses_a_document(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, seed: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth, seed=seed)
    tokens = documents(lengths)
    found = targets_of(shard)
    for window, d, i in zip(*np.nonzero(found.is_live_bks), strict=True):
        document, offset = shard.locate(int(window), int(i))
        text = tokens.values[tokens.offsets[document] : tokens.offsets[document + 1]]
        assert shard.tokens[window, i] == text[offset]
        assert found.labels_bks[window, d, i] == text[offset + 1 + d]


@given(document_lengths, depths, seeds)
def test_every_target_inside_a_document_is_live_but_for_pads(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, seed: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth, seed=seed)
    found = targets_of(shard)
    assert (found.labels_bks[~found.is_live_bks] == DEAD_LABEL).all()
    assert not (found.labels_bks[found.is_live_bks] == PAD).any()
    live = found.is_live_bks.sum(axis=(0, 2)).tolist()
    # With the lookahead nothing is lost to cutting: a document of n tokens has n - 1 - d targets.
    whole = [sum(max(0, n - 1 - d) for n in lengths) for d in range(depth + 1)]
    assert live == whole
    assert count_live(shard.segments, mtp_depth=depth).tolist() == whole


@given(depths, seeds, st.integers(17, 400))
def test_document_cut_over_windows_has_every_target_of_it_once(
    tmp_path_factory: pytest.TempPathFactory, depth: int, seed: int, length: int
) -> None:
    """Each of its tokens is input once, and target at depth d once unless it is among the first."""
    shard = write_shard(
        tmp_path_factory.mktemp("shard") / "s", [length], mtp_depth=depth, seed=seed
    )
    text = documents([length]).values
    found = targets_of(shard)
    for d in range(depth + 1):
        labels = found.labels_bks[:, d][found.is_live_bks[:, d]]
        assert sorted(labels.tolist()) == sorted(text[1 + d :].tolist())


@given(document_lengths, depths, seeds)
def test_windows_of_a_batch_are_as_each_would_be_alone(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, seed: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth, seed=seed)
    together, bounds = targets_of(shard), bounds_of(shard)
    for window in range(shard.num_windows):
        alone = bounds.select(window, 1)
        found = targets(shard.tokens[[window]], alone)
        assert found.labels_bks.tolist() == together.labels_bks[[window]].tolist()
        assert found.is_live_bks.tolist() == together.is_live_bks[[window]].tolist()
        assert position_ids(alone).tolist() == position_ids(bounds)[[window]].tolist()


@given(document_lengths, st.integers(0, 10))
def test_bounds_selected_apart_and_laid_together_are_those_of_all(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], cut: int
) -> None:
    bounds = bounds_of(write_shard(tmp_path_factory.mktemp("shard") / "s", lengths))
    cut = min(cut, bounds.num_windows)
    joined = bounds.select(0, cut).extend(bounds.select(cut, bounds.num_windows - cut))
    assert joined.starts_g.tolist() == bounds.starts_g.tolist()
    assert joined.target_ends_g.tolist() == bounds.target_ends_g.tolist()
    assert joined.first_g.tolist() == bounds.first_g.tolist()


@given(document_lengths)
def test_positions_restart_with_every_segment_and_bounds_cover_the_windows(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths)
    bounds = bounds_of(shard)
    found = bounds.cu_seqlens
    sizes = np.diff(found)
    assert found[0] == 0
    assert found[-1] == 16 * shard.num_windows
    assert (sizes > 0).all()
    assert bounds.max_seqlen == sizes.max()
    # Every window begins a segment, and so does every segment on disk.
    begins = shard.segments["window"] * 16 + shard.segments["start"]
    assert set(begins.tolist()) | set(range(0, found[-1], 16)) <= set(found.tolist())
    assert len(sizes) - len(begins) == (shard.tokens[:, 15] == PAD).sum()
    expected = np.concatenate([np.arange(size) for size in sizes])
    assert position_ids(bounds).ravel().tolist() == expected.tolist()
    assert document_ids(bounds).ravel().tolist() == np.repeat(range(len(sizes)), sizes).tolist()


def test_targets_of_a_window_with_two_documents_and_pads(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [4, 3], sequence_tokens=16, mtp_depth=2)
    dead = [DEAD_LABEL] * 9
    assert targets_of(shard).labels_bks.tolist() == [
        [
            [101, 102, 1, -100, 105, 1, -100, *dead],
            [102, 1, -100, -100, 1, -100, -100, *dead],
            [1, -100, -100, -100, -100, -100, -100, *dead],
        ]
    ]


def test_fragment_that_goes_on_by_its_end_alone_reaches_no_further(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [17], sequence_tokens=16, mtp_depth=2)
    window = int(shard.segments["window"][shard.segments["length"] == 16][0])
    assert targets_of(shard).is_live_bks[window].sum(axis=1).tolist() == [16, 15, 14]


# What Megatron-LM does to labels and loss masks, restated from megatron/core/datasets/
# gpt_dataset.py and megatron/core/transformer/multi_token_prediction.py (process_mtp_loss and
# _roll_tensor_packed_seq): one roll to the left a depth, zeros moving in at the end of what is
# rolled: the sample, or with cu_seqlens each document of it.


def megatron_targets(
    row: list[int], depth: int, cu_seqlens: list[int] | None, *, has_eod_mask: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and loss masks of a sample of S + 1 tokens, each (depth + 1, S)."""
    tokens, labels = np.array(row[:-1]), np.array(row[1:])
    mask = (labels != PAD) & (tokens != PAD)
    if has_eod_mask:
        mask &= tokens != EOD
    pieces = cu_seqlens or [0, len(tokens)]
    rolled_labels, rolled_masks = [labels], [mask]
    for _ in range(depth):
        labels, mask = labels.copy(), mask.copy()
        for low, high in pairwise(pieces):
            labels[low : high - 1], labels[high - 1] = labels[low + 1 : high].copy(), 0
            mask[low : high - 1], mask[high - 1] = mask[low + 1 : high].copy(), False
        rolled_labels.append(labels)
        rolled_masks.append(mask)
    return np.stack(rolled_labels), np.stack(rolled_masks)


@pytest.mark.parametrize(
    ("is_packed", "has_eod_mask", "crossing"),
    [
        (False, False, [3, 5, 7, 9]),
        (False, True, [0, 2, 4, 6]),
        (True, False, [3, 3, 3, 3]),
        (True, True, [0, 0, 0, 0]),
    ],
)
def test_megatron_crosses_documents_unless_it_has_both_bounds_and_eod_mask(
    is_packed: bool,
    has_eod_mask: bool,
    crossing: list[int],
) -> None:
    """Three documents in 16 positions, and the first token of a fourth after them."""
    lengths = [6, 5, 5]
    row = [*documents(lengths).values.tolist(), 999]
    cu_seqlens = [0, *np.cumsum(lengths).tolist()]
    owner = np.repeat([0, 1, 2, 3, -1], [*lengths, 1, 3])
    _, masks = megatron_targets(
        row, 3, cu_seqlens if is_packed else None, has_eod_mask=has_eod_mask
    )
    found = [
        sum(mask[i] and owner[i] != owner[i + 1 + d] for i in range(16))
        for d, mask in enumerate(masks)
    ]
    assert found == crossing


@given(st.lists(st.integers(1, 16), min_size=1, max_size=40), depths, seeds)
def test_whole_documents_have_the_targets_of_megatron_with_bounds_and_eod_mask(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, seed: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth, seed=seed)
    found, bounds = targets_of(shard), bounds_of(shard)
    for window in range(shard.num_windows):
        if (shard.segments_of(window)["num_fragments"] > 1).any():
            continue  # Megatron's roll has no lookahead
        row = shard.tokens[window, :17].tolist()
        cu_seqlens = bounds.select(window, 1).cu_seqlens.tolist()
        labels, mask = megatron_targets(row, depth, cu_seqlens, has_eod_mask=True)
        assert found.is_live_bks[window].tolist() == mask.tolist()
        assert found.labels_bks[window][mask].tolist() == labels[mask].tolist()
