"""Any module from ids to hidden states behind the contract of ``LanguageModel``.

What a module lacks has a default: the embedding is its table of ``vocab`` rows, the head is tied to
it, without ``documents`` no row holds two conversations, and without a cache a text is read again
for each token that is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_train.models.attention import Cache
from mind_train.models.language_model import Config, LanguageModel

CONTRACT = "docs/plugins/architecture.md has the contract and an example"


def build_model(config: Config) -> LanguageModel:
    """Build a config's model on torch's default device, with defaults for what it lacks.

    Raises MindError for what is no module, or one without an embedding or a head that fits.
    """
    name = type(config).__name__
    with author_errors(f"{name}.build()"):
        made = config.build()
    if not isinstance(made, nn.Module):
        raise MindError(
            f"{name}.build() gives a {type(made).__name__}, not a torch.nn.Module", hint=CONTRACT
        )
    takes = _arguments(made)
    # LanguageModel's own new_cache holds ids only and reads the text again: it is a fallback and no
    # cache.
    own_cache = getattr(type(made), "new_cache", None) not in (None, LanguageModel.new_cache)
    if isinstance(made, LanguageModel) and "documents" in takes and "cache" in takes and own_cache:
        model: LanguageModel = made
        if not hasattr(made, "config"):
            made.config = config
    else:
        model = PlainModule(made, config, "documents" in takes, "cache" in takes and own_cache)
    _check_head(model, name)
    return model


@contextmanager
def author_errors(what: str) -> Iterator[None]:
    """Name what a plugin's code raises in this block, with the line of it; MindError goes on."""
    try:
        yield
    except MindError:
        raise
    except Exception as error:
        # The last frame of the author's own file: what torch did below it tells them nothing.
        # [1:] leaves out the frame of this function.
        frames = [f for f in extract_tb(error.__traceback__)[1:] if "torch" not in f.filename]
        at = f", at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        raise MindError(
            f"{what} failed", cause=f"{type(error).__name__}: {error}{at}", hint=CONTRACT
        ) from error


