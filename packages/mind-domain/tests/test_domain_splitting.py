"""The split by date: no leak from test to training, whatever the records are."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from mind_core import MindError, Reason
from mind_domain.splitting import TEST, TRAIN, Dated, SplitRule, dated, split

CUT = date(2015, 9, 1)


def one(
    day: int, *, label: str = "rise", story: str = "", lasts: int = 1, key: str | None = None
) -> Dated:
    """Make a record that is published `day` days after the cut and settled `lasts` days later."""
    published = CUT + timedelta(days=day)
    until = published + timedelta(days=lasts)
    return Dated(
        key or f"{day}/{label}/{story}", label, story or f"s{day}{label}", published, until
    )


def many(count: int, seed: int) -> list[Dated]:
    chooser = random.Random(seed)
    labels = ["rise"] * 5 + ["flat"] * 3 + ["fall"] * 2
    return [
        one(
            chooser.randint(-50, 30),
            label=chooser.choice(labels),
            story=f"story {chooser.randrange(count // 2)}",
            lasts=chooser.randint(1, 4),
            key=str(n),
        )
        for n in range(count)
    ]


def test_the_sides_and_what_lies_between() -> None:
    records = [one(-2), one(-1), one(0), one(-1, lasts=0, label="fall")]
    sides = split(records, SplitRule(CUT, balance=False))
    assert sides == [TRAIN, "embargo", TEST, TRAIN]
    # One day of horizon: what was published the day before is settled on the day of the cut.
    assert isinstance(sides[1], Reason)
    assert sides[1].value == "2015-09-01"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_of_test_is_known_to_training(seed: int) -> None:
    records = many(400, seed)
    sides = split(records, SplitRule(CUT, seed=seed))
    train = [record for record, side in zip(records, sides, strict=True) if side == TRAIN]
    test = [record for record, side in zip(records, sides, strict=True) if side == TEST]
    assert max(record.until for record in train) < CUT <= min(record.published for record in test)
    assert not {record.story for record in train} & {record.story for record in test}
    counts = Counter(record.label for record in train)
    assert len(set(counts.values())) == 1
    assert len(Counter(record.label for record in test)) == 3
    assert len(sides) == len(records)


def test_test_keeps_its_natural_shares() -> None:
    records = many(2000, 3)
    whole = split(records, SplitRule(CUT))
    natural = Counter(r.label for r, side in zip(records, whole, strict=True) if side == TEST)
    assert natural["rise"] > natural["flat"] > natural["fall"]
    some = split(records, SplitRule(CUT, test_size=50))
    assert Counter(map(str, some))["test"] == 50
    assert Counter(map(str, some))["test_size"] == natural.total() - 50


def test_the_choice_depends_on_seed_and_id_alone() -> None:
    records = many(300, 1)
    order = list(range(300))
    random.Random(2).shuffle(order)
    sides = split(records, SplitRule(CUT, seed=5))
    shuffled = split([records[n] for n in order], SplitRule(CUT, seed=5))
    assert [shuffled[order.index(n)] for n in range(300)] == sides
    assert split(records, SplitRule(CUT, seed=6)) != sides


def test_sizes() -> None:
    records = many(600, 4)
    sides = split(records, SplitRule(CUT, train_size=30))
    counts = Counter(r.label for r, side in zip(records, sides, strict=True) if side == TRAIN)
    assert counts == {"rise": 10, "flat": 10, "fall": 10}
    loose = split(records, SplitRule(CUT, train_size=30, balance=False))
    assert Counter(map(str, loose))["train"] == 30
    with pytest.raises(MindError) as caught:
        split(records, SplitRule(CUT, train_size=6000))
    assert "the most is" in str(caught.value.hint)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(MindError) as caught:
        split([one(-5), one(-4, label="fall")], SplitRule(CUT))
    assert "no record to test" in caught.value.message
    assert "from 2015-08-27 to 2015-08-28" in str(caught.value.cause)


def test_a_record_without_label_is_named() -> None:
    with pytest.raises(MindError) as caught:
        dated({"id": "a", "text": "b"}, "record 7")
    assert caught.value.message.startswith("record 7")
