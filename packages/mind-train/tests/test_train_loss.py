"""The chunked loss equals the plain one, in value and gradient, however the batch is split."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mind_train import loss as loss_of
from mind_train.data import Batch
from mind_train.loss import chunk_rows, half_head, head_loss, row_losses, token_losses
from mind_train.loss_module import LossModule, recompute_blocks
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.mindllm import MindLLMConfig


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    hidden = torch.randn(3, 11, 16, requires_grad=True)
    head = torch.randn(40, 16, requires_grad=True)
    return hidden, head, torch.randint(0, 40, (3, 11))


@pytest.mark.parametrize("chunk", [1, 4, 33, 1000])
@pytest.mark.parametrize("masked", [False, True])
def test_chunks_change_nothing(chunk: int, masked: bool) -> None:
    hidden, head, targets = inputs()
    mask = torch.rand(3, 11) > 0.4 if masked else None
    scale = 0.37
    plain = F.cross_entropy((hidden @ head.t()).flatten(0, 1), targets.flatten(), reduction="none")
    kept = plain if mask is None else plain[mask.flatten()]
    expected = kept.sum() * scale
    wanted = torch.autograd.grad(expected * 2.0, (hidden, head))
    loss = head_loss(hidden, head, targets, mask, scale, chunk)
    found = torch.autograd.grad(loss * 2.0, (hidden, head))
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)
    rows = row_losses(hidden.detach().flatten(0, 1), head.detach(), targets.flatten(), chunk)
    torch.testing.assert_close(rows, plain.detach())


def test_logits_are_never_whole() -> None:
    """The largest tensor that the loss makes is a chunk of scores, or the head's gradient."""
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    hidden = torch.randn(4, 64, 8, requires_grad=True)
    head = torch.randn(500, 8, requires_grad=True)
    with Watch():
        head_loss(hidden, head, torch.zeros(4, 64, dtype=torch.long), chunk=16).backward()
    assert largest <= 16 * 500 < 4 * 64 * 500


def test_a_large_score_does_not_overflow() -> None:
    hidden = torch.full((1, 2, 4), 500.0, requires_grad=True)
    head = torch.eye(4).mul(100.0).requires_grad_()
    loss = head_loss(hidden, head, torch.tensor([[0, 1]]))
    loss.backward()
    assert torch.isfinite(loss) and hidden.grad is not None and torch.isfinite(hidden.grad).all()


