"""Several texts written at once: rows of one length in step, each with its own rules and seed.

Rules in their order: a penalty on what was said, temperature, top-k, top-p (Holtzman et al. 2020).
A text ends with the end token, a stop string (which is not part of it), or its last token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from mind_core import MindError
from mind_train.finite import require_finite
from mind_train.generate import DAMAGED, check_sampling, choose
from mind_train.models.language_model import LanguageModel

PARTIAL = "\ufffd"  # how the first bytes of a character look until the rest has come
STOP, LENGTH, GONE = "stop", "length", "gone"


class Words(Protocol):
    """What writing needs of a tokenizer."""

    @property
    def end_id(self) -> int: ...

    def decode(self, ids: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class Rules:
    """How tokens are chosen, and when a text ends; ``top_k`` 0 keeps all, ``repetition`` 1 none.

    ``repetition`` divides positive scores of tokens that stand in prompt or text, and multiplies
    negative ones (Keskar et al. 2019). ``logprobs`` asks for so many likeliest tokens beside each
    one that was chosen, -1 for none and not even its own; with ``echo`` of the prompt's tokens too.
    """

    max_new: int = 128
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    repetition: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    logprobs: int = -1
    echo: bool = False
    end_ids: frozenset[int] = frozenset()
    """Tokens that end a text, besides the tokenizer's own."""

    def __post_init__(self) -> None:
        check_sampling(self.temperature, self.top_p)
        if self.max_new < 1 or self.top_k < 0 or not 0.0 < self.repetition < 1e6:
            raise MindError(
                f"max-new {self.max_new}, top-k {self.top_k} and repetition {self.repetition} make "
                "no sense",
                hint="at least 1 token, top-k from 0 (all) on, repetition above 0 (1 is none)",
            )
        if not all(self.stop):
            raise MindError("a stop string is empty", hint="leave it out")


Likeliest = list[tuple[int, float]]

ECHOED = 256
"""Positions of a prompt whose scores are held at a time: of all, a long prompt has gigabytes."""


@dataclass
class Written:
    """One text as far as it is written; ``text`` is what is sure, without a stop string."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    finish: str = ""
    logprobs: list[tuple[int, float, Likeliest]] = field(default_factory=list)
    """Of each token: its id, its log-probability, and the likeliest with theirs."""

    prompt: list[tuple[int, float, Likeliest]] = field(default_factory=list)
    """The same of the prompt's tokens but the first, where they were asked for."""


class _Row:
    """One text under way."""

    def __init__(self, prompt: Sequence[int], rules: Rules, words: Words) -> None:
        self.rules, self.words = rules, words
        self.tokens = list(prompt)
        self.written = Written()
        self.chooser = torch.Generator(device="cpu").manual_seed(rules.seed)
        # Text of this length at the end may still be the beginning of a stop string.
        self.held = max((len(stop) for stop in rules.stop), default=1) - 1

    def take(self, logits: Tensor) -> str:
        """Choose the next token from logits [V]; give what is new and sure of the text."""
        rules, written = self.rules, self.written
        chosen_from = logits
        if rules.repetition != 1.0:
            # The penalty counts a token once, however often it was said.
            seen = torch.tensor(sorted({*self.tokens, *written.ids}))
            scores = logits[seen]
            # Keskar et al. 2019 (CTRL), and as transformers does for negative scores: always away
            # from the token.
            factor = torch.where(scores > 0, 1.0 / rules.repetition, rules.repetition)
            chosen_from = logits.clone()
            chosen_from[seen] = scores * factor
        if 0 < rules.top_k < len(chosen_from):
            # Tokens that tie with the last one stay too.
            least = chosen_from.topk(rules.top_k).values[-1]
            chosen_from = chosen_from.masked_fill(chosen_from < least, -torch.inf)
        token = choose(chosen_from, rules.temperature, rules.top_p, self.chooser)
        if token == self.words.end_id or token in rules.end_ids:
            return self._end(STOP)
        written.ids.append(token)
        self.tokens.append(token)
        if rules.logprobs >= 0:
            # Of the model's own scores, before temperature, penalties and cuts.
            shares = logits.log_softmax(dim=0)
            written.logprobs.append((token, float(shares[token]), _best(shares, rules.logprobs)))
        return self._end(LENGTH) if len(written.ids) == rules.max_new else self._grow()

    def read(self, model: LanguageModel, hidden: Tensor) -> None:
        """Note the log-probabilities of the prompt's tokens, read as hidden [T, D]."""
        # The first token has nothing before it: its score would be of nothing.
        for start in range(0, len(self.tokens) - 1, ECHOED):
            following = self.tokens[start + 1 : start + ECHOED + 1]
            scores = model.logits(hidden[start : start + len(following)]).float().cpu()
            require_finite(scores, f"a score of token {start + 1:,}", DAMAGED)
            for token, shares in zip(following, scores.log_softmax(dim=-1), strict=True):
                best = _best(shares, self.rules.logprobs)
                self.written.prompt.append((token, float(shares[token]), best))

    def _grow(self) -> str:
        """Let the text grow by what can no longer change, nor begin a stop string."""
        text = self.words.decode(self.written.ids)
        if self._stopped(text):
            return self._end(STOP)
        # A character of several tokens decodes to U+FFFD until it is whole.
        sure = text.rstrip(PARTIAL)
        return self._show(sure[: len(sure) - self.held] if self.held else sure)

    def _stopped(self, text: str) -> bool:
        return any(stop in text for stop in self.rules.stop)

    def _end(self, finish: str) -> str:
        text = self.words.decode(self.written.ids)
        # The first of all stop strings in the text, whichever it is.
        places = [text.find(stop) for stop in self.rules.stop if stop in text]
        self.written.finish = STOP if places else finish
        return self._show(text[: min(places)] if places else text, last=True)

    def _show(self, sure: str, last: bool = False) -> str:
        shown = self.written.text
        # Shown text is never taken back: what does not continue it waits for the end.
        if last or (len(sure) > len(shown) and sure.startswith(shown)):
            self.written.text = sure
        return self.written.text[len(shown) :] if self.written.text.startswith(shown) else ""


