"""Held-out loss per source and language, in nats per token and bits per byte.

Nats per token count every token, the end of a document too. Bits per byte count the text's tokens
over the text's UTF-8 bytes, so that languages and tokenizers can be compared. In conversations both
count the answers alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from mind_core import MindError
from mind_train.data import stack
from mind_train.device import DeviceConfig
from mind_train.distributed import ProcessGroup
from mind_train.held_out import HeldOutSet
from mind_train.models.language_model import LanguageModel


def nothing() -> None:
    """Do nothing between two batches."""


@dataclass
class Score:
    """Sums over sets; ratios are taken at the end, so that sets add up rightly."""

    nats: float = 0.0
    tokens: int = 0
    text_nats: float = 0.0
    bytes: int = 0

    def add(self, other: Score) -> None:
        """Add another set's sums."""
        self.nats += other.nats
        self.tokens += other.tokens
        self.text_nats += other.text_nats
        self.bytes += other.bytes

    def as_dict(self) -> dict[str, float | int | None]:
        """Give the figures of a metrics line."""
        return {
            "nats_per_token": self.nats / self.tokens,
            "bits_per_byte": self.text_nats / math.log(2) / self.bytes if self.bytes else None,
            "tokens": self.tokens,
            "bytes": self.bytes,
        }


def evaluate(
    module: nn.Module,
    model: LanguageModel,
    sets: Sequence[HeldOutSet],
    batch: int,
    documents: bool,
    machine: DeviceConfig,
    world: ProcessGroup,
    between: Callable[[], None] = nothing,
) -> dict[str, Any]:
    """Score every set: {"validation": {group: figures}, "languages": {…}, "all": figures}.

    ``module`` computes token losses (see ``LossModule``); ranks share the work. ``between`` is
    called before each batch, by all ranks alike; what it raises ends the evaluation.
    """
    groups: dict[str, Any] = {}
    languages: dict[str, Score] = {}
    everything = Score()
    model.eval()
    try:
        for held_out in sets:
            score = score_set(module, model, held_out, batch, documents, machine, world, between)
            groups[held_out.name] = score.as_dict()
            # Sums of nats and tokens, not means of means: a large source counts for what it is.
            languages.setdefault(held_out.language, Score()).add(score)
            everything.add(score)
    finally:
        model.train()
    return {
        "validation": groups,
        "languages": {name: score.as_dict() for name, score in sorted(languages.items())},
        "all": everything.as_dict(),
    }


@torch.no_grad()
def score_set(
    module: nn.Module,
    model: LanguageModel,
    held_out: HeldOutSet,
    batch: int,
    documents: bool,
    machine: DeviceConfig,
    world: ProcessGroup,
    between: Callable[[], None] = nothing,
) -> Score:
    """Sum the losses of one set.

    Ranks take batches in turn, all as many (FSDP gathers weights together): one that has nothing
    left repeats a batch and does not count it.
    """
    sums = [0.0, 0.0, 0.0]
    count = len(held_out.rows)
    # A short set is one batch of its own size.
    batch = min(batch, count)
    firsts = list(range(0, count, batch))
    for turn in range(0, len(firsts), world.size):
        between()
        mine = turn + world.rank
        # Past the end the last batch again, so that FSDP's ranks gather weights together.
        first = firsts[min(mine, len(firsts) - 1)]
        rows = held_out.rows[first : first + batch]
        part = stack(rows, documents=documents, vocab=model.config.vocab).part(
            0, len(rows), machine.device
        )
        with machine.precision():
            # Summed in double precision: a set has millions of small numbers.
            nats = module(part, None).cpu().double().numpy()
        if mine >= len(firsts):
            continue
        counted = np.concatenate([row.mask for row in rows if row.mask is not None])
        is_text = np.concatenate(held_out.text[first : first + batch])[counted]
        for i, value in enumerate((nats.sum(), len(nats), nats[is_text].sum())):
            sums[i] += float(value)
    total, tokens, text = world.total(sums, machine.device)
    if not math.isfinite(total):
        raise MindError(
            f"the held-out loss of {held_out.name} is {total}",
            cause="the numbers overflowed, usually because the learning rate is too high",
            hint="lower optimizer.lr in a new run; the last checkpoint of this one is sound",
        )
    return Score(total, int(tokens), text, held_out.bytes)
