"""What every architecture gives to the trainer, the loss and the generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from mind_train.models.attention import Cache


class Config(Protocol):
    """Describe a model of any size; a frozen dataclass whose fields are the ``[model]`` keys.

    ``presets`` maps a name to field values; ``vocab`` and ``context`` must be fields.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    @property
    def vocab(self) -> int: ...

    @property
    def context(self) -> int: ...

    def build(self) -> LanguageModel:
        """Make the module with freshly drawn weights on torch's current default device."""
        ...


class LanguageModel(nn.Module, ABC):
    """Map token ids to hidden states; the head is applied apart so that logits can be chunked.

    The contract with the loss: ``logits(h) == h @ head.T`` with ``head`` of shape [V, D].
    """

    config: Config
    embedding: nn.Embedding
    supports_packing: ClassVar[bool] = False
    """Whether a cache may be a ``PackedCache``: an ``AttentionContext`` alone says what is seen."""

    trims_padding: ClassVar[bool] = False
    """Whether padding behind the longest text of a micro-batch is left out."""

    @abstractmethod
    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D] of ids [B, T].

        ``documents`` [B, T] numbers the document of each token: a token sees its own only.
        With ``cache`` the ids continue what the cache holds, and the cache grows.
        """

    @abstractmethod
    def groups(self) -> Mapping[str, int]:
        """Count parameters by part: embedding, attention, ffn, norm …"""

    @abstractmethod
    def keys_seen(self, sequence: int) -> list[float]:
        """Count, layer by layer, the keys that a query of a full row attends to on average."""

    def tie_weights(self) -> None:
        """Make one of parameters that are shared, after they were set anew; there is none here."""

    def spans(self, sequence: int) -> list[int]:
        """Count, layer by layer, the keys that a query could attend to: the row, or the window."""
        return [sequence] * len(self.keys_seen(sequence))

    @abstractmethod
    def new_cache(self, batch: int, length: int) -> Cache:
        """Make an empty key-value cache for ``length`` positions."""

    @property
    def head(self) -> Tensor:
        """Give the output matrix [V, D]; tied to the embedding unless overridden."""
        return self.embedding.weight

    def logits(self, hidden: Tensor) -> Tensor:
        """Apply the head: [..., D] → [..., V]."""
        return hidden @ self.head.to(hidden.dtype).t()

    @property
    def device(self) -> torch.device:
        """Tell where the weights live."""
        return self.embedding.weight.device
