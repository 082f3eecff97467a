"""Held-out loss per source and language, in nats per token and bits per byte.

Nats per token count every token, the end of a document too. Bits per byte count the text's tokens
over the text's UTF-8 bytes, so that languages and tokenizers can be compared. In conversations both
count the answers alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mind_train.data import stack
from mind_train.device import Machine
from mind_train.held_out import HeldOut
from mind_train.loss import row_losses
from mind_train.models.language_model import LanguageModel


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
    model: LanguageModel, sets: Sequence[HeldOut], batch: int, documents: bool, machine: Machine
) -> dict[str, Any]:
    """Score every set: {"validation": {group: figures}, "languages": {…}, "all": figures}."""
    groups: dict[str, Any] = {}
    languages: dict[str, Score] = {}
    everything = Score()
    model.eval()
    for held_out in sets:
        score = score_set(model, held_out, batch, documents, machine)
        groups[held_out.name] = score.as_dict()
        languages.setdefault(held_out.language, Score()).add(score)
        everything.add(score)
    model.train()
    return {
        "validation": groups,
        "languages": {name: score.as_dict() for name, score in sorted(languages.items())},
        "all": everything.as_dict(),
    }


@torch.no_grad()
def score_set(
    model: LanguageModel, held_out: HeldOut, batch: int, documents: bool, machine: Machine
) -> Score:
    """Sum the losses of one set."""
    score = Score(bytes=held_out.bytes)
    for first in range(0, len(held_out.rows), batch):
        rows = held_out.rows[first : first + batch]
        batch_rows = stack(rows, documents=documents, vocab=model.config.vocab)
        part = batch_rows.part(0, len(rows), machine.device)
        assert part.mask is not None
        with machine.precision():
            hidden = model(part.ids[:, :-1], documents=part.documents)  # (B, T, D)
            losses = row_losses(hidden[part.mask], model.head, part.ids[:, 1:][part.mask])
        nats = losses.cpu().double().numpy()
        counted = np.concatenate([row.mask for row in rows if row.mask is not None])
        is_text = np.concatenate(held_out.text[first : first + batch])[counted]
        score.nats += float(nats.sum())
        score.tokens += len(nats)
        score.text_nats += float(nats[is_text].sum())
    return score
