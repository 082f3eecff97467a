"""Inputs that are rare and allowed: few days, one-sided scores, pairs in a sheet, odd clocks."""

import csv
import json
import math
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mind_core import MindError, Reason
from mind_core.errors import UsageError
from mind_core.output import write_records
from mind_core.testing import run_tool
from mind_domain.buckets import BucketRule, _write_buckets, parse_edges
from mind_domain.domains.finance.finance import Finance
from mind_domain.domains.finance.price_rows import PriceRow, read_price_rows
from mind_domain.domains.finance.tickers import TickerIndex
from mind_domain.domains.finance.timestamps import read_timestamp
from mind_domain.judges.offline import RankingsJudge
from mind_domain.judging import AnsweredQuestion, JudgeRule, make_trials
from mind_domain.predict import Question
from mind_domain.scoring import Item, Prediction, calibrate
from mind_domain.splitting import DatedRecord, dates_of_fractions

DAY = date(2020, 1, 1)


@pytest.mark.parametrize(
    ("count", "shares", "places"),
    [
        (3, (0.9, 0.05, 0.05), (1, 2)), (10, (0.95, 0.03, 0.02), (8, 9)),
        (3, (0.05, 0.05, 0.9), (1, 2)), (10, (0.45, 0.04, 0.51), (4, 5)),
        (2, (0.9, 0.1), (None, 1)), (2, (0.1, 0.9), (None, 1)),
        (100, (0.8, 0.1, 0.1), (80, 90)),
    ],
)  # fmt: skip
def test_few_days_leave_each_side_one(
    count: int, shares: tuple[float, ...], places: tuple[int | None, int]
) -> None:
    days = [DAY + timedelta(days=n) for n in range(count)]
    records = [DatedRecord(str(day), "rise", str(day), day, day) for day in days]
    validation, test = places
    wanted = days[test], None if validation is None else days[validation]
    assert dates_of_fractions(records, shares) == wanted


def test_a_bucket_with_fewer_tokens_than_any_record_of_another_is_refused(tmp_path: Path) -> None:
    rule = BucketRule((), parse_edges("0-20,20-40"))
    records: list[dict[str, Any]] = [{"id": str(n)} for n in range(3)]
    with pytest.raises(MindError, match="no conversation of bucket 20-40 fits into the 3 tokens"):
        _write_buckets(tmp_path, rule, records, [3, 30, 31], None)


def test_a_label_that_known_items_never_get_has_a_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    def scored(scores: dict[str, float]) -> Prediction:
        return Prediction("rise", "", False, {"rise": 1.0, "fall": 0.0}, scores)

    words = {"rise": "rise", "fall": "fall"}
    item = Item("a", Question(({"role": "user", "content": "x"},), words, {}), "rise", "a")
    known = [item, item]
    # What a model gives that is sure of itself; the second label's share rounds to 0.
    answers = [scored({"rise": -0.5, "fall": -30.5}), scored({"rise": -0.5, "fall": -800.5})]
    monkeypatch.setattr("mind_domain.scoring.predict", lambda *_: answers)
    guess = scored({"rise": -1.0, "fall": -29.0})
    (found,) = calibrate(None, [item], [guess], known)  # type: ignore[arg-type]
    assert found.scores is not None
    # The mean chance of "fall" is exp(-30) / 2 of both, its share half an item.
    assert found.scores["fall"] == pytest.approx(-29.0 + 30.0 + math.log(0.5), abs=1e-6)
    assert found.scores["rise"] == pytest.approx(-1.0, abs=1e-6)
    assert found.label == "fall"


