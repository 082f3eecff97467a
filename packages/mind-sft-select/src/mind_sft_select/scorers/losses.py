"""Losses at chosen positions of many sequences, in batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from mind_train.loss import row_losses

if TYPE_CHECKING:
    from mind_train.models.language_model import LanguageModel

ROWS_AT_ONCE = 512


@torch.inference_mode()
def mean_losses(
    model: LanguageModel,
    sequences: Sequence[tuple[Sequence[int], Sequence[int]]],
    batch_tokens: int,
) -> list[float]:
    """Return the mean loss in nats over the masked tokens of each (ids, mask).

    A masked token is predicted from all tokens before it; the first is never masked. Only masked
    positions go through the output layer, 512 at a time. Padding is on the right, where a causal
    model does not look.
    """
    means = [0.0] * len(sequences)
    for batch in batches([len(ids) for ids, _ in sequences], batch_tokens):
        width = max(len(sequences[i][0]) for i in batch) - 1
        ids = torch.zeros(len(batch), width, dtype=torch.long)  # (B, T)
        rows: list[int] = []
        columns: list[int] = []
        targets: list[int] = []
        for row, i in enumerate(batch):
            tokens, mask = sequences[i]
            ids[row, : len(tokens) - 1] = torch.tensor(tokens[:-1])
            places = [place for place in range(1, len(tokens)) if mask[place]]
            rows += [row] * len(places)
            columns += [place - 1 for place in places]
            targets += [tokens[place] for place in places]
        hidden = model(ids.to(model.device))  # (B, T, D)
        wanted = hidden[torch.tensor(rows), torch.tensor(columns)]  # (N, D)
        goal = torch.tensor(targets, device=model.device)
        losses = row_losses(wanted, model.head, goal, ROWS_AT_ONCE).double().cpu()  # (N,)
        sums = torch.zeros(len(batch), dtype=torch.float64).index_add_(
            0, torch.tensor(rows), losses
        )
        counts = torch.bincount(torch.tensor(rows), minlength=len(batch))
        for i, mean in zip(batch, (sums / counts).tolist(), strict=True):
            means[i] = mean
    return means


def batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Cut indices, longest first, into batches of at most `batch_tokens` with padding."""
    found: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if found and (len(found[-1]) + 1) * lengths[found[-1][0]] <= batch_tokens:
            found[-1].append(index)
        else:
            found.append([index])
    return found
