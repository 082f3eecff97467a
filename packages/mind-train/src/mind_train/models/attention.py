"""Attention: causal, inside a window, inside a document, with a cache.

An architecture calls ``self_attend``, or ``grouped_attend`` where queries share keys, with an
``AttentionContext`` and never builds a mask itself. For training, a GPU's kernel for packed rows
(``kernels.py``) is used where there is one, and blocks of queries (``cpu/attention_blocks.py``) on
a CPU; SDPA does the rest, with ``is_causal`` wherever that says all and a boolean mask elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from mind_train.models.cpu import is_on
from mind_train.models.cpu.attention_blocks import attend_by_blocks, kept_keys, suits_blocks
from mind_train.models.kernels import packed_attention, packed_kernel, row_starts, suits


class Cache:
    """Hold keys and values of every layer for generation: [layers, B, H, length, d_head] each."""

    def __init__(
        self,
        layers: int,
        shape: tuple[int, int, int, int],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        # Allotted once for the longest text: a tensor that grew with each token would be copied at
        # each, which is a square of the text's length in all.
        self.keys = [torch.empty(shape, device=device, dtype=dtype) for _ in range(layers)]
        self.values = [torch.empty(shape, device=device, dtype=dtype) for _ in range(layers)]
        self.room = shape[2]
        self.length = 0

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v [B, H, T, d_head] of one layer; give all of that layer's up to here.

        ``length`` moves only with ``advance``, after the last layer.
        """
        # All layers write at the same place, so the length may not move before the last one has
        # written.
        end = self.length + k.shape[2]
        assert end <= self.room, "the cache is full"
        self.keys[layer][:, :, self.length : end] = k
        self.values[layer][:, :, self.length : end] = v
        # Views of the store: nothing is copied, however long the text has become.
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def advance(self, tokens: int) -> None:
        """Count tokens as held, once every layer has stored them."""
        self.length += tokens


class PackedCache(Cache, ABC):
    """A cache that lays tokens out its own way: where they stand, and which keys each sees.

    Several texts can stand in one row, branches of a text behind it, or rows of several lengths go
    on in step. An architecture whose ``supports_packing`` is true takes such a cache.
    """

    last: tuple[int, Tensor] | None = None
    """The last layer, and the tokens [W] whose states are wanted after it; None is all of them."""

    def __init__(self, positions: Tensor) -> None:
        # The base class's store is not made: a subclass sets ``keys`` and ``values`` in a layout of
        # its own.
        self.positions = positions
        """Of each token: [T], or [B, T]."""
        self.length = 0

    @abstractmethod
    def attend(self, q: Tensor, k: Tensor, v: Tensor, window: int, scale: float | None) -> Tensor:
        """Mix values as ``attend`` does, of the layer that was extended last."""


class AttentionContext:
    """Say which keys each query of one forward pass may see; masks are made once per window."""

    def __init__(self, ids: Tensor, documents: Tensor | None, cache: Cache | None) -> None:
        # A mask of documents is made of the ids of this pass alone, and says nothing about cached
        # keys.
        assert documents is None or cache is None, "a cache holds one document"
        self.queries = ids.shape[1]
        self.start = cache.length if cache is not None else 0
        self.device = ids.device
        self.documents = documents
        self.cached = cache is not None
        self.packed = cache if isinstance(cache, PackedCache) else None
        self.rows = ids.shape[0]
        # A mask for each window: GPT-Neo's layers alternate between two, MindLLM's share one.
        self._masks: dict[int, Tensor] = {}
        self._starts: Tensor | None = None

    def prepare(self, windows: Iterable[int], dtype: torch.dtype) -> None:
        """Make what the blocks will read: inside compiled or recomputed ones nothing may change.

        ``windows`` are the blocks', ``dtype`` is that of the embeddings.
        """
        # A packed cache mixes by itself, and a single query sees all that came before: neither
        # wants a mask.
        if self.packed is not None or self.queries == 1:
            return
        kind = self.device.type
        # Under autocast q, k and v arrive in half precision although the weights are fp32; the
        # choice of a kernel goes by what arrives.
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else dtype
        if not self.cached and suits(self.device, half) and packed_kernel() is not None:
            # With such a kernel the places where documents begin take the mask's part.
            self.starts()
            return
        # As `suits_blocks` has it: without gradients or in half precision the masks are read.
        plain = is_on() and kind == "cpu" and not self.cached and self.documents is None
        plain = plain and torch.is_grad_enabled() and half == torch.float32
        for window in set(windows):
            if not (plain and kept_keys(self.queries, window)):  # blocks of queries need no mask
                self.mask(window)

    def starts(self) -> Tensor:
        """Give where rows and documents begin in the packed batch; made once."""
        if self._starts is None:
            self._starts = row_starts(self.documents, self.rows, self.queries, self.device)
        return self._starts

    def positions(self) -> Tensor:
        """Number the queries: [T], or [B, T] counted from the start of each document."""
        if self.packed is not None:
            return self.packed.positions
        # Behind a cache positions go on where its keys end.
        steps = torch.arange(self.start, self.start + self.queries, device=self.device)
        if self.documents is None:
            return steps
        # Documents 5 5 7 7 7 have the positions 0 1 0 1 2. The first token of a row always begins
        # one.
        fresh = torch.ones_like(self.documents, dtype=torch.bool)
        fresh[:, 1:] = self.documents[:, 1:] != self.documents[:, :-1]
        # The largest start so far is that of the document in which a token stands.
        begins = torch.where(fresh, steps, torch.zeros_like(steps))
        return steps - begins.cummax(dim=1).values

    def wanted(self, layer: int, states: Tensor) -> Tensor:
        """Leave out of states [B, T, D] what a ``PackedCache`` does not want after its last layer.

        Past attention every step is by token, so a layer applies this to what attention made.
        """
        if self.packed is None or self.packed.last is None or self.packed.last[0] != layer:
            return states
        return states[:, self.packed.last[1]]

    def mask(self, window: int) -> Tensor | None:
        """Make the boolean mask [T, S] or [B, 1, T, S]; None where plain causal order says it all.

        ``window`` w lets query i see keys i-w+1 … i: w keys with itself; 0 is no window.
        """
        keys = self.start + self.queries
        # A window as wide as all keys hides nothing, so it needs no mask of its own.
        windowed = 0 < window < keys
        # Keys of a cache come first, and `is_causal` aligns its triangle at the upper left corner:
        # with them the newest query would see the oldest key alone, so there a mask is made.
        if self.documents is None and not windowed and self.start == 0:
            return None
        # By window alone: documents and start are those of the one pass that this object stands
        # for.
        if window not in self._masks:
            distance = (
                torch.arange(self.start, keys, device=self.device)[:, None]
                - torch.arange(keys, device=self.device)[None, :]
            )  # (T, S)
            mask = distance >= 0
            if windowed:
                mask &= distance < window
            if self.documents is not None:
                # A square of the row's length, but boolean, and one for all layers and heads.
                same = self.documents[:, :, None] == self.documents[:, None, :]  # (B, T, S)
                # A dimension for the heads: one mask serves them all.
                mask = (mask & same)[:, None]
            self._masks[window] = mask
        return self._masks[window]


