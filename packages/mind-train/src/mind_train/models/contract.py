"""Whether a plugin's model keeps the contract: shapes, causal order, nothing kept beside weights.

Checked when a run begins, so that a model which sees the next token, or scores otherwise than the
loss does, is named before anything is trained. ``mind_train.testing`` checks more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_train.models.language_model import LanguageModel
from mind_train.models.plain_module import CONTRACT, author_errors

# Ids in a row: enough that some stand before the one that is changed, few enough to cost nothing.
LENGTH = 8
NEAR = 1e-3  # of numbers of size 1, in fp32


def check_states(model: LanguageModel, length: int = LENGTH) -> None:
    """Raise MindError for a model that breaks the contract; its state and chance stay as they are.

    Reads two rows of ``length`` ids, or of its context if that is shorter.
    """
    name = name_of(model)
    training = model.training
    # A model with dropout draws here: the run's own random numbers may not depend on that.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        # The same ids in each run, so that a model fails always or never.
        chance = torch.Generator().manual_seed(0)
        length = min(length, model.config.context)
        ids = torch.randint(model.config.vocab, (2, length), generator=chance).to(model.device)
        # In training mode first: whatever keeps a mean over batches, as BatchNorm does, changes it
        # then.
        before = {n: b.clone() for n, b in model.named_buffers()}
        with author_errors(f"a {name}, reading ids {list(ids.shape)},"):
            model.train()(ids)
            changed = [n for n, b in model.named_buffers() if not torch.equal(b, before[n])]
            hidden = model.eval()(ids)
    model.train(training)
    if changed:
        raise MindError(
            f"a {name} changes its buffer {changed[0]} while it reads",
            cause="a checkpoint holds parameters alone, so that would be lost",
            hint="make it a parameter, or a constant table",
        )
    _check_shapes(model, ids, hidden)
    _check_order(model, ids, hidden)


def name_of(model: LanguageModel) -> str:
    """Name the class that a plugin wrote."""
    return type(getattr(model, "module", model)).__name__


def _check_shapes(model: LanguageModel, ids: Tensor, hidden: Tensor) -> None:
    name, head = name_of(model), model.head
    if not isinstance(hidden, Tensor) or hidden.shape[:-1] != ids.shape:
        raise MindError(
            f"a {name} makes no hidden states [B, T, D] of ids {list(ids.shape)}", hint=CONTRACT
        )
    # A state as wide as the vocabulary says that forward has applied its head already.
    if hidden.shape[-1] != head.shape[1]:
        scores = hidden.shape[-1] == head.shape[0]
        raise MindError(
            f"a {name} makes states of {hidden.shape[-1]} numbers, its head takes {head.shape[1]}",
            cause="these are scores of the tokens already" if scores else None,
            hint="forward gives hidden states; self.head makes scores of them, apart",
        )
    if not bool(torch.isfinite(hidden).all()):
        raise MindError(
            f"a {name} makes states that are not finite", hint="see how its weights are drawn"
        )
    with torch.no_grad():
        scores_of = model.logits(hidden)
        product = hidden @ head.to(hidden.dtype).t()
    if not _near(scores_of, product):
        raise MindError(
            f"the logits of a {name} are not the product of its states and its head",
            cause="the loss takes the product, a part at a time",
            hint="put scales and caps into forward, before the states are given back",
        )


def _check_order(model: LanguageModel, ids: Tensor, hidden: Tensor) -> None:
    """Compare with what is read of the same rows if a later token is another."""
    name, middle = name_of(model), ids.shape[1] // 2
    # In a context of a single token nothing stands before a change.
    if middle < 1:
        return
    other = ids.clone()
    # Another id that is still below the vocabulary's size.
    other[:, middle] = (other[:, middle] + 1) % model.config.vocab
    training = model.training
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model.eval()
        again, later = model(ids), model(other)
    model.train(training)
    if not _near(again, hidden):
        raise MindError(
            f"a {name} reads the same ids differently the second time",
            cause="something is drawn, or kept, outside of training",
            hint="dropout follows self.training: torch.nn.functional.dropout(x, p, self.training)",
        )
    if not _near(later[:, :middle], hidden[:, :middle]):
        raise MindError(
            f"a {name} is not causal: a token changes the states before it",
            cause="it would be trained to copy the next token, and could not write",
            hint="attention with is_causal=True; convolutions padded on the left; no mean over a "
            "row or a batch",
        )


def _near(a: Tensor, b: Tensor) -> bool:
    # Relative to the largest number: fp32 rounds states near 100 a hundred times more coarsely.
    size = max(1.0, float(b.float().abs().max()) if b.numel() else 1.0)
    return bool(((a.float() - b.float()).abs() <= NEAR * size).all())


def check_sizes(config: Any, *names: str) -> None:
    """Refuse sizes below 1, heads that do not divide the width, and an odd head size."""
    for name in names:
        value = getattr(config, name)
        # In Python True is an int, so `layers = true` in a recipe would be one layer.
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise MindError(
                f"model.{name} must be a whole number of at least 1, not {value!r}",
                hint=f"--set model.{name}=N, or choose a preset with --set model.preset=tiny",
            )
    # An even size, since rotary positions turn the numbers of a head in pairs.
    if config.dim % config.heads or (config.dim // config.heads) % 2:
        raise MindError(
            f"model.dim {config.dim} does not split into {config.heads} heads of an even size",
            hint="choose dim = heads × 64, for example",
        )


def check_choice(config: Any, name: str, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices."""
    value = getattr(config, name)
    if value not in choices:
        raise MindError(
            f"model.{name} = {value!r} is not known", hint="one of " + ", ".join(choices)
        )
