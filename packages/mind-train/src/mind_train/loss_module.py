"""Model, head and loss as one module, which DDP and FSDP2 wrap: their hooks see all of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mind_core import MindError
from mind_train.data import Batch
from mind_train.device import DeviceConfig
from mind_train.distributed import MODES, ProcessGroup
from mind_train.loss import head_loss, row_losses
from mind_train.models.cpu.embedding import Embedding
from mind_train.models.cpu.matmul import Linear
from mind_train.models.dropout import set_dropout
from mind_train.models.language_model import LanguageModel
from mind_train.models.plain_module import PlainModule
from mind_train.sharding import shard_module
from mind_train.train_options import TrainOptions


class LossModule(nn.Module):
    """Compute the loss of a micro-batch, or the losses of its tokens one by one."""

    def __init__(self, model: LanguageModel, z_loss: float = 0.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.model, self.z_loss = model, z_loss
        self.direct = False
        self._dropouts = set_dropout(model, dropout)

    def add_directly(self) -> None:
        """Let gradients be added where they belong; for one process and plain training."""
        for module in self.model.modules():
            if isinstance(module, Linear):
                module.direct = True
        head = self.model.head
        for module in self.model.modules():
            # Only a tied table has two gradients to be added; another one's is autograd's to make.
            if isinstance(module, Embedding) and module.weight is head:
                module.direct = self.direct = True

    def forward(self, batch: Batch, scale: float | None) -> Tensor:
        """Give the summed loss times ``scale``; with None the losses [N] of the counted targets."""
        if self.model.trims_padding:
            batch = batch.trimmed()
        for dropout in self._dropouts:
            dropout.take(batch.keys)
        # The last token is only predicted, the first one only read.
        hidden = self.model(batch.ids[:, :-1], documents=batch.documents)  # (B, T, D)
        targets = batch.ids[:, 1:]
        if scale is not None:
            return head_loss(
                hidden, self.model.head, targets, batch.mask, scale,
                z_loss=self.z_loss, direct=self.direct and torch.is_grad_enabled(),
            )  # fmt: skip
        # Losses one by one are for evaluation: rows that count, flat, in the order of the batch.
        if batch.mask is not None:
            return row_losses(hidden[batch.mask], self.model.head, targets[batch.mask])
        return row_losses(hidden.flatten(0, 1), self.model.head, targets.flatten())


def wrap(
    step: LossModule, world: ProcessGroup, options: TrainOptions, machine: DeviceConfig
) -> nn.Module:
    """Put a step under torch's engine for several ranks; alone it stays as it is."""
    if options.parallel not in MODES:
        raise MindError(
            f"train.parallel {options.parallel!r} is not known", hint="one of " + ", ".join(MODES)
        )
    if world.size == 1:
        return step
    if options.parallel == "ddp":
        from torch.nn.parallel import DistributedDataParallel

        ids = [machine.device.index] if machine.device.type == "cuda" else None
        return DistributedDataParallel(step, device_ids=ids, gradient_as_bucket_view=True)
    shard_module(step, blocks_of(step.model), world, options, machine)
    return step


def accumulating(module: nn.Module, more: bool) -> AbstractContextManager[Any]:
    """Let DDP and FSDP2 wait with their exchange of gradients until the last micro-batch."""
    # FSDP2 is switched by a method of the module, DDP by a context.
    if (exchange := getattr(module, "set_requires_gradient_sync", None)) is not None:
        exchange(not more)
    no_sync = getattr(module, "no_sync", None)
    return no_sync() if more and no_sync is not None else nullcontext()


def blocks_of(model: LanguageModel) -> list[nn.Module]:
    """Give the repeated layers: an architecture's ``blocks``; there may be none."""
    found = getattr(model, "blocks", None)
    return list(found) if isinstance(found, nn.ModuleList) else []


def require_blocks(model: LanguageModel, option: str) -> list[nn.Module]:
    """Give the repeated layers that an option works on; raise MindError without any."""
    if not (blocks := blocks_of(model)):
        raise MindError(
            f"{option} works on the repeated layers of a model, and this one names none",
            hint=f"{option}=false; or let the architecture hold them as "
            "self.blocks = torch.nn.ModuleList(…)",
        )
    return blocks


def compile_blocks(model: LanguageModel) -> None:
    """Have torch compile each block."""
    for block in require_blocks(model, "train.compile"):
        # Blocks and not the model: they are alike, so one compilation serves them all.
        block.compile()


def recompute_blocks(model: LanguageModel) -> None:
    """Keep only each block's input for the backward pass, and compute the rest again there."""
    from torch.utils.checkpoint import checkpoint

    # Saving the generator's state costs a copy from the GPU at each block.
    ours = type(model).__module__.startswith("mind_train.models") and not isinstance(
        model, PlainModule
    )
    for block in require_blocks(model, "train.recompute"):
        block.forward = partial(_again, checkpoint, block.forward, not ours)


def _again(checkpoint: Any, forward: Any, dropout: bool, *args: Any, **named: Any) -> Any:
    """Call a block; ``dropout`` says that it may draw at random, which our own never do."""
    # While nothing is differentiated there is nothing to be computed again.
    if not torch.is_grad_enabled():
        return forward(*args, **named)

    # All but the states is closed over: torch 2.11 guards each thing that `checkpoint` gets, and
    # would compile a second graph for the number of the layer.
    def again(*states: Any) -> Any:
        return forward(*states, *args[1:], **named)

    return checkpoint(again, *args[:1], use_reentrant=False, preserve_rng_state=dropout)
