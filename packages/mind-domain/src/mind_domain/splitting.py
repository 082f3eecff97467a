"""Split labelled records by date, with nothing of a later side known to an earlier one."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.records import annotation
from mind_domain.domain import NOTES
from mind_domain.reading import no_label

TRAIN, VALIDATION, TEST = SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class DatedRecord:
    """What a split needs to know of a labelled record."""

    key: str
    label: str
    story: str
    published: date
    until: date
    text: str = ""
    day: date | None = None
    cluster: str = ""
    labels: tuple[str, ...] = ()
    fit_until: date | None = None


@dataclass(frozen=True)
class SplitRule:
    """Say where to cut and how many to take; a size of 0 takes all.

    `date` begins the test side, `validation` the one before it. `balance` concerns training;
    texts of a Jaccard similarity from `near` on are near copies, 0 looks for none.
    """

    date: dt.date
    validation: dt.date | None = None
    train_size: int = 0
    test_size: int = 0
    balance: bool = True
    near: float = 0.7
    seed: int = 0


def parse_date(text: str) -> date:
    """Read a day such as 2015-09-01."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--date {text!r} is no day", hint="write 2015-09-01") from None


def parse_fractions(text: str) -> tuple[float, ...]:
    """Read two or three shares of the dates, such as 0.8,0.1,0.1, that add up to 1."""
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    # NaN fails every comparison, so "nan,nan" is refused here as well.
    whole = len(shares) in (2, 3) and all(0.0 < share < 1.0 for share in shares)
    # 0.8 + 0.1 + 0.1 is not quite 1 in binary.
    if not whole or abs(math.fsum(shares) - 1.0) > 1e-6:
        hint = "training, validation, test: 0.8,0.1,0.1; or 0.8,0.2"
        raise UsageError(f"--fractions {text!r} are no shares that sum to 1", hint=hint)
    return shares


def dates_of_fractions(
    records: Sequence[DatedRecord], shares: Sequence[float]
) -> tuple[date, date | None]:
    """Return the first days of test and validation that give each side its share of the days.

    A share of less than half a day is one day: no side is left empty.
    """
    # Shares of days, not of records: a cut within a day would put texts of one story on both sides.
    days = sorted({record.published for record in records})
    if len(days) < len(shares):
        raise MindError(
            f"{len(days)} days of publication cannot be split into {len(shares)} sides",
            hint="give more records",
        )
    places: list[int] = []
    for side in range(1, len(shares)):
        place = round(len(days) * math.fsum(shares[:side]))
        # One day at least to each side before the cut, and to each behind it.
        least = places[-1] + 1 if places else 1
        places.append(min(max(place, least), len(days) - (len(shares) - side)))
    return days[places[-1]], days[places[0]] if len(places) == 2 else None


def read_dated(record: Record, position: str) -> DatedRecord:
    """Read the label of a record; raise `BadRecord` if it has none."""
    noted = annotation(record, NOTES)
    try:
        published = datetime.fromisoformat(noted["published"]).date()
        fitted = noted.get("fit_until")
        return DatedRecord(
            # The key by which records are drawn: a text stands for itself where there is no id.
            str(record.get("id") or record.get("text", "")),
            str(noted["label"]),
            str(noted["story"]),
            published,
            date.fromisoformat(noted["until"]),
            str(record.get("text", "")),
            # A record that was labelled without this field belongs to its day of publication.
            date.fromisoformat(noted["day"]) if "day" in noted else published,
            str(noted.get("cluster", position)),
            tuple(map(str, noted.get("labels", ()))),
            date.fromisoformat(fitted) if fitted else None,
        )
    except (KeyError, TypeError, ValueError):
        raise no_label(record, position) from None


def split(
    records: Sequence[DatedRecord], rule: SplitRule, remarks: list[str] | None = None
) -> list[str | Reason]:
    """Give each record its side, or the reason why it is on none.

    An earlier side takes what is settled before the next begins: a label that rests on prices of
    that day or later is dropped (`embargo`), so one horizon lies before each cut. A later side
    takes what is published from its date on, whose story is not told before (`story_in_train`,
    `story_in_validation`) and that is no near copy of an earlier text (`near_copy`). Then training
    is balanced to the smallest class by the hash of (seed, id). What could not be had as asked goes
    to `remarks`.
    """
    # Refusals first, then what drops records, then what draws from the rest: a record that is
    # dropped must not count towards a balance.
    _require_honest_edges(records, rule)
    sides: list[str | Reason] = [_by_date(record, rule) for record in records]
    _drop_stories(records, sides)
    if rule.near:
        _drop_near_copies(records, sides, rule.near)
    _require(records, sides, rule)
    remarks = [] if remarks is None else remarks
    _sample_training(records, sides, rule, remarks)
    if rule.test_size:
        rows = [n for n, side in enumerate(sides) if side == TEST]
        if len(rows) < rule.test_size:
            remarks.append(f"{rule.test_size:,} test records were asked for, {len(rows):,} are all")
        _keep(rows, rule.test_size, records, sides, rule.seed, "test_size")
    return sides


