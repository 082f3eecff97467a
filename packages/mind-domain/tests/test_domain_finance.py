"""Labels on the shipped messages and prices, checked against a second way to compute them."""

import csv
import io
import pickle
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import zstandard

from mind_core import Reason, Record
from mind_core.errors import UsageError
from mind_core.stream import read_records
from mind_domain import Label
from mind_domain.domains.finance.finance import Finance

DATA = Path(__file__).parents[3] / "tests" / "data" / "finance"
PRICES = str(DATA / "prices.csv.zst")
MESSAGES = str(DATA / "messages.jsonl.zst")


HALF_DAYS = {"2014-07-03", "2014-11-28", "2014-12-24", "2015-11-27", "2015-12-24"}


def events() -> dict[str, list[tuple[datetime, float]]]:
    """List (moment, adjusted price) of each open and close by share, straight from the file."""
    text = zstandard.ZstdDecompressor().stream_reader(Path(PRICES).read_bytes()).read().decode()
    found: dict[str, list[tuple[datetime, float]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        factor = float(row["adj_close"]) / float(row["close"])
        closes = "13:00" if row["date"] in HALF_DAYS else "16:00"
        for clock, name in (("09:30", "open"), (closes, "close")):
            moment = datetime.fromisoformat(f"{row['date']}T{clock}")
            moment = moment.replace(tzinfo=ZoneInfo("America/New_York"))
            found.setdefault(row["ticker"], []).append((moment, float(row[name]) * factor))
    for rows in found.values():
        rows.sort()
    return found


def test_labels_are_what_the_prices_say() -> None:
    finance = Finance(prices=PRICES, horizon=2)
    prices = events()
    labels: Counter[str] = Counter()
    for record in read_records([MESSAGES]):
        found = finance.label(record)
        if isinstance(found, Reason):
            continue
        rows = prices[record["metadata"]["ticker"]]
        published = datetime.fromisoformat(record["created"])
        entry = next(n for n, (moment, _) in enumerate(rows) if moment > published)
        change = rows[entry + 4][1] / rows[entry][1] - 1  # two events a day, two days
        wanted = "rise" if change > 0.005 else "fall" if change < -0.005 else "flat"
        assert found.name == wanted, record["id"]
        assert found.until == rows[entry + 4][0].date()
        assert found.published == published
        labels[found.name] += 1
    assert labels.total() > 2_000
    assert min(labels.values()) > 500


def test_reasons_on_real_messages() -> None:
    finance = Finance(prices=PRICES)
    reasons = Counter(
        (str(found), record["metadata"]["ticker"])
        for record in read_records([MESSAGES])
        if isinstance(found := finance.label(record), Reason)
    )
    assert reasons[("unknown_ticker", "CVX")] == 40
    assert reasons[("no_entry", "BABA")] > 0  # before its shares were first traded
    assert {reason for reason, _ in reasons} == {"unknown_ticker", "no_entry", "no_exit"}


def record(**changes: object) -> Record:
    made: Record = {
        "text": "a word",
        "created": "2014-01-02T20:00:00Z",
        "metadata": {"ticker": "KO"},
    }
    return {**made, **changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": {}}, "no_ticker"),
        ({"metadata": None}, "no_ticker"),
        ({"metadata": {"ticker": 600519}}, "unknown_ticker"),
        ({"created": None}, "no_date"),
        ({"created": "soon"}, "no_date"),
    ],
)
def test_what_cannot_be_labelled_has_a_reason(changes: dict[str, object], reason: str) -> None:
    assert Finance(prices=PRICES).label(record(**changes)) == reason


def test_two_classes_drop_what_is_between() -> None:
    two, three = Finance(prices=PRICES, classes=2), Finance(prices=PRICES)
    counts: Counter[tuple[str, str]] = Counter()
    for message in read_records([MESSAGES], limit=300):
        a, b = two.label(message), three.label(message)
        counts[
            a.name if isinstance(a, Label) else str(a), b.name if isinstance(b, Label) else str(b)
        ] += 1
    assert counts[("between", "flat")] > 50
    assert {one for one, other in counts if other == "flat"} == {"between"}
    assert two.labels == ("rise", "fall")


@pytest.mark.parametrize(
    "options",
    [{"horizon": 0}, {"threshold": -0.1}, {"classes": 4}, {"entry": "later"}, {"returns": "net"},
     {"midnight": "noon"}, {"returns": "excess"}, {"benchmark": "SPY"}, {"prices": "no such file"},
     {"edges": "0.1"}, {"edges": "0.1,-0.1"}, {"edges": "a,b"}, {"quantiles": "1/3,2/3"},
     {"quantiles": "1/3,4/3", "fit_until": "2015-01-01"}, {"closed_days": "soon"},
     {"quantiles": "1/3,2/3", "fit_until": "soon"}],
)  # fmt: skip
def test_options_without_meaning_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Finance(**options)  # type: ignore[arg-type]


def test_without_prices_there_are_no_labels() -> None:
    with pytest.raises(UsageError) as caught:
        Finance().label(record())
    assert "--prices" in str(caught.value.hint)


def test_it_goes_to_workers() -> None:
    finance = Finance(prices=PRICES)
    copy = pickle.loads(pickle.dumps(finance))
    assert copy == finance
    assert copy.label(record()) == finance.label(record())


CLASSES = [
    (3, "", 0.006, "rise"), (3, "", 0.005, "flat"), (3, "", -0.005, "flat"),
    (3, "", -0.0051, "fall"),
    (2, "", 0.006, "rise"), (2, "", 0.0, "between"), (2, "", -0.006, "fall"),
    (2, "0.001", 0.002, "rise"), (2, "0.001", 0.001, "fall"),
    (3, "-0.005,0.0055", 0.0052, "flat"), (3, "-0.005,0.0055", 0.0056, "rise"),
    (5, "", 0.016, "surge"), (5, "", 0.015, "rise"), (5, "", 0.0, "flat"), (5, "", -0.006, "fall"),
    (5, "", -0.015, "fall"), (5, "", -0.016, "plunge"), (5, "-.06,-.02,.02,.06", 0.05, "rise"),
]  # fmt: skip


@pytest.mark.parametrize(("classes", "edges", "change", "wanted"), CLASSES)
def test_classes_and_their_edges(classes: int, edges: str, change: float, wanted: str) -> None:
    assert Finance(classes=classes, edges=edges).classify(change) == wanted


def test_quantiles_are_those_of_training_dates() -> None:
    import numpy as np

    finance = Finance(prices=PRICES, quantiles="1/3,2/3", fit_until="2015-06-01")
    changes = list(np.random.default_rng(0).normal(size=300))
    fitted = finance.fit(changes)
    assert fitted.fits_until is None
    edges = [float(edge) for edge in fitted.edges.split(",")]
    assert edges == list(np.quantile(changes, [1 / 3, 2 / 3]))
    assert Counter(map(str, map(fitted.classify, changes))) == {
        "rise": 100,
        "flat": 100,
        "fall": 100,
    }


@pytest.mark.parametrize("field", ["created", "created_at", "time", "date", "发布时间"])
def test_the_time_may_stand_where_it_usually_does(field: str) -> None:
    made = {"text": "a word", "ticker": "KO", field: "2014-01-02T20:00:00Z"}
    found = Finance(prices=PRICES).label(made)
    assert isinstance(found, Label)
    assert found.published.isoformat() == "2014-01-02T15:00:00-05:00"


def test_a_field_of_ones_own() -> None:
    finance = Finance(prices=PRICES, time_field="when.utc", ticker_field="share")
    made = {"text": "a word", "share": "KO", "when": {"utc": "2014-01-02T20:00:00Z"}, "date": "x"}
    assert isinstance(finance.label(made), Label)