def self_attend(
    qkv: Tensor,
    scope: AttentionContext,
    layer: int,
    cache: Cache | None,
    *,
    values: Tensor | None = None,
    window: int = 0,
    scale: float | None = None,
) -> Tensor:
    """Mix the values of a projection qkv [B, T, 3, H, d] → [B, T, H d]; a cache grows by them.

    With ``values`` [B, T, H, d] apart, qkv is q and k alone. ``scale`` None is 1/√d.
    """
    B, T, parts, H, d = qkv.shape
    # By blocks q, k and v are read in the projection's own layout, without three transposed copies.
    if parts == 3 and cache is None and scope.documents is None and suits_blocks(qkv, window):
        return attend_by_blocks(qkv, window, d**-0.5 if scale is None else scale)
    # [B, H, 3, T, d] after the transpose, so that unbinding leaves heads before positions.
    q, k, *rest = qkv.transpose(1, 3).unbind(2)  # (B, H, T, d) each
    v = rest[0] if values is None else values.transpose(1, 2)
    if cache is not None:
        k, v = cache.extend(layer, k, v)
    # SDPA wants heads before positions; the projection of the output wants them side by side again.
    mixed = attend(q, k, v, scope, window=window, scale=scale)
    return mixed.transpose(1, 2).reshape(B, T, H * d)


def grouped_attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scope: AttentionContext,
    layer: int,
    cache: Cache | None,
    *,
    window: int = 0,
    scale: float | None = None,
) -> Tensor:
    """Mix values of q [B, T, H, d], k and v [B, T, G, d] → [B, T, H d]; a cache grows by them.

    H / G query heads in a row share a key head (grouped queries, Ainslie et al. 2023).
    """
    rows, length, heads, _ = q.shape
    q, k, v = (part.transpose(1, 2) for part in (q, k, v))
    # A cache for writing holds what there is; others mix keys and queries by themselves.
    # Stored as they came, k and v take a share of G / H of the memory. A packed cache wants as many
    # heads as the queries have.
    few = isinstance(cache, Cache) and not isinstance(cache, PackedCache)
    if not few:
        k, v = _for_queries(k, heads), _for_queries(v, heads)
    if cache is not None:
        k, v = cache.extend(layer, k, v)
    if few:
        k, v = _for_queries(k, heads), _for_queries(v, heads)
    mixed = attend(q, k, v, scope, window=window, scale=scale)
    return mixed.transpose(1, 2).reshape(rows, length, -1)


def _for_queries(x: Tensor, heads: int) -> Tensor:
    """Repeat each key head for the queries of its group: [B, G, S, d] → [B, H, S, d]."""
    # Queries i · H/G to (i + 1) · H/G - 1 share key head i, so its copies stand side by side.
    return x.repeat_interleave(heads // x.shape[1], dim=1)


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scope: AttentionContext,
    *,
    window: int = 0,
    scale: float | None = None,
) -> Tensor:
    """Mix values by softmax(scale · q kᵀ): q [B, H, T, d], k and v [B, H, S, d] → [B, H, T, d].

    ``scale`` None is 1/√d.
    """
    if scope.packed is not None:
        return scope.packed.attend(q, k, v, window, scale)
    if q.shape[2] == 1:  # one new token: every cached key is in its past
        # A slice does here what a mask would, and what lies outside of the window is not even read.
        if 0 < window < k.shape[2]:
            k, v = k[:, :, -window:], v[:, :, -window:]
        return F.scaled_dot_product_attention(q, k, v, scale=scale)
    # Cached keys have no place among the starts, which are those of queries and keys at once.
    kernel = None if scope.cached or not suits(q.device, q.dtype) else packed_kernel()
    if kernel is not None:
        factor = q.shape[-1] ** -0.5 if scale is None else scale
        return packed_attention(kernel, q, k, v, scope.starts(), window, factor)
    mask = scope.mask(window)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale
    )


def mean_keys(sequence: int, window: int = 0) -> float:
    """Count the keys that the queries of a causal row see on average; ``window`` 0 is none."""
    # Query i of the first `seen` sees i + 1 keys and each later one `seen`: a full rectangle less
    # the triangle at its beginning.
    seen = min(window, sequence) if window else sequence
    return seen - seen * (seen - 1) / (2 * sequence)
