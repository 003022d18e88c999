from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mixtures.sample_shards import document_lengths, write_stage

torch = pytest.importorskip("torch", reason="masks need the torch extra")

from torch.nn.attention.flex_attention import create_block_mask, flex_attention  # noqa: E402
from torch.nn.functional import scaled_dot_product_attention  # noqa: E402

from mixtures.attention import block_mask, dense_mask, mask_mod  # noqa: E402
from mixtures.torch_reader import MixtureDataset, TokenBatch  # noqa: E402


def batch_of(folder: Path, lengths: list[int], size: int = 16, windows: int = 4) -> TokenBatch:
    """The last batch, which may end in windows of pads."""
    stage = write_stage(folder, [lengths], sequence_tokens=size)
    return list(MixtureDataset(stage, batch_tokens=size * windows))[-1]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TokenBatch:
    return batch_of(tmp_path_factory.mktemp("stage"), [5, 40, 16, 3, 70, 9] * 3, size=60)


@given(document_lengths)
def test_mask_mod_dense_mask_and_bounds_agree(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    batch = batch_of(tmp_path_factory.mktemp("stage"), lengths)
    windows, size = batch.shape
    # What varlen attention does with the bounds: causal inside each, nothing between.
    whole = np.zeros((windows * size, windows * size), np.bool_)
    bounds = batch.cu_seqlens.tolist()
    for low, high in pairwise(bounds):
        whole[low:high, low:high] = np.tri(high - low, dtype=np.bool_)
    expected = [
        whole[low : low + size, low : low + size].tolist() for low in range(0, len(whole), size)
    ]
    assert whole.sum() == np.sum(expected)
    assert dense_mask(batch.document_ids)[:, 0].tolist() == expected
    window, query, key = torch.meshgrid(
        torch.arange(windows), torch.arange(size), torch.arange(size), indexing="ij"
    )
    assert mask_mod(batch.document_ids)(window, window, query, key).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(document_lengths, st.sampled_from([4, 5, 8, 16, 32]))
def test_block_mask_is_the_one_that_flex_attention_would_create(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], block: int
) -> None:
    ids = batch_of(tmp_path_factory.mktemp("stage"), lengths, size=32, windows=2).document_ids
    ours = block_mask(ids, block_positions=block)
    theirs = create_block_mask(
        mask_mod(ids), len(ids), None, 32, 32, device="cpu", BLOCK_SIZE=block
    )
    assert ours.shape[-2:] == theirs.shape[-2:]
    for name in ("kv_num_blocks", "full_kv_num_blocks", "q_num_blocks", "full_q_num_blocks"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name
    for name in ("kv_indices", "full_kv_indices", "q_indices", "full_q_indices"):
        counts = getattr(ours, name.replace("indices", "num_blocks"))
        is_named = torch.arange(counts.shape[-1]) < counts[..., None]
        found, expected = getattr(ours, name)[is_named], getattr(theirs, name)[is_named]
        assert found.tolist() == expected.tolist(), name


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
def test_flex_attention_and_sdpa_give_the_same_and_nothing_of_neighbours(batch: TokenBatch) -> None:
    windows, size = batch.shape
    generator = torch.Generator().manual_seed(2)
    query, key, value = torch.randn(3, windows, 2, size, 16, generator=generator)
    dense = scaled_dot_product_attention(
        query, key, value, attn_mask=dense_mask(batch.document_ids)
    )
    flex = flex_attention(query, key, value, block_mask=block_mask(batch.document_ids))
    torch.testing.assert_close(flex, dense)
    bounds = batch.cu_seqlens.tolist()
    apart = torch.empty_like(dense)
    for low, high in pairwise(bounds):
        window, place = low // size, slice(low % size, low % size + high - low)
        apart[window, :, place] = scaled_dot_product_attention(
            query[window, :, place], key[window, :, place], value[window, :, place], is_causal=True
        )
    torch.testing.assert_close(dense, apart)
