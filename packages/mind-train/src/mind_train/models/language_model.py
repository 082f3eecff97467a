"""What the trainer, the loss and the generator ask of a model, and what stands for what it lacks.

Only ``forward`` is asked for: ids [B, T] to hidden states [B, T, D]. A module that is no
``LanguageModel``, or takes no ``documents`` or ``cache``, is completed by ``build_model``
(``plain_module.py``). docs/plugins/architecture.md describes the same for authors of plugins, and
``mind_train.testing.check_architecture`` tests it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from mind_train.models.attention import Cache


class Config(Protocol):
    """Describe a model of any size; a frozen dataclass whose fields are the ``[model]`` keys.

    ``vocab`` and ``context`` have to be fields. A class attribute ``presets`` may map a name to
    field values, and ``hugging_face`` may name the module that knows the model's form in
    transformers (``export/forms.py``).
    """

    @property
    def vocab(self) -> int: ...

    @property
    def context(self) -> int: ...

    def build(self) -> nn.Module:
        """Make the module with freshly drawn weights on torch's current default device."""
        ...


class LanguageModel(nn.Module, ABC):
    """Map token ids to hidden states; the head is applied apart so that logits can be chunked.

    The contract with the loss: ``logits(h) == h @ head.T`` with ``head`` of shape [V, D].
    """

    config: Config
    embedding: nn.Embedding
    sees_documents: bool = True
    """Whether ``documents`` bound what a token sees; else each conversation has its own row."""

    supports_packing: ClassVar[bool] = False
    """Whether a cache may be a ``PackedCache``: an ``AttentionContext`` alone says what is seen."""

    trims_padding: bool = False
    """Whether padding behind the longest text of a micro-batch is left out."""

    @abstractmethod
    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D] of ids [B, T].

        ``documents`` [B, T] numbers the document of each token: a token sees its own only.
        With ``cache`` the ids continue what the cache holds, and the cache grows.
        """

    def groups(self) -> Mapping[str, int]:
        """Count parameters by part; the parts ``head``, ``positions`` and ``norm`` have a meaning.

        Default: ``embedding``, ``head`` where it is another matrix, and ``body``.
        """
        words = self.embedding.weight.numel()
        head = 0 if self.head is self.embedding.weight else self.head.numel()
        rest = sum(p.numel() for p in self.parameters()) - words - head
        return {"embedding": words, **({"head": head} if head else {}), "body": rest}

    def keys_seen(self, sequence: int) -> list[float]:  # noqa: ARG002
        """Count, layer by layer, the keys that a query of a full row attends to on average.

        FLOPs are counted with it. Default: no layer, so that attention does not count.
        """
        return []

    def attention_width(self) -> int:
        """Count the numbers of a query of all heads: heads · head_dim, for FLOPs; default: D."""
        return self.head.shape[1]

    def tie_weights(self) -> None:
        """Make one of parameters that are shared, after they were set anew.

        Default: nothing; those that share a tensor when they are built are seen without it.
        """

    def spans(self, sequence: int) -> list[int]:
        """Count, layer by layer, the keys that a query could attend to: the row, or the window."""
        return [sequence] * len(self.keys_seen(sequence))

    def new_cache(self, batch: int, length: int) -> Cache:
        """Make an empty cache for ``length`` positions.

        Default: one that holds ids, and the model reads all of a text again for each token.
        """
        # Ids take the place of keys: one layer, one head, a width of one.
        return Cache(1, (batch, 1, length, 1), self.device, torch.int64)

    def read_again(self, ids: Tensor, cache: Cache) -> Tensor:
        """Read ids [B, T] behind those that the default cache holds, and all of these once more."""
        # A cache takes keys and values; the ids stand for both.
        held, _ = cache.extend(0, *(ids[:, None, :, None],) * 2)  # (B, 1, S, 1)
        cache.advance(ids.shape[1])
        # From the beginning each time: n tokens written cost n passes, which is right but slow.
        states: Tensor = self(held[:, 0, :, 0])
        return states[:, -ids.shape[1] :]

    @property
    def head(self) -> Tensor:
        """Give the output matrix [V, D]; tied to the embedding unless overridden."""
        return self.embedding.weight

    def logits(self, hidden: Tensor) -> Tensor:
        """Apply the head: [..., D] → [..., V]."""
        # Matrix products want one type. It is that of the states: scores of a whole vocabulary are
        # the largest tensor here, and need not be twice as large.
        return hidden @ self.head.to(hidden.dtype).t()

    @property
    def device(self) -> torch.device:
        """Tell where the weights live."""
        return self.embedding.weight.device


def presets_of(factory: Any) -> Mapping[str, Mapping[str, Any]]:
    """Give the presets of an architecture's config class; there may be none."""
    presets: Mapping[str, Mapping[str, Any]] = getattr(factory, "presets", {})
    return presets
