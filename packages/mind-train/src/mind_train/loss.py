"""Head and cross-entropy by chunks of tokens: the logits [B, T, V] never exist.

The gradients are made in the forward pass, chunk by chunk, so each of the head's three matrix
products is done once and nothing of size V is kept but the gradient of the head itself. The
exponentials are taken once, in place.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from mind_train.models.cpu import is_on
from mind_train.models.cpu.embedding import gradient_of
from mind_train.models.cpu.matmul import is_plain, product
from mind_train.models.cpu.memory_saving_ops import make_room
from mind_train.models.language_model import LanguageModel

CHUNK = 1024
# Scores of a chunk on a CPU (elements): enough rows for full speed, little beside the states.
SCORES = 1 << 24
SHARE = 32  # on a GPU: this part of its memory in fp32 scores, twice that with their copies
USUAL_GPU = 80 << 30  # bytes, where there is none to ask
SMALLEST = 128  # rows; 512 at once are no faster
ALIGNED = 128  # columns: matrix units want them in multiples


def chunk_rows(vocab: int, device: str = "cpu") -> int:
    """Choose how many rows go through the head at once: a power of two.

    From 128 to 4,096 on a CPU, to 16,384 on a GPU: by all of its memory, not by what is free just
    then, so that a run that goes on computes the same bits.
    """
    on_gpu = device != "cpu"
    # Four bytes a score in fp32.
    room = (gpu_memory() // SHARE // 4 if on_gpu else SCORES) // vocab
    max_rows = 16_384 if on_gpu else 4_096
    # A power of two at most as large as the room: the same for vocabularies of nearly one size.
    return min(max(1 << max(room.bit_length() - 1, 0), SMALLEST), max_rows)


@cache
def gpu_memory() -> int:
    """Give the bytes of this process's GPU; of a usual one where there is none."""
    if not torch.cuda.is_available():
        return USUAL_GPU
    return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)


def half_head(head: Tensor, dtype: torch.dtype) -> Tensor:
    """Give a head [V, D] in the type of the products; one that is copied for that gets zero rows.

    So a half-precision product has a multiple of 128 columns whatever the vocabulary (125,700 is
    not even one of 8), and parameter, states and checkpoints have V rows as before.
    """
    vocab, dim = head.shape
    # Nothing is added where the head is not copied anyway: its own rows stay as they are.
    extra = -vocab % ALIGNED
    if head.dtype == dtype or not extra:
        return head.to(dtype)
    padded = head.new_empty((vocab + extra, dim), dtype=dtype)
    padded[:vocab] = head
    padded[vocab:] = 0
    return padded


class _HeadLoss(torch.autograd.Function):
    """Sum over rows of (-log softmax(h Wᵀ)[target] + z · lse²) · scale."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        targets: Tensor,
        scale: float,
        chunk: int,
        z_loss: float,
        direct: bool,
    ) -> Tensor:
        """Compute the loss of hidden [N, D], head [V, D], targets [N]; keep both gradients."""
        # Autograd sees none of this: both gradients are made by hand below.
        weight, vocab = half_head(head.detach(), hidden.dtype), head.shape[0]
        plain = is_plain(hidden, head)
        d_hidden = torch.empty_like(hidden)
        frozen = not ctx.needs_input_grad[1]  # as with LoRA
        d_head = gradient_of(head) if direct else torch.zeros_like(head[:0] if frozen else head)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, hidden.shape[0], chunk):
            h = hidden[start : start + chunk]  # (C, D)
            target = targets[start : start + chunk, None]  # (C, 1)
            scores = product(h, weight) if plain else (h @ weight.t()).float()  # (C, V)
            # The zero rows that were added to the head must have no share of the softmax.
            scores[:, vocab:] = -math.inf
            # Taken off before exp, which overflows in fp32 from 89 on.
            largest = scores.amax(dim=1, keepdim=True)
            chosen = scores.gather(1, target)
            p = scores.sub_(largest).exp_()
            sums = p.sum(dim=1, keepdim=True)
            lse = sums.log().add_(largest)
            # -log softmax of the target: log Σ exp of the scores less its own.
            total += (lse - chosen).sum()
            # d loss / d scores = softmax · (1 + 2 z lse) - one-hot
            p.mul_(scale * (1.0 + 2.0 * z_loss * lse) / sums)
            p.scatter_add_(1, target, p.new_full((1, 1), -scale).expand_as(target))
            p = p.to(hidden.dtype)
            d_hidden[start : start + chunk] = product(p, weight.t()) if plain else p @ weight
            # The head's gradient is D · V numbers and a third of the head's work: with a frozen one
            # it is left out.
            if frozen:
                pass
            elif d_head.dtype == p.dtype:
                d_head.addmm_(p.t(), h)
            else:
                d_head += (p.t() @ h)[:vocab]
            del scores, p  # or two chunks of scores would be held while the next is computed
        # Kept as plain attributes: backward scales them in place, which autograd forbids for what
        # was saved with save_for_backward.
        ctx.gradients = (d_hidden, None if direct or frozen else d_head)
        return total * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the kept gradients; they are given away, so this runs once."""
        d_hidden, d_head = ctx.gradients
        ctx.gradients = None
        if d_head is not None:
            d_head = d_head.mul_(gradients[0])
        return d_hidden.mul_(gradients[0]), d_head, None, None, None, None, None


