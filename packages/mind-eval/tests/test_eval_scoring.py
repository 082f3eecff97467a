"""Shared and batched scores equal a plain computation, one sequence at a time, whole vocabulary."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import torch

import mind_eval.output_layer
from mind_eval.batching import plan, shares
from mind_eval.models.mind_network import MindNetwork
from mind_eval.scoring import PrefixScorer, ScoredSequence, score

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
def sequences(checkpoint: Checkpoint) -> list[ScoredSequence]:
    chance = random.Random(0)
    made = []
    for _ in range(40):
        length = chance.randint(2, 97)
        tokens = tuple(chance.randrange(2400) for _ in range(length))
        made.append(ScoredSequence(tokens, chance.randint(1, length - 1)))
    context = tuple(chance.randrange(2400) for _ in range(30))
    made += [ScoredSequence((*context, letter), 1) for letter in (5, 9, 5, 77)]
    likely = int(checkpoint.model.logits(checkpoint.model(torch.tensor([context])))[0, -1].argmax())
    return [*made, ScoredSequence((*context, likely), 1)]


@pytest.mark.parametrize("batch_tokens", [1, 100, 8192])
def test_scores_equal_a_direct_computation(
    checkpoint: Checkpoint, sequences: list[ScoredSequence], batch_tokens: int
) -> None:
    answers = score(checkpoint.model, sequences, batch_tokens=batch_tokens)
    assert len(answers) == len(sequences)
    for sequence, answer in zip(sequences, answers, strict=True):
        total, greedy = directly(checkpoint, sequence.tokens, sequence.scored)
        assert answer.total == pytest.approx(total, abs=1e-4)
        assert answer.greedy == greedy
        assert len(answer.logprobs) == sequence.scored
    assert answers[-1].greedy and not answers[0].greedy


def test_the_last_layer_goes_on_with_what_predicts_alone(checkpoint: Checkpoint) -> None:
    """Of windows of 97 tokens that predict 20 each, the last feed-forward layer reads 20 tokens."""
    chance = random.Random(3)
    rows = [tuple(chance.randrange(2400) for _ in range(97)) for _ in range(12)]
    asked = [ScoredSequence(row, 20) for row in rows]
    asked += [ScoredSequence((*rows[0][:60], *ending), 2) for ending in ((5, 9), (7, 9), (8, 1))]
    counts: list[int] = []
    blocks = checkpoint.model.blocks
    assert isinstance(blocks, torch.nn.ModuleList)
    hooks = [
        block.register_forward_hook(lambda _, given, out: counts.append(out.shape[1]))
        for block in (blocks[-1], blocks[0])
    ]
    answers = score(checkpoint.model, asked)
    for hook in hooks:
        hook.remove()
    shared = 56  # of row and endings, read for their keys and values; endings share one token more
    assert sum(counts[1::2]) == shared + 12 * 20 + 4
    assert sum(counts[::2]) == 12 * 96 + 4 + 3
    for one, answer in zip(asked, answers, strict=True):
        total, greedy = directly(checkpoint, one.tokens, one.scored)
        assert answer.total == pytest.approx(total, rel=1e-5) and answer.greedy == greedy


def test_passes_of_round_sizes_score_the_same(
    checkpoint: Checkpoint, sequences: list[ScoredSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that make a pass of bfloat16 a multiple of 64 are of no use, and leave no trace."""
    network, sizes = MindNetwork(checkpoint.model), []
    plain = score(network, sequences)
    network.rounds, forward = True, checkpoint.model.forward

    def noted(ids: torch.Tensor, **more: object) -> torch.Tensor:
        sizes.append(ids.shape[1])
        return forward(ids, **more)

    monkeypatch.setattr(checkpoint.model, "forward", noted)
    for one, other in zip(plain, score(network, sequences), strict=True):
        assert other.logprobs == pytest.approx(one.logprobs, abs=1e-5)
    assert sizes and not any(size % 64 for size in sizes)


def test_same_input_is_read_once(checkpoint: Checkpoint, sequences: list[ScoredSequence]) -> None:
    counts: list[int] = []
    handle = checkpoint.model.register_forward_hook(lambda m, a, out: counts.append(len(out)))
    score(checkpoint.model, sequences[-5:])
    handle.remove()
    assert counts == [1], "five answers to one context are one row of one pass"


