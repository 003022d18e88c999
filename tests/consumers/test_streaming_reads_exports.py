"""mosaicml-streaming over our ``.mds``."""

import json

import numpy as np
import pytest

from mixtures.formats.window_files import row_bounds, window_rows
from mixtures.mtp import targets
from tests.mixtures.formats.exported_stage import window_bounds

streaming = pytest.importorskip("streaming", reason="make test-formats installs it")


@pytest.fixture
def dataset(exported):
    folder, _ = exported("mds")
    streaming.base.util.clean_stale_shared_memory()
    return streaming.StreamingDataset(
        local=str(folder), shuffle=False, batch_size=1, validate_hash="sha256"
    )


def test_every_sample_is_a_window_with_its_targets(stage, dataset) -> None:
    windows = [
        (shard.windows, window)
        for shard in stage.shards
        for window in range(shard.windows.num_windows)
    ]
    assert len(dataset) == len(windows)
    for number, (shard, window) in enumerate(windows):
        sample = dataset[number]
        segments = shard.segments_of(window)
        assert np.array_equal(sample["tokens"], shard.tokens[window])
        assert np.array_equal(sample["cu_seqlens"], window_bounds(shard, window).cu_seqlens)
        assert np.array_equal(sample["document_offsets"], segments["offset"])
        found = targets(
            sample["tokens"][None],
            row_bounds(
                sample["cu_seqlens"],
                num_tokens=sample["num_tokens"],
                lookahead=sample["lookahead"],
            ),
        )
        rows_br = np.asarray(shard.tokens[window : window + 1])
        wanted = targets(rows_br, window_bounds(shard, window))
        assert np.array_equal(found.labels_bks, wanted.labels_bks)
        assert np.array_equal(found.is_live_bks, wanted.is_live_bks)


def test_samples_name_their_documents(stage, dataset) -> None:
    number = 0
    for shard in stage.shards:
        ids = shard.documents.column("id").to_pylist()
        for window in range(shard.windows.num_windows):
            rows = shard.windows.segments_of(window)["document"].tolist()
            assert dataset[number]["document_ids"] == [ids[row] for row in rows]
            number += 1


def test_files_are_those_that_streaming_would_write(stage, exported, tmp_path) -> None:
    folder, sets = exported("mds")
    config = json.loads((folder / "index.json").read_text())["shards"][0]
    columns = dict(zip(config["column_names"], config["column_encodings"], strict=True))
    for number, (shard, one) in enumerate(zip(stage.shards, sets, strict=True)):
        out = tmp_path / f"own-{number}"
        with streaming.MDSWriter(
            columns=columns, out=str(out), hashes=["sha256"], size_limit=None
        ) as writer:
            for row in window_rows(shard):
                writer.write(
                    {
                        "tokens": row.tokens,
                        "cu_seqlens": row.cu_seqlens,
                        "num_tokens": row.num_tokens,
                        "lookahead": row.lookahead,
                        "document_ids": row.document_ids,
                        "document_offsets": row.document_offsets,
                    }
                )
        ours = (folder.parent / f"{one.files.name}.mds").read_bytes()
        assert (out / "shard.00000.mds").read_bytes() == ours
        (own,) = json.loads((out / "index.json").read_text())["shards"]
        listed = json.loads((folder / "index.json").read_text())["shards"][number]
        own["raw_data"]["basename"] = listed["raw_data"]["basename"]
        assert own == listed
