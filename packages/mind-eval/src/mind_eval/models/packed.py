"""Many texts through a mind-train model in one pass without padding, branches behind them.

All tokens of all rows stand in one long row, so that every matrix product is one large one. Only
attention knows of rows: a token sees the prefix that all share, its row's trunk before it, and its
own branch. Positions go on where what is read before ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mind_eval.batching import PrefixTree
from mind_eval.models.network import Past
from mind_eval.models.partial_attention import behind, hiding, partial_attention
from mind_train.models.attention import PackedCache


class PackedTreeCache(PackedCache):
    """Trees in one row of tokens [1, N], behind a past of one row that all share."""

    def __init__(
        self,
        trees: Sequence[PrefixTree],
        past: Past | None,
        device: torch.device,
        *,
        keep: bool = False,
    ) -> None:
        self.past, self.layer, self.keep = past, -1, keep
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        start = past.length if past is not None else 0
        sizes = [len(tree.tokens) for tree in trees]
        self.rows, self.width = len(trees), max(sizes)
        self.branched = any(tree.branches for tree in trees)
        # Rows of one length need no gathering: packed and padded are two views of one tensor.
        self.even = min(sizes) == self.width
        padded = (self.rows, self.width)
        depths = torch.zeros(padded, dtype=torch.long)
        self.parts = torch.full(padded, -1)
        """Of each token of a row: 0 in the trunk, else the number of its branch."""
        for row, tree in enumerate(trees):
            for part, first, stop, depth in _runs(tree):
                depths[row, first:stop] = torch.arange(depth, depth + stop - first)
                self.parts[row, first:stop] = part
        # A branch's positions go on where the trunk ends, each as if it stood there alone.
        self.depths = depths + start
        steps = torch.arange(self.width)
        real = (steps < torch.tensor(sizes)[:, None]).flatten()
        # Index into rows laid out with padding, R · T, of each of the N packed tokens.
        self.places = real.nonzero().squeeze(1).to(device)  # (N,) packed → padded
        # Padding takes the first token: any will do, as nothing looks at it.
        back = torch.zeros(len(real), dtype=torch.long)
        back[real] = torch.arange(len(self.places))
        self.back = back.to(device)  # (R · T,) padded → packed
        super().__init__(self.depths.flatten()[real].to(device))
        # Made once a window: all layers share them.
        self._masks: dict[int, tuple[Tensor | None, Tensor | None]] = {}

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Note which layer it is; with `keep` hold its keys and values by rows: [R, H, T, d]."""
        self.layer = layer
        if self.keep:
            self.keys.append(self._padded(k))
            self.values.append(self._padded(v))
        return k, v

    def attend(self, q: Tensor, k: Tensor, v: Tensor, window: int, scale: float | None) -> Tensor:
        """Mix values of the prefix and of each row: [1, H, N, d] each."""
        mask, far = self._mask(window, q)
        rows = self._padded(q), self._padded(k), self._padded(v)
        if self.past is None:
            return self._packed(
                F.scaled_dot_product_attention(
                    *rows, attn_mask=mask, is_causal=mask is None, scale=scale
                )
            )
        # Two parts: keys of the own row, then those of the prefix, which lie once in memory for
        # all.
        own = partial_attention(rows[0], rows[1], rows[2], scale, mask, causal=mask is None)
        mine = self._packed(own[0]), self._packed(own[1][..., None])[..., 0]
        return behind(mine, q, self.past.keys[self.layer], self.past.values[self.layer], far, scale)

    def _padded(self, x: Tensor) -> Tensor:
        """Lay [1, H, N, d] out by rows: [R, H, T, d]."""
        # Tokens first, so that one gather moves all heads of a token.
        flat = x[0].transpose(0, 1)  # (N, H, d)
        if not self.even:
            flat = flat[self.back]
        return flat.view(self.rows, self.width, *flat.shape[1:]).transpose(1, 2)

    def _packed(self, x: Tensor) -> Tensor:
        """Lay [R, H, T, d] out in one row: [1, H, N, d]."""
        flat = x.transpose(1, 2).flatten(0, 1)  # (R · T, H, d)
        if not self.even:
            flat = flat[self.places]
        return flat.transpose(0, 1)[None]

    def _mask(self, window: int, like: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Make the masks of a row's own keys and of the last keys of the prefix, once a window.

        None is plain causal order of the own keys, and all of the prefix.
        """
        start = self.past.length if self.past is not None else 0
        # A window that reaches over everything hides nothing: it shares the masks of no window.
        if not 0 < window < start + self.width:
            window = 0
        if window not in self._masks:
            own: Tensor | None = None
            # Otherwise plain causal order holds within a row, for which the kernel needs no mask.
            if self.branched or 0 < window < self.width:
                own = hiding(self._seen(window)[:, None], like)  # (R, 1, T, T)
            far: Tensor | None = None
            if window:
                # The first token behind the prefix sees furthest back: to position start + 1 -
                # window.
                near = torch.arange(max(0, start + 1 - window), start, device=like.device)
                # Only the last keys of a prefix can be in a window; those before are not even read.
                far = hiding(self.positions[:, None] - near < window, like)[None, None]
            self._masks[window] = own, far
        return self._masks[window]

    def _seen(self, window: int) -> Tensor:
        """Tell which tokens of its row each token sees: [R, T, T]."""
        steps = torch.arange(self.width)
        seen = (steps[:, None] >= steps)[None]
        if self.branched:
            mine, theirs = self.parts[:, :, None], self.parts[:, None, :]
            # The trunk is seen by all, a branch by itself alone.
            seen = seen & ((theirs == 0) | (theirs == mine))
        if window:
            seen = seen & (self.depths[:, :, None] - self.depths[:, None, :] < window)
        return seen.expand(self.rows, -1, -1)


def _runs(tree: PrefixTree) -> Iterator[tuple[int, int, int, int]]:
    """Yield (part, first, stop, depth of the first) of the trunk and of each branch."""
    end = len(tree.trunk)
    yield 0, 0, end, 0
    for part, branch in enumerate(tree.branches, 1):
        yield part, end, end + len(branch), len(tree.trunk)
        end += len(branch)
