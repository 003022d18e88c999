"""What a step of generation does beside the model's matrices, on the GPU (Triton).

Both kernels read only what is there: attention the filled part of each slot, whatever the longest
holds, and sampling each row of the logits by itself, so no row depends on another.
"""

import torch
import triton
import triton.language as tl

BLOCK_POSITIONS = 64
BLOCK_VOCABULARY = 4096
MIN_DOT_ROWS = 16
"""The fewest rows a tensor core multiplies; the heads of a group are padded up to them."""

CUT_RANGE = tl.constexpr(64.0)
"""A token this far (in nats) under the likeliest is in the nucleus only where top_p is 1."""

NUM_CUT_PASSES = tl.constexpr(12)
"""Each pass finds 2 bits of the nucleus' threshold: to 64 / 4**12 = 4e-6 nats."""


@triton.jit  # type: ignore[untyped-decorator]
def _attend(  # noqa: PLR0917 - a kernel's pointers
    query_ptr: tl.tensor,
    key_ptr: tl.tensor,
    value_ptr: tl.tensor,
    out_ptr: tl.tensor,
    slot_ptr: tl.tensor,
    length_ptr: tl.tensor,
    scale: tl.tensor,
    slot_stride: tl.tensor,
    head_stride: tl.tensor,
    group: tl.constexpr,
    num_key_heads: tl.constexpr,
    size: tl.constexpr,
    padded_group: tl.constexpr,
    padded_size: tl.constexpr,
    block: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    key_head = tl.program_id(1)
    slot = tl.load(slot_ptr + row).to(tl.int64)
    length = tl.load(length_ptr + row).to(tl.int32)
    heads = tl.arange(0, padded_group)
    dims = tl.arange(0, padded_size)
    is_dim = dims < size
    first_head = (row * num_key_heads + key_head) * group
    query_at = (first_head + heads[:, None]) * size + dims[None, :]
    is_query = (heads[:, None] < group) & is_dim[None, :]
    query = tl.load(query_ptr + query_at, mask=is_query, other=0.0)
    base = slot * slot_stride + key_head * head_stride
    highest = tl.full([padded_group], float("-inf"), tl.float32)
    total = tl.zeros([padded_group], tl.float32)
    mixed = tl.zeros([padded_group, padded_size], tl.float32)
    for start in range(0, length, block):
        positions = start + tl.arange(0, block)
        at = base + positions[:, None] * size + dims[None, :]
        is_there = (positions[:, None] < length) & is_dim[None, :]
        keys = tl.load(key_ptr + at, mask=is_there, other=0.0)
        scores = tl.dot(query, tl.trans(keys), input_precision="ieee") * scale
        scores = tl.where(positions[None, :] < length, scores, float("-inf"))
        peak = tl.maximum(highest, tl.max(scores, 1))
        weights = tl.exp(scores - peak[:, None])
        shrink = tl.exp(highest - peak)
        total = total * shrink + tl.sum(weights, 1)
        values = tl.load(value_ptr + at, mask=is_there, other=0.0)
        mixed = mixed * shrink[:, None]
        mixed += tl.dot(weights.to(values.dtype), values, input_precision="ieee")
        highest = peak
    mixed = mixed / total[:, None]
    tl.store(out_ptr + query_at, mixed.to(out_ptr.dtype.element_ty), mask=is_query)


def attend_rows(  # noqa: PLR0917 - as the kernel on the CPU
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    slots: torch.Tensor,
    lengths: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    """As :func:`synth.engines.attention_kernel.attend_rows`, on a GPU's tensors."""
    queries = queries.contiguous()
    num_rows, num_heads, size = queries.shape
    num_key_heads = keys.shape[1]
    mixed = torch.empty_like(queries)
    _attend[num_rows, num_key_heads](
        queries,
        keys,
        values,
        mixed,
        slots,
        lengths,
        scale,
        keys.stride(0),
        keys.stride(1),
        group=num_heads // num_key_heads,
        num_key_heads=num_key_heads,
        size=size,
        padded_group=max(MIN_DOT_ROWS, triton.next_power_of_2(num_heads // num_key_heads)),
        padded_size=triton.next_power_of_2(size),
        block=BLOCK_POSITIONS,
        num_warps=4,
    )
    return mixed


@triton.jit  # type: ignore[untyped-decorator]
def _draw(  # noqa: PLR0915, PLR0917 - a kernel's pointers, and its loops written out
    logit_ptr: tl.tensor,
    temperature_ptr: tl.tensor,
    top_p_ptr: tl.tensor,
    uniform_ptr: tl.tensor,
    token_ptr: tl.tensor,
    vocabulary: tl.tensor,
    block: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    logit_ptr += row * vocabulary
    lanes = tl.arange(0, block)
    temperature = tl.load(temperature_ptr + row)
    top_p = tl.load(top_p_ptr + row)

    highs = tl.full([block], float("-inf"), tl.float32)
    high_ids = tl.zeros([block], tl.int32)
    for start in range(0, vocabulary, block):
        ids = start + lanes
        logits = tl.load(logit_ptr + ids, mask=ids < vocabulary, other=float("-inf"))
        logits = logits.to(tl.float32)
        high_ids = tl.where(logits > highs, ids, high_ids)
        highs = tl.maximum(logits, highs)
    highest = tl.max(highs, 0)
    token = tl.min(tl.where(highs == highest, high_ids, vocabulary), 0)

    if temperature > 0:
        cut = tl.full([], float("-inf"), tl.float32)
        if top_p < 1:
            masses = tl.zeros([block], tl.float32)
            for start in range(0, vocabulary, block):
                ids = start + lanes
                logits = tl.load(logit_ptr + ids, mask=ids < vocabulary, other=float("-inf"))
                masses += tl.exp((logits.to(tl.float32) - highest) / temperature)
            wanted = top_p * tl.sum(masses, 0)
            # The highest threshold whose tokens still have the wanted mass, by quartering.
            cut = tl.full([], -CUT_RANGE, tl.float32)
            width = tl.full([], CUT_RANGE / 4, tl.float32)
            for _ in range(NUM_CUT_PASSES):
                lower = tl.zeros([block], tl.float32)
                middle = tl.zeros([block], tl.float32)
                upper = tl.zeros([block], tl.float32)
                for start in range(0, vocabulary, block):
                    ids = start + lanes
                    logits = tl.load(logit_ptr + ids, mask=ids < vocabulary, other=float("-inf"))
                    levels = (logits.to(tl.float32) - highest) / temperature
                    weights = tl.exp(levels)
                    lower += tl.where(levels >= cut + width, weights, 0.0)
                    middle += tl.where(levels >= cut + 2 * width, weights, 0.0)
                    upper += tl.where(levels >= cut + 3 * width, weights, 0.0)
                num_steps = (
                    (tl.sum(lower, 0) >= wanted).to(tl.float32)
                    + (tl.sum(middle, 0) >= wanted).to(tl.float32)
                    + (tl.sum(upper, 0) >= wanted).to(tl.float32)
                )
                cut += num_steps * width
                width = width / 4

        masses = tl.zeros([block], tl.float32)
        for start in range(0, vocabulary, block):
            ids = start + lanes
            logits = tl.load(logit_ptr + ids, mask=ids < vocabulary, other=float("-inf"))
            levels = (logits.to(tl.float32) - highest) / temperature
            masses += tl.where(levels >= cut, tl.exp(levels), 0.0)
        target = tl.load(uniform_ptr + row) * tl.sum(masses, 0)
        passed = tl.full([], 0.0, tl.float32)
        first = tl.full([], vocabulary, tl.int32)
        last = tl.full([], 0, tl.int32)
        for start in range(0, vocabulary, block):
            ids = start + lanes
            logits = tl.load(logit_ptr + ids, mask=ids < vocabulary, other=float("-inf"))
            levels = (logits.to(tl.float32) - highest) / temperature
            is_in = (levels >= cut) & (ids < vocabulary)
            weights = tl.where(is_in, tl.exp(levels), 0.0)
            is_past = is_in & (passed + tl.cumsum(weights, 0) > target)
            first = tl.minimum(first, tl.min(tl.where(is_past, ids, vocabulary), 0))
            last = tl.maximum(last, tl.max(tl.where(is_in, ids, 0), 0))
            passed += tl.sum(weights, 0)
        # Rounding can leave the sum just under the target: then it is the nucleus' last token.
        token = tl.where(first < vocabulary, first, last)
    tl.store(token_ptr + row, token.to(tl.int64))


def draw(
    logits: torch.Tensor,
    temperatures: torch.Tensor,
    top_ps: torch.Tensor,
    uniforms: torch.Tensor,
) -> torch.Tensor:
    """As :func:`synth.engines.sampling.draw`, on a GPU's tensors, up to rounding."""
    logits = logits.contiguous()
    num_rows, vocabulary = logits.shape
    tokens = torch.empty(num_rows, dtype=torch.int64, device=logits.device)
    _draw[(num_rows,)](
        logits,
        temperatures,
        top_ps,
        uniforms,
        tokens,
        vocabulary,
        block=BLOCK_VOCABULARY,
        num_warps=8,
    )
    return tokens
