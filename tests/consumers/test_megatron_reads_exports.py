"""Megatron-LM's own datasets over our ``.bin`` and ``.idx``."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.mixtures.formats.exported_stage import SIZE, listed_documents
from tests.mixtures.sample_shards import EOD, PAD

pytest.importorskip("megatron.core.datasets", reason="make test-formats installs megatron-core")

import torch
from megatron.core.datasets.blended_megatron_dataset_builder import (
    BlendedMegatronDatasetBuilder,
)
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.indexed_dataset import (
    IndexedDataset,
    IndexedDatasetBuilder,
)
from megatron.core.datasets.utils import get_blend_from_list


class Tokenizer:
    """What Megatron's datasets ask of a tokenizer."""

    vocab_size = 151_936
    eod = EOD
    pad = PAD
    unique_identifiers = {"class": "sample"}  # noqa: RUF012


@pytest.fixture(scope="module", autouse=True)
def process_group(tmp_path_factory: pytest.TempPathFactory):
    """Blending asks for the rank: a group of this process alone."""
    store = torch.distributed.FileStore(str(tmp_path_factory.mktemp("group") / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def blended(blend: list[str], cache: Path, num_samples: int | None, **settings: bool):
    config = GPTDatasetConfig(
        random_seed=3,
        sequence_length=SIZE,
        blend_per_split=[get_blend_from_list(blend), None, None],
        path_to_cache=str(cache),
        tokenizer=Tokenizer(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=True,
        create_attention_mask=False,
        **settings,
    )
    builder = BlendedMegatronDatasetBuilder(
        GPTDataset, [num_samples, None, None], lambda: True, config
    )
    return builder.build()[0]


def test_every_sequence_is_a_whole_document(stage, exported) -> None:
    folder, sets = exported("megatron")
    tokens = 0
    for one in sets:
        base = folder.parent / one.files.name
        dataset = IndexedDataset(str(base))
        names = listed_documents(base)
        assert len(dataset) == len(names) == one.counts.sequences
        for sequence, name in enumerate(names):
            assert dataset[sequence].tolist() == stage.document(*name)
        assert dataset.document_indices.tolist() == list(range(len(names) + 1))
        tokens += int(dataset.sequence_lengths.sum())
    assert tokens == stage.num_tokens


def test_files_are_those_that_megatron_would_write(stage, exported, tmp_path) -> None:
    folder, sets = exported("megatron")
    for one in sets:
        base = folder.parent / one.files.name
        builder = IndexedDatasetBuilder(str(tmp_path / "x.bin"), dtype=np.int32)
        for name in listed_documents(base):
            document = stage.document(*name)
            builder.add_document(document, [len(document)])
        builder.finalize(str(tmp_path / "x.idx"))
        for suffix in (".bin", ".idx"):
            expected = (tmp_path / f"x{suffix}").read_bytes()
            assert Path(f"{base}{suffix}").read_bytes() == expected


def test_blend_trains_on_true_next_tokens_only(stage, exported, tmp_path, monkeypatch) -> None:
    folder, _ = exported("megatron")
    monkeypatch.chdir(folder)
    blend = json.loads(Path("blend.json").read_text())
    assert blend["valid"] is blend["test"] is None
    assert Path("data-path.txt").read_text().split() == blend["train"]
    num_samples = stage.num_tokens // SIZE
    dataset = blended(blend["train"], tmp_path / "cache", num_samples)
    live = 0
    for number in range(num_samples):
        sample = dataset[number]
        tokens, labels = sample["tokens"].numpy(), sample["labels"].numpy()
        is_live = sample["loss_mask"].numpy() > 0
        assert tokens.shape == labels.shape == (SIZE,)
        assert np.array_equal(labels[:-1], tokens[1:])
        assert np.array_equal(is_live, tokens != EOD)
        # The sample documents count up to their EOD.
        is_next = (labels == tokens + 1) | (labels == EOD)
        assert is_next[is_live].all()
        live += int(is_live.sum())
    assert live > num_samples * SIZE / 2


@pytest.mark.skipif(
    not hasattr(GPTDatasetConfig, "inter_document_masking"),
    reason="this megatron-core is older than 0.19, which needs Python 3.12",
)
def test_bounds_for_attention_are_the_ends_of_documents(
    stage, exported, tmp_path, monkeypatch
) -> None:
    folder, _ = exported("megatron")
    monkeypatch.chdir(folder)
    blend = json.loads(Path("blend.json").read_text())["train"]
    num_samples = stage.num_tokens // SIZE
    dataset = blended(blend, tmp_path / "cache", num_samples, inter_document_masking=True)
    for number in range(num_samples):
        sample = dataset[number]
        ends = np.flatnonzero(sample["tokens"].numpy() == EOD) + 1
        assert np.array_equal(np.unique(sample["cu_seqlens"]), np.unique([0, *ends, SIZE]))


def test_prefixes_without_weights_are_one_pass_over_all_tokens(
    stage, exported, tmp_path, monkeypatch
) -> None:
    folder, sets = exported("megatron")
    monkeypatch.chdir(folder)
    prefixes = json.loads(Path("blend.json").read_text())["train"][1::2]
    # An even list of words would be read as weights and prefixes; these are no numbers.
    dataset = blended(prefixes, tmp_path / "cache", None)
    samples = sum((one.counts.tokens - 1) // SIZE for one in sets)
    assert len(dataset) == samples
    assert stage.num_tokens - samples * SIZE <= len(sets) * SIZE
