"""Ask a checkpoint for labels: by the likelihood of each label word, or by what it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from mind_core import MindError, Record
from mind_eval.scoring import ScoredSequence, score
from mind_tok.chat import encode_chat
from mind_train import Checkpoint
from mind_train.chat_prompt import chat_prompts
from mind_train.generate import generate

MAX_NEW = 32

ProgressCallback = Callable[[int], None]
"""Hears how many questions are answered so far."""


@dataclass(frozen=True)
class Question:
    """One question to a model: the conversation before the answer, and the word of each label.

    `more` are other words that mean a label when they stand alone.
    """

    messages: tuple[Record, ...]
    words: Mapping[str, str]
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said: log-probabilities (nats) of the labels or a text; and if it was cut."""

    scores: Mapping[str, float] | None
    text: str
    cut: bool


def score_labels(
    model: Checkpoint, questions: Sequence[Question], note: ProgressCallback
) -> Iterator[ModelAnswer]:
    """Yield the log-probability of each label for each question.

    An answer counts with its end token, so the words are complete answers of any length and need no
    length correction; the same tokens carried the loss in training. A question that is longer than
    the context loses its beginning.
    """
    rows: list[ScoredSequence] = []
    cuts: list[bool] = []
    for question in questions:
        cut = False
        for word in question.words.values():
            ids, scored = encode_answer(model, question, word)
            cut |= len(ids) > model.context + 1
            # The last token is predicted, never read: one more than the context fits.
            # From the left, where the question begins: the answer has to stay.
            rows.append(ScoredSequence(tuple(ids[-(model.context + 1) :]), scored))
        cuts.append(cut)
    labels = len(questions[0].words) if questions else 1
    answers = iter(score(model.model, rows, done=lambda count: note(count // labels)))
    for question, cut in zip(questions, cuts, strict=True):
        yield ModelAnswer({label: next(answers).total for label in question.words}, "", cut)


def encode_answer(model: Checkpoint, question: Question, word: str) -> tuple[list[int], int]:
    """Encode a conversation that ends with an answer; return its ids, and the answer's length.

    The answer's end token is counted.
    """
    answer = {"role": "assistant", "content": word}
    ids, mask = encode_chat(model.tokenizer, [*question.messages, answer])
    # The length of the run of ones at the end of the mask: the last answer with its end token.
    return ids, [*mask[::-1], 0].index(0)


def require_finite_weights(model: Checkpoint) -> None:
    """Raise `MindError` if a weight of the model is NaN or infinite."""
    for name, weight in model.model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise MindError(
                f"weight {name} of the model has values that are not finite",
                cause=f"checkpoint {model.fingerprint} at step {model.step}",
                hint="it is damaged or diverged: use an earlier checkpoint",
            )


def generate_answers(
    model: Checkpoint, questions: Sequence[Question], note: ProgressCallback, max_new: int = MAX_NEW
) -> Iterator[ModelAnswer]:
    """Yield what the model writes to each question: greedy, so many tokens at most.

    Raises `MindError` for a model with weights that are not finite: the greedy choice among NaN is
    always the first token, which would pass for an answer.
    """
    require_finite_weights(model)
    # The answer needs its place behind the prompt.
    room = max(1, model.context - max_new)
    prompts = chat_prompts(model)
    for n, question in enumerate(questions, 1):
        prompt = prompts.encode(question.messages)
        ids = generate(
            model, prompt[-room:], max_new=max_new, temperature=0.0, end_ids=prompts.end_ids
        )
        yield ModelAnswer(None, model.tokenizer.decode(ids), len(prompt) > room)
        note(n)
