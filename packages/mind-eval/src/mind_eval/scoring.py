"""Log-probabilities of tokens given the ones before them, each shared beginning read once.

The few-shot block of a subject, the text of a question and the answers to it go through the model
in that order, each on top of the keys and values of the one before; see `batching`. Rows of a batch
are padded on the right, where a causal model does not look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mind_eval.batching import ContextGroup, Ids, PrefixBatch, PrefixTree, ScoredSequence, plan
from mind_eval.models.mind_network import MindNetwork
from mind_eval.models.network import Network, Past
from mind_eval.output_layer import ranks_of, score_targets

if TYPE_CHECKING:
    from mind_train.models.language_model import LanguageModel

__all__ = ["BATCH_TOKENS", "PrefixScorer", "ScoredSequence", "TokenScores", "score"]

BATCH_TOKENS = 8192

PASS_TOKENS = 1024
"""Tokens of a pass without padding: products are large enough, and what is between them still lies
in the processor's cache."""


@dataclass(frozen=True)
class TokenScores:
    """Log-probability in nats of each scored token, and whether each was the likeliest.

    `ranks`, if they are asked for, count the tokens that were likelier than each.
    """

    logprobs: tuple[float, ...]
    greedy: bool
    ranks: tuple[int, ...] = ()

    @property
    def total(self) -> float:
        """Give the log-probability of all scored tokens together."""
        return sum(self.logprobs)


def score(
    model: LanguageModel | Network,
    sequences: Sequence[ScoredSequence],
    *,
    batch_tokens: int = BATCH_TOKENS,
    done: Callable[[int], None] | None = None,
    ranks: bool = False,
) -> list[TokenScores]:
    """Score every sequence; the answers stand in the order of the questions.

    `done` hears how many sequences are answered so far; `ranks` are found if they are asked for.
    """
    network = model if isinstance(model, Network) else MindNetwork(model)
    scorer = PrefixScorer(network, batch_tokens, ranks)
    answers: list[TokenScores | None] = [None] * len(sequences)
    count = 0
    for unit in plan(sequences, batch_tokens, share=network.branches):
        for index, answer in scorer.answer(unit, sequences):
            answers[index] = answer
            count += 1
        if done is not None:
            done(count)
    # A plan answers every sequence, so none is left out; the check is for the type.
    return [answer for answer in answers if answer is not None]


class PrefixScorer:
    """Answer units one after another, keeping the prefix of the last one."""

    def __init__(
        self, network: Network, batch_tokens: int = BATCH_TOKENS, ranks: bool = False
    ) -> None:
        self.network, self.batch_tokens, self.ranks = network, batch_tokens, ranks
        self.prefix: Ids = ()
        self.past: Past | None = None
        # Tokens that went through the model, padding too: what sharing and packing save shows here.
        self.tokens = 0

    @torch.inference_mode()
    def answer(
        self, unit: PrefixBatch, sequences: Sequence[ScoredSequence]
    ) -> list[tuple[int, TokenScores]]:
        """Score the sequences of one unit: (index, answer) each."""
        # Units come in the order of their prefixes: each prefix is read once.
        self._enter(unit.prefix)
        gathered = _HiddenStates(sequences)
        if self.network.packs:
            self._answer_packed(unit, gathered)
        else:
            self._answer_padded(unit, gathered)
        return list(gathered.answers(self.network, self.ranks))

    def _answer_packed(self, unit: PrefixBatch, gathered: _HiddenStates) -> None:
        """Read rows with their branches in one pass, or a few."""
        start = len(unit.prefix)
        for rows in _passes(unit.rows, start):
            trees = [PrefixTree(row.read[start:], tuple(row.branches)) for row in rows]
            # Nothing is predicted after a context but by its last token.
            firsts = [len(row.context) - 1 - start for row in rows]
            # Of the last layer only these states are computed at all: see `PackedCache.last`.
            widths = [row.width - start for row in rows]
            hidden = self.network.packed(trees, self.past, _ends(firsts, widths))
            self.tokens += sum(widths)
            place = 0
            for row, tree, unread in zip(rows, trees, firsts, strict=True):
                first = place
                for index in row.members:
                    gathered.add(index, hidden[first : first + gathered.scored(index)])
                place += len(tree.trunk) - unread
                for tail, members in row.branches.items():
                    # The context's last state predicts the first token of each branch, the branch's
                    # own the others.
                    states = torch.cat((hidden[first, None], hidden[place : place + len(tail)]))
                    for index in members:
                        gathered.add(index, states)
                    place += len(tail)

    def _answer_padded(self, unit: PrefixBatch, gathered: _HiddenStates) -> None:
        """Read rows, padded, then the branches of each."""
        start = len(unit.prefix)
        keep = any(row.branches for row in unit.rows)
        hidden, past = self._read([row.read[start:] for row in unit.rows], self.past, keep)
        for number, row in enumerate(unit.rows):
            first = len(row.context) - 1 - start  # it predicts the first token of every answer
            for index in row.members:
                gathered.add(index, hidden[number, first : first + gathered.scored(index)])
            if row.branches:
                assert past is not None, "it was asked for"
                self._branch(
                    row, hidden[number, first], past.row(number, len(row.context)), gathered
                )

    def _branch(
        self, row: ContextGroup, first: Tensor, past: Past, gathered: _HiddenStates
    ) -> None:
        """Read the answers to one question, some at a time, on top of its keys and values."""
        # Longest first, so that the first of a batch says how wide it is; by tokens then, so that
        # any run cuts the same batches.
        tails = sorted(row.branches, key=lambda tail: (-len(tail), tail))
        while tails:
            # The context counts for each row: the cache repeats its keys and values.
            fit = max(1, self.batch_tokens // (len(row.context) + len(tails[0])))
            batch, tails = tails[:fit], tails[fit:]
            hidden, _ = self._read(batch, past, keep=False)
            for number, tail in enumerate(batch):
                for index in row.branches[tail]:
                    gathered.add(index, torch.cat((first[None], hidden[number, : len(tail)])))

    def _enter(self, prefix: Ids) -> None:
        if prefix != self.prefix:
            # The old keys and values are let go of before the new prefix is read, or both would be
            # in memory at once.
            self.prefix, self.past = prefix, None
            if prefix:
                _, self.past = self._read([prefix], None, keep=True)

    def _read(
        self, rows: Sequence[Ids], past: Past | None, keep: bool
    ) -> tuple[Tensor, Past | None]:
        """Read rows, padded, after what is past: hidden states [B, T, D]."""
        width = max(map(len, rows))
        # On the right, where a causal model's earlier tokens do not look.
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])  # (B, T)
        # With the padding, which costs as much as other tokens.
        self.tokens += ids.numel()
        return self.network.hidden(ids, past, keep)


