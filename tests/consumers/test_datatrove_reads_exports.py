"""datatrove's datasets and its own writer over our ``.ds``."""

from pathlib import Path

import numpy as np
import pytest

from tests.mixtures.formats.exported_stage import SIZE, listed_documents
from tests.mixtures.sample_shards import EOD

pytest.importorskip("datatrove.utils.dataset", reason="make test-formats installs datatrove")

from datatrove.pipeline.tokens.tokenizer import TokenizedFile
from datatrove.utils.dataset import DatatroveFolderDataset


def test_blocks_are_the_tokens_and_positions_restart_after_every_eod(exported) -> None:
    folder, _ = exported("datatrove")
    dataset = DatatroveFolderDataset(
        str(folder),
        seq_len=SIZE,
        token_size=4,
        return_positions=True,
        filename_pattern="**/*.ds",
    )
    block = SIZE + 1
    blocks = []
    for path in sorted(folder.glob("*/*.ds")):
        tokens = np.fromfile(path, "<u4")
        blocks += tokens[: len(tokens) // block * block].reshape(-1, block).tolist()
    assert len(dataset) == len(blocks)
    for number, expected in enumerate(blocks):
        item = dataset[number]
        assert item["input_ids"].tolist() == expected
        for place in range(1, block):
            restarts = item["positions"][place] == 0
            assert restarts == (expected[place - 1] == EOD)


def test_files_are_those_that_datatrove_would_write(stage, exported, tmp_path) -> None:
    folder, sets = exported("datatrove")
    for one in sets:
        base = folder.parent / one.files.name
        own = TokenizedFile(
            str(tmp_path / "own"),
            "x.ds",
            tokenizer_name_or_path=stage.context.tokenizer,
            save_final_metadata=True,
            token_size=4,
        )
        for name in listed_documents(base):
            own.write(stage.document(*name), None)
        own.close()
        for suffix in (".ds", ".ds.index", ".ds.metadata"):
            expected = (tmp_path / "own" / f"x{suffix}").read_bytes()
            assert Path(f"{base}{suffix}").read_bytes() == expected
