"""A linear layer that trains with the faster of torch's two matrix libraries, product by product.

On AMD's processors with AVX-512 oneDNN is about a tenth faster than the BLAS in y = x Wᵀ and
dx = g W, and slower in dW = gᵀ x; on Intel's the BLAS (their own MKL) is faster in all three. The
choice follows from the processor alone, never from a timing, so that a resumed run computes the
same bits. Inference, GPUs, autocast and torch.compile take torch's own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mind_train.models.cpu import is_on


@cache
def has_fast_products() -> bool:
    """Tell whether oneDNN's product is there and the processor is one on which it is faster."""
    return (
        # The operator is private in torch: where it is missing, the BLAS does all three products.
        bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and not is_intel()
    )


def is_intel(described: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor is Intel's; False where the system does not say."""
    try:
        return "GenuineIntel" in described.read_text("utf-8", "replace")
    except OSError:
        return False


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x Wᵀ (+ b), with oneDNN where that is faster: x [..., D], W [N, D] → [..., N].

    W may have any strides.
    """
    if not has_fast_products():
        return F.linear(x, weight, bias)
    # The product alone: "none" stands for an activation behind it, and what follows for its
    # numbers.
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out


def weight_gradient(g: Tensor, x: Tensor, owner: Tensor | None) -> Tensor | None:
    """Compute dW = gᵀ x of g [N, out] and x [N, in]; with an owner put it into ``owner.grad``.

    A second micro-batch is then added by the product itself, and nothing is left for autograd.
    The owner is the parameter itself, as recomputed blocks save copies of it.
    """
    if owner is None:
        # Autograd adds what is given back, which costs a second matrix of the weight's size.
        return g.t() @ x
    if owner.grad is None:
        owner.grad = g.t() @ x
    else:
        owner.grad.addmm_(g.t(), x)
    return None


class _Product(torch.autograd.Function):
    """y = x Wᵀ + b and dx by oneDNN, dW by the BLAS."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, direct: bool) -> Tensor:
        """Compute y; keep x and W."""
        ctx.save_for_backward(x, weight)
        # Past autograd: hooks on the parameter (DDP's, FSDP's) would not see this gradient, so
        # `direct` is for one process alone.
        ctx.owner = weight if direct else None
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the three gradients, each only where it is wanted."""
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        g = gradients[0].reshape(-1, weight.shape[0])  # (N, out)
        # A transposed view: oneDNN packs the matrix for itself and needs no copy in another order.
        dx = product(g, weight.t()).view(x.shape) if wants_x else None
        rows = x.reshape(-1, x.shape[-1])
        dw = weight_gradient(g, rows, ctx.owner) if wants_weight else None
        return dx, dw, g.sum(0) if wants_bias else None, None


def is_plain(x: Tensor, weight: Tensor) -> bool:
    """Tell whether this package's ways apply: on, fp32 on the CPU, no shards, no autocast."""
    return (
        is_on()
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        # A sharded parameter (DTensor) or a quantised one is a subclass, and has operators of its
        # own.
        and type(weight.data) is Tensor
    )


class Linear(nn.Linear):
    """Map [..., in] → [..., out]; the same parameters as ``nn.Linear``.

    In ``direct`` mode the matrix's gradient is added to where it belongs, past autograd: for one
    process alone, as with ``Embedding.direct``.
    """

    direct = False

    def forward(self, x: Tensor) -> Tensor:
        """Apply the matrix and the bias."""
        if torch.is_grad_enabled() and is_plain(x, self.weight):
            out: Tensor = _Product.apply(x, self.weight, self.bias, self.direct)  # type: ignore[no-untyped-call]
            return out
        return F.linear(x, self.weight, self.bias)
