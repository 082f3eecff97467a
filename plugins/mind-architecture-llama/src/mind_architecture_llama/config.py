"""What a model of Llama's kind is: sizes, biases, norms, rotary positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mind_core import MindError

if TYPE_CHECKING:
    from mind_architecture_llama.model import Llama

ROPES = ("default", "linear", "llama3")


@dataclass(frozen=True)
class LlamaConfig:
    """Describe a decoder of Llama's kind: RMSNorm, SwiGLU, RoPE, grouped queries.

    ``kv_heads`` and ``head_dim`` 0 are heads, and dim / heads. ``qkv_bias`` alone is Qwen2's,
    ``qk_norm`` Qwen3's. ``rope_type`` is default, linear (positions over ``rope_factor``), or
    llama3, which stretches slow pairs alone. ``files`` holds the texts of the folder that a model
    was imported from.
    """

    hugging_face: ClassVar[str] = "mind_architecture_llama.form"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"dim": 192, "layers": 4, "heads": 6, "kv_heads": 2, "ffn_dim": 512,
                 "context": 256},
        "15m": {"dim": 384, "layers": 8, "heads": 6, "kv_heads": 2, "ffn_dim": 1024,
                "context": 512},
        "smollm2-135m": {"dim": 576, "layers": 30, "heads": 9, "kv_heads": 3, "ffn_dim": 1536,
                         "context": 8192, "rope_base": 100_000.0, "eps": 1e-5},
        "qwen2.5-0.5b": {"dim": 896, "layers": 24, "heads": 14, "kv_heads": 2, "ffn_dim": 4864,
                         "context": 32768, "rope_base": 1e6, "qkv_bias": True},
        "qwen3-0.6b": {"dim": 1024, "layers": 28, "heads": 16, "kv_heads": 8, "head_dim": 128,
                       "ffn_dim": 3072, "context": 40960, "rope_base": 1e6, "qk_norm": True},
        "llama-3.2-1b": {"dim": 2048, "layers": 16, "heads": 32, "kv_heads": 8, "head_dim": 64,
                         "ffn_dim": 8192, "context": 131072, "rope_base": 500_000.0, "eps": 1e-5,
                         "rope_type": "llama3", "rope_factor": 32.0},
    }  # fmt: skip

    vocab: int
    dim: int
    layers: int
    heads: int
    ffn_dim: int
    kv_heads: int = 0
    head_dim: int = 0
    context: int = 1024
    tied: bool = True
    qkv_bias: bool = False
    o_bias: bool = False
    qk_norm: bool = False
    eps: float = 1e-6
    rope_base: float = 10_000.0
    rope_type: str = "default"
    rope_factor: float = 1.0
    rope_low: float = 1.0
    rope_high: float = 4.0
    rope_original: int = 8192
    std: float = 0.02
    files: str = "{}"

    def __post_init__(self) -> None:
        for name in ("vocab", "dim", "layers", "heads", "ffn_dim", "context", "rope_original"):
            if getattr(self, name) < 1:
                raise MindError(f"model.{name} is {getattr(self, name)}", hint="give 1 or more")
        if self.heads % self.kv:
            raise MindError(
                f"model.heads {self.heads} is no multiple of model.kv_heads {self.kv}",
                hint="each key serves as many queries",
            )
        if self.size < 2 or self.size % 2 or (not self.head_dim and self.dim % self.heads):
            raise MindError(
                f"model.dim {self.dim} does not split into {self.heads} heads of an even size",
                hint="choose dim = heads × 64, or give model.head_dim",
            )
        if self.rope_type not in ROPES:
            raise MindError(
                f"model.rope_type {self.rope_type!r} is not known",
                hint=f"one of {', '.join(ROPES)}",
            )
        # What transformers' families can say: else an export would lose a bias in silence.
        if (self.o_bias and not self.qkv_bias) or (self.qk_norm and self.o_bias != self.qkv_bias):
            raise MindError(
                "these biases are of no family",
                cause="Llama and Qwen3 have them on all four of q, k, v and o, Qwen2 on q, k and v",
                hint="--set model.o_bias=false",
            )
        if self.rope_type == "llama3" and not 0 < self.rope_low < self.rope_high:
            raise MindError("model.rope_low is not below model.rope_high", hint="1 and 4 are usual")
        if not (self.rope_base > 0 and self.rope_factor > 0 and self.eps > 0 and self.std > 0):
            raise MindError("model.rope_base, rope_factor, eps and std are above 0")

    @property
    def kv(self) -> int:
        """Count the key heads."""
        return self.kv_heads or self.heads

    @property
    def size(self) -> int:
        """Give the width of a head."""
        return self.head_dim or self.dim // self.heads

    def build(self) -> Llama:
        """Make the module with freshly drawn weights."""
        # Imported here: a config is read without torch.
        from mind_architecture_llama.model import Llama

        return Llama(self)
