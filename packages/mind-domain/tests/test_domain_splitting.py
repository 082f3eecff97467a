"""The split by date: no leak from test to training, whatever the records are."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from mind_core import MindError, Reason
from mind_domain.near_copies import VIEWS, near_copies
from mind_domain.splitting import (
    TEST,
    TRAIN,
    VALIDATION,
    DatedRecord,
    SplitRule,
    dates_of_fractions,
    parse_fractions,
    read_dated,
    split,
)

CUT = date(2015, 9, 1)


def one(
    day: int,
    *,
    label: str = "rise",
    story: str = "",
    lasts: int = 1,
    key: str | None = None,
    text: str = "",
) -> DatedRecord:
    """Make a record that is published `day` days after the cut and settled `lasts` days later."""
    published = CUT + timedelta(days=day)
    until = published + timedelta(days=lasts)
    return DatedRecord(
        key or f"{day}/{label}/{story}", label, story or f"s{day}{label}", published, until, text
    )


def many(count: int, seed: int) -> list[DatedRecord]:
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
    remarks: list[str] = []
    most = split(records, SplitRule(CUT, train_size=6000, test_size=6000), remarks)
    assert most == split(records, SplitRule(CUT))
    assert [remark.split(" were")[0] for remark in remarks] == [
        "6,000 training records", "6,000 test records"
    ]  # fmt: skip


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(MindError) as caught:
        split([one(-5), one(-4, label="fall")], SplitRule(CUT))
    assert "no record to test" in caught.value.message
    assert "from 2015-08-27 to 2015-08-28" in str(caught.value.cause)


def test_a_record_without_label_is_named() -> None:
    with pytest.raises(MindError) as caught:
        read_dated({"id": "a", "text": "b"}, "record 7")
    assert caught.value.message.startswith("record 7")


def test_three_sides_with_an_embargo_before_each() -> None:
    rule = SplitRule(CUT, CUT - timedelta(days=10), balance=False)
    records = [one(day, label=label) for day in range(-30, 10) for label in ("rise", "fall")]
    sides = split(records, rule)
    for cut, earlier, later in ((rule.validation, TRAIN, VALIDATION), (CUT, VALIDATION, TEST)):
        assert cut is not None
        chosen = list(zip(records, sides, strict=True))
        assert max(r.until for r, side in chosen if side == earlier) < cut
        assert min(r.published for r, side in chosen if side == later) == cut
    assert Counter(map(str, sides))["embargo"] == 4


def test_fractions_of_the_days() -> None:
    records = [one(day) for day in range(100) for _ in range(day % 3 + 1)]
    test, validation = dates_of_fractions(records, parse_fractions("0.8,0.1,0.1"))
    assert (test, validation) == (CUT + timedelta(days=90), CUT + timedelta(days=80))
    assert dates_of_fractions(records, (0.8, 0.2)) == (CUT + timedelta(days=80), None)
    for text in ("0.8", "0.8,0.1", "0.8,0.3", "a,b", "0.5,0.25,0.125,0.125", "1,0"):
        with pytest.raises(MindError):
            parse_fractions(text)


def test_near_copies_of_an_earlier_side_lose() -> None:
    told = "the board of the company has approved a dividend of one dollar for each share"
    records = [
        one(-9, text=told), one(-9, text="quite another thing", label="fall"),
        one(1, text=f"RT @someone: {told} http://t.co/x", key="copy"),
        one(2, text=told.replace("one dollar", "2 dollars"), key="near"),
        one(3, text="nothing of the kind was said by anybody at all", key="new"),
    ]  # fmt: skip
    sides = split(records, SplitRule(CUT, balance=False, near=0.5))
    assert [str(side) for side in sides] == [TRAIN, TRAIN, "near_copy", "near_copy", TEST]
    reason = sides[3]
    assert isinstance(reason, Reason)
    assert 0.5 <= reason.value < 1 and reason.threshold == records[0].key
    assert TEST in split(records, SplitRule(CUT, balance=False, near=0))[2:4]


@pytest.mark.parametrize("threshold", [0.3, 0.7, 1.0])
def test_no_near_copy_is_missed(threshold: float) -> None:
    """Compare with every pair, counted by sets of word 3-grams."""
    chooser = random.Random(5)
    words = [f"w{n}" for n in range(12)] + ["涨", "跌停了", "$KO", "17"]
    texts = [" ".join(chooser.choices(words, k=chooser.randint(0, 9))) for _ in range(300)]
    texts += [text.replace("w1", "w2") for text in texts[:60]]
    earlier, later = texts[::2], texts[1::2]

    def grams(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[n : n + 3]) for n in range(max(1, len(words) - 2))} if words else set()

    wanted = []
    for text in later:
        best = 0.0
        for other in earlier:
            for view in VIEWS:
                a, b = grams(view(text)), grams(view(other))
                best = max(best, len(a & b) / len(a | b) if a and b else 0.0)
        wanted.append(best if best >= threshold else None)
    found = near_copies(later, earlier, threshold)
    assert [None if one is None else one[0] for one in found] == pytest.approx(wanted)
    assert 10 < sum(one is not None for one in found) < len(later)


def test_edges_fitted_on_later_dates_are_refused() -> None:
    from dataclasses import replace

    records = [one(-9), one(-9, label="fall"), one(1)]
    honest = [replace(record, fit_until=CUT) for record in records]
    assert split(honest, SplitRule(CUT)) == split(records, SplitRule(CUT))
    late = [replace(record, fit_until=CUT + timedelta(days=1)) for record in records]
    with pytest.raises(MindError, match="edges between classes were fitted on dates before"):
        split(late, SplitRule(CUT))


def test_a_class_without_training_records_is_refused() -> None:
    with pytest.raises(MindError, match="training has no record of class fall"):
        split([one(-5), one(3), one(3, label="fall")], SplitRule(CUT))
