"""The paper's finance task: the mood of a text is what its share did afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.records import annotation, text_of
from mind_domain.domain import NOTES, Label
from mind_domain.domains.finance.clock import clock_time, published_at, zone
from mind_domain.domains.finance.movement import movement_after
from mind_domain.domains.finance.prices import Series, read_prices
from mind_domain.stories import story_key

WORDS = {
    "en": {"rise": "rise", "flat": "flat", "fall": "fall"},
    "zh": {"rise": "上涨", "flat": "持平", "fall": "下跌"},
}


@dataclass(frozen=True)
class Finance:
    """Label dated texts on a share with its later price movement: rise, flat or fall.

    A text needs `created` (or `metadata.created_at`) and `metadata.ticker`. The change runs from
    the first open or close strictly after publication over `horizon` trading days
    (`movement_after`); above `threshold` it is a rise, below minus `threshold` a fall. With 2
    classes, texts in between are dropped. The paper names labels "from the subsequent movement" and
    nothing more; one day and 0.5 % are near StockNet's choice (Xu and Cohen 2018: -0.5 % and
    0.55 %), made symmetric.
    """

    prices: str = ""
    horizon: int = 1
    threshold: float = 0.005
    classes: int = 3
    timezone: str = "America/New_York"
    opens: str = "09:30"
    closes: str = "16:00"
    max_wait: int = 12

    def __post_init__(self) -> None:
        if self.prices and not Path(self.prices).is_file():
            raise UsageError(f"there is no price file {self.prices}")
        if self.horizon < 1:
            raise UsageError(f"a horizon of {self.horizon} trading days", hint="give 1 or more")
        if not 0.0 <= self.threshold < 1.0:
            raise UsageError(
                f"a threshold of {self.threshold}", hint="give a share of the price: 0.005 is 0.5 %"
            )
        if self.classes not in (2, 3):
            raise UsageError(f"{self.classes} classes", hint="give 3, or 2 for rise and fall")
        if not clock_time(self.opens) < clock_time(self.closes):
            raise UsageError(f"a market that opens at {self.opens} and closes at {self.closes}")

    @cached_property
    def market(self) -> ZoneInfo:
        """The market's time zone."""
        return zone(self.timezone)

    @cached_property
    def table(self) -> dict[str, Series]:
        """The prices by ticker, read once."""
        if not self.prices:
            raise UsageError(
                "labels of finance come from prices, and none were given",
                hint="--prices FILE.csv with the columns ticker,date,open,close[,adj_close]",
            )
        return read_prices(self.prices)

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the classes."""
        return ("rise", "flat", "fall") if self.classes == 3 else ("rise", "fall")

    def label(self, record: Record) -> Label | Reason:
        """Label a record by the movement after it, or say why that cannot be done."""
        text_of(record)
        metadata = record.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        ticker = metadata.get("ticker", record.get("ticker"))
        if not isinstance(ticker, str):
            return Reason("no_ticker")
        if ticker not in self.table:
            return Reason("unknown_ticker", ticker)
        created = record.get("created", metadata.get("created_at"))
        moment = published_at(created, self.market) if isinstance(created, str) else None
        if moment is None:
            return Reason("no_date", created)
        moved = movement_after(
            self.table[ticker],
            moment,
            clock_time(self.opens),
            clock_time(self.closes),
            self.horizon,
            self.max_wait,
        )
        if isinstance(moved, Reason):
            return moved
        name = "flat"
        if abs(moved.change) > self.threshold:
            name = "rise" if moved.change > 0 else "fall"
        if name not in self.labels:
            return Reason("between", round(moved.change, 6), self.threshold)
        facts = {
            "ticker": ticker,
            "change": round(moved.change, 6),
            "from": f"{moved.entered} {moved.at}",
            "to": f"{moved.left} {moved.at}",
            "horizon": self.horizon,
        }
        return Label(name, moment, moved.left, f"{ticker} {moved.entered} {moved.at}", facts)

    def story(self, record: Record) -> str:
        """Give the words of the text without addresses, tickers and numbers."""
        return story_key(text_of(record))

    def question(self, record: Record, language: str) -> str:
        """Ask what the share does after the text, in Chinese or English."""
        noted = annotation(record, NOTES)
        ticker, days = noted.get("ticker"), noted.get("horizon")
        if ticker is None or days is None:
            raise MindError(
                "a record without a finance label", hint="run `mind-domain label` on it first"
            )
        words = [WORDS[language][name] for name in self.labels]
        text = text_of(record)
        if language == "zh":
            choice = "、".join(words[:-1]) + f"或{words[-1]}"
            return f"这条消息发布后{days}个交易日，{ticker}的股价如何？只回答{choice}。\n\n{text}"
        choice = ", ".join(words[:-1]) + f" or {words[-1]}"
        unit = "trading day" if days == 1 else "trading days"
        return (
            f"What does the share of {ticker} do in the {days} {unit} after this message? "
            f"Answer {choice}.\n\n{text}"
        )

    def answer(self, label: str, language: str) -> str:
        """Give the word for a label."""
        return WORDS[language][label]
