"""One name for one share: how records and price files write it, by rules that are counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from mind_core import Reason

_SUFFIX = re.compile(r"\.(SZ|SH|SS|HK|XSHE|XSHG|BJ|O|N|US)$")
_PREFIX = re.compile(r"^(SZ|SH|HK|BJ)[.:]?(?=\d)")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class TickerIndex:
    """Find the ticker of a price file that a record means.

    A ticker that stands in the file as it is comes first. Otherwise both are reduced: blanks, `$`,
    case, the exchange (`.SZ .SH .SS .HK`, `sz`), and numbers get as many leading zeros as the file
    has, which may be none (a table that was read as numbers, 0700.HK for 00700). Two tickers of the
    file that reduce to one (000001.SZ is a bank, 000001.SH an index) are told apart by their
    exchange only, never guessed.
    """

    exact: frozenset[str]
    width: int
    reduced: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, tickers: Iterable[str]) -> TickerIndex:
        """Index the tickers of a price file."""
        exact = frozenset(tickers)
        bare = [_reduce(ticker, 0)[0] for ticker in exact]
        # The longest number in the file: 6 in China, 5 in Hong Kong, fewer if zeros were lost.
        width = max((len(name) for name in bare if _DIGITS.fullmatch(name)), default=0)
        reduced: dict[str, tuple[str, ...]] = {}
        for ticker in sorted(exact):
            name, _ = _reduce(ticker, width)
            reduced[name] = (*reduced.get(name, ()), ticker)
        return cls(exact, width, reduced)

    def find(self, value: Any) -> tuple[str, tuple[str, ...]] | Reason:
        """Return the file's ticker and the rules that found it, or why there is none."""
        rules: list[str] = []
        # Also 600000.0, as JSON made from a table with gaps has it. NaN equals nothing.
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1:
            value = str(int(value))
            rules.append("ticker_from_number")
        if not isinstance(value, str) or not value.strip():
            return Reason("no_ticker", value if isinstance(value, (str, int, float)) else None)
        # Not for a number: the file may hold both "1" and "000001".
        if value in self.exact and not rules:
            return value, ()
        name, used = _reduce(value, self.width)
        found = self.reduced.get(name, ())
        # 000001.SZ and 000001.SH both reduce to 000001.
        if len(found) > 1:
            exchange = _exchange(value)
            found = tuple(one for one in found if exchange and _exchange(one) == exchange)
            if len(found) != 1:
                return Reason("ambiguous_ticker", value, ", ".join(self.reduced[name]))
        # 600000.SZ does not exist where only 600000.SH is in the file.
        if found and _contradict(value, found[0]):
            return Reason("unknown_ticker", value, f"did you mean {found[0]}?")
        if not found:
            return Reason("unknown_ticker", value, self._hint(name))
        return found[0], (*rules, *used)

    def _hint(self, name: str) -> str | None:
        close = get_close_matches(name, list(self.reduced), n=1, cutoff=0.8)
        return f"did you mean {self.reduced[close[0]][0]}?" if close else None


def _reduce(value: str, width: int) -> tuple[str, tuple[str, ...]]:
    """Return the bare name of a share and the rules that changed it."""
    rules = []
    name = value.strip()
    if name != value:
        rules.append("ticker_blanks")
    if name.startswith("$"):
        name = name[1:].strip()
        rules.append("ticker_dollar")
    if name != name.upper():
        name = name.upper()
        rules.append("ticker_case")
    for pattern in (_SUFFIX, _PREFIX):
        shorter = pattern.sub("", name)
        if shorter != name and shorter:
            name = shorter
            rules.append("ticker_exchange")
    if width and _DIGITS.fullmatch(name):
        # Zeros go first: a file without them may hold 700 where a record says 00700.
        padded = name.lstrip("0").zfill(width)
        if padded != name:
            rules.append("ticker_padded" if len(padded) > len(name) else "ticker_zeros_cut")
        name = padded
    return name, tuple(rules)


_SAME = {"SS": "SH", "XSHG": "SH", "XSHE": "SZ", "US": "", "O": "", "N": ""}


def _exchange(value: str) -> str:
    """Return the exchange that a ticker names, empty if it names none."""
    name = value.strip().lstrip("$").strip().upper()
    # US codes carry no exchange in most files, so .O, .N and .US name none either.
    found = _SUFFIX.search(name) or _PREFIX.search(name)
    return _SAME.get(found[1], found[1]) if found else ""


def _contradict(one: str, other: str) -> bool:
    """Tell whether two tickers name different exchanges."""
    return bool(_exchange(one) and _exchange(other)) and _exchange(one) != _exchange(other)
