"""A mind-train model as a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mind_eval.batching import Ids, PrefixTree
from mind_eval.models.network import Network, Past, Stream
from mind_eval.models.packed import PackedTreeCache
from mind_eval.models.ragged import RaggedCache
from mind_eval.output_layer import Head

if TYPE_CHECKING:
    from mind_train.models.language_model import LanguageModel


class MindNetwork(Network):
    """A mind-train model."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.packs = model, model.supports_packing
        weights = model.head
        # oneDNN compiles a product of bfloat16 anew for each number of rows: 4 ms against 0.4.
        self.rounds = weights.dtype == torch.bfloat16 and weights.device.type == "cpu"

    @property
    def head(self) -> Head:
        """Give the output layer."""
        return Head(self.model.head.detach())

    def hidden(self, ids: Tensor, past: Past | None, keep: bool) -> tuple[Tensor, Past | None]:
        """Read ids [B, T] after `past`; see `Network`."""
        ids = ids.to(self.model.device)
        if past is None and not keep:
            hidden: Tensor = self.model(ids)
            return hidden, None
        # Nothing is written in place, so `past` can serve any number of other batches.
        cache = _JoinedCache(past, len(ids))
        hidden = self.model(ids, cache=cache)
        return hidden, Past(tuple(cache.keys), tuple(cache.values)) if keep else None

    def packed(
        self, trees: Sequence[PrefixTree], past: Past | None, wanted: Tensor | None = None
    ) -> Tensor:
        """Read trees after `past`; see `Network`."""
        count = sum(len(tree.tokens) for tree in trees) if wanted is None else len(wanted)
        # Made-up trees and states stand at the end, so `count` leaves them out below.
        if self.rounds:
            trees, wanted = _rounded(trees, wanted)
        ids = torch.tensor([[token for tree in trees for token in tree.tokens]])
        forest = PackedTreeCache(trees, past, self.model.device)
        if wanted is not None:
            wanted = wanted.to(self.model.device)
            # The number of the last layer; see `PackedCache.last`.
            forest.last = len(self.model.keys_seen(1)) - 1, wanted
        hidden: Tensor = self.model(ids.to(self.model.device), cache=forest)
        if wanted is not None and hidden.shape[1] != len(wanted):
            hidden = hidden[:, wanted]  # an architecture that computes all
        return hidden[0, :count]

    def begin(self, prompts: Sequence[Ids], past: Past | None, room: int) -> tuple[Stream, Tensor]:
        """Read prompts after `past`, to be written on; see `Network`."""
        if not self.packs:
            stream = _MindStream(self.model, past, len(prompts), room)
            return stream, stream.read(torch.tensor(prompts))
        trees = [PrefixTree(prompt) for prompt in prompts]
        forest = PackedTreeCache(trees, past, self.model.device, keep=True)
        ids = torch.tensor([[token for prompt in prompts for token in prompt]])
        hidden: Tensor = self.model(ids.to(self.model.device), cache=forest)
        sizes = [len(prompt) for prompt in prompts]
        # `room` is of whole rows, and the past is not copied into them.
        room -= past.length if past is not None else 0
        ragged = RaggedCache(past, forest.keys, forest.values, sizes, room)
        return _RaggedStream(self.model, ragged), hidden[0, torch.tensor(sizes).cumsum(0) - 1]


ROUND = 64


def _rounded(
    trees: Sequence[PrefixTree], wanted: Tensor | None
) -> tuple[Sequence[PrefixTree], Tensor | None]:
    """Bring tokens and wanted states to a multiple of `ROUND`, by trees and states of no use."""
    spare = -sum(len(tree.tokens) for tree in trees) % ROUND
    longest = max(len(tree.trunk) for tree in trees)  # as deep as positions are known to go
    # Any token will do, as nothing looks at these trees.
    more = [PrefixTree((0,) * min(longest, spare - at)) for at in range(0, spare, longest)]
    trees = [*trees, *more]
    if wanted is not None and (spare := -len(wanted) % ROUND):
        # The output layer is a product too, so the number of its rows is rounded as well.
        wanted = torch.cat((wanted, wanted[-1:].expand(spare)))
    return trees, wanted


class _MindStream(Stream):
    """Rows in mind-train's own cache, which is written in place."""

    def __init__(self, model: LanguageModel, past: Past | None, rows: int, room: int) -> None:
        self.model, self.cache = model, model.new_cache(rows, room)
        if past is not None:
            self.cache.length = past.length
            for held, given in ((self.cache.keys, past.keys), (self.cache.values, past.values)):
                for mine, theirs in zip(held, given, strict=True):
                    # One row of the past is spread over all rows of the cache.
                    mine[:, :, : past.length] = theirs

    def read(self, ids: Tensor) -> Tensor:
        """Read ids [B, T]: the last states [B, D]."""
        hidden: Tensor = self.model(ids.to(self.model.device), cache=self.cache)
        return hidden[:, -1]

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Read the next token of each row; see `Stream`."""
        return self.read(torch.tensor(tokens)[:, None])

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self.cache.keys = [k[rows] for k in self.cache.keys]
        self.cache.values = [v[rows] for v in self.cache.values]


class _RaggedStream(Stream):
    """Rows of several lengths."""

    def __init__(self, model: LanguageModel, cache: RaggedCache) -> None:
        self.model, self.cache = model, cache

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Read the next token of each row; see `Stream`."""
        ids = torch.tensor(tokens)[:, None].to(self.model.device)
        hidden: Tensor = self.model(ids, cache=self.cache)
        return hidden[:, 0]

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self.cache.select(rows.to(self.model.device))


class _JoinedCache:
    """A cache in mind-train's shape that joins new keys to a past which all rows share."""

    def __init__(self, past: Past | None, rows: int) -> None:
        self.past, self.rows = past, rows
        self.length = past.length if past is not None else 0
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Join k, v [B, H, T, d_head] of one layer to what is past."""
        if self.past is not None:
            k = torch.cat((self.past.keys[layer].expand(self.rows, -1, -1, -1), k), dim=2)
            v = torch.cat((self.past.values[layer].expand(self.rows, -1, -1, -1), v), dim=2)
        self.keys.append(k)
        self.values.append(v)
        return k, v

    def advance(self, tokens: int) -> None:
        """Count tokens as held."""
        self.length += tokens
