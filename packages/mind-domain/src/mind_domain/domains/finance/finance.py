"""The paper's finance task: the mood of a text is what its share did afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.records import annotation, text_of
from mind_domain.domain import NOTES, Label
from mind_domain.domains.finance import sources
from mind_domain.domains.finance.classes import (
    LABELS,
    OTHER_WORDS,
    WORDS,
    class_of,
    edges_of,
    fit_edges,
    quantiles_of,
    question_of,
)
from mind_domain.domains.finance.prices import PriceTable, read_prices
from mind_domain.domains.finance.returns import RETURNS, ReturnRule, measure_movement
from mind_domain.domains.finance.sessions import ENTRIES
from mind_domain.domains.finance.tickers import TickerIndex
from mind_domain.domains.finance.timestamps import MIDNIGHT, load_zone, read_timestamp
from mind_domain.near_copies import story_key


@dataclass(frozen=True)
class Finance:
    """Label dated texts on a share with its later price movement: rise, flat or fall.

    A text needs a time (`created`, `created_at`, `time`, …) and a ticker, at the top level or under
    `metadata`. The return runs from the first open or close strictly after publication over
    `horizon` sessions of the exchange (`measure_movement`); above `threshold` it is a rise, below
    minus `threshold` a fall. With 2 classes, texts in between are dropped; 5 classes add surge and
    plunge. `quantiles` are fitted on texts that are settled before `fit_until`. The paper names
    labels "from the subsequent movement" and nothing more; one day and 0.5 % are near StockNet's
    choice (Xu and Cohen 2018: -0.5 % and 0.55 %), made symmetric.
    """

    prices: str = ""
    exchange: str = "XNYS"
    horizon: int = 1
    threshold: float = 0.005
    classes: int = 3
    edges: str = ""
    quantiles: str = ""
    fit_until: str = ""
    entry: str = "first"
    returns: str = "raw"
    benchmark: str = ""
    timezone: str = ""
    midnight: str = "date"
    time_format: str = ""
    time_field: str = ""
    ticker_field: str = ""
    text_field: str = ""
    closed_days: str = ""
    opening_auction: int = 0
    limits: str = "auto"
    strict: bool = False

    def __post_init__(self) -> None:
        if self.prices and not Path(self.prices).is_file():
            raise UsageError(
                f"there is no price file {self.prices}",
                hint="a file here of CSV or Parquet: ticker, date, open, high, low, close",
            )
        if self.horizon < 1:
            raise UsageError(f"a horizon of {self.horizon} sessions", hint="give 1 or more")
        if not 0.0 <= self.threshold < 1.0:
            raise UsageError(
                f"a threshold of {self.threshold}", hint="give a share of the price: 0.005 is 0.5 %"
            )
        if self.classes not in LABELS:
            raise UsageError(f"{self.classes} classes", hint="give 2, 3 or 5")
        for name, known in (("entry", ENTRIES), ("returns", RETURNS), ("midnight", MIDNIGHT)):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"{name} = {getattr(self, name)!r}", hint=f"one of {', '.join(known)}"
                )
        sources.require_limits(self.limits)
        if (self.returns == "excess") != bool(self.benchmark):
            raise UsageError(
                "an excess return and a benchmark belong together",
                hint="--return excess --benchmark TICKER",
            )
        if self.quantiles:
            quantiles_of(self.classes, self.quantiles)
            if not self.fit_until:
                raise UsageError(
                    "quantiles are fitted on training dates",
                    hint="--fit-until DAY, the first day that is not for training",
                )
            _parse_day(self.fit_until)
        else:
            edges_of(self.classes, self.threshold, self.edges)
        # Computed once here, so that what is wrong with them is said before any record is read.
        _ = self.rule, self.closed

    @cached_property
    def market(self) -> ZoneInfo:
        """The clock of timestamps without an offset: the exchange's, unless another is given."""
        if self.timezone or not self.prices:
            # Without prices there is no calendar to ask; reading raw rows needs only the clock.
            return load_zone(self.timezone or sources.ZONES.get(self.exchange, "UTC"))
        return self.table.sessions.zone

    @cached_property
    def closed(self) -> tuple[date, ...]:
        """The days that are no sessions whatever the calendar says: a list, or a file."""
        text = self.closed_days
        if text and Path(text).is_file():
            text = Path(text).read_text("utf-8")
        return tuple(_parse_day(part) for part in text.replace(",", " ").split())

    @cached_property
    def table(self) -> PriceTable:
        """The prices by ticker, read once."""
        if not self.prices:
            raise UsageError(
                "labels of finance come from prices, and none were given",
                hint="--prices FILE.csv with the columns ticker,date,open,close[,adj_close]",
            )
        table = read_prices(self.prices, self.exchange, self.closed, strict=self.strict)
        if self.benchmark and self.benchmark not in table.series:
            raise UsageError(f"the prices have no benchmark {self.benchmark!r}")
        return table

    @cached_property
    def tickers(self) -> TickerIndex:
        """The tickers of the price file under all their names."""
        return TickerIndex.of(self.table.series)

    @cached_property
    def rule(self) -> ReturnRule:
        """How returns are measured; the limits of prices are looked up by share."""
        return ReturnRule(
            self.horizon, self.entry, self.returns, self.benchmark, self.opening_auction
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the classes."""
        return LABELS[self.classes]

    @property
    def fits_until(self) -> date | None:
        """The first day that is not for training, if the edges are to be fitted; else None."""
        return _parse_day(self.fit_until) if self.quantiles else None

    def fit(self, changes: Sequence[float]) -> Finance:
        """Return the same domain with the edges that returns of training dates give."""
        edges = fit_edges(changes, quantiles_of(self.classes, self.quantiles))
        fitted = replace(self, quantiles="", edges=",".join(repr(edge) for edge in edges))
        # `replace` makes a new object without them, and prices would be read again.
        for name in ("table", "tickers"):
            if name in self.__dict__:
                fitted.__dict__[name] = self.__dict__[name]
        return fitted

    def classify(self, change: float) -> str | Reason:
        """Return the class of a return, or `between` if two classes leave it out."""
        edges = edges_of(self.classes, self.threshold, self.edges)
        return class_of(change, edges, self.classes) or Reason(
            "between", round(change, 6), edges[-1]
        )

    def remarks(self) -> tuple[str, ...]:
        """Say what is wrong with the prices as a whole."""
        return self.table.remarks

    def counts(self) -> dict[str, Any]:
        """Give the counts of the price table and the calendar's version, for the summary."""
        return {"calendar": self.table.sessions.version, **dict(sorted(self.table.counts.items()))}

    def read(self, record: Record, position: str) -> Record | Reason:
        """Bring a raw row into the form of a dated text on a share."""
        return sources.read_row(
            record,
            {"time": self.time_field, "ticker": self.ticker_field, "text": self.text_field},
            lambda value: read_timestamp(
                value, self.market, midnight=self.midnight, form=self.time_format
            ),
            position,
            zoned=bool(self.timezone) or self.exchange != Finance.exchange,
        )

    def label(self, record: Record) -> Label | Reason:
        """Label a record by the movement after it, or say why that cannot be done."""
        text_of(record)
        found = self.tickers.find(sources.field_of(record, self.ticker_field, sources.TICKERS))
        if isinstance(found, Reason):
            return found
        ticker, rules = found
        created = sources.field_of(record, self.time_field, sources.TIMES)
        stamp = read_timestamp(created, self.market, midnight=self.midnight, form=self.time_format)
        if stamp is None:
            return Reason("no_date", created)
        rule = replace(self.rule, limits=sources.limits_of(ticker, self.exchange, self.limits))
        moved = measure_movement(self.table, ticker, stamp.moment, rule)
        if isinstance(moved, Reason):
            return moved
        # Before its edges are fitted a return has no class yet; see `classify`.
        # An empty name goes on to the second pass.
        name = "" if self.quantiles else self.classify(moved.change)
        if isinstance(name, Reason):
            return name
        facts = {
            "ticker": ticker,
            "change": round(moved.change, 6),
            "from": f"{moved.entered} {moved.at}",
            "to": f"{moved.left} {moved.at}",
            "horizon": self.horizon,
        }
        if self.fit_until:
            facts["fit_until"] = self.fit_until
        rules = (*rules, stamp.rule) if stamp.rule else rules
        cluster = f"{ticker} {moved.entered} {moved.at}"
        return Label(name, stamp.moment, moved.left, cluster, facts, moved.entered, rules)

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
        return question_of(text_of(record), ticker, days, self.labels, language)

    def answer(self, label: str, language: str) -> str:
        """Give the word for a label."""
        return WORDS[language][label]

    def other_words(self, label: str) -> tuple[str, ...]:
        """Give other words that mean a label when they stand alone, in any language."""
        return (*(WORDS[language][label] for language in WORDS), *OTHER_WORDS[label])


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day", hint="write 2015-09-01") from None
