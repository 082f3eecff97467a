"""Shapes that are trained beside peers. Plain and gated feed-forwards have as many parameters."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """A decoder's shape; ``plain`` and ``gated`` are the inner widths of the two kinds."""

    layers: int
    dim: int
    heads: int
    plain: int
    gated: int

    def flops(self, gated: bool, vocab: int, sequence: int) -> int:
        """Count the FLOPs of training on a token: 6 per weight, attention over the whole row."""
        inner = 3 * self.gated if gated else 2 * self.plain
        body = self.layers * (4 * self.dim + inner) * self.dim
        return 6 * (body + vocab * self.dim) + 12 * self.layers * sequence * self.dim


SIZES = {
    "toy": Size(2, 64, 2, 256, 172),
    "2m": Size(4, 192, 3, 768, 512),
    "15m": Size(8, 384, 6, 1536, 1024),
    "50m": Size(10, 640, 10, 2560, 1728),
    "150m": Size(16, 896, 14, 3584, 2432),
    "1.3b": Size(24, 2048, 16, 8192, 5504),
    "3b": Size(32, 2560, 32, 12288, 8192),
}


def is_gated(impl: str) -> bool:
    """Tell which feed-forward a contestant has."""
    return "gpt-neo" not in impl
