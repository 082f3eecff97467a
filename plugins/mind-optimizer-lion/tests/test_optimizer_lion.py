"""The update is the paper's, and the optimizer learns."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from mind_optimizer_lion.optimizer import Lion  # noqa: E402

from mind_core import MindError  # noqa: E402


def test_two_steps_by_hand() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    made = Lion(lr=0.1, weight_decay=0.5)(layer)
    layer.weight.grad = torch.tensor([[2.0]])
    made.step()  # decay to 0.95, then against the sign
    assert layer.weight.item() == pytest.approx(0.85)
    layer.weight.grad = torch.tensor([[-0.1]])  # 0.9 · 0.02 - 0.1 · 0.1 is above zero still
    made.step()
    assert layer.weight.item() == pytest.approx(0.85 * 0.95 - 0.1)


def test_it_learns() -> None:
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(4, 1), torch.randn(64, 4)
    y = x.sum(1, keepdim=True)
    made = Lion(lr=0.02, weight_decay=0.0)(layer)
    losses = []
    for _ in range(300):
        made.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        made.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(MindError):
        Lion(lr=0.0)
