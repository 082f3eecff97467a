"""What scoring needs of a neural network: hidden states after keys and values read before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mind_eval.batching import Ids, PrefixTree
from mind_eval.output_layer import Head


@dataclass(frozen=True)
class Past:
    """Keys and values of what was read, layer by layer: [B, H, S, d_head] each."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @property
    def length(self) -> int:
        """Count the tokens read."""
        return int(self.keys[0].shape[2])

    def row(self, number: int, length: int) -> Past:
        """Give one row, cut to its own length: padding is left behind."""
        return Past(
            # A view of the batch's tensors, not a copy: it lives as long as the batch is worked on.
            tuple(k[number : number + 1, :, :length] for k in self.keys),
            tuple(v[number : number + 1, :, :length] for v in self.values),
        )


class Network(ABC):
    """A causal language model without its tokenizer."""

    branches = True
    """Whether several rows can continue from one past."""

    packs = False
    """Whether trees can be read in one pass."""

    @property
    @abstractmethod
    def head(self) -> Head:
        """Give the output layer."""

    @abstractmethod
    def hidden(self, ids: Tensor, past: Past | None, keep: bool) -> tuple[Tensor, Past | None]:
        """Read ids [B, T] after `past` (of one row, shared by all, or of B): states [B, T, D].

        With `keep` the past with these ids added comes back too.
        """

    def packed(
        self, trees: Sequence[PrefixTree], past: Past | None, wanted: Tensor | None = None
    ) -> Tensor:
        """Read trees after `past`, of one row: states [N, D] of their tokens, one after another.

        With `wanted` [W] only those of these tokens: [W, D].
        """
        raise NotImplementedError

    @abstractmethod
    def begin(self, prompts: Sequence[Ids], past: Past | None, room: int) -> tuple[Stream, Tensor]:
        """Read prompts after `past`, to be written on: a stream, and their last states [B, D].

        `room` is the most tokens of a row in all. Prompts have one length, unless `packs`.
        """


class Stream(ABC):
    """Rows that are written on a token at a time, their keys and values held."""

    @abstractmethod
    def step(self, tokens: Sequence[int]) -> Tensor:
        """Read the next token of each row: hidden states [B, D]."""

    @abstractmethod
    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
