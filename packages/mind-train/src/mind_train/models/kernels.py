"""Attention kernels for packed rows on a GPU: torch's own ``varlen_attn``, else flash-attn.

Both take all tokens of a batch as one sequence [N, H, d] with the places where a row or document
begins, so windows and document masks cost nothing and no mask is ever made. Neither is required:
without one, SDPA computes the same with a mask. Whether a torch has the kernel is told by its
signature: `varlen_attn` of torch 2.10 knows neither `scale` nor `window_size`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Any

import torch
from torch import Tensor

# The compute capability of the first generation that both kernels support.
AMPERE = (8, 0)
HALF = (torch.bfloat16, torch.float16)
# (q, k, v [N, H, d], starts [S + 1], longest, scale, window (left, right)) -> [N, H, d]
Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, int, float, tuple[int, int]], Tensor]


PLACES = (
    ("torch.nn.attention.varlen", "varlen_attn", {"scale", "window_size"}),
    ("flash_attn", "flash_attn_varlen_func", {"softmax_scale", "window_size", "causal"}),
)
"""Where a kernel may be: module, function, and the parameters that it has to have."""


@cache
def packed_kernel() -> Kernel | None:
    """Find a kernel for packed rows; None where this torch and its packages have none."""
    # Asked once in a process: the search imports packages, and its answer cannot change.
    return choose_kernel() if torch.cuda.is_available() and has_ampere() else None


def has_ampere() -> bool:
    """Tell whether the GPU is of a generation (Ampere or later) that these kernels are for."""
    return bool(torch.cuda.get_device_capability() >= AMPERE)


def choose_kernel() -> Kernel | None:
    """Take the first function that can do what is needed, by its signature."""
    for adapter, (module, name, needed) in zip((_torch_varlen, _flash_attn), PLACES, strict=True):
        try:
            found = signature(getattr(import_module(module), name)).parameters
        # signature() of a function in C raises ValueError, of something else TypeError.
        except (ImportError, AttributeError, TypeError, ValueError, OSError):
            continue  # OSError: a flash-attn that was built for another torch
        if needed <= found.keys():
            return adapter
    return None


def describe_attention(device: torch.device, dtype: torch.dtype) -> str:
    """Name the way that attention is computed in training on a device in a type."""
    if device.type == "cpu":
        return "blocks of queries, SDPA with a mask for documents"
    if dtype not in HALF:
        return f"SDPA; kernels for packed rows take no {str(dtype).removeprefix('torch.')}"
    kernel = packed_kernel()
    if kernel is None:
        if torch.cuda.is_available() and not has_ampere():
            return "SDPA with a mask: kernels for packed rows begin with Ampere"
        return "SDPA with a mask, as there is neither a varlen_attn with windows nor flash-attn"
    return "varlen_attn of torch" if kernel is _torch_varlen else "flash-attn"


def suits(device: torch.device, dtype: torch.dtype) -> bool:
    """Tell whether the kernels take such tensors: half precision on a GPU."""
    return device.type == "cuda" and dtype in HALF


def row_starts(documents: Tensor | None, batch: int, length: int, device: torch.device) -> Tensor:
    """Give the places where a row or a document begins in the packed batch, and the end [S + 1].

    With documents S is rounded up to a multiple of 64 (the rest are empty sequences at the end), so
    that the kernels see few different shapes.
    """
    # int32, as both kernels take nothing else for places.
    rows = torch.arange(0, (batch + 1) * length, length, dtype=torch.int32, device=device)
    if documents is None:
        return rows
    # The first token of a row begins a document whatever stood before it in the batch.
    fresh = torch.ones_like(documents, dtype=torch.bool)
    fresh[:, 1:] = documents[:, 1:] != documents[:, :-1]
    starts = fresh.flatten().nonzero().flatten().to(torch.int32)
    # A kernel that is compiled or tuned for each shape would be so at nearly every batch.
    room = -(-len(starts) // 64) * 64 + 1
    padding = starts.new_full((room - len(starts),), batch * length)
    padded = torch.cat((starts, padding))
    if compiler := sys.modules.get("torch._dynamo"):  # S differs from batch to batch
        compiler.maybe_mark_dynamic(padded, 0)
    return padded


def packed_attention(
    kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, starts: Tensor, window: int, scale: float
) -> Tensor:
    """Attend inside each sequence: q, k, v [B, H, T, d] → [B, H, T, d]; ``window`` 0 is none."""
    B, H, T, d = q.shape
    # Tokens before heads again: of the parts of one projection that is a view, without a copy.
    flat = [t.transpose(1, 2).reshape(B * T, H, d) for t in (q, k, v)]
    # Keys before and after a query: the window counts the query's own key, and -1 is no bound.
    sides = (window - 1, 0) if 0 < window < T else (-1, 0)
    # No sequence is longer than a row, so T bounds them all; their true maximum would have to be
    # fetched from the GPU.
    out = kernel(flat[0], flat[1], flat[2], starts, T, scale, sides)
    return out.view(B, T, H, d).transpose(1, 2)


def _torch_varlen(
    q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int, scale: float,
    window: tuple[int, int],
) -> Tensor:  # fmt: skip
    from torch.nn.attention.varlen import varlen_attn

    # It has no switch for causal order: a window that ends with the query itself is that.
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
