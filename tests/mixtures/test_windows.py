import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.packing import pack
from mixtures.window_writing import write_tokens
from mixtures.windows import (
    SEGMENT_DTYPE,
    TokenTable,
    WindowLayout,
    open_shard,
    shard_name,
)
from pipeline.errors import InvariantError
from tests.mixtures.sample_shards import EOD, PAD, document_lengths, documents, layout, write_shard


@given(document_lengths, st.integers(0, 3))
def test_documents_can_be_put_together_again_from_the_shard(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], depth: int
) -> None:
    shard = write_shard(tmp_path_factory.mktemp("shard") / "s", lengths, mtp_depth=depth)
    tokens = documents(lengths)
    rebuilt = np.zeros_like(tokens.values)
    for s in shard.segments:
        begin = tokens.offsets[s["document"]] + s["offset"]
        row = shard.tokens[s["window"]]
        rebuilt[begin : begin + s["length"]] = row[s["start"] : s["start"] + s["length"]]
    assert np.array_equal(rebuilt, tokens.values)


def test_row_holds_documents_then_pads_then_an_empty_lookahead(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [3, 4], sequence_tokens=16, mtp_depth=1)
    assert shard.tokens.tolist() == [[100, 101, EOD, 103, 104, 105, EOD, *[PAD] * 11]]


def test_lookahead_holds_the_true_next_tokens(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [20], sequence_tokens=16, mtp_depth=1)
    rows = {int(shard.tokens[w, 0]): shard.tokens[w].tolist() for w in range(2)}
    assert rows[100] == list(range(100, 118))
    assert rows[116] == [116, 117, 118, EOD, *[PAD] * 14]


def test_tokens_can_be_mapped_and_hold_int32(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [5, 30])
    assert isinstance(shard.tokens, np.memmap)
    assert shard.tokens.dtype == np.int32


def test_rows_are_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [5, 30, 16, 2, 9, 9, 9, 40]
    segments = pack(lengths, sequence_tokens=16, mtp_depth=2, shuffle_seed=1)
    written = []
    for block_bytes in (1, 400, 1 << 20):
        monkeypatch.setattr("mixtures.window_writing._BLOCK_BYTES", block_bytes)
        stream = io.BytesIO()
        write_tokens(stream, segments, documents(lengths), layout(16, 2))
        written.append(stream.getvalue())
    assert written[0] == written[1] == written[2]


def test_locate_leads_from_a_token_to_its_document(tmp_path: Path) -> None:
    lengths = [20, 5, 9]
    shard = write_shard(tmp_path / "s", lengths)
    tokens = documents(lengths)
    window, position = next(zip(*np.nonzero(shard.tokens == 117), strict=True))
    document, offset = shard.locate(int(window), int(position))
    assert tokens.values[tokens.offsets[document] + offset] == 117


def test_locate_refuses_padding(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [3])
    with pytest.raises(IndexError, match="position 3 of window 0 is padding"):
        shard.locate(0, 3)


def test_shard_without_windows_opens(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s", [])
    assert shard.num_windows == 0
    assert shard.tokens.shape == (0, 18)


def test_shard_name_is_that_of_any_of_its_files() -> None:
    assert {shard_name(f"a/b.1{s}") for s in ("", ".tokens.npy", ".windows.json")} == {"a/b.1"}


def test_token_table_joins_documents_end_to_end() -> None:
    table = TokenTable.of([np.array([5, 1], np.int32), np.array([1], np.int32)])
    assert table.values.tolist() == [5, 1, 1]
    assert table.lengths.tolist() == [2, 1]


def test_arrays_that_do_not_fit_the_layout_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "s", [3], mtp_depth=1)
    (tmp_path / "s.windows.json").write_text(layout(16, 2).to_json())
    with pytest.raises(InvariantError, match=r"int32 \(windows, 19\)"):
        open_shard(tmp_path / "s")


def test_foreign_segments_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "s", [3])
    np.save(tmp_path / "s.segments.npy", np.zeros(1, [("window", "<i8")]))
    with pytest.raises(InvariantError, match="does not hold segments"):
        open_shard(tmp_path / "s")


@pytest.mark.parametrize("text", ["[]", "{}", '{"format_version": 2}', '{"format_version": 1}'])
def test_foreign_layout_is_refused(text: str) -> None:
    with pytest.raises(InvariantError, match=r"layout|version"):
        WindowLayout.from_json(text)


def test_segments_can_be_read_with_numpy_alone(tmp_path: Path) -> None:
    write_shard(tmp_path / "s", [20])
    assert np.load(tmp_path / "s.segments.npy", allow_pickle=False).dtype == SEGMENT_DTYPE
