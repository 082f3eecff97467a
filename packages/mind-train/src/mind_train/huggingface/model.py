"""Any causal model of transformers behind the contract of our own: hidden states, and a head.

What its folder says (config.json and the texts beside it) travels in the checkpoint's config, so
that a checkpoint can be built and exported without the folder. Code of a folder is never run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_train.models.attention import Cache, mean_keys
from mind_train.models.language_model import LanguageModel

EXTRA = "pip install 'mind-train[hf]'"


@dataclass(frozen=True)
class HuggingFaceConfig:
    """Describe a causal model of transformers, as `sft --from FOLDER` reads it.

    ``described`` is the text of its config.json, ``files`` the other texts of the folder as a JSON
    object. ``attention`` is sdpa or eager. ``lora_rank`` above 0 trains low-rank matrices beside
    every linear layer but the head (Hu et al. 2021), with ``lora_alpha`` over the rank as factor.
    """

    described: str
    vocab: int
    context: int
    attention: str = "sdpa"
    lora_rank: int = 0
    lora_alpha: float = 16.0
    files: str = "{}"

    def theirs(self) -> Any:
        """Give transformers' own config; raise MindError without transformers."""
        transformers = imported("transformers")
        fields = json.loads(self.described)
        return transformers.AutoConfig.for_model(fields.pop("model_type"), **fields)

    def build(self) -> HuggingFaceModel:
        """Make the module with freshly drawn weights."""
        return HuggingFaceModel(self)


def imported(name: str) -> Any:
    """Import a package of the extra; raise MindError where it is missing."""
    from importlib import import_module

    try:
        found = import_module(name)
        if name == "transformers":
            # It draws bars of its own on stderr, in between the tool's lines.
            found.logging.disable_progress_bar()
        return found
    except ImportError as error:
        raise MindError(
            f"{name} is missing, which reads models of others", cause=error, hint=EXTRA
        ) from None


class HuggingFaceModel(LanguageModel):
    """Wrap a causal model of transformers."""

    trims_padding = True

    def __init__(self, config: HuggingFaceConfig) -> None:
        super().__init__()
        self.config: HuggingFaceConfig = config
        transformers = imported("transformers")
        # From the config alone: weights are copied from a folder or a checkpoint afterwards.
        self.inner: nn.Module = transformers.AutoModelForCausalLM.from_config(
            config.theirs(), attn_implementation=config.attention, dtype=torch.float32
        )
        if config.lora_rank:
            add_lora(self.inner, config)

    @property
    def embedding(self) -> nn.Embedding:  # type: ignore[override]
        """Give the table that words are looked up in."""
        table: nn.Embedding = self.inner.get_input_embeddings()  # type: ignore[operator]
        return table

    @property
    def head(self) -> Tensor:
        """Give the output matrix [V, D]."""
        weight: Tensor = self.inner.get_output_embeddings().weight  # type: ignore[operator]
        return weight

    @property
    def blocks(self) -> nn.ModuleList:
        """Give the repeated layers: the longest list of modules."""
        lists = [m for m in self.inner.modules() if isinstance(m, nn.ModuleList)]
        # Layers are the longest list; a mixture's experts, say, are in shorter ones inside of it.
        return max(lists, key=len, default=nn.ModuleList())

    def tie_weights(self) -> None:
        """Tie head and embedding again where they are one."""
        self.inner.tie_weights()  # type: ignore[operator]

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D] of ids [B, T]; positions restart with each document.

        With the default cache all of a text is read again: transformers' own cache is another.
        """
        if cache is not None:
            return self.read_again(ids, cache)
        more: dict[str, Any] = {}
        if documents is not None:
            more = {
                "attention_mask": self._mask(documents),
                "position_ids": _positions(documents),
            }
        body: Any = self.inner.base_model
        hidden: Tensor = body(input_ids=ids, use_cache=False, **more).last_hidden_state
        return hidden

    def _mask(self, documents: Tensor) -> Tensor:
        """Make the mask [B, 1, T, T] of causal attention inside each document."""
        length = documents.shape[1]
        seen = documents[:, :, None] == documents[:, None, :]
        seen &= torch.ones(length, length, dtype=torch.bool, device=documents.device).tril()
        mask = seen[:, None]
        # SDPA takes a boolean mask; eager attention adds it, so what is hidden is the lowest
        # number.
        if self.config.attention == "sdpa":
            return mask
        kind = self.embedding.weight.dtype
        return torch.zeros(mask.shape, dtype=kind, device=mask.device).masked_fill(
            ~mask, torch.finfo(kind).min
        )

    def keys_seen(self, sequence: int) -> list[float]:
        """Count the keys of a causal row, layer by layer."""
        return [mean_keys(sequence)] * len(self.blocks)

    def attention_width(self) -> int:
        """Count the numbers of a query of all heads: where ``head_dim`` is said, not D."""
        sizes = self.inner.config
        width = int(getattr(sizes, "num_attention_heads", 0)) * int(
            getattr(sizes, "head_dim", None) or 0
        )
        return width or super().attention_width()

    def new_cache(self, batch: int, length: int) -> Cache:
        """Make a cache of ids, which ``forward`` reads again for each token."""
        return super().new_cache(batch, length)


def _positions(documents: Tensor) -> Tensor:
    """Number the tokens of each document from 0: [B, T]."""
    steps = torch.arange(documents.shape[1], device=documents.device)
    fresh = torch.ones_like(documents, dtype=torch.bool)
    fresh[:, 1:] = documents[:, 1:] != documents[:, :-1]
    begins = torch.where(fresh, steps, torch.zeros_like(steps))
    return steps - begins.cummax(dim=1).values


def add_lora(model: nn.Module, config: HuggingFaceConfig) -> None:
    """Put low-rank matrices beside every linear layer but the head; the rest is frozen."""
    peft = imported("peft")
    head = model.get_output_embeddings()  # type: ignore[operator]
    conv: Any = imported("transformers.pytorch_utils").Conv1D  # GPT-2's kind of linear layer
    kinds = (nn.Linear, conv)
    names = sorted(
        {n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, kinds)}
        - {n.rpartition(".")[2] for n, m in model.named_modules() if m is head}
    )
    peft.inject_adapter_in_model(
        peft.LoraConfig(
            r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=names,
            task_type="CAUSAL_LM",
        ),
        model,
    )  # fmt: skip
