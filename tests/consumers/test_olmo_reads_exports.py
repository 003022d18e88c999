"""OLMo-core's datasets over our headerless arrays."""

import numpy as np
import pytest

from tests.mixtures.formats.exported_stage import SIZE, listed_documents
from tests.mixtures.sample_shards import EOD, PAD

pytest.importorskip("olmo_core.data", reason="make test-formats installs ai2-olmo-core")

from olmo_core.data import (
    NumpyFSLDatasetConfig,
    NumpyPackedFSLDatasetConfig,
    TokenizerConfig,
)
from olmo_core.data.types import LongDocStrategy
from olmo_core.data.utils import iter_document_indices

TOKENIZER = TokenizerConfig(vocab_size=151_936, eos_token_id=EOD, pad_token_id=PAD)


def test_bounds_in_the_metadata_are_whole_documents(stage, exported) -> None:
    folder, sets = exported("olmo")
    for one in sets:
        base = folder.parent / one.files.name
        tokens = np.memmap(f"{base}.npy", np.uint32, mode="r")
        found = list(iter_document_indices(f"{base}.npy", use_array_if_local=False))
        assert [tokens[low:high].tolist() for low, high in found] == [
            stage.document(*name) for name in listed_documents(base)
        ]
        scanned = iter_document_indices(f"{base}.npy", eos_token_id=EOD, dtype=np.uint32)
        assert list(scanned) == found


def test_sequences_are_the_arrays_cut_at_the_sequence_length(exported, tmp_path) -> None:
    folder, _ = exported("olmo")
    dataset = NumpyFSLDatasetConfig(
        paths=sorted(map(str, folder.glob("*/*.npy"))),
        sequence_length=SIZE,
        tokenizer=TOKENIZER,
        generate_doc_lengths=True,
        work_dir=str(tmp_path / "work"),
    ).build()
    dataset.prepare()
    expected = [
        np.memmap(path, np.uint32, mode="r") for path in sorted(folder.glob("*/part-*.npy"))
    ]
    cut = [
        tokens[low : low + SIZE].tolist()
        for tokens in expected
        for low in range(0, len(tokens) - SIZE + 1, SIZE)
    ]
    items = [dataset[number] for number in range(len(dataset))]
    assert [item["input_ids"].tolist() for item in items] == cut
    for item in items:
        ends = np.cumsum(item["doc_lens"].tolist())[:-1]
        assert (item["input_ids"].numpy()[ends - 1] == EOD).all()


def test_olmo_packs_the_documents_again_and_loses_none(stage, exported, tmp_path) -> None:
    folder, _ = exported("olmo")
    dataset = NumpyPackedFSLDatasetConfig(
        paths=sorted(map(str, folder.glob("*/*.npy"))),
        sequence_length=SIZE,
        tokenizer=TOKENIZER,
        long_doc_strategy=LongDocStrategy.fragment,
        work_dir=str(tmp_path / "work"),
    ).build()
    dataset.prepare()
    kept = [dataset[number]["input_ids"].numpy() for number in range(len(dataset))]
    assert sum(int((row != PAD).sum()) for row in kept) == stage.num_tokens
