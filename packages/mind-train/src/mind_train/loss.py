"""Head and cross-entropy by chunks of tokens: the logits [B, T, V] never exist.

The gradients are made in the forward pass, chunk by chunk, so each of the head's three matrix
products is done once and nothing of size V is kept but the gradient of the head itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mind_train.models.language_model import LanguageModel

CHUNK = 1024


class _HeadLoss(torch.autograd.Function):
    """Sum over rows of -log softmax(h Wᵀ)[target] · scale."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, scale: float, chunk: int
    ) -> Tensor:
        """Compute the loss of hidden [N, D], head [V, D], targets [N]; keep both gradients."""
        weight = head.to(hidden.dtype)
        d_hidden = torch.empty_like(hidden)
        d_head = torch.zeros_like(head)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, hidden.shape[0], chunk):
            h = hidden[start : start + chunk]  # (C, D)
            target = targets[start : start + chunk, None]  # (C, 1)
            scores = (h @ weight.t()).float()  # (C, V)
            lse = torch.logsumexp(scores, dim=1, keepdim=True)
            total += (lse - scores.gather(1, target)).sum()
            # d loss / d scores = softmax - one-hot
            p = scores.sub_(lse).exp_()
            p.scatter_add_(1, target, p.new_full((1, 1), -1.0).expand_as(target))
            p = p.mul_(scale).to(hidden.dtype)
            torch.mm(p, weight, out=d_hidden[start : start + chunk])
            if d_head.dtype == p.dtype:
                d_head.addmm_(p.t(), h)
            else:
                d_head += p.t() @ h
        ctx.gradients = (d_hidden, d_head)
        return total * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Scale the kept gradients; they are given away, so this runs once."""
        d_hidden, d_head = ctx.gradients
        ctx.gradients = None
        return d_hidden.mul_(gradients[0]), d_head.mul_(gradients[0]), None, None, None


def head_loss(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    mask: Tensor | None = None,
    scale: float = 1.0,
    chunk: int = CHUNK,
) -> Tensor:
    """Sum the cross-entropy (nats) over valid tokens, times scale; differentiable once.

    hidden [B, T, D], head [V, D], targets [B, T], mask [B, T] (true = counted; None = all).
    The caller passes scale = 1 / (valid tokens of the whole step), so that the gradient does not
    depend on how a step is split into micro-batches. Masked rows never reach the head.
    """
    rows = hidden.reshape(-1, hidden.shape[-1])  # (N, D)
    wanted = targets.reshape(-1)
    if mask is not None:
        valid = mask.reshape(-1)
        rows, wanted = rows[valid], wanted[valid]
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        rows = rows.to(torch.get_autocast_dtype(device))
    # The types are chosen here, so autocast has nothing left to do inside.
    with torch.autocast(device, enabled=False):
        loss: Tensor = _HeadLoss.apply(rows, head, wanted, scale, chunk)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def row_losses(hidden: Tensor, head: Tensor, targets: Tensor, chunk: int = CHUNK) -> Tensor:
    """Compute the cross-entropy of each row in nats: hidden [N, D], targets [N] → [N] fp32."""
    weight = head.to(hidden.dtype)
    losses = torch.empty(targets.shape, dtype=torch.float32, device=hidden.device)
    for start in range(0, hidden.shape[0], chunk):
        scores = (hidden[start : start + chunk] @ weight.t()).float()  # (C, V)
        target = targets[start : start + chunk, None]
        chosen = scores.gather(1, target).squeeze(1)
        losses[start : start + chunk] = torch.logsumexp(scores, dim=1) - chosen
    return losses


@torch.no_grad()
def token_losses(model: LanguageModel, ids: Tensor, chunk: int = CHUNK) -> Tensor:
    """Compute -log p(ids[t+1] | ids[≤t]) in nats: ids [B, T] → [B, T-1] fp32.

    The head is applied to ``chunk`` tokens at a time.
    """
    hidden: Tensor = model(ids[:, :-1])  # (B, T-1, D)
    targets = ids[:, 1:]
    flat = row_losses(hidden.reshape(-1, hidden.shape[-1]), model.head, targets.reshape(-1), chunk)
    return flat.view(targets.shape)
