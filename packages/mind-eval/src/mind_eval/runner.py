"""Put items to a model: tokens, plan, this rank's share, the log; then each item's answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mind_core import MindError
from mind_eval.batching import ScoredSequence, plan, shares
from mind_eval.distributed import Ranks
from mind_eval.encoding import PromptEncoder
from mind_eval.finite import NotFiniteError, check_finite
from mind_eval.generation import GenerationRequest, Generator, generation_plan
from mind_eval.models.endpoint import Endpoint
from mind_eval.models.model import Model
from mind_eval.prompts.builder import Instance
from mind_eval.prompts.spec import CUT, GENERATE_UNTIL, Spec
from mind_eval.response_cache import Answer, ResponseCache, WrittenText, answer_key, base_key
from mind_eval.scoring import PrefixScorer
from mind_eval.server_requests import ask_server

CHUNK = 1024
"""Items that are planned together: bounds memory, and keeps most subjects whole."""

Keys = list[list[str]]
"""For each choice of an item, the keys of its windows."""


@dataclass(frozen=True)
class CachedInstance:
    """An item and where its answers stand in the log; without its prompts."""

    asked: Instance
    keys: Keys


class RequestRunner:
    """Answer the items of one task after another."""

    def __init__(
        self,
        model: Model | Endpoint,
        log: ResponseCache,
        ranks: Ranks,
        batch_tokens: int,
        done: Callable[[int], None] = lambda _: None,
        keep_going: bool = False,
    ) -> None:
        self.model, self.log, self.ranks = model, log, ranks
        self.batch_tokens, self.done = batch_tokens, done
        self.count = self.reused = 0
        self.keep_going = keep_going
        self.failures: dict[str, str] = {}
        self.refusals: dict[str, str] = {}
        self.in_a_row = 0
        if isinstance(model, Model):
            self.encoder = PromptEncoder(model)
            self.scorer = PrefixScorer(model.network, batch_tokens)
            self.writer = Generator(model, batch_tokens)
            # All that an answer depends on beside its tokens; a log-probability in bfloat16 is
            # another number, so it may not be taken for one in float32.
            self.base = base_key((model.fingerprint, model.tokenizer.sha256, model.dtype))
        else:
            # A server tells no fingerprint: its answers are known by address and model name only.
            self.base = base_key((model.named, "endpoint"))

    def ask(self, spec: Spec, items: Iterable[Instance]) -> Iterator[CachedInstance]:
        """Answer the items of a task, some at a time; their answers are in the log afterwards."""
        self.in_a_row = 0  # what one task failed at is not counted against the next
        stream = iter(items)
        while chunk := list(islice(stream, CHUNK)):
            if isinstance(self.model, Endpoint):
                found = ask_server(self, self.model, spec, chunk)
                yield from (CachedInstance(asked, keys) for asked, keys in found)
            elif spec.kind == GENERATE_UNTIL:
                yield from self._ask_writing(spec, chunk)
            else:
                yield from self._ask_likelihoods(spec, chunk)
            self.count += len(chunk)

    def answers(self, keyed: CachedInstance) -> list[tuple[float, bool]]:
        """Give the log-probability of each choice of an item, its windows added up."""
        found = []
        for keys in keyed.keys:
            parts = [self.log.found[key] for key in keys]
            nats = sum(part[0] for part in parts if not isinstance(part, str))
            # A long answer in windows is greedy if every window is.
            found.append((nats, all(part[1] for part in parts)))
        return found

    def text(self, keyed: CachedInstance) -> WrittenText:
        """Give what was written for an item."""
        answer = self.log.found[keyed.keys[0][0]]
        assert isinstance(answer, WrittenText)
        return answer

    def _ask_likelihoods(self, spec: Spec, chunk: Sequence[Instance]) -> Iterator[CachedInstance]:
        sequences: list[ScoredSequence] = []
        keys: list[str] = []
        names: list[str] = []
        places: dict[str, int] = {}
        found = []
        for asked in chunk:
            windows = [self.encoder.sequences(*pair) for pair in asked.pairs]
            named: Keys = []
            for parts in windows:
                named.append([])
                for part in parts:
                    key = answer_key(self.base, part.tokens, part.scored)
                    named[-1].append(key)
                    # The same question under two names, or equal choices, are computed once.
                    if key not in places:
                        places[key] = len(sequences)
                        sequences.append(part)
                        keys.append(key)
                        names.append(f"task {spec.name}, item {asked.id}")
            # Per choice, for metrics that divide by the number of tokens.
            tokens = tuple(sum(part.scored for part in parts) for parts in windows)
            found.append(CachedInstance(dataclasses.replace(asked, tokens=tokens), named))
        units = plan(sequences, self.batch_tokens, share=self._model.network.branches)
        for unit in shares(units, self.ranks.world)[self.ranks.rank]:
            missing = [index for index in unit.sequences if self.log.get(keys[index]) is None]
            self.reused += len(unit.sequences) - len(missing)
            # A unit is computed as a whole even if one answer is missing: with other rows in the
            # batch the sums would round otherwise than in a run that was not interrupted.
            if missing:
                answered = self.scorer.answer(unit, sequences)
                self.log.add(
                    {
                        keys[i]: (one.total, one.greedy)
                        for i, one in answered
                        if self._is_answer(one.total, keys[i], names[i])
                    }
                )
            self.done(self.count)
        yield from found

    def _is_answer(self, nats: float, key: str, item: str) -> bool:
        """Tell whether a number is an answer; with `keep_going` the item is noted as failed."""
        try:
            check_finite(nats, item, self._model.named)
        except MindError as error:
            if not self.keep_going:
                raise
            self.failures[key] = error.message
            return False
        return True

    def _ask_writing(self, spec: Spec, chunk: Sequence[Instance]) -> Iterator[CachedInstance]:
        wanted = []
        for asked in chunk:
            # A prompt leaves no more than a quarter of the context free for certain (see
            # `PromptEncoder.room`): a text that grows beyond that ends where the context does.
            ids = self.encoder.prompt(asked.prompts[0], spec.new_tokens)
            most = min(spec.new_tokens, self._model.context - len(ids))
            wanted.append(GenerationRequest(ids, spec.stops, most))
        # `CUT` sets these keys apart from those of logs that did not note whether a text was cut.
        told = [CUT, sorted(self._model.stop_ids)]
        keys = [answer_key(self.base, one.tokens, [one.stops, one.limit, *told]) for one in wanted]
        network = self._model.network
        batches = generation_plan(
            wanted, self.batch_tokens, share=network.branches, packs=network.packs
        )
        for number, batch in enumerate(batches):
            # In turn, not in runs: behind one prefix batches rise in length, and the long ones
            # would all fall to one rank.
            if number % self.ranks.world != self.ranks.rank:
                continue
            missing = [i for i in batch.members if self.log.get(keys[i]) is None]
            self.reused += len(batch.members) - len(missing)
            if missing:
                try:
                    generated = self.writer.write(batch, wanted, lambda: self.done(self.count))
                except NotFiniteError as error:
                    item = f"task {spec.name}, item {chunk[error.index].id}"
                    # The generator knows the place in the chunk only; people look for the item.
                    raise error.named(item) from None
                self.log.add({keys[index]: text for index, text in generated})
        yield from (CachedInstance(asked, [[key]]) for asked, key in zip(chunk, keys, strict=True))

    def unanswered(self, keyed: CachedInstance) -> str | None:
        """Say why an item has no answer; None if it has."""
        for keys in keyed.keys:
            for key in keys:
                if key not in self.log.found:
                    return self.failures.get(key, "it was not answered")
        return None

    def refusal(self, keyed: CachedInstance) -> str | None:
        """Name the kind of a server's reply that is no answer; None for any other item."""
        return self.refusals.get(keyed.keys[0][0])

    def collect(self) -> bool:
        """Bring the answers of all ranks to rank 0; tell whether this is it."""
        added: dict[str, Answer] = self.log.added
        for part in self.ranks.gather(added):
            self.log.found.update(part)
        # What was gathered is not sent again with the next benchmark.
        self.log.added = {}
        return self.ranks.first

    @property
    def _model(self) -> Model:
        assert isinstance(self.model, Model)
        return self.model