def _best(shares: Tensor, count: int) -> Likeliest:
    """List the likeliest tokens with their log-probabilities; of a small vocabulary all."""
    if not count:
        return []
    best = shares.topk(min(count, len(shares)))
    return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))


def write_together(
    model: LanguageModel,
    words: Words,
    prompts: Sequence[Sequence[int]],
    rules: Sequence[Rules],
    show: Callable[[int, str, Written], bool] | None = None,
) -> list[Written]:
    """Continue prompts of one length; give what was written of each, in their order.

    ``show`` gets a row's number, what is new of its text and all of it, after each token; False
    says that nobody wants the rest. When the context is full its second half is read again.
    """
    if len({len(prompt) for prompt in prompts}) != 1 or not prompts[0]:
        raise ValueError("prompts written together have one length, of at least one token")
    context = model.config.context
    # Of a prompt that is too long the end, which is what the text goes on from.
    rows = [_Row(p[-context:], r, words) for p, r in zip(prompts, rules, strict=True)]
    alive = list(range(len(rows)))
    cache = model.new_cache(len(rows), context)
    fresh, first = [row.tokens for row in rows], True
    while True:
        # Keys are of positions, which cannot be moved: the half that stays is read again from
        # position 0.
        if cache.length + len(fresh[0]) > context:
            fresh = [row.tokens[-max(1, context // 2) :] for row in rows]
            cache = model.new_cache(len(rows), context)
        with torch.no_grad():
            hidden = model(torch.tensor(fresh, device=model.device), cache=cache)  # (B, T, D)
            for number, row in enumerate(rows if first else ()):
                if row.rules.echo:
                    row.read(model, hidden[number])
            logits = model.logits(hidden[:, -1]).float().cpu()  # (B, V)
        first = False
        require_finite(logits, f"a score of token {len(rows[alive[0]].tokens):,}", DAMAGED)
        for number in alive:
            row = rows[number]
            new = row.take(logits[number])
            if show is not None and not show(number, new, row.written) and not row.written.finish:
                row.written.finish = GONE
        alive = [number for number in alive if not rows[number].written.finish]
        if not alive:
            return [row.written for row in rows]
        for number, row in enumerate(rows):  # rows that have ended keep step, and nobody reads them
            if number not in alive:
                row.tokens.append(row.tokens[-1])
        fresh = [[row.tokens[-1]] for row in rows]


def write_all(
    model: LanguageModel,
    words: Words,
    prompts: Sequence[Sequence[int]],
    rules: Sequence[Rules],
    batch: int = 16,
) -> list[Written]:
    """Continue any prompts: those of one length together, at most ``batch``; in their order."""
    found: dict[int, Written] = {}
    lengths: dict[int, list[int]] = {}
    for number, prompt in enumerate(prompts):
        lengths.setdefault(len(prompt), []).append(number)
    for numbers in lengths.values():
        for start in range(0, len(numbers), batch):
            some = numbers[start : start + batch]
            written = write_together(
                model, words, [prompts[n] for n in some], [rules[n] for n in some]
            )
            found.update(zip(some, written, strict=True))
    return [found[number] for number in range(len(prompts))]
