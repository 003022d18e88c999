"""The GPU's kernels in Triton's interpreter: their arithmetic, on a machine without a GPU."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

ATTENTION = """
import numpy as np, torch
from synth.engines import attention_kernel, gpu_kernels
torch.manual_seed(0)
for num_heads, num_key_heads, size in ((14, 2, 64), (4, 4, 24)):
    queries = torch.randn(5, num_heads, size)
    keys, values = torch.randn(2, 4, num_key_heads, 200, size)
    slots, lengths = torch.tensor([0, 1, 2, 3, 1]), torch.tensor([1, 200, 64, 65, 130])
    arguments = queries, keys, values, slots, lengths
    expected = attention_kernel.attend_rows(*(one.numpy() for one in arguments), size**-0.5)
    found = gpu_kernels.attend_rows(*arguments, size**-0.5)
    assert np.abs(found.numpy() - expected).max() < 1e-6
"""

SAMPLING = """
import numpy as np, torch
from synth.engines import gpu_kernels, sampling
torch.manual_seed(0)
logits = torch.randn(36, 9_000) * 4
temperatures = torch.tensor([0, 1, 0.6, 0.8, 1.2, 2] * 6)
top_ps = torch.tensor([1, 1, 0.95, 0.9, 0.5, 0.99] * 6)
uniforms = torch.rand(36)
found = gpu_kernels.draw(logits, temperatures, top_ps, uniforms)
rows = sampling.RowSampling(temperatures.numpy(), top_ps.numpy(), uniforms.numpy())
expected = sampling.draw(logits.numpy(), rows)
# A uniform number at the very edge between two tokens may fall to either.
assert (found.numpy() == expected).sum() >= 35, (found, expected)
"""


@pytest.mark.parametrize("program", [ATTENTION, SAMPLING], ids=["attention", "sampling"])
def test_a_kernel_computes_what_the_cpu_does(program):
    subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        check=True,
        timeout=120,
    )
