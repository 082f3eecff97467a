"""Compiled blocks: no graph break, and nothing is compiled again after the first evaluation.

Dynamo's own counters tell; its "eager" backend traces what a GPU's would, without generating code.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mind_train.data import Batch
from mind_train.loss_module import LossModule, blocks_of, recompute_blocks
from mind_train.models import attention
from mind_train.models.dropout import row_keys
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.mindllm import MindLLMConfig

dynamo = pytest.importorskip("torch._dynamo")
SIZE = {"vocab": 64, "dim": 32, "layers": 3, "heads": 2, "ffn_dim": 64, "context": 32}


def contract(
    q: Tensor, k: Tensor, v: Tensor, starts: Tensor, longest: int, scale: float,
    window: tuple[int, int],
) -> Tensor:  # fmt: skip
    """Do what the GPU's kernel for packed rows does, by SDPA over all tokens."""
    at = torch.arange(q.shape[0])
    document = torch.searchsorted(starts, at.to(torch.int32), right=True)
    distance = at[:, None] - at
    mask = (distance >= 0) & (document[:, None] == document)
    if window[0] >= 0:
        mask &= distance <= window[0]
    heads = [t.transpose(0, 1) for t in (q, k, v)]
    return F.scaled_dot_product_attention(*heads, attn_mask=mask, scale=scale).transpose(0, 1)


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    dynamo.reset()
    dynamo.utils.counters.clear()
    yield
    dynamo.reset()


def batch(seed: int) -> Batch:
    """Make rows whose number of documents differs much from batch to batch."""
    chance = torch.Generator().manual_seed(seed)
    ids = torch.randint(64, (8, 33), generator=chance)
    fresh = torch.rand(8, 32, generator=chance) < 0.1 + 0.4 * (seed % 2)
    return Batch(ids, fresh.long().cumsum(1), None, row_keys(1, seed, range(8)))


def gradients(step: LossModule, seed: int) -> tuple[float, list[Tensor]]:
    step.zero_grad()
    loss = step(batch(seed), 1.0)
    loss.backward()
    return float(loss.detach()), [p.grad.clone() for p in step.parameters() if p.grad is not None]


@pytest.mark.parametrize(
    ("architecture", "recompute", "kernel"),
    [
        ("mindllm", True, "masks"),
        ("mindllm", False, "packed"),
        ("gpt-neo", False, "masks"),
        ("gpt-neo", True, "packed"),
    ],
)
def test_blocks_are_compiled_whole_and_once(
    architecture: str, recompute: bool, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "packed":
        monkeypatch.setattr(attention, "packed_kernel", lambda: contract)
        monkeypatch.setattr(attention, "suits", lambda *_: True)
    torch.manual_seed(0)
    model = (
        MindLLMConfig(**SIZE) if architecture == "mindllm" else GPTNeoConfig(**SIZE, window=8)
    ).build()
    # What dropout leaves out is arithmetic: compiled and recomputed blocks leave out the same.
    step = LossModule(model, dropout=0.1)
    plain = [gradients(step, seed) for seed in range(2)]
    if recompute:
        recompute_blocks(model)
    for block in blocks_of(model):
        block.compile(backend="eager", dynamic=None)

    def evaluate() -> None:
        with torch.no_grad():
            step.eval()(batch(5), None)
            step.train()

    compiled = [gradients(step, seed) for seed in range(2)]
    evaluate()
    counters = dynamo.utils.counters
    once = counters["stats"]["unique_graphs"]
    kinds = 2 if architecture == "gpt-neo" else 1  # of blocks: global ones and local ones
    assert once == 2 * kinds, "one graph to train, one to evaluate"
    for seed in range(2, 6):
        gradients(step, seed)
    evaluate()
    assert counters["stats"]["unique_graphs"] == once
    assert not counters["graph_break"], list(counters["graph_break"])
    for (a, ours), (b, theirs) in zip(compiled, plain, strict=True):
        assert a == pytest.approx(b, rel=1e-5)
        for x, y in zip(ours, theirs, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)
