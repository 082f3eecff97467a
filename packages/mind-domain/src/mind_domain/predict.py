"""Ask a checkpoint for labels: by the likelihood of each label word, or by what it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mind_core import Record
from mind_eval.scoring import Sequenced, score
from mind_tok.chat import encode_chat, encode_prompt
from mind_train import Checkpoint
from mind_train.generate import generate

MAX_NEW = 32

Note = Callable[[int], None]
"""Hears how many questions are answered so far."""


@dataclass(frozen=True)
class Ask:
    """One question to a model: the conversation before the answer, and the word of each label."""

    messages: tuple[Record, ...]
    words: Mapping[str, str]


@dataclass(frozen=True)
class Heard:
    """What a model said: log-probabilities (nats) of the labels or a text; and if it was cut."""

    scores: Mapping[str, float] | None
    text: str
    cut: bool


def likelihoods(model: Checkpoint, asks: Sequence[Ask], note: Note) -> Iterator[Heard]:
    """Yield the log-probability of each label for each question.

    An answer counts with its end token, so the words are complete answers of any length and need no
    length correction; the same tokens carried the loss in training. A question that is longer than
    the context loses its beginning.
    """
    rows: list[Sequenced] = []
    cuts: list[bool] = []
    for ask in asks:
        cut = False
        for word in ask.words.values():
            ids, scored = encode_answer(model, ask, word)
            cut |= len(ids) > model.context + 1
            # The last token is predicted, never read: one more than the context fits.
            rows.append(Sequenced(tuple(ids[-(model.context + 1) :]), scored))
        cuts.append(cut)
    labels = len(asks[0].words) if asks else 1
    answers = iter(score(model.model, rows, done=lambda count: note(count // labels)))
    for ask, cut in zip(asks, cuts, strict=True):
        yield Heard({label: next(answers).total for label in ask.words}, "", cut)


def encode_answer(model: Checkpoint, ask: Ask, word: str) -> tuple[list[int], int]:
    """Encode a conversation that ends with an answer; return its ids, and the answer's length.

    The answer's end token is counted.
    """
    answer = {"role": "assistant", "content": word}
    ids, mask = encode_chat(model.tokenizer, [*ask.messages, answer])
    return ids, [*mask[::-1], 0].index(0)


def written(model: Checkpoint, asks: Sequence[Ask], note: Note) -> Iterator[Heard]:
    """Yield what the model writes to each question: greedy, 32 tokens at most."""
    room = max(1, model.context - MAX_NEW)
    for n, ask in enumerate(asks, 1):
        prompt = encode_prompt(model.tokenizer, list(ask.messages))
        ids = generate(model, prompt[-room:], max_new=MAX_NEW, temperature=0.0)
        yield Heard(None, model.tokenizer.decode(ids), len(prompt) > room)
        note(n)
