"""The output layer at scored positions only, some of the vocabulary at a time.

No [B, T, V] tensor exists, nor one [N, V]: log-sum-exp, the likeliest token and the wanted logits
are carried from chunk to chunk of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS_AT_ONCE = 512
VOCABULARY_AT_ONCE = 16384


@dataclass(frozen=True)
class Head:
    """An output layer: weight [V, D], perhaps a bias [V], a scale (Cohere, Granite), a soft cap of
    logits (Gemma)."""

    weight: Tensor
    bias: Tensor | None = None
    softcap: float | None = None
    scale: float = 1.0

    def logits(self, hidden: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Give logits [N, stop - start] in fp32 after hidden states [N, D]."""
        weight = self.weight[start:stop]
        # Logits in fp32 after a product in the weights' type, as transformers computes the loss.
        made = hidden.to(weight.dtype) @ weight.t()
        if self.bias is not None:
            made = made + self.bias[start:stop]
        made = made.float() if self.scale == 1.0 else made.float() * self.scale
        return made if self.softcap is None else self.softcap * (made / self.softcap).tanh()


def score_targets(
    head: Head, hidden: Tensor, rows: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Score `targets` [M] after `hidden[rows]`: log-probabilities [M] fp32, and argmax hits [M].

    Several targets may stand after one hidden state: it goes through the output layer once.
    """
    size = head.weight.shape[0]
    logprobs = torch.empty(len(rows), dtype=torch.float32)
    greedy = torch.empty(len(rows), dtype=torch.bool)
    for first in range(0, len(hidden), ROWS_AT_ONCE):
        block = hidden[first : first + ROWS_AT_ONCE]
        # The targets whose state lies in this block of rows; others have their turn.
        inside = ((rows >= first) & (rows < first + len(block))).nonzero().squeeze(1)
        here, wanted = rows[inside] - first, targets[inside]
        # Carried from chunk to chunk: log-sum-exp, largest logit and its place.
        total = torch.full((len(block),), -torch.inf, device=block.device)
        highest = total.clone()
        best = torch.zeros(len(block), dtype=torch.long, device=block.device)
        # Filled in whole: each target lies in exactly one chunk of the vocabulary.
        chosen = torch.empty(len(inside), device=block.device)
        for start in range(0, size, VOCABULARY_AT_ONCE):
            logits = head.logits(block, start, start + VOCABULARY_AT_ONCE)  # (N, C)
            at = (wanted >= start) & (wanted < start + logits.shape[1])
            chosen[at] = logits[here[at], wanted[at] - start]
            top = logits.amax(dim=1)
            # Finding the place of a maximum is slow, and matters only where a wanted token has it.
            asked = torch.unique(here[at & (chosen == top[here])])
            # -1 can be no target: where no wanted token is the maximum, the row is not greedy for
            # any.
            place = torch.full_like(best, -1)
            place[asked] = logits[asked].argmax(dim=1) + start
            # Strictly above, so that of equal logits in two chunks the earlier one wins.
            better = top > highest
            highest, best = top.where(better, highest), place.where(better, best)
            rest = logits.sub_(top[:, None]).exp_().sum(dim=1)  # in place: logits are done with
            # log(Σ exp x) of two chunks from the logs of both, without overflow.
            total = torch.logaddexp(total, rest.log() + top)
        logprobs[inside.cpu()] = (chosen - total[here]).cpu()
        greedy[inside.cpu()] = (best[here] == wanted).cpu()
    return logprobs, greedy


def ranks_of(head: Head, hidden: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
    """Count [M] the tokens that are likelier than `targets` [M] after `hidden[rows]`; 0: likeliest.

    The output layer is gone through again, some of the vocabulary at a time: a target's own logit
    has to be known before others are compared with it.
    """
    size = head.weight.shape[0]
    ranks = torch.zeros(len(rows), dtype=torch.long)
    for first in range(0, len(hidden), ROWS_AT_ONCE):
        block = hidden[first : first + ROWS_AT_ONCE]
        inside = ((rows >= first) & (rows < first + len(block))).nonzero().squeeze(1)
        here, wanted = rows[inside] - first, targets[inside]
        chosen = torch.empty(len(inside), device=block.device)
        above = torch.zeros(len(inside), dtype=torch.long, device=block.device)
        for counting in (False, True):
            for start in range(0, size, VOCABULARY_AT_ONCE):
                logits = head.logits(block, start, start + VOCABULARY_AT_ONCE)  # (N, C)
                if counting:
                    # Equal logits do not count: a target that ties for the first place has rank 0.
                    above += (logits[here] > chosen[:, None]).sum(dim=1)
                else:
                    at = (wanted >= start) & (wanted < start + logits.shape[1])
                    chosen[at] = logits[here[at], wanted[at] - start]
        ranks[inside.cpu()] = above.cpu()
    return ranks
