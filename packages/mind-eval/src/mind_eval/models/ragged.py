"""Rows of several lengths that a mind-train model writes on in step, behind a shared past.

Each row has its own length, so a prompt waits for no other of just its length. What all share is
read where it lies, not copied into every row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mind_eval.models.network import Past
from mind_eval.models.partial_attention import behind, hiding, partial_attention
from mind_train.models.attention import PackedCache


class RaggedCache(PackedCache):
    """Keys and values of rows by themselves [B, H, room, d], one new token a row and step."""

    def __init__(
        self,
        past: Past | None,
        keys: Sequence[Tensor],
        values: Sequence[Tensor],
        sizes: Sequence[int],
        room: int,
    ) -> None:
        """Take over what rows of `sizes` tokens hold after `past`: [B, H, T, d] a layer."""
        self.past, self.layer = past, -1
        self.start = past.length if past is not None else 0
        self.keys = [_with_room(k, room) for k in keys]
        self.values = [_with_room(v, room) for v in values]
        self.sizes = torch.tensor(list(sizes), device=keys[0].device)  # (B,)
        self._masks: dict[int, tuple[int, Tensor | None, Tensor | None]] = {}
        super().__init__(self.sizes[:, None] + self.start)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put k, v [B, H, 1, d] of one layer where each row ends."""
        self.layer = layer
        rows = torch.arange(len(k), device=k.device)
        # Each row at a place of its own: a scatter of one token a row.
        self.keys[layer][rows, :, self.sizes] = k[:, :, 0]
        self.values[layer][rows, :, self.sizes] = v[:, :, 0]
        return k, v

    def attend(self, q: Tensor, k: Tensor, v: Tensor, window: int, scale: float | None) -> Tensor:  # noqa: ARG002
        """Mix values of the past and of each row up to its end: q [B, H, 1, d]."""
        width, mask, far = self._mask(window, q)
        keys, values = self.keys[self.layer][:, :, :width], self.values[self.layer][:, :, :width]
        own = partial_attention(q, keys, values, scale, mask)
        if self.past is None:
            return own[0]
        past = self.past.keys[self.layer], self.past.values[self.layer]
        # The past is one row and its keys are shared: all rows' queries go there as one row of B
        # queries.
        turned = own[0].transpose(0, 2), own[1].transpose(0, 2)  # all rows as one: [1, H, B, d]
        return behind(turned, q.transpose(0, 2), *past, far, scale).transpose(0, 2)

    def advance(self, tokens: int) -> None:
        """Count a token of each row as held."""
        self.sizes = self.sizes + tokens
        self.positions = self.positions + tokens
        self._masks = {}

    def select(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self.keys = [k[rows] for k in self.keys]
        self.values = [v[rows] for v in self.values]
        self.sizes, self.positions = self.sizes[rows], self.positions[rows]
        self._masks = {}

    def _mask(self, window: int, like: Tensor) -> tuple[int, Tensor | None, Tensor | None]:
        """Give the longest row with its new token, and the masks of own and of past keys."""
        if window not in self._masks:
            # Keys beyond the longest row are empty room, which attention need not read.
            width = int(self.sizes.max()) + 1
            if not 0 < window < self.start + width:
                window = 0
            steps = torch.arange(width, device=like.device)
            back = self.sizes[:, None] - steps  # (B, S)
            seen = back >= 0
            far: Tensor | None = None
            if window:
                seen &= back < window
                # The shortest row sees furthest back into the past; the others' masks hide more.
                last = int(self.positions.min()) + 1 - window
                near = torch.arange(min(max(0, last), self.start), self.start, device=like.device)
                far = hiding(self.positions - near < window, like)[None, None]  # (1, 1, B, P)
            # Without a mask the kernel takes the quicker way.
            mask = None if bool(seen.all()) else hiding(seen[:, None, None], like)
            self._masks[window] = width, mask, far
        return self._masks[window]


def _with_room(held: Tensor, room: int) -> Tensor:
    """Copy [B, H, T, d] into a tensor with room for more tokens."""
    rows, heads, width, size = held.shape
    # Zeros, as masked keys still enter the product: NaN left in memory would spread.
    made = held.new_zeros((rows, heads, max(room, width), size))
    made[:, :, :width] = held
    return made
