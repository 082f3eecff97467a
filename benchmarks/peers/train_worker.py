"""One trainer in one process: it does a training step for each line on stdin and says what it took.

usage: train_worker.py IMPL SIZE --vocab V --sequence T --batch B [--compile] [--device cuda …]
IMPL: product, mind-mindllm, mind-gpt-neo, hf-llama, hf-gpt-neo, litgpt, nano-llama, nano-gpt-neo.
Only ours needs mind-train installed, and only the others need their packages.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from serve import product, serve
from torch import Tensor, nn
from train_sizes import SIZES

SQUARE = {"cpu": 2048, "cuda": 8192}


class Block(nn.Module):
    """A block as minimal training loops write it: one qkv product, SDPA, two or three more."""

    def __init__(self, kind: str, dim: int, heads: int, inner: int) -> None:
        super().__init__()
        gated = kind == "llama"
        self.heads, self.gated = heads, gated
        norm: Callable[[], nn.Module] = (
            (lambda: nn.RMSNorm(dim, 1e-6)) if gated else (lambda: nn.LayerNorm(dim))
        )
        self.first, self.second = norm(), norm()
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=not gated)
        self.up = nn.Linear(dim, (1 + gated) * inner, bias=not gated)
        self.down = nn.Linear(inner, dim, bias=not gated)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, D = x.shape
        parts = self.qkv(self.first(x)).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        if self.gated:
            q, k = (t * cos + torch.cat((-t.chunk(2, -1)[1], t.chunk(2, -1)[0]), -1) * sin
                    for t in (q, k))  # fmt: skip
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(B, T, D))
        up = self.up(self.second(x))
        if self.gated:
            gate, up = up.chunk(2, -1)
            return x + self.down(F.silu(gate) * up)
        return x + self.down(F.gelu(up, approximate="tanh"))


class Nano(nn.Module):
    """A decoder as in nanoGPT, with a tied head and a whole cross-entropy."""

    def __init__(self, kind: str, vocab: int, sizes: tuple[int, ...], sequence: int) -> None:
        super().__init__()
        layers, dim, heads, plain, gated = sizes
        self.words = nn.Embedding(vocab, dim)
        self.places = nn.Embedding(sequence, dim) if kind == "gpt-neo" else None
        inner = gated if kind == "llama" else plain
        self.blocks = nn.ModuleList(Block(kind, dim, heads, inner) for _ in range(layers))
        self.norm = nn.LayerNorm(dim) if kind == "gpt-neo" else nn.RMSNorm(dim, 1e-6)
        d = dim // heads
        rates = 10_000.0 ** (-torch.arange(0, d, 2).float() / d)
        angles = torch.outer(torch.arange(sequence).float(), rates).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.words(x)
        if self.places is not None:
            h = h + self.places.weight[: x.shape[1]]
        for block in self.blocks:
            h = block(h, self.cos, self.sin)
        return F.cross_entropy((self.norm(h) @ self.words.weight.t()).flatten(0, 1), y.flatten())


def loss_of(impl: str, size: str, vocab: int, sequence: int) -> Any:
    """Make a peer's model; give it and (model, x, y) -> loss."""
    layers, dim, heads, plain, gated = SIZES[size]
    if impl.startswith("hf-"):
        import transformers as t

        if impl == "hf-llama":
            model = t.LlamaForCausalLM(t.LlamaConfig(
                vocab_size=vocab, hidden_size=dim, num_hidden_layers=layers,
                num_attention_heads=heads, intermediate_size=gated, use_cache=False,
                max_position_embeddings=sequence, tie_word_embeddings=True,
                attn_implementation="sdpa"))  # fmt: skip
        else:
            model = t.GPTNeoForCausalLM(t.GPTNeoConfig(
                vocab_size=vocab, hidden_size=dim, num_layers=layers, num_heads=heads,
                intermediate_size=plain, attention_types=[[["global", "local"], layers // 2]],
                max_position_embeddings=sequence, resid_dropout=0.0, embed_dropout=0.0,
                attention_dropout=0.0, use_cache=False))  # fmt: skip
        return model, lambda run, x, y: run(input_ids=x, labels=y, shift_labels=y).loss
    if impl == "litgpt":
        from litgpt.model import GPT, Config

        model = GPT(Config(
            block_size=sequence, vocab_size=vocab, padded_vocab_size=vocab, n_layer=layers,
            n_head=heads, n_embd=dim, rotary_percentage=1.0, parallel_residual=False, bias=False,
            norm_class_name="RMSNorm", mlp_class_name="LLaMAMLP",
            intermediate_size=gated))  # fmt: skip
        model.apply(model._init_weights)
        model.lm_head.weight = model.transformer.wte.weight
        return model, lambda run, x, y: F.cross_entropy(run(x).flatten(0, 1), y.flatten())
    model = Nano(impl.removeprefix("nano-"), vocab, SIZES[size], sequence)
    return model, lambda run, x, y: run(x, y)


def peer_step(impl: str, o: argparse.Namespace) -> Callable[[], object]:
    """Make a peer's whole step: loss, gradient, fused AdamW."""
    with torch.device(o.device):  # a GPU draws 3 billion weights in no time
        model, loss = loss_of(impl, o.size, o.vocab, o.sequence)
    model.to(o.device)
    run = torch.compile(model) if o.compile else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), fused=True)
    ids = torch.randint(0, o.vocab, (o.batch, o.sequence + 1), device=o.device)
    x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    kind = getattr(torch, o.dtype)

    def step() -> None:
        with nullcontext() if kind == torch.float32 else torch.autocast(o.device, kind):
            value = loss(run, x, y)
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        assert math.isfinite(float(value.detach()))

    return step


