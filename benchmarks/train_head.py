"""Head and loss over a large vocabulary: ours, torch's own ways, and the body they stand on.

    python benchmarks/train_head.py --vocab 125700 --rounds 3

Each way is a process of its own that does loss and gradients of 2,048 tokens, in micro-batches of
512, once in each round. Shares are of a 2048³ product in the same rounds, by CPU time: the three
products of the head (6 V D FLOPs a token), or for `body` 6 FLOPs a weight and 12 L T d for
attention, without the head. `MiB` is the most the process had with a gradient for the head's
matrix, libraries included; `scores` names what else it holds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "peers"))

from contestant import Contestant, Failed, in_turn  # noqa: E402
from train_sizes import SIZES  # noqa: E402

WAYS = "ours,ours-512,torch-128,torch-512,torch-auto,plain,plain-compiled"
ROWS, PARTS = 512, 4


def way(name: str, vocab: int, size: str) -> Callable[[], object]:
    """Make the work of one contestant."""
    import torch
    import torch.nn.functional as F

    torch.manual_seed(0)
    dim = SIZES[size].dim
    kind, _, how = name.partition("-")
    if kind == "body":
        return body(vocab, size)
    head = torch.nn.Parameter(torch.randn(vocab, dim) * 0.02)
    hidden = torch.randn(PARTS, ROWS, dim, requires_grad=True)
    targets = torch.randint(0, vocab, (PARTS, ROWS))
    scale = 1.0 / targets.numel()

    def plain(h: torch.Tensor, weight: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(h @ weight.t(), y, reduction="sum") * scale

    if kind == "ours":
        from mind_train.loss import head_loss

        chunk = int(how or 0)

        def loss(h: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return head_loss(h[None], head, y[None], scale=scale, chunk=chunk, direct=True)
    elif kind == "torch":
        o = torch.nn.LinearCrossEntropyOptions(
            **({} if how == "auto" else {"batch_chunk_size": int(how), "chunking_method": None})
        )

        def loss(h: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return F.linear_cross_entropy(h, head, y, reduction="sum", options=o) * scale
    else:
        run = torch.compile(plain) if how else plain

        def loss(h: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return run(h, head, y)

    def work() -> None:
        for part in range(PARTS):
            loss(hidden[part], targets[part]).backward()
        hidden.grad = None
        assert head.grad is not None
        head.grad.zero_()

    return work


def body(vocab: int, size: str) -> Callable[[], object]:
    """Make forward and backward pass of `mindllm` without its head."""
    import torch

    from mind_train.models.mindllm import MindLLMConfig

    layers, dim, heads, _, gated = SIZES[size]
    model = MindLLMConfig(vocab, dim, layers, heads, gated, context=ROWS).build()
    model.embedding.direct = True
    ids = torch.randint(0, vocab, (PARTS, 1, ROWS))
    gradient = torch.randn(1, ROWS, dim)

    def work() -> None:
        for part in ids:
            model(part).backward(gradient)

    return work


def serve_way(name: str, vocab: int, size: str) -> None:
    """Be a contestant."""
    from serve import product, serve

    serve(product(2048) if name == "product" else way(name, vocab, size))


def main() -> None:
    """Measure and print a table; with --work be one of the contestants."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocab", type=int, default=125_700)
    parser.add_argument("--size", choices=SIZES, default="15m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=WAYS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work")
    options = parser.parse_args()
    if options.work:
        serve_way(options.work, options.vocab, options.size)
        return
    names = ["product", "body", *options.ways.split(",")]
    script = [sys.executable, __file__, "--vocab", options.vocab, "--size", options.size]
    entered = [Contestant(n, [*script, "--work", n], options.threads) for n in names]
    try:
        in_turn(entered, options.rounds)
    except Failed as failure:
        raise SystemExit(str(failure)) from None
    finally:
        for one in entered:
            one.end()
    report(entered, options)


def report(entered: list[Contestant], options: argparse.Namespace) -> None:
    """Print seconds, shares and memory."""
    size, tokens = SIZES[options.size], ROWS * PARTS
    peak = entered[0].cpu_rate(4 * 2 * 2048**3)
    head = 6 * options.vocab * size.dim
    print(f"vocabulary {options.vocab:,}, {options.size}, product {peak / 1e9:.0f} GFLOP/s")
    print("| | CPU s | GFLOP/s | share of the product | MiB |")
    print("|---|---:|---:|---:|---:|")
    for one in entered[1:]:
        flops = size.flops(True, options.vocab, ROWS) - head if one.name == "body" else head
        rate = one.cpu_rate(flops * tokens)
        print(
            f"| {one.name} | {one.median('cpu'):.2f} | {rate / 1e9:.0f} | {rate / peak:.2f} | "
            f"{one.memory():,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
