"""Packed attention: the same as SDPA with a mask, for documents, windows and scales."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mind_train.models import kernels
from mind_train.models.attention import AttentionContext, attend
from mind_train.models.kernels import packed_attention, packed_kernel, row_starts


def plain_kernel(
    q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int, scale: float,
    window: tuple[int, int],
) -> Tensor:  # fmt: skip
    """Do what the GPU kernels promise, sequence by sequence, key by key."""
    out = torch.zeros_like(q)
    for a, b in zip(starts.tolist(), starts.tolist()[1:], strict=False):
        assert b - a <= longest
        for i in range(a, b):
            first = a if window[0] < 0 else max(a, i - window[0])
            keys, values = k[first : i + 1], v[first : i + 1]
            weights = (torch.einsum("hd,khd->hk", q[i], keys) * scale).softmax(-1)
            out[i] = torch.einsum("hk,khd->hd", weights, values)
    return out


def inputs(documents: bool) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 20, 8)
    numbers = torch.tensor([[0] * 7 + [1] * 12 + [2], [0] * 20]) if documents else None
    return q, k, v, numbers


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("window", [0, 1, 5, 20, 99])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_packed_rows_give_what_masks_give(
    documents: bool, window: int, scale: float | None
) -> None:
    q, k, v, numbers = inputs(documents)
    scope = AttentionContext(torch.zeros(2, 20, dtype=torch.long), numbers, None)
    masked = attend(q, k, v, scope, window=window, scale=scale)
    factor = 8**-0.5 if scale is None else scale
    packed = packed_attention(plain_kernel, q, k, v, scope.starts(), window, factor)
    torch.testing.assert_close(packed, masked, rtol=1e-5, atol=1e-5)


def test_starts_are_padded_with_empty_sequences() -> None:
    _, _, _, numbers = inputs(True)
    starts = row_starts(numbers, 2, 20, torch.device("cpu"))
    assert starts.dtype == torch.int32 and len(starts) == 65
    assert starts[:5].tolist() == [0, 7, 19, 20, 40] and set(starts[4:].tolist()) == {40}
    assert row_starts(None, 3, 5, torch.device("cpu")).tolist() == [0, 5, 10, 15]


def later(q: Any, scale: Any = None, window_size: Any = (-1, -1)) -> None:
    """Have the parameters of torch 2.13's varlen_attn that matter."""


def earlier(q: Any, is_causal: bool = False, return_aux: Any = None) -> None:
    """Have those of torch 2.10's, which knows neither scale nor window."""


def flash(q: Any, softmax_scale: Any = None, causal: bool = False, window_size: Any = ()) -> None:
    """Have those of flash-attn."""


@pytest.mark.parametrize(
    ("torchs", "theirs", "chosen"),
    [
        (later, flash, "_torch_varlen"),
        (earlier, flash, "_flash_attn"),
        (None, flash, "_flash_attn"),
        (earlier, None, None),
        (None, None, None),
    ],
)
def test_a_kernel_is_chosen_by_what_it_can_do(
    torchs: Any, theirs: Any, chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, function in (
        ("torch.nn.attention.varlen", "varlen_attn", torchs),
        ("flash_attn", "flash_attn_varlen_func", theirs),
    ):
        found = None if function is None else SimpleNamespace(**{name: function})
        monkeypatch.setitem(sys.modules, module, found)
    kernel = kernels.choose_kernel()
    assert kernel is (None if chosen is None else getattr(kernels, chosen))
    monkeypatch.setattr(kernels, "packed_kernel", lambda: kernel)
    said = kernels.describe_attention(torch.device("cuda"), torch.bfloat16)
    assert said.startswith("SDPA with a mask" if kernel is None else ("varlen", "flash"))
    assert "float32" in kernels.describe_attention(torch.device("cuda"), torch.float32)


@pytest.mark.skipif(packed_kernel() is None, reason="no GPU here, or no kernel for packed rows")
@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("window", [0, 5])
def test_the_kernel_of_this_gpu_gives_the_same(documents: bool, window: int) -> None:
    q, k, v, numbers = inputs(documents)
    q, k, v = (F.pad(t, (0, 56)) for t in (q, k, v))  # head size 64
    wanted = attend(
        q, k, v, AttentionContext(torch.zeros(2, 20, dtype=torch.long), numbers, None),
        window=window, scale=1.0,
    )  # fmt: skip
    there = [t.cuda().bfloat16().requires_grad_() for t in (q, k, v)]
    on_gpu = None if numbers is None else numbers.cuda()
    scope = AttentionContext(torch.zeros(2, 20, dtype=torch.long, device="cuda"), on_gpu, None)
    found = attend(*there, scope, window=window, scale=1.0)
    torch.testing.assert_close(found.float().cpu(), wanted, rtol=2e-2, atol=2e-2)
    found.sum().backward()
    assert all(t.grad is not None and t.grad.isfinite().all() for t in there)
