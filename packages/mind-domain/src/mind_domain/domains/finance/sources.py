"""Raw rows of finance data sets: which field is the time, the share and the text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from mind_core import Reason, Record
from mind_core.errors import BadRecord, UsageError
from mind_core.records import encode
from mind_domain.domains.finance.timestamps import Timestamp

ZONES = {
    "XNYS": "America/New_York", "XNAS": "America/New_York", "XSHG": "Asia/Shanghai",
    "XHKG": "Asia/Hong_Kong", "XLON": "Europe/London", "XTKS": "Asia/Tokyo",
}  # fmt: skip
"""Clocks of the best-known exchanges, so that reading needs no calendar."""

TIMES = (
    "created", "created_at", "published", "published_at", "publish_time", "pub_time", "pubdate",
    "time", "datetime", "timestamp", "date", "DATE", "day",
    "发布时间", "时间", "日期",
)  # fmt: skip
TICKERS = (
    "ticker", "symbol", "code", "CODE", "stock_code", "ts_code", "stock",
    "股票代码", "证券代码", "代码",
)  # fmt: skip
TEXTS = (
    "text",
    "text_a",
    "content",
    "body",
    "title",
    "headline",
    "summary",
    "正文",
    "内容",
    "标题",
)

_ALPHAFIN = re.compile(
    r"^这是以(?P<title>.{0,300}?)为题目[,，]在(?P<time>.{1,40}?)日期发布的(?P<kind>[^。]{0,100})。",
    re.DOTALL,
)
_CODE = re.compile(r"[（(](\d{6})(?:\.(?:SZ|SH|BJ))?[）)]")

LIMITS = {"main": (0.10, 0.05), "growth": (0.20, 0.10), "star": (0.20,), "beijing": (0.30,)}
"""Daily price limits of the boards in mainland China: 10 %, of shares under special treatment 5 %;
20 % on STAR (688) and, since 24 August 2020, on ChiNext (300, 301); 30 % in Beijing."""


def require_limits(limits: str) -> None:
    """Refuse limits that are neither "auto", empty nor shares between 0 and 1."""
    if limits in ("auto", ""):
        return
    try:
        whole = all(0.0 < float(part) < 1.0 for part in limits.split(","))
    except ValueError:
        whole = False
    if not whole:
        raise UsageError(
            f"limits = {limits!r}",
            hint="auto, or shares of the last close: 0.1,0.05 is 10 % and 5 %",
        )


def limits_of(ticker: str, exchange: str, limits: str) -> tuple[float, ...]:
    """Return the daily price limits of a share: given as numbers, or by its code for "auto"."""
    if limits not in ("auto", ""):
        return tuple(float(part) for part in limits.split(","))
    # A table that was read as numbers has lost the zeros of Shenzhen's codes.
    code = re.search(r"\d{6}", ticker) or re.search(r"\d{6}", ticker.zfill(6))
    if not limits or exchange != "XSHG" or code is None:
        return ()
    if code[0].startswith(("688", "689")):
        return LIMITS["star"]
    if code[0].startswith(("300", "301")):
        return LIMITS["growth"]
    if code[0].startswith(("4", "8", "92")):
        return LIMITS["beijing"]
    return LIMITS["main"]


def field_of(record: Record, given: str, names: tuple[str, ...]) -> Any:
    """Return a field by the name that was given, or by the first usual one that is there.

    The top level comes before `metadata`. A name may be a path: `metadata.ticker`.
    """
    metadata = record.get("metadata")
    places = (record, metadata) if isinstance(metadata, dict) else (record,)
    if given:
        value: Any = record
        for key in given.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        # A field of `metadata` may have a dot in its own name.
        if value is None and len(places) > 1:
            value = places[1].get(given)
        return value
    for place in places:
        for name in names:
            if place.get(name) not in (None, ""):
                return place[name]
    return None


def read_row(
    row: Record,
    fields: Mapping[str, str],
    read_time: Callable[[Any], Timestamp | None],
    position: str,
    *,
    zoned: bool,
) -> Record | Reason:
    """Bring a raw row into a record: id, text, source, created, metadata.ticker and all the rest.

    AlphaFin's texts hold their date and share in the text. A time is written in ISO 8601, a bare
    date as one, and one without an offset stays without unless `zoned`: whose clock it is of, the
    exchange says when it is labelled. As it came it stays under `metadata.time`. Reasons:
    `no_text`, `no_date`.
    """
    text = field_of(row, fields["text"], TEXTS)
    if not isinstance(text, str) or not text.strip():
        return Reason("no_text")
    raw_time = field_of(row, fields["time"], TIMES)
    ticker = field_of(row, fields["ticker"], TICKERS)
    # The sentence may stand in a summary beside the text.
    head = row.get("summary") if isinstance(row.get("summary"), str) else text
    kind = ""
    if raw_time is None and (found := _ALPHAFIN.match(str(head))):
        raw_time, kind = found["time"], found["kind"]
        if ticker is None and (code := _CODE.search(found["title"])):
            ticker = code[1]
    stamp = read_time(raw_time)
    if stamp is None:
        return Reason("no_date", raw_time)
    if stamp.is_date:
        created = stamp.moment.date().isoformat()
    elif stamp.rule == "market_clock" and not zoned:
        created = stamp.moment.replace(tzinfo=None).isoformat()
    else:
        created = stamp.moment.isoformat()
    rest = {
        key: value for key, value in row.items() if key not in ("id", "text", "source", "metadata")
    }
    metadata = row.get("metadata")
    kept = {**(metadata if isinstance(metadata, dict) else {}), **rest}
    # The text moved to `text`; under its old name it would lie there twice.
    kept = {key: value for key, value in kept.items() if value is not text}
    kept |= {"ticker": ticker, "time": raw_time, "time_rule": stamp.rule or "as_written"}
    if kind:
        kept["kind"] = kind.strip()
    record: Record = {
        "id": row.get("id") or _key(text, raw_time, ticker),
        "text": text,
        "source": row.get("source") or "finance",
        "created": created,
        "metadata": {key: value for key, value in kept.items() if value is not None},
    }
    try:
        # Now, with the position at hand: fields of any type may come from a foreign row.
        encode(record)
    except TypeError as error:
        raise BadRecord("wrong_type", position, b"", cause=str(error)) from None
    return record


def _key(text: str, time: Any, ticker: Any) -> str:
    whole = f"{time}\n{ticker}\n{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:16]
