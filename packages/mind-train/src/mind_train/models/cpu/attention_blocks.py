"""Causal attention of whole rows by blocks of queries, for training in fp32 on a CPU.

torch's kernel there computes a block's probabilities again in the backward pass, in small products;
here they are kept, and all heads of a block are one product over the keys that its queries see. At
512 tokens that takes three quarters of the CPU time, in layers with a window of 256 less still.
Kept are half a square of the row's length for each head, so longer rows stay with torch's kernel,
and so do short ones, whose products are too small to be divided among threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mind_train.models.cpu.matmul import is_plain

BLOCK = 128  # queries
SHORTEST = 512  # rows, in tokens
MAX_KEYS = 512  # that a query sees


def suits_blocks(qkv: Tensor, window: int) -> bool:
    """Tell whether to mix qkv [B, T, 3, H, d] by blocks; ``window`` 0 is none."""
    # What blocks gain is gained in the backward pass.
    trains = torch.is_grad_enabled() and is_plain(qkv, qkv)
    return trains and kept_keys(qkv.shape[1], window) > 0


def kept_keys(length: int, window: int) -> float:
    """Count the probabilities that a query leaves for the backward pass, in each head."""
    # Memory grows by the keys of a query: with more than these, computing them again is worth it.
    if length < SHORTEST or min(length, window or length) > MAX_KEYS:
        return 0.0
    kept: int = sum(
        (rows.stop - rows.start) * (keys.stop - keys.start)
        for rows, keys in _blocks(length, window or length)
    )
    return kept / length


def attend_by_blocks(qkv: Tensor, window: int, scale: float) -> Tensor:
    """Mix values by softmax(scale · q kᵀ): qkv [B, T, 3, H, d] → [B, T, H d]; causal, windowed."""
    out: Tensor = _Mix.apply(qkv, window or qkv.shape[1], scale)  # type: ignore[no-untyped-call]
    return out


def _heads(x: Tensor) -> Tensor:
    """Bring [B, T, H, d] to [B H, T, d]."""
    return x.transpose(1, 2).flatten(0, 1)


def _blocks(length: int, window: int) -> Iterator[tuple[slice, slice]]:
    """Yield the queries of each block, and the keys that they see."""
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        # The first query of a block sees the farthest key, the last one the nearest to the end.
        yield slice(start, end), slice(max(0, start - window + 1), end)


def _hide(scores: Tensor, before: int, window: int) -> None:
    """Set scores [B H, n, m] of keys outside to -inf; ``before`` keys precede the first query."""
    n, m = scores.shape[1:]
    if before < window:  # a block wholly inside the window: only the future is to be hidden
        # Where the last query's window still holds the first key, all keys before the block are
        # seen by all of its queries: only the triangle of the block itself is left to be hidden.
        first = before if before + n <= window else 0
        scores = scores[:, :, first:]
        before, m = before - first, m - first
    # Query i stands at column before + i, and sees `window` columns up to there.
    seen = scores.new_ones((n, m), dtype=torch.bool).tril_(before).triu_(before - window + 1)
    scores.masked_fill_(seen.logical_not_(), -math.inf)


class _Mix(torch.autograd.Function):
    """The products of attention and their gradients, block by block."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, window: int, scale: float) -> Tensor:
        """Compute [B, T, H d]; keep q, k, v, the result and the probabilities of each block."""
        B, T, _, H, d = qkv.shape
        q, k, v = (_heads(part) for part in qkv.unbind(2))
        # Every query is in exactly one block, so every row of it will be written.
        out = torch.empty_like(q)
        kept = []
        for rows, keys in _blocks(T, window):
            n, m = rows.stop - rows.start, keys.stop - keys.start
            # Written by the product, hidden, normalised and kept in this one tensor.
            p = q.new_empty((B * H, n, m))
            # With beta=0 whatever the fresh memory holds is ignored, also nan.
            torch.baddbmm(p, q[:, rows], k[:, keys].transpose(1, 2), beta=0, alpha=scale, out=p)
            _hide(p, rows.start - keys.start, window)
            torch.ops.aten._softmax.out(p, -1, False, out=p)
            torch.bmm(p, v[:, keys], out=out[:, rows])
            kept.append(p)
        ctx.save_for_backward(q, k, v, out, *kept)
        ctx.window, ctx.scale = window, scale
        return out.view(B, H, T, d).transpose(1, 2).reshape(B, T, H * d)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Compute the gradient of qkv in its own layout."""
        q, k, v, out, *kept = ctx.saved_tensors
        B, T, D = gradients[0].shape
        d = q.shape[2]
        g = _heads(gradients[0].view(B, T, D // d, d))
        # A query belongs to one block, but a key to all whose queries see it: those are sums.
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        # The softmax's gradient is p · (dp - Σ p dp), and that sum is g · out, which needs no pass
        # over the keys.
        shift = (g * out).sum(-1, keepdim=True)  # Σ p dp of each query (Dao et al. 2022)
        for p, (rows, keys) in zip(kept, _blocks(T, ctx.window), strict=True):
            dv[:, keys].baddbmm_(p.transpose(1, 2), g[:, rows])
            # dp = g vᵀ, of which ds = p · (dp - shift) is made in place.
            ds = torch.bmm(g[:, rows], v[:, keys].transpose(1, 2))
            ds.sub_(shift[:, rows]).mul_(p)
            torch.baddbmm(dq[:, rows], ds, k[:, keys], beta=0, alpha=ctx.scale, out=dq[:, rows])
            dk[:, keys].baddbmm_(ds.transpose(1, 2), q[:, rows], alpha=ctx.scale)
        parts = [x.view(B, -1, T, d).transpose(1, 2) for x in (dq, dk, dv)]
        # In the projection's layout, so that its own gradient is one product too.
        return torch.stack(parts, dim=2), None, None
