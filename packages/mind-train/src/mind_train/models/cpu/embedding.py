"""A table of word vectors whose gradient can be added where it belongs, without a second table.

torch's own lookup makes a whole gradient [V, D] for each micro-batch, and the tied head another;
with 125,700 words those are most of a small model's memory. In ``direct`` mode both are added to
the table's ``grad`` in place. That leaves autograd's path, so it is for one process alone, and for
losses that are differentiated as they are: the trainer turns it on.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Embedding(nn.Embedding):
    """Look up rows of [V, D]; the same parameters as ``nn.Embedding``."""

    direct = False

    def forward(self, input: Tensor) -> Tensor:
        """Map ids [B, T] to vectors [B, T, D]."""
        # While nothing is differentiated, no table of gradients may be allotted.
        if self.direct and torch.is_grad_enabled():
            out: Tensor = _Lookup.apply(input, self.weight, gradient_of(self.weight))  # type: ignore[no-untyped-call]
            return out
        return super().forward(input)


def gradient_of(weight: Tensor) -> Tensor:
    """Give a parameter's gradient; zeros where it has none yet."""
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad


class _Lookup(torch.autograd.Function):
    """Rows of a table; the gradient goes straight into the table's."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
        """Look up [..., D]; keep the ids."""
        ctx.save_for_backward(ids)
        # Kept on the context and not saved as a tensor: it is written to, and autograd would take
        # that for a change of what it has saved.
        ctx.gradient = gradient
        return weight[ids]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        """Add each vector's gradient to its row."""
        (ids,) = ctx.saved_tensors
        # index_add_ takes one type alone.
        g = gradients[0].reshape(-1, ctx.gradient.shape[1]).to(ctx.gradient.dtype)
        # One token may stand in the batch many times; index_add_ sums, where an assignment would
        # keep the last.
        ctx.gradient.index_add_(0, ids.flatten(), g)
        # The graph may live on; the table of gradients is not to live with it.
        ctx.gradient = None
        # No gradient for autograd: it would be added a second time.
        return None, None, None