class PlainModule(LanguageModel):
    """Stand for a module, of which it has the parameters, under their names."""

    trims_padding = True
    module: Any
    caches: bool
    _table: str
    _own: dict[str, Any]

    def __init__(self, module: nn.Module, config: Config, documents: bool, cache: bool) -> None:
        super().__init__()
        # One set of tables for both: whatever is moved, set anew or sharded is so for both. All
        # else goes past nn.Module, for the module's own parts may have these names.
        mine = self.__dict__
        for table in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            mine[table] = module.__dict__[table]
        mine |= {"module": module, "config": config, "sees_documents": documents, "caches": cache}
        mine["_table"] = _table_name(module, config.vocab)
        # What a module merely inherits from LanguageModel is no answer of its own.
        mine["_own"] = {
            name: getattr(module, name)
            for name in ("groups", "keys_seen", "spans", "attention_width", "tie_weights")
            if _is_own(module, name)
        }

    @property
    def embedding(self) -> nn.Embedding:  # type: ignore[override]
        """Give the module's ``embedding``, or else its one table of ``vocab`` rows."""
        if not self._table:
            raise MindError(
                f"a {type(self.module).__name__} has no `head`, and no `embedding` to be its head",
                cause="the head gives a score to each token; without one it is the embedding, the "
                f"only torch.nn.Embedding of {self.config.vocab} rows",
                hint="self.head = torch.nn.Linear(D, vocab, bias=False), or name the table "
                "self.embedding",
            )
        found: nn.Embedding = self.module.get_submodule(self._table)
        return found

    @property
    def head(self) -> Tensor:
        """Give the module's ``head``: a matrix, or a linear layer without a bias."""
        found = getattr(self.module, "head", None)
        if isinstance(found, nn.Module):
            if getattr(found, "bias", None) is not None:
                raise MindError(
                    f"the head of a {type(self.module).__name__} has a bias",
                    cause="scores are the product of hidden states and the head",
                    hint="make it with bias=False",
                )
            found = getattr(found, "weight", None)
        if found is None:
            return self.embedding.weight
        matrix: Tensor = found
        return matrix

    @property
    def blocks(self) -> nn.ModuleList:
        """Give the module's ``blocks``, which are recomputed, compiled or sharded one by one."""
        found = getattr(self.module, "blocks", None)
        return found if isinstance(found, nn.ModuleList) else nn.ModuleList()

    @property
    def device(self) -> torch.device:
        """Tell where the weights live."""
        # By any parameter: there may be no embedding.
        return next(self.parameters()).device

    def train(self, mode: bool = True) -> PlainModule:
        """Set the module's mode too."""
        # The children are one set of modules, but `training` of the module itself would stay as it
        # is.
        self.module.train(mode)
        self.training = mode
        return self

    def forward(
        self, ids: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Compute hidden states [B, T, D] of ids [B, T]; see ``LanguageModel``."""
        if cache is not None and not self.caches:
            return self.read_again(ids, cache)
        given: dict[str, Any] = {}
        if documents is not None and self.sees_documents:
            given["documents"] = documents
        if cache is not None:
            given["cache"] = cache
        return self._states(ids, **given)

    def _states(self, ids: Tensor, **given: Any) -> Tensor:
        states = self.module(ids, **given)
        if not isinstance(states, Tensor) or states.shape[:-1] != ids.shape:
            what = (
                f"a tensor of shape {list(states.shape)}"
                if isinstance(states, Tensor)
                else f"a {type(states).__name__}"
            )
            raise MindError(
                f"a {type(self.module).__name__} makes {what} of ids {list(ids.shape)}",
                hint="forward(ids [B, T]) gives hidden states [B, T, D], and nothing beside them",
            )
        return states

    def groups(self) -> Mapping[str, int]:
        """Count parameters by part: as the module says, or by default."""
        if "groups" in self._own:
            found: Mapping[str, int] = self._own["groups"]()
            return found
        if self._table:
            return super().groups()
        # Without a table the head is a matrix of its own.
        total, head = sum(p.numel() for p in self.parameters()), self.head.numel()
        return {"embedding": 0, "head": head, "body": total - head}

    def keys_seen(self, sequence: int) -> list[float]:
        """Count the keys of each layer: as the module says, or by default."""
        found: list[float] = self._own.get("keys_seen", super().keys_seen)(sequence)
        return found

    def spans(self, sequence: int) -> list[int]:
        """Count the keys in reach of each layer: as the module says, or by default."""
        found: list[int] = self._own.get("spans", super().spans)(sequence)
        return found

    def attention_width(self) -> int:
        """Count the numbers of a query of all heads: as the module says, or D."""
        found: int = self._own.get("attention_width", super().attention_width)()
        return found

    def tie_weights(self) -> None:
        """Tie what the module ties."""
        self._own.get("tie_weights", super().tie_weights)()

    def new_cache(self, batch: int, length: int) -> Cache:
        """Make an empty cache: the module's, or one of ids."""
        if self.caches:
            made: Cache = self.module.new_cache(batch, length)
            return made
        return super().new_cache(batch, length)


def _is_own(module: nn.Module, name: str) -> bool:
    return callable(getattr(module, name, None)) and (
        getattr(type(module), name, None) is not getattr(LanguageModel, name)
    )


def _arguments(module: nn.Module) -> set[str]:
    """Name what forward takes beside the ids; ``*args`` and ``**kwargs`` say nothing."""
    return set(inspect.signature(module.forward).parameters)


def _table_name(module: nn.Module, vocab: int) -> str:
    """Name the table of tokens inside a module; empty if there is none, or several could be."""
    tables = {n: m for n, m in module.named_modules() if isinstance(m, nn.Embedding)}
    if "embedding" in tables:
        return "embedding"
    # Positions and segments are tables too; only the one with a row for each token can be the head.
    fitting = [name for name, table in tables.items() if table.num_embeddings == vocab]
    return fitting[0] if len(fitting) == 1 else ""


def _check_head(model: LanguageModel, name: str) -> None:
    """Refuse a head that is no matrix of at least ``vocab`` rows."""
    head = model.head
    # More rows than words are allowed: vocabularies are often padded to a multiple of 64 or 128.
    if not isinstance(head, Tensor) or head.ndim != 2 or head.shape[0] < model.config.vocab:
        shape = list(head.shape) if isinstance(head, Tensor) else type(head).__name__
        raise MindError(
            f"{name}: the head is {shape}, wanted is a matrix [{model.config.vocab}, D]",
            hint="`head` is a parameter [V, D], or torch.nn.Linear(D, V, bias=False)",
        )
