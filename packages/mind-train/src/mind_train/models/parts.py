"""Parts that architectures share: RMSNorm, rotary positions, the gated feed-forward."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from mind_train.models.cpu.matmul import Linear
from mind_train.models.cpu.memory_saving_ops import activate_down, rms_norm
from mind_train.vector_math import settle_vector_functions

Gelu = Literal["tanh", "exact"]


class RMSNorm(nn.Module):
    """Scale each vector to root mean square 1, times a gain (Zhang & Sennrich 2019)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [..., D]; computed in fp32, given back in the input's type."""
        return rms_norm(x, self.weight, self.eps)


def rope_table(length: int, d_head: int, base: float) -> tuple[Tensor, Tensor]:
    """Make cosines and signed sines [length, d_head] of RoPE (Su et al. 2021), half-split pairing.

    Pair i is (x_i, x_{i+d/2}), turned by position · base^(-2i/d). The sines carry the sign of the
    rotation, so that ``rotate`` needs no negation. Always made on the CPU, so that a model whose
    weights wait on the meta device has its real table.
    """
    settle_vector_functions()
    # In double precision: near position 2,047 the angles that fp32 knows are 1e-4 apart.
    rates = base ** (-torch.arange(0, d_head, 2, dtype=torch.float64, device="cpu") / d_head)
    angles = torch.outer(torch.arange(length, dtype=torch.float64, device="cpu"), rates)
    # fp32 from here on: cosines and sines are at most 1, so they lose nothing that matters.
    cos, sin = angles.cos().float(), angles.sin().float()
    # Both halves of a pair turn by one angle, so the table is written twice, the sines signed.
    return torch.cat((cos, cos), dim=1), torch.cat((-sin, sin), dim=1)


class GeGLU(nn.Module):
    """Compute down(gelu(gate(x)) ⊙ up(x)) (Shazeer 2020), gate and up in one matrix [2F, D]."""

    def __init__(self, dim: int, inner: int, gelu: Gelu) -> None:
        super().__init__()
        self.gate_up = Linear(dim, 2 * inner, bias=False)
        self.down = Linear(inner, dim, bias=False)
        self.approximate = "tanh" if gelu == "tanh" else "none"

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, T, D] → [B, T, D]."""
        return activate_down(self.gate_up(x), self.down, gated=True, gelu=self.approximate)

    def matrices(self) -> dict[str, Tensor]:
        """Name the three matrices; gate and up are views of one parameter."""
        # Views, not copies: what is drawn into them or made orthogonal is the parameter itself.
        gate, up = self.gate_up.weight.chunk(2)
        return {"gate": gate, "up": up, "down": self.down.weight}


def split_qkv(weight: Tensor) -> dict[str, Tensor]:
    """Name the views q, k, v [D, D] of one projection [3D, D]."""
    q, k, v = weight.chunk(3)
    return {"q": q, "k": k, "v": v}


def xavier_normal(weight: Tensor, gain: float) -> None:
    """Draw a matrix [out, in] from N(0, 2 gain² / (in + out)) (Glorot & Bengio 2010)."""
    rows, columns = weight.shape
    nn.init.normal_(weight, std=gain * math.sqrt(2.0 / (rows + columns)))


def count(parts: dict[str, list[Tensor]]) -> dict[str, int]:
    """Count the elements of each named list of parameters."""
    return {name: sum(p.numel() for p in tensors) for name, tensors in parts.items()}
