"""The decoder: pre-norm blocks of grouped-query attention and SwiGLU."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mind_architecture_llama.config import LlamaConfig
from mind_train import LanguageModel
from mind_train.models.attention import AttentionContext, Cache, grouped_attend, mean_keys


def rope_rates(config: LlamaConfig) -> Tensor:
    """Give the turn of each pair a position, [head_dim / 2], in fp32 as transformers computes it.

    llama3 divides the rates of wavelengths beyond ``rope_original / rope_low`` by the factor, keeps
    those below ``rope_original / rope_high`` and goes from one to the other between (Llama 3.1).
    """
    # In fp32 as transformers has it, where our own tables are made in double precision.
    pairs = torch.arange(0, config.size, 2, dtype=torch.float32, device="cpu")
    rates = 1.0 / (config.rope_base ** (pairs / config.size))
    if config.rope_type == "linear":
        return rates / config.rope_factor
    if config.rope_type == "default":
        return rates
    # Positions after which a pair has turned once.
    length = 2 * math.pi / rates
    low, high = config.rope_low, config.rope_high
    # 1 at the short wavelengths, which stay, 0 at the long ones, which are stretched.
    smooth = (config.rope_original / length - low) / (high - low)
    between = (1 - smooth) * rates / config.rope_factor + smooth * rates
    slow = torch.where(length > config.rope_original / low, rates / config.rope_factor, rates)
    middle = (length >= config.rope_original / high) & (length <= config.rope_original / low)
    return torch.where(middle, between, slow)


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (i, i + d/2) of x [B, T, H, d] by the angles of [T or B, T, 1, d]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class RMSNorm(nn.Module):
    """Scale each vector to root mean square 1 in fp32, times a gain."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [..., D]."""
        # The gain is applied in the input's type, after rounding, as transformers does it.
        return F.rms_norm(x.float(), self.weight.shape, eps=self.eps).to(x.dtype) * self.weight


class Block(nn.Module):
    """``x ← x + attention(norm(x))``, then ``x ← x + down(silu(gate(y)) ⊙ up(y))``."""

    def __init__(self, c: LlamaConfig) -> None:
        super().__init__()
        self.c = c
        self.attention_norm, self.ffn_norm = RMSNorm(c.dim, c.eps), RMSNorm(c.dim, c.eps)
        self.q = nn.Linear(c.dim, c.heads * c.size, bias=c.qkv_bias)
        self.k = nn.Linear(c.dim, c.kv * c.size, bias=c.qkv_bias)
        self.v = nn.Linear(c.dim, c.kv * c.size, bias=c.qkv_bias)
        self.o = nn.Linear(c.heads * c.size, c.dim, bias=c.o_bias)
        if c.qk_norm:
            self.q_norm, self.k_norm = RMSNorm(c.size, c.eps), RMSNorm(c.size, c.eps)
        self.gate = nn.Linear(c.dim, c.ffn_dim, bias=False)
        self.up = nn.Linear(c.dim, c.ffn_dim, bias=False)
        self.down = nn.Linear(c.ffn_dim, c.dim, bias=False)

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
        mixed = self._attend(self.attention_norm(x), cos, sin, scope, layer, cache)
        x = scope.wanted(layer, x) + self.o(scope.wanted(layer, mixed))
        y = self.ffn_norm(x)
        out: Tensor = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return out

    def _attend(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        scope: AttentionContext,
        layer: int,
        cache: Cache | None,
    ) -> Tensor:
        rows, length, _ = x.shape
        # (B, T, heads, d), with fewer heads in k and v than in q.
        q, k, v = (part(x).view(rows, length, -1, self.c.size) for part in (self.q, self.k, self.v))
        if self.c.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        # Angles are fp32, so under autocast q and k come out wider than v, and attention wants one
        # type.
        q, k = turn(q, cos, sin).to(v.dtype), turn(k, cos, sin).to(v.dtype)
        return grouped_attend(q, k, v, scope, layer, cache)


class Llama(LanguageModel):
    """A decoder of Llama's kind at any size."""

    supports_packing = True
    rates: Tensor

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config: LlamaConfig = config
        self.embedding = nn.Embedding(config.vocab, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.dim, config.eps)
        if not config.tied:
            self.output = nn.Linear(config.dim, config.vocab, bias=False)
        # Not saved: the config says it.
        self.register_buffer("rates", rope_rates(config), persistent=False)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=config.std)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    @property
    def head(self) -> Tensor:
        """Give the output matrix [V, D]."""
        return self.embedding.weight if self.config.tied else self.output.weight

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D]; positions restart with each document."""
        scope = AttentionContext(ids, documents, cache)
        angles = scope.positions()[..., None].float() * self.rates  # (T, d/2) or (B, T, d/2)
        # Both halves of a pair turn by one angle; a dimension of 1 stands for the heads.
        angles = torch.cat((angles, angles), dim=-1)[..., None, :]
        cos, sin = angles.cos(), angles.sin()
        x: Tensor = self.embedding(ids)
        scope.prepare([0], x.dtype)
        for layer, block in enumerate(self.blocks):
            x = block(x, cos, sin, scope, layer, cache)
        if cache is not None:
            cache.advance(ids.shape[1])
        out: Tensor = self.norm(x)
        return out

    def keys_seen(self, sequence: int) -> list[float]:
        """Count the keys that a query attends to on average, layer by layer."""
        return [mean_keys(sequence)] * self.config.layers

    def attention_width(self) -> int:
        """Count the numbers of a query of all heads: in Qwen3's 0.6B twice dim."""
        return self.config.heads * self.config.size

    def new_cache(self, batch: int, length: int) -> Cache:
        """Make an empty key-value cache for ``length`` positions."""
        c = self.config
        # Key heads alone are kept: with grouped queries the cache is that much smaller.
        shape = (batch, c.kv, length, c.size)
        return Cache(c.layers, shape, self.device, self.embedding.weight.dtype)

    def groups(self) -> dict[str, int]:
        """Count parameters by part."""
        parts = {"embedding": self.embedding.weight.numel()}
        if not self.config.tied:
            parts["head"] = self.output.weight.numel()
        for name, p in self.blocks.named_parameters():
            word = name.split(".")[1]
            part = "norm" if word.endswith("norm") else "attention" if word in "qkvo" else "ffn"
            parts[part] = parts.get(part, 0) + p.numel()
        parts["norm"] += self.norm.weight.numel()
        return parts
