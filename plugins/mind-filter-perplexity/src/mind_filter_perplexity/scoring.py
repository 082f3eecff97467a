"""The nats of a text under a checkpoint, in windows of its context."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import torch

from mind_core import MindError
from mind_train import Checkpoint, load_checkpoint, token_losses

PERPLEXITY, BITS_PER_BYTE = "perplexity", "bits_per_byte"
MEASURES = (PERPLEXITY, BITS_PER_BYTE)
BATCH_TOKENS = 4096
"""Tokens that go through the model at once: what bounds the memory of a worker beside it."""


class Surprise(NamedTuple):
    """What a text costs: nats in all, over how many tokens and bytes of UTF-8."""

    nats: float
    tokens: int
    bytes: int

    def value(self, measure: str) -> float:
        """Return the perplexity of a token, or the bits of a byte, which need no tokenizer."""
        if measure == BITS_PER_BYTE:
            return self.nats / math.log(2) / self.bytes
        return math.exp(self.nats / self.tokens)


@cache
def open_model(folder: str) -> Checkpoint:
    """Return a checkpoint for this process and those that are forked from it.

    torch works on one thread: workers are what `-j` adds, sums come in one order for any number of
    them, and no thread is lost when a worker is forked.
    """
    torch.set_num_threads(1)
    return load_checkpoint(folder)


def surprise(checkpoint: Checkpoint, text: str) -> Surprise | None:
    """Return what a text costs from the beginning of a document; None if it has no token.

    Each token is predicted once, past the first window from at least half of the context, as
    `mind-eval run --heldout` does; the end of the document is not counted. Which windows go
    through the model together depends on the text alone. Raises `MindError` for a sum that is
    not finite.
    """
    tokenizer = checkpoint.tokenizer
    # A document begins behind the end of another: its first token is predicted from that mark.
    ids = torch.tensor([tokenizer.end_id, *tokenizer.encode(text)])
    if len(ids) < 2:
        return None
    nats = 0.0
    context = checkpoint.context
    rows: list[tuple[int, int, int]] = []
    at_once = max(1, BATCH_TOKENS // context)
    with torch.inference_mode():
        for window in windows(len(ids), context):
            rows.append(window)
            if len(rows) == at_once:
                nats += _sum(checkpoint, ids, rows)
                rows = []
        nats += _sum(checkpoint, ids, rows)
    if not math.isfinite(nats):
        raise MindError(
            f"{checkpoint.folder} gives a text a loss of {nats}",
            hint="its training diverged, or its weights are damaged: take another checkpoint",
        )
    return Surprise(nats, len(ids) - 1, len(text.encode()))


def _sum(checkpoint: Checkpoint, ids: torch.Tensor, rows: list[tuple[int, int, int]]) -> float:
    """Return the nats of windows, all of one length."""
    if not rows:
        return 0.0
    losses = token_losses(checkpoint.model, torch.stack([ids[a:b] for a, b, _ in rows]))
    # Losses begin with that of token a + 1; those before `first` belong to the window before.
    counted = [loss[first - a - 1 :] for loss, (a, _, first) in zip(losses, rows, strict=True)]
    # In 64 bits: thousands of losses lose digits when they are added up in 32.
    return math.fsum(float(one.double().sum()) for one in counted)


def windows(size: int, context: int) -> Iterator[tuple[int, int, int]]:
    """Yield windows of tokens as (begin, end, first that is predicted): each but token 0 once.

    All have `context` + 1 tokens, or there is one of `size`.
    """
    # After the first, a window predicts the last `fresh` of its `context` + 1 tokens, each of them
    # from `context` // 2 tokens and more.
    first, fresh = 1, max(1, context - max(1, context // 2) + 1)
    while first < size:
        end = min(size, first + (context if first == 1 else fresh))
        yield max(0, end - 1 - context), end, first
        first = end