def take_ways(ways: list[str]) -> None:
    """Let the CPU ways of a step be these, whatever the processor would choose."""
    from mind_train.models import attention
    from mind_train.models.cpu import matmul

    for way in ways:
        if way in ("blas", "onednn"):  # the products y = x Wᵀ and dx = g W
            matmul.has_fast_products = lambda way=way: way == "onednn"  # type: ignore[assignment]
        elif way == "sdpa":  # instead of blocks of queries
            attention.suits_blocks = lambda *_: False
        else:
            raise SystemExit(f"there is no way {way!r}: blas, onednn, sdpa, compile")


def our_step(name: str, o: argparse.Namespace) -> Callable[[], object]:
    """Make mind-train's own step, with reading of rows, clipping and metrics."""
    take_ways(getattr(o, "ways", []))
    from mind_train.bench import trainer_of
    from mind_train.components import load_plugins
    from mind_train.config import effective_recipe

    size = SIZES[o.size]
    inner = size.plain if name == "gpt-neo" else size.gated
    changes = [
        "model={}", f"model.architecture='{name}'", f"model.dim={size.dim}",
        f"model.layers={size.layers}", f"model.heads={size.heads}", f"model.ffn_dim={inner}",
        f"model.context={o.sequence}", f"train.batch={o.batch}", "optimizer.lr=3e-4",
        f"train.compile={str(o.compile).lower()}", f"train.device='{o.device}'",
        f"train.dtype='{o.dtype}'",
    ]  # fmt: skip
    recipe = effective_recipe("tiny-cpu", changes, None)
    return trainer_of(recipe, load_plugins(), o.vocab).step


def main() -> None:
    """Make the step and serve it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("impl")
    parser.add_argument("size", choices=SIZES)
    for name in ("vocab", "sequence", "batch"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--device", choices=SQUARE, default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--ways", nargs="*", default=[], help="CPU ways of our own step.")
    o = parser.parse_args()
    torch.manual_seed(0)
    if o.impl == "product":
        serve(product(SQUARE[o.device], o.device, o.dtype), o.device)
    elif o.impl.startswith("mind-"):
        serve(our_step(o.impl.removeprefix("mind-"), o), o.device)
    else:
        serve(peer_step(o.impl, o), o.device)


if __name__ == "__main__":
    main()
