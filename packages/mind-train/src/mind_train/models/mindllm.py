"""MindLLM-3B's architecture: RoPE, RMSNorm, DeepNorm residuals, GeGLU, a tied head.

The paper names the parts but not the constants; what was chosen here:
- DeepNorm (Wang et al. 2022), post-norm: ``x ← Norm(α·x + f(x))`` per sub-layer. ``deepnet``:
  α = (2M)^¼, β = (8M)^-¼; ``glm`` (GLM-130B): α = (2M)^½, β = (2M)^-½; M is the number of layers.
  β multiplies the Xavier initialisation of v, o, gate, up and down; q and k keep gain 1.
- The last norm of the last block is the final norm: post-norm needs no other.
- The embedding starts at σ = 4/D. What leaves a fresh post-norm stack is nearly the normed
  embedding of the input token, so with a tied head that token's own logit starts near D·σ: with
  σ = 0.02 the first loss of a model 2560 wide would be near 40 instead of near ln V. On the way
  in σ does not matter, as the first norm removes it.
- No biases; GELU in its tanh form; the width of the feed-forward is an explicit number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mind_train.models.attention import AttentionContext, Cache, mean_keys, self_attend
from mind_train.models.contract import check_choice, check_sizes
from mind_train.models.cpu.embedding import Embedding
from mind_train.models.cpu.matmul import Linear
from mind_train.models.cpu.memory_saving_ops import rotated
from mind_train.models.dropout import Dropout
from mind_train.models.language_model import LanguageModel
from mind_train.models.parts import (
    GeGLU,
    Gelu,
    RMSNorm,
    count,
    rope_table,
    split_qkv,
    xavier_normal,
)


@dataclass(frozen=True)
class MindLLMConfig:
    """Describe a decoder of MindLLM-3B's kind: RoPE, RMSNorm, DeepNorm, GeGLU."""

    hugging_face: ClassVar[str] = "mind_train.export.mindllm"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # Up to ten layers need no damping, and learn faster without: GeGLU multiplies three betas.
        "tiny": {
            "dim": 192, "layers": 4, "heads": 3, "ffn_dim": 512, "context": 256, "beta": 1.0,
        },
        "10m": {
            "dim": 320, "layers": 8, "heads": 5, "ffn_dim": 896, "context": 512, "beta": 1.0,
        },
        "15m": {
            "dim": 384, "layers": 8, "heads": 6, "ffn_dim": 1024, "context": 512, "beta": 1.0,
        },
        "50m": {
            "dim": 640, "layers": 10, "heads": 10, "ffn_dim": 1728, "context": 512, "beta": 1.0,
        },
        "150m": {"dim": 896, "layers": 16, "heads": 14, "ffn_dim": 2432, "context": 1024},
        "350m": {"dim": 1024, "layers": 28, "heads": 16, "ffn_dim": 2752, "context": 1024},
        "500m": {"dim": 1280, "layers": 26, "heads": 20, "ffn_dim": 3456, "context": 1024},
        "mindllm-3b": {
            "dim": 2560, "layers": 32, "heads": 32, "ffn_dim": 8192,
            "context": 2048, "vocab": 125_700,
        },
    }  # fmt: skip

    vocab: int
    dim: int
    layers: int
    heads: int
    ffn_dim: int
    context: int = 1024
    residual: str = "deepnet"
    alpha: float | None = None
    beta: float | None = None
    rope_base: float = 10_000.0
    eps: float = 1e-6
    gelu: Gelu = "tanh"
    embedding_std: float | None = None

    def __post_init__(self) -> None:
        check_sizes(self, "vocab", "dim", "layers", "heads", "ffn_dim", "context")
        check_choice(self, "residual", ("deepnet", "glm"))
        check_choice(self, "gelu", ("tanh", "exact"))

    @property
    def deepnorm(self) -> tuple[float, float]:
        """Give (α, β): the explicit numbers where set, the preset's formula elsewhere."""
        # The rules of Wang et al. 2022 for a decoder alone, and of GLM-130B (Zeng et al. 2022).
        # So (8M)^-¼ of the paper is (4 · 2M)^-¼ here.
        depth = 2.0 * self.layers
        alpha, beta = (
            (depth**0.25, (4.0 * depth) ** -0.25)
            if self.residual == "deepnet"
            else (depth**0.5, depth**-0.5)
        )
        return (
            alpha if self.alpha is None else self.alpha,
            beta if self.beta is None else self.beta,
        )

    @property
    def highest_rate(self) -> float:
        """Give the peak learning rate above which a post-norm model of this depth may collapse."""
        # Eight layers with a peak of 1e-3 learned nothing from step 80 on (docs/decisions.md,
        # 2026-11).
        return 1e-3 if self.layers <= 4 else 5e-4

    def build(self) -> MindLLM:
        """Make the module with freshly drawn weights."""
        return MindLLM(self)


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions."""

    def __init__(self, config: MindLLMConfig) -> None:
        super().__init__()
        self.heads = config.heads
        # One product reads the input once. The initialisation and Muon still take q, k and v for
        # matrices of their own, by `matrices`.
        self.qkv = Linear(config.dim, 3 * config.dim, bias=False)
        self.o = Linear(config.dim, config.dim, bias=False)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        scope: AttentionContext,
        layer: int,
        cache: Cache | None,
    ) -> Tensor:
        """Map [B, T, D] → [B, T, D]; cos and sin are [T, 1, 1, d_head]."""
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, D // self.heads)
        # The projection's output is overwritten: nothing else reads it, and its gradient needs the
        # rotated values alone.
        turned, values = rotated(qkv, cos, sin)
        mixed = self_attend(turned, scope, layer, cache, values=values)
        out: Tensor = self.o(scope.wanted(layer, mixed))
        return out

    def matrices(self) -> dict[str, Tensor]:
        """Name the four matrices; q, k, v are views of one parameter."""
        return {**split_qkv(self.qkv.weight), "o": self.o.weight}


class Block(nn.Module):
    """Two post-norm sub-layers: ``x ← Norm(α·x + f(x))``."""

    def __init__(self, config: MindLLMConfig, layer: int) -> None:
        super().__init__()
        self.alpha, beta = config.deepnorm
        self.attention = Attention(config)
        self.attention_norm = RMSNorm(config.dim, config.eps)
        self.ffn = GeGLU(config.dim, config.ffn_dim, config.gelu)
        self.ffn_norm = RMSNorm(config.dim, config.eps)
        # Place 0 is that of the embedding.
        self.dropouts = nn.ModuleList([Dropout(2 * layer + 1), Dropout(2 * layer + 2)])
        with torch.no_grad():
            for name, weight in self.matrices().items():
                # β damps what is added to the residual stream; q and k only say how sharp attention
                # is.
                xavier_normal(weight, 1.0 if name in ("q", "k") else beta)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        scope: AttentionContext,
        layer: int,
        cache: Cache | None,
    ) -> Tensor:
        """Map [B, T, D] → [B, T, D]."""
        attended = self.dropouts[0](self.attention(x, cos, sin, scope, layer, cache))
        # α · x is added in one pass over memory, without a scaled copy of x.
        x = self.attention_norm(torch.add(attended, scope.wanted(layer, x), alpha=self.alpha))
        added = self.dropouts[1](self.ffn(x))
        out: Tensor = self.ffn_norm(torch.add(added, x, alpha=self.alpha))
        return out

    def matrices(self) -> dict[str, Tensor]:
        """Name the seven matrices of the block."""
        return {**self.attention.matrices(), **self.ffn.matrices()}


class MindLLM(LanguageModel):
    """A decoder of MindLLM-3B's kind at any size."""

    supports_packing = True
    cos: Tensor
    sin: Tensor

    def __init__(self, config: MindLLMConfig) -> None:
        super().__init__()
        self.config: MindLLMConfig = config
        self.embedding = Embedding(config.vocab, config.dim)
        std = 4.0 / config.dim if config.embedding_std is None else config.embedding_std
        nn.init.normal_(self.embedding.weight, std=std)
        self.dropout = Dropout(0)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        # One table for the whole context. All layers and heads turn by the same angles.
        cos, sin = rope_table(config.context, config.dim // config.heads, config.rope_base)
        # Not saved: a checkpoint would hold what its configuration says already.
        self.register_buffer("cos", cos[:, None, None], persistent=False)  # (T, 1, 1, d_head)
        self.register_buffer("sin", sin[:, None, None], persistent=False)

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D] of ids [B, T].

        Positions run through the row: RoPE scores depend on distances alone, so a document's place
        in a packed row does not matter.
        """
        scope = AttentionContext(ids, documents, cache)
        # Behind a cache positions go on where its keys end; a packed cache says for each token
        # where it stands.
        at: Tensor | slice = slice(scope.start, scope.start + scope.queries)
        if scope.packed is not None:
            at = scope.positions()
        cos, sin = self.cos[at], self.sin[at]
        x: Tensor = self.dropout(self.embedding(ids))  # (B, T, D)
        # No layer has a window.
        scope.prepare([0], x.dtype)
        for layer, block in enumerate(self.blocks):
            x = block(x, cos, sin, scope, layer, cache)
        # Once, after all layers have written at the old length.
        if cache is not None:
            cache.advance(scope.queries)
        return x

    def keys_seen(self, sequence: int) -> list[float]:
        """Count the keys that a query attends to on average, layer by layer."""
        return [mean_keys(sequence)] * self.config.layers

    def new_cache(self, batch: int, length: int) -> Cache:
        """Make an empty key-value cache for ``length`` positions."""
        config = self.config
        shape = (batch, config.heads, length, config.dim // config.heads)
        return Cache(config.layers, shape, self.device, self.embedding.weight.dtype)

    def groups(self) -> dict[str, int]:
        """Count parameters by part."""
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        return count(
            {
                "embedding": [self.embedding.weight],
                "attention": [p for b in blocks for p in b.attention.parameters()],
                "ffn": [p for b in blocks for p in b.ffn.parameters()],
                "norm": [n.weight for b in blocks for n in (b.attention_norm, b.ffn_norm)],
            }
        )