def test_a_person_ranks_pairs_in_a_sheet(tmp_path: Path) -> None:
    rows = [
        {"question_id": f"q{n}", "messages": [{"role": "user", "content": "Why?"}],
         "replies": {name: f"{name} says {n}" for name in ("a", "b", "c")}}
        for n in range(2)
    ]  # fmt: skip
    write_records(tmp_path / "r.zst", rows)
    arguments = ["judge", "--pairs", "--judge", "tsv", "--set", "tsv.file=sheet.tsv", "r.zst",
                 "-o", "v.jsonl", "-z", "0"]  # fmt: skip
    assert run_tool("mind-domain", arguments, folder=tmp_path).code == 0
    with (tmp_path / "sheet.tsv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file, delimiter="\t"))
    assert len(cells) == 12
    for row in cells:
        # The reply of the model that comes first by name wins, wherever it sits.
        row["ranking"] = "A > B" if row["A"] < row["B"] else "B > A"
    with (tmp_path / "sheet.tsv").open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, list(cells[0]), delimiter="\t")
        sheet.writeheader()
        # In any order: a person may sort the sheet.
        sheet.writerows(reversed(cells))
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert done.code == 0, done.stderr
    verdicts = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert len({(one["question_id"], *one["seats"]) for one in verdicts}) == 12
    assert all(one["ranking"] == [[name] for name in sorted(one["seats"])] for one in verdicts)
    with (tmp_path / "sheet.tsv").open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, list(cells[0]), delimiter="\t").writerow(cells[0])
    done = run_tool("mind-domain", arguments, folder=tmp_path)
    assert (done.code, "comes twice" in done.stderr) == (1, True)


def test_pairs_that_were_ranked_elsewhere_go_to_their_own_seats(tmp_path: Path) -> None:
    replies = {name: name for name in "abc"}
    trials = make_trials(
        [AnsweredQuestion("q", (), None, replies)], JudgeRule(repeats=2, pairs=True)
    )
    # The one that sits first wins, but for the second repeat of (c, b).
    given = [
        {"question_id": "q", "seats": list(one.names), "ranking": list(one.names)}
        if (one.names, one.repeat) != (("c", "b"), 1)
        else {"question_id": "q", "seats": ["c", "b"], "failed": "unparsed"}
        for one in trials
    ]
    write_records(tmp_path / "v.zst", given)
    judge = RankingsJudge(str(tmp_path / "v.zst"))
    for one in trials:
        lost = (one.names, one.repeat) == (("c", "b"), 1)
        assert judge.rank(one) == (Reason("unparsed") if lost else ((0,), (1,)))
    # Without seats each verdict is used once, and a pair without one has none.
    write_records(tmp_path / "few.zst", [{"question_id": "q", "ranking": ["b", "a"]}])
    few = RankingsJudge(str(tmp_path / "few.zst"))
    assert [few.rank(one) for one in trials[:4]] == [((1,), (0,)), *["no_ranking"] * 3]


@pytest.mark.parametrize("limits", ["abc", "0.1,", "10", "-0.1", "0", "nan", "inf"])
def test_limits_that_are_no_shares_are_refused_at_once(limits: str) -> None:
    with pytest.raises(UsageError, match="limits"):
        Finance(limits=limits)


def test_limits_that_are_shares_are_taken() -> None:
    assert [Finance(limits=one).limits for one in ("", "auto", "0.1,0.05")] == [
        "", "auto", "0.1,0.05"
    ]  # fmt: skip


@pytest.mark.parametrize("offset", ["-12:00", "-11:00", "-10:59", "+00:00", "+14:00"])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kiritimati", "America/New_York"])
def test_midnight_far_away_is_never_read_as_earlier(offset: str, zone: str) -> None:
    text = f"2024-07-01T00:00:00{offset}"
    found = read_timestamp(text, ZoneInfo(zone))
    assert found is not None and found.rule == "midnight_as_date"
    assert found.moment >= datetime.fromisoformat(text)
    assert found.moment.date() >= date(2024, 7, 1)
    # A bare date is written without its time, and has to be read as the same moment again.
    again = read_timestamp(found.moment.date().isoformat(), ZoneInfo(zone))
    assert again is not None and again.moment == found.moment


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_codes_that_a_table_with_gaps_made_floats_are_found(ending: str, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {"ticker": [700.0, None, 5.0], "date": ["2024-07-02"] * 3, "open": [1.0] * 3,
         "close": [2.0] * 3}
    )  # fmt: skip
    path = tmp_path / f"prices.{ending}"
    frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    rows = list(read_price_rows(path))
    tickers = [row.ticker for row in rows if isinstance(row, PriceRow)]
    assert tickers == ["700", "5"] and len(rows) == 3
    assert TickerIndex.of(tickers).find("00700.HK") == (
        "700",
        ("ticker_exchange", "ticker_zeros_cut"),
    )
