import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.verification import Members, ShardCounts, verify_shard
from mixtures.windows import WindowShard
from pipeline.errors import InvariantError
from tests.mixtures.sample_shards import EOD, PAD, document_lengths, write_shard

LENGTHS = [40, 5, 9, 16, 3]


@given(document_lengths, st.integers(0, 4), st.sampled_from([16, 33]))
def test_shard_as_written_is_sound(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int, size: int
) -> None:
    shard = write_shard(
        tmp_path_factory.mktemp("shard") / "s", lengths, sequence_tokens=size, mtp_depth=depth
    )
    counts = verify_shard(shard, Members.unjoined(lengths))
    assert (counts.documents, counts.tokens) == (len(lengths), sum(lengths))
    assert counts.padding_tokens == counts.windows * size - counts.tokens
    assert counts.live_targets == tuple(
        sum(max(0, n - 1 - d) for n in lengths) for d in range(depth + 1)
    )


def test_shard_without_windows_is_sound(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [])
    assert verify_shard(shard, Members.unjoined([])).windows == 0


@pytest.fixture
def shard(tmp_path: Path) -> WindowShard:
    shard = write_shard(tmp_path / "s", LENGTHS)
    return dataclasses.replace(shard, tokens=np.array(shard.tokens))


def check(shard: WindowShard) -> ShardCounts:
    return verify_shard(shard, Members.unjoined(LENGTHS))


def place(shard: WindowShard, document: int, fragment: int = 0) -> int:
    s = shard.segments
    return int(np.flatnonzero((s["document"] == document) & (s["fragment"] == fragment))[0])


def test_token_changed_to_pad_is_found(shard: WindowShard) -> None:
    shard.tokens[0, 0] = PAD
    with pytest.raises(InvariantError, match="hold pads in a document"):
        check(shard)


def test_second_end_of_document_is_found(shard: WindowShard) -> None:
    segment = shard.segments[place(shard, 1)]
    shard.tokens[segment["window"], segment["start"]] = EOD
    with pytest.raises(InvariantError, match="EODs"):
        check(shard)


def test_missing_end_of_document_is_found(shard: WindowShard) -> None:
    segment = shard.segments[place(shard, 1)]
    shard.tokens[segment["window"], segment["start"] + segment["length"] - 1] = 99
    with pytest.raises(InvariantError, match="has EOD and end apart"):
        check(shard)


def test_wrong_lookahead_token_is_found(shard: WindowShard) -> None:
    shard.tokens[shard.segments[place(shard, 0, 1)]["window"], 17] = 99
    with pytest.raises(InvariantError, match="followed by other tokens"):
        check(shard)


def test_lookahead_across_documents_is_found(shard: WindowShard) -> None:
    segment = shard.segments[place(shard, 3)]
    assert segment["length"] == 16
    shard.tokens[segment["window"], 16] = 99
    with pytest.raises(InvariantError, match="tokens where there is none"):
        check(shard)


def test_document_missing_from_the_table_is_found(shard: WindowShard) -> None:
    with pytest.raises(InvariantError, match="5 documents; the table lists 4"):
        verify_shard(shard, Members.unjoined(LENGTHS[:4]))


def test_document_of_another_length_is_found(shard: WindowShard) -> None:
    with pytest.raises(InvariantError, match="document 1 "):
        verify_shard(shard, Members.unjoined([40, 6, 9, 16, 3]))


@pytest.mark.parametrize(
    ("field", "law"),
    [
        ("start", "does not begin where"),
        ("offset", "does not follow"),
        ("fragment", "not numbered"),
        ("num_fragments", "not numbered"),
        ("lookahead", "looks ahead"),
        ("length", "looks ahead"),
        ("window", "does not begin where"),
    ],
)
def test_changed_field_of_a_segment_is_found(shard: WindowShard, field: str, law: str) -> None:
    shard.segments[place(shard, 2)][field] += 1
    with pytest.raises(InvariantError, match=law):
        check(shard)


def test_lost_segment_is_found(shard: WindowShard) -> None:
    with pytest.raises(InvariantError):
        check(dataclasses.replace(shard, segments=shard.segments[:-1]))
