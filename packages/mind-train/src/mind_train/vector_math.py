"""Make torch's vector functions on a CPU give the same bits in every process.

torch hands sin, sqrt, exp and others of contiguous tensors to oneMKL, chunk by chunk, on several
threads. oneMKL picks the kernel of a function at that function's first call, and where threads make
it at once, one of them may run a kernel of low accuracy over its whole chunk: once in about 140
processes on two busy cores the table of RoPE was another one, and with it every loss of the run
(pytorch/pytorch#188792, seen with torch 2.10 to 2.13). So each function is called once by one
thread before it counts.
"""

from __future__ import annotations

from functools import cache

import torch

# What ATen/cpu/vml.h gives to oneMKL, in float and double.
FUNCTIONS = (
    torch.acos, torch.asin, torch.atan, torch.cos, torch.erf, torch.erfc, torch.erfinv, torch.exp,
    torch.log, torch.log2, torch.log10, torch.sin, torch.sqrt, torch.tan, torch.tanh, torch.trunc,
)  # fmt: skip


@cache
def settle_vector_functions() -> None:
    """Let oneMKL pick the kernel of every function on one thread; takes no time worth a name."""
    for dtype in (torch.float32, torch.float64):
        few = torch.full((16,), 0.5, dtype=dtype, device="cpu")  # far below what threads share
        for function in FUNCTIONS:
            function(few)