def head_loss(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    mask: Tensor | None = None,
    scale: float = 1.0,
    chunk: int = 0,
    z_loss: float = 0.0,
    direct: bool = False,
) -> Tensor:
    """Sum the cross-entropy (nats) over valid tokens, times scale; differentiable once.

    hidden [B, T, D], head [V, D], targets [B, T], mask [B, T] (true = counted; None = all).
    The caller passes scale = 1 / (valid tokens of the whole step), so that the gradient does not
    depend on how a step is split into micro-batches. Masked rows never reach the head. ``z_loss``
    adds z · (log Σ exp scores)² to what is differentiated (PaLM: 1e-4), not to the value, so that
    the values of runs with and without it compare. ``chunk`` 0 chooses the rows a pass. ``direct``
    adds the head's gradient to ``head.grad`` at once (see ``models/cpu/embedding.py``).
    """
    rows = hidden.reshape(-1, hidden.shape[-1])  # (N, D)
    wanted = targets.reshape(-1)
    if mask is not None:
        valid = mask.reshape(-1)
        # Questions of a conversation, and padding: the head, which is most of a small model's work,
        # never sees them.
        rows, wanted = rows[valid], wanted[valid]
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        rows = rows.to(torch.get_autocast_dtype(device))
    chunk = chunk or chunk_rows(head.shape[0], device)
    if device == "cpu" and is_on():
        make_room(min(chunk, rows.shape[0]) * head.shape[0] * 4)
    # The types are chosen here, so autocast has nothing left to do inside.
    with torch.autocast(device, enabled=False):
        loss: Tensor = _HeadLoss.apply(rows, head, wanted, scale, chunk, z_loss, direct)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def row_losses(hidden: Tensor, head: Tensor, targets: Tensor, chunk: int = 0) -> Tensor:
    """Compute the cross-entropy of each row in nats: hidden [N, D], targets [N] → [N] fp32.

    ``chunk`` 0 chooses the rows a pass, with the same bound on memory as in training.
    """
    chunk = chunk or min(CHUNK, chunk_rows(head.shape[0], hidden.device.type))
    weight, vocab = half_head(head, hidden.dtype), head.shape[0]
    losses = torch.empty(targets.shape, dtype=torch.float32, device=hidden.device)
    for start in range(0, hidden.shape[0], chunk):
        scores = (hidden[start : start + chunk] @ weight.t()).float()[:, :vocab]  # (C, V)
        target = targets[start : start + chunk, None]
        # logsumexp is stable by itself; nothing has to be kept for a gradient here.
        # Columns of added rows are cut off above, where training sets them to -inf.
        chosen = scores.gather(1, target).squeeze(1)
        losses[start : start + chunk] = torch.logsumexp(scores, dim=1) - chosen
    return losses


@torch.no_grad()
def token_losses(model: LanguageModel, ids: Tensor, chunk: int = 0) -> Tensor:
    """Compute -log p(ids[t+1] | ids[≤t]) in nats: ids [B, T] → [B, T-1] fp32.

    The head is applied to ``chunk`` tokens at a time; 0 chooses.
    """
    hidden: Tensor = model(ids[:, :-1])  # (B, T-1, D)
    targets = ids[:, 1:]
    flat = row_losses(hidden.reshape(-1, hidden.shape[-1]), model.head, targets.reshape(-1), chunk)
    return flat.view(targets.shape)
