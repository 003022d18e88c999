"""Attention by document on a GPU: flex with our block mask and varlen, against a dense mask.

    python -m benchmarks.document_attention RUN

Takes the first batch of each window length of a finished run, random bfloat16 queries, keys and
values, and prints how far outputs and gradients lie from those of torch's own attention under a
dense mask, the time forward and backward, and what the block mask costs to make.
"""

import argparse
import json
from collections.abc import Callable

import torch
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention

from mixtures.attention import block_mask, dense_mask
from mixtures.torch_reader import MixtureDataset, TokenBatch

HEADS, HEAD_SIZE = 8, 64
ROUNDS = 20

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    folder = parser.parse_args().run
    found = {}
    for batch in MixtureDataset(folder, batch_tokens=1 << 15):
        size = batch.shape[1]
        if size not in found:
            found[size] = compare(batch.to("cuda"))
            print(f"windows of {size:,}, {batch.num_windows} of them", json.dumps(found[size]))
    print(json.dumps(found))


def compare(batch: TokenBatch) -> dict[str, float]:
    """Differences relative to the dense result's norm, and milliseconds."""
    num_windows, size = batch.tokens.shape
    shape = (num_windows, HEADS, size, HEAD_SIZE)
    generator = torch.Generator("cuda").manual_seed(1)
    inputs = [
        torch.randn(shape, generator=generator, device="cuda", dtype=torch.bfloat16)
        for _ in range(3)
    ]
    ids = batch.document_ids
    compiled = torch.compile(flex_attention)
    mask = block_mask(ids)
    bounds = batch.cu_seqlens

    def dense(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return scaled_dot_product_attention(q, k, v, attn_mask=dense_mask(ids))

    def flex(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return compiled(q, k, v, block_mask=mask)

    def varlen(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        packed = [t.transpose(1, 2).reshape(-1, HEADS, HEAD_SIZE) for t in (q, k, v)]
        longest = batch.max_seqlen
        out = varlen_attn(*packed, bounds, bounds, longest, longest, window_size=(-1, 0))
        return out.view(num_windows, size, HEADS, HEAD_SIZE).transpose(1, 2)

    wanted = _results(dense, inputs)
    rows: dict[str, float] = {"block_mask_ms": _milliseconds(lambda: block_mask(ids))}
    for name, attention in (("dense", dense), ("flex", flex), ("varlen", varlen)):
        results = _results(attention, inputs)
        rows[f"{name}_error"] = max(
            float((got.float() - want.float()).norm() / want.float().norm())
            for got, want in zip(results, wanted, strict=True)
        )
        rows[f"{name}_ms"] = _milliseconds(lambda a=attention: _results(a, inputs))
    return {name: round(value, 5) for name, value in rows.items()}


def _results(attention: Attention, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """The output, and the gradients of its sum of squares."""
    leaves = [one.detach().requires_grad_() for one in inputs]
    out = attention(*leaves)
    out.float().square().sum().backward()
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def _milliseconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)[ROUNDS // 2]


if __name__ == "__main__":
    main()
