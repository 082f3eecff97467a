"""Is a model better than the trivial: paired differences, blocks of days, Holm, baselines."""

import random
from datetime import date, timedelta

import numpy as np
import pytest

from mind_core import Record
from mind_domain.baselines import baseline_predictions, known_text
from mind_domain.comparing import compare, holm
from mind_domain.metrics import draw_weights, score_table

LABELS = ("rise", "flat", "fall")


def test_weights_are_as_many_as_clusters_and_blocks_are_neighbours() -> None:
    chooser = np.random.default_rng(0)
    assert (draw_weights(chooser, 30, 50).sum(axis=1) == 30).all()
    blocks = draw_weights(chooser, 30, 200, block=5)
    assert (blocks.sum(axis=1) == 30).all()
    # A day is drawn with its neighbours: weights of two days side by side go together.
    assert np.corrcoef(blocks[:, 10], blocks[:, 11])[0, 1] > 0.5
    assert abs(np.corrcoef(blocks[:, 10], blocks[:, 20])[0, 1]) < 0.25
    assert (draw_weights(chooser, 3, 20, block=9).sum(axis=1) == 3).all()


def test_overlapping_returns_are_less_evidence() -> None:
    """Five days share what moved them: drawn one by one they would claim too much."""
    chooser = random.Random(3)
    pairs, days = [], []
    for week in range(40):
        guess = "rise" if chooser.random() < 0.5 else "fall"
        for day in range(5):
            pairs += [("rise", guess)] * 4
            days += [str(date(2020, 1, 1) + timedelta(days=week * 5 + day))] * 4
    widths = {}
    for block in (1, 5):
        found = score_table(pairs, days, LABELS, block=block)["metrics"]["accuracy"]
        widths[block] = found["high"] - found["low"]
    assert widths[5] > 1.5 * widths[1]


def test_paired_differences_are_sharper_than_two_intervals() -> None:
    chooser = np.random.default_rng(1)
    day = np.repeat(np.arange(80), 20)
    luck = chooser.normal(size=80)[day]
    one = (luck + chooser.normal(size=1600) + 0.35) > 0
    other = one & (chooser.random(1600) < 0.97)
    clusters = [f"{n:03}" for n in day]
    found = compare(one.tolist(), {"other": other.tolist()}, clusters, 1000, 0, 1)["other"]
    assert found["difference"] == pytest.approx(float(one.mean() - other.mean()), abs=1e-6)
    assert found["low"] <= found["difference"] <= found["high"]
    assert found["resolved"] and found["p_holm"] < 0.05
    assert found["high"] - found["low"] < 0.03
    same = compare(one.tolist(), {"same": one.tolist()}, clusters, 500, 0, 1)["same"]
    assert (same["difference"], same["resolved"], same["p"]) == (0.0, False, 1.0)


def test_differences_that_are_none_are_rarely_resolved() -> None:
    """Of 200 pairs of coin tosses about one in twenty is called a difference."""
    wrong = 0
    for seed in range(200):
        chooser = np.random.default_rng(seed)
        clusters = [f"{n // 5:03}" for n in range(400)]
        one, other = (chooser.random(400) < 0.4 for _ in range(2))
        wrong += compare(one.tolist(), {"x": other.tolist()}, clusters, 400, seed + 999, 1)["x"][
            "resolved"
        ]
    assert 3 <= wrong <= 20


def test_a_difference_of_the_detectable_size_is_found_in_four_of_five() -> None:
    found = 0
    for seed in range(100):
        chooser = np.random.default_rng(seed)
        clusters = [f"{n:04}" for n in range(600)]
        other = chooser.random(600) < 0.40
        one = chooser.random(600) < 0.48
        # Another seed than the data have, or the draws would be made of the same numbers.
        row = compare(one.tolist(), {"x": other.tolist()}, clusters, 400, seed + 999, 1)["x"]
        assert row["detectable"] == pytest.approx(0.08, abs=0.01)
        found += row["resolved"]
    assert 68 <= found <= 92


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a": 0.03, "b": 0.06, "c": 0.06}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def made(number: int, text: str, label: str, ticker: str = "KO", hour: int = 9) -> Record:
    noted = {
        "label": label,
        "ticker": ticker,
        "published": f"2015-07-0{number % 5 + 1}T{hour:02}:00:00",
    }
    return {"id": str(number), "text": text, "metadata": {"mind": {"domain": noted}}}


def test_baselines_know_what_their_names_say() -> None:
    train = [made(n, "up up and away", "rise", "KO", 9) for n in range(6)]
    train += [made(n, "down it goes", "fall", "XOM", 15) for n in range(5)]
    test = [made(0, "down down", "fall", "KO", 9), made(1, "away", "rise", "XOM", 15),
            made(2, "nothing", "rise", "NEW", 3)]  # fmt: skip
    found = baseline_predictions(
        [known_text(one) for one in train], [known_text(one) for one in test], 0
    )
    assert found["majority"] == ["rise"] * 3
    assert found["share"] == ["rise", "fall", "rise"]
    assert found["time"] == ["rise", "fall", "rise"]
    assert found["bag_of_words"][:2] == ["fall", "rise"]


def test_one_class_is_no_regression() -> None:
    train = [known_text(made(n, "word", "rise")) for n in range(3)]
    assert baseline_predictions(train, train, 0)["bag_of_words"] == ["rise"] * 3
