"""Metrics equal scikit-learn's, and intervals say how much evidence there is."""

import random

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from mind_domain.metrics import confusion, measure, score_table

LABELS = ("rise", "flat", "fall")


def draw(count: int, seed: int, unparsed: float) -> list[tuple[str, str | None]]:
    chooser = random.Random(seed)
    pairs: list[tuple[str, str | None]] = []
    for _ in range(count):
        truth = chooser.choice(LABELS)
        guess = truth if chooser.random() < 0.4 else chooser.choice(LABELS[:2])
        pairs.append((truth, None if chooser.random() < unparsed else guess))
    return pairs


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("unparsed", [0.0, 0.2, 1.0])
def test_equal_to_scikit_learn(seed: int, unparsed: float) -> None:
    pairs = draw(200, seed, unparsed)
    truth = [pair[0] for pair in pairs]
    guess = [pair[1] or "unparsed" for pair in pairs]
    table = confusion(pairs, LABELS)
    ours = {name: float(value) for name, value in measure(table, majority=1).items()}
    assert ours["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert ours["mcc"] == pytest.approx(matthews_corrcoef(truth, guess))
    f1 = f1_score(truth, guess, labels=list(LABELS), average="macro", zero_division=0)
    assert ours["macro_f1"] == pytest.approx(f1)
    assert ours["unparsed"] == pytest.approx(guess.count("unparsed") / len(guess))
    assert ours["majority_accuracy"] == truth.count("flat") / 200
    assert ours["gain"] == pytest.approx(ours["accuracy"] - ours["majority_accuracy"])


def test_always_the_majority_gains_nothing() -> None:
    pairs = [("rise", "rise")] * 60 + [("fall", "rise")] * 40
    scores = score_table(pairs, [str(n) for n in range(100)], LABELS)
    gain = scores["metrics"]["gain"]
    assert (scores["majority"], gain["value"], gain["high"]) == ("rise", 0.0, 0.0)
    assert scores["metrics"]["mcc"]["value"] == 0.0
    assert scores["confusion"]["fall"] == {"rise": 40, "flat": 0, "fall": 0, "unparsed": 0}


def test_a_class_that_never_occurs_does_not_count() -> None:
    pairs = [("rise", "rise"), ("fall", "fall"), ("fall", "rise")] * 5
    truth, guess = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ours = float(measure(confusion(pairs, LABELS), 0)["macro_f1"])
    assert ours == pytest.approx(f1_score(truth, guess, average="macro"))


def test_texts_that_share_an_answer_are_less_evidence() -> None:
    """100 days with 10 texts each and all ten right or wrong: as wide as 100 texts."""
    chooser = np.random.default_rng(1)
    pairs, days = [], []
    for day in range(100):
        guess = "rise" if chooser.random() < 0.5 else "fall"
        pairs += [("rise", guess)] * 10
        days += [str(day)] * 10
    by_day = score_table(pairs, days, LABELS)["metrics"]["accuracy"]
    by_text = score_table(pairs, [str(n) for n in range(1000)], LABELS)["metrics"]["accuracy"]
    assert by_day["value"] == by_text["value"]
    assert by_day["high"] - by_day["low"] == pytest.approx(4 * 0.05, rel=0.15)
    assert by_text["high"] - by_text["low"] == pytest.approx(4 * 0.05 / 10**0.5, rel=0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    pairs = draw(100, 0, 0.1)
    clusters = [str(n // 3) for n in range(100)]
    assert score_table(pairs, clusters, LABELS, seed=3) == score_table(
        pairs, clusters, LABELS, seed=3
    )
    assert score_table(pairs, clusters, LABELS, draws=0)["metrics"]["accuracy"].keys() == {"value"}


@pytest.mark.parametrize("draws", [1, 50, 120])
def test_intervals_come_from_as_many_draws_as_were_asked(draws: int) -> None:
    """Compute them a second way: one draw of clusters after another, from the same generator."""
    pairs = draw(60, 2, 0.1)
    clusters = [f"{n // 4:02}" for n in range(60)]
    table = confusion(pairs, LABELS)
    majority = int(table.sum(axis=1).argmax())
    chooser = np.random.Generator(np.random.PCG64(9))
    rows = chooser.multinomial(15, np.full(15, 1 / 15), size=draws)
    drawn = []
    for weights in rows:
        sample = [pair for pair, cluster in zip(pairs, clusters, strict=True)
                  for _ in range(weights[int(cluster)])]  # fmt: skip
        drawn.append({k: float(v) for k, v in measure(confusion(sample, LABELS), majority).items()})
    found = score_table(pairs, clusters, LABELS, draws=draws, seed=9)["metrics"]
    for name in drawn[0]:
        low, high = np.quantile([one[name] for one in drawn], [0.025, 0.975])
        assert (found[name]["low"], found[name]["high"]) == pytest.approx((low, high), abs=1e-6)


def test_every_number_of_a_score_table() -> None:
    pairs = [("rise", "rise"), ("rise", "fall"), ("fall", "fall"), ("flat", None)]
    found = score_table(pairs, ["a", "a", "b", "c"], LABELS, draws=0)
    assert (found["records"], found["clusters"], found["majority"]) == (4, 3, "rise")
    assert found["confusion"] == {
        "rise": {"rise": 1, "flat": 0, "fall": 1, "unparsed": 0},
        "flat": {"rise": 0, "flat": 0, "fall": 0, "unparsed": 1},
        "fall": {"rise": 0, "flat": 0, "fall": 1, "unparsed": 0},
    }
    values = {name: metric["value"] for name, metric in found["metrics"].items()}
    assert values == {
        "accuracy": 0.5,
        "macro_f1": pytest.approx((2 / 3 + 0 + 2 / 3) / 3, abs=1e-6),
        # Correct 2 of 4; marginals 2, 1, 1 and 1, 0, 2, 1: (2·4 - 4) / sqrt((16-6)·(16-6)).
        "mcc": 0.4,
        "unparsed": 0.25,
        "majority_accuracy": 0.5,
        "gain": 0.0,
        "balanced_accuracy": 0.5,  # recall 1/2, 0 and 1
    }
    assert found["per_class"] == {
        "rise": {
            "precision": 1.0,
            "recall": 0.5,
            "f1": pytest.approx(2 / 3, abs=1e-6),
            "records": 2,
        },
        "flat": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "records": 1},
        "fall": {
            "precision": 0.5,
            "recall": 1.0,
            "f1": pytest.approx(2 / 3, abs=1e-6),
            "records": 1,
        },
    }
