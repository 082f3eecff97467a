"""Split labelled records by date, with nothing of the test side known to the training side."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.records import annotation
from mind_domain.domain import NOTES
from mind_domain.reading import no_label

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Dated:
    """What a split needs to know of a labelled record."""

    key: str
    label: str
    story: str
    published: date
    until: date


@dataclass(frozen=True)
class SplitRule:
    """Say where to cut and how many to take; 0 takes all. Balance concerns training only."""

    date: date
    train_size: int = 0
    test_size: int = 0
    balance: bool = True
    seed: int = 0


def parse_date(text: str) -> date:
    """Read a day such as 2015-09-01."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--date {text!r} is no day", hint="write 2015-09-01") from None


def dated(record: Record, position: str) -> Dated:
    """Read the label of a record; raise `BadRecord` if it has none."""
    noted = annotation(record, NOTES)
    try:
        return Dated(
            str(record.get("id") or record.get("text", "")),
            str(noted["label"]),
            str(noted["story"]),
            datetime.fromisoformat(noted["published"]).date(),
            date.fromisoformat(noted["until"]),
        )
    except (KeyError, TypeError, ValueError):
        raise no_label(record, position) from None


def split(records: Sequence[Dated], rule: SplitRule) -> list[str | Reason]:
    """Give each record its side, or the reason why it is on neither.

    Training takes what is settled before the date: a label that rests on prices of that day or
    later is dropped (`embargo`), so one horizon lies between the sides. Test takes what was
    published on the date or later and whose story is not told in training (`story_in_train`). Then
    training is balanced to the smallest class by the hash of (seed, id).
    """
    sides: list[str | Reason] = [_by_date(record, rule.date) for record in records]
    told = {record.story for record, side in zip(records, sides, strict=True) if side == TRAIN}
    for n, record in enumerate(records):
        if sides[n] == TEST and record.story in told:
            sides[n] = Reason("story_in_train")
    _require(records, sides, rule.date)
    _sample_training(records, sides, rule)
    if rule.test_size:
        rows = [n for n, side in enumerate(sides) if side == TEST]
        _keep(rows, rule.test_size, records, sides, rule.seed, "test_size")
    return sides


def _by_date(record: Dated, cut: date) -> str | Reason:
    if record.published >= cut:
        return TEST
    if record.until < cut:
        return TRAIN
    return Reason("embargo", str(record.until), str(cut))


def _require(records: Sequence[Dated], sides: Sequence[str | Reason], cut: date) -> None:
    """Refuse a cut that leaves a side empty."""
    for side in (TRAIN, TEST):
        if side in sides:
            continue
        days = sorted(record.published for record in records)
        span = f"they were published from {days[0]} to {days[-1]}" if days else "there are none"
        raise MindError(
            f"a split at {cut} leaves no record to {side}",
            cause=f"of {len(records)} records, {span}",
            hint="give another --date",
        )


def _sample_training(records: Sequence[Dated], sides: list[str | Reason], rule: SplitRule) -> None:
    rows: dict[str, list[int]] = defaultdict(list)
    for n, (record, side) in enumerate(zip(records, sides, strict=True)):
        if side == TRAIN:
            rows[record.label if rule.balance else ""].append(n)
    most = min(len(row) for row in rows.values())
    wanted = rule.train_size // len(rows) if rule.train_size else most
    if not rule.balance:
        wanted = rule.train_size or most
    if wanted > most or wanted == 0:
        counts = Counter(records[n].label for row in rows.values() for n in row)
        raise MindError(
            f"{rule.train_size} training records cannot be taken",
            cause=", ".join(f"{count} {label}" for label, count in sorted(counts.items())),
            hint=f"the most is {most * len(rows)}" + (", or --no-balance" if rule.balance else ""),
        )
    for row in rows.values():
        _keep(row, wanted, records, sides, rule.seed, "balance" if rule.balance else "train_size")


def _keep(
    rows: Sequence[int],
    count: int,
    records: Sequence[Dated],
    sides: list[str | Reason],
    seed: int,
    reason: str,
) -> None:
    """Keep the rows with the smallest hashes; the others get the reason."""
    order = sorted(rows, key=lambda n: (_rank(seed, records[n].key), n))
    for n in order[count:]:
        sides[n] = Reason(reason)


def _rank(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()