def _ends(firsts: Sequence[int], widths: Sequence[int]) -> Tensor | None:
    """List the tokens of rows, one after another, from the first of each; None is all of them."""
    if not any(firsts):
        return None
    stops = torch.tensor(widths).cumsum(0).tolist()
    parts = zip(firsts, widths, stops, strict=True)
    return torch.cat([torch.arange(stop - size + first, stop) for first, size, stop in parts])


def _passes(rows: Sequence[ContextGroup], start: int) -> Iterator[list[ContextGroup]]:
    """Cut the rows of a unit into passes of about `PASS_TOKENS`; see there.

    Attention lays a pass out by rows: what padding that takes is bounded as well.
    """
    batch: list[ContextGroup] = []
    size = widest = 0
    for row in rows:
        width = row.width - start
        # What this pass would take laid out by rows, with this row in it.
        padded = (len(batch) + 1) * max(width, widest)
        if batch and (size + width > PASS_TOKENS or padded > 2 * PASS_TOKENS):
            yield batch
            batch, size, widest = [], 0, 0
        batch.append(row)
        size, widest = size + width, max(widest, width)
    if batch:
        yield batch


class _HiddenStates:
    """Hidden states to go through the output layer together; the same states go once."""

    def __init__(self, sequences: Sequence[ScoredSequence]) -> None:
        self.sequences = sequences
        self.hidden: list[Tensor] = []
        self.places: dict[tuple[int, int], int] = {}
        self.size = 0
        self.wanted: list[tuple[int, range]] = []

    def scored(self, index: int) -> int:
        """Count the tokens of a sequence that are predicted."""
        return self.sequences[index].scored

    def add(self, index: int, hidden: Tensor) -> None:
        """Add the states [scored, D] that predict the tokens of a sequence."""
        # By the memory: answers that share their first token share the very state.
        key = hidden.data_ptr(), len(hidden)
        # Known states give the place that they have; new ones take the end, which tells them apart.
        start = self.places.setdefault(key, self.size)
        if start == self.size:
            self.hidden.append(hidden)
            self.size += len(hidden)
        self.wanted.append((index, range(start, start + len(hidden))))

    def answers(self, network: Network, ranked: bool = False) -> Iterator[tuple[int, TokenScores]]:
        """Yield (index, answer) for every sequence."""
        device = self.hidden[0].device
        # Which state predicts each scored token: [M] places in `hidden` [N, D], with M ≥ N.
        rows = torch.tensor([place for _, places in self.wanted for place in places], device=device)
        targets = torch.tensor(
            [
                token
                for index, places in self.wanted
                # The scored tokens are the last of their sequence, one for each state that
                # predicts.
                for token in self.sequences[index].tokens[-len(places) :]
            ],
            device=device,
        )
        hidden = torch.cat(self.hidden)
        logprobs, greedy = score_targets(network.head, hidden, rows, targets)
        ranks = ranks_of(network.head, hidden, rows, targets).tolist() if ranked else []
        start = 0
        for index, places in self.wanted:
            stop = start + len(places)
            found = tuple(logprobs[start:stop].tolist())
            all_greedy = bool(greedy[start:stop].all())
            yield index, TokenScores(found, all_greedy, tuple(ranks[start:stop]))
            start = stop
