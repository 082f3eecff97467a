"""The folder of a split: a stream for each side, what was dropped, and a manifest last."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mind_core import MindError, Reason, Record
from mind_core.errors import UsageError
from mind_core.files import atomic_folder, sha256_file, write_manifest
from mind_core.output import check_distinct, write_records
from mind_core.progress import log
from mind_core.records import annotation
from mind_core.runner import StreamOptions
from mind_core.summary import Summary
from mind_domain.domain import NOTES, TOOL
from mind_domain.reading import read_all
from mind_domain.splitting import (
    SIDES,
    TEST,
    DatedRecord,
    SplitRule,
    balanced,
    dates_of_fractions,
    parse_date,
    parse_fractions,
    read_dated,
    split,
)

FORMAT = "mind-domain-split"
BALANCED = "test-balanced"


@dataclass(frozen=True)
class Cuts:
    """Where a user wants the sides to begin: days, or shares of the days."""

    date: str | None = None
    validation: str | None = None
    fractions: str | None = None

    def resolve(self, records: Sequence[DatedRecord]) -> tuple[dt.date, dt.date | None]:
        """Return the first days of test and validation."""
        if self.fractions:
            return dates_of_fractions(records, parse_fractions(self.fractions))
        if not self.date:
            raise UsageError("a split needs a date", hint="--date DAY, or --fractions 0.8,0.1,0.1")
        test = parse_date(self.date)
        first = parse_date(self.validation) if self.validation else None
        if first is not None and first >= test:
            raise UsageError(
                f"validation from {first} and test from {test}", hint="it comes before"
            )
        return test, first

    def check(self) -> None:
        """Raise `UsageError` for what cannot be a cut, before anything is read."""
        if bool(self.date) == bool(self.fractions):
            raise UsageError("give --date DAY or --fractions 0.8,0.1,0.1, one of the two")
        if self.fractions:
            parse_fractions(self.fractions)
        else:
            self.resolve([])


def run_split(cuts: Cuts, rule: SplitRule, folder: Path, options: StreamOptions) -> Summary:
    """Split labelled records by date into a folder; holds the whole input in memory.

    The folder appears when all of it, the rejects and the summary are written.
    """
    cuts.check()
    check_distinct(options.inputs, options.rejects, options.summary)
    remarks: list[str] = []
    with ExitStack() as stack:
        # Before the input is read: a folder that is in the way fails at once.
        target = stack.enter_context(atomic_folder(folder))
        known, summary = read_all(
            lambda record, position: (record, read_dated(record, position)), options
        )
        summary.seed = rule.seed
        if not known:
            raise MindError("there is nothing to split: the input has no records")
        records = [one for _, one in known]
        test, validation = cuts.resolve(records)
        rule = replace(rule, date=test, validation=validation)
        sides = split(records, rule, remarks)
        summary.recipe = _rule_values(rule)
        for (record, _), side in zip(known, sides, strict=True):
            if isinstance(side, Reason):
                summary.reject(record, "split", side)
        # Left before the folder, so that it appears only after rejects and summary are written.
        stack.enter_context(summary.beside(options))
        _write_sides(target, known, sides, rule, options.level, summary, remarks)
        summary.note = "; ".join(
            f"{side}: {name_counts(summary.details[side])}"
            for side in SIDES
            if side in summary.details
        )
    for remark in remarks:
        log(TOOL, remark)
    if not options.quiet:
        log(TOOL, summary.line())
    return summary


def _write_sides(
    folder: Path,
    known: Sequence[tuple[Record, DatedRecord]],
    sides: Sequence[str | Reason],
    rule: SplitRule,
    level: int | None,
    summary: Summary,
    remarks: list[str],
) -> None:
    """Write each side and the balanced test, count them, and close the folder with its manifest."""
    records = [one for _, one in known]
    files: dict[str, Any] = {}
    rows_of = {side: [n for n, one in enumerate(sides) if one == side] for side in SIDES}
    rows_of = {side: rows for side, rows in rows_of.items() if rows}
    for side, rows in rows_of.items():
        summary.details[side] = dict(Counter(records[n].label for n in rows))
    # Only a remark: training without a class is refused, but a test without one still measures.
    missing = {one.label for one in records} - {records[n].label for n in rows_of[TEST]}
    if missing:
        remarks.append(f"test has no record of class {', '.join(sorted(missing))}")
    # Beside the test as it came, whose majority class is worth an accuracy of its own.
    rows_of[BALANCED], _ = balanced(records, rows_of[TEST], rule.test_size, rule.seed)
    for name, rows in rows_of.items():
        path = folder / f"{name}.jsonl.zst"
        write_records(path, (known[n][0] for n in rows), level=level)
        summary.bytes_out += path.stat().st_size
        files[name] = {"file": path.name, "sha256": sha256_file(path), **_describe(records, rows)}
    # As text, since lists cannot be in a set; "None" is a record without fitted edges.
    edges = {str(annotation(record, NOTES).get("edges")) for record, _ in known}
    write_manifest(
        folder,
        {
            "format": FORMAT,
            "rule": _rule_values(rule),
            "sides": files,
            "rejected": dict(sorted(summary.rejected.items())),
            "remarks": remarks,
            "fitted_edges": sorted(edges - {"None"}),
        },
    )


def _describe(records: Sequence[DatedRecord], rows: Sequence[int]) -> dict[str, Any]:
    chosen = [records[n] for n in rows]
    counts = Counter(one.label for one in chosen)
    return {
        "records": len(chosen),
        "published": [str(edge(one.published for one in chosen)) for edge in (min, max)],
        "settled": str(max(one.until for one in chosen)),
        "classes": dict(sorted(counts.items())),
        "class_shares": {name: round(n / len(chosen), 6) for name, n in sorted(counts.items())},
        "days": len({one.day for one in chosen}),
        "clusters": len({one.cluster for one in chosen}),
    }


def _rule_values(rule: SplitRule) -> dict[str, Any]:
    values = {name: getattr(rule, name) for name in ("train_size", "test_size", "balance", "near")}
    return {
        "date": str(rule.date),
        "validation": str(rule.validation) if rule.validation else None,
        **values,
        "seed": rule.seed,
    }


def name_counts(counts: Mapping[str, int]) -> str:
    """Return counts as words: "3 fall, 5 rise"."""
    names = ((name.removeprefix("label_"), count) for name, count in sorted(counts.items()))
    return ", ".join(f"{count:,} {name}" for name, count in names)