def test_autocast_chooses_the_type_and_leaves_weights_alone() -> None:
    hidden, head, targets = inputs()
    expected = torch.autograd.grad(head_loss(hidden, head, targets), (hidden, head))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = head_loss(hidden, head, targets)
    found = torch.autograd.grad(loss, (hidden, head))
    assert loss.dtype == torch.float32 and [g.dtype for g in found] == [torch.float32] * 2
    assert not torch.equal(found[0], expected[0])
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])
def test_token_losses_are_log_likelihoods(config: Any) -> None:
    torch.manual_seed(0)
    model = config(vocab=30, dim=16, layers=2, heads=2, ffn_dim=16, context=20).build()
    ids = torch.randint(0, 30, (2, 12))
    losses = token_losses(model, ids, chunk=5)
    log_p = model.logits(model(ids)).log_softmax(-1)
    expected = -log_p[:, :-1].gather(2, ids[:, 1:, None]).squeeze(2)
    assert losses.shape == (2, 11) and not losses.requires_grad
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-5, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(cuts=st.sets(st.integers(1, 5)), seed=st.integers(0, 99))
def test_any_split_of_a_batch_gives_the_same_gradient(cuts: set[int], seed: int) -> None:
    """Masks leave different counts in each part; the denominator is the whole batch's."""
    torch.manual_seed(seed)
    model = MindLLMConfig(vocab=30, dim=16, layers=1, heads=2, ffn_dim=16, context=8).build()
    ids = torch.randint(0, 30, (6, 9))
    mask = torch.rand(6, 8) > 0.5
    mask[:, 0] = True
    scale = 1.0 / int(mask.sum())

    def gradient(bounds: list[int]) -> list[torch.Tensor]:
        model.zero_grad()
        for start, stop in pairwise(bounds):
            part = slice(start, stop)
            head_loss(
                model(ids[part, :-1]), model.head, ids[part, 1:], mask[part], scale
            ).backward()
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    torch.testing.assert_close(
        gradient([0, *sorted(cuts), 6]), gradient([0, 6]), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("config", [MindLLMConfig, GPTNeoConfig])
def test_adding_directly_gives_the_same_gradients_in_less_memory(config: Any) -> None:
    """Over two micro-batches; and no second table of the vocabulary's size is made."""
    from torch.utils._python_dispatch import TorchDispatchMode

    from mind_train.data import Batch
    from mind_train.loss_module import LossModule

    made: set[int] = set()  # places in memory of the tables that were seen

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.shape == (300, 16):
                made.add(out.data_ptr())
            return out

    torch.manual_seed(0)
    model = config(vocab=300, dim=16, layers=1, heads=2, ffn_dim=16, context=32).build()
    batches = [Batch(torch.randint(0, 300, (2, 20)), None, None) for _ in range(2)]
    step = LossModule(model, 1e-3)
    table = model.embedding.weight
    with Watch():
        for batch in batches:
            step(batch, 0.02).backward()
    assert made - {table.data_ptr(), table.grad.data_ptr()}
    wanted = [p.grad for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    step.add_directly()
    made.clear()
    with Watch():
        for batch in batches:
            step(batch, 0.02).backward()
    assert made <= {table.data_ptr(), table.grad.data_ptr()}
    for found, p in zip([p.grad for p in model.parameters()], wanted, strict=True):
        torch.testing.assert_close(found, p, rtol=1e-5, atol=1e-7)
    with torch.no_grad():  # evaluation leaves gradients alone
        step(batches[0], 0.02)
    torch.testing.assert_close(model.embedding.weight.grad, wanted[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("config", [GPTNeoConfig, MindLLMConfig])
def test_gradients_added_past_autograd_are_autograds(config: Any, again: bool) -> None:
    """Two micro-batches, through embedding, matrices and head; also with recomputed blocks."""
    found = []
    for direct in (False, True):
        torch.manual_seed(0)
        model = config(vocab=40, dim=16, layers=2, heads=2, ffn_dim=24, context=8).build()
        if again:
            recompute_blocks(model)
        step = LossModule(model)
        if direct:
            step.add_directly()
        for _ in range(2):
            step(Batch(torch.randint(0, 40, (2, 9)), None, None), 0.1).backward()
        found.append({name: p.grad for name, p in model.named_parameters()})
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("vocab", [40, 128, 300])
def test_a_half_product_has_aligned_columns_and_nobody_sees_them(
    vocab: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Padded columns take no probability, and get no gradient; the result is the unpadded one's."""
    torch.manual_seed(2)
    hidden = (torch.randn(1, 9, 16) - 3.0).requires_grad_()  # so that a score of 0 would be high
    head = (torch.rand(vocab, 16)).requires_grad_()
    targets = torch.randint(0, vocab, (1, 9))

    def found() -> list[torch.Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = head_loss(hidden, head, targets, chunk=4, z_loss=1e-4)
            rows = row_losses(hidden.detach()[0].bfloat16(), head.detach(), targets[0], chunk=4)
        return [loss.detach(), rows, *torch.autograd.grad(loss, (hidden, head))]

    assert half_head(head, torch.bfloat16).shape[0] % 128 == 0
    assert half_head(head, torch.float32) is head
    padded = found()
    assert padded[3].shape == head.shape
    monkeypatch.setattr(loss_of, "ALIGNED", 1)
    for one, other in zip(padded, found(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_chunks_of_the_head_follow_a_gpus_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {}
    for gib in (15, 24, 80, 141):
        monkeypatch.setattr(loss_of, "gpu_memory", lambda gib=gib: gib << 30)
        rows[gib] = chunk_rows(125_700, "cuda")
        assert rows[gib] * 125_700 * 4 <= (gib << 30) / 16
    assert rows == {15: 512, 24: 1024, 80: 4096, 141: 8192}
    assert chunk_rows(125_700) == 128 and chunk_rows(1000, "cuda") == 16_384
