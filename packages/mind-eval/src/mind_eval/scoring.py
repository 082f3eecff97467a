"""Log-probabilities of tokens given the ones before them, in batches; the head where it counts.

Sequences go longest first in batches of about the same number of tokens, padded on the right,
where a causal model does not look. The output layer is applied at scored positions only, some rows
at a time, so that no [B, T, V] tensor exists. Sequences with the same input share one pass: the
one-letter answers of a question cost one, not four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mind_train.models.language_model import LanguageModel

BATCH_TOKENS = 8192
ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Sequenced:
    """Token ids of which the last `scored` are to be predicted from all before them."""

    tokens: tuple[int, ...]
    scored: int

    @property
    def input(self) -> tuple[int, ...]:
        """Give what the model reads: all tokens but the last."""
        return self.tokens[:-1]


@dataclass(frozen=True)
class Scored:
    """Log-probability in nats of each scored token, and whether each was the likeliest."""

    logprobs: tuple[float, ...]
    greedy: bool

    @property
    def total(self) -> float:
        """Give the log-probability of all scored tokens together."""
        return sum(self.logprobs)


def score(
    model: LanguageModel,
    sequences: Sequence[Sequenced],
    *,
    batch_tokens: int = BATCH_TOKENS,
    done: Callable[[int], None] | None = None,
) -> list[Scored]:
    """Score every sequence; the answers stand in the order of the questions.

    `done` hears how many sequences are answered so far.
    """
    sharing: dict[tuple[int, ...], list[int]] = {}
    for index, sequence in enumerate(sequences):
        assert 0 < sequence.scored < len(sequence.tokens), "something to read and to predict"
        sharing.setdefault(sequence.input, []).append(index)
    answers: list[Scored | None] = [None] * len(sequences)
    count = 0
    for inputs in batches(sharing, batch_tokens):
        members = [(row, i) for row, read in enumerate(inputs) for i in sharing[read]]
        for (_, i), answer in zip(
            members, _score_batch(model, inputs, members, sequences), strict=True
        ):
            answers[i] = answer
        count += len(members)
        if done is not None:
            done(count)
    return [answer for answer in answers if answer is not None]


def batches(
    inputs: Sequence[tuple[int, ...]] | dict[tuple[int, ...], list[int]], batch_tokens: int
) -> Iterator[list[tuple[int, ...]]]:
    """Cut inputs, longest first, into batches of at most `batch_tokens` with padding."""
    batch: list[tuple[int, ...]] = []
    for item in sorted(inputs, key=lambda item: (-len(item), item)):
        if batch and (len(batch) + 1) * len(batch[0]) > batch_tokens:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


@torch.inference_mode()
def _score_batch(
    model: LanguageModel,
    inputs: list[tuple[int, ...]],
    members: list[tuple[int, int]],
    sequences: Sequence[Sequenced],
) -> Iterator[Scored]:
    ids = torch.zeros(len(inputs), len(inputs[0]), dtype=torch.long)  # (B, T)
    for row, read in enumerate(inputs):
        ids[row, : len(read)] = torch.tensor(read)
    hidden = model(ids.to(model.device))  # (B, T, D)
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for row, i in members:
        tokens, scored = sequences[i].tokens, sequences[i].scored
        rows += [row] * scored
        columns += range(len(tokens) - 1 - scored, len(tokens) - 1)
        targets += tokens[-scored:]
    wanted = hidden[torch.tensor(rows), torch.tensor(columns)]  # (N, D)
    logprobs, greedy = score_rows(model, wanted, torch.tensor(targets, device=model.device))
    start = 0
    for _, i in members:
        stop = start + sequences[i].scored
        yield Scored(tuple(logprobs[start:stop].tolist()), bool(greedy[start:stop].all()))
        start = stop


def score_rows(
    model: LanguageModel, hidden: Tensor, targets: Tensor, chunk: int = ROWS_AT_ONCE
) -> tuple[Tensor, Tensor]:
    """Score targets [N] after hidden [N, D]: log-probabilities [N] fp32, and argmax hits [N]."""
    logprobs, greedy = [], []
    for start in range(0, len(targets), chunk):
        logits = model.logits(hidden[start : start + chunk]).float()  # (C, V)
        target = targets[start : start + chunk]
        chosen = logits.gather(1, target[:, None]).squeeze(1)
        logprobs.append((chosen - logits.logsumexp(dim=1)).cpu())
        greedy.append((logits.argmax(dim=1) == target).cpu())
    return torch.cat(logprobs), torch.cat(greedy)
