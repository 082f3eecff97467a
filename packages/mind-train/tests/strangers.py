"""Architectures as somebody writes them who has read docs/plugins/architecture.md alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mind_train import hookimpl
from mind_train.models.attention import AttentionContext, Cache, self_attend


@dataclass(frozen=True)
class GRUConfig:
    """Describe a recurrent network: a plain module with a head of its own."""

    vocab: int
    dim: int = 24
    context: int = 32

    def build(self) -> nn.Module:
        return GRU(self)


class GRU(nn.Module):
    def __init__(self, config: GRUConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab, config.dim)
        self.gru = nn.GRU(config.dim, config.dim, 2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(config.dim, config.vocab, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        states: Tensor = self.gru(self.embedding(ids))[0]
        return states


@dataclass(frozen=True)
class DecoderConfig:
    """Describe a transformer without a cache, its mask a buffer and its head tied by name."""

    vocab: int
    dim: int = 24
    context: int = 32

    def build(self) -> nn.Module:
        return Decoder(self)


class Decoder(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocab, config.dim)
        self.positions = nn.Embedding(config.context, config.dim)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.dim, 2, 48, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(2)
        )
        self.head = nn.Linear(config.dim, config.vocab, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)
        self.head.weight = self.words.weight
        square = torch.ones(config.context, config.context)
        self.register_buffer("mask", square.tril() == 0)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        x: Tensor = self.words(ids) + self.positions(torch.arange(length, device=ids.device))
        mask: Any = self.mask
        for block in self.blocks:
            x = block(x, src_mask=mask[:length, :length])
        return x


@dataclass(frozen=True)
class CachedConfig:
    """Describe one layer of attention that keeps documents apart and has a cache."""

    vocab: int
    dim: int = 24
    context: int = 32

    def build(self) -> nn.Module:
        return Cached(self)


class Cached(nn.Module):
    def __init__(self, config: CachedConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab, config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.norm = nn.LayerNorm(config.dim)

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        context = AttentionContext(ids, documents, cache)
        x = self.embedding(ids)
        rows, length, dim = x.shape
        qkv = self.qkv(x).view(rows, length, 3, 2, dim // 2)
        out: Tensor = self.norm(x + self_attend(qkv, context, 0, cache))
        if cache is not None:
            cache.advance(length)
        return out

    def new_cache(self, batch: int, length: int) -> Cache:
        weight = self.embedding.weight
        return Cache(1, (batch, 2, length, weight.shape[1] // 2), weight.device, weight.dtype)


@hookimpl
def register_architectures() -> dict[str, Any]:
    return {"gru": GRUConfig, "decoder": DecoderConfig, "cached": CachedConfig}
