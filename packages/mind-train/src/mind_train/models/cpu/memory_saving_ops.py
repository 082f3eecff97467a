"""Three steps of a block that keep less for the backward pass, in fp32 on a CPU.

There memory is short and torch keeps what is quickly made again: of a feed-forward layer both the
activation's input and its output, of rotary attention q and k before and after the rotation, of
RMSNorm both the vectors and the normed ones. The values are torch's, bit for bit. Elsewhere (GPUs,
autocast, torch.compile) torch's own way is taken; ``train.recompute`` saves more there.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mind_train.models.cpu.matmul import Linear, is_plain, product, weight_gradient


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs of x [..., d_head] by the table's angles (broadcast over heads)."""
    # Half-split pairing: rolling by half a head puts x_{i+d/2} beside x_i, and the table's sines
    # have the sign that the second half needs.
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * sin


class _Rotate(torch.autograd.Function):
    """Turn q and k of qkv [B, T, 3, H, d_head] where they stand."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Overwrite q and k; only the table is kept."""
        ctx.save_for_backward(cos, sin)
        out = qkv.detach()  # the same memory: nothing else reads the projection's output
        turned = out[:, :, :2]
        # Made before either half of a pair is overwritten: each needs the other as it was.
        across = turned.roll(turned.shape[-1] // 2, dims=-1).mul_(sin)
        turned.mul_(cos).add_(across)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Turn the gradients of q and k back, where they stand as well."""
        cos, sin = ctx.saved_tensors
        d = gradients[0]  # attention has just made it, for this alone
        g = d[:, :, :2]
        # The transpose of the rotation: first the sines, then the roll in the other direction.
        d[:, :, :2] = g * cos + (g * sin).roll(-(g.shape[-1] // 2), dims=-1)
        return d, None, None


def rotated(qkv: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor | None]:
    """Turn q and k of a projection's fresh output qkv [B, T, 3, H, d_head], which is overwritten.

    Gives q, k, v as they came and None, or q, k [B, T, 2, H, d_head] and v apart; for
    ``self_attend`` and nothing else.
    """
    if is_plain(qkv, cos):
        # The table stands for the weight here: it has to be in fp32 on the CPU as well.
        turned: Tensor = _Rotate.apply(qkv, cos, sin)  # type: ignore[no-untyped-call]
        return turned, None
    # The table is fp32, so that q and k in half precision come out wider than they went in.
    return rotate(qkv[:, :, :2], cos, sin).to(qkv.dtype), qkv[:, :, 2]


class _RMSNorm(torch.autograd.Function):
    """x · r · w with r = 1 / √(mean x² + ε), of which x, r and w are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        """Normalise [..., D]."""
        # r is one number a vector: it is cheap to keep, and x̂ = x · r is made again for the
        # gradient.
        r = x.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
        ctx.save_for_backward(x, r, weight)
        return (x * r).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Compute dx = r · (g w - x̂ · mean(g w x̂)) and dw = Σ g x̂, where x̂ = x · r."""
        x, r, weight = ctx.saved_tensors
        g = gradients[0]
        # The derivative of x · r has a part through r, by which the mean over the vector comes in.
        normed = x * r
        dw = (g * normed).flatten(0, -2).sum(0)
        dx = g * weight
        dx.addcmul_(normed, (dx * normed).mean(-1, keepdim=True), value=-1).mul_(r)
        return dx, dw, None


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Scale each vector [..., D] to root mean square 1, times the gain; in fp32."""
    if torch.is_grad_enabled() and is_plain(x, weight):
        out: Tensor = _RMSNorm.apply(x, weight, eps)  # type: ignore[no-untyped-call]
        return out
    # Halves are squared and added up in fp32; double precision stays what it is.
    wide = x if x.dtype == torch.float64 else x.float()
    # With a gain of another type torch has no fused kernel.
    return F.rms_norm(wide, weight.shape, weight.to(wide.dtype), eps).to(x.dtype)


class _Down(torch.autograd.Function):
    """down(act(x)) with x and the matrix kept; act(x) is made again for the gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        gated: bool,
        gelu: str,
        direct: bool,
    ) -> Tensor:
        """Compute [..., D] of x [..., F], or [..., 2F] if gated."""
        ctx.save_for_backward(x, weight)
        ctx.gated, ctx.gelu, ctx.owner = gated, gelu, weight if direct else None
        # act(x) is as wide as the layer, and is let go here.
        return product(activate(x, gated, gelu), weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of x, the matrix and the bias."""
        x, weight = ctx.saved_tensors
        g = gradients[0].reshape(-1, weight.shape[0])  # (N, D)
        d = product(g, weight.t())  # (N, F)
        rows = x.reshape(-1, x.shape[-1])
        if ctx.gated:
            gate, up = rows.chunk(2, dim=-1)
            # Made again from x: one pass over memory, where keeping it would cost as much as x
            # itself.
            active = F.gelu(gate, approximate=ctx.gelu)
            dx = torch.empty_like(rows)
            d_gate, d_up = dx.chunk(2, dim=-1)
            # Into one buffer in the layout of x, so that no two halves have to be joined
            # afterwards.
            torch.mul(d, active, out=d_up)
            # `d` may be overwritten only now: the gradient of up was made of it.
            torch.ops.aten.gelu_backward.grad_input(
                d.mul_(up), gate, approximate=ctx.gelu, grad_input=d_gate
            )
            # From here it is the input of the matrix, of which dW is made.
            active.mul_(up)
        else:
            active = F.gelu(rows, approximate=ctx.gelu)
            dx = torch.ops.aten.gelu_backward(d, rows, approximate=ctx.gelu)
        bias = g.sum(0) if ctx.needs_input_grad[2] else None
        dw = weight_gradient(g, active, ctx.owner)
        return dx.view(x.shape), dw, bias, None, None, None


def activate(x: Tensor, gated: bool, gelu: str) -> Tensor:
    """Compute gelu(x), or gelu(gate) ⊙ up of [gate, up] = x (Shazeer 2020)."""
    if not gated:
        return F.gelu(x, approximate=gelu)
    gate, up = x.chunk(2, dim=-1)
    return F.gelu(gate, approximate=gelu) * up


def activate_down(x: Tensor, down: Linear, gated: bool, gelu: str) -> Tensor:
    """Apply the activation and the second matrix of a feed-forward layer."""
    if torch.is_grad_enabled() and is_plain(x, down.weight):
        out: Tensor = _Down.apply(  # type: ignore[no-untyped-call]
            x, down.weight, down.bias, gated, gelu, down.direct
        )
        return out
    whole: Tensor = down(activate(x, gated, gelu))
    return whole


LARGE = 32 << 20  # bytes; less is not worth the call


@cache
def _trimmer() -> Callable[[int], Any] | None:
    """Find glibc's ``malloc_trim``; None with another C library."""
    if sys.platform != "linux":
        return None
    # Of the process itself, in which the C library's names are found.
    trim: Callable[[int], Any] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def make_room(size: int) -> None:
    """Return free pages to the system where ``size`` bytes on the heap are going to be taken."""
    trim = _trimmer() if size >= LARGE else None
    if trim is not None:
        # 0: leave no spare room at the end of the heap.
        trim(0)
