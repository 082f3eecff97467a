"""Row 1: what the GPU computes is right: bf16 against fp64, packed rows, attention, compile."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import torch
import torch.nn.functional as F
from rows import row
from torch import Tensor

from mind_train.data import Batch
from mind_train.loss_module import LossModule, recompute_blocks
from mind_train.models import kernels
from mind_train.models.gpt_neo import GPTNeoConfig
from mind_train.models.mindllm import MindLLMConfig

TOY = bool(os.environ.get("GPU_CHECK_TOY"))
DEVICE = torch.device("cpu" if TOY else "cuda")
SIZES: dict[str, Any] = {
    "vocab": 1003, "dim": 256, "layers": 4, "heads": 4, "ffn_dim": 512, "context": 256,
}  # fmt: skip
CONFIGS = {
    "mindllm": MindLLMConfig(**SIZES),
    "gpt-neo": GPTNeoConfig(**SIZES, window=64),
}


def off(found: Tensor, wanted: Tensor) -> float:
    """Give the relative distance of a tensor from another."""
    found, wanted = found.double(), wanted.double()
    return float((found - wanted).norm() / wanted.norm())


def batch(documents: bool) -> Batch:
    """Make four rows; with documents each has two, of 100 and 156 tokens."""
    torch.manual_seed(1)
    ids = torch.randint(0, SIZES["vocab"], (4, SIZES["context"] + 1), device=DEVICE)
    numbers = (torch.arange(SIZES["context"], device=DEVICE) >= 100).long().expand(4, -1)
    return Batch(ids, numbers.contiguous() if documents else None, None)


def graded(
    name: str, documents: bool, dtype: torch.dtype, how: tuple[bool, bool] = (False, False)
) -> list[Tensor]:
    """Compute hidden states, loss and gradient in a type, with (recompute, compile)."""
    torch.manual_seed(0)
    model = CONFIGS[name].build().to(DEVICE)
    if dtype == torch.float64:
        model.double()
    if how[0]:
        recompute_blocks(model)
    if how[1]:
        for block in model.blocks:  # type: ignore[union-attr]
            block.compile(backend="eager" if TOY else "inductor")  # type: ignore[operator]
    part = batch(documents)
    with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        with torch.no_grad():
            hidden = model(part.ids[:, :-1], documents=part.documents)
        if dtype == torch.float64:
            scores = model.logits(model(part.ids[:, :-1], documents=part.documents))
            loss = F.cross_entropy(scores.flatten(0, 1), part.ids[:, 1:].flatten())
        else:
            loss = LossModule(model)(part, 1.0 / part.ids[:, 1:].numel())
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])  # type: ignore[union-attr]
    return [hidden.detach(), loss.detach(), gradient]


def against_fp64() -> None:
    """Compare bf16 with fp64: hidden states, loss, gradient."""
    for name in CONFIGS:
        for documents in (False, True):
            exact = graded(name, documents, torch.float64)
            found = graded(name, documents, torch.bfloat16)
            away = [off(a, b) for a, b in zip(found, exact, strict=True)]
            row(
                f"{name}, bf16 against fp64{', documents' if documents else ''}",
                f"hidden {away[0]:.4f}, loss {away[1]:.5f}, gradient {away[2]:.4f}",
                "0.03, 0.002, 0.06",
                away[0] < 0.03 and away[1] < 0.002 and away[2] < 0.06,
            )


def packed_and_separate() -> None:
    """Compare documents that share rows with the same ones in rows of their own."""
    part = batch(True)
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        model = config.build().to(DEVICE).eval()
        with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16):
            packed = model(part.ids[:, :-1], documents=part.documents)
            first = model(part.ids[:, :100])
            # gpt-neo counts positions within a document, mindllm's do not matter
            second = model(part.ids[:, 100:-1])
        away = off(packed, torch.cat((first, second), dim=1))
        row(f"{name}, packed against separate", f"{away:.4f}", "0.01", away < 0.01)


def attention_ways() -> None:
    """Compare each way to attend that is here with SDPA in fp64, and say which one is taken."""
    torch.manual_seed(2)
    q, k, v = (torch.randn(4, 4, 256, 64, device=DEVICE) for _ in range(3))
    numbers = batch(True).documents
    distance = torch.arange(256, device=DEVICE)[:, None] - torch.arange(256, device=DEVICE)
    ways = {"_torch_varlen": kernels._torch_varlen, "_flash_attn": kernels._flash_attn}
    for window in (0, 64):
        for documents in (None, numbers):
            mask = (distance >= 0) & ((distance < window) if window else True)
            if documents is not None:
                mask = mask & (documents[:, None, :, None] == documents[:, None, None, :])
            exact = F.scaled_dot_product_attention(
                q.double(), k.double(), v.double(), attn_mask=mask, scale=0.125
            )
            half = [t.bfloat16() for t in (q, k, v)]
            found = {"SDPA": F.scaled_dot_product_attention(*half, attn_mask=mask, scale=0.125)}
            starts = kernels.row_starts(documents, 4, 256, DEVICE)
            for name, kernel in ways.items():
                try:
                    found[name] = kernels.packed_attention(kernel, *half, starts, window, 0.125)
                except (ImportError, TypeError, RuntimeError, NotImplementedError) as error:
                    if kernels.packed_kernel() is kernel:
                        raise
                    print(f"  {name}: not here ({str(error).splitlines()[0]:.90})")
            where = f"window {window or 'none'}{', documents' if documents is not None else ''}"
            for name, out in found.items():
                row(f"attention {name}, {where}", f"{off(out, exact):.4f}", "0.01",
                    off(out, exact) < 0.01)  # fmt: skip
    row("attention in training", kernels.describe_attention(DEVICE, torch.bfloat16))


def recompute_and_compile() -> None:
    """Compare all four of recompute × compile with neither, and count breaks and compilations."""
    import torch._dynamo.utils as dynamo

    dtype = torch.float32 if TOY else torch.bfloat16
    for name in CONFIGS:
        plain = graded(name, True, dtype)
        # Each compilation takes many seconds on a GPU: one kind has all, the other the last.
        every = ((True, False), (False, True), (True, True))
        for how in every if name == "mindllm" else every[2:]:
            torch.compiler.reset()
            dynamo.counters.clear()
            found = graded(name, True, dtype, how)
            away = max(off(a, b) for a, b in zip(found, plain, strict=True))
            breaks = sum(dynamo.counters["graph_break"].values())
            graphs = dynamo.counters["stats"]["unique_graphs"]
            row(
                f"{name}, recompute {how[0]}, compile {how[1]}",
                f"{away:.4f}, {graphs} graphs, {breaks} breaks",
                "0.02, 0 breaks",
                away < 0.02 and not breaks,
            )


if __name__ == "__main__":
    against_fp64()
    packed_and_separate()
    attention_ways()
    recompute_and_compile()
