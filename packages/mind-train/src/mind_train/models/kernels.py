"""Attention kernels for packed rows on a GPU: torch's own ``varlen_attn``, else flash-attn.

Both take all tokens of a batch as one sequence [N, H, d] with the places where a row or document
begins, so windows and document masks cost nothing and no mask is ever made. Neither is required:
without one, SDPA computes the same with a mask.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

# (q, k, v [N, H, d], starts [S + 1], longest, scale, window (left, right)) -> [N, H, d]
Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, int, float, tuple[int, int]], Tensor]


@cache
def packed_kernel() -> Kernel | None:
    """Find a kernel for packed rows; None where this torch and its packages have none."""
    if not torch.cuda.is_available():
        return None
    if find_spec("torch.nn.attention.varlen") is not None:
        return _torch_varlen
    if find_spec("flash_attn") is not None:
        return _flash_attn
    return None


def suits(q: Tensor) -> bool:
    """Tell whether the kernels take such tensors: half precision on a GPU."""
    return q.is_cuda and q.dtype in (torch.bfloat16, torch.float16)


def row_starts(documents: Tensor | None, batch: int, length: int, device: torch.device) -> Tensor:
    """Give the places where a row or a document begins in the packed batch, and the end [S + 1].

    With documents S is rounded up to a multiple of 64 (the rest are empty sequences at the end), so
    that the kernels see few different shapes.
    """
    rows = torch.arange(0, (batch + 1) * length, length, dtype=torch.int32, device=device)
    if documents is None:
        return rows
    fresh = torch.ones_like(documents, dtype=torch.bool)
    fresh[:, 1:] = documents[:, 1:] != documents[:, :-1]
    starts = fresh.flatten().nonzero().flatten().to(torch.int32)
    room = -(-len(starts) // 64) * 64 + 1
    padding = starts.new_full((room - len(starts),), batch * length)
    return torch.cat((starts, padding))


def packed_attention(
    kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, starts: Tensor, window: int, scale: float
) -> Tensor:
    """Attend inside each sequence: q, k, v [B, H, T, d] → [B, H, T, d]; ``window`` 0 is none."""
    B, H, T, d = q.shape
    flat = [t.transpose(1, 2).reshape(B * T, H, d) for t in (q, k, v)]
    sides = (window - 1, 0) if 0 < window < T else (-1, 0)
    out = kernel(flat[0], flat[1], flat[2], starts, T, scale, sides)
    return out.view(B, T, H, d).transpose(1, 2)


def _torch_varlen(
    q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int, scale: float,
    window: tuple[int, int],
) -> Tensor:  # fmt: skip
    from torch.nn.attention.varlen import varlen_attn

    out: Any = varlen_attn(
        q, k, v, starts, starts, longest, longest, scale=scale, window_size=window
    )
    result: Tensor = out
    return result


def _flash_attn(
    q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int, scale: float,
    window: tuple[int, int],
) -> Tensor:  # fmt: skip
    from flash_attn import flash_attn_varlen_func

    result: Tensor = flash_attn_varlen_func(
        q, k, v, starts, starts, longest, longest, softmax_scale=scale, causal=True,
        window_size=window,
    )  # fmt: skip
    return result
