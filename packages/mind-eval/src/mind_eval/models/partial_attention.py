"""Attention over some of the keys, and how two such parts become one.

What has been read by all (a prefix) is neither copied nor repeated for each row: its keys are one
part, a row's own keys another. Each part gives its mix and the logarithm of its sum of weights; the
whole is their weighted mean (the step of FlashAttention, Dao et al. 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor

Part = tuple[Tensor, Tensor]
"""Mixed values [B, H, T, d], and log of the sum of exp(score) [B, H, T] in fp32."""


def partial_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float | None,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
) -> Part:
    """Mix v by softmax(scale · q kᵀ + mask): q [B, H, T, d], k and v [B, H, S, d].

    `mask` [B or 1, 1, T or 1, S] is added to scores; see `hiding`.
    """
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    # The kernel below exists for the CPU only.
    if q.device.type != "cpu":
        return written_out(q, k, v, scale, mask, causal=causal)
    # The public function does not give the sums, without which two parts cannot be joined.
    mixed, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, 0.0, causal, attn_mask=mask, scale=scale
    )
    return mixed, total


def written_out(
    q: Tensor, k: Tensor, v: Tensor, scale: float, mask: Tensor | None, *, causal: bool
) -> Part:
    """Compute the same by plain products, where torch has no kernel that gives the sums."""
    # Softmax in fp32, whatever the type of the weights.
    scores = (q @ k.transpose(-1, -2)).float() * scale
    if causal:
        mask = hiding(torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), scores)
    if mask is not None:
        scores = scores + mask
    total = scores.logsumexp(dim=-1)
    return (scores - total[..., None]).exp().to(v.dtype) @ v, total


def hiding(seen: Tensor, like: Tensor) -> Tensor:
    """Make a mask that is added to scores: 0 where a key is seen, hugely negative elsewhere.

    Not infinite: a query that sees nothing of a part gives it no weight, rather than NaN.
    """
    mask = torch.zeros(seen.shape, dtype=like.dtype, device=like.device)
    # Half of the least number, so that a score added to it does not overflow to -inf.
    return mask.masked_fill_(~seen.to(like.device), torch.finfo(like.dtype).min / 2)


def behind(
    own: Part, q: Tensor, keys: Tensor, values: Tensor, far: Tensor | None, scale: float | None
) -> Tensor:
    """Add what queries [B, H, T, d] see of a past of one row [1, H, S, d] to what they see else.

    `far` is the mask of the last keys of the past, and none before them is seen; None is all seen.
    """
    if far is not None:
        first = keys.shape[2] - far.shape[-1]
        keys, values = keys[:, :, first:], values[:, :, first:]
    # The window ends before the past: attention over no keys would be NaN.
    if not keys.shape[2]:
        return own[0]
    mixed, total = partial_attention(q, keys, values, scale, far)
    # exp(a) / (exp(a) + exp(b)) is the sigmoid of a - b: no exponential can overflow.
    share = torch.sigmoid(own[1] - total).unsqueeze(-1).to(mixed.dtype)
    return torch.lerp(mixed, own[0], share)
