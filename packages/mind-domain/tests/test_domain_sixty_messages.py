"""Messages whose label was worked out by hand, each with the reasoning beside it.

The table is `sixty_messages.tsv`. Entry is the first open or close of a session strictly after
publication, exit so many sessions later at the same time of day. Where a reason stands instead,
nobody could have traded.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from mind_core import Reason, Record
from mind_domain import Label
from mind_domain.domains.finance.finance import Finance

_spec = importlib.util.spec_from_file_location(
    "finance_tables", Path(__file__).with_name("finance_tables.py")
)
assert _spec is not None and _spec.loader is not None
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)

MESSAGES = [
    tuple(line.split("\t"))
    for line in Path(__file__).with_name("sixty_messages.tsv").read_text("utf-8").splitlines()[1:]
]
"""exchange, share, published, sessions, entry, exit or reason, why."""


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finance]:
    folder = tmp_path_factory.mktemp("prices")
    return {
        exchange: Finance(
            prices=str(tables.write_prices(folder / f"{exchange}.csv", exchange)), exchange=exchange
        )
        for exchange in ("XNYS", "XSHG")
    }


def message(share: str, published: str) -> Record:
    created = int(published) if published.isdecimal() else published
    return {"id": "m", "text": "news", "created": created, "metadata": {"ticker": share}}


def test_there_are_sixty() -> None:
    assert len({row[:4] for row in MESSAGES}) == len(MESSAGES) >= 60


@pytest.mark.parametrize(
    ("exchange", "share", "published", "sessions", "entry", "outcome", "why"), MESSAGES
)
def test_the_label_worked_out_by_hand(
    domains: dict[str, Finance],
    exchange: str,
    share: str,
    published: str,
    sessions: str,
    entry: str,
    outcome: str,
    why: str,
) -> None:
    domain = replace(domains[exchange], horizon=int(sessions))
    domain.__dict__["table"] = domains[exchange].table  # read once
    found = domain.label(message(share, published))
    if not entry:
        assert isinstance(found, Reason), why
        assert str(found) == outcome, why
        return
    assert isinstance(found, Label), (why, found)
    assert (found.facts["from"], found.facts["to"]) == (entry, outcome), why
    change = expected_change(exchange, share, entry, outcome)
    assert found.facts["change"] == pytest.approx(change, abs=1e-6), why


def expected_change(exchange: str, share: str, entry: str, leave: str) -> float:
    """Work the return out from the session numbers of the exchange's own list."""
    if share == "600001":
        prices = {"2024-07-08 close": 10.0, "2024-07-09 close": 11.0, "2024-07-16 open": 12.1}
        return prices.get(leave, 11.0) / prices.get(entry, 11.0) - 1.0
    days = tables.sessions_of_2024(exchange)
    first, last = (
        tables.price_of(days.index(date.fromisoformat(text[:10])), text[11:])
        for text in (entry, leave)
    )
    return float(last / first - 1.0)
