"""Greedy continuation, many prompts at once: those that begin alike share what is read.

Prompts behind one prefix go on in step, those of about one length together; a row that has met its
stop string leaves the batch. A network that does not pack gets prompts of one length in a batch:
then no padding and no mask is needed, so any causal network will do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from mind_eval.batching import MIN_SAVED_GENERATING, Ids, ScoredSequence, plan
from mind_eval.finite import NotFiniteError
from mind_eval.models.model import Model
from mind_eval.models.network import Past
from mind_eval.response_cache import WrittenText, trimmed
from mind_eval.scoring import BATCH_TOKENS
from mind_eval.shared_prefixes import MIN_SAVED, STEP, common_length

ROWS = 64
"""Prompts of a batch at most: more are hardly faster, and a kill loses no more than a batch."""

STAGE = 256
"""New tokens after which a batch is cut again: most texts end before, so a large limit need not
make small batches of all. What goes on is read again with what it has written."""

TAIL = 8
"""Tokens that are decoded before those that could hold a stop string: the first one's leading
space is lost, and a character may begin before it."""


@dataclass(frozen=True)
class GenerationRequest:
    """A prompt to go on from: its tokens, the strings that stop it, and the most new tokens."""

    tokens: Ids
    stops: tuple[str, ...]
    limit: int


@dataclass(frozen=True)
class GenerationBatch:
    """Prompts behind one prefix."""

    prefix: Ids
    members: tuple[int, ...]


def generation_plan(
    wanted: Sequence[GenerationRequest],
    batch_tokens: int,
    *,
    share: bool = True,
    packs: bool = False,
) -> list[GenerationBatch]:
    """Cut prompts into batches of at most `batch_tokens` with the first `STAGE` tokens written.

    The cut depends on the prompts alone. `packs` says whether a batch may hold several lengths.
    """
    # A prompt is planned as a sequence of which one token is predicted: its context is the prompt.
    sequences = [ScoredSequence((*one.tokens, 0), 1) for one in wanted]
    batches = []
    # Only the groups by prefix are wanted here: no bound on tokens, batches are cut below.
    for unit in plan(sequences, 1 << 40, share=share, min_saved=MIN_SAVED_GENERATING):
        # Equal prompts are one row with several members; each is written on by itself, as limits
        # and stop strings may differ.
        members = list(dict.fromkeys(index for row in unit.rows for index in row.members))
        prefix = unit.prefix
        if share and not prefix:
            prefix = _shared_by_all([wanted[index].tokens for index in members])
        start = len(prefix)
        # Prompts of about one length together: a batch is as wide as its longest.
        members.sort(key=lambda index: len(wanted[index].tokens))
        batch: list[int] = []
        for index in members:
            one = wanted[index]
            # Sorted by length, so the newcomer is as wide as the batch will be.
            room = len(one.tokens) - start + min(one.limit, STAGE)  # the longest so far
            full = len(batch) >= ROWS or (len(batch) + 1) * room > batch_tokens
            if batch and (full or not (packs or len(wanted[batch[0]].tokens) == len(one.tokens))):
                batches.append(GenerationBatch(prefix, tuple(batch)))
                batch = []
            batch.append(index)
        batches.append(GenerationBatch(prefix, tuple(batch)))
    return batches


def _shared_by_all(prompts: Sequence[Ids]) -> Ids:
    """Give what all prompts of a group begin with, if it is worth a pass of its own.

    Such a prefix makes no further batches, unlike one that some of them share.
    """
    first, last = min(prompts), max(prompts)  # in order, those between begin as both do
    # The last token of a prompt is read in its row: its hidden state predicts.
    length = min(common_length(first, last), *(len(prompt) - 1 for prompt in prompts))
    length = length // STEP * STEP
    return first[:length] if length * (len(prompts) - 1) >= MIN_SAVED else ()


class Generator:
    """Write on from batches of prompts, greedily, keeping the prefix of the last batch."""

    def __init__(self, model: Model, batch_tokens: int = BATCH_TOKENS) -> None:
        self.model, self.batch_tokens = model, batch_tokens
        self.prefix: Ids = ()
        self.past: Past | None = None
        self.ends: dict[tuple[str, ...], frozenset[int]] = {}

    @torch.inference_mode()
    def write(
        self,
        batch: GenerationBatch,
        wanted: Sequence[GenerationRequest],
        step: Callable[[], None] = lambda: None,
    ) -> list[tuple[int, WrittenText]]:
        """Write on from one batch: (index, new text before the stop string) each.

        A text that neither an end token nor a stop string ended is `cut`.
        """
        network = self.model.network
        if batch.prefix != self.prefix:
            self.prefix, self.past = batch.prefix, None
            if batch.prefix:
                _, self.past = network.hidden(torch.tensor([batch.prefix]), None, True)
        rows = {index: list[int]() for index in batch.members}
        # Rows that ended by themselves; any other was cut by the limit or the context.
        whole: set[int] = set()
        # With a limit of 0 there is nothing to write: the text stays empty, and counts as cut.
        waiting = [[index for index in batch.members if wanted[index].limit > 0]]
        while waiting:
            live = self._stage(waiting.pop(0), wanted, rows, whole, step)
            sizes = {i: len(wanted[i].tokens) - len(batch.prefix) + len(rows[i]) for i in live}
            # Most rows have ended by now; those that go on are put together anew.
            waiting += self._cut(live, sizes, wanted)
        decode = self.model.tokenizer.decode
        texts = ((i, trimmed(decode(rows[i]), wanted[i].stops)) for i in batch.members)
        return [(i, WrittenText(text, i not in whole)) for i, text in texts]

    def _stage(
        self,
        live: list[int],
        wanted: Sequence[GenerationRequest],
        rows: dict[int, list[int]],
        whole: set[int],
        step: Callable[[], None],
    ) -> list[int]:
        """Write at most `STAGE` tokens on in each row; return the rows that go on.

        `rows` takes the tokens, `whole` the rows that an end token or a stop string ended.
        """
        network = self.model.network
        # Keys and values of the last stage are gone: prompt and text so far are read anew.
        prompts = [(*wanted[i].tokens[len(self.prefix) :], *rows[i]) for i in live]
        ends = (len(wanted[i].tokens) + min(wanted[i].limit, len(rows[i]) + STAGE) for i in live)
        room, stream = min(max(ends, default=0), self.model.context), None
        for _ in range(STAGE):
            if not live:
                break
            if stream is None:
                stream, hidden = network.begin(prompts, self.past, room)
            else:
                hidden = stream.step([rows[index][-1] for index in live])
            logits = network.head.logits(hidden)
            chosen = logits.argmax(dim=1)  # of a row with NaN, the NaN
            top, best = logits.gather(1, chosen[:, None])[:, 0], chosen.tolist()
            # The maximum of a row is enough: `argmax` takes a NaN for the largest, and an infinite
            # logit is the largest.
            if not torch.isfinite(top).all():
                place = int(torch.isfinite(top).logical_not().nonzero()[0])
                raise NotFiniteError(live[place], float(top[place]), self.model.named)
            step()
            going = []
            for place, (index, token) in enumerate(zip(live, best, strict=True)):
                if self._ends(rows[index], token, wanted[index]):
                    whole.add(index)
                elif self._has_room(rows[index], wanted[index]):
                    going.append(place)
            # None left needs no cache, all left need no copy of it.
            if 0 < len(going) < len(live):
                stream.keep(torch.tensor(going))
            live = [live[place] for place in going]
        return live

    def _cut(
        self, live: Sequence[int], sizes: Mapping[int, int], wanted: Sequence[GenerationRequest]
    ) -> list[list[int]]:
        """Cut the rows that go on into groups of at most `batch_tokens`; `sizes` are their lengths.

        Rows of one length stay together as they were: they have written equally much.
        """
        groups: list[list[int]] = []
        for index in sorted(live, key=lambda i: (sizes[i], i)):
            size = sizes[index] + min(wanted[index].limit, STAGE)
            if not groups or (len(groups[-1]) + 1) * size > self.batch_tokens:
                groups.append([])
            groups[-1].append(index)
        return groups

    def _end_ids(self, stops: tuple[str, ...]) -> frozenset[int]:
        """Collect the tokens that end a text: the model's own, and stop strings that are one token.

        A special token has no text of its own, so it is never found in what was written.
        """
        if stops not in self.ends:
            named = {self.model.special_id(stop) for stop in stops}
            self.ends[stops] = self.model.stop_ids | {one for one in named if one is not None}
        return self.ends[stops]

    def _ends(self, generated: list[int], token: int, one: GenerationRequest) -> bool:
        """Take a new token in; tell whether it ends the text.

        A stop string that the token completes lies within as many last tokens as it has bytes.
        """
        if token in self._end_ids(one.stops):
            return True
        generated.append(token)
        reach = max((len(stop.encode()) for stop in one.stops), default=0)
        if not reach:
            return False
        # Decoding the whole text at each token would take a square of its length.
        text = self.model.tokenizer.decode(generated[-reach - TAIL :])
        return any(stop in text for stop in one.stops if stop)

    def _has_room(self, generated: list[int], one: GenerationRequest) -> bool:
        """Tell whether one more token is within the limit and the context."""
        most = min(one.limit, self.model.context - len(one.tokens))
        return len(generated) < most
