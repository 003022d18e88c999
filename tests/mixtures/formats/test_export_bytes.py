"""The files byte for byte, by readers written from the formats' descriptions alone."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mixtures.formats.datatrove import readable_tokens
from tests.mixtures.formats.exported_stage import (
    DEPTH,
    SIZE,
    Stage,
    export,
    listed_documents,
    make_stage,
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return make_stage(tmp_path_factory.mktemp("native"))


def sequences(stage: Stage, base: Path) -> list[list[int]]:
    return [stage.document(*name) for name in listed_documents(base)]


def test_megatron_index_is_a_head_lengths_begins_and_documents(stage, tmp_path) -> None:
    for one in export(stage, "megatron", tmp_path):
        base = tmp_path / one.files.name
        index = Path(f"{base}.idx").read_bytes()
        assert index[:9] == b"MMIDIDX\0\0"
        version, dtype, num_sequences, num_bounds = struct.unpack_from("<QBQQ", index, 9)
        assert (version, dtype, num_bounds) == (1, 4, num_sequences + 1)
        assert len(index) == 42 + 20 * num_sequences
        lengths = struct.unpack_from(f"<{num_sequences}i", index, 34)
        begins = struct.unpack_from(f"<{num_sequences}q", index, 34 + 4 * num_sequences)
        bounds = struct.unpack_from(f"<{num_bounds}q", index, 34 + 12 * num_sequences)
        assert bounds == tuple(range(num_bounds))
        data = Path(f"{base}.bin").read_bytes()
        assert [
            list(struct.unpack_from(f"<{length}i", data, begin))
            for length, begin in zip(lengths, begins, strict=True)
        ] == sequences(stage, base)
        assert len(data) == 4 * one.counts.tokens


def test_megatron_blend_weighs_prefixes_by_their_tokens(stage, tmp_path) -> None:
    sets = export(stage, "megatron", tmp_path)
    blend = json.loads((tmp_path / "megatron" / "blend.json").read_text())
    assert blend["train"] == [
        word
        for one in sets
        for word in (str(one.counts.tokens), one.files.name[len("megatron/") :])
    ]
    assert sum(map(int, blend["train"][::2])) == stage.num_tokens
    readme = (tmp_path / "megatron" / "README.md").read_text()
    assert f"--mtp-num-layers {DEPTH} --eod-mask-loss --dataloader-inter-document-masking" in readme


def test_olmo_rows_bound_documents_and_name_their_rows(stage, tmp_path) -> None:
    for one in export(stage, "olmo", tmp_path):
        base = tmp_path / one.files.name
        tokens = np.fromfile(f"{base}.npy", "<u4")
        table = pq.read_table(f"{base}.documents.parquet").to_pylist()
        found = []
        for line in gzip.decompress(Path(f"{base}.csv.gz").read_bytes()).decode().splitlines():
            begin, end, document, source, row = line.split(",")
            assert source == f"{base.name}.documents.parquet"
            assert table[int(row) - 1]["id"] == document
            found.append(tokens[int(begin) : int(end)].tolist())
        assert found == sequences(stage, base)


def test_olmo_metadata_holds_no_time(stage, tmp_path) -> None:
    (name, *_) = [one.files.name for one in export(stage, "olmo", tmp_path)]
    assert (tmp_path / f"{name}.csv.gz").read_bytes()[3:8] == b"\0" * 5  # no name, time 0


def test_datatrove_index_is_the_ends_of_documents(stage, tmp_path) -> None:
    for one in export(stage, "datatrove", tmp_path):
        base = tmp_path / one.files.name
        index = Path(f"{base}.ds.index").read_bytes()
        ends = struct.unpack(f"<{len(index) // 8}Q", index)
        tokens = np.fromfile(f"{base}.ds", "<u4")
        found = [part.tolist() for part in np.split(tokens, ends[:-1])]
        assert found == sequences(stage, base)
        assert Path(f"{base}.ds.metadata").read_text() == (
            f"qwen2.5|4\n{one.counts.tokens}\n{one.counts.tokens} T"
        )


@pytest.mark.parametrize(
    ("tokens", "text"),
    [(0, "0.00 T"), (7, "7.00 T"), (999, "999 T"), (1234, "1.23 kT"), (45_678_901, "45.7 MT")],
)
def test_tokens_are_written_for_people(tokens: int, text: str) -> None:
    assert readable_tokens(tokens) == text


def test_mds_samples_lie_where_the_head_says(stage, tmp_path) -> None:
    sets = export(stage, "mds", tmp_path)
    listed = json.loads((tmp_path / "mds" / "index.json").read_text())
    assert listed["version"] == 2
    for one, shard, entry in zip(sets, stage.shards, listed["shards"], strict=True):
        data = (tmp_path / f"{one.files.name}.mds").read_bytes()
        assert entry["raw_data"]["bytes"] == len(data)
        assert entry["raw_data"]["basename"] == f"{Path(one.files.name).name}.mds"
        (count,) = struct.unpack_from("<I", data)
        assert count == entry["samples"] == shard.windows.num_windows
        offsets = struct.unpack_from(f"<{count + 1}I", data, 4)
        config = json.loads(data[4 + 4 * (count + 1) : offsets[0]])
        assert config == {k: v for k, v in entry.items() if k in config}
        assert offsets[-1] == len(data)
        row_bytes = 4 * (SIZE + 1 + DEPTH)
        for window, end in enumerate(offsets[1:]):
            # The tokens are the last column by name, and of fixed size.
            tokens = np.frombuffer(data[end - row_bytes : end], "<i4")
            assert np.array_equal(tokens, shard.windows.tokens[window])


def test_parquet_rows_are_windows_of_fixed_size(stage, tmp_path) -> None:
    for one, shard in zip(export(stage, "arrow", tmp_path), stage.shards, strict=True):
        table = pq.read_table(tmp_path / f"{one.files.name}.parquet")
        for name in ("input_ids", "labels", "position_ids"):
            assert table.schema.field(name).type.list_size == SIZE
        tokens = np.stack(table.column("input_ids").to_numpy())
        assert np.array_equal(tokens, shard.windows.tokens[:, :SIZE])
        assert all(column.null_count == 0 for column in table.columns)
