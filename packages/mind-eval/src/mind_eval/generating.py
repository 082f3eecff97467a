"""Greedy continuation, many prompts at once: those that begin alike share what is read.

Prompts of one length behind one prefix go on in step; a row that has met its stop string leaves the
batch. No padding and no mask is needed, so any causal network will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mind_eval.models.model import Model
from mind_eval.models.network import Past
from mind_eval.plan import Ids, Sequenced, plan
from mind_eval.stops import trimmed

ROWS = 16


@dataclass(frozen=True)
class Wanted:
    """A prompt to go on from: its tokens, the strings that stop it, and the most new tokens."""

    tokens: Ids
    stops: tuple[str, ...]
    limit: int


@dataclass(frozen=True)
class Batch:
    """Prompts of one length behind one prefix."""

    prefix: Ids
    members: tuple[int, ...]


def generation_plan(
    wanted: Sequence[Wanted], rows: int = ROWS, *, share: bool = True
) -> list[Batch]:
    """Cut prompts into batches; the cut depends on the prompts alone."""
    sequences = [Sequenced((*one.tokens, 0), 1) for one in wanted]
    batches = []
    for unit in plan(sequences, 1 << 40, share=share):
        lengths: dict[int, list[int]] = {}
        for row in unit.rows:
            lengths.setdefault(len(row.read), []).extend(row.members)
        for members in lengths.values():
            members = list(dict.fromkeys(members))
            batches += [
                Batch(unit.prefix, tuple(members[start : start + rows]))
                for start in range(0, len(members), rows)
            ]
    return batches


class Writer:
    """Write on from batches of prompts, greedily, keeping the prefix of the last batch."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.prefix: Ids = ()
        self.past: Past | None = None

    @torch.inference_mode()
    def write(
        self, batch: Batch, wanted: Sequence[Wanted], step: Callable[[], None] = lambda: None
    ) -> list[tuple[int, str]]:
        """Write on from one batch: (index, new text before the stop string) each."""
        network = self.model.network
        if batch.prefix != self.prefix:
            self.prefix, self.past = batch.prefix, None
            if batch.prefix:
                _, self.past = network.hidden(torch.tensor([batch.prefix]), None, True)
        rows = {index: list[int]() for index in batch.members}
        texts = dict.fromkeys(batch.members, "")
        live = list(batch.members)
        length = len(wanted[live[0]].tokens)
        room = min(self.model.context, length + max(wanted[index].limit for index in live))
        stream = network.stream(self.past, len(live), room)
        ids = torch.tensor([wanted[index].tokens[len(batch.prefix) :] for index in live])
        while live:
            hidden = stream.read(ids)[:, -1]
            best = network.head.logits(hidden).argmax(dim=1).tolist()
            step()
            going = [
                place
                for place, (index, token) in enumerate(zip(live, best, strict=True))
                if self._goes_on(rows[index], token, wanted[index], texts, index)
            ]
            if 0 < len(going) < len(live):
                stream.keep(torch.tensor(going))
            live = [live[place] for place in going]
            ids = torch.tensor([[rows[index][-1]] for index in live])
        return [(index, texts[index]) for index in batch.members]

    def _goes_on(
        self, written: list[int], token: int, one: Wanted, texts: dict[int, str], index: int
    ) -> bool:
        """Take a new token in; tell whether the row goes on."""
        if token == self.model.stop_id or one.limit <= 0:
            return False
        written.append(token)
        text = self.model.tokenizer.decode(written)
        texts[index] = trimmed(text, one.stops)
        full = len(one.tokens) + len(written) >= self.model.context
        return len(texts[index]) == len(text) and len(written) < one.limit and not full
