from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.mtp import DEAD_LABEL, boundaries, count_live, position_ids, targets
from tests.mixtures.sample_shards import PAD, document_lengths, documents, write_shard

depths = st.integers(0, 4)
seeds = st.integers(0, 5)


@given(document_lengths, depths, seeds)
def test_no_target_crosses_a_document(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, seed: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth, seed=seed)
    tokens = documents(lengths)
    for window in range(shard.num_windows):
        row, segments = shard.tokens[window], shard.segments_of(window)
        found = targets(row, segments, mtp_depth=depth)
        for d, i in zip(*np.nonzero(found.is_live_ks), strict=True):
            document, offset = shard.locate(window, int(i))
            text = tokens.values[tokens.offsets[document] : tokens.offsets[document + 1]]
            assert row[i] == text[offset]
            assert found.labels_ks[d, i] == text[offset + 1 + d]


@given(document_lengths, depths, seeds)
def test_every_target_inside_a_document_is_live_but_for_pads(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, seed: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth, seed=seed)
    live = np.zeros(depth + 1, np.int64)
    for window in range(shard.num_windows):
        found = targets(shard.tokens[window], shard.segments_of(window), mtp_depth=depth)
        assert (found.labels_ks[~found.is_live_ks] == DEAD_LABEL).all()
        assert not (found.labels_ks[found.is_live_ks] == PAD).any()
        live += found.is_live_ks.sum(axis=1)
    # With the lookahead nothing is lost to cutting: a document of n tokens has n - 1 - d targets.
    whole = [sum(max(0, n - 1 - d) for n in lengths) for d in range(depth + 1)]
    assert live.tolist() == whole
    assert count_live(shard.segments, mtp_depth=depth).tolist() == whole


@given(document_lengths)
def test_positions_restart_with_every_segment_and_bounds_cover_the_window(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths)
    for window in range(shard.num_windows):
        segments = shard.segments_of(window)
        bounds = boundaries(segments, 16)
        assert bounds[0] == 0
        assert bounds[-1] == 16
        assert (np.diff(bounds) > 0).all()
        expected = np.concatenate([np.arange(size) for size in np.diff(bounds)])
        assert position_ids(segments, 16).tolist() == expected.tolist()
        assert set(segments["start"].tolist()) <= set(bounds.tolist())


def test_targets_of_a_window_with_two_documents_and_pads(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [4, 3], sequence_tokens=16, mtp_depth=2)
    found = targets(shard.tokens[0], shard.segments_of(0), mtp_depth=2)
    dead = [DEAD_LABEL] * 9
    assert found.labels_ks.tolist() == [
        [101, 102, 1, -100, 105, 1, -100, *dead],
        [102, 1, -100, -100, 1, -100, -100, *dead],
        [1, -100, -100, -100, -100, -100, -100, *dead],
    ]


def test_fragment_that_goes_on_by_its_end_alone_reaches_no_further(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [17], sequence_tokens=16, mtp_depth=2)
    window = int(shard.segments["window"][shard.segments["length"] == 16][0])
    live = targets(shard.tokens[window], shard.segments_of(window), mtp_depth=2).is_live_ks
    assert live.sum(axis=1).tolist() == [16, 15, 14]
