"""Hugging Face ``datasets`` over our Parquet files."""

import numpy as np
import pytest

from mixtures.mtp import DEAD_LABEL, position_ids, targets
from tests.mixtures.formats.exported_stage import SIZE, window_bounds

datasets = pytest.importorskip("datasets", reason="make test-formats installs it")


@pytest.fixture(params=[False, True], ids=["cached", "streamed"])
def rows(request, exported, tmp_path):
    folder, _ = exported("arrow")
    return list(
        datasets.load_dataset(
            "parquet",
            data_files=sorted(map(str, folder.glob("*.parquet"))),
            split="train",
            cache_dir=str(tmp_path / "cache"),
            streaming=request.param,
        )
    )


def test_every_row_is_a_window(stage, rows) -> None:
    number = 0
    for shard in stage.shards:
        ids = shard.documents.column("id").to_pylist()
        for window in range(shard.windows.num_windows):
            row, segments = rows[number], shard.windows.segments_of(window)
            known = SIZE + int(segments["lookahead"][-1])
            assert row["input_ids"] + row["lookahead"] == (
                shard.windows.tokens[window, :known].tolist()
            )
            assert (
                row["position_ids"]
                == position_ids(window_bounds(shard.windows, window))[0].tolist()
            )
            assert sum(row["seq_lengths"]) == SIZE
            assert row["num_tokens"] == segments["length"].sum()
            assert row["document_ids"] == [ids[one] for one in segments["document"].tolist()]
            assert row["document_offsets"] == segments["offset"].tolist()
            number += 1
    assert number == len(rows)


def test_labels_shifted_as_models_shift_them_are_the_targets_of_the_main_head(stage, rows) -> None:
    windows = [
        (shard.windows, window)
        for shard in stage.shards
        for window in range(shard.windows.num_windows)
    ]
    lost = 0
    for row, (shard, window) in zip(rows, windows, strict=True):
        rows_br = np.asarray(shard.tokens[window : window + 1])
        wanted = targets(rows_br, window_bounds(shard, window)).labels_bks[0, 0]
        assert row["labels"][1:] == wanted[:-1].tolist()
        assert (wanted[-1] == DEAD_LABEL) == (not row["lookahead"])
        lost += len(row["lookahead"]) > 0
        if row["lookahead"]:
            assert row["lookahead"][0] == wanted[-1]
    assert lost, "the sample has documents that go on in another window"
