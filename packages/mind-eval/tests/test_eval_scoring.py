"""Batched scores equal a plain computation, one sequence at a time over the whole vocabulary."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import torch

from mind_eval.scoring import Sequenced, batches, score

if TYPE_CHECKING:
    from mind_train import Checkpoint


def directly(checkpoint: Checkpoint, tokens: tuple[int, ...], scored: int) -> tuple[float, bool]:
    with torch.no_grad():
        logits = checkpoint.model.logits(checkpoint.model(torch.tensor([tokens[:-1]])))[0].double()
    logprobs = logits.log_softmax(-1)
    wanted = range(len(tokens) - scored, len(tokens))
    total = sum(float(logprobs[place - 1, tokens[place]]) for place in wanted)
    greedy = all(int(logits[place - 1].argmax()) == tokens[place] for place in wanted)
    return total, greedy


@pytest.fixture(scope="module")
def sequences(checkpoint: Checkpoint) -> list[Sequenced]:
    chance = random.Random(0)
    made = []
    for _ in range(40):
        length = chance.randint(2, 97)
        tokens = tuple(chance.randrange(2400) for _ in range(length))
        made.append(Sequenced(tokens, chance.randint(1, length - 1)))
    context = tuple(chance.randrange(2400) for _ in range(30))
    made += [Sequenced((*context, letter), 1) for letter in (5, 9, 5, 77)]
    likely = int(checkpoint.model.logits(checkpoint.model(torch.tensor([context])))[0, -1].argmax())
    return [*made, Sequenced((*context, likely), 1)]


@pytest.mark.parametrize("batch_tokens", [1, 100, 8192])
def test_scores_equal_a_direct_computation(
    checkpoint: Checkpoint, sequences: list[Sequenced], batch_tokens: int
) -> None:
    answers = score(checkpoint.model, sequences, batch_tokens=batch_tokens)
    assert len(answers) == len(sequences)
    for sequence, answer in zip(sequences, answers, strict=True):
        total, greedy = directly(checkpoint, sequence.tokens, sequence.scored)
        assert answer.total == pytest.approx(total, abs=1e-4)
        assert answer.greedy == greedy
        assert len(answer.logprobs) == sequence.scored
    assert answers[-1].greedy and not answers[0].greedy


def test_same_input_is_read_once(checkpoint: Checkpoint, sequences: list[Sequenced]) -> None:
    counts: list[int] = []
    handle = checkpoint.model.register_forward_hook(lambda m, a, out: counts.append(len(out)))
    score(checkpoint.model, sequences[-5:])
    handle.remove()
    assert counts == [1], "five answers to one context are one row of one pass"


def test_progress_counts_every_answer(checkpoint: Checkpoint, sequences: list[Sequenced]) -> None:
    heard: list[int] = []
    score(checkpoint.model, sequences, batch_tokens=300, done=heard.append)
    assert heard[-1] == len(sequences)
    assert heard == sorted(heard)


def test_batches_hold_the_budget_with_padding() -> None:
    inputs = [tuple(range(n)) for n in (50, 3, 40, 7, 7, 1, 90)]
    made = list(batches(inputs, 100))
    assert sorted(item for batch in made for item in batch) == sorted(inputs)
    assert all(len(batch) * len(batch[0]) <= 100 for batch in made)
    assert [len(batch[0]) for batch in made] == [90, 50, 7]
