"""Attention by blocks of queries equals the plain formula, values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mind_train.models.attention import AttentionContext, self_attend
from mind_train.models.cpu import attention_blocks
from mind_train.models.cpu.attention_blocks import attend_by_blocks, kept_keys, suits_blocks


def by_definition(qkv: Tensor, window: int, scale: float) -> Tensor:
    """Compute softmax(scale · q kᵀ + mask) v with the whole square."""
    B, T, _, H, d = qkv.shape
    q, k, v = qkv.transpose(1, 3).unbind(2)
    distance = torch.arange(T)[:, None] - torch.arange(T)[None]
    seen = (distance >= 0) & (distance < (window or T))
    scores = (scale * q @ k.transpose(2, 3)).masked_fill(~seen, -math.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, H * d)


@pytest.mark.parametrize("length", [8, 21, 32])  # of one block, of a part of one, of several
@pytest.mark.parametrize("window", [0, 1, 3, 8, 13, 40])
def test_blocks_equal_the_square(length: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_blocks, "BLOCK", 8)
    torch.manual_seed(length + window)
    qkv = torch.randn(2, length, 3, 3, 4, requires_grad=True)
    weights = torch.randn(2, length, 12)
    found = attend_by_blocks(qkv, window, 0.7)
    wanted = by_definition(qkv, window, 0.7)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad((found * weights).sum(), qkv)
    (expected,) = torch.autograd.grad((wanted * weights).sum(), qkv)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [0, 256])
def test_long_rows_equal_torchs_kernel(window: int) -> None:
    """At the length from which blocks are used; without gradients torch's kernel is asked."""
    torch.manual_seed(1)
    qkv = torch.randn(1, 640 if window else 512, 3, 2, 16, requires_grad=True)
    scope = AttentionContext(torch.zeros(1, qkv.shape[1], dtype=torch.long), None, None)
    assert suits_blocks(qkv, window)
    found = self_attend(qkv, scope, 0, None, window=window)
    with torch.no_grad():
        assert not suits_blocks(qkv, window)
        wanted = self_attend(qkv, scope, 0, None, window=window)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_very_long_and_short_rows_stay_with_torch() -> None:
    for length, window, by_blocks in ((256, 0, False), (1024, 0, False), (1024, 256, True)):
        qkv = torch.empty(1, length, 3, 1, 4, requires_grad=True)
        assert suits_blocks(qkv, window) == by_blocks


@pytest.mark.parametrize(("length", "window"), [(512, 0), (1024, 256), (640, 100)])
def test_what_is_kept_is_counted(length: int, window: int) -> None:
    qkv = torch.randn(1, length, 3, 2, 4, requires_grad=True)
    sizes: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()), lambda _: _):
        attend_by_blocks(qkv, window, 1.0)
    assert sum(sizes) == 2 * length * kept_keys(length, window) + 4 * 2 * length * 4


def test_masks_are_made_before_the_blocks_where_they_are_read() -> None:
    """With gradients in fp32 blocks of queries need none; else compiled layers would make them."""
    ids = torch.zeros(1, 1024, dtype=torch.long)

    def made(dtype: torch.dtype = torch.float32) -> set[int]:
        scope = AttentionContext(ids, None, None)
        scope.prepare([0, 256], dtype)
        return set(scope._masks)

    assert made() == set()
    assert made(torch.bfloat16) == {256}
    with torch.no_grad():
        assert made() == {256}
    with torch.autocast("cpu", torch.bfloat16):
        assert made() == {256}