def balanced(
    records: Sequence[DatedRecord], rows: Sequence[int], size: int, seed: int
) -> tuple[list[int], int]:
    """Return rows with as many of each class, and how many of each: at most `size` in all."""
    classes: dict[str, list[int]] = defaultdict(list)
    for n in rows:
        classes[records[n].label].append(n)
    each = min(len(row) for row in classes.values())
    if size:
        # Rounded down: at most `size` in all, and the same number of each.
        each = min(each, size // len(classes))
    kept = [n for row in classes.values() for n in _ranked(row, records, seed)[:each]]
    return sorted(kept), each


def _by_date(record: DatedRecord, rule: SplitRule) -> str | Reason:
    cuts = [cut for cut in (rule.validation, rule.date) if cut is not None]
    sides = (TRAIN, VALIDATION, TEST) if rule.validation else (TRAIN, TEST)
    # Cuts rise, so their number at or before the day is the number of the side.
    place = sum(record.published >= cut for cut in cuts)
    # The last side has no cut after it, so nothing there has to be settled by a day.
    if place < len(cuts) and record.until >= cuts[place]:
        return Reason("embargo", str(record.until), str(cuts[place]))
    return sides[place]


def _drop_stories(records: Sequence[DatedRecord], sides: list[str | Reason]) -> None:
    told: dict[str, str] = {}
    for side in SIDES:
        rows = [n for n, one in enumerate(sides) if one == side]
        # After the whole side: within a side a story may be told about several shares.
        for n in rows:
            if records[n].story in told:
                sides[n] = Reason(f"story_in_{told[records[n].story]}")
        for n in rows:
            told.setdefault(records[n].story, side)


def _drop_near_copies(
    records: Sequence[DatedRecord], sides: list[str | Reason], threshold: float
) -> None:
    """Drop from each later side what is nearly a text of an earlier one."""
    from mind_domain.near_copies import near_copies

    earlier: list[int] = []
    for side in SIDES:
        rows = [n for n, one in enumerate(sides) if one == side]
        if earlier and rows:
            texts = [records[n].text for n in earlier]
            found = near_copies([records[n].text for n in rows], texts, threshold)
            for n, match in zip(rows, found, strict=True):
                if match is not None:
                    sides[n] = Reason(
                        "near_copy", round(match[0], 4), records[earlier[match[1]]].key
                    )
        # Without those just dropped: what is on no side cannot be leaked from.
        earlier += [n for n in rows if sides[n] == side]


def _require_honest_edges(records: Sequence[DatedRecord], rule: SplitRule) -> None:
    """Refuse classes whose edges were fitted on dates that are no training dates here."""
    cut = rule.validation or rule.date
    # Fitted on dates before `fit_until`, so a day equal to the cut is still honest.
    late = max((one.fit_until for one in records if one.fit_until is not None), default=None)
    if late is not None and late > cut:
        raise MindError(
            f"the edges between classes were fitted on dates before {late}, "
            f"and training ends on {cut}",
            cause="edges that know the test side make its labels depend on it",
            hint=f"label again with --fit-until {cut}",
        )


def _require(
    records: Sequence[DatedRecord], sides: Sequence[str | Reason], rule: SplitRule
) -> None:
    """Refuse a cut that leaves a side empty, and a class without training records."""
    for side in SIDES if rule.validation else (TRAIN, TEST):
        if side in sides:
            continue
        days = sorted(record.published for record in records)
        span = f"they were published from {days[0]} to {days[-1]}" if days else "there are none"
        raise MindError(
            f"a split at {rule.date} leaves no record to {side}",
            cause=f"of {len(records)} records, {span}",
            hint="give another --date",
        )
    counts = Counter(one.label for one, side in zip(records, sides, strict=True) if side == TRAIN)
    # Also the classes that the domain has and no record here does.
    known = {label for one in records for label in (*one.labels, one.label)}
    if missing := sorted(known - set(counts)):
        raise MindError(
            f"training has no record of class {', '.join(missing)}",
            cause=", ".join(f"{count} {label}" for label, count in sorted(counts.items())),
            hint="give a later --date, or label with fewer --classes",
        )


def _sample_training(
    records: Sequence[DatedRecord],
    sides: list[str | Reason],
    rule: SplitRule,
    remarks: list[str],
) -> None:
    rows = [n for n, side in enumerate(sides) if side == TRAIN]
    if rule.balance:
        kept, each = balanced(records, rows, rule.train_size, rule.seed)
        if each == 0:
            raise UsageError(f"--train-size {rule.train_size} is less than one of each class")
        reason = "balance"
    else:
        # A size of 0 takes all.
        kept = _ranked(rows, records, rule.seed)[: rule.train_size or len(rows)]
        reason = "train_size"
    classes = len({records[n].label for n in rows})
    # With balance a rest of fewer than one of each class is only rounding, not worth a remark.
    if rule.train_size - len(kept) >= (classes if rule.balance else 1):
        remarks.append(
            f"{rule.train_size:,} training records were asked for, {len(kept):,} are the most"
            + (" with as many of each class" if rule.balance else "")
        )
    for n in set(rows) - set(kept):
        sides[n] = Reason(reason)


def _keep(
    rows: Sequence[int],
    count: int,
    records: Sequence[DatedRecord],
    sides: list[str | Reason],
    seed: int,
    reason: str,
) -> None:
    """Keep the rows with the smallest hashes; the others get the reason."""
    for n in _ranked(rows, records, seed)[count:]:
        sides[n] = Reason(reason)


def _ranked(rows: Sequence[int], records: Sequence[DatedRecord], seed: int) -> list[int]:
    # By hash, not by a shuffle: another record more or less does not change who else is drawn.
    return sorted(rows, key=lambda n: (_rank(seed, records[n].key), n))


def _rank(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()
