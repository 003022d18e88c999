import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.joining import NO_SEPARATOR
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


SEPARATOR = 7


@pytest.fixture
def joined(shard: WindowShard) -> WindowShard:
    """Unit 0 is documents of 10, 22 and 8 tokens, across three windows; unit 2 is 4 and 5."""
    for unit, offset in ((0, 9), (0, 31), (2, 3)):
        s = shard.segments
        [row] = np.flatnonzero(
            (s["document"] == unit) & (s["offset"] <= offset) & (offset < s["offset"] + s["length"])
        )
        shard.tokens[s["window"][row], s["start"][row] + offset - s["offset"][row]] = SEPARATOR
    return shard


def members(*, separator: int = SEPARATOR) -> Members:
    return Members(
        num_tokens=np.array([10, 22, 8, 5, 4, 5, 16, 3]),
        unit=np.array([0, 0, 0, 1, 2, 2, 3, 4]),
        separators=np.array([separator] * 6 + [NO_SEPARATOR] * 2, np.int32),
    )


def test_joined_documents_are_sound_and_counted(joined: WindowShard) -> None:
    counts = verify_shard(joined, members())
    assert (counts.documents, counts.units) == (8, 5)


def test_missing_separator_is_found(joined: WindowShard) -> None:
    place_of_separator = tuple(np.argwhere(joined.tokens == SEPARATOR)[0])
    joined.tokens[place_of_separator] = 99
    with pytest.raises(InvariantError, match="lacks the separator between two"):
        verify_shard(joined, members())


def test_separator_inside_a_document_is_found(joined: WindowShard) -> None:
    segment = joined.segments[place(joined, 1)]
    joined.tokens[segment["window"], segment["start"]] = SEPARATOR
    with pytest.raises(InvariantError, match="hold 4 separators for 3 documents"):
        verify_shard(joined, members())


def test_end_of_document_left_inside_a_unit_is_found(joined: WindowShard) -> None:
    segment = joined.segments[place(joined, 2)]
    joined.tokens[segment["window"], segment["start"] + 3] = EOD
    with pytest.raises(InvariantError, match="EODs"):
        verify_shard(joined, members())


def test_unit_of_a_component_that_joins_nothing_is_found(joined: WindowShard) -> None:
    with pytest.raises(InvariantError, match="several documents of a component that joins none"):
        verify_shard(joined, members(separator=NO_SEPARATOR))


@pytest.mark.parametrize("units", [[0, 0, 0, 1, 2, 2, 4, 5], [1, 1, 1, 2, 3, 3, 4, 5]])
def test_units_that_are_not_counted_row_by_row_are_found(
    joined: WindowShard, units: list[int]
) -> None:
    changed = dataclasses.replace(members(), unit=np.array(units))
    with pytest.raises(InvariantError, match="does not count its units"):
        verify_shard(joined, changed)
