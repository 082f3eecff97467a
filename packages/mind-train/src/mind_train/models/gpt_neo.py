"""GPT-Neo (MindLLM-1.3B's base): LayerNorm, learned positions, alternating global/local attention.

What is peculiar, checked against the Mesh-TensorFlow original and Hugging Face's port:
- Layers alternate global, local, starting with global; a local query sees 256 keys with itself.
- Scores are not divided by √d_head: the scale sits in the initialisation of q.
- q, k, v have no bias; the attention output and both feed-forward matrices have one.
- From scratch the Mesh-TensorFlow initialisation is used: with N(0, 0.02) everywhere, as in the
  port, scores would start near σ = 9 at width 2048, that is with one-hot attention.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mind_train.models.attention import AttentionContext, Cache, mean_keys, self_attend
from mind_train.models.contract import check_sizes
from mind_train.models.cpu.embedding import Embedding
from mind_train.models.cpu.matmul import Linear
from mind_train.models.cpu.memory_saving_ops import activate_down
from mind_train.models.dropout import Dropout
from mind_train.models.language_model import LanguageModel
from mind_train.models.parts import count, split_qkv


@dataclass(frozen=True)
class GPTNeoConfig:
    """Describe a GPT-Neo decoder: LayerNorm, learned positions, local and global attention."""

    hugging_face: ClassVar[str] = "mind_train.export.gpt_neo"
    # The last two are published models with the sizes of their vocabularies; elsewhere the
    # tokenizer says that.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"dim": 192, "layers": 4, "heads": 3, "ffn_dim": 768, "context": 256},
        "10m": {"dim": 320, "layers": 8, "heads": 5, "ffn_dim": 1280, "context": 512},
        "15m": {"dim": 384, "layers": 8, "heads": 6, "ffn_dim": 1536, "context": 512},
        "50m": {"dim": 640, "layers": 10, "heads": 10, "ffn_dim": 2560, "context": 512},
        "150m": {"dim": 896, "layers": 16, "heads": 14, "ffn_dim": 3584, "context": 1024},
        "350m": {"dim": 1024, "layers": 28, "heads": 16, "ffn_dim": 4096, "context": 1024},
        "500m": {"dim": 1280, "layers": 26, "heads": 20, "ffn_dim": 5120, "context": 1024},
        "mindllm-1.3b": {
            "dim": 2048, "layers": 24, "heads": 16, "ffn_dim": 8192,
            "context": 1024, "vocab": 75_000,
        },
        "gpt-neo-1.3b": {
            "dim": 2048, "layers": 24, "heads": 16, "ffn_dim": 8192,
            "context": 2048, "vocab": 50_257,
        },
    }  # fmt: skip

    vocab: int
    dim: int
    layers: int
    heads: int
    ffn_dim: int
    context: int = 1024
    window: int = 256
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_sizes(self, "vocab", "dim", "layers", "heads", "ffn_dim", "context", "window")

    def build(self) -> GPTNeo:
        """Make the module with freshly drawn weights."""
        return GPTNeo(self)


class Block(nn.Module):
    """Pre-norm attention and feed-forward; odd layers have a window."""

    def __init__(self, config: GPTNeoConfig, layer: int) -> None:
        super().__init__()
        dim = config.dim
        # Even layers see all, odd ones the window: `attention_types` of the released models.
        self.heads, self.window = config.heads, config.window if layer % 2 else 0
        self.attention_norm = nn.LayerNorm(dim, config.eps)
        self.qkv = Linear(dim, 3 * dim, bias=False)
        self.o = Linear(dim, dim)
        self.ffn_norm = nn.LayerNorm(dim, config.eps)
        self.up = Linear(dim, config.ffn_dim)
        self.down = Linear(config.ffn_dim, dim)
        # Place 0 is that of the embedding.
        self.dropouts = nn.ModuleList([Dropout(2 * layer + 1), Dropout(2 * layer + 2)])
        self._initialise(config)

    @torch.no_grad()
    def _initialise(self, config: GPTNeoConfig) -> None:
        """Draw Mesh-TensorFlow's initialisation: σ(score) = 1 for inputs of unit variance."""
        # The missing 1/√d_head of the scores is in σ(q), so that scores start at σ = 1 at any
        # width.
        std = {
            # q·k is a sum over d_head products, and no 1/√d_head takes that back later.
            "q": (config.dim * (config.dim // config.heads)) ** -0.5,
            "k": config.dim**-0.5,
            "v": config.dim**-0.5,
            "o": config.dim**-0.5,
            "up": 0.02,
            # The stream adds one such output in each layer: divided by √layers, their sum does not
            # grow.
            "down": 0.02 / math.sqrt(config.layers),
        }
        for name, weight in self.matrices().items():
            nn.init.normal_(weight, std=std[name])
        for linear in (self.o, self.up, self.down):
            nn.init.zeros_(linear.bias)

    def forward(
        self, x: Tensor, scope: AttentionContext, layer: int, cache: Cache | None
    ) -> Tensor:
        """Map [B, T, D] → [B, T, D]."""
        B, T, D = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(B, T, 3, self.heads, D // self.heads)
        # Scale 1, where other models have 1/√d_head: the weights of Hugging Face's port expect it.
        mixed = self_attend(qkv, scope, layer, cache, window=self.window, scale=1.0)
        # Behind attention every step is by token: what nobody reads after the last layer goes here.
        x = scope.wanted(layer, x) + self.dropouts[0](self.o(scope.wanted(layer, mixed)))
        # The tanh form is `gelu_new` in Hugging Face's configs, which the released weights were
        # trained with.
        added = activate_down(self.up(self.ffn_norm(x)), self.down, gated=False, gelu="tanh")
        out: Tensor = x + self.dropouts[1](added)
        return out

    def matrices(self) -> dict[str, Tensor]:
        """Name the six matrices of the block; q, k, v are views of one parameter."""
        return {
            **split_qkv(self.qkv.weight),
            "o": self.o.weight,
            "up": self.up.weight,
            "down": self.down.weight,
        }


class GPTNeo(LanguageModel):
    """A GPT-Neo decoder at any size."""

    supports_packing = True

    def __init__(self, config: GPTNeoConfig) -> None:
        super().__init__()
        self.config: GPTNeoConfig = config
        self.embedding = Embedding(config.vocab, config.dim)
        # A learned vector for each position: no text can be longer than this table.
        self.positions = nn.Embedding(config.context, config.dim)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.01)
        self.dropout = Dropout(0)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.norm = nn.LayerNorm(config.dim, config.eps)

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D] of ids [B, T]; positions restart with each document."""
        scope = AttentionContext(ids, documents, cache)
        x = self.dropout(self.embedding(ids) + self.positions(scope.positions()))  # (B, T, D)
        # Both masks are made before the first block: recomputed and compiled blocks may only read.
        scope.prepare([0, self.config.window], x.dtype)
        for layer, block in enumerate(self.blocks):
            x = block(x, scope, layer, cache)
        if cache is not None:
            # Once, when all layers have written at the old length.
            cache.advance(scope.queries)
        normed: Tensor = self.norm(x)
        return normed

    def keys_seen(self, sequence: int) -> list[float]:
        """Count the keys that a query attends to on average, layer by layer."""
        window = self.config.window
        return [mean_keys(sequence, window if i % 2 else 0) for i in range(self.config.layers)]

    def spans(self, sequence: int) -> list[int]:
        """Count the keys of a row or of a window, layer by layer."""
        near = min(self.config.window, sequence)
        return [near if i % 2 else sequence for i in range(self.config.layers)]

    def new_cache(self, batch: int, length: int) -> Cache:
        """Make an empty key-value cache for ``length`` positions."""
        config = self.config
        shape = (batch, config.heads, length, config.dim // config.heads)
        return Cache(config.layers, shape, self.device, self.embedding.weight.dtype)

    def groups(self) -> dict[str, int]:
        """Count parameters by part."""
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        norms = [n for b in blocks for n in (b.attention_norm, b.ffn_norm)] + [self.norm]
        return count(
            {
                "embedding": [self.embedding.weight],
                "positions": [self.positions.weight],
                "attention": [p for b in blocks for m in (b.qkv, b.o) for p in m.parameters()],
                "ffn": [p for b in blocks for m in (b.up, b.down) for p in m.parameters()],
                "norm": [p for n in norms for p in n.parameters()],
            }
        )