def test_progress_counts_every_answer(
    checkpoint: Checkpoint, sequences: list[ScoredSequence]
) -> None:
    heard: list[int] = []
    score(checkpoint.model, sequences, batch_tokens=300, done=heard.append)
    assert heard[-1] == len(sequences)
    assert heard == sorted(heard)


@pytest.fixture(scope="module")
def questions() -> list[ScoredSequence]:
    """Make two subjects with shots of their own, questions of any length, four answers each."""
    chance = random.Random(1)

    def draw(count: int) -> tuple[int, ...]:
        return tuple(chance.randrange(2400) for _ in range(count))

    made = []
    for subject in (draw(40), draw(33)):
        for _ in range(12):
            context = (*subject, *draw(chance.randint(1, 20)))
            for _ in range(4):
                answer = draw(chance.randint(1, 12))
                made.append(ScoredSequence((*context, *answer), len(answer)))
    return made


@pytest.mark.parametrize("batch_tokens", [50, 300, 8192])
@pytest.mark.parametrize("vocabulary", [700, 16384])
def test_shared_prefixes_change_no_score(
    checkpoint: Checkpoint,
    questions: list[ScoredSequence],
    batch_tokens: int,
    vocabulary: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mind_eval.output_layer, "VOCABULARY_AT_ONCE", vocabulary)
    answers = score(checkpoint.model, questions, batch_tokens=batch_tokens)
    for sequence, answer in zip(questions, answers, strict=True):
        total, greedy = directly(checkpoint, sequence.tokens, sequence.scored)
        assert answer.total == pytest.approx(total, rel=1e-5, abs=1e-4)
        assert answer.greedy == greedy
        assert len(answer.logprobs) == sequence.scored


def test_a_subject_and_a_question_are_read_once(
    checkpoint: Checkpoint, questions: list[ScoredSequence]
) -> None:
    units = plan(questions, 8192)
    assert sorted(len(unit.prefix) for unit in units) == [32, 40]
    scorer = PrefixScorer(MindNetwork(checkpoint.model))
    for unit in units:
        scorer.answer(unit, questions)
    each = sum(len(sequence.input) for sequence in questions)
    assert scorer.tokens < each / 3, "padding is counted too"


def test_units_hold_the_budget_and_answer_everything_once(questions: list[ScoredSequence]) -> None:
    for budget in (60, 400, 8192):
        for share in (True, False):
            units = plan(questions, budget, share=share)
            found = [index for unit in units for index in unit.sequences]
            assert sorted(found) == list(range(len(questions)))
            for unit in units:
                longest = max(len(row.read) for row in unit.rows)
                assert len(unit.rows) == 1 or len(unit.rows) * longest <= budget
                assert all(row.read[: len(unit.prefix)] == unit.prefix for row in unit.rows)


def test_ranks_share_all_units_in_order(questions: list[ScoredSequence]) -> None:
    units = plan(questions, 200)
    for ranks in (1, 2, 3, 50):
        parts = shares(units, ranks)
        assert [unit for part in parts for unit in part] == units and len(parts) == ranks
    costs = [sum(unit.cost for unit in part) for part in shares(units, 2)]
    assert max(costs) - min(costs) <= 2 * max(unit.cost for unit in units)


def test_many_alike_beginnings_do_not_nest_too_deep() -> None:
    tokens = tuple(range(2000))
    sequences = [ScoredSequence((*tokens[:length], 9, 9), 1) for length in range(1, 2000)]
    assert sum(len(unit.sequences) for unit in plan(sequences, 8192)) == len(sequences)


def test_of_equally_likely_tokens_greedy_decoding_writes_the_first() -> None:
    from mind_eval.output_layer import Head, score_targets

    hidden = torch.ones(3, 4)
    weight = torch.zeros(50, 4)
    weight[7], weight[30], weight[45] = 1, 1, 0.5
    rows, targets = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([7, 30, 0, 45, 7])
    for chunk in (8, 20, 64):  # ties within a chunk of the vocabulary, and across chunks
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mind_eval.output_layer, "VOCABULARY_AT_ONCE", chunk)
            logprobs, greedy = score_targets(Head(weight), hidden, rows, targets)
        assert greedy.tolist() == [True, False, False, False, True]
        plain = (hidden @ weight.t()).log_softmax(-1)[rows, targets]
        assert torch.allclose(logprobs, plain, atol=1e-6)
